/* SPDX-License-Identifier: Apache-2.0
 * lora.c: which linear maps carry an adapter, its memory and its first values.
 *
 * y = x·Wᵀ + s·dropout(x)·Aᵀ·Bᵀ with s = alpha/R (alpha/√R with rsLoRA); the products are in linear.c.
 * Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021.
 */
#include "internal.h"

#include <hone/random.h>
#include <math.h>
#include <string.h>

#define MOST_RANK 4096

size_t adapter_out(const HoneModel *m, Linear first)
{
    size_t out = 0;
    for (size_t i = 0; i < linear_span(m->family, first); i++)
        out += linear_out(&m->config, first + i);
    return out;
}

/* Every A and B from one buffer, in the order q k v o gate up down of layer after layer; the A matrices of a group lie
 * one below the other, the B matrices of a fused tensor's maps too. */
static void layout(HoneModel *m, const uint32_t *mask, HoneBuffer *values, HoneBuffer *gradients, size_t *total)
{
    const HoneModelConfig *c = &m->config;
    size_t used = 0;
    for (size_t l = 0; l < c->layers; l++) {
        for (Group g = 0; g < N_GROUP; g++) {
            AdapterGroup *group = &m->layers[l].group[g];
            *group = (AdapterGroup){0};
            for (size_t i = 0; i < group_size(g); i++) {
                Linear linear = group_first(g) + i;
                if (mask[l] & (1u << linear) && linear_span(m->family, linear) > 0)
                    group->first[group->n++] = linear;
            }
            if (group->n == 0)
                continue;
            size_t columns = linear_in(c, group->first[0]), rows = group->n * m->rank;
            group->a = hone_tensor_2d(values, used * sizeof(float), HONE_F32, rows, columns);
            group->da = hone_tensor_2d(gradients, used * sizeof(float), HONE_F32, rows, columns);
            used += rows * columns;
            for (size_t i = 0; i < group->n; i++) {
                size_t span = linear_span(m->family, group->first[i]);
                for (size_t j = 0; j < span; j++) {
                    Linear linear = group->first[i] + j;
                    size_t out = linear_out(c, linear);
                    m->layers[l].adapter[linear] = (Adapter){
                        .place = i,
                        .a = hone_tensor_rows(group->a, i * m->rank, m->rank),
                        .da = hone_tensor_rows(group->da, i * m->rank, m->rank),
                        .b = hone_tensor_2d(values, used * sizeof(float), HONE_F32, out, m->rank),
                        .db = hone_tensor_2d(gradients, used * sizeof(float), HONE_F32, out, m->rank),
                    };
                    used += out * m->rank;
                }
            }
        }
    }
    *total = used;
}

char *adapter_name(const HoneModel *m, size_t layer, Linear linear, bool is_b)
{
    g_autofree char *module = name_module(m, layer, linear);
    return g_strdup_printf("base_model.model.%s.lora_%c.weight", module, is_b ? 'B' : 'A');
}

static void list_trainables(HoneModel *m)
{
    m->trainables = g_new0(HoneTrainable, m->config.layers * N_LINEAR * 2);
    for (size_t l = 0; l < m->config.layers; l++) {
        for (Linear i = 0; i < N_LINEAR; i++) {
            const Adapter *adapter = &m->layers[l].adapter[i];
            if (adapter->a.buffer == NULL || linear_span(m->family, i) == 0)
                continue;
            HoneTensor b = adapter->b, db = adapter->db;
            b.shape[0] = db.shape[0] = adapter_out(m, i);
            m->trainables[m->n_trainables++] = (HoneTrainable){adapter_name(m, l, i, false), adapter->a, adapter->da};
            m->trainables[m->n_trainables++] = (HoneTrainable){adapter_name(m, l, i, true), b, db};
        }
    }
}

double adapter_scale(double alpha, size_t rank, bool rslora)
{
    return rslora ? alpha / sqrt((double)rank) : alpha / (double)rank;
}

bool adapter_create(HoneModel *m, const uint32_t *mask, size_t rank, double alpha, double dropout, bool rslora,
                    GError **error)
{
    g_assert(!m->has_adapter);
    if (rank < 1 || rank > MOST_RANK || !(alpha > 0 && alpha < 1e6) || !(dropout >= 0 && dropout < 1)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "An adapter of rank %zu, alpha %g, dropout %g is not possible: the rank lies in 1 .. %d, alpha "
                    "above 0, dropout in [0, 1).",
                    rank, alpha, dropout, MOST_RANK);
        return false;
    }
    m->rank = rank;
    m->alpha = alpha;
    m->dropout = dropout;
    m->rslora = rslora;
    m->scale = (float)adapter_scale(alpha, rank, rslora);

    size_t total;
    layout(m, mask, NULL, NULL, &total);
    m->has_adapter = true;
    if (total == 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "The adapter has no tensors: no linear map is targeted.");
        adapter_remove(m);
        return false;
    }
    if (!arena_reserve(m->backend, &m->adapter_values, total * sizeof(float), "the adapter", error) ||
        !arena_reserve(m->backend, &m->adapter_gradients, total * sizeof(float), "the adapter's gradients", error)) {
        adapter_remove(m);
        return false;
    }
    layout(m, mask, m->adapter_values.buffer, m->adapter_gradients.buffer, &total);
    m->all_values = hone_tensor_1d(m->adapter_values.buffer, 0, HONE_F32, total);
    m->all_gradients = hone_tensor_1d(m->adapter_gradients.buffer, 0, HONE_F32, total);
    list_trainables(m);
    if (!hone_model_zero_gradients(m, error)) {
        adapter_remove(m);
        return false;
    }
    return true;
}

void trainables_free(HoneModel *m)
{
    g_clear_pointer(&m->pass, pass_free);
    for (size_t i = 0; i < m->n_trainables; i++)
        g_free((char *)m->trainables[i].name);
    g_clear_pointer(&m->trainables, g_free);
    m->n_trainables = 0;
}

void adapter_remove(HoneModel *m)
{
    trainables_free(m);
    arena_release(m->backend, &m->adapter_values);
    arena_release(m->backend, &m->adapter_gradients);
    for (size_t l = 0; m->layers != NULL && l < m->config.layers; l++) {
        memset(m->layers[l].adapter, 0, sizeof(m->layers[l].adapter));
        memset(m->layers[l].group, 0, sizeof(m->layers[l].group));
    }
    m->has_adapter = false;
}

bool adapter_targets(const Family *family, const char *const *targets, uint32_t *mask, GError **error)
{
    const char *names[N_LINEAR + 2];
    size_t n = 0;
    for (Linear i = 0; i < N_LINEAR; i++)
        if (linear_span(family, i) > 0)
            names[n++] = linear_target(family, i);
    names[n] = NULL;
    g_autofree char *list = g_strjoinv(", ", (char **)names);
    names[n++] = "all-linear";
    *mask = 0;
    for (; targets != NULL && *targets != NULL; targets++) {
        uint32_t found = strcmp(*targets, "all-linear") == 0 ? (1u << N_LINEAR) - 1 : 0;
        for (Linear i = 0; i < N_LINEAR; i++)
            if (linear_span(family, i) > 0 && strcmp(*targets, linear_target(family, i)) == 0)
                found = linear_mask(family, i);
        *mask |= found;
        if (found != 0)
            continue;
        const char *nearest = hone_nearest(*targets, names, n);
        g_autofree char *hint = nearest != NULL ? g_strdup_printf(" Did you mean \"%s\"?", nearest) : g_strdup("");
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "\"%s\" is no linear map of a %s model; an adapter can sit on %s, or all-linear for each of "
                    "them.%s",
                    *targets, family->name, list, hint);
        return false;
    }
    if (*mask == 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "An adapter needs at least one target, such as \"all-linear\" or \"q_proj\".");
        return false;
    }
    return true;
}

/* A uniform in ±1/√in. The number of an element depends on its place in the model alone, so another choice of targets
 * leaves it as it is. */
static bool upload_first_values(HoneModel *m, uint64_t seed, GError **error)
{
    size_t total = m->all_values.shape[0];
    g_autofree float *values = g_new0(float, total);
    for (size_t l = 0; l < m->config.layers; l++) {
        for (Linear i = 0; i < N_LINEAR; i++) {
            const HoneTensor *a = &m->layers[l].adapter[i].a;
            if (a->buffer == NULL || linear_span(m->family, i) == 0)
                continue;
            double bound = 1 / sqrt((double)linear_in(&m->config, i));
            uint64_t first = (uint64_t)(l * N_LINEAR + i) << 32;
            size_t n = hone_tensor_count(*a);
            float *at = values + a->offset / sizeof(float);
            for (size_t e = 0; e < n; e++)
                at[e] = (float)((2 * hone_random_unit(seed, HONE_STREAM_INIT, first + e) - 1) * bound);
        }
    }
    return hone_backend_upload(m->backend, m->all_values, values, error);
}

bool hone_model_add_lora(HoneModel *m, const HoneLora *lora, GError **error)
{
    g_return_val_if_fail(m != NULL && lora != NULL, false);
    if (m->has_adapter) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED, "The model has an adapter already; it takes one.");
        return false;
    }
    if (m->trains_weights) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED, "The model's weights are trained; it takes no adapter.");
        return false;
    }
    uint32_t targets;
    if (!adapter_targets(m->family, lora->targets, &targets, error))
        return false;
    g_autofree uint32_t *mask = g_new(uint32_t, m->config.layers);
    for (size_t l = 0; l < m->config.layers; l++)
        mask[l] = targets;
    if (!adapter_create(m, mask, lora->rank, lora->alpha, lora->dropout, lora->rslora, error))
        return false;
    if (!upload_first_values(m, lora->seed, error)) {
        adapter_remove(m);
        return false;
    }
    return true;
}

bool hone_model_has_adapter(const HoneModel *m)
{
    return m->has_adapter;
}

const HoneTrainable *hone_model_trainables(HoneModel *m, size_t *n)
{
    *n = m->n_trainables;
    return m->trainables;
}

bool hone_model_zero_gradients(HoneModel *m, GError **error)
{
    if (m->n_trainables == 0)
        return true;
    m->backend->ops->fill(m->backend->stream, m->all_gradients, 0);
    return m->backend->ops->sync(m->backend->stream, error);
}

/* SPDX-License-Identifier: Apache-2.0
 * lora.c: which linear maps carry an adapter, and its memory.
 *
 * y = x·Wᵀ + s·dropout(x)·Aᵀ·Bᵀ with s = alpha/R (alpha/√R with rsLoRA); the products are in linear.c, first values in
 * adapter_start.c, DoRA in dora.c. Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021.
 */
#include "internal.h"

#include <string.h>

size_t adapter_out(const HoneModel *m, Linear first)
{
    size_t out = 0;
    for (size_t i = 0; i < linear_span(m->family, first); i++)
        out += linear_out(&m->config, first + i);
    return out;
}

/* What is carved from the three buffers, in floats. */
typedef struct Used {
    HoneBuffer *values, *gradients, *fixed;
    size_t trained, kept;
} Used;

static HoneTensor take_trained(Used *u, size_t rows, size_t columns, HoneTensor *gradient)
{
    *gradient = hone_tensor_2d(u->gradients, u->trained * sizeof(float), HONE_F32, rows, columns);
    HoneTensor value = hone_tensor_2d(u->values, u->trained * sizeof(float), HONE_F32, rows, columns);
    u->trained += rows * columns;
    return value;
}

static HoneTensor take_fixed(Used *u, size_t rows, size_t columns)
{
    HoneTensor t = hone_tensor_2d(u->fixed, u->kept * sizeof(float), HONE_F32, rows, columns);
    u->kept += rows * columns;
    return t;
}

static HoneTensor vector(HoneTensor t)
{
    size_t n = hone_tensor_count(t);
    return hone_tensor_reshape(t, 1, &n);
}

/* Of one map: B, and what DoRA and PiSSA need. */
static void layout_map(const HoneModel *m, Used *u, Adapter *adapter, size_t out)
{
    adapter->b = take_trained(u, out, adapter->rank, &adapter->db);
    if (m->adapter.dora) {
        adapter->inverse = vector(take_fixed(u, 1, out));
        adapter->factor = vector(take_fixed(u, 1, out));
    }
    if (m->adapter.pissa)
        adapter->start_b = take_fixed(u, out, adapter->rank);
}

/* Of one module: the maps of a fused tensor have their rows of B one below the other, and of the magnitude. */
static void layout_module(HoneModel *m, Used *u, size_t layer, Linear first)
{
    size_t span = linear_span(m->family, first);
    for (size_t j = 0; j < span; j++) {
        Adapter *adapter = &m->layers[layer].adapter[first + j];
        if (j > 0) {
            *adapter = m->layers[layer].adapter[first];
            adapter->start_b = adapter->magnitude = (HoneTensor){0};
        }
        layout_map(m, u, adapter, linear_out(&m->config, first + j));
    }
    for (size_t j = 0; j < span && m->adapter.dora; j++) {
        Adapter *adapter = &m->layers[layer].adapter[first + j];
        adapter->magnitude = vector(take_trained(u, 1, linear_out(&m->config, first + j), &adapter->d_magnitude));
        adapter->d_magnitude = vector(adapter->d_magnitude);
    }
}

static void layout_group(HoneModel *m, Used *u, size_t layer, Group g, uint32_t mask)
{
    AdapterGroup *group = &m->layers[layer].group[g];
    Adapter *adapters = m->layers[layer].adapter;
    *group = (AdapterGroup){0};
    for (size_t i = 0; i < group_size(g); i++) {
        Linear linear = group_first(g) + i;
        if (!(mask & (1u << linear)) || linear_span(m->family, linear) == 0)
            continue;
        g_autofree char *module = name_module(m, layer, linear);
        double scale;
        size_t rank = adapter_module(&m->adapter, module, &scale);
        adapters[linear] = (Adapter){.rank = rank, .column = group->rows, .scale = (float)scale};
        group->first[group->n++] = linear;
        group->rows += rank;
    }
    if (group->n == 0)
        return;
    size_t columns = linear_in(&m->config, group->first[0]);
    group->a = take_trained(u, group->rows, columns, &group->da);
    for (size_t i = 0; i < group->n; i++) {
        Adapter *adapter = &adapters[group->first[i]];
        adapter->a = hone_tensor_rows(group->a, adapter->column, adapter->rank);
        adapter->da = hone_tensor_rows(group->da, adapter->column, adapter->rank);
        if (m->adapter.pissa)
            adapter->start_a = take_fixed(u, adapter->rank, columns);
        layout_module(m, u, layer, group->first[i]);
    }
}

/* Everything from three buffers, in the order q k v o gate up down of layer after layer; the A matrices of a group lie
 * one below the other. */
static void layout(HoneModel *m, const uint32_t *mask, Used *u)
{
    u->trained = u->kept = 0;
    for (size_t l = 0; l < m->config.layers; l++)
        for (Group g = 0; g < N_GROUP; g++)
            layout_group(m, u, l, g, mask[l]);
    if (m->adapter.dora)
        m->ones = vector(take_fixed(u, 1, linear_widest(&m->config)));
}

char *adapter_name(const HoneModel *m, size_t layer, Linear linear, AdapterPart part)
{
    static const char *const parts[N_PART] = {"lora_A.weight", "lora_B.weight", "lora_magnitude_vector"};
    g_autofree char *module = name_module(m, layer, linear);
    return g_strdup_printf("base_model.model.%s.%s", module, parts[part]);
}

static void add_trainable(HoneModel *m, size_t layer, Linear linear, AdapterPart part, HoneTensor value,
                          HoneTensor gradient)
{
    m->trainables[m->n_trainables++] = (HoneTrainable){
        .name = adapter_name(m, layer, linear, part), .value = value, .gradient = gradient, .rate_scale = 1};
}

static void list_trainables(HoneModel *m)
{
    m->trainables = g_new0(HoneTrainable, m->config.layers * N_LINEAR * N_PART);
    for (size_t l = 0; l < m->config.layers; l++) {
        for (Linear i = 0; i < N_LINEAR; i++) {
            const Adapter *adapter = &m->layers[l].adapter[i];
            if (adapter->a.buffer == NULL || linear_span(m->family, i) == 0)
                continue;
            HoneTensor b = adapter->b, db = adapter->db, magnitude = adapter->magnitude, d = adapter->d_magnitude;
            b.shape[0] = db.shape[0] = adapter_out(m, i);
            add_trainable(m, l, i, PART_A, adapter->a, adapter->da);
            add_trainable(m, l, i, PART_B, b, db);
            if (magnitude.buffer == NULL)
                continue;
            magnitude.shape[0] = d.shape[0] = adapter_out(m, i);
            add_trainable(m, l, i, PART_MAGNITUDE, magnitude, d);
        }
    }
}

static bool reserve(HoneModel *m, Used *u, GError **error)
{
    if (!arena_reserve(m->backend, &m->adapter_values, u->trained * sizeof(float), "the adapter", error) ||
        !arena_reserve(m->backend, &m->adapter_gradients, u->trained * sizeof(float), "the adapter's gradients", error))
        return false;
    return u->kept == 0 || arena_reserve(m->backend, &m->adapter_fixed, u->kept * sizeof(float),
                                         "what the adapter's kind needs beside it", error);
}

bool adapter_create(HoneModel *m, const uint32_t *mask, const AdapterSettings *settings, GError **error)
{
    g_assert(!m->has_adapter);
    if (!adapter_settings_check(settings, error))
        return false;
    m->adapter = adapter_settings_copy(settings);
    Used used = {0};
    layout(m, mask, &used);
    m->has_adapter = true;
    if (used.trained == 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "The adapter has no tensors: no linear map is targeted.");
        adapter_remove(m);
        return false;
    }
    if (!reserve(m, &used, error)) {
        adapter_remove(m);
        return false;
    }
    used.values = m->adapter_values.buffer;
    used.gradients = m->adapter_gradients.buffer;
    used.fixed = m->adapter_fixed.buffer;
    layout(m, mask, &used);
    m->all_values = hone_tensor_1d(m->adapter_values.buffer, 0, HONE_F32, used.trained);
    m->all_gradients = hone_tensor_1d(m->adapter_gradients.buffer, 0, HONE_F32, used.trained);
    m->all_fixed = hone_tensor_1d(m->adapter_fixed.buffer, 0, HONE_F32, used.kept);
    if (m->ones.buffer != NULL)
        m->backend->ops->fill(m->backend->stream, m->ones, 1);
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
    arena_release(m->backend, &m->adapter_fixed);
    m->ones = (HoneTensor){0};
    adapter_settings_clear(&m->adapter);
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

/* A pattern that no module matches changes nothing: a slip. */
static bool patterns_match(const HoneModel *m, const uint32_t *mask, JsonObject *patterns, const char *what,
                           GError **error)
{
    g_autoptr(GList) names = patterns != NULL ? json_object_get_members(patterns) : NULL;
    for (GList *name = names; name != NULL; name = name->next) {
        bool found = false;
        g_autofree char *example = NULL;
        for (size_t l = 0; l < m->config.layers && !found; l++)
            for (Linear i = 0; i < N_LINEAR && !found; i++) {
                if (!(mask[l] & (1u << i)) || linear_span(m->family, i) == 0)
                    continue;
                g_autofree char *module = name_module(m, l, i);
                found = adapter_pattern_matches(name->data, module);
                if (example == NULL)
                    example = g_steal_pointer(&module);
            }
        if (!found) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                        "%s: \"%s\" matches the end of no module's name that gets an adapter, such as \"%s\".", what,
                        (char *)name->data, example);
            return false;
        }
    }
    return true;
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
    const AdapterSettings settings = {.rank = lora->rank,
                                      .alpha = lora->alpha,
                                      .dropout = lora->dropout,
                                      .rslora = lora->rslora,
                                      .dora = lora->dora,
                                      .pissa = lora->pissa,
                                      .rank_pattern = lora->rank_pattern,
                                      .alpha_pattern = lora->alpha_pattern};
    if (!adapter_settings_check(&settings, error) ||
        !patterns_match(m, mask, lora->rank_pattern, "rank_pattern", error) ||
        !patterns_match(m, mask, lora->alpha_pattern, "alpha_pattern", error) ||
        !adapter_create(m, mask, &settings, error))
        return false;
    for (size_t i = 0; i < m->n_trainables; i++)
        if (lora->plus_rate > 0 && g_str_has_suffix(m->trainables[i].name, "lora_B.weight"))
            m->trainables[i].rate_scale = lora->plus_rate;
    if (!adapter_start(m, lora->seed, error)) {
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

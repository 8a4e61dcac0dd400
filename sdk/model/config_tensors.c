/* SPDX-License-Identifier: Apache-2.0
 * config_tensors.c: the tensors that a model's numbers ask for, held against those that its files have.
 */
#include "config-read.h"

#include <math.h>
#include <string.h>

static const HoneGgufTensor *find(const ConfigReader *r, const char *name)
{
    return hone_checkpoint_find(r->model->checkpoint, name);
}

bool config_has_tensor(const ConfigReader *r, const char *name)
{
    return find(r, name) != NULL;
}

/* columns 0: a vector. */
static bool expect_shape(const ConfigReader *r, const char *name, size_t rows, size_t columns)
{
    const HoneGgufTensor *tensor = find(r, name);
    if (tensor == NULL)
        return config_fail(r, HONE_ERROR_INVALID, "tensor \"%s\" is missing", name);
    if (tensor->type == HONE_I32)
        return config_fail(r, HONE_ERROR_INVALID, "tensor \"%s\" holds integers", name);
    bool fits = columns == 0 ? tensor->rank == 1 && tensor->shape[0] == rows
                             : tensor->rank == 2 && tensor->shape[0] == rows && tensor->shape[1] == columns;
    if (fits)
        return true;
    g_autoptr(GString) found = g_string_new(NULL);
    for (uint32_t i = 0; i < tensor->rank; i++)
        g_string_append_printf(found, "%s%zu", i > 0 ? " x " : "", tensor->shape[i]);
    if (columns == 0)
        return config_fail(r, HONE_ERROR_INVALID, "tensor \"%s\" is %s; the model's numbers ask for %zu", name,
                           found->str, rows);
    return config_fail(r, HONE_ERROR_INVALID, "tensor \"%s\" is %s; the model's numbers ask for %zu x %zu", name,
                       found->str, rows, columns);
}

double *config_divisors(const ConfigReader *r, const char *name, size_t n)
{
    const HoneGgufTensor *tensor = find(r, name);
    if (!expect_shape(r, name, n, 0))
        return NULL;
    if (n % hone_type_block(tensor->type) != 0) {
        config_fail(r, HONE_ERROR_INVALID, "tensor \"%s\" has the type %s, which cannot hold %zu values", name,
                    hone_type_name(tensor->type), n);
        return NULL;
    }
    g_autofree float *values = g_new(float, n);
    hone_type_to_f32(tensor->type, tensor->data, values, n);
    g_autofree double *divisors = g_new(double, n);
    for (size_t i = 0; i < n; i++) {
        divisors[i] = values[i];
        if (!(values[i] > 0 && isfinite(values[i]))) {
            config_fail(r, HONE_ERROR_INVALID, "tensor \"%s\" holds %g; rotary factors are above 0", name,
                        (double)values[i]);
            return NULL;
        }
    }
    return g_steal_pointer(&divisors);
}

bool config_has_own_head(const ConfigReader *r)
{
    g_autofree char *head_name = name_head(r->model, NAME_FILE), *embedding_name = name_embedding(r->model, NAME_FILE);
    const HoneGgufTensor *head = find(r, head_name), *embedding = find(r, embedding_name);
    return head != NULL && embedding != NULL &&
           (head->type != embedding->type || head->bytes != embedding->bytes ||
            memcmp(head->data, embedding->data, head->bytes) != 0);
}

/* What a folder may hold beside the model's own tensors: nothing that is computed reads it. */
static bool is_harmless(const HoneModel *m, const char *name)
{
    static const char *const images[] = {"vision_tower.", "multi_modal_projector.", "model.vision_tower.",
                                         "model.multi_modal_projector."};
    for (size_t i = 0; m->text_part && i < G_N_ELEMENTS(images); i++)
        if (g_str_has_prefix(name, images[i]))
            return true;
    /* Frequencies that transformers kept in old checkpoints and computes itself since. */
    return g_str_has_suffix(name, ".rotary_emb.inv_freq");
}

static bool check_linears(const ConfigReader *r, size_t layer, GHashTable *known)
{
    const HoneModel *m = r->model;
    for (Group g = 0; g < N_GROUP; g++) {
        bool fused = family_fused(m->family, g);
        size_t rows = 0;
        for (Linear i = group_first(g); fused && i < group_first(g) + group_size(g); i++)
            rows += linear_out(&m->config, i);
        for (Linear i = group_first(g); i < group_first(g) + (fused ? 1 : group_size(g)); i++) {
            if (!fused)
                rows = linear_out(&m->config, i);
            char *name = name_linear(m, NAME_FILE, layer, i, false);
            g_hash_table_add(known, name);
            if (!expect_shape(r, name, rows, linear_in(&m->config, i)))
                return false;
            if (!linear_bias(&m->config, i))
                continue;
            g_hash_table_add(known, name = name_linear(m, NAME_FILE, layer, i, true));
            if (!expect_shape(r, name, rows, 0))
                return false;
        }
    }
    return true;
}

/* A tensor that is passed over (a bias, scaled rotary frequencies, experts) would silently make another model. */
static bool check_others(const ConfigReader *r, GHashTable *known)
{
    const HoneCheckpoint *checkpoint = r->model->checkpoint;
    for (size_t i = 0; i < hone_checkpoint_n_tensors(checkpoint); i++) {
        const char *name = hone_checkpoint_tensor(checkpoint, i)->name;
        if (!g_hash_table_contains(known, name) && !is_harmless(r->model, name))
            return config_fail(r, HONE_ERROR_UNSUPPORTED,
                               "tensor \"%s\" is not part of a %s model as Hone knows it; leaving it out would change "
                               "the model",
                               name, r->model->family->name);
    }
    return true;
}

bool config_check_tensors(const ConfigReader *r)
{
    const HoneModel *m = r->model;
    const HoneModelConfig *c = &m->config;
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    char *name = name_embedding(m, NAME_FILE);
    g_hash_table_add(known, name);
    if (!expect_shape(r, name, c->vocab, c->width))
        return false;
    g_hash_table_add(known, name = name_output_norm(m, NAME_FILE));
    if (!expect_shape(r, name, c->width, 0))
        return false;
    g_hash_table_add(known, name = name_head(m, NAME_FILE));
    if (!c->tied_head && !expect_shape(r, name, c->vocab, c->width))
        return false;
    for (size_t l = 0; l < c->layers; l++) {
        if (!check_linears(r, l, known))
            return false;
        for (Norm i = 0; i < N_NORM; i++) {
            if (!family_has_norm(m->family, i))
                continue;
            g_hash_table_add(known, name = name_norm(m, NAME_FILE, l, i));
            if (!expect_shape(r, name, norm_size(m, i), 0))
                return false;
        }
    }
    /* config_gguf.c has read these into the rotary forms. */
    for (size_t i = 0; m->format == HONE_CHECKPOINT_GGUF && i < N_ROPE_TENSORS; i++)
        g_hash_table_add(known, g_strdup(config_rope_tensors[i]));
    return check_others(r, known);
}

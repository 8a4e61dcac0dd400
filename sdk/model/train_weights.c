/* SPDX-License-Identifier: Apache-2.0
 * train_weights.c: training the model's own weights, all of them or those of some names.
 *
 * What is trained becomes f32 in memory of its own, with a gradient beside it; all else stays a view of the files.
 */
#include "internal.h"

#include <string.h>

/* ---- Which. ---- */

static bool in_last_layers(const HoneModel *m, const char *name, size_t last_layers)
{
    g_autofree char *prefix = g_strdup_printf("%slayers.", m->trunk);
    if (!g_str_has_prefix(name, prefix))
        return false;
    size_t layer = (size_t)g_ascii_strtoull(name + strlen(prefix), NULL, 10);
    return layer + last_layers >= m->config.layers;
}

static bool no_match(const HoneModel *m, const char *pattern, GError **error)
{
    const char *hint = m->config.tied_head && strstr(pattern, "lm_head") != NULL
                           ? " This model's output head is its embedding, \"embed_tokens\"."
                           : "";
    const Parameter *first = &g_array_index(m->parameters, Parameter, 0);
    const Parameter *second = &g_array_index(m->parameters, Parameter, 1);
    const Parameter *last = &g_array_index(m->parameters, Parameter, m->parameters->len - 1);
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "\"%s\" matches none of the model's %u parameters; they are called \"%s\", \"%s\", ..., \"%s\", and * "
                "stands for any text.%s",
                pattern, m->parameters->len, first->name, second->name, last->name, hint);
    return false;
}

/* Adds the chosen parameters to `chosen`, in the model's order. */
static bool choose(const HoneModel *m, const char *const *patterns, size_t last_layers, GPtrArray *chosen,
                   GError **error)
{
    size_t n = m->parameters->len;
    g_autofree bool *taken = g_new0(bool, n);
    for (size_t i = 0; i < n; i++)
        taken[i] = last_layers > 0 && in_last_layers(m, g_array_index(m->parameters, Parameter, i).name, last_layers);
    for (; patterns != NULL && *patterns != NULL; patterns++) {
        g_autoptr(GPatternSpec) spec = g_pattern_spec_new(*patterns);
        bool found = false;
        for (size_t i = 0; i < n; i++)
            if (g_pattern_spec_match_string(spec, g_array_index(m->parameters, Parameter, i).name))
                found = taken[i] = true;
        if (!found)
            return no_match(m, *patterns, error);
    }
    for (size_t i = 0; i < n; i++)
        if (taken[i])
            g_ptr_array_add(chosen, &g_array_index(m->parameters, Parameter, i));
    if (chosen->len > 0)
        return true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "Nothing is chosen to be trained: give patterns over the parameters' names, or a number of layers.");
    return false;
}

/* ---- Making them so. ---- */

static void layout(const GPtrArray *chosen, Carver *carver, HoneTensor *tensors)
{
    for (size_t i = 0; i < chosen->len; i++)
        tensors[i] = parameter_carve(chosen->pdata[i], carver, HONE_F32);
}

static HoneTensor whole(const Arena *arena)
{
    return hone_tensor_1d(arena->buffer, 0, HONE_F32, arena->capacity / sizeof(float));
}

static bool train(HoneModel *m, const GPtrArray *chosen, GError **error)
{
    size_t n = chosen->len;
    g_autofree HoneTensor *values = g_new(HoneTensor, n), *gradients = g_new(HoneTensor, n);
    Carver carver = {0};
    layout(chosen, &carver, values);
    Arena value_memory = {0}, gradient_memory = {0};
    bool ok = arena_reserve(m->backend, &value_memory, carver.peak, "the trained weights", error) &&
              arena_reserve(m->backend, &gradient_memory, carver.peak, "the weights' gradients", error);
    if (ok) {
        carver = (Carver){.buffer = value_memory.buffer};
        layout(chosen, &carver, values);
        carver = (Carver){.buffer = gradient_memory.buffer};
        layout(chosen, &carver, gradients);
        m->backend->ops->fill(m->backend->stream, whole(&gradient_memory), 0);
        ok = weights_read(m, (const Parameter *const *)chosen->pdata, values, n, error);
    }
    if (!ok) {
        arena_release(m->backend, &value_memory);
        arena_release(m->backend, &gradient_memory);
        return false;
    }
    if (n == m->parameters->len)
        weights_release(m);
    m->trained_values = value_memory;
    m->trained_gradients = gradient_memory;
    m->all_gradients = whole(&gradient_memory);
    m->trains_weights = true;
    m->trainables = g_new0(HoneTrainable, n);
    m->n_trainables = n;
    for (size_t i = 0; i < n; i++) {
        const Parameter *p = chosen->pdata[i];
        parameter_set(m, p, values[i], gradients[i]);
        m->trainables[i] = (HoneTrainable){.name = g_strdup(p->name), .value = values[i], .gradient = gradients[i]};
    }
    return true;
}

static bool may_train(const HoneModel *m, GError **error)
{
    if (!m->has_adapter && !m->trains_weights)
        return true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                m->has_adapter ? "The model has an adapter; its weights are not trained beside it."
                               : "The model's weights are trained already.");
    return false;
}

bool hone_model_train_weights(HoneModel *m, GError **error)
{
    g_return_val_if_fail(m != NULL, false);
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    for (size_t i = 0; i < m->parameters->len; i++)
        g_ptr_array_add(all, &g_array_index(m->parameters, Parameter, i));
    return may_train(m, error) && train(m, all, error);
}

bool hone_model_train_parameters(HoneModel *m, const char *const *patterns, size_t last_layers, GError **error)
{
    g_return_val_if_fail(m != NULL, false);
    g_autoptr(GPtrArray) chosen = g_ptr_array_new();
    return may_train(m, error) && choose(m, patterns, last_layers, chosen, error) && train(m, chosen, error);
}

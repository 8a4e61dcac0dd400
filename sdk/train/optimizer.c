/* SPDX-License-Identifier: Apache-2.0
 * optimizer.c: one of rules.c at work over the trainables: its states in one backend buffer, each tensor's share of the
 * rate and its weight decay, and the gradient's norm.
 */
#include "internal.h"
#include <math.h>
#include <string.h>

#define ALIGNMENT 64 /* bytes, what backends promise for a buffer's start */

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* The states' tensors, with no buffer yet; their bytes. */
static size_t lay_out(Optimizer *optimizer)
{
    size_t at = ALIGNMENT;
    for (size_t i = 0; i < optimizer->n; i++) {
        StateSpec specs[MAX_STATES];
        size_t n = optimizer->rule->states(optimizer->params, optimizer->trainables[i].value, specs);
        for (size_t k = 0; k < n; k++) {
            HoneTensor *tensor = &optimizer->states[i * MAX_STATES + k];
            *tensor = (HoneTensor){.offset = at, .type = specs[k].type, .rank = specs[k].rank};
            memcpy(tensor->shape, specs[k].shape, sizeof tensor->shape);
            at += aligned(hone_tensor_bytes(*tensor));
        }
    }
    return at;
}

/* Whether a name is one of those that weight decay leaves alone. */
static bool spared(const HoneTrainParams *params, const char *name)
{
    for (char **pattern = params->no_decay; pattern && *pattern; pattern++)
        if (g_pattern_match_simple(*pattern, name))
            return true;
    return false;
}

bool optimizer_init(Optimizer *optimizer, HoneBackend *backend, const HoneTrainParams *params,
                    const HoneTrainable *trainables, size_t n, States *states, GError **error)
{
    *optimizer = (Optimizer){.backend = backend,
                             .params = params,
                             .trainables = trainables,
                             .n = n,
                             .rule = optimizer_rule(params->optimizer)};
    g_assert(optimizer->rule); /* the parameter's choices are the table's names */
    optimizer->states = g_new0(HoneTensor, n * MAX_STATES);
    optimizer->decay = g_new(double, n);
    optimizer->bytes = lay_out(optimizer);
    optimizer->buffer = hone_backend_alloc(backend, optimizer->bytes, "optimizer state", error);
    if (!optimizer->buffer)
        return false;
    optimizer->norm = hone_tensor_1d(optimizer->buffer, 0, HONE_F32, 1);
    for (size_t i = 0; i < n; i++) {
        StateSpec specs[MAX_STATES];
        size_t count = optimizer->rule->states(params, trainables[i].value, specs);
        optimizer->count += hone_tensor_count(trainables[i].value);
        optimizer->decay[i] = spared(params, trainables[i].name) ? 0 : params->weight_decay;
        optimizer->spared += optimizer->decay[i] < params->weight_decay;
        states_add(states, "value", trainables[i].name, trainables[i].value);
        for (size_t k = 0; k < count; k++) {
            HoneTensor *tensor = &optimizer->states[i * MAX_STATES + k];
            tensor->buffer = optimizer->buffer;
            backend->ops->fill(backend->stream, *tensor, 0);
            states_add(states, specs[k].name, trainables[i].name, *tensor);
        }
    }
    return backend->ops->sync(backend->stream, error);
}

void optimizer_clear(Optimizer *optimizer)
{
    if (optimizer->buffer)
        hone_backend_release(optimizer->backend, optimizer->buffer, optimizer->bytes);
    g_free(optimizer->states);
    g_free(optimizer->decay);
    *optimizer = (Optimizer){0};
}

/* The 2-norm over all trainables' gradients, or values. */
static bool norm_of(Optimizer *optimizer, bool values, double *norm, GError **error)
{
    const HoneBackendOps *ops = optimizer->backend->ops;
    HoneStream *stream = optimizer->backend->stream;
    float squares;
    ops->fill(stream, optimizer->norm, 0);
    for (size_t i = 0; i < optimizer->n; i++)
        ops->sum_squares(stream, optimizer->norm,
                         values ? optimizer->trainables[i].value : optimizer->trainables[i].gradient);
    if (!hone_backend_download(optimizer->backend, &squares, optimizer->norm, error))
        return false;
    *norm = sqrt((double)squares);
    return true;
}

bool optimizer_norm(Optimizer *optimizer, double *norm, GError **error)
{
    return norm_of(optimizer, false, norm, error);
}

bool optimizer_size(Optimizer *optimizer, double *norm, GError **error)
{
    return norm_of(optimizer, true, norm, error);
}

bool optimizer_step(Optimizer *optimizer, double rate, double scale, uint64_t step, GError **error)
{
    UpdateArgs args = {.params = optimizer->params, .scale = scale, .step = step};
    for (size_t i = 0; i < optimizer->n; i++) {
        const HoneTrainable *trainable = &optimizer->trainables[i];
        args.rate = trainable->rate_scale > 0 ? rate * trainable->rate_scale : rate;
        args.decay = optimizer->decay[i];
        optimizer->rule->update(optimizer->backend, trainable, &optimizer->states[i * MAX_STATES], &args);
    }
    return optimizer->backend->ops->sync(optimizer->backend->stream, error);
}

/* SPDX-License-Identifier: Apache-2.0
 * optimizer.c: AdamW over the trainables. Its state lives in one backend buffer and visits the host for checkpoints.
 * Loshchilov, Hutter, "Decoupled Weight Decay Regularization", 2019.
 */
#include "internal.h"
#include <math.h>

#define ALIGNMENT 64 /* bytes, what backends promise for a buffer's start */

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

bool optimizer_init(Optimizer *optimizer, HoneBackend *backend, const HoneTrainable *trainables, size_t n,
                    GError **error)
{
    *optimizer = (Optimizer){.backend = backend, .trainables = trainables, .n = n};
    size_t bytes = ALIGNMENT;
    for (size_t i = 0; i < n; i++) {
        optimizer->count += hone_tensor_count(trainables[i].value);
        bytes += 2 * aligned(hone_tensor_bytes(trainables[i].value));
    }
    optimizer->buffer = hone_backend_alloc(backend, bytes, "optimizer state", error);
    if (!optimizer->buffer)
        return false;
    optimizer->bytes = bytes;
    optimizer->norm = hone_tensor_1d(optimizer->buffer, 0, HONE_F32, 1);
    optimizer->m = g_new(HoneTensor, n);
    optimizer->v = g_new(HoneTensor, n);
    size_t at = ALIGNMENT;
    for (size_t i = 0; i < n; i++) {
        HoneTensor moment = trainables[i].value;
        moment.buffer = optimizer->buffer;
        moment.offset = at;
        optimizer->m[i] = moment;
        moment.offset = at += aligned(hone_tensor_bytes(moment));
        optimizer->v[i] = moment;
        at += aligned(hone_tensor_bytes(moment));
        backend->ops->fill(backend->stream, optimizer->m[i], 0);
        backend->ops->fill(backend->stream, optimizer->v[i], 0);
    }
    return backend->ops->sync(backend->stream, error);
}

void optimizer_clear(Optimizer *optimizer)
{
    if (optimizer->buffer)
        hone_backend_release(optimizer->backend, optimizer->buffer, optimizer->bytes);
    g_free(optimizer->m);
    g_free(optimizer->v);
    *optimizer = (Optimizer){0};
}

bool optimizer_norm(Optimizer *optimizer, double *norm, GError **error)
{
    const HoneBackendOps *ops = optimizer->backend->ops;
    HoneStream *stream = optimizer->backend->stream;
    float squares;
    ops->fill(stream, optimizer->norm, 0);
    for (size_t i = 0; i < optimizer->n; i++)
        ops->sum_squares(stream, optimizer->norm, optimizer->trainables[i].gradient);
    if (!hone_backend_download(optimizer->backend, &squares, optimizer->norm, error))
        return false;
    *norm = sqrt((double)squares);
    return true;
}

bool optimizer_step(Optimizer *optimizer, const HoneTrainParams *params, double rate, double scale, uint64_t step,
                    GError **error)
{
    const HoneBackendOps *ops = optimizer->backend->ops;
    HoneStream *stream = optimizer->backend->stream;
    HoneAdamW adamw = {.size = sizeof adamw,
                       .beta1 = params->beta1,
                       .beta2 = params->beta2,
                       .epsilon = params->epsilon,
                       .weight_decay = params->weight_decay,
                       .gradient_scale = scale,
                       .step = step};
    for (size_t i = 0; i < optimizer->n; i++) {
        const HoneTrainable *t = &optimizer->trainables[i];
        adamw.learning_rate = t->rate_scale > 0 ? rate * t->rate_scale : rate;
        ops->adamw(stream, t->value, t->gradient, optimizer->m[i], optimizer->v[i], &adamw);
    }
    return ops->sync(stream, error);
}

/* The tensors of trainable i in the order in which the host sees them. */
static HoneTensor part(const Optimizer *optimizer, size_t i, int which)
{
    return which == 0 ? optimizer->trainables[i].value : which == 1 ? optimizer->m[i] : optimizer->v[i];
}

bool optimizer_download(Optimizer *optimizer, float *host, GError **error)
{
    const HoneBackendOps *ops = optimizer->backend->ops;
    for (size_t i = 0; i < optimizer->n; i++)
        for (int which = 0; which < 3; which++) {
            HoneTensor tensor = part(optimizer, i, which);
            ops->download(optimizer->backend->stream, host, tensor.buffer, tensor.offset, hone_tensor_bytes(tensor));
            host += hone_tensor_count(tensor);
        }
    return ops->sync(optimizer->backend->stream, error);
}

bool optimizer_upload(Optimizer *optimizer, const float *host, GError **error)
{
    const HoneBackendOps *ops = optimizer->backend->ops;
    for (size_t i = 0; i < optimizer->n; i++)
        for (int which = 0; which < 3; which++) {
            HoneTensor tensor = part(optimizer, i, which);
            ops->upload(optimizer->backend->stream, tensor.buffer, tensor.offset, host, hone_tensor_bytes(tensor));
            host += hone_tensor_count(tensor);
        }
    return ops->sync(optimizer->backend->stream, error);
}

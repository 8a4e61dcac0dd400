/* SPDX-License-Identifier: Apache-2.0
 * snapshot.c: a second set of the trained values on the backend: their moving average, the best so far, or those that
 * are put aside for a while.
 */
#include "internal.h"

#define ALIGNMENT 64 /* bytes, what backends promise for a buffer's start */

bool snapshot_init(Snapshot *snapshot, HoneBackend *backend, const HoneTrainable *trainables, size_t n,
                   const char *what, GError **error)
{
    *snapshot = (Snapshot){.backend = backend, .trainables = trainables, .n = n, .tensors = g_new(HoneTensor, n)};
    for (size_t i = 0; i < n; i++) {
        snapshot->tensors[i] = trainables[i].value;
        snapshot->tensors[i].offset = snapshot->bytes;
        snapshot->bytes += (hone_tensor_bytes(trainables[i].value) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    snapshot->buffer = hone_backend_alloc(backend, snapshot->bytes, what, error);
    if (!snapshot->buffer)
        return false;
    for (size_t i = 0; i < n; i++)
        snapshot->tensors[i].buffer = snapshot->buffer;
    snapshot_take(snapshot);
    return backend->ops->sync(backend->stream, error);
}

void snapshot_clear(Snapshot *snapshot)
{
    if (snapshot->buffer)
        hone_backend_release(snapshot->backend, snapshot->buffer, snapshot->bytes);
    g_free(snapshot->tensors);
    *snapshot = (Snapshot){0};
}

void snapshot_take(Snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->n; i++)
        snapshot->backend->ops->copy(snapshot->backend->stream, snapshot->tensors[i], snapshot->trainables[i].value);
}

void snapshot_put(const Snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->n; i++)
        snapshot->backend->ops->copy(snapshot->backend->stream, snapshot->trainables[i].value, snapshot->tensors[i]);
}

void snapshot_blend(Snapshot *snapshot, double keep)
{
    const HoneBackendOps *ops = snapshot->backend->ops;
    for (size_t i = 0; i < snapshot->n; i++) {
        ops->scale(snapshot->backend->stream, snapshot->tensors[i], (float)keep);
        ops->add(snapshot->backend->stream, snapshot->tensors[i], snapshot->trainables[i].value, (float)(1 - keep));
    }
}

void snapshot_states(const Snapshot *snapshot, States *states, const char *part)
{
    for (size_t i = 0; i < snapshot->n; i++)
        states_add(states, part, snapshot->trainables[i].name, snapshot->tensors[i]);
}

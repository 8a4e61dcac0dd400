/* SPDX-License-Identifier: Apache-2.0
 * state.c: the tensors that a run needs to go on, by name: what is trained and whatever an optimizer keeps beside it.
 * They lie on the backend and visit the host, one after the other in one piece, for checkpoints.
 */
#include "internal.h"

void states_init(States *states, HoneBackend *backend)
{
    *states = (States){.backend = backend, .all = g_array_new(false, false, sizeof(StateTensor))};
}

void states_clear(States *states)
{
    for (guint i = 0; states->all && i < states->all->len; i++)
        g_free(states_get(states, i)->name);
    g_clear_pointer(&states->all, g_array_unref);
    states->bytes = 0;
}

void states_add(States *states, const char *part, const char *name, HoneTensor tensor)
{
    const StateTensor state = {.name = g_strdup_printf("%s/%s", part, name), .tensor = tensor};
    g_array_append_val(states->all, state);
    states->bytes += hone_tensor_bytes(tensor);
}

const StateTensor *states_get(const States *states, size_t i)
{
    return &g_array_index(states->all, StateTensor, i);
}

bool states_download(const States *states, char *host, GError **error)
{
    for (guint i = 0; i < states->all->len; i++) {
        HoneTensor tensor = states_get(states, i)->tensor;
        size_t bytes = hone_tensor_bytes(tensor);
        states->backend->ops->download(states->backend->stream, host, tensor.buffer, tensor.offset, bytes);
        host += bytes;
    }
    return states->backend->ops->sync(states->backend->stream, error);
}

bool states_upload(const States *states, const char *host, GError **error)
{
    for (guint i = 0; i < states->all->len; i++) {
        HoneTensor tensor = states_get(states, i)->tensor;
        size_t bytes = hone_tensor_bytes(tensor);
        states->backend->ops->upload(states->backend->stream, tensor.buffer, tensor.offset, host, bytes);
        host += bytes;
    }
    return states->backend->ops->sync(states->backend->stream, error);
}

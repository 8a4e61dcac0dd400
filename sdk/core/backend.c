/* SPDX-License-Identifier: Apache-2.0
 * backend.c: opening a backend's component, counted memory, synchronous copies.
 */
#include <hone/backend.h>

#include <string.h>

HoneBackend *hone_backend_open(const HoneComponent *component, JsonObject *params, const HoneBackendOptions *options,
                               GError **error)
{
    g_return_val_if_fail(component != NULL, NULL);
    const HoneBackendOps *ops = component->ops;
    if (component->kind != HONE_BACKEND) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN, "\"%s\" is not a backend but of kind %s.", component->name,
                    hone_kind_name(component->kind));
        return NULL;
    }
    if (ops == NULL || ops->size < sizeof(HoneBackendOps)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN,
                    "Backend \"%s\" has an incomplete table of operators (%u bytes where %zu are needed); build it "
                    "again with this SDK.",
                    component->name, ops != NULL ? ops->size : 0, sizeof(HoneBackendOps));
        return NULL;
    }

    HoneBackendOptions defaults = {.size = sizeof(HoneBackendOptions)};
    if (options == NULL)
        options = &defaults;
    g_autofree void *instance = g_malloc0(MAX(component->instance_size, 1));
    if (!hone_params_fill(component, params, NULL, instance, error))
        return NULL;

    HoneBackend *backend = g_new0(HoneBackend, 1);
    backend->component = component;
    backend->ops = ops;
    backend->limit = options->memory_limit;
    backend->device = ops->open(instance, options, error);
    hone_params_clear(component, instance);
    if (backend->device == NULL) {
        g_free(backend);
        return NULL;
    }
    backend->info.size = sizeof(HoneBackendInfo);
    ops->describe(backend->device, &backend->info);
    backend->stream = ops->stream_new(backend->device, error);
    if (backend->stream == NULL) {
        hone_backend_close(backend);
        return NULL;
    }
    return backend;
}

void hone_backend_close(HoneBackend *backend)
{
    if (backend == NULL)
        return;
    if (backend->stream != NULL)
        backend->ops->stream_free(backend->stream);
    if (backend->device != NULL)
        backend->ops->close(backend->device);
    g_free(backend);
}

HoneBuffer *hone_backend_alloc(HoneBackend *backend, size_t bytes, const char *what, GError **error)
{
    if (backend->limit > 0 && bytes > backend->limit - MIN(backend->limit, backend->allocated)) {
        g_autofree char *wanted = g_format_size_full(bytes, G_FORMAT_SIZE_IEC_UNITS);
        g_autofree char *used = g_format_size_full(backend->allocated, G_FORMAT_SIZE_IEC_UNITS);
        g_autofree char *limit = g_format_size_full(backend->limit, G_FORMAT_SIZE_IEC_UNITS);
        g_set_error(error, HONE_ERROR, HONE_ERROR_MEMORY,
                    "Not enough memory for %s: %s wanted, %s of the limit of %s in use. Use shorter or fewer rows at "
                    "once (max_length, batch_size), turn checkpointing on, or raise the memory limit.",
                    what, wanted, used, limit);
        return NULL;
    }
    HoneBuffer *buffer = backend->ops->alloc(backend->device, bytes, error);
    if (buffer == NULL) {
        g_prefix_error(error, "No memory for %s: ", what);
        return NULL;
    }
    backend->allocated += bytes;
    backend->peak = MAX(backend->peak, backend->allocated);
    return buffer;
}

void hone_backend_release(HoneBackend *backend, HoneBuffer *buffer, size_t bytes)
{
    if (buffer == NULL)
        return;
    g_assert(bytes <= backend->allocated);
    backend->ops->free(backend->device, buffer);
    backend->allocated -= bytes;
}

bool hone_backend_upload(HoneBackend *backend, HoneTensor dst, const void *src, GError **error)
{
    g_assert(dst.row_stride == 0 || dst.row_stride == dst.shape[1]);
    backend->ops->upload(backend->stream, dst.buffer, dst.offset, src, hone_tensor_bytes(dst));
    return backend->ops->sync(backend->stream, error);
}

bool hone_backend_download(HoneBackend *backend, void *dst, HoneTensor src, GError **error)
{
    g_assert(src.row_stride == 0 || src.row_stride == src.shape[1]);
    backend->ops->download(backend->stream, dst, src.buffer, src.offset, hone_tensor_bytes(src));
    return backend->ops->sync(backend->stream, error);
}

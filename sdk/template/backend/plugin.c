/* SPDX-License-Identifier: Apache-2.0
 * @NAME@: the beginning of a backend: memory, copies and two operators, in plain C.
 *
 * A backend is a table of operators over buffers that only it can look into. A model runs on it once all operators of
 * hone/backend.h are there; until then `hone check-plugin` tests those that are and names those that are missing.
 * The order that has proved good: convert, gemm, add and scale, rmsnorm, rope, glu, attention, logprob; then the
 * backward operators, gather_rows and scatter_rows, attention_cached, and the optimizer's two.
 */
#include <hone/hone.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint64_t allocated;
} Device;

/* Here a stream is a word: everything is done at once. A GPU would queue. */
struct HoneStream {
    Device *device;
};

struct HoneBuffer {
    size_t bytes;
    unsigned char *data;
};

/* The start of a tensor's values. */
static void *values_of(HoneTensor tensor)
{
    return tensor.buffer->data + tensor.offset;
}

static void *open_device(const void *params, const HoneBackendOptions *options, GError **error)
{
    return g_new0(Device, 1); /* where hardware is missing: HONE_ERROR_UNSUPPORTED */
}

static void close_device(void *device)
{
    g_free(device);
}

static void describe(void *device, HoneBackendInfo *info)
{
    g_strlcpy(info->numerics, "f32", sizeof info->numerics);
    g_strlcpy(info->device_name, "@NAME@ on this processor", sizeof info->device_name);
    info->compute_type = HONE_F32;
    info->speed = 0.5; /* below `reference`: never taken by `auto` */
}

static HoneStream *stream_new(void *device, GError **error)
{
    HoneStream *stream = g_new0(HoneStream, 1);
    stream->device = device;
    return stream;
}

static void stream_free(HoneStream *stream)
{
    g_free(stream);
}

static bool sync_stream(HoneStream *stream, GError **error)
{
    return true;
}

static HoneBuffer *alloc_buffer(void *device, size_t bytes, GError **error)
{
    if (bytes > SIZE_MAX / 2) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_MEMORY, "%zu bytes are more than there can be", bytes);
        return NULL;
    }
    void *data = NULL;
    if (posix_memalign(&data, 64, MAX(bytes, 1)) != 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_MEMORY, "no memory for %zu bytes", bytes);
        return NULL;
    }
    HoneBuffer *buffer = g_new0(HoneBuffer, 1);
    buffer->bytes = bytes;
    buffer->data = data;
    ((Device *)device)->allocated += bytes;
    return buffer;
}

static void free_buffer(void *device, HoneBuffer *buffer)
{
    if (buffer == NULL)
        return;
    ((Device *)device)->allocated -= buffer->bytes;
    free(buffer->data);
    g_free(buffer);
}

static void upload(HoneStream *stream, HoneBuffer *to, size_t offset, const void *from, size_t bytes)
{
    g_assert(offset <= to->bytes && bytes <= to->bytes - offset);
    if (bytes > 0)
        memcpy(to->data + offset, from, bytes);
}

static void download(HoneStream *stream, void *to, HoneBuffer *from, size_t offset, size_t bytes)
{
    g_assert(offset <= from->bytes && bytes <= from->bytes - offset);
    if (bytes > 0)
        memcpy(to, from->data + offset, bytes);
}

static void copy(HoneStream *stream, HoneTensor to, HoneTensor from)
{
    memmove(values_of(to), values_of(from), hone_tensor_bytes(to));
}

static void fill(HoneStream *stream, HoneTensor to, float value)
{
    size_t n = hone_tensor_count(to);
    float *floats = values_of(to);
    int32_t *integers = values_of(to);
    for (size_t i = 0; i < n; i++) {
        if (to.type == HONE_I32)
            integers[i] = (int32_t)value;
        else
            floats[i] = value;
    }
}

static void add(HoneStream *stream, HoneTensor y, HoneTensor x, float alpha)
{
    size_t n = hone_tensor_count(y);
    float *to = values_of(y);
    const float *from = values_of(x);
    for (size_t i = 0; i < n; i++)
        to[i] += alpha * from[i];
}

static void scale(HoneStream *stream, HoneTensor y, float alpha)
{
    size_t n = hone_tensor_count(y);
    float *to = values_of(y);
    for (size_t i = 0; i < n; i++)
        to[i] *= alpha;
}

static const HoneBackendOps ops = {
    .size = sizeof(HoneBackendOps),
    .open = open_device,
    .close = close_device,
    .describe = describe,
    .stream_new = stream_new,
    .stream_free = stream_free,
    .sync = sync_stream,
    .alloc = alloc_buffer,
    .free = free_buffer,
    .upload = upload,
    .download = download,
    .copy = copy,
    .fill = fill,
    .add = add,
    .scale = scale,
};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_BACKEND,
    .name = "@NAME@",
    .version = "1",
    .summary = "The beginning of a backend",
    .ops = &ops,
};

/* The name is that of the file without .so. */
HONE_DEFINE_PLUGIN("@NAME@", "1", "Apache-2.0", "The beginning of a backend", &component)

/* SPDX-License-Identifier: Apache-2.0
 * memory.c: buffers, copies and changes of type. Everything is done at once, so a stream has nothing to wait for.
 */
#include "reference.h"

#include <stdlib.h>
#include <string.h>

HoneBuffer *ref_alloc(void *device, size_t bytes, GError **error)
{
    size_t rounded = MAX(bytes, 1);
    rounded = rounded > SIZE_MAX - 63 ? 0 : (rounded + 63) & ~(size_t)63;
    void *data = rounded > 0 ? aligned_alloc(64, rounded) : NULL;
    if (data == NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_MEMORY, "the system did not give %zu bytes.", bytes);
        return NULL;
    }
    /* Every value begins as NaN, so that reading what was never written shows. */
    memset(data, 0xff, rounded);
    HoneBuffer *buffer = g_new(HoneBuffer, 1);
    *buffer = (HoneBuffer){.data = data, .bytes = bytes};
    return buffer;
}

void ref_free(void *device, HoneBuffer *buffer)
{
    if (!buffer->wrapped)
        free(buffer->data);
    g_free(buffer);
}

HoneBuffer *ref_wrap(void *device, const void *data, size_t bytes)
{
    HoneBuffer *buffer = g_new(HoneBuffer, 1);
    *buffer = (HoneBuffer){.data = (unsigned char *)data, .bytes = bytes, .wrapped = true};
    return buffer;
}

void *ref_bytes(HoneTensor tensor)
{
    g_assert(tensor.buffer != NULL);
    g_assert(tensor.row_stride == 0 || tensor.row_stride == tensor.shape[1]);
    size_t bytes = hone_tensor_bytes(tensor);
    g_assert(tensor.offset <= tensor.buffer->bytes && bytes <= tensor.buffer->bytes - tensor.offset);
    return tensor.buffer->data + tensor.offset;
}

float *ref_f32(HoneTensor tensor, uint32_t rank)
{
    g_assert(tensor.type == HONE_F32 && (rank == 0 || tensor.rank == rank));
    return ref_bytes(tensor);
}

int32_t *ref_i32(HoneTensor tensor, uint32_t rank)
{
    g_assert(tensor.type == HONE_I32 && (rank == 0 || tensor.rank == rank));
    return ref_bytes(tensor);
}

float *ref_matrix(HoneTensor tensor, size_t *stride)
{
    g_assert(tensor.type == HONE_F32 && tensor.rank == 2 && tensor.buffer != NULL);
    *stride = tensor.row_stride > 0 ? tensor.row_stride : tensor.shape[1];
    g_assert(*stride >= tensor.shape[1]);
    if (tensor.shape[0] > 0 && tensor.shape[1] > 0) {
        HoneTensor last =
            hone_tensor_1d(tensor.buffer, tensor.offset, HONE_F32, (tensor.shape[0] - 1) * *stride + tensor.shape[1]);
        return ref_bytes(last);
    }
    return (float *)(tensor.buffer->data + tensor.offset);
}

void ref_row(HoneTensor tensor, size_t r, float *row)
{
    g_assert(tensor.rank == 2 && r < tensor.shape[0]);
    if (tensor.type == HONE_F32) {
        size_t stride;
        const float *values = ref_matrix(tensor, &stride);
        memcpy(row, values + r * stride, tensor.shape[1] * sizeof(float));
        return;
    }
    HoneTensor one = hone_tensor_rows(tensor, r, 1);
    hone_type_to_f32(one.type, ref_bytes(one), row, one.shape[1]);
}

void ref_upload(HoneStream *s, HoneBuffer *dst, size_t offset, const void *src, size_t bytes)
{
    g_assert(!dst->wrapped && offset <= dst->bytes && bytes <= dst->bytes - offset);
    if (bytes > 0)
        memcpy(dst->data + offset, src, bytes);
}

void ref_download(HoneStream *s, void *dst, HoneBuffer *src, size_t offset, size_t bytes)
{
    g_assert(offset <= src->bytes && bytes <= src->bytes - offset);
    if (bytes > 0)
        memcpy(dst, src->data + offset, bytes);
}

void ref_copy(HoneStream *s, HoneTensor dst, HoneTensor src)
{
    g_assert(dst.type == src.type && hone_tensor_count(dst) == hone_tensor_count(src));
    memcpy(ref_bytes(dst), ref_bytes(src), hone_tensor_bytes(dst));
}

void ref_fill(HoneStream *s, HoneTensor dst, float value)
{
    size_t n = hone_tensor_count(dst);
    if (dst.type == HONE_I32) {
        int32_t *values = ref_i32(dst, 0);
        for (size_t i = 0; i < n; i++)
            values[i] = (int32_t)value;
    } else {
        float *values = ref_f32(dst, 0);
        for (size_t i = 0; i < n; i++)
            values[i] = value;
    }
}

void ref_convert(HoneStream *s, HoneTensor dst, HoneTensor src)
{
    size_t n = hone_tensor_count(dst);
    g_assert(hone_tensor_count(src) == n && src.type != HONE_I32);
    if (dst.type == HONE_F32) {
        hone_type_to_f32(src.type, ref_bytes(src), ref_f32(dst, 0), n);
        return;
    }
    g_assert(src.type == HONE_F32 && (dst.type == HONE_BF16 || dst.type == HONE_F16));
    const float *from = ref_f32(src, 0);
    uint16_t *to = ref_bytes(dst);
    for (size_t i = 0; i < n; i++)
        to[i] = dst.type == HONE_BF16 ? hone_f32_to_bf16(from[i]) : hone_f32_to_f16(from[i]);
}

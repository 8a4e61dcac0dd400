/* SPDX-License-Identifier: Apache-2.0
 * memory.c: buffers, access to tensors, copies and changes of type.
 *
 * Large buffers are mappings of their own: they go back to the system when freed, pages that are never touched cost
 * nothing, and the system may use 2 MiB pages for them.
 */
#include "cpu.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define MAP_FROM ((size_t)4 << 20)

HoneBuffer *cpu_alloc(void *device, size_t bytes, GError **error)
{
    HoneBuffer buffer = {.bytes = bytes};
    if (bytes >= MAP_FROM && bytes <= SIZE_MAX / 2) {
        /* Room to begin at a multiple of a huge page; the rest is given back. */
        size_t length = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        unsigned char *at =
            mmap(NULL, length + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at != MAP_FAILED) {
            size_t before = (HUGE_PAGE - (uintptr_t)at % HUGE_PAGE) % HUGE_PAGE;
            if (before > 0)
                munmap(at, before);
            munmap(at + before + length, HUGE_PAGE - before);
            buffer.data = at + before;
            buffer.mapped = length;
            madvise(buffer.data, length, MADV_HUGEPAGE); /* a wish: nothing depends on it */
        }
    } else if (bytes < MAP_FROM) {
        buffer.data = aligned_alloc(64, MAX((bytes + 63) / 64 * 64, 64));
    }
    if (buffer.data == NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_MEMORY, "the system did not give %zu bytes.", bytes);
        return NULL;
    }
    return g_memdup2(&buffer, sizeof(buffer));
}

void cpu_free(void *device, HoneBuffer *buffer)
{
    if (buffer->mapped > 0)
        munmap(buffer->data, buffer->mapped);
    else if (!buffer->wrapped)
        free(buffer->data);
    g_free(buffer);
}

HoneBuffer *cpu_wrap(void *device, const void *data, size_t bytes)
{
    HoneBuffer buffer = {.data = (unsigned char *)data, .bytes = bytes, .wrapped = true};
    return g_memdup2(&buffer, sizeof(buffer));
}

void *cpu_bytes(HoneTensor tensor)
{
    g_assert(tensor.buffer != NULL);
    g_assert(tensor.row_stride == 0 || tensor.row_stride == tensor.shape[1]);
    size_t bytes = hone_tensor_bytes(tensor);
    g_assert(tensor.offset <= tensor.buffer->bytes && bytes <= tensor.buffer->bytes - tensor.offset);
    return tensor.buffer->data + tensor.offset;
}

float *cpu_f32(HoneTensor tensor, uint32_t rank)
{
    g_assert(tensor.type == HONE_F32 && (rank == 0 || tensor.rank == rank));
    return cpu_bytes(tensor);
}

int32_t *cpu_i32(HoneTensor tensor, uint32_t rank)
{
    g_assert(tensor.type == HONE_I32 && (rank == 0 || tensor.rank == rank));
    return cpu_bytes(tensor);
}

float *cpu_matrix(HoneTensor tensor, size_t *stride)
{
    g_assert(tensor.type == HONE_F32 && tensor.rank == 2 && tensor.buffer != NULL);
    *stride = tensor.row_stride > 0 ? tensor.row_stride : tensor.shape[1];
    g_assert(*stride >= tensor.shape[1]);
    size_t last = tensor.shape[0] > 0 && tensor.shape[1] > 0 ? (tensor.shape[0] - 1) * *stride + tensor.shape[1] : 0;
    return cpu_bytes(hone_tensor_1d(tensor.buffer, tensor.offset, HONE_F32, last));
}

void *cpu_scratch(CpuDevice *device, size_t bytes)
{
    if (bytes > device->scratch_bytes) {
        free(device->scratch);
        device->scratch_bytes = (bytes + 65535) / 65536 * 65536;
        device->scratch = aligned_alloc(64, device->scratch_bytes);
        if (device->scratch == NULL)
            g_error("The cpu backend got no %zu bytes of working memory. Use shorter or fewer rows at once.", bytes);
    }
    return device->scratch;
}

typedef struct Split {
    CpuRange body;
    void *data;
    size_t n, grain;
} Split;

static void split_item(void *data, size_t item, uint32_t thread)
{
    const Split *split = data;
    size_t first = item * split->grain;
    split->body(split->data, first, MIN(split->grain, split->n - first));
}

void cpu_split(CpuDevice *device, size_t n, size_t grain, CpuRange body, void *data)
{
    if (n == 0)
        return;
    grain = MAX(grain, 1);
    if (n < 2 * grain) {
        body(data, 0, n);
        return;
    }
    Split split = {.body = body, .data = data, .n = n, .grain = grain};
    cpu_pool_run(device->pool, (n + grain - 1) / grain, split_item, &split);
}

void cpu_upload(HoneStream *s, HoneBuffer *dst, size_t offset, const void *src, size_t bytes)
{
    g_assert(!dst->wrapped && offset <= dst->bytes && bytes <= dst->bytes - offset);
    if (bytes > 0)
        memcpy(dst->data + offset, src, bytes);
}

void cpu_download(HoneStream *s, void *dst, HoneBuffer *src, size_t offset, size_t bytes)
{
    g_assert(offset <= src->bytes && bytes <= src->bytes - offset);
    if (bytes > 0)
        memcpy(dst, src->data + offset, bytes);
}

#define COPY_GRAIN ((size_t)256 << 10) /* bytes */

typedef struct Copy {
    unsigned char *dst;
    const unsigned char *src;
} Copy;

static void copy_part(void *data, size_t first, size_t count)
{
    const Copy *copy = data;
    memcpy(copy->dst + first, copy->src + first, count);
}

void cpu_copy(HoneStream *s, HoneTensor dst, HoneTensor src)
{
    size_t bytes = hone_tensor_bytes(dst);
    g_assert(dst.type == src.type && hone_tensor_count(dst) == hone_tensor_count(src));
    CPU_TIMED(s, "copy", 2 * bytes);
    Copy copy = {.dst = cpu_bytes(dst), .src = cpu_bytes(src)};
    cpu_split(s->device, bytes, COPY_GRAIN, copy_part, &copy);
}

typedef struct Fill {
    CpuDevice *device;
    float *y;
    float value;
} Fill;

static void fill_part(void *data, size_t first, size_t count)
{
    const Fill *fill = data;
    fill->device->kernels->fill(fill->y + first, fill->value, count);
}

void cpu_fill(HoneStream *s, HoneTensor dst, float value)
{
    size_t n = hone_tensor_count(dst);
    CPU_TIMED(s, "fill", 4 * n);
    if (dst.type == HONE_I32) {
        int32_t *values = cpu_i32(dst, 0);
        for (size_t i = 0; i < n; i++)
            values[i] = (int32_t)value;
        return;
    }
    Fill fill = {.device = s->device, .y = cpu_f32(dst, 0), .value = value};
    cpu_split(s->device, n, COPY_GRAIN / sizeof(float), fill_part, &fill);
}

typedef struct Convert {
    const CpuKernels *kernels;
    HoneType from, to;
    const unsigned char *src;
    void *dst;
} Convert;

/* A multiple of every block size. */
#define CONVERT_GRAIN ((size_t)32 << 10)

static void convert_part(void *data, size_t first, size_t count)
{
    const Convert *c = data;
    if (c->to == HONE_F32) {
        const unsigned char *src = c->src + first / hone_type_block(c->from) * hone_type_block_bytes(c->from);
        float *dst = (float *)c->dst + first;
        c->kernels->unpack(c->from, src, dst, count);
        return;
    }
    const float *from = (const float *)c->src + first;
    uint16_t *to = (uint16_t *)c->dst + first;
    if (c->to == HONE_BF16) {
        c->kernels->unpack_bf16(HONE_F32, from, to, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        to[i] = hone_f32_to_f16(from[i]);
}

void cpu_convert(HoneStream *s, HoneTensor dst, HoneTensor src)
{
    size_t n = hone_tensor_count(dst);
    g_assert(hone_tensor_count(src) == n && src.type != HONE_I32);
    g_assert(dst.type == HONE_F32 || (src.type == HONE_F32 && (dst.type == HONE_BF16 || dst.type == HONE_F16)));
    CPU_TIMED(s, "convert", hone_tensor_bytes(dst) + hone_tensor_bytes(src));
    Convert c = {
        .kernels = s->device->kernels, .from = src.type, .to = dst.type, .src = cpu_bytes(src), .dst = cpu_bytes(dst)};
    cpu_split(s->device, n, CONVERT_GRAIN, convert_part, &c);
}

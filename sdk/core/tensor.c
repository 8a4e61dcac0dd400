/* SPDX-License-Identifier: Apache-2.0
 * tensor.c: views of buffers. Shapes are the caller's contract: a size that overflows is an assertion.
 */
#include <hone/tensor.h>

static size_t checked_product(size_t a, size_t b)
{
    size_t product;
    g_assert(!__builtin_mul_overflow(a, b, &product));
    return product;
}

static HoneTensor view(HoneBuffer *buffer, size_t offset, HoneType type, uint32_t rank, const size_t *shape)
{
    g_assert(rank >= 1 && rank <= HONE_MAX_RANK);
    HoneTensor tensor = {.buffer = buffer, .offset = offset, .type = type, .rank = rank};
    for (uint32_t i = 0; i < rank; i++)
        tensor.shape[i] = shape[i];
    return tensor;
}

HoneTensor hone_tensor_1d(HoneBuffer *buffer, size_t offset, HoneType type, size_t n)
{
    return view(buffer, offset, type, 1, (const size_t[]){n});
}

HoneTensor hone_tensor_2d(HoneBuffer *buffer, size_t offset, HoneType type, size_t rows, size_t cols)
{
    return view(buffer, offset, type, 2, (const size_t[]){rows, cols});
}

HoneTensor hone_tensor_3d(HoneBuffer *buffer, size_t offset, HoneType type, size_t a, size_t b, size_t c)
{
    return view(buffer, offset, type, 3, (const size_t[]){a, b, c});
}

static bool is_dense(HoneTensor tensor)
{
    return tensor.row_stride == 0 || (tensor.rank == 2 && tensor.row_stride == tensor.shape[1]);
}

HoneTensor hone_tensor_rows(HoneTensor tensor, size_t first, size_t count)
{
    g_assert(tensor.rank >= 1 && first <= tensor.shape[0] && count <= tensor.shape[0] - first);
    size_t elements = 1, skipped;
    if (!is_dense(tensor))
        elements = tensor.row_stride;
    else
        for (uint32_t i = 1; i < tensor.rank; i++)
            elements = checked_product(elements, tensor.shape[i]);
    /* Fails where a view of quantised values would begin inside a block. */
    g_assert(hone_type_bytes(tensor.type, checked_product(first, elements), &skipped));
    tensor.offset += skipped;
    tensor.shape[0] = count;
    return tensor;
}

HoneTensor hone_tensor_reshape(HoneTensor tensor, uint32_t rank, const size_t *shape)
{
    g_assert(is_dense(tensor));
    HoneTensor result = view(tensor.buffer, tensor.offset, tensor.type, rank, shape);
    g_assert(hone_tensor_count(result) == hone_tensor_count(tensor));
    return result;
}

size_t hone_tensor_count(HoneTensor tensor)
{
    size_t count = 1;
    for (uint32_t i = 0; i < tensor.rank; i++)
        count = checked_product(count, tensor.shape[i]);
    return count;
}

size_t hone_tensor_bytes(HoneTensor tensor)
{
    size_t bytes;
    g_assert(hone_type_bytes(tensor.type, hone_tensor_count(tensor), &bytes));
    return bytes;
}

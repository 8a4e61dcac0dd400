/* SPDX-License-Identifier: Apache-2.0
 * tensor.h: a typed, shaped view of a backend's buffer. A value: copied freely, owns nothing.
 *
 * Letters used for shapes all over Hone:
 *   N tokens of a packed batch    S sequences    T tokens of one sequence    C model width    F feed-forward width
 *   V vocabulary    H query heads    G key/value heads (G divides H)    D width of a head    R adapter rank
 *   L layers    K target tokens (those that bear loss)    P positions in a cache slot    B rows decoded at once
 */
#ifndef HONE_TENSOR_H
#define HONE_TENSOR_H

#include <hone/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    HONE_F32 = 1,
    HONE_F16,
    HONE_BF16,
    HONE_I32,
    HONE_Q4_0,
    HONE_Q4_1,
    HONE_Q5_0,
    HONE_Q5_1,
    HONE_Q8_0,
    HONE_Q4_K,
    HONE_Q5_K,
    HONE_Q6_K,
    HONE_Q2_K,
    HONE_Q3_K,
    HONE_Q8_K,
    HONE_IQ4_NL,
    HONE_IQ4_XS,
    HONE_NF4, /* in memory only: no file has it (sdk/model/nf4.c) */
    HONE_TYPE_END_,
} HoneType;

/* Values in one block (1 for plain types) and bytes of a block. */
HONE_EXPORT size_t hone_type_block(HoneType type);
HONE_EXPORT size_t hone_type_block_bytes(HoneType type);
HONE_EXPORT const char *hone_type_name(HoneType type); /* "q4_1" */
/* Bytes of `n` values; false on overflow or when n is no multiple of the block. */
HONE_EXPORT bool hone_type_bytes(HoneType type, size_t n, size_t *bytes);
/* The scalar definition of every type: dst [n] f32 from n values at src (alignment 1). n: a multiple of the block.
 * Block layouts follow the GGUF specification. Not for HONE_I32. */
HONE_EXPORT void hone_type_to_f32(HoneType type, const void *src, float *dst, size_t n);
/* The 16 values of NF4, rising from -1 to 1: quantiles of a normal distribution (Dettmers and others 2023). */
HONE_EXPORT const float *hone_nf4_values(void);
/* The other way for the types that Hone writes: f32, f16, bf16, q8_0, q4_0, q4_k. dst from n finite values, rounded as
 * ggml's reference quantisers do. n: a multiple of the block. */
HONE_EXPORT bool hone_type_is_written(HoneType type);
HONE_EXPORT void hone_type_from_f32(HoneType type, const float *src, void *dst, size_t n);
HONE_EXPORT float hone_bf16_to_f32(uint16_t value);
HONE_EXPORT uint16_t hone_f32_to_bf16(float value); /* round to nearest, ties to even; NaN stays NaN */
HONE_EXPORT float hone_f16_to_f32(uint16_t value);
HONE_EXPORT uint16_t hone_f32_to_f16(float value);

typedef struct HoneBuffer HoneBuffer; /* memory of a backend; its content is the backend's alone */

#define HONE_MAX_RANK 4

typedef struct HoneTensor {
    HoneBuffer *buffer; /* NULL: no tensor ("not wanted", "not there") */
    size_t offset;      /* bytes from the buffer's start */
    HoneType type;
    uint32_t rank;
    size_t shape[HONE_MAX_RANK]; /* outermost first; contiguous, except: */
    size_t row_stride;           /* elements from one row to the next in a rank-2 operand of gemm; 0: shape[1] */
} HoneTensor;

/* Views from the start of a buffer at a byte offset. */
HONE_EXPORT HoneTensor hone_tensor_1d(HoneBuffer *buffer, size_t offset, HoneType type, size_t n);
HONE_EXPORT HoneTensor hone_tensor_2d(HoneBuffer *buffer, size_t offset, HoneType type, size_t rows, size_t cols);
HONE_EXPORT HoneTensor hone_tensor_3d(HoneBuffer *buffer, size_t offset, HoneType type, size_t a, size_t b, size_t c);
/* Rows [first, first + count) along the outermost axis. */
HONE_EXPORT HoneTensor hone_tensor_rows(HoneTensor tensor, size_t first, size_t count);
/* The same values with another shape of the same number of elements. */
HONE_EXPORT HoneTensor hone_tensor_reshape(HoneTensor tensor, uint32_t rank, const size_t *shape);
HONE_EXPORT size_t hone_tensor_count(HoneTensor tensor); /* elements */
HONE_EXPORT size_t hone_tensor_bytes(HoneTensor tensor);

#endif

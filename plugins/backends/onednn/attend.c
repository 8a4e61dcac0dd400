/* SPDX-License-Identifier: Apache-2.0
 * attend.c: attention with products of bf16 pairs: as cpu/kernels/attention.c, which has the formulas, with queries,
 * keys, values, probabilities and derivatives rounded to bf16 where they enter a product. Sums, softmax and its
 * gradient are f32.
 *
 * A product's operands are pairs along what is summed. Over dimensions: rows of queries, and keys (values) as
 * [D/2, padded]. Over keys: rows of probabilities, and values (keys) as [padded/2, D]. Over queries: [queries/2, keys]
 * against [queries/2, D].
 *
 * What it gains is in docs/performance.md.
 */
#include "attend.h"
#include "../cpu/kernels/attention_block.h"
#include "pack_simd.h"

static size_t pairs(size_t n)
{
    return (n + 1) / 2;
}

/* Rows of D floats as rows of pairs; a last one is filled up with zero. */
static void pair_rows(float *to, size_t to_row, const float *x, size_t x_row, size_t rows, size_t D)
{
    for (size_t r = 0; r < rows; r++, x += x_row, to += to_row) {
        for (size_t d = 0; d < D; d += 32) {
            size_t left = D - d;
            __m512 high = left > 16 ? load_16(x + d + 16, left - 16) : _mm512_setzero_ps();
            _mm512_mask_storeu_epi32(to + d / 2, lanes_16(pairs(left)), round_pair(load_16(x + d, left), high));
        }
    }
}

/* [rows, D] as pairs of rows: [rows/2, D]; beyond the last row lie zeros. `to` may be x where rows are as long. */
static void pair_columns(float *to, size_t to_row, const float *x, size_t x_row, size_t rows, size_t row_pairs,
                         size_t D)
{
    for (size_t r = 0; r < 2 * row_pairs; r += 2, to += to_row) {
        for (size_t d = 0; d < D; d += 16) {
            __m512 low = r < rows ? load_16(x + r * x_row + d, D - d) : _mm512_setzero_ps();
            __m512 high = r + 1 < rows ? load_16(x + (r + 1) * x_row + d, D - d) : _mm512_setzero_ps();
            _mm512_mask_storeu_epi32(to + d, lanes_16(D - d), interleave(round_pair(low, high)));
        }
    }
}

/* [length, D] turned, as pairs of dimensions: [D/2, padded]. */
static void pair_turned(float *to, const float *x, size_t stride, size_t length, size_t padded, size_t D)
{
    for (size_t t = 0; t < padded; t += 16) {
        for (size_t d = 0; d < D; d += 32) {
            size_t left = D - d;
            __m512i block[16];
            for (size_t i = 0; i < 16; i++) {
                const float *at = x + (t + i) * stride + d;
                bool there = t + i < length;
                __m512 low = there ? load_16(at, left) : _mm512_setzero_ps();
                block[i] = round_pair(low, there && left > 16 ? load_16(at + 16, left - 16) : _mm512_setzero_ps());
            }
            transpose(block);
            for (size_t i = 0; i < 16 && d / 2 + i < pairs(D); i++)
                _mm512_storeu_si512(to + (d / 2 + i) * padded + t, block[i]);
        }
    }
}

/* For the forward: keys by dimensions, then values by keys. For the backward: keys both ways, and values by dimensions.
 */
void KERNEL(attend_prepare)(float *k_turned, float *v_turned, const float *k, const float *v, size_t stride,
                            size_t length, size_t padded, size_t D)
{
    pair_turned(k_turned, k, stride, length, padded, D);
    pair_columns(k_turned + pairs(D) * padded, D, v_turned != NULL ? k : v, stride, length, padded / 2, D);
    if (v_turned != NULL)
        pair_turned(v_turned, v, stride, length, padded, D);
}

void KERNEL(attend)(const CpuHead *head, size_t first, size_t count, float *room)
{
    Block b = block_of(head, first, count);
    size_t D = head->head_dim, stride = b.width, keys = pairs(b.keys);
    float *o = head->o + first * head->q_stride, *q = room + (2 * CPU_QUERY_BLOCK + 1) * (head->length + CPU_PAD);
    pair_rows(q, pairs(D), head->q + first * head->q_stride, head->q_stride, count, D);
    KERNEL(product)
    (room, stride, q, pairs(D), 1, head->k_turned + b.key, head->padded, count, b.width, pairs(D), head->scale, 0);
    float sums[CPU_QUERY_BLOCK], highest[CPU_QUERY_BLOCK];
    exponentials(head, &b, room, sums, highest);
    for (size_t i = 0; head->lse != NULL && i < count; i++)
        head->lse[(first + i) * head->lse_stride] = highest[i] + logf(sums[i]);
    pair_rows(room, stride, room, stride, count, 2 * keys);
    const float *values = head->k_turned + pairs(D) * head->padded + b.key / 2 * D;
    KERNEL(product)(o, head->q_stride, room, stride, 1, values, D, count, D, keys, 1, 0);
    for (size_t i = 0; i < count; i++) {
        const vf factor = v_set(1 / sums[i]);
        EACH_VECTOR(d, lanes, D)
        store_lanes(o + i * head->q_stride + d, factor * load_lanes(o + i * head->q_stride + d, lanes), lanes);
    }
}

static void attend_bwd_block(const CpuHead *head, size_t first, size_t count, float *room)
{
    Block b = block_of(head, first, count);
    size_t D = head->head_dim, stride = b.width, at = first * head->q_stride, keys = pairs(b.keys), half = pairs(count);
    float *p = room, *ds = room + CPU_QUERY_BLOCK * stride, *slopes = ds + CPU_QUERY_BLOCK * stride;
    float *rows = room + (2 * CPU_QUERY_BLOCK + 1) * (head->length + CPU_PAD),
          *columns = rows + CPU_QUERY_BLOCK * pairs(D);
    const float *q = head->q + at, *d_o = head->d_o + at;
    pair_rows(rows, pairs(D), q, head->q_stride, count, D);
    KERNEL(product)
    (p, stride, rows, pairs(D), 1, head->k_turned + b.key, head->padded, count, b.width, pairs(D), head->scale, 0);
    pair_rows(rows, pairs(D), d_o, head->q_stride, count, D);
    KERNEL(product)
    (ds, stride, rows, pairs(D), 1, head->v_turned + b.key, head->padded, count, b.width, pairs(D), 1, 0);
    differentiate(head, &b, p, ds, slopes);
    /* In place, p first: what it leaves free takes the rows of ds as pairs of keys, before ds is paired by queries. */
    pair_columns(p, stride, p, stride, count, half, 2 * keys);
    float *ds_rows = p + CPU_QUERY_BLOCK / 2 * stride;
    pair_rows(ds_rows, stride / 2, ds, stride, count, 2 * keys);
    pair_columns(ds, stride, ds, stride, count, half, 2 * keys);
    KERNEL(product)
    (head->dq + at, head->q_stride, ds_rows, stride / 2, 1, head->k_turned + pairs(D) * head->padded + b.key / 2 * D, D,
     count, D, keys, head->scale, 0);
    pair_columns(columns, D, q, head->q_stride, count, half, D);
    KERNEL(product)(head->dk + b.key * D, D, ds, 1, stride, columns, D, b.keys, D, half, head->scale, 1);
    pair_columns(columns, D, d_o, head->q_stride, count, half, D);
    KERNEL(product)(head->dv + b.key * D, D, p, 1, stride, columns, D, b.keys, D, half, 1, 1);
}

void KERNEL(attend_bwd)(const CpuHead *head, float *room)
{
    memset(head->dk, 0, head->length * head->head_dim * sizeof(float));
    memset(head->dv, 0, head->length * head->head_dim * sizeof(float));
    for (size_t first = 0; first < head->length; first += CPU_QUERY_BLOCK) {
        size_t left = head->length - first;
        attend_bwd_block(head, first, left < CPU_QUERY_BLOCK ? left : CPU_QUERY_BLOCK, room);
    }
}

void attend_in_pairs(CpuKernels *kernels)
{
    kernels->attend_prepare = KERNEL(attend_prepare);
    kernels->attend = KERNEL(attend);
    kernels->attend_bwd = KERNEL(attend_bwd);
}

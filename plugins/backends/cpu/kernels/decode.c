/* SPDX-License-Identifier: Apache-2.0
 * decode.c: a few rows times a matrix that keeps its stored type, as decoding needs: every weight is read and unpacked
 * once, in registers, and meets all rows of x there.
 *
 * The matrix is walked row after row, one stream of bytes from its beginning to its end: the processor's prefetching
 * follows that at the memory's full speed, and tiles of two or four rows at half of it. M, the rows of x that are
 * worked on, is a power of two; where x has fewer, its last one is computed again and not stored.
 */
#include "groups.h"

typedef void (*Group)(const uint8_t *row, size_t i, const Scales *s, vf v[NV]);
typedef void (*ScalesOf)(const uint8_t *row, size_t block, Scales *s);

/* sums [M] = x[m]·w over the whole groups of K. */
ALWAYS_INLINE void decode_row(const uint8_t *w, const float *const *x, size_t K, float *sums, Group group,
                              ScalesOf scales_of, const int M)
{
    vf sum[CPU_DECODE][NV];
    Scales scales;
#pragma GCC unroll 8
    for (int m = 0; m < M; m++)
        EACH_OF_GROUP(j)
    sum[m][j] = v_set(0);
    for (size_t i = 0; i < K / GROUP; i++) {
        vf v[NV];
        if (i % SCALED == 0)
            scales_of(w, i / SCALED, &scales);
        group(w, i, &scales, v);
#pragma GCC unroll 8
        for (int m = 0; m < M; m++) {
            /* With few rows a sum for each vector of a group, so that several multiply-adds are in flight. */
            EACH_OF_GROUP(j)
            sum[m][M <= 2 ? j : 0] = v_fma(v_load(x[m] + GROUP * i + (size_t)(j * VL)), v[j], sum[m][M <= 2 ? j : 0]);
        }
    }
#pragma GCC unroll 8
    for (int m = 0; m < M; m++) {
        vf total = sum[m][0];
        for (int j = 1; M <= 2 && j < NV; j++)
            total = total + sum[m][j];
        sums[m] = v_sum(total);
    }
}

/* What decode works on. */
typedef struct Rows {
    const float *x[CPU_DECODE];
    const uint8_t *w;
    size_t w_row, rows, N, K, y_row;
    float *y, alpha, beta;
    HoneType type;
} Rows;

/* Products of the columns behind the last whole group: of plain types. */
static float rest_of(const Rows *p, const uint8_t *w, const float *x)
{
    float values[GROUP], sum = 0;
    size_t done = p->K / GROUP * GROUP;
    hone_type_to_f32(p->type, w + done * hone_type_block_bytes(p->type), values, p->K - done);
    for (size_t k = done; k < p->K; k++)
        sum += values[k - done] * x[k];
    return sum;
}

ALWAYS_INLINE void decode_rows(const Rows *p, Group group, ScalesOf scales_of, const int M)
{
    const uint8_t *w = p->w;
    for (size_t n = 0; n < p->N; n++, w += p->w_row) {
        float sums[CPU_DECODE];
        decode_row(w, p->x, p->K, sums, group, scales_of, M);
        for (size_t m = 0; m < p->rows; m++) {
            float *at = p->y + m * p->y_row + n, sum = sums[m];
            if (p->K % GROUP != 0)
                sum += rest_of(p, w, p->x[m]);
            *at = p->beta != 0 ? p->alpha * sum + p->beta * *at : p->alpha * sum;
        }
    }
}

#define DECODE(type, name, scales)                                                                                     \
    static void decode_##name(const Rows *p, int M)                                                                    \
    {                                                                                                                  \
        switch (M) {                                                                                                   \
        case 1:                                                                                                        \
            decode_rows(p, group_##name, scales_##scales, 1);                                                          \
            break;                                                                                                     \
        case 2:                                                                                                        \
            decode_rows(p, group_##name, scales_##scales, 2);                                                          \
            break;                                                                                                     \
        case 4:                                                                                                        \
            decode_rows(p, group_##name, scales_##scales, 4);                                                          \
            break;                                                                                                     \
        default:                                                                                                       \
            decode_rows(p, group_##name, scales_##scales, 8);                                                          \
        }                                                                                                              \
    }
GROUP_TYPES(DECODE)

typedef void (*Decode)(const Rows *p, int M);

static Decode decode_of(HoneType type)
{
    switch (type) {
#define DECODE_CASE(type, name, scales)                                                                                \
    case type:                                                                                                         \
        return decode_##name;
        GROUP_TYPES(DECODE_CASE)
    default:
        return NULL;
    }
}

bool KERNEL(decodes)(HoneType type)
{
    return decode_of(type) != NULL;
}

void KERNEL(decode)(HoneType type, float *y, size_t y_row, const float *x, size_t x_row, const void *w, size_t w_row,
                    size_t rows, size_t N, size_t K, float alpha, float beta)
{
    Rows p = {.w = w,
              .w_row = w_row,
              .rows = rows,
              .N = N,
              .K = K,
              .y = y,
              .y_row = y_row,
              .alpha = alpha,
              .beta = beta,
              .type = type};
    int M = rows <= 2 ? (int)rows : rows <= 4 ? 4 : 8;
    for (size_t m = 0; m < (size_t)M; m++)
        p.x[m] = x + (m < rows ? m : rows - 1) * x_row;
    decode_of(type)(&p, M);
}

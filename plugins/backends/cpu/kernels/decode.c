/* SPDX-License-Identifier: Apache-2.0
 * decode.c: a few rows times a matrix that keeps its stored type, as decoding needs: every weight is read and unpacked
 * once, in registers, and meets all rows of x there.
 *
 * With up to 4 rows of x the matrix is walked row after row, one stream of bytes from its beginning to its end: the
 * processor's prefetching follows that at the memory's full speed, and tiles of two or four rows at half of it. With 8
 * rows the multiply-adds take longer than the memory, and two rows of the matrix share each load of x.
 *
 * M, the rows of x that are worked on, is a power of two; where x has fewer, its last one is computed again and not
 * stored.
 */
#include "groups.h"

#define EIGHT_BY (VL >= 16 ? 2 : 1) /* rows of the matrix with 8 of x: 16 sums need 32 registers */

typedef void (*Group)(const uint8_t *row, size_t i, const Scales *s, vf v[NV]);
typedef void (*ScalesOf)(const uint8_t *row, size_t block, Scales *s);

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

/* sums [M, R] = x[m]·w[r] over the whole groups of K. */
ALWAYS_INLINE void decode_tile(const Rows *p, const uint8_t *const *w, float *sums, Group group, ScalesOf scales_of,
                               const int M, const int R)
{
    /* With few rows a sum for each vector of a group, so that several multiply-adds are in flight. */
    const int S = M <= 2 ? NV : 1;
    vf sum[2][CPU_DECODE][NV];
    Scales scales[2];
#pragma GCC unroll 2
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int m = 0; m < M; m++)
            EACH_OF_GROUP(j)
    sum[r][m][j] = v_set(0);
    size_t groups = p->K / GROUP, step = R > 1 && groups > 0 ? p->w_row / groups : 0;
    for (size_t i = 0; i < groups; i++) {
        vf v[2][NV];
#pragma GCC unroll 2
        for (int r = 0; r < R; r++) {
            if (i % SCALED == 0)
                scales_of(w[r], i / SCALED, &scales[r]);
            group(w[r], i, &scales[r], v[r]);
            if (R > 1) /* what the next tile reads: two streams are too much for the processor's own prefetching */
                __builtin_prefetch(w[r] + R * p->w_row + i * step);
        }
#pragma GCC unroll 8
        for (int m = 0; m < M; m++) {
            EACH_OF_GROUP(j)
            {
                vf x = v_load(p->x[m] + GROUP * i + (size_t)(j * VL));
#pragma GCC unroll 2
                for (int r = 0; r < R; r++)
                    sum[r][m][j % S] = v_fma(x, v[r][j], sum[r][m][j % S]);
            }
        }
    }
#pragma GCC unroll 2
    for (int r = 0; r < R; r++) {
#pragma GCC unroll 8
        for (int m = 0; m < M; m++) {
            vf total = sum[r][m][0];
            for (int j = 1; j < S; j++)
                total = total + sum[r][m][j];
            sums[m * R + r] = v_sum(total);
        }
    }
}

ALWAYS_INLINE void decode_rows(const Rows *p, Group group, ScalesOf scales_of, const int M, const int R)
{
    for (size_t n = 0; n < p->N; n += (size_t)R) {
        size_t count = p->N - n < (size_t)R ? 1 : (size_t)R;
        const uint8_t *first = p->w + n * p->w_row;
        const uint8_t *const w[2] = {first, first + (count - 1) * p->w_row};
        float sums[2 * CPU_DECODE];
        decode_tile(p, w, sums, group, scales_of, M, R);
        for (size_t m = 0; m < p->rows; m++) {
            for (size_t r = 0; r < count; r++) {
                float *at = p->y + m * p->y_row + n + r, sum = sums[m * (size_t)R + r];
                if (p->K % GROUP != 0)
                    sum += rest_of(p, w[r], p->x[m]);
                *at = p->beta != 0 ? p->alpha * sum + p->beta * *at : p->alpha * sum;
            }
        }
    }
}

#define DECODE(type, name, scales)                                                                                     \
    static void decode_##name(const Rows *p, int M)                                                                    \
    {                                                                                                                  \
        switch (M) {                                                                                                   \
        case 1:                                                                                                        \
            decode_rows(p, group_##name, scales_##scales, 1, 1);                                                       \
            break;                                                                                                     \
        case 2:                                                                                                        \
            decode_rows(p, group_##name, scales_##scales, 2, 1);                                                       \
            break;                                                                                                     \
        case 4:                                                                                                        \
            decode_rows(p, group_##name, scales_##scales, 4, 1);                                                       \
            break;                                                                                                     \
        default:                                                                                                       \
            decode_rows(p, group_##name, scales_##scales, 8, EIGHT_BY);                                                \
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

/* SPDX-License-Identifier: Apache-2.0
 * decode.c: a few rows times a matrix that keeps its stored type, as decoding needs: every weight is read and unpacked
 * once, in registers, and meets all rows of x there.
 *
 * A tile is DECODE_ROWS(M) rows of the matrix by M rows of x, a sum of VL lanes for each pair; where there are fewer
 * rows, the last one is computed again and not stored. M is a power of two.
 */
#include "groups.h"

typedef void (*Group)(const uint8_t *row, size_t i, const Scales *s, vf v[NV]);
typedef void (*ScalesOf)(const uint8_t *row, size_t block, Scales *s);

/* Sums kept for each pair where there are few: multiply-adds in flight. */
#define SUMS(R, M) ((R) * (M) <= 4 && NV > 1 ? 2 : 1)

typedef struct Tile {
    const uint8_t *w[8];
    const float *x[CPU_DECODE];
    size_t K;
    size_t ahead, step; /* bytes to the next tile's rows; about those of a group */
    float *sums;        /* out: [M, R] */
} Tile;

ALWAYS_INLINE void decode_tile(const Tile *t, Group group, ScalesOf scales_of, const int R, const int M)
{
    const int S = SUMS(R, M);
    vf sum[8][CPU_DECODE][2];
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int m = 0; m < M; m++)
            sum[r][m][0] = sum[r][m][1] = v_set(0);
    Scales scales[8];
    for (size_t i = 0; i < t->K / GROUP; i++) {
        for (int r = 0; i % SCALED == 0 && r < R; r++)
            scales_of(t->w[r], i / SCALED, &scales[r]);
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
            vf v[NV];
            group(t->w[r], i, &scales[r], v);
            __builtin_prefetch(t->w[r] + t->ahead + i * t->step);
#pragma GCC unroll 8
            for (int m = 0; m < M; m++) {
                const float *x = t->x[m] + GROUP * i;
#pragma GCC unroll 8
                for (int j = 0; j < NV; j++)
                    sum[r][m][j % S] = v_fma(v_load(x + j * VL), v[j], sum[r][m][j % S]);
            }
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
#pragma GCC unroll 8
        for (int m = 0; m < M; m++) {
            vf total = sum[r][m][0];
            if (S > 1)
                total = total + sum[r][m][1];
            t->sums[m * R + r] = v_sum(total);
        }
    }
}

#define TILES(type, name, scales)                                                                                      \
    static void decode_##name(const Tile *t, int M)                                                                    \
    {                                                                                                                  \
        switch (M) {                                                                                                   \
        case 1:                                                                                                        \
            decode_tile(t, group_##name, scales_##scales, DECODE_ROWS(1), 1);                                          \
            break;                                                                                                     \
        case 2:                                                                                                        \
            decode_tile(t, group_##name, scales_##scales, DECODE_ROWS(2), 2);                                          \
            break;                                                                                                     \
        case 4:                                                                                                        \
            decode_tile(t, group_##name, scales_##scales, DECODE_ROWS(4), 4);                                          \
            break;                                                                                                     \
        default:                                                                                                       \
            decode_tile(t, group_##name, scales_##scales, DECODE_ROWS(8), 8);                                          \
        }                                                                                                              \
    }
GROUP_TYPES(TILES)

typedef void (*Tiles)(const Tile *t, int M);

static Tiles tiles_of(HoneType type)
{
    switch (type) {
#define TILES_CASE(type, name, scales)                                                                                 \
    case type:                                                                                                         \
        return decode_##name;
        GROUP_TYPES(TILES_CASE)
    default:
        return NULL;
    }
}

/* Products of the columns behind the last whole group: of plain types. */
static float rest_of(HoneType type, const uint8_t *w, const float *x, size_t K)
{
    float values[GROUP], sum = 0;
    size_t done = K / GROUP * GROUP;
    hone_type_to_f32(type, w + done * hone_type_block_bytes(type), values, K - done);
    for (size_t k = done; k < K; k++)
        sum += values[k - done] * x[k];
    return sum;
}

bool KERNEL(decodes)(HoneType type)
{
    return tiles_of(type) != NULL;
}

void KERNEL(decode)(HoneType type, float *y, size_t y_row, const float *x, size_t x_row, const void *w, size_t w_row,
                    size_t rows, size_t N, size_t K, float alpha, float beta)
{
    Tiles tiles = tiles_of(type);
    int M = rows <= 2 ? (int)rows : rows <= 4 ? 4 : 8, R = DECODE_ROWS(M);
    float sums[8 * CPU_DECODE];
    Tile t = {.K = K, .sums = sums, .ahead = (size_t)R * w_row, .step = w_row * GROUP / K};
    for (int m = 0; m < M; m++)
        t.x[m] = x + ((size_t)m < rows ? (size_t)m : rows - 1) * x_row;
    for (size_t n = 0; n < N; n += (size_t)R) {
        size_t count = N - n < (size_t)R ? N - n : (size_t)R;
        for (int r = 0; r < R; r++)
            t.w[r] = (const uint8_t *)w + (n + ((size_t)r < count ? (size_t)r : count - 1)) * w_row;
        tiles(&t, M);
        for (size_t m = 0; m < rows; m++) {
            for (size_t r = 0; r < count; r++) {
                float *at = y + m * y_row + n + r, sum = sums[m * (size_t)R + r];
                if (K % GROUP != 0)
                    sum += rest_of(type, t.w[r], t.x[m], K);
                *at = beta != 0 ? alpha * sum + beta * *at : alpha * sum;
            }
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0
 * product.c: matrix products with one short side, and the small ones inside attention, where a BLAS spends its time on
 * packing.
 *
 * `product` keeps a tile of TILE_ROWS rows by TILE_VECTORS vectors of y in registers and walks k once: a row of b
 * against one value of a for each row. b must have its columns side by side; a may lie anyhow. `dots` is for operands
 * that both have k side by side: a tile of dot products, summed over lanes at the end.
 */
#include "vector_math.h"

/* What is done with a value of a and of b. The onednn backend compiles this file again with one where every "value" is
 * a pair of bf16. */
#ifndef PRODUCT_STEP
#define PRODUCT_STEP v_fma
#endif

#define TILE_ROWS 6
/* Bytes of b that stay in the first cache while rows of a pass by. */
#define NEAR_BYTES 24576
/* Rows of a strip of b that several rows of tiles use before the next ones: what stays in the second cache. */
#define PART_OF_K 192

/* One tile of R rows by V vectors; not `whole`: the last vector has only `lanes` lanes. R, V and whole are constants
 * where it is inlined. */
ALWAYS_INLINE void product_tile(float *y, size_t y_row, const float *a, size_t a_row, size_t a_col, const float *b,
                                size_t b_row, size_t K, float alpha, float beta, const int R, const int V,
                                const bool whole, size_t lanes)
{
    vf sum[TILE_ROWS][TILE_VECTORS];
    /* The next tile of y comes near while this one is summed up: with a short k, y is what takes the time. */
    if (beta != 0 && whole)
#pragma GCC unroll 6
        for (int r = 0; r < R; r++)
#pragma GCC unroll 4
            for (int v = 0; v < V; v++)
                __builtin_prefetch(y + (size_t)r * y_row + (V + v) * VL, 1);
#pragma GCC unroll 6
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++)
            sum[r][v] = v_set(0.0f);
    for (size_t k = 0; k < K; k++) {
        vf row[TILE_VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < V; v++)
            row[v] = whole || v + 1 < V ? v_load(b + v * VL) : v_load_n(b + v * VL, lanes);
#pragma GCC unroll 6
        for (int r = 0; r < R; r++) {
            vf value = v_set(a[(size_t)r * a_row]);
#pragma GCC unroll 4
            for (int v = 0; v < V; v++)
                sum[r][v] = PRODUCT_STEP(value, row[v], sum[r][v]);
        }
        a += a_col;
        b += b_row;
    }
#pragma GCC unroll 6
    for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) {
            sum[r][v] = sum[r][v] * v_set(alpha);
            if (beta != 0) {
                const float *at = y + (size_t)r * y_row + v * VL;
                vf old = load_lanes(at, whole || v + 1 < V ? VL : lanes);
                sum[r][v] = v_fma(v_set(beta), old, sum[r][v]);
            }
        }
    }
    /* Stores after all loads: rows a multiple of 4 KiB apart look alike to a processor that has a store in flight. */
#pragma GCC unroll 6
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++)
            store_lanes(y + (size_t)r * y_row + v * VL, sum[r][v], whole || v + 1 < V ? VL : lanes);
}

#define TILE(R, V, WHOLE) product_tile(y, y_row, a, a_row, a_col, b, b_row, K, alpha, beta, R, V, WHOLE, lanes)
/* A function for R = 1 .. 6 rows and V vectors. */
#define TILE_FUNCTION(name, V, WHOLE)                                                                                  \
    static void name(float *y, size_t y_row, const float *a, size_t a_row, size_t a_col, const float *b, size_t b_row, \
                     size_t K, float alpha, float beta, size_t R, size_t lanes)                                        \
    {                                                                                                                  \
        switch (R) {                                                                                                   \
        case 1:                                                                                                        \
            TILE(1, V, WHOLE);                                                                                         \
            break;                                                                                                     \
        case 2:                                                                                                        \
            TILE(2, V, WHOLE);                                                                                         \
            break;                                                                                                     \
        case 3:                                                                                                        \
            TILE(3, V, WHOLE);                                                                                         \
            break;                                                                                                     \
        case 4:                                                                                                        \
            TILE(4, V, WHOLE);                                                                                         \
            break;                                                                                                     \
        case 5:                                                                                                        \
            TILE(5, V, WHOLE);                                                                                         \
            break;                                                                                                     \
        default:                                                                                                       \
            TILE(6, V, WHOLE);                                                                                         \
        }                                                                                                              \
    }

typedef void (*Tile)(float *y, size_t y_row, const float *a, size_t a_row, size_t a_col, const float *b, size_t b_row,
                     size_t K, float alpha, float beta, size_t R, size_t lanes);
TILE_FUNCTION(whole_tile, TILE_VECTORS, true)
TILE_FUNCTION(tile_1, 1, false)
TILE_FUNCTION(tile_2, 2, false)
#if TILE_VECTORS > 2
TILE_FUNCTION(tile_3, 3, false)
TILE_FUNCTION(tile_4, 4, false)
static const Tile partial_tile[] = {tile_1, tile_2, tile_3, tile_4};
#else
static const Tile partial_tile[] = {tile_1, tile_2};
#endif

/* Rows of the next tile: even ones, so that 8 rows are 4 + 4 rather than 6 + 2. */
static size_t tile_rows(size_t left)
{
    size_t tiles = (left + TILE_ROWS - 1) / TILE_ROWS;
    return (left + tiles - 1) / tiles;
}

/* R rows of y by columns n0 .. n1 over k0 .. k1, the tiles side by side. */
static void product_rows(float *y, size_t y_row, const float *a, size_t a_row, size_t a_col, const float *b,
                         size_t b_row, size_t R, size_t N, size_t K, float alpha, float beta)
{
    const size_t width = TILE_VECTORS * VL;
    for (size_t n = 0; n < N; n += width) {
        size_t cols = N - n, vectors = (cols + VL - 1) / VL;
        Tile tile = cols >= width ? whole_tile : partial_tile[vectors - 1];
        tile(y + n, y_row, a, a_row, a_col, b + n, b_row, K, alpha, beta, R, cols - (vectors - 1) * VL);
    }
}

void KERNEL(product)(float *y, size_t y_row, const float *a, size_t a_row, size_t a_col, const float *b, size_t b_row,
                     size_t M, size_t N, size_t K, float alpha, float beta)
{
    /* With a short k all of b stays near and y is walked row after row; else a strip of b does, and a part of it at a
     * time where several rows of tiles use it. */
    bool whole = K * N * sizeof(float) <= NEAR_BYTES;
    size_t strip = whole ? N : TILE_VECTORS * VL, part = whole || M <= 2 * TILE_ROWS ? K : PART_OF_K;
    for (size_t n = 0; n < N; n += strip) {
        size_t k = 0;
        do { /* once even where K is 0: y has to be written */
            size_t depth = K - k < 2 * part ? K - k : part;
            for (size_t m = 0, R; m < M; m += R) {
                R = tile_rows(M - m);
                product_rows(y + m * y_row + n, y_row, a + m * a_row + k * a_col, a_row, a_col, b + k * b_row + n,
                             b_row, R, N - n < strip ? N - n : strip, depth, alpha, k == 0 ? beta : 1);
            }
            k += depth;
        } while (k < K);
    }
}

ALWAYS_INLINE void dots_tile(float *y, size_t y_few, size_t y_many, const float *few, size_t few_row, const float *many,
                             size_t many_row, size_t K, float alpha, float beta, const int F, const int M)
{
    vf sum[FEW_BLOCK][MANY_BLOCK];
#pragma GCC unroll 4
    for (int f = 0; f < F; f++)
#pragma GCC unroll 6
        for (int m = 0; m < M; m++)
            sum[f][m] = v_set(0.0f);
    EACH_VECTOR(k, lanes, K)
    {
        vf x[FEW_BLOCK];
#pragma GCC unroll 4
        for (int f = 0; f < F; f++)
            x[f] = load_lanes(few + (size_t)f * few_row + k, lanes);
#pragma GCC unroll 6
        for (int m = 0; m < M; m++) {
            vf w = load_lanes(many + (size_t)m * many_row + k, lanes);
#pragma GCC unroll 4
            for (int f = 0; f < F; f++)
                sum[f][m] = v_fma(x[f], w, sum[f][m]);
        }
    }
#pragma GCC unroll 4
    for (int f = 0; f < F; f++) {
#pragma GCC unroll 6
        for (int m = 0; m < M; m++) {
            float *at = y + (size_t)f * y_few + (size_t)m * y_many, value = alpha * v_sum(sum[f][m]);
            *at = beta != 0 ? value + beta * *at : value;
        }
    }
}

#define DOTS(F, M) dots_tile(y, y_few, y_many, few, few_row, many, many_row, K, alpha, beta, F, M)

/* F <= FEW_BLOCK rows against M <= MANY_BLOCK. */
static void dots_block(float *y, size_t y_few, size_t y_many, const float *few, size_t few_row, const float *many,
                       size_t many_row, size_t K, float alpha, float beta, size_t F, size_t M)
{
    if (M == MANY_BLOCK) {
        switch (F) {
        case 1:
            DOTS(1, MANY_BLOCK);
            return;
        case 2:
            DOTS(2, MANY_BLOCK);
            return;
#if FEW_BLOCK > 2
        case 3:
            DOTS(3, MANY_BLOCK);
            return;
#endif
#if FEW_BLOCK > 3
        case 4:
            DOTS(4, MANY_BLOCK);
            return;
#endif
        }
    }
    for (size_t f = 0; f < F; f++, y += y_few, few += few_row) {
        float *at = y;
        const float *w = many;
        for (size_t m = 0; m < M; m++, at += y_many, w += many_row)
            dots_tile(at, 0, 0, few, 0, w, 0, K, alpha, beta, 1, 1);
    }
}

void KERNEL(dots)(float *y, size_t y_few, size_t y_many, const float *few, size_t few_row, const float *many,
                  size_t many_row, size_t n_few, size_t n_many, size_t K, float alpha, float beta)
{
    for (size_t m = 0; m < n_many; m += MANY_BLOCK) {
        size_t M = n_many - m < MANY_BLOCK ? n_many - m : MANY_BLOCK;
        for (size_t f = 0; f < n_few; f += FEW_BLOCK)
            dots_block(y + f * y_few + m * y_many, y_few, y_many, few + f * few_row, few_row, many + m * many_row,
                       many_row, K, alpha, beta, n_few - f < FEW_BLOCK ? n_few - f : FEW_BLOCK, M);
    }
}

void KERNEL(turn)(float *y, size_t y_row, const float *x, size_t x_row, size_t rows, size_t cols)
{
    /* Squares of 16 by 16 floats: a cache line each way. */
    enum { SIDE = 16 };
    for (size_t r0 = 0; r0 < rows; r0 += SIDE) {
        size_t r1 = r0 + SIDE < rows ? r0 + SIDE : rows;
        for (size_t c0 = 0; c0 < cols; c0 += SIDE) {
            size_t c1 = c0 + SIDE < cols ? c0 + SIDE : cols;
            for (size_t c = c0; c < c1; c++)
                for (size_t r = r0; r < r1; r++)
                    y[c * y_row + r] = x[r * x_row + c];
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0
 * conformance_typed.c: checks of the operators whose weights keep the type of their file: products and gathered rows.
 */
#include "conformance_private.h"

#include <math.h>
#include <string.h>

#define PALETTE 61 /* blocks that an operand is put together from */

size_t trial_typed(Trial *trial, HoneType type, size_t rows, size_t cols)
{
    size_t block = hone_type_block(type), bytes = hone_type_block_bytes(type), size;
    g_autofree unsigned char *palette = g_malloc(PALETTE * bytes);
    g_autofree float *values = g_new(float, block);
    for (size_t i = 0; i < PALETTE;) {
        unsigned char *at = palette + i * bytes;
        for (size_t j = 0; j < bytes; j++)
            at[j] = (unsigned char)lab_below(trial->lab, 256);
        hone_type_to_f32(type, at, values, block);
        float largest = 0;
        bool finite = true;
        for (size_t j = 0; j < block; j++) {
            finite &= isfinite(values[j]);
            largest = fmaxf(largest, fabsf(values[j]));
        }
        if (finite && largest >= 1.0f / 64 && largest <= 64)
            i++;
    }
    g_assert(hone_type_bytes(type, rows * cols, &size));
    g_autofree unsigned char *blocks = g_malloc(MAX(size, 1));
    for (size_t at = 0; at < size; at += bytes)
        memcpy(blocks + at, palette + lab_below(trial->lab, PALETTE) * bytes, bytes);
    size_t operand = trial_bytes(trial, type, rows * cols, blocks, false);
    trial->op[operand].rank = 2;
    trial->op[operand].shape[0] = rows;
    trial->op[operand].shape[1] = cols;
    return operand;
}

typedef struct TypedArgs {
    uint32_t flags;
    float alpha, beta;
} TypedArgs;

static void call_gemm(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    const TypedArgs *g = args;
    ops->gemm(s, t[0], t[1], t[2], g->flags, g->alpha, g->beta);
}

static bool check_product(Lab *lab, HoneType type, size_t M, size_t N, size_t K, const TypedArgs *args, size_t gap)
{
    bool ta = args->flags & HONE_TRANS_A, tb = args->flags & HONE_TRANS_B;
    g_auto(Trial) trial;
    trial_init(&trial, lab, call_gemm, args, "gemm %c%c %zu x %zu x %zu with %s, alpha %g, beta %g%s", ta ? 'T' : 'N',
               tb ? 'T' : 'N', M, N, K, hone_type_name(type), args->alpha, args->beta, gap > 0 ? ", strided" : "");
    size_t y = args->beta != 0 ? trial_changed(&trial, RANK_2(M, N), 1) : trial_output(&trial, RANK_2(M, N));
    size_t a = trial_input(&trial, RANK_2(ta ? K : M, ta ? M : K), 1);
    size_t b = trial_typed(&trial, type, tb ? N : K, tb ? K : N);
    size_t y_row = N + gap, a_row = (ta ? M : K) + 2 * gap;
    if (gap > 0) {
        trial_stride(&trial, y, y_row);
        trial_stride(&trial, a, a_row);
    }
    /* Unpacking is exact: as for f32. */
    g_autofree float *B = g_new(float, N *K + 1);
    hone_type_to_f32(type, trial.op[b].before, B, N * K);
    const float *Y = trial_values(&trial, y), *A = trial_values(&trial, a);
    float *bound = trial.op[y].bound = g_new0(float, M *y_row + 1);
    for (size_t m = 0; m < M; m++) {
        for (size_t n = 0; n < N; n++) {
            double size = 0, squares = 0;
            for (size_t k = 0; k < K; k++) {
                double term = (double)A[ta ? k * a_row + m : m * a_row + k] * B[tb ? n * K + k : k * N + n];
                size += fabs(term);
                squares += term * term;
            }
            double old = args->beta != 0 ? fabs((double)args->beta * Y[m * y_row + n]) : 0;
            bound[m * y_row + n] = (float)lab_product_bound(lab, K, args->alpha, size, squares, old);
        }
    }
    return trial_check(&trial);
}

/* Shapes: rows of y, the side of b that is not cut into blocks, blocks along the other one. Of each type every other
 * pair of a shape and a way to multiply, the other half of them by the next type. */
static bool check_shapes(Lab *lab, HoneType type, const size_t (*shapes)[3], size_t n)
{
    static const TypedArgs args[] = {{HONE_TRANS_B, 1, 0},     {0, 1, 0},
                                     {HONE_TRANS_B, -0.5f, 1}, {0, 0.5f, 0.75f},
                                     {HONE_TRANS_A, 1, 1},     {HONE_TRANS_A | HONE_TRANS_B, 1, 0}};
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(args); k++) {
            if ((i + k + (size_t)type) % 2 == 0)
                continue;
            size_t along = shapes[i][2] * hone_type_block(type);
            bool tb = args[k].flags & HONE_TRANS_B;
            if (!check_product(lab, type, shapes[i][0], tb ? shapes[i][1] : along, tb ? along : shapes[i][1], &args[k],
                               (i + k) % 3))
                return false;
        }
    }
    return true;
}

bool check_gemm_typed(Lab *lab)
{
    static const size_t few[][3] = {{1, 1, 1}, {1, 50, 3}, {2, 7, 2}, {5, 33, 1}, {9, 19, 2}, {17, 61, 1}, {45, 39, 1}};
    /* A single value is a block there: odd counts of them. */
    static const size_t plain[][3] = {{1, 5, 77}, {3, 129, 35}, {16, 20, 131}, {40, 37, 51}};
    /* More rows and columns of b than any panel that it is likely to be unpacked in. */
    static const size_t large[][3] = {{1, 300, 33}, {8, 200, 33}, {37, 1100, 9}, {35, 70, 50}, {150, 600, 10}};
    static const size_t none[][3] = {{0, 3, 1}, {3, 0, 1}, {3, 4, 0}};
    for (HoneType type = HONE_F32; type < HONE_TYPE_END_; type++) {
        if (type == HONE_I32)
            continue;
        if (!check_shapes(lab, type, few, G_N_ELEMENTS(few)) || !check_shapes(lab, type, none, G_N_ELEMENTS(none)))
            return false;
        if (hone_type_block(type) == 1 && !check_shapes(lab, type, plain, G_N_ELEMENTS(plain)))
            return false;
        if ((type == HONE_Q4_1 || type == HONE_Q5_0) && !check_shapes(lab, type, large, G_N_ELEMENTS(large)))
            return false;
    }
    return true;
}

static void call_gather(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->gather_rows(s, t[0], t[1], t[2]);
}

bool check_gather_typed(Lab *lab)
{
    static const size_t shapes[][3] = {{1, 1, 1}, {5, 1, 7}, {40, 3, 11}}; /* N, blocks in a row, V */
    for (HoneType type = HONE_F32; type < HONE_TYPE_END_; type++) {
        if (type == HONE_I32)
            continue;
        for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
            size_t N = shapes[i][0], C = shapes[i][1] * hone_type_block(type), V = shapes[i][2];
            g_autofree int32_t *index = g_new(int32_t, N);
            for (size_t n = 0; n < N; n++)
                index[n] = n == 0 ? (int32_t)V - 1 : (int32_t)lab_below(lab, V);
            g_auto(Trial) trial;
            trial_init(&trial, lab, call_gather, NULL, "%zu rows of %zu, %zu values of %s each", N, V, C,
                       hone_type_name(type));
            trial_output(&trial, RANK_2(N, C));
            trial_typed(&trial, type, V, C);
            trial_index(&trial, index, N);
            /* The very values. */
            if (!trial_check(&trial))
                return false;
        }
    }
    return true;
}

/* SPDX-License-Identifier: Apache-2.0
 * conformance_dense.c: checks of copies, changes of type, the order of a stream, and matrix products.
 */
#include "conformance_private.h"

#include <math.h>
#include <string.h>

static void call_copy(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->copy(s, t[0], t[1]);
    ops->copy(s, t[2], t[3]);
    ops->copy(s, t[4], t[5]);
    ops->fill(s, t[6], -2.5f);
    ops->fill(s, t[7], 7);
}

bool check_memory(Lab *lab)
{
    /* Above a few 100,000 values the work may be cut into parts. */
    static const size_t sizes[] = {0, 1, 31, 300001};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        size_t n = sizes[i], blocks = n / 32 * 32;
        g_auto(Trial) trial;
        trial_init(&trial, lab, call_copy, NULL, "copy and fill of %zu", n);
        g_autofree int32_t *numbers = g_new(int32_t, n + 1);
        for (size_t j = 0; j < n; j++)
            numbers[j] = (int32_t)lab_below(lab, 1000);
        trial_output(&trial, RANK_1(n));
        trial_input(&trial, RANK_1(n), 1);
        g_autofree int32_t *empty = g_new0(int32_t, n + 1);
        trial_bytes(&trial, HONE_I32, n, empty, true);
        trial_index(&trial, numbers, n);
        g_autofree unsigned char *packed = g_malloc0(n + 34);
        trial_bytes(&trial, HONE_Q4_1, blocks, packed, true);
        for (size_t j = 0; j < blocks / 32 * 20; j++)
            packed[j] = (unsigned char)lab_below(lab, 256);
        trial_bytes(&trial, HONE_Q4_1, blocks, packed, false);
        trial_output(&trial, RANK_1(n));
        trial_bytes(&trial, HONE_I32, n, empty, true);
        if (!trial_check(&trial))
            return false;
    }
    return true;
}

static void call_convert(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->convert(s, t[0], t[1]);
}

bool check_convert(Lab *lab)
{
    for (HoneType type = HONE_F32; type < HONE_TYPE_END_; type++) {
        if (type == HONE_I32)
            continue;
        /* Any bits are a value of the type (some are NaN); the result is exact. */
        size_t n = hone_type_block(type) * (type % 2 ? 300 : 1), bytes;
        g_assert(hone_type_bytes(type, n, &bytes));
        g_autofree unsigned char *bits = g_malloc(bytes);
        for (size_t j = 0; j < bytes; j++)
            bits[j] = (unsigned char)lab_below(lab, 256);
        g_auto(Trial) trial;
        trial_init(&trial, lab, call_convert, NULL, "convert %s to f32", hone_type_name(type));
        trial_output(&trial, RANK_1(n));
        trial_bytes(&trial, type, n, bits, false);
        if (!trial_check(&trial))
            return false;
    }
    for (int half = 0; half < 2; half++) {
        HoneType type = half ? HONE_F16 : HONE_BF16;
        const size_t n = 1001;
        g_auto(Trial) trial;
        trial_init(&trial, lab, call_convert, NULL, "convert f32 to %s", hone_type_name(type));
        g_autofree uint16_t *empty = g_new0(uint16_t, n);
        trial_bytes(&trial, type, n, empty, true);
        size_t from = trial_input(&trial, RANK_1(n), 100);
        /* Ties, overflow, the smallest. */
        const float special[] = {1 + 0x1p-8f, 1 + 0x3p-8f, 1 + 0x1p-11f, 1 + 0x3p-11f, 65520,
                                 65519,       1e-8f,       -0.0f,        3e38f};
        for (size_t i = 0; i < G_N_ELEMENTS(special); i++)
            trial_values(&trial, from)[i] = special[i];
        if (!trial_check(&trial))
            return false;
    }
    return true;
}

/* Host memory that the device reads where it lies, at any address; what cannot be wrapped is not looked at. */
bool check_wrap(Lab *lab)
{
    const HoneBackendOps *ops = lab->backend->ops;
    static const HoneType types[] = {HONE_F16, HONE_BF16, HONE_Q8_0, HONE_Q4_K};
    for (size_t i = 0; i < G_N_ELEMENTS(types) && ops->wrap != NULL; i++) {
        const size_t n = 512, skip = hone_type_block(types[i]) == 1 ? 2 : 1;
        size_t bytes;
        g_assert(hone_type_bytes(types[i], n, &bytes));
        g_autofree unsigned char *memory = g_malloc(skip + bytes);
        for (size_t j = 0; j < skip + bytes; j++)
            memory[j] = (unsigned char)lab_below(lab, 60); /* no NaN in any of the types */
        g_autofree unsigned char *before = g_memdup2(memory, skip + bytes);
        HoneBuffer *wrapped = ops->wrap(lab->backend->device, memory + skip, bytes);
        if (wrapped == NULL)
            continue;
        g_autofree float *got = g_new0(float, n), *want = g_new0(float, n), *exact = g_new0(float, n);
        hone_type_to_f32(types[i], memory + skip, want, n);
        HoneBuffer *out = hone_backend_alloc(lab->backend, n * sizeof(float), "a check", lab->error);
        bool good = out != NULL;
        if (good) {
            HoneTensor y = hone_tensor_1d(out, 0, HONE_F32, n);
            ops->convert(lab->backend->stream, y, hone_tensor_1d(wrapped, 0, types[i], n));
            good = hone_backend_download(lab->backend, got, y, lab->error);
            hone_backend_release(lab->backend, out, n * sizeof(float));
        }
        ops->free(lab->backend->device, wrapped);
        g_autofree char *what = g_strdup_printf("convert wrapped %s to f32", hone_type_name(types[i]));
        if (!good || !hone_conformance_compare(what, got, n, want, n, exact, lab->error))
            return false;
        if (memcmp(memory, before, skip + bytes) != 0) {
            g_set_error(lab->error, HONE_ERROR, HONE_ERROR_INVALID, "%s: the host's memory has changed.", what);
            return false;
        }
    }
    return true;
}

/* A chain in which every operator needs what the one before it wrote, and overwrites what that one read. */
static void call_chain(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    for (int i = 0; i < *(const int *)args; i++) {
        ops->gemm(s, t[1], t[0], t[2], HONE_TRANS_B, 0.125f, 0);
        ops->glu(s, t[0], t[1], t[1], HONE_SILU);
        ops->add(s, t[0], t[1], 0.5f);
        ops->rmsnorm(s, t[1], (HoneTensor){0}, t[0], t[3], 1e-5f, 0);
        ops->copy(s, t[0], t[1]);
    }
}

bool check_order(Lab *lab)
{
    const size_t N = 85, C = 165;
    bool exact = lab_rounding(lab) == 0;
    const int rounds = exact ? 20 : 4;
    g_auto(Trial) trial;
    trial_init(&trial, lab, call_chain, &rounds, "a chain of %d operators", 5 * rounds);
    size_t x = trial_changed(&trial, RANK_2(N, C), 1), y = trial_output(&trial, RANK_2(N, C));
    trial_input(&trial, RANK_2(C, C), 1);
    trial_input(&trial, RANK_1(C), 1);
    /* 20 rounds of sums over 165 terms, each round able to double an error: a lost or swapped operator changes all
     * digits, so half of f32's are enough. Where products round their factors a round begins with an error of 2^-8,
     * which four rounds bring to 2^-4. */
    double units = exact ? 4096 : 0x1p20;
    trial_allow(&trial, x, units, 4);
    trial_allow(&trial, y, units, 4);
    return trial_check(&trial);
}

typedef struct GemmArgs {
    uint32_t flags;
    float alpha, beta;
} GemmArgs;

static void call_gemm(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    const GemmArgs *g = args;
    ops->gemm(s, t[0], t[1], t[2], g->flags, g->alpha, g->beta);
}

static bool check_product(Lab *lab, size_t M, size_t N, size_t K, const GemmArgs *args, size_t gap)
{
    bool ta = args->flags & HONE_TRANS_A, tb = args->flags & HONE_TRANS_B;
    g_auto(Trial) trial;
    trial_init(&trial, lab, call_gemm, args, "gemm %c%c %zu x %zu x %zu, alpha %g, beta %g%s", ta ? 'T' : 'N',
               tb ? 'T' : 'N', M, N, K, args->alpha, args->beta, gap > 0 ? ", strided" : "");
    /* With beta = 0 the old content is NaN and must not matter. */
    size_t y = args->beta != 0 ? trial_changed(&trial, RANK_2(M, N), 1) : trial_output(&trial, RANK_2(M, N));
    size_t a = trial_input(&trial, RANK_2(ta ? K : M, ta ? M : K), 1);
    size_t b = trial_input(&trial, RANK_2(tb ? N : K, tb ? K : N), 1);
    size_t y_row = N + gap, a_row = (ta ? M : K) + 2 * gap, b_row = (tb ? K : N) + 3 * gap;
    if (gap > 0) {
        trial_stride(&trial, y, y_row);
        trial_stride(&trial, a, a_row);
        trial_stride(&trial, b, b_row);
    }
    const float *Y = trial_values(&trial, y), *A = trial_values(&trial, a), *B = trial_values(&trial, b);
    float *bound = trial.op[y].bound = g_new0(float, M *y_row + 1);
    for (size_t m = 0; m < M; m++) {
        for (size_t n = 0; n < N; n++) {
            double size = 0, squares = 0;
            for (size_t k = 0; k < K; k++) {
                double term = (double)A[ta ? k * a_row + m : m * a_row + k] * B[tb ? n * b_row + k : k * b_row + n];
                size += fabs(term);
                squares += term * term;
            }
            double old = args->beta != 0 ? fabs((double)args->beta * Y[m * y_row + n]) : 0;
            bound[m * y_row + n] = (float)lab_product_bound(lab, K, args->alpha, size, squares, old);
        }
    }
    return trial_check(&trial);
}

bool check_gemm(Lab *lab)
{
    /* Single values, primes, one short side each way, more than one block of any likely kernel, nothing. */
    static const size_t shapes[][3] = {
        {1, 1, 1},      {1, 7, 5},      {3, 17, 64},     {8, 33, 100},  {33, 40, 35},  {64, 65, 66},
        {130, 8, 257},  {257, 130, 8},  {8, 257, 130},   {31, 150, 1},  {1, 300, 129}, {300, 1, 129},
        {129, 300, 77}, {6, 96, 48},    {97, 32, 33},    {40, 400, 50}, {0, 4, 3},     {4, 0, 3},
        {4, 5, 0},      {64, 70, 1700}, {210, 270, 130}, {600, 70, 90},
    };
    static const float factors[][2] = {{1, 0}, {0.5f, 1}, {-1.25f, 0.75f}};
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++)
        for (uint32_t flags = 0; flags < 4; flags++)
            for (size_t f = 0; f < G_N_ELEMENTS(factors); f++) {
                const GemmArgs args = {.flags = flags, .alpha = factors[f][0], .beta = factors[f][1]};
                if (!check_product(lab, shapes[i][0], shapes[i][1], shapes[i][2], &args, 0))
                    return false;
            }
    return true;
}

bool check_gemm_strided(Lab *lab)
{
    static const size_t shapes[][3] = {{5, 7, 9}, {70, 40, 50}, {8, 100, 60}, {100, 8, 60}, {60, 100, 8}};
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++)
        for (uint32_t flags = 0; flags < 4; flags++)
            for (int beta = 0; beta < 2; beta++) {
                const GemmArgs args = {.flags = flags, .alpha = 1, .beta = (float)beta};
                if (!check_product(lab, shapes[i][0], shapes[i][1], shapes[i][2], &args, 1 + i))
                    return false;
            }
    return true;
}

static void call_low_rank(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    const GemmArgs *g = args;
    if (ops->gemm_low_rank != NULL) {
        ops->gemm_low_rank(s, t[0], t[1], t[2], t[3], t[4], g->flags, g->alpha, g->beta);
        return;
    }
    ops->gemm(s, t[0], t[1], t[2], g->flags, 1, g->beta);
    ops->gemm(s, t[0], t[3], t[4], g->flags, g->alpha, 1);
}

/* Against two products of the reference. */
static bool check_sum(Lab *lab, size_t M, size_t N, size_t K, size_t R, const GemmArgs *args)
{
    bool tb = args->flags & HONE_TRANS_B;
    g_auto(Trial) trial;
    trial_init(&trial, lab, call_low_rank, args, "gemm_low_rank N%c %zu x %zu x %zu, rank %zu, scale %g, beta %g",
               tb ? 'T' : 'N', M, N, K, R, args->alpha, args->beta);
    size_t y = args->beta != 0 ? trial_changed(&trial, RANK_2(M, N), 1) : trial_output(&trial, RANK_2(M, N));
    size_t a = trial_input(&trial, RANK_2(M, K), 1), b = trial_input(&trial, RANK_2(tb ? N : K, tb ? K : N), 1);
    size_t u = trial_input(&trial, RANK_2(M, R), 1), v = trial_input(&trial, RANK_2(tb ? N : R, tb ? R : N), 1);
    size_t u_row = R + 5;
    trial_stride(&trial, u, u_row);
    const float *Y = trial_values(&trial, y), *A = trial_values(&trial, a), *B = trial_values(&trial, b);
    const float *U = trial_values(&trial, u), *V = trial_values(&trial, v);
    float *bound = trial.op[y].bound = g_new0(float, M *N + 1);
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n++) {
            double size = 0, squares = 0, low = 0, low_squares = 0;
            for (size_t k = 0; k < K; k++) {
                double term = (double)A[m * K + k] * B[tb ? n * K + k : k * N + n];
                size += fabs(term);
                squares += term * term;
            }
            for (size_t k = 0; k < R; k++) {
                double term = (double)U[m * u_row + k] * V[tb ? n * R + k : k * N + n];
                low += fabs(term);
                low_squares += term * term;
            }
            double old = args->beta != 0 ? fabs((double)args->beta * Y[m * N + n]) : 0;
            bound[m * N + n] = (float)(lab_product_bound(lab, K, 1, size, squares, old) +
                                       lab_product_bound(lab, R, args->alpha, low, low_squares, size + old));
        }
    return trial_check(&trial);
}

bool check_gemm_low_rank(Lab *lab)
{
    /* M, N, K, R: a block of any likely kernel and more, rows left over, one short side each way, nothing to add. */
    static const size_t shapes[][4] = {{7, 9, 11, 3},    {210, 270, 130, 8},   {600, 70, 90, 16}, {97, 192, 64, 1},
                                       {40, 400, 50, 8}, {130, 130, 1700, 24}, {4, 5, 0, 2},      {64, 128, 96, 0}};
    static const float factors[][2] = {{1, 0}, {0.5f, 1}, {-1.25f, 0.75f}};
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++)
        for (uint32_t flags = 0; flags < 4; flags += HONE_TRANS_B)
            for (size_t f = 0; f < G_N_ELEMENTS(factors); f++) {
                const GemmArgs args = {.flags = flags, .alpha = factors[f][0], .beta = factors[f][1]};
                if (!check_sum(lab, shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3], &args))
                    return false;
            }
    return true;
}

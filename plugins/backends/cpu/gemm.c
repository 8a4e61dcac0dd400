/* SPDX-License-Identifier: Apache-2.0
 * gemm.c: matrix products: which code does one, and how threads share it.
 *
 * OpenBLAS copies ("packs") both operands before it multiplies, which pays when every side is long. With one side up to
 * CPU_SKINNY (an adapter's rank, the rows of a decoding batch) the packing costs as much as the product: those go to
 * the kernels in kernels/product.c.
 */
#include "gemm.h"

enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 }; /* of CBLAS */

/* ---- Long on every side: OpenBLAS, one thread each on a block of y. ---- */

static void blas_item(void *data, size_t item, uint32_t thread)
{
    const Gemm *g = data;
    size_t columns = (g->N + g->cut_n - 1) / g->cut_n;
    size_t m = item / columns * g->cut_m, n = item % columns * g->cut_n;
    Gemm part = *g;
    part.M = MIN(g->cut_m, g->M - m);
    part.N = MIN(g->cut_n, g->N - n);
    part.a += g->ta ? m : m * g->a_row;
    part.b += g->tb ? n * g->b_row : n;
    part.y += m * g->y_row + n;
    cpu_gemm_blas(&part);
}

void cpu_gemm_blas(const Gemm *g)
{
    g_assert(g->M <= G_MAXINT && g->N <= G_MAXINT && g->K <= G_MAXINT);
    g_assert(g->y_row <= G_MAXINT && g->a_row <= G_MAXINT && g->b_row <= G_MAXINT);
    g->device->blas.sgemm(ROW_MAJOR, g->ta ? TRANS : NO_TRANS, g->tb ? TRANS : NO_TRANS, (int)g->M, (int)g->N,
                          (int)g->K, g->alpha, g->a, (int)g->a_row, g->b, (int)g->b_row, g->beta, g->y, (int)g->y_row);
}

void cpu_gemm_cut(Gemm *g, size_t unit, double weigh)
{
    size_t threads = cpu_pool_threads(g->device->pool), best_rows = 1, best_columns = 1;
    double best = G_MAXDOUBLE;
    /* A grid of as many blocks as threads. Each row of blocks packs all of b and each column all of a; a block rounds
     * up to what the kernels take at a time. */
    for (size_t rows = 1; rows <= threads; rows++) {
        if (threads % rows != 0)
            continue;
        size_t columns = threads / rows;
        double block =
            (double)round_up((g->M + rows - 1) / rows, 4) * (double)round_up((g->N + columns - 1) / columns, unit);
        /* Packing a value costs about as much as 16 multiply-adds with it, spread over the threads. */
        double packed = (16 + weigh) * (double)rows * (double)g->N + 16 * (double)columns * (double)g->M;
        double cost = block + packed / (double)threads;
        if (cost < best) {
            best = cost;
            best_rows = rows;
            best_columns = columns;
        }
    }
    /* Too little to share: waking a thread costs some microseconds. */
    if ((double)g->M * (double)g->N * (double)g->K < 200e3)
        best_rows = best_columns = 1;
    g->cut_m = round_up((g->M + best_rows - 1) / best_rows, 4);
    g->cut_n = round_up((g->N + best_columns - 1) / best_columns, unit);
}

static void blas_product(Gemm *g)
{
    cpu_gemm_cut(g, 16, 0);
    size_t items = (g->M + g->cut_m - 1) / g->cut_m * ((g->N + g->cut_n - 1) / g->cut_n);
    cpu_pool_run(g->device->pool, items, blas_item, g);
}

/* ---- One short side. ---- */

/* Cuts n into parts for the threads, a multiple of `unit`, none with less than about 20,000 multiply-adds. */
static size_t part_of(const Gemm *g, size_t n, size_t unit)
{
    size_t threads = cpu_pool_threads(g->device->pool);
    double each = (double)g->M * (double)g->N * (double)g->K / (double)n;
    size_t least = (size_t)(20e3 / each) + 1;
    return round_up(MAX((n + threads - 1) / threads, least), unit);
}

/* y block with b's columns side by side. */
static void product_item(void *data, size_t item, uint32_t thread)
{
    const Gemm *g = data;
    size_t columns = (g->N + g->cut_n - 1) / g->cut_n;
    size_t m = item / columns * g->cut_m, n = item % columns * g->cut_n;
    size_t a_step = g->ta ? 1 : g->a_row, a_col = g->ta ? g->a_row : 1;
    g->device->kernels->product(g->y + m * g->y_row + n, g->y_row, g->a + m * a_step, a_step, a_col, g->b + n, g->b_row,
                                MIN(g->cut_m, g->M - m), MIN(g->cut_n, g->N - n), g->K, g->alpha, g->beta);
}

static void plain_product(Gemm *g)
{
    g->cut_m = g->M;
    g->cut_n = g->N;
    /* By rows where there are enough of them for every thread, so that no two write to the same rows. */
    if (g->M >= 24 * cpu_pool_threads(g->device->pool) || g->M > g->N)
        g->cut_m = part_of(g, g->M, 6);
    else
        g->cut_n = part_of(g, g->N, CPU_PAD);
    size_t items = (g->M + g->cut_m - 1) / g->cut_m * ((g->N + g->cut_n - 1) / g->cut_n);
    cpu_pool_run(g->device->pool, items, product_item, g);
}

/* Both operands have k side by side: a [M,K], b [N,K]. */
static void dots_item(void *data, size_t item, uint32_t thread)
{
    const Gemm *g = data;
    if (g->M <= g->N) {
        size_t n = item * g->cut_n;
        g->device->kernels->dots(g->y + n, g->y_row, 1, g->a, g->a_row, g->b + n * g->b_row, g->b_row, g->M,
                                 MIN(g->cut_n, g->N - n), g->K, g->alpha, g->beta);
    } else {
        size_t m = item * g->cut_m;
        g->device->kernels->dots(g->y + m * g->y_row, 1, g->y_row, g->b, g->b_row, g->a + m * g->a_row, g->a_row, g->N,
                                 MIN(g->cut_m, g->M - m), g->K, g->alpha, g->beta);
    }
}

static void dot_product(Gemm *g)
{
    size_t items;
    if (g->M <= g->N) {
        g->cut_n = part_of(g, g->N, 6);
        items = (g->N + g->cut_n - 1) / g->cut_n;
    } else {
        g->cut_m = part_of(g, g->M, 6);
        items = (g->M + g->cut_m - 1) / g->cut_m;
    }
    cpu_pool_run(g->device->pool, items, dots_item, g);
}

/* a [M,K] with far fewer rows than b [N,K]: the rows of a are turned once so that their values lie side by side; then
 * every value of b is used once, where it lies. A piece of yᵀ at a time goes through scratch. */
typedef struct Few {
    const Gemm *g;
    float *turned, *out; /* [K, padded]; for each thread [cut_n, padded] */
    size_t padded;
} Few;

static void few_rows_item(void *data, size_t item, uint32_t thread)
{
    const Few *f = data;
    const Gemm *g = f->g;
    size_t n = item * g->cut_n, count = MIN(g->cut_n, g->N - n), padded = f->padded;
    float *out = f->out + thread * g->cut_n * padded;
    g->device->kernels->product(out, padded, g->b + n * g->b_row, g->b_row, 1, f->turned, padded, count, padded, g->K,
                                g->alpha, 0);
    cpu_put_turned(g->device, g->y + n, g->y_row, out, padded, g->M, count, g->beta);
}

void cpu_put_turned(CpuDevice *device, float *y, size_t y_row, const float *out, size_t padded, size_t M, size_t N,
                    float beta)
{
    if (beta == 0) {
        device->kernels->turn(y, y_row, out, padded, N, M);
        return;
    }
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n++)
            y[m * y_row + n] = out[n * padded + m] + beta * y[m * y_row + n];
}

void cpu_turn_padded(CpuDevice *device, float *turned, size_t padded, const float *x, size_t x_row, size_t rows,
                     size_t cols)
{
    device->kernels->turn(turned, padded, x, x_row, rows, cols);
    for (size_t k = 0; k < cols; k++)
        for (size_t m = rows; m < padded; m++)
            turned[k * padded + m] = 0;
}

/* Rows of b whose share of yᵀ stays in the first cache or not far from it. */
#define FEW_CUT 48

static void few_rows_product(Gemm *g)
{
    Few f = {.g = g, .padded = round_up(g->M, CPU_PAD)};
    g->cut_n = MIN(part_of(g, g->N, 6), FEW_CUT);
    size_t out = g->cut_n * f.padded * cpu_pool_threads(g->device->pool);
    f.turned = cpu_scratch(g->device, (g->K * f.padded + out) * sizeof(float));
    f.out = f.turned + g->K * f.padded;
    cpu_turn_padded(g->device, f.turned, f.padded, g->a, g->a_row, g->M, g->K);
    cpu_pool_run(g->device->pool, (g->N + g->cut_n - 1) / g->cut_n, few_rows_item, &f);
}

/* b becomes its transpose, in scratch. */
static void turn_b(Gemm *g)
{
    size_t rows = g->tb ? g->N : g->K, cols = g->tb ? g->K : g->N;
    float *turned = cpu_scratch(g->device, rows * cols * sizeof(float));
    g->device->kernels->turn(turned, rows, g->b, g->b_row, rows, cols);
    g->b = turned;
    g->b_row = rows;
    g->tb = !g->tb;
}

/* a [K,M], b [K,N] with N short: yᵀ = bᵀ·a in scratch, then turned into y. */
static void turned_product(Gemm *g)
{
    Gemm t = {.device = g->device,
              .a = g->b,
              .a_row = g->b_row,
              .b = g->a,
              .b_row = g->a_row,
              .M = g->N,
              .N = g->M,
              .K = g->K,
              .ta = true,
              .alpha = g->alpha,
              .y_row = g->M};
    t.y = cpu_scratch(g->device, g->M * g->N * sizeof(float));
    plain_product(&t);
    for (size_t m = 0; m < g->M; m++) {
        float *y = g->y + m * g->y_row;
        for (size_t n = 0; n < g->N; n++)
            y[n] = t.y[n * g->M + m] + (g->beta != 0 ? g->beta * y[n] : 0);
    }
}

#define FEW_COLUMNS_FOR_DOTS 8
/* Up to this many rows against a b with many times more (the head), OpenBLAS's packing of b costs more than its kernel
 * gains: measured 83 against 53 GFLOP/s for 43 rows, 89 against 83 for 170, 93 against 97 for 256. */
#define FEW_ROWS 192
#define MANY_TIMES 8

bool cpu_gemm_few_rows(const Gemm *g)
{
    return (g->M <= CPU_SKINNY && g->M <= g->N) || (g->M <= FEW_ROWS && g->N > MANY_TIMES * g->M);
}

static void multiply(Gemm *g)
{
    bool short_m = g->M <= CPU_SKINNY, short_n = g->N <= CPU_SKINNY, short_k = g->K <= CPU_SKINNY;
    if (g->ta && g->tb) {
        blas_product(g);
    } else if (!g->ta && g->tb) {
        if (g->M <= FEW_FOR_DOTS || (g->N <= FEW_COLUMNS_FOR_DOTS && g->M > g->N)) {
            dot_product(g);
        } else if (cpu_gemm_few_rows(g)) {
            few_rows_product(g);
        } else if (short_n || short_k) {
            turn_b(g);
            plain_product(g);
        } else {
            blas_product(g);
        }
    } else if (short_m || short_k) {
        plain_product(g);
    } else if (short_n && g->ta) {
        turned_product(g);
    } else if (short_n && g->N <= FEW_COLUMNS_FOR_DOTS) {
        turn_b(g);
        dot_product(g);
    } else if (short_n) {
        plain_product(g);
    } else {
        blas_product(g);
    }
}

/* Values that are f32 and lie as such are used in place, all others are unpacked on the way. */
static void take_b(Gemm *g, HoneTensor b)
{
    g_assert(b.rank == 2 && b.type != HONE_I32);
    if (g->K == 0) {
        g->b = g->y; /* nothing of b is read */
        return;
    }
    bool plain = b.type == HONE_F32 && (uintptr_t)(b.buffer->data + b.offset) % sizeof(float) == 0;
    if (plain) {
        g->b = cpu_matrix(b, &g->b_row);
        return;
    }
    g->typed = cpu_bytes(b);
    g->type = b.type;
    g_assert(hone_type_bytes(b.type, b.shape[1], &g->typed_row));
}

bool cpu_gemm_take(Gemm *g, HoneStream *s, HoneTensor y, HoneTensor a, HoneTensor b, uint32_t flags, float alpha,
                   float beta)
{
    *g = (Gemm){
        .device = s->device, .ta = flags & HONE_TRANS_A, .tb = flags & HONE_TRANS_B, .alpha = alpha, .beta = beta};
    g->y = cpu_matrix(y, &g->y_row);
    g->a = cpu_matrix(a, &g->a_row);
    g->M = y.shape[0];
    g->N = y.shape[1];
    g->K = a.shape[g->ta ? 0 : 1];
    g_assert(a.shape[g->ta ? 1 : 0] == g->M && b.shape[g->tb ? 1 : 0] == g->K && b.shape[g->tb ? 0 : 1] == g->N);
    if (g->M == 0 || g->N == 0)
        return false;
    take_b(g, b);
    if (s->device->profile != NULL)
        g_snprintf(g->label, sizeof(g->label), "gemm %c%c %zu %zu %zu", g->ta ? 'T' : 'N', g->tb ? 'T' : 'N',
                   g->ta ? g->M : (size_t)0, g->N, g->ta ? (size_t)0 : g->K);
    return true;
}

void cpu_gemm_run(Gemm *g)
{
    if (g->typed != NULL)
        cpu_gemm_typed(g);
    else
        multiply(g);
}

void cpu_gemm(HoneStream *s, HoneTensor y, HoneTensor a, HoneTensor b, uint32_t flags, float alpha, float beta)
{
    Gemm g;
    if (!cpu_gemm_take(&g, s, y, a, b, flags, alpha, beta))
        return;
    CPU_TIMED(s, g.label, cpu_gemm_work(&g));
    cpu_gemm_run(&g);
}

/* SPDX-License-Identifier: Apache-2.0
 * gemm_typed.c: products with a matrix b that keeps the type of its file.
 *
 * A panel of b at a time is unpacked to f32 into scratch of the thread's own, small enough to stay in the second cache,
 * and multiplied as any other: b as a whole never exists in f32. The sums are those of the same product with b
 * converted first, but for where k is cut.
 */
#include "gemm.h"

#include <string.h>

#define PANEL_FLOATS ((size_t)256 << 10) /* of a panel: 1 MiB */
#define PANEL_K 768                      /* most of k in a panel, where one has many rows */
#define FEW_ROWS_OF_B 48                 /* in a panel, where a's rows are few */
/* Unpacking a value costs about as much as so many multiply-adds. */
#define UNPACK_WEIGH 12

/* The most rows that are multiplied straight from b's blocks. */
#define DECODE_ROWS_MOST 8
/* So few multiply-adds are not worth waking a thread for. */
#define ALONE 40000

typedef struct Typed {
    const Gemm *g;
    bool few;          /* a's rows are few: kernels of kernels/product.c, else OpenBLAS */
    size_t rows, cols; /* most of a panel, in b's own layout */
    float *panels;     /* for each thread [rows, cols] */
    float *turned;     /* few and tb: aᵀ [K, padded] */
    float *out;        /* few and tb: for each thread [rows, padded] */
    size_t padded;
} Typed;

/* Rows [r, r + n) and columns [c, c + n_cols) of b into panel [n, n_cols]. */
static void unpack(const Gemm *g, float *panel, size_t r, size_t n, size_t c, size_t n_cols)
{
    size_t block = hone_type_block(g->type), bytes = hone_type_block_bytes(g->type);
    const unsigned char *at = g->typed + r * g->typed_row + c / block * bytes;
    for (size_t i = 0; i < n; i++, at += g->typed_row)
        g->device->kernels->unpack(g->type, at, panel + i * n_cols, n_cols);
}

/* y [M, n] of a few rows: panel [n, k] by aᵀ's rows from k0 on. */
static void few_turned(const Typed *t, const Gemm *part, size_t k0, float *out)
{
    const CpuKernels *kernels = part->device->kernels;
    kernels->product(out, t->padded, part->b, part->b_row, 1, t->turned + k0 * t->padded, t->padded, part->N, t->padded,
                     part->K, part->alpha, 0);
    cpu_put_turned(part->device, part->y, part->y_row, out, t->padded, part->M, part->N, part->beta);
}

static void multiply_panel(const Typed *t, const Gemm *part, size_t k0, uint32_t thread)
{
    const CpuKernels *kernels = part->device->kernels;
    if (!t->few)
        cpu_gemm_blas(part);
    else if (!part->tb)
        kernels->product(part->y, part->y_row, part->a, part->ta ? 1 : part->a_row, part->ta ? part->a_row : 1, part->b,
                         part->b_row, part->M, part->N, part->K, part->alpha, part->beta);
    else if (t->turned == NULL)
        kernels->dots(part->y, part->y_row, 1, part->a, part->a_row, part->b, part->b_row, part->M, part->N, part->K,
                      part->alpha, part->beta);
    else
        few_turned(t, part, k0, t->out + thread * t->rows * t->padded);
}

/* A block of y. */
static void typed_item(void *data, size_t item, uint32_t thread)
{
    const Typed *t = data;
    const Gemm *g = t->g;
    size_t columns = (g->N + g->cut_n - 1) / g->cut_n;
    size_t m = item / columns * g->cut_m, first = item % columns * g->cut_n, end = MIN(first + g->cut_n, g->N);
    size_t step_n = g->tb ? t->rows : t->cols, step_k = g->tb ? t->cols : t->rows;
    float *panel = t->panels + thread * t->rows * t->cols;
    for (size_t n = first; n < end; n += step_n) {
        for (size_t k = 0; k < g->K; k += step_k) {
            Gemm part = *g;
            part.M = MIN(g->cut_m, g->M - m);
            part.N = MIN(step_n, end - n);
            part.K = MIN(step_k, g->K - k);
            part.a += g->ta ? k * g->a_row + m : m * g->a_row + k;
            part.y += m * g->y_row + n;
            part.b = panel;
            part.b_row = g->tb ? part.K : part.N;
            part.beta = k == 0 ? g->beta : 1;
            if (g->tb)
                unpack(g, panel, n, part.N, k, part.K);
            else
                unpack(g, panel, k, part.K, n, part.N);
            multiply_panel(t, &part, k, thread);
        }
    }
}

/* n cut into as few parts of at most `most` as there can be, all about as long, a multiple of unit. */
static size_t even_part(size_t n, size_t most, size_t unit)
{
    size_t parts = (n + most - 1) / most;
    return round_up((n + parts - 1) / parts, unit);
}

/* ---- A few rows: every weight is used where it is unpacked, in registers. ---- */

#define DECODE_VALUES ((size_t)128 << 10) /* of b in an item, about: some 10 µs */

static void decode_item(void *data, size_t item, uint32_t thread)
{
    const Gemm *g = data;
    size_t n = item * g->cut_n;
    for (size_t m = 0; m < g->M; m += CPU_DECODE)
        g->device->kernels->decode(g->type, g->y + m * g->y_row + n, g->y_row, g->a + m * g->a_row, g->a_row,
                                   g->typed + n * g->typed_row, g->typed_row, MIN(CPU_DECODE, g->M - m),
                                   MIN(g->cut_n, g->N - n), g->K, g->alpha, g->beta);
}

static void decode_product(Gemm *g)
{
    size_t threads = cpu_pool_threads(g->device->pool), share = (g->N + threads - 1) / threads;
    g->cut_n = round_up(MIN(share, DECODE_VALUES / g->K + 1), 4);
    if (g->M * g->N * g->K < ALONE)
        g->cut_n = g->N;
    cpu_pool_run(g->device->pool, (g->N + g->cut_n - 1) / g->cut_n, decode_item, g);
}

void cpu_gemm_typed(Gemm *g)
{
    if (g->tb && !g->ta && g->M <= DECODE_ROWS_MOST && g->device->kernels->decodes(g->type)) {
        decode_product(g);
        return;
    }
    size_t block = MAX(hone_type_block(g->type), 16), threads = cpu_pool_threads(g->device->pool);
    Typed t = {.g = g};
    t.few = !(g->ta && g->tb) && (g->M <= CPU_SKINNY || (g->tb && cpu_gemm_few_rows(g)));
    if (t.few) {
        /* Items that no thread waits long for, none so small that waking one costs more. */
        size_t least = 20000 / (g->M * g->K) + 1;
        g->cut_m = g->M;
        g->cut_n = round_up(MAX((g->N + 2 * threads - 1) / (2 * threads), least), g->tb ? 16 : block);
    } else
        cpu_gemm_cut(g, g->tb ? 16 : block, UNPACK_WEIGH);
    if (g->tb) {
        t.cols = even_part(g->K, PANEL_K, block);
        t.rows = t.few ? MIN(g->cut_n, FEW_ROWS_OF_B) : even_part(g->cut_n, PANEL_FLOATS / t.cols, 16);
    } else {
        t.cols = even_part(g->cut_n, PANEL_K, block);
        t.rows = even_part(g->K, PANEL_FLOATS / t.cols, 16);
    }
    bool turn = t.few && g->tb && g->M > FEW_FOR_DOTS;
    t.padded = turn ? round_up(g->M, CPU_PAD) : 0;
    size_t floats = (t.rows * t.cols + t.rows * t.padded) * threads + g->K * t.padded;
    t.panels = cpu_scratch(g->device, floats * sizeof(float));
    if (turn) {
        t.out = t.panels + t.rows * t.cols * threads;
        t.turned = t.out + t.rows * t.padded * threads;
        cpu_turn_padded(g->device, t.turned, t.padded, g->a, g->a_row, g->M, g->K);
    }
    size_t items = (g->M + g->cut_m - 1) / g->cut_m * ((g->N + g->cut_n - 1) / g->cut_n);
    cpu_pool_run(g->device->pool, items, typed_item, &t);
}

/* SPDX-License-Identifier: Apache-2.0
 * optimizer_small.c: AdamW with 8-bit states, and Adafactor; formulas in the reference backend's file of this name.
 *
 * The threads cut 8-bit states between blocks, and matrices between rows or columns: no sum's order depends on them.
 */
#include "cpu.h"

#include <math.h>

#define GRAIN ((size_t)8 << 10) /* values */

/* ---- 8-bit states. ---- */

typedef struct Small {
    const CpuKernels *kernels;
    float *p, *m_scale, *v_scale;
    const float *g, *m_map, *v_map;
    unsigned char *m, *v;
    size_t n;
    const HoneAdamW *args;
} Small;

/* The place of the value nearest to x in [-1, 1]; of two, the lower. Eight halvings without a branch. */
static unsigned char nearest(const float *map, float x)
{
    size_t low = 0;
    for (size_t half = 128; half > 0; half /= 2)
        low += map[low + half] <= x ? half : 0;
    return (unsigned char)(low < 255 && map[low + 1] - x < x - map[low] ? low + 1 : low);
}

static void unpack(float *values, const unsigned char *codes, float scale, const float *map, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = map[codes[i]] * scale;
}

static void pack(unsigned char *codes, float *scale, const float *values, const float *map, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i++)
        most = MAX(most, fabsf(values[i]));
    *scale = most;
    for (size_t i = 0; i < n; i++)
        codes[i] = nearest(map, most > 0 ? values[i] / most : 0);
}

/* Blocks [first, first + count). */
static void small_part(void *data, size_t first, size_t count)
{
    const Small *a = data;
    for (size_t b = first; b < first + count; b++) {
        size_t at = b * HONE_STATE_BLOCK, n = MIN(HONE_STATE_BLOCK, a->n - at);
        float moment[HONE_STATE_BLOCK], square[HONE_STATE_BLOCK];
        unpack(moment, a->m + at, a->m_scale[b], a->m_map, n);
        unpack(square, a->v + at, a->v_scale[b], a->v_map, n);
        a->kernels->adamw(a->p + at, a->g + at, moment, square, n, a->args);
        pack(a->m + at, &a->m_scale[b], moment, a->m_map, n);
        pack(a->v + at, &a->v_scale[b], square, a->v_map, n);
    }
}

void cpu_adamw_8bit(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, HoneTensor v, HoneTensor m_scale,
                    HoneTensor v_scale, const HoneAdamW *args)
{
    size_t n = hone_tensor_count(p), words = (n + 3) / 4, blocks = (n + HONE_STATE_BLOCK - 1) / HONE_STATE_BLOCK;
    g_assert(hone_tensor_count(g) == n && args->step >= 1);
    g_assert(hone_tensor_count(m) == words && hone_tensor_count(v) == words);
    g_assert(hone_tensor_count(m_scale) == blocks && hone_tensor_count(v_scale) == blocks);
    CPU_TIMED(s, "adamw_8bit", 16 * n);
    Small a = {.kernels = s->device->kernels,
               .p = cpu_f32(p, 0),
               .m_scale = cpu_f32(m_scale, 1),
               .v_scale = cpu_f32(v_scale, 1),
               .g = cpu_f32(g, 0),
               .m_map = hone_state_map(true),
               .v_map = hone_state_map(false),
               .m = (unsigned char *)cpu_i32(m, 1),
               .v = (unsigned char *)cpu_i32(v, 1),
               .n = n,
               .args = args};
    cpu_split(s->device, blocks, GRAIN / HONE_STATE_BLOCK, small_part, &a);
}

/* ---- Adafactor. ---- */

typedef struct Factor {
    float *p, *row, *col;
    const float *g;
    double *sums; /* [R]: a row's share of the update's squares */
    size_t R, C;
    double mean, shrink;
    const HoneAdafactor *args;
} Factor;

static double squared(const Factor *a, size_t i)
{
    double gradient = a->args->gradient_scale * (double)a->g[i];
    return gradient * gradient + a->args->epsilon;
}

static void rows_part(void *data, size_t first, size_t count)
{
    const Factor *a = data;
    for (size_t i = first; i < first + count; i++) {
        double sum = 0;
        for (size_t j = 0; j < a->C; j++)
            sum += squared(a, i * a->C + j);
        a->row[i] = (float)(a->args->beta2 * (double)a->row[i] + (1 - a->args->beta2) * sum / (double)a->C);
    }
}

#define COLUMNS 64 /* whose sums are kept at once */

static void columns_part(void *data, size_t first, size_t count)
{
    const Factor *a = data;
    for (size_t from = first; from < first + count; from += COLUMNS) {
        size_t n = MIN(COLUMNS, first + count - from);
        double sum[COLUMNS] = {0};
        for (size_t i = 0; i < a->R; i++)
            for (size_t j = 0; j < n; j++)
                sum[j] += squared(a, i * a->C + from + j);
        for (size_t j = 0; j < n; j++)
            a->col[from + j] =
                (float)(a->args->beta2 * (double)a->col[from + j] + (1 - a->args->beta2) * sum[j] / (double)a->R);
    }
}

/* What value j of row i is multiplied with, but for the rate. */
static double update(const Factor *a, size_t i, size_t j)
{
    double v = a->col ? (double)a->row[i] * (double)a->col[j] / a->mean : (double)a->row[i];
    return a->args->gradient_scale * (double)a->g[i * a->C + j] / sqrt(v);
}

static void squares_part(void *data, size_t first, size_t count)
{
    const Factor *a = data;
    for (size_t i = first; i < first + count; i++) {
        double sum = 0;
        for (size_t j = 0; j < a->C; j++)
            sum += update(a, i, j) * update(a, i, j);
        a->sums[i] = sum;
    }
}

static void step_part(void *data, size_t first, size_t count)
{
    const Factor *a = data;
    double rate = a->args->learning_rate, keep = 1 - rate * a->args->weight_decay;
    for (size_t i = first; i < first + count; i++)
        for (size_t j = 0; j < a->C; j++) {
            float *p = &a->p[i * a->C + j];
            *p = (float)((double)*p * keep - rate * update(a, i, j) / a->shrink);
        }
}

void cpu_adafactor(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor row, HoneTensor col, const HoneAdafactor *args)
{
    size_t n = hone_tensor_count(p), R = col.buffer ? p.shape[0] : n, C = col.buffer ? p.shape[1] : 1;
    g_assert(hone_tensor_count(g) == n && hone_tensor_count(row) == R);
    g_assert(!col.buffer || (p.rank == 2 && hone_tensor_count(col) == C));
    CPU_TIMED(s, "adafactor", 24 * n);
    if (n == 0)
        return;
    Factor a = {.p = cpu_f32(p, 0),
                .row = cpu_f32(row, 0),
                .col = col.buffer ? cpu_f32(col, 0) : NULL,
                .g = cpu_f32(g, 0),
                .sums = cpu_scratch(s->device, R * sizeof(double)),
                .R = R,
                .C = C,
                .args = args};
    size_t rows = MAX(1, GRAIN / C);
    cpu_split(s->device, R, rows, rows_part, &a);
    if (a.col)
        cpu_split(s->device, C, COLUMNS, columns_part, &a);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < R; i++)
        sum += (double)a.row[i];
    a.mean = sum / (double)R;
    cpu_split(s->device, R, rows, squares_part, &a);
    for (size_t i = 0; i < R; i++)
        squares += a.sums[i];
    a.shrink = MAX(1, sqrt(squares / (double)n) / args->clip);
    cpu_split(s->device, R, rows, step_part, &a);
}

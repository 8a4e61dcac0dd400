/* SPDX-License-Identifier: Apache-2.0
 * elementwise.c: operators that work on each value by itself.
 */
#include "cpu.h"

#include <hone/random.h>
#include <math.h>

#define GRAIN ((size_t)16 << 10) /* values: some microseconds of work */

typedef struct Work {
    CpuDevice *device;
    float *y, *y2;
    const float *x, *gate, *up;
    float alpha;
    HoneActivation act;
    uint64_t seed, first;
    uint32_t least;
    size_t rows, columns, stride;
} Work;

static void add_part(void *data, size_t first, size_t count)
{
    const Work *w = data;
    w->device->kernels->add(w->y + first, w->x + first, w->alpha, count);
}

void cpu_add(HoneStream *s, HoneTensor y, HoneTensor x, float alpha)
{
    size_t n = hone_tensor_count(y);
    g_assert(hone_tensor_count(x) == n);
    CPU_TIMED(s, "add", 12 * n);
    Work w = {.device = s->device, .y = cpu_f32(y, 0), .x = cpu_f32(x, 0), .alpha = alpha};
    cpu_split(s->device, n, GRAIN, add_part, &w);
}

static void scale_part(void *data, size_t first, size_t count)
{
    const Work *w = data;
    w->device->kernels->scale(w->y + first, w->alpha, count);
}

void cpu_scale(HoneStream *s, HoneTensor y, float alpha)
{
    size_t n = hone_tensor_count(y);
    CPU_TIMED(s, "scale", 8 * n);
    Work w = {.device = s->device, .y = cpu_f32(y, 0), .alpha = alpha};
    cpu_split(s->device, n, GRAIN, scale_part, &w);
}

static void add_bias_part(void *data, size_t first, size_t count)
{
    const Work *w = data;
    for (size_t n = first; n < first + count; n++)
        w->device->kernels->add(w->y + n * w->stride, w->x, 1, w->columns);
}

void cpu_add_bias(HoneStream *s, HoneTensor y, HoneTensor b)
{
    size_t N = y.shape[0], F = y.shape[1];
    g_assert(b.shape[0] == F);
    CPU_TIMED(s, "add_bias", 8 * N * F);
    Work w = {.device = s->device, .x = cpu_f32(b, 1), .columns = F};
    w.y = cpu_matrix(y, &w.stride);
    cpu_split(s->device, N, GRAIN / MAX(F, 1), add_bias_part, &w);
}

/* A range of columns for all rows. */
static void add_bias_bwd_part(void *data, size_t first, size_t count)
{
    const Work *w = data;
    for (size_t f = first; f < first + count; f += 64) {
        float sum[64] = {0};
        size_t columns = MIN(64, first + count - f);
        for (size_t n = 0; n < w->rows; n++)
            w->device->kernels->add(sum, w->x + n * w->stride + f, 1, columns);
        w->device->kernels->add(w->y + f, sum, 1, columns);
    }
}

void cpu_add_bias_bwd(HoneStream *s, HoneTensor db, HoneTensor dy)
{
    size_t N = dy.shape[0], F = dy.shape[1];
    g_assert(db.shape[0] == F);
    CPU_TIMED(s, "add_bias_bwd", 4 * N * F);
    Work w = {.device = s->device, .y = cpu_f32(db, 1), .rows = N};
    w.x = cpu_matrix(dy, &w.stride);
    size_t columns = GRAIN / MAX(N, 1) + 63;
    cpu_split(s->device, F, columns / 64 * 64, add_bias_bwd_part, &w);
}

static void scale_columns_part(void *data, size_t first, size_t count)
{
    const Work *w = data;
    for (size_t n = first; n < first + count; n++)
        for (size_t f = 0; f < w->columns; f++)
            w->y[n * w->columns + f] *= w->x[f];
}

void cpu_scale_columns(HoneStream *s, HoneTensor y, HoneTensor g)
{
    size_t N = y.shape[0], F = y.shape[1];
    g_assert(g.shape[0] == F);
    CPU_TIMED(s, "scale_columns", 8 * N * F);
    Work w = {.device = s->device, .y = cpu_f32(y, 0), .x = cpu_f32(g, 1), .columns = F};
    cpu_split(s->device, N, GRAIN / MAX(F, 1), scale_columns_part, &w);
}

/* A range of columns for all rows. */
static void dot_columns_part(void *data, size_t first, size_t count)
{
    const Work *w = data;
    for (size_t f = first; f < first + count; f += 64) {
        double sum[64] = {0};
        size_t columns = MIN(64, first + count - f);
        for (size_t n = 0; n < w->rows; n++)
            for (size_t i = 0; i < columns; i++)
                sum[i] += (double)w->x[n * w->columns + f + i] * (double)w->gate[n * w->columns + f + i];
        for (size_t i = 0; i < columns; i++)
            w->y[f + i] = (float)((double)w->y[f + i] + sum[i]);
    }
}

void cpu_dot_columns(HoneStream *s, HoneTensor dg, HoneTensor x, HoneTensor y)
{
    size_t N = x.shape[0], F = x.shape[1];
    g_assert(dg.shape[0] == F && y.shape[0] == N && y.shape[1] == F);
    CPU_TIMED(s, "dot_columns", 8 * N * F);
    Work w = {.device = s->device, .y = cpu_f32(dg, 1), .x = cpu_f32(x, 0), .gate = cpu_f32(y, 0)};
    w.rows = N;
    w.columns = F;
    size_t columns = GRAIN / MAX(N, 1) + 63;
    cpu_split(s->device, F, columns / 64 * 64, dot_columns_part, &w);
}

static void soft_cap_part(void *data, size_t first, size_t count)
{
    const Work *w = data;
    w->device->kernels->soft_cap(w->y + first, w->alpha, count);
}

void cpu_soft_cap(HoneStream *s, HoneTensor y, float c)
{
    size_t n = hone_tensor_count(y);
    g_assert(c > 0);
    CPU_TIMED(s, "soft_cap", 8 * n);
    Work w = {.device = s->device, .y = cpu_f32(y, 0), .alpha = c};
    cpu_split(s->device, n, GRAIN / 4, soft_cap_part, &w);
}

static void glu_part(void *data, size_t first, size_t count)
{
    const Work *w = data;
    w->device->kernels->glu(w->y + first, w->gate + first, w->up + first, count, w->act);
}

void cpu_glu(HoneStream *s, HoneTensor y, HoneTensor gate, HoneTensor up, HoneActivation act)
{
    size_t n = hone_tensor_count(y);
    g_assert(hone_tensor_count(gate) == n && hone_tensor_count(up) == n);
    CPU_TIMED(s, "glu", 12 * n);
    Work w = {.device = s->device, .y = cpu_f32(y, 0), .gate = cpu_f32(gate, 0), .up = cpu_f32(up, 0), .act = act};
    cpu_split(s->device, n, GRAIN / 4, glu_part, &w);
}

static void glu_bwd_part(void *data, size_t first, size_t count)
{
    const Work *w = data;
    w->device->kernels->glu_bwd(w->y + first, w->y2 + first, w->x + first, w->gate + first, w->up + first, count,
                                w->act);
}

void cpu_glu_bwd(HoneStream *s, HoneTensor dgate, HoneTensor dup, HoneTensor dy, HoneTensor gate, HoneTensor up,
                 HoneActivation act)
{
    size_t n = hone_tensor_count(dy);
    g_assert(hone_tensor_count(dgate) == n && hone_tensor_count(dup) == n);
    g_assert(hone_tensor_count(gate) == n && hone_tensor_count(up) == n);
    CPU_TIMED(s, "glu_bwd", 20 * n);
    Work w = {.device = s->device,
              .y = cpu_f32(dgate, 0),
              .y2 = cpu_f32(dup, 0),
              .x = cpu_f32(dy, 0),
              .gate = cpu_f32(gate, 0),
              .up = cpu_f32(up, 0),
              .act = act};
    cpu_split(s->device, n, GRAIN / 4, glu_bwd_part, &w);
}

static void dropout_part(void *data, size_t first, size_t count)
{
    const Work *w = data;
    w->device->kernels->dropout(w->y + first, w->x + first, count, w->alpha, w->least, w->seed, HONE_STREAM_DROPOUT,
                                w->first + first);
}

void cpu_dropout(HoneStream *s, HoneTensor y, HoneTensor x, float p, uint64_t seed, uint64_t first)
{
    size_t n = hone_tensor_count(y);
    g_assert(hone_tensor_count(x) == n && p >= 0 && p < 1);
    CPU_TIMED(s, "dropout", 8 * n);
    /* word·2^-32 >= p where the word is at least p·2^32, rounded up. The largest float below 1 leaves room. */
    Work w = {.device = s->device,
              .y = cpu_f32(y, 0),
              .x = cpu_f32(x, 0),
              .alpha = (float)(1 / (1 - (double)p)),
              .seed = seed,
              .first = first,
              .least = (uint32_t)ceil((double)p * 0x1p32)};
    cpu_split(s->device, n, GRAIN / 8, dropout_part, &w);
}

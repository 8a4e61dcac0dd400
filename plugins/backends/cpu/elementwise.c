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

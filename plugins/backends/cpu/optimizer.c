/* SPDX-License-Identifier: Apache-2.0
 * optimizer.c: AdamW, SGD, Lion and the sum of squares.
 */
#include "cpu.h"

#define GRAIN ((size_t)32 << 10) /* values: the cut of the sum of squares, which must not depend on the threads */

typedef struct Squares {
    const CpuKernels *kernels;
    const float *x;
    double *parts;
    size_t n;
} Squares;

static void squares_item(void *data, size_t item, uint32_t thread)
{
    const Squares *s = data;
    size_t first = item * GRAIN;
    s->parts[item] = s->kernels->sum_squares(s->x + first, MIN(GRAIN, s->n - first));
}

void cpu_sum_squares(HoneStream *s, HoneTensor out, HoneTensor x)
{
    size_t n = hone_tensor_count(x), items = (n + GRAIN - 1) / GRAIN;
    g_assert(out.shape[0] == 1);
    CPU_TIMED(s, "sum_squares", 4 * n);
    Squares work = {.kernels = s->device->kernels, .x = cpu_f32(x, 0), .n = n};
    work.parts = cpu_scratch(s->device, MAX(items, 1) * sizeof(double));
    cpu_pool_run(s->device->pool, items, squares_item, &work);
    double total = 0;
    for (size_t i = 0; i < items; i++)
        total += work.parts[i];
    float *sum = cpu_f32(out, 1);
    *sum = (float)(*sum + total);
}

typedef struct Adam {
    const CpuKernels *kernels;
    float *p, *m, *v;
    const float *g;
    const HoneAdamW *args;
} Adam;

static void adamw_part(void *data, size_t first, size_t count)
{
    const Adam *a = data;
    a->kernels->adamw(a->p + first, a->g + first, a->m + first, a->v + first, count, a->args);
}

void cpu_adamw(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, HoneTensor v, const HoneAdamW *args)
{
    size_t n = hone_tensor_count(p);
    g_assert(hone_tensor_count(g) == n && hone_tensor_count(m) == n && hone_tensor_count(v) == n && args->step >= 1);
    CPU_TIMED(s, "adamw", 28 * n);
    Adam a = {.kernels = s->device->kernels,
              .p = cpu_f32(p, 0),
              .g = cpu_f32(g, 0),
              .m = cpu_f32(m, 0),
              .v = cpu_f32(v, 0),
              .args = args};
    cpu_split(s->device, n, GRAIN / 4, adamw_part, &a);
}

typedef struct Simple {
    const CpuKernels *kernels;
    float *p, *m;
    const float *g;
    const void *args;
} Simple;

static void sgd_part(void *data, size_t first, size_t count)
{
    const Simple *a = data;
    a->kernels->sgd(a->p + first, a->g + first, a->m ? a->m + first : NULL, count, a->args);
}

static void lion_part(void *data, size_t first, size_t count)
{
    const Simple *a = data;
    a->kernels->lion(a->p + first, a->g + first, a->m + first, count, a->args);
}

void cpu_sgd(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, const HoneSgd *args)
{
    size_t n = hone_tensor_count(p);
    g_assert(hone_tensor_count(g) == n && (m.buffer ? hone_tensor_count(m) == n : args->momentum == 0));
    CPU_TIMED(s, "sgd", 20 * n);
    Simple a = {.kernels = s->device->kernels,
                .p = cpu_f32(p, 0),
                .g = cpu_f32(g, 0),
                .m = m.buffer ? cpu_f32(m, 0) : NULL,
                .args = args};
    cpu_split(s->device, n, GRAIN / 4, sgd_part, &a);
}

void cpu_lion(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, const HoneLion *args)
{
    size_t n = hone_tensor_count(p);
    g_assert(hone_tensor_count(g) == n && hone_tensor_count(m) == n);
    CPU_TIMED(s, "lion", 20 * n);
    Simple a = {
        .kernels = s->device->kernels, .p = cpu_f32(p, 0), .g = cpu_f32(g, 0), .m = cpu_f32(m, 0), .args = args};
    cpu_split(s->device, n, GRAIN / 4, lion_part, &a);
}

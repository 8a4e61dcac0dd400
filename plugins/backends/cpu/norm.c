/* SPDX-License-Identifier: Apache-2.0
 * norm.c: root mean square normalisation and its gradient.
 */
#include "cpu.h"

#define GRAIN ((size_t)8 << 10) /* values */

typedef struct Norm {
    const CpuKernels *kernels;
    float *y, *rstd_out, *dw;
    const float *x, *w, *dy, *rstd;
    size_t N, C;
    float epsilon, offset;
} Norm;

static void forward_part(void *data, size_t first, size_t count)
{
    const Norm *n = data;
    n->kernels->rmsnorm(n->y + first * n->C, n->rstd_out != NULL ? n->rstd_out + first : NULL, n->x + first * n->C,
                        n->w, count, n->C, n->epsilon, n->offset);
}

void cpu_rmsnorm(HoneStream *s, HoneTensor y, HoneTensor rstd, HoneTensor x, HoneTensor w, float epsilon,
                 float w_offset)
{
    size_t N = x.shape[0], C = x.shape[1];
    g_assert(y.shape[0] == N && y.shape[1] == C && w.shape[0] == C && (rstd.buffer == NULL || rstd.shape[0] == N));
    CPU_TIMED(s, "rmsnorm", 8 * N * C);
    Norm n = {.kernels = s->device->kernels,
              .y = cpu_f32(y, 2),
              .x = cpu_f32(x, 2),
              .w = cpu_f32(w, 1),
              .N = N,
              .C = C,
              .epsilon = epsilon,
              .offset = w_offset,
              .rstd_out = rstd.buffer != NULL ? cpu_f32(rstd, 1) : NULL};
    cpu_split(s->device, N, GRAIN / MAX(C, 1), forward_part, &n);
}

static void dx_part(void *data, size_t first, size_t count)
{
    const Norm *n = data;
    n->kernels->rmsnorm_dx(n->y + first * n->C, n->dy + first * n->C, n->x + first * n->C, n->w, n->rstd + first, count,
                           n->C, n->offset);
}

static void dw_part(void *data, size_t first, size_t count)
{
    const Norm *n = data;
    n->kernels->rmsnorm_dw(n->dw, n->dy, n->x, n->rstd, n->N, n->C, first, count);
}

void cpu_rmsnorm_bwd(HoneStream *s, HoneTensor dx, HoneTensor dw, HoneTensor dy, HoneTensor x, HoneTensor w,
                     HoneTensor rstd, float w_offset)
{
    size_t N = x.shape[0], C = x.shape[1];
    g_assert(dx.shape[0] == N && dx.shape[1] == C && dy.shape[0] == N && dy.shape[1] == C);
    g_assert(w.shape[0] == C && rstd.shape[0] == N && (dw.buffer == NULL || dw.shape[0] == C));
    CPU_TIMED(s, "rmsnorm_bwd", 16 * N * C);
    Norm n = {.kernels = s->device->kernels,
              .y = cpu_f32(dx, 2),
              .dy = cpu_f32(dy, 2),
              .x = cpu_f32(x, 2),
              .w = cpu_f32(w, 1),
              .rstd = cpu_f32(rstd, 1),
              .N = N,
              .C = C,
              .offset = w_offset};
    cpu_split(s->device, N, GRAIN / MAX(C, 1), dx_part, &n);
    if (dw.buffer == NULL)
        return;
    n.dw = cpu_f32(dw, 1);
    size_t columns = GRAIN / MAX(N, 1) + 63;
    cpu_split(s->device, C, columns / 64 * 64, dw_part, &n);
}

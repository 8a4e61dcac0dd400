/* SPDX-License-Identifier: Apache-2.0
 * rope.c: rotary positions, in place.
 */
#include "cpu.h"

#define GRAIN ((size_t)8 << 10) /* values */

typedef struct Rope {
    const CpuKernels *kernels;
    float *x;
    const float *table;
    const int32_t *positions;
    size_t H, D, P, half;
    float sign;
} Rope;

static void rope_part(void *data, size_t first, size_t count)
{
    const Rope *r = data;
    for (size_t n = first; n < first + count; n++)
        g_assert(r->positions[n] >= 0 && (size_t)r->positions[n] < r->P);
    r->kernels->rope(r->x + first * r->H * r->D, r->table, r->positions + first, count, r->H, r->D, r->half, r->sign);
}

void cpu_rope(HoneStream *s, HoneTensor x, HoneTensor table, HoneTensor positions, int sign)
{
    size_t N = x.shape[0], H = x.shape[1], D = x.shape[2], half = table.shape[1];
    g_assert(2 * half <= D && table.shape[2] == 2 && positions.shape[0] == N && (sign == 1 || sign == -1));
    CPU_TIMED(s, "rope", 8 * N * H * D);
    Rope r = {.kernels = s->device->kernels,
              .x = cpu_f32(x, 3),
              .table = cpu_f32(table, 3),
              .H = H,
              .D = D,
              .positions = cpu_i32(positions, 1),
              .P = table.shape[0],
              .half = half,
              .sign = (float)sign};
    cpu_split(s->device, N, GRAIN / MAX(H * D, 1), rope_part, &r);
}

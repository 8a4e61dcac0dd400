/* SPDX-License-Identifier: Apache-2.0
 * rows.c: rows taken from a table and put into one, by index.
 */
#include "cpu.h"

#include <string.h>

#define GRAIN ((size_t)32 << 10) /* values */

typedef struct Rows {
    CpuDevice *device;
    float *y;
    const float *x;
    const int32_t *index;
    size_t N, C, V;
    bool accumulate;
    /* gather_rows: the table's bytes, of any type */
    HoneType type;
    const unsigned char *table;
    size_t row_bytes;
} Rows;

static void gather_part(void *data, size_t first, size_t count)
{
    const Rows *r = data;
    for (size_t n = first; n < first + count; n++) {
        g_assert(r->index[n] >= 0 && (size_t)r->index[n] < r->V);
        r->device->kernels->unpack(r->type, r->table + (size_t)r->index[n] * r->row_bytes, r->y + n * r->C, r->C);
    }
}

void cpu_gather_rows(HoneStream *s, HoneTensor y, HoneTensor table, HoneTensor index)
{
    size_t N = y.shape[0], C = y.shape[1];
    g_assert(table.shape[1] == C && index.shape[0] == N);
    CPU_TIMED(s, "gather_rows", 8 * N * C);
    g_assert(table.rank == 2 && table.type != HONE_I32);
    Rows r = {.device = s->device,
              .y = cpu_f32(y, 2),
              .index = cpu_i32(index, 1),
              .C = C,
              .V = table.shape[0],
              .type = table.type,
              .table = cpu_bytes(table)};
    g_assert(hone_type_bytes(table.type, C, &r.row_bytes));
    cpu_split(s->device, N, GRAIN / MAX(C, 1), gather_part, &r);
}

/* A range of columns for all rows: repeated indices are added in the order of n whatever the number of threads. */
static void scatter_part(void *data, size_t first, size_t count)
{
    const Rows *r = data;
    for (size_t n = 0; n < r->N; n++) {
        if (r->index[n] < 0)
            continue;
        g_assert((size_t)r->index[n] < r->V);
        float *to = r->y + (size_t)r->index[n] * r->C + first;
        const float *from = r->x + n * r->C + first;
        if (r->accumulate)
            r->device->kernels->add(to, from, 1, count);
        else
            memcpy(to, from, count * sizeof(float));
    }
}

void cpu_scatter_rows(HoneStream *s, HoneTensor table, HoneTensor x, HoneTensor index, bool accumulate)
{
    size_t N = x.shape[0], C = x.shape[1];
    g_assert(table.shape[1] == C && index.shape[0] == N);
    CPU_TIMED(s, "scatter_rows", 12 * N * C);
    Rows r = {.device = s->device,
              .y = cpu_f32(table, 2),
              .x = cpu_f32(x, 2),
              .index = cpu_i32(index, 1),
              .N = N,
              .C = C,
              .V = table.shape[0],
              .accumulate = accumulate};
    size_t columns = GRAIN / MAX(N, 1) + 63;
    cpu_split(s->device, C, columns / 64 * 64, scatter_part, &r);
}

/* SPDX-License-Identifier: Apache-2.0
 * rows.c: rows taken from a table and put into one, by index.
 */
#include "reference.h"

void ref_gather_rows(HoneStream *s, HoneTensor y, HoneTensor table, HoneTensor index)
{
    size_t N = y.shape[0], C = y.shape[1], V = table.shape[0];
    g_assert(table.shape[1] == C && index.shape[0] == N);
    float *Y = ref_f32(y, 2);
    const int32_t *at = ref_i32(index, 1);
    for (size_t n = 0; n < N; n++) {
        g_assert(at[n] >= 0 && (size_t)at[n] < V);
        ref_row(table, (size_t)at[n], Y + n * C);
    }
}

void ref_scatter_rows(HoneStream *s, HoneTensor table, HoneTensor x, HoneTensor index, bool accumulate)
{
    size_t N = x.shape[0], C = x.shape[1], V = table.shape[0];
    g_assert(table.shape[1] == C && index.shape[0] == N);
    float *T = ref_f32(table, 2);
    const float *X = ref_f32(x, 2);
    const int32_t *at = ref_i32(index, 1);
    for (size_t n = 0; n < N; n++) {
        if (at[n] < 0)
            continue;
        g_assert((size_t)at[n] < V);
        for (size_t c = 0; c < C; c++) {
            float *cell = &T[(size_t)at[n] * C + c];
            *cell = accumulate ? *cell + X[n * C + c] : X[n * C + c];
        }
    }
}

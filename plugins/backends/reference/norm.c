/* SPDX-License-Identifier: Apache-2.0
 * norm.c: root mean square normalisation (Zhang, Sennrich 2019) and its gradient.
 *
 *     r = 1/√(Σ_c x_c²/C + ε)          y_c = x_c·r·(w_c + offset)
 *
 * With g_c = dy_c·(w_c + offset):      dx_c += r·(g_c - x_c·r²·Σ_j g_j·x_j/C)       dw_c += Σ_n dy_c·x_c·r
 */
#include "reference.h"

#include <math.h>

void ref_rmsnorm(HoneStream *s, HoneTensor y, HoneTensor rstd, HoneTensor x, HoneTensor w, float epsilon,
                 float w_offset)
{
    size_t N = x.shape[0], C = x.shape[1];
    g_assert(y.shape[0] == N && y.shape[1] == C && w.shape[0] == C);
    float *Y = ref_f32(y, 2), *R = rstd.buffer != NULL ? ref_f32(rstd, 1) : NULL;
    const float *X = ref_f32(x, 2), *W = ref_f32(w, 1);
    g_assert(R == NULL || rstd.shape[0] == N);
    for (size_t n = 0; n < N; n++) {
        const float *row = X + n * C;
        double squares = 0;
        for (size_t c = 0; c < C; c++)
            squares += (double)row[c] * row[c];
        double r = 1 / sqrt(squares / (double)C + epsilon);
        for (size_t c = 0; c < C; c++)
            Y[n * C + c] = (float)(row[c] * r * ((double)W[c] + w_offset));
        if (R != NULL)
            R[n] = (float)r;
    }
}

void ref_rmsnorm_bwd(HoneStream *s, HoneTensor dx, HoneTensor dw, HoneTensor dy, HoneTensor x, HoneTensor w,
                     HoneTensor rstd, float w_offset)
{
    size_t N = x.shape[0], C = x.shape[1];
    g_assert(dx.shape[0] == N && dx.shape[1] == C && dy.shape[0] == N && dy.shape[1] == C);
    g_assert(w.shape[0] == C && rstd.shape[0] == N);
    float *DX = ref_f32(dx, 2);
    const float *DY = ref_f32(dy, 2), *X = ref_f32(x, 2), *W = ref_f32(w, 1), *R = ref_f32(rstd, 1);
    for (size_t n = 0; n < N; n++) {
        double r = R[n], dot = 0;
        for (size_t c = 0; c < C; c++)
            dot += DY[n * C + c] * ((double)W[c] + w_offset) * X[n * C + c];
        double shared = r * r * dot / (double)C;
        for (size_t c = 0; c < C; c++) {
            double g = DY[n * C + c] * ((double)W[c] + w_offset);
            DX[n * C + c] = (float)(DX[n * C + c] + r * (g - X[n * C + c] * shared));
        }
    }
    if (dw.buffer == NULL)
        return;
    g_assert(dw.shape[0] == C);
    float *DW = ref_f32(dw, 1);
    for (size_t c = 0; c < C; c++) {
        double sum = 0;
        for (size_t n = 0; n < N; n++)
            sum += (double)DY[n * C + c] * X[n * C + c] * R[n];
        DW[c] = (float)(DW[c] + sum);
    }
}

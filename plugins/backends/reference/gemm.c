/* SPDX-License-Identifier: Apache-2.0
 * gemm.c: the matrix product: y[m,n] = alpha·Σ_k op(a)[m,k]·op(b)[k,n] + beta·y[m,n], the sum in double, in the order
 * of k. b may be of any type: it is read a row at a time.
 */
#include "reference.h"

void ref_gemm(HoneStream *s, HoneTensor y, HoneTensor a, HoneTensor b, uint32_t flags, float alpha, float beta)
{
    size_t y_stride, a_stride;
    float *Y = ref_matrix(y, &y_stride);
    const float *A = ref_matrix(a, &a_stride);
    bool trans_a = flags & HONE_TRANS_A, trans_b = flags & HONE_TRANS_B;
    size_t M = y.shape[0], N = y.shape[1], K = a.shape[trans_a ? 0 : 1];
    g_assert(a.shape[trans_a ? 1 : 0] == M && b.shape[trans_b ? 1 : 0] == K && b.shape[trans_b ? 0 : 1] == N);

    g_autofree double *sums = g_new0(double, MAX(M * N, 1));
    g_autofree float *row = g_new(float, MAX(b.shape[1], 1));
    for (size_t r = 0; r < b.shape[0]; r++) {
        ref_row(b, r, row);
        for (size_t m = 0; m < M; m++) {
            /* Row r of b is one n and all k, or one k and all n. */
            for (size_t i = 0; i < b.shape[1]; i++) {
                size_t n = trans_b ? r : i, k = trans_b ? i : r;
                double a_mk = trans_a ? A[k * a_stride + m] : A[m * a_stride + k];
                sums[m * N + n] += a_mk * row[i];
            }
        }
    }
    for (size_t m = 0; m < M; m++) {
        for (size_t n = 0; n < N; n++) {
            float *out = &Y[m * y_stride + n];
            /* beta = 0 must not read y: it may hold NaN. */
            *out = (float)(alpha * sums[m * N + n] + (beta != 0 ? (double)beta * *out : 0));
        }
    }
}

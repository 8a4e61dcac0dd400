/* SPDX-License-Identifier: Apache-2.0
 * gemm.c: the matrix product: y[m,n] = alpha·Σ_k op(a)[m,k]·op(b)[k,n] + beta·y[m,n], the sum in double.
 */
#include "reference.h"

void ref_gemm(HoneStream *s, HoneTensor y, HoneTensor a, HoneTensor b, uint32_t flags, float alpha, float beta)
{
    size_t y_stride, a_stride, b_stride;
    float *Y = ref_matrix(y, &y_stride);
    const float *A = ref_matrix(a, &a_stride), *B = ref_matrix(b, &b_stride);
    bool trans_a = flags & HONE_TRANS_A, trans_b = flags & HONE_TRANS_B;
    size_t M = y.shape[0], N = y.shape[1], K = a.shape[trans_a ? 0 : 1];
    g_assert(a.shape[trans_a ? 1 : 0] == M && b.shape[trans_b ? 1 : 0] == K && b.shape[trans_b ? 0 : 1] == N);

    for (size_t m = 0; m < M; m++) {
        for (size_t n = 0; n < N; n++) {
            double sum = 0;
            for (size_t k = 0; k < K; k++) {
                double a_mk = trans_a ? A[k * a_stride + m] : A[m * a_stride + k];
                double b_kn = trans_b ? B[n * b_stride + k] : B[k * b_stride + n];
                sum += a_mk * b_kn;
            }
            float *out = &Y[m * y_stride + n];
            /* beta = 0 must not read y: it may hold NaN. */
            *out = (float)(alpha * sum + (beta != 0 ? (double)beta * *out : 0));
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0
 * elementwise.c: additions, biases, soft caps, gated activations, dropout.
 *
 * silu(x) = x·σ(x)                                        σ(x) = 1/(1 + exp(-x))
 * gelu(x) = x·(1 + tanh(u))/2,   u = √(2/π)·(x + 0.044715·x³)      (Hendrycks, Gimpel 2016, tanh form)
 */
#include "reference.h"

#include <hone/random.h>
#include <math.h>

#define SQRT_2_OVER_PI 0.79788456080286535588
#define GELU_CUBIC 0.044715

void ref_add(HoneStream *s, HoneTensor y, HoneTensor x, float alpha)
{
    size_t n = hone_tensor_count(y);
    g_assert(hone_tensor_count(x) == n);
    float *Y = ref_f32(y, 0);
    const float *X = ref_f32(x, 0);
    for (size_t i = 0; i < n; i++)
        Y[i] = (float)((double)Y[i] + (double)alpha * X[i]);
}

void ref_scale(HoneStream *s, HoneTensor y, float alpha)
{
    float *Y = ref_f32(y, 0);
    for (size_t i = 0, n = hone_tensor_count(y); i < n; i++)
        Y[i] *= alpha;
}

void ref_add_bias(HoneStream *s, HoneTensor y, HoneTensor b)
{
    size_t N = y.shape[0], F = y.shape[1], stride;
    g_assert(b.shape[0] == F);
    float *Y = ref_matrix(y, &stride);
    const float *B = ref_f32(b, 1);
    for (size_t n = 0; n < N; n++)
        for (size_t f = 0; f < F; f++)
            Y[n * stride + f] += B[f];
}

void ref_add_bias_bwd(HoneStream *s, HoneTensor db, HoneTensor dy)
{
    size_t N = dy.shape[0], F = dy.shape[1], stride;
    g_assert(db.shape[0] == F);
    const float *D = ref_matrix(dy, &stride);
    float *B = ref_f32(db, 1);
    for (size_t f = 0; f < F; f++) {
        double sum = 0;
        for (size_t n = 0; n < N; n++)
            sum += D[n * stride + f];
        B[f] = (float)(B[f] + sum);
    }
}

void ref_scale_columns(HoneStream *s, HoneTensor y, HoneTensor g)
{
    size_t N = y.shape[0], F = y.shape[1];
    g_assert(g.shape[0] == F);
    float *Y = ref_f32(y, 0);
    const float *S = ref_f32(g, 1);
    for (size_t n = 0; n < N; n++)
        for (size_t f = 0; f < F; f++)
            Y[n * F + f] *= S[f];
}

void ref_dot_columns(HoneStream *s, HoneTensor dg, HoneTensor x, HoneTensor y)
{
    size_t N = x.shape[0], F = x.shape[1];
    g_assert(dg.shape[0] == F && y.shape[0] == N && y.shape[1] == F);
    const float *X = ref_f32(x, 0), *Y = ref_f32(y, 0);
    float *D = ref_f32(dg, 1);
    for (size_t f = 0; f < F; f++) {
        double sum = 0;
        for (size_t n = 0; n < N; n++)
            sum += (double)X[n * F + f] * (double)Y[n * F + f];
        D[f] = (float)(D[f] + sum);
    }
}

void ref_soft_cap(HoneStream *s, HoneTensor y, float c)
{
    g_assert(c > 0);
    float *Y = ref_f32(y, 0);
    for (size_t i = 0, n = hone_tensor_count(y); i < n; i++)
        Y[i] = (float)(c * tanh((double)Y[i] / c));
}

/* act(x), and its derivative in *slope. */
static double activate(HoneActivation act, double x, double *slope)
{
    if (act == HONE_SILU) {
        double sigma = 1 / (1 + exp(-x));
        *slope = sigma * (1 + x * (1 - sigma));
        return x * sigma;
    }
    g_assert(act == HONE_GELU_TANH);
    double u = SQRT_2_OVER_PI * (x + GELU_CUBIC * x * x * x), t = tanh(u);
    double du = SQRT_2_OVER_PI * (1 + 3 * GELU_CUBIC * x * x);
    *slope = 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * du;
    return 0.5 * x * (1 + t);
}

void ref_glu(HoneStream *s, HoneTensor y, HoneTensor gate, HoneTensor up, HoneActivation act)
{
    size_t n = hone_tensor_count(y);
    g_assert(hone_tensor_count(gate) == n && hone_tensor_count(up) == n);
    float *Y = ref_f32(y, 0);
    const float *g = ref_f32(gate, 0), *u = ref_f32(up, 0);
    double slope;
    for (size_t i = 0; i < n; i++)
        Y[i] = (float)(activate(act, g[i], &slope) * u[i]);
}

/* dgate = dy·up·act'(gate), dup = dy·act(gate). */
void ref_glu_bwd(HoneStream *s, HoneTensor dgate, HoneTensor dup, HoneTensor dy, HoneTensor gate, HoneTensor up,
                 HoneActivation act)
{
    size_t n = hone_tensor_count(dy);
    g_assert(hone_tensor_count(dgate) == n && hone_tensor_count(dup) == n);
    g_assert(hone_tensor_count(gate) == n && hone_tensor_count(up) == n);
    float *dg = ref_f32(dgate, 0), *du = ref_f32(dup, 0);
    const float *d = ref_f32(dy, 0), *g = ref_f32(gate, 0), *u = ref_f32(up, 0);
    for (size_t i = 0; i < n; i++) {
        /* Both inputs are read before either output is written: they may be the same memory. */
        double slope, value = activate(act, g[i], &slope), upward = u[i];
        dg[i] = (float)(d[i] * upward * slope);
        du[i] = (float)(d[i] * value);
    }
}

void ref_dropout(HoneStream *s, HoneTensor y, HoneTensor x, float p, uint64_t seed, uint64_t first)
{
    size_t n = hone_tensor_count(y);
    g_assert(hone_tensor_count(x) == n && p >= 0 && p < 1);
    float *Y = ref_f32(y, 0);
    const float *X = ref_f32(x, 0);
    double keep = 1 - (double)p;
    for (size_t i = 0; i < n; i++) {
        uint64_t block = (first + i) / 4;
        const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), HONE_STREAM_DROPOUT, 0};
        uint32_t words[4];
        hone_philox4x32(counter, (const uint32_t[]){(uint32_t)seed, (uint32_t)(seed >> 32)}, words);
        Y[i] = words[(first + i) % 4] * 0x1p-32 >= p ? (float)(X[i] / keep) : 0;
    }
}

/* SPDX-License-Identifier: Apache-2.0
 * optimizer.c: AdamW in the order of torch.optim.AdamW, SGD, Lion, and the norm that clipping needs.
 *
 *     AdamW   p -= η·λ·p        m = β1·m + (1-β1)·g        v = β2·v + (1-β2)·g²
 *             p -= η/(1-β1^t) · m/(√v/√(1-β2^t) + ε)
 *     SGD     g += λ·p          m = μ·m + g                p -= η·m, with Nesterov η·(g + μ·m)
 *     Lion    p -= η·λ·p        p -= η·sign(β1·m + (1-β1)·g)        m = β2·m + (1-β2)·g
 */
#include "reference.h"

#include <math.h>

void ref_sum_squares(HoneStream *s, HoneTensor out, HoneTensor x)
{
    const float *X = ref_f32(x, 0);
    double sum = 0;
    for (size_t i = 0, n = hone_tensor_count(x); i < n; i++)
        sum += (double)X[i] * X[i];
    float *total = ref_f32(out, 1);
    g_assert(out.shape[0] == 1);
    *total = (float)(*total + sum);
}

void ref_adamw(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, HoneTensor v, const HoneAdamW *args)
{
    size_t n = hone_tensor_count(p);
    g_assert(hone_tensor_count(g) == n && hone_tensor_count(m) == n && hone_tensor_count(v) == n && args->step >= 1);
    float *P = ref_f32(p, 0), *M = ref_f32(m, 0), *U = ref_f32(v, 0);
    const float *G = ref_f32(g, 0);
    double beta1 = args->beta1, beta2 = args->beta2, rate = args->learning_rate;
    double correction1 = 1 - pow(beta1, (double)args->step), correction2 = 1 - pow(beta2, (double)args->step);
    for (size_t i = 0; i < n; i++) {
        double gradient = (double)G[i] * args->gradient_scale;
        double weight = P[i] * (1 - rate * args->weight_decay);
        double moment = beta1 * M[i] + (1 - beta1) * gradient;
        double square = beta2 * U[i] + (1 - beta2) * gradient * gradient;
        double divisor = sqrt(square) / sqrt(correction2) + args->epsilon;
        P[i] = (float)(weight - rate / correction1 * moment / divisor);
        M[i] = (float)moment;
        U[i] = (float)square;
    }
}

void ref_sgd(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, const HoneSgd *args)
{
    size_t n = hone_tensor_count(p);
    g_assert(hone_tensor_count(g) == n && (m.buffer ? hone_tensor_count(m) == n : args->momentum == 0));
    float *P = ref_f32(p, 0), *M = m.buffer ? ref_f32(m, 0) : NULL;
    const float *G = ref_f32(g, 0);
    for (size_t i = 0; i < n; i++) {
        double gradient = (double)G[i] * args->gradient_scale + args->weight_decay * P[i], step = gradient;
        if (M) {
            double moment = args->momentum * M[i] + gradient;
            M[i] = (float)moment;
            step = args->nesterov ? gradient + args->momentum * moment : moment;
        }
        P[i] = (float)(P[i] - args->learning_rate * step);
    }
}

void ref_lion(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, const HoneLion *args)
{
    size_t n = hone_tensor_count(p);
    g_assert(hone_tensor_count(g) == n && hone_tensor_count(m) == n);
    float *P = ref_f32(p, 0), *M = ref_f32(m, 0);
    const float *G = ref_f32(g, 0);
    double rate = args->learning_rate;
    for (size_t i = 0; i < n; i++) {
        double gradient = (double)G[i] * args->gradient_scale;
        /* In f32, so that what is zero there is zero here: a sign has no near miss. */
        float direction = (float)args->beta1 * M[i] + (float)((1 - args->beta1) * gradient);
        P[i] = (float)(P[i] * (1 - rate * args->weight_decay) - rate * ((direction > 0) - (direction < 0)));
        M[i] = (float)(args->beta2 * M[i] + (1 - args->beta2) * gradient);
    }
}

/* SPDX-License-Identifier: Apache-2.0
 * head.c: log-probabilities of target tokens from their logits, and the way back.
 *
 *     z = c·tanh(logits/c), or logits where c = 0      lse = log Σ_v exp(z_v)      logprob = z_target - lse
 *     d(logprob)/d(logits_v) = ([v = target] - exp(z_v - lse))·(1 - (z_v/c)²)
 */
#include "reference.h"

#include <math.h>

void ref_logprob(HoneStream *s, HoneTensor logprob, HoneTensor lse, HoneTensor logits, HoneTensor targets,
                 float soft_cap)
{
    size_t K = logits.shape[0], V = logits.shape[1];
    g_assert(logprob.shape[0] == K && lse.shape[0] == K && targets.shape[0] == K);
    float *Z = ref_f32(logits, 2), *P = ref_f32(logprob, 1), *L = ref_f32(lse, 1);
    const int32_t *target = ref_i32(targets, 1);
    for (size_t k = 0; k < K; k++) {
        float *z = Z + k * V;
        g_assert(target[k] >= 0 && (size_t)target[k] < V);
        double highest = -INFINITY, sum = 0;
        for (size_t v = 0; v < V; v++) {
            if (soft_cap > 0)
                z[v] = (float)(soft_cap * tanh((double)z[v] / soft_cap));
            highest = fmax(highest, z[v]);
        }
        for (size_t v = 0; v < V; v++)
            sum += exp(z[v] - highest);
        double total = highest + log(sum);
        L[k] = (float)total;
        P[k] = (float)(z[target[k]] - total);
    }
}

void ref_logprob_bwd(HoneStream *s, HoneTensor logits, HoneTensor lse, HoneTensor targets, HoneTensor dlogprob,
                     float soft_cap)
{
    size_t K = logits.shape[0], V = logits.shape[1];
    g_assert(dlogprob.shape[0] == K && lse.shape[0] == K && targets.shape[0] == K);
    float *Z = ref_f32(logits, 2);
    const float *L = ref_f32(lse, 1), *D = ref_f32(dlogprob, 1);
    const int32_t *target = ref_i32(targets, 1);
    for (size_t k = 0; k < K; k++) {
        float *z = Z + k * V;
        g_assert(target[k] >= 0 && (size_t)target[k] < V);
        for (size_t v = 0; v < V; v++) {
            double inside = soft_cap > 0 ? (double)z[v] / soft_cap : 0;
            double slope = 1 - inside * inside;
            z[v] = (float)(D[k] * ((v == (size_t)target[k]) - exp((double)z[v] - L[k])) * slope);
        }
    }
}

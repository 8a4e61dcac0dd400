/* SPDX-License-Identifier: Apache-2.0
 * head.c: one row of logits to a log-probability and back; formulas in the reference backend's file of this name.
 */
#include "vector_math.h"

#include <math.h>

/* Values after which a sum of floats goes into a double, so that its error does not grow with the vocabulary. */
#define SUM_BLOCK 1024

static float highest_of(const float *x, size_t n)
{
    vf best[4] = {v_set(-INFINITY), v_set(-INFINITY), v_set(-INFINITY), v_set(-INFINITY)};
    size_t i = 0;
    for (; i + 4 * VL <= n; i += 4 * VL)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++)
            best[j] = v_max(best[j], v_load(x + i + j * VL));
    float highest = v_highest(v_max(v_max(best[0], best[1]), v_max(best[2], best[3])));
    for (; i < n; i++)
        highest = fmaxf(highest, x[i]);
    return highest;
}

void KERNEL(logprob)(float *logprob, float *lse, float *logits, size_t V, int32_t target, float soft_cap)
{
    if (soft_cap > 0)
        EACH_VECTOR(i, lanes, V)
    store_lanes(logits + i, v_cap(load_lanes(logits + i, lanes), soft_cap), lanes);
    float highest = highest_of(logits, V);
    double sum = 0;
    for (size_t i0 = 0; i0 < V; i0 += SUM_BLOCK) {
        size_t count = V - i0 < SUM_BLOCK ? V - i0 : SUM_BLOCK, i = 0;
        const float *x = logits + i0;
        vf part[2] = {v_set(0.0f), v_set(0.0f)};
        for (; i + 2 * VL <= count; i += 2 * VL) {
            part[0] = part[0] + v_exp(v_load(x + i) - v_set(highest));
            part[1] = part[1] + v_exp(v_load(x + i + VL) - v_set(highest));
        }
        sum += v_sum(part[0] + part[1]);
        for (; i < count; i++)
            sum += expf(x[i] - highest);
    }
    double total = highest + log(sum);
    *lse = (float)total;
    *logprob = (float)(logits[target] - total);
}

void KERNEL(logprob_bwd)(float *logits, float lse, size_t V, int32_t target, float derivative, float soft_cap)
{
    float at_target = logits[target], inverse = soft_cap > 0 ? 1 / soft_cap : 0;
    EACH_VECTOR(i, lanes, V)
    {
        vf z = load_lanes(logits + i, lanes), inside = z * v_set(inverse);
        vf slope = v_set(1.0f) - inside * inside;
        store_lanes(logits + i, v_set(-derivative) * v_exp(z - v_set(lse)) * slope, lanes);
    }
    float inside = at_target * inverse;
    logits[target] = derivative * -expm1f(at_target - lse) * (1 - inside * inside);
}

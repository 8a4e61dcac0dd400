/* SPDX-License-Identifier: Apache-2.0
 * optimizer.c: AdamW and the sum of squares; formulas in the reference backend's file of this name.
 */
#include "vector_math.h"

#include <math.h>

double KERNEL(sum_squares)(const float *x, size_t n)
{
    /* Chains of at most 64 additions in float, then double: the error does not grow with n. */
    double total = 0;
    for (size_t i0 = 0; i0 < n; i0 += 256) {
        size_t end = n - i0 < 256 ? n : i0 + 256;
        vf sum = v_set(0.0f);
        for (size_t i = i0; i < end; i += VL) {
            vf v = load_lanes(x + i, end - i < VL ? end - i : VL);
            sum = v_fma(v, v, sum);
        }
        total += v_sum(sum);
    }
    return total;
}

void KERNEL(adamw)(float *p, const float *g, float *m, float *v, size_t n, const HoneAdamW *args)
{
    double beta1 = args->beta1, beta2 = args->beta2, rate = args->learning_rate;
    const vf scale = v_set(args->gradient_scale), keep = v_set((float)(1 - rate * args->weight_decay));
    const vf b1 = v_set(args->beta1), rest1 = v_set((float)(1 - beta1));
    const vf b2 = v_set(args->beta2), rest2 = v_set((float)(1 - beta2));
    const vf step = v_set((float)(rate / (1 - pow(beta1, (double)args->step))));
    const vf root = v_set((float)(1 / sqrt(1 - pow(beta2, (double)args->step)))), epsilon = v_set(args->epsilon);
    EACH_VECTOR(i, lanes, n)
    {
        vf gradient = load_lanes(g + i, lanes) * scale;
        vf moment = v_fma(b1, load_lanes(m + i, lanes), rest1 * gradient);
        vf square = v_fma(b2, load_lanes(v + i, lanes), rest2 * gradient * gradient);
        vf divisor = v_fma(v_sqrt(square), root, epsilon);
        vf weight = load_lanes(p + i, lanes) * keep;
        store_lanes(p + i, weight - step * moment / divisor, lanes);
        store_lanes(m + i, moment, lanes);
        store_lanes(v + i, square, lanes);
    }
}

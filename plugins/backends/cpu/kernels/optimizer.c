/* SPDX-License-Identifier: Apache-2.0
 * optimizer.c: AdamW, SGD, Lion and the sum of squares; formulas in the reference backend's file of this name.
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

void KERNEL(sgd)(float *p, const float *g, float *m, size_t n, const HoneSgd *args)
{
    const vf scale = v_set((float)args->gradient_scale), decay = v_set((float)args->weight_decay);
    const vf momentum = v_set((float)args->momentum), rate = v_set((float)args->learning_rate);
    EACH_VECTOR(i, lanes, n)
    {
        vf weight = load_lanes(p + i, lanes);
        vf gradient = v_fma(decay, weight, load_lanes(g + i, lanes) * scale), step = gradient;
        if (m) {
            vf moment = v_fma(momentum, load_lanes(m + i, lanes), gradient);
            store_lanes(m + i, moment, lanes);
            step = args->nesterov ? v_fma(momentum, moment, gradient) : moment;
        }
        store_lanes(p + i, weight - rate * step, lanes);
    }
}

void KERNEL(lion)(float *p, const float *g, float *m, size_t n, const HoneLion *args)
{
    const vf scale = v_set((float)args->gradient_scale), rate = v_set((float)args->learning_rate);
    const vf keep = v_set((float)(1 - args->learning_rate * args->weight_decay)), zero = v_set(0.0f);
    const vf b1 = v_set((float)args->beta1), rest1 = v_set((float)(1 - args->beta1));
    const vf b2 = v_set((float)args->beta2), rest2 = v_set((float)(1 - args->beta2));
    EACH_VECTOR(i, lanes, n)
    {
        vf gradient = load_lanes(g + i, lanes) * scale, moment = load_lanes(m + i, lanes);
        vf direction = b1 * moment + rest1 * gradient;
        vf step = v_if_less(zero, direction, rate, v_if_less(direction, zero, zero - rate, zero));
        store_lanes(p + i, load_lanes(p + i, lanes) * keep - step, lanes);
        store_lanes(m + i, v_fma(b2, moment, rest2 * gradient), lanes);
    }
}

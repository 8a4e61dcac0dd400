/* SPDX-License-Identifier: Apache-2.0
 * norm.c: root mean square normalisation and its gradient; formulas in the reference backend's file of this name.
 */
#include "vector_math.h"

#include <math.h>

/* Σ a·b·(w + offset), or Σ a·b where w is NULL, in four chains so that one addition need not wait for the last. */
ALWAYS_INLINE float row_dot(const float *a, const float *b, const float *w, float offset, size_t C)
{
    vf sum[4] = {v_set(0.0f), v_set(0.0f), v_set(0.0f), v_set(0.0f)};
    size_t c = 0;
    for (; c + 4 * VL <= C; c += 4 * VL) {
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            vf x = v_load(a + c + i * VL);
            if (w != NULL)
                x = x * (v_load(w + c + i * VL) + v_set(offset));
            sum[i] = v_fma(x, v_load(b + c + i * VL), sum[i]);
        }
    }
    for (; c < C; c += VL) {
        size_t lanes = C - c < VL ? C - c : VL;
        vf x = load_lanes(a + c, lanes);
        if (w != NULL)
            x = x * (load_lanes(w + c, lanes) + v_set(offset));
        sum[0] = v_fma(x, load_lanes(b + c, lanes), sum[0]);
    }
    return v_sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

void KERNEL(rmsnorm)(float *y, float *rstd, const float *x, const float *w, size_t rows, size_t C, float epsilon,
                     float w_offset)
{
    for (size_t n = 0; n < rows; n++, x += C, y += C) {
        float r = (float)(1 / sqrt((double)row_dot(x, x, NULL, 0, C) / (double)C + epsilon));
        EACH_VECTOR(c, lanes, C)
        {
            vf weight = load_lanes(w + c, lanes) + v_set(w_offset);
            store_lanes(y + c, load_lanes(x + c, lanes) * v_set(r) * weight, lanes);
        }
        if (rstd != NULL)
            rstd[n] = r;
    }
}

void KERNEL(rmsnorm_dx)(float *dx, const float *dy, const float *x, const float *w, const float *rstd, size_t rows,
                        size_t C, float w_offset)
{
    for (size_t n = 0; n < rows; n++, x += C, dx += C, dy += C) {
        float r = rstd[n], shared = r * r * row_dot(dy, x, w, w_offset, C) / (float)C;
        EACH_VECTOR(c, lanes, C)
        {
            vf g = load_lanes(dy + c, lanes) * (load_lanes(w + c, lanes) + v_set(w_offset));
            vf inner = g - load_lanes(x + c, lanes) * v_set(shared);
            store_lanes(dx + c, v_fma(v_set(r), inner, load_lanes(dx + c, lanes)), lanes);
        }
    }
}

void KERNEL(rmsnorm_dw)(float *dw, const float *dy, const float *x, const float *rstd, size_t rows, size_t C,
                        size_t first, size_t count)
{
    EACH_VECTOR(i, lanes, count)
    {
        size_t c = first + i;
        vf sum = v_set(0.0f);
        for (size_t n = 0; n < rows; n++) {
            vf product = load_lanes(dy + n * C + c, lanes) * load_lanes(x + n * C + c, lanes);
            sum = v_fma(product, v_set(rstd[n]), sum);
        }
        store_lanes(dw + c, load_lanes(dw + c, lanes) + sum, lanes);
    }
}

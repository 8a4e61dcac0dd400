/* SPDX-License-Identifier: Apache-2.0
 * elementwise.c: sums, gated activations and their gradients; formulas in the reference backend's file of this name.
 */
#include "vector_math.h"

void KERNEL(fill)(float *y, float value, size_t n)
{
    EACH_VECTOR(i, lanes, n)
    store_lanes(y + i, v_set(value), lanes);
}

void KERNEL(add)(float *y, const float *x, float alpha, size_t n)
{
    EACH_VECTOR(i, lanes, n)
    store_lanes(y + i, v_fma(v_set(alpha), load_lanes(x + i, lanes), load_lanes(y + i, lanes)), lanes);
}

void KERNEL(scale)(float *y, float alpha, size_t n)
{
    EACH_VECTOR(i, lanes, n)
    store_lanes(y + i, v_set(alpha) * load_lanes(y + i, lanes), lanes);
}

void KERNEL(soft_cap)(float *y, float cap, size_t n)
{
    EACH_VECTOR(i, lanes, n)
    store_lanes(y + i, v_cap(load_lanes(y + i, lanes), cap), lanes);
}

void KERNEL(exp)(float *y, const float *x, size_t n)
{
    EACH_VECTOR(i, lanes, n)
    store_lanes(y + i, v_exp(load_lanes(x + i, lanes)), lanes);
}

void KERNEL(tanh)(float *y, const float *x, size_t n)
{
    EACH_VECTOR(i, lanes, n)
    store_lanes(y + i, v_tanh(load_lanes(x + i, lanes)), lanes);
}

/* The tanh of gelu and its inner slope: u = √(2/π)·(x + 0.044715·x³). */
ALWAYS_INLINE vf gelu_tanh(vf x, vf *du)
{
    vf cubic = v_set(0.044715f) * x * x, root = v_set(0.797884561f);
    *du = root * v_fma(v_set(3.0f), cubic, v_set(1.0f));
    return v_tanh(root * v_fma(cubic, x, x));
}

void KERNEL(glu)(float *y, const float *gate, const float *up, size_t n, HoneActivation act)
{
    EACH_VECTOR(i, lanes, n)
    {
        vf x = load_lanes(gate + i, lanes), value, du;
        if (act == HONE_SILU)
            value = x * v_sigmoid(x);
        else
            value = v_set(0.5f) * x * (v_set(1.0f) + gelu_tanh(x, &du));
        store_lanes(y + i, value * load_lanes(up + i, lanes), lanes);
    }
}

void KERNEL(glu_bwd)(float *dgate, float *dup, const float *dy, const float *gate, const float *up, size_t n,
                     HoneActivation act)
{
    const vf one = v_set(1.0f), half = v_set(0.5f);
    EACH_VECTOR(i, lanes, n)
    {
        vf x = load_lanes(gate + i, lanes), u = load_lanes(up + i, lanes), d = load_lanes(dy + i, lanes);
        vf value, slope;
        if (act == HONE_SILU) {
            vf sigma = v_sigmoid(x);
            value = x * sigma;
            slope = sigma * v_fma(x, one - sigma, one);
        } else {
            vf du, t = gelu_tanh(x, &du);
            value = half * x * (one + t);
            slope = v_fma(half * x * (one - t * t), du, half * (one + t));
        }
        store_lanes(dgate + i, d * u * slope, lanes);
        store_lanes(dup + i, d * value, lanes);
    }
}

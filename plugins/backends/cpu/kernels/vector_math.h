/* SPDX-License-Identifier: Apache-2.0
 * vector_math.h: exp and tanh over vectors, and what every kernel includes.
 *
 * Relative error against libm's double: exp below 2.5e-7 for -87.3 <= x <= 88.3, 0 below that range, 2^127.4 above;
 * tanh below 4e-7 everywhere. NaN stays NaN. tests/backends holds both bounds.
 */
#ifndef HONE_CPU_VECTOR_MATH_H
#define HONE_CPU_VECTOR_MATH_H

#include SIMD_HEADER

#include "kernels.h"

/* Every kernel's name ends with its instruction set; its type is that of its place in the table. */
#define CPU_KERNEL_LIST(X)                                                                                             \
    X(product)                                                                                                         \
    X(dots)                                                                                                            \
    X(turn)                                                                                                            \
    X(fill)                                                                                                            \
    X(add)                                                                                                             \
    X(soft_cap)                                                                                                        \
    X(scale)                                                                                                           \
    X(glu)                                                                                                             \
    X(glu_bwd)                                                                                                         \
    X(exp)                                                                                                             \
    X(tanh)                                                                                                            \
    X(rmsnorm)                                                                                                         \
    X(rmsnorm_dx)                                                                                                      \
    X(rmsnorm_dw)                                                                                                      \
    X(rope)                                                                                                            \
    X(attend_prepare)                                                                                                  \
    X(attend)                                                                                                          \
    X(attend_bwd)                                                                                                      \
    X(attend_part)                                                                                                     \
    X(logprob)                                                                                                         \
    X(logprob_bwd) X(sum_squares) X(adamw) X(sgd) X(lion) X(dropout) X(unpack) X(unpack_bf16) X(decodes) X(decode)
#define CPU_KERNEL_DECLARE(name) __typeof__(*((CpuKernels *)0)->name) KERNEL(name);
CPU_KERNEL_LIST(CPU_KERNEL_DECLARE)

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Walks n values a vector at a time: lanes = VL, and what is left in the last round. */
#define EACH_VECTOR(i, lanes, n)                                                                                       \
    for (size_t i = 0, lanes = VL; i < (n) && (lanes = (n)-i < VL ? (n)-i : VL); i += lanes)

/* Whole vectors take the plain instruction. */
ALWAYS_INLINE vf load_lanes(const float *p, size_t lanes)
{
    return lanes == VL ? v_load(p) : v_load_n(p, lanes);
}

ALWAYS_INLINE void store_lanes(float *p, vf v, size_t lanes)
{
    if (lanes == VL)
        v_store(p, v);
    else
        v_store_n(p, v, lanes);
}

/* x = n·ln 2 + r with |r| <= ln 2 / 2; exp(x) = 2^n·exp(r), exp(r) = 1 + r + r²·p(r) with p fitted for the least
 * relative error (3e-9 before rounding). ln 2 is subtracted in two parts, so that r keeps its digits. */
ALWAYS_INLINE vf v_exp(vf x)
{
    const float lowest = -87.33654f, highest = 88.37626f;
    vf bounded = v_min(v_set(highest), v_max(v_set(lowest), x));
    vf n = v_round(bounded * v_set(1.44269504f));
    vf r = v_fma(n, v_set(-0.693359375f), bounded);
    r = v_fma(n, v_set(2.12194440e-4f), r);
    vf p = v_set(1.381459837e-3f);
    p = v_fma(p, r, v_set(8.368716898e-3f));
    p = v_fma(p, r, v_set(4.166838805e-2f));
    p = v_fma(p, r, v_set(1.666652063e-1f));
    p = v_fma(p, r, v_set(4.999999345e-1f));
    vf y = v_fma(p, r * r, r) + v_set(1.0f);
    return v_if_less(x, v_set(lowest), v_set(0.0f), y * v_pow2(n));
}

/* Below 0.625: x + x·z·p(z), z = x² (4e-9 before rounding). Above: 1 - 2/(exp(2|x|) + 1) with the sign of x. */
ALWAYS_INLINE vf v_tanh(vf x)
{
    vf z = x * x, size = v_abs(x);
    vf p = v_set(-5.717044511e-3f);
    p = v_fma(p, z, v_set(2.065058678e-2f));
    p = v_fma(p, z, v_set(-5.374349792e-2f));
    p = v_fma(p, z, v_set(1.333149128e-1f));
    p = v_fma(p, z, v_set(-3.333328393e-1f));
    vf small = v_fma(p * z, x, x);
    vf large = v_set(1.0f) - v_set(2.0f) / (v_exp(size + size) + v_set(1.0f));
    large = v_if_less(x, v_set(0.0f), v_set(0.0f) - large, large);
    return v_if_less(size, v_set(0.625f), small, large);
}

/* 1/(1 + exp(-x)) */
ALWAYS_INLINE vf v_sigmoid(vf x)
{
    return v_set(1.0f) / (v_set(1.0f) + v_exp(v_set(0.0f) - x));
}

/* c·tanh(x/c) */
ALWAYS_INLINE vf v_cap(vf x, float cap)
{
    return v_set(cap) * v_tanh(x * v_set(1.0f / cap));
}

#endif

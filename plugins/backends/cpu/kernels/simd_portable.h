/* SPDX-License-Identifier: Apache-2.0
 * simd_portable.h: vectors of 4 floats through the compiler's vector types; for any processor. What each function does:
 * simd_avx512.h. A multiply-add rounds twice here.
 */
#ifndef HONE_CPU_SIMD_H
#define HONE_CPU_SIMD_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VL 4
#define TILE_VECTORS 2
#define FEW_BLOCK 2
#define MANY_BLOCK 4
#define KERNEL(name) name##_portable
#define KERNEL_NAME "portable C"

typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));

static inline vf v_set(float x)
{
    return (vf){x, x, x, x};
}

static inline vf v_load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline void v_store(float *p, vf v)
{
    memcpy(p, &v, sizeof(v));
}

static inline vf v_load_n(const float *p, size_t n)
{
    vf v = {0};
    for (size_t i = 0; i < n; i++)
        v[i] = p[i];
    return v;
}

static inline void v_store_n(float *p, vf v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = v[i];
}

static inline vf v_fma(vf a, vf b, vf c)
{
    return a * b + c;
}

static inline vf choose(vi mask, vf x, vf y)
{
    return (vf)(((vi)x & mask) | ((vi)y & ~mask));
}

static inline vf v_max(vf a, vf b)
{
    return choose(a > b, a, b);
}

static inline vf v_min(vf a, vf b)
{
    return choose(a < b, a, b);
}

static inline vf v_sqrt(vf x)
{
    return (vf){sqrtf(x[0]), sqrtf(x[1]), sqrtf(x[2]), sqrtf(x[3])};
}

static inline vf v_abs(vf x)
{
    return (vf)((vi)x & 0x7fffffff);
}

static inline vf v_round(vf x)
{
    /* Adding 1.5·2^23 leaves no bits for a fraction. */
    vf shift = v_set(12582912.0f);
    return x + shift - shift;
}

static inline vf v_pow2(vf n)
{
    return (vf)((__builtin_convertvector(n, vi) + 127) << 23);
}

static inline vf v_if_less(vf a, vf b, vf x, vf y)
{
    return choose(a < b, x, y);
}

static inline float v_sum(vf v)
{
    return (v[0] + v[2]) + (v[1] + v[3]);
}

static inline float v_highest(vf v)
{
    float a = v[0] > v[2] ? v[0] : v[2], b = v[1] > v[3] ? v[1] : v[3];
    return a > b ? a : b;
}

#endif

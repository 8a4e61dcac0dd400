/* SPDX-License-Identifier: Apache-2.0
 * simd_portable.h: vectors of 4 floats through the compiler's vector types; for any processor. What each function does:
 * simd_avx512.h. A multiply-add rounds twice here.
 */
#ifndef HONE_CPU_SIMD_H
#define HONE_CPU_SIMD_H

#include <math.h>
#include <stdbool.h>
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

static inline vf v_sums(const vf v[VL])
{
    return (vf){v_sum(v[0]), v_sum(v[1]), v_sum(v[2]), v_sum(v[3])};
}

static inline vi i_set(int32_t x)
{
    return (vi){x, x, x, x};
}

static inline vi i_u8(const uint8_t *p)
{
    return (vi){p[0], p[1], p[2], p[3]};
}

static inline vi i_i8(const uint8_t *p)
{
    return (vi){(int8_t)p[0], (int8_t)p[1], (int8_t)p[2], (int8_t)p[3]};
}

static inline vi i_u16(const uint8_t *p)
{
    uint16_t h[VL];
    memcpy(h, p, sizeof(h));
    return (vi){h[0], h[1], h[2], h[3]};
}

static inline void i_store_u16(uint16_t *p, vi v)
{
    for (int i = 0; i < VL; i++)
        p[i] = (uint16_t)v[i];
}

static inline vf v_of_int(vi v)
{
    return __builtin_convertvector(v, vf);
}

static inline vf v_of_bits(vi v)
{
    return (vf)v;
}

static inline vi v_is_nan(vf v)
{
    return v != v;
}

static inline vf v_halves(const uint8_t *p)
{
    /* The bits moved to f32's places stand for the value times 2^-112, subnormal ones too. */
    vi h = i_u16(p), magnitude = h & 0x7fff, bits = magnitude << 13;
    vf value = (vf)bits * v_set(0x1p112f);
    vi special = magnitude > 0x7bff;
    return (vf)(((vi)value & ~special) | ((0x7f800000 | bits) & special) | (h & 0x8000) << 16);
}

static inline float half_at(const uint8_t *p)
{
    uint8_t four[2 * VL] = {p[0], p[1]};
    return v_halves(four)[0];
}

static inline vf v_half(const uint8_t *p)
{
    return v_set(half_at(p));
}

static inline vf v_half_pair(const uint8_t *p, vf *second)
{
    *second = v_half(p + 2);
    return v_half(p);
}

/* What each of the 16 values of four bits stands for: (q - zero)·step, plus base where with_base. */
typedef struct Sixteen {
    vf step, base;
    float zero;
    bool with_base;
} Sixteen;

static inline Sixteen v_sixteen(vf step, float zero, bool with_base, vf base)
{
    return (Sixteen){step, base, zero, with_base};
}

static inline vf v_pick(Sixteen s, vi q)
{
    vf value = (v_of_int(q & 15) - v_set(s.zero)) * s.step;
    if (s.with_base)
        value = value + s.base;
    return value;
}

static inline vf v_look_up(const float table[16], vi q)
{
    return (vf){table[q[0] & 15], table[q[1] & 15], table[q[2] & 15], table[q[3] & 15]};
}

#endif

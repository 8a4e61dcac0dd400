/* SPDX-License-Identifier: Apache-2.0
 * simd_avx512.h: vectors of 16 floats (AVX-512 F, DQ, BW, VL).
 */
#ifndef HONE_CPU_SIMD_H
#define HONE_CPU_SIMD_H

#include <immintrin.h>
#include <stddef.h>

#define VL 16          /* lanes */
#define TILE_VECTORS 4 /* width of a product's tile; 6 rows of it fill 24 of 32 registers */
#define FEW_BLOCK 4    /* tile of dot products */
#define MANY_BLOCK 6
#define KERNEL(name) name##_avx512
#define KERNEL_NAME "AVX-512"

typedef __m512 vf;

static inline vf v_set(float x)
{
    return _mm512_set1_ps(x);
}

static inline vf v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void v_store(float *p, vf v)
{
    _mm512_storeu_ps(p, v);
}

/* The first n lanes (n <= VL); the others load as 0 and are not stored. */
static inline vf v_load_n(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}

static inline void v_store_n(float *p, vf v, size_t n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v);
}

/* a·b + c, rounded once where the processor can. */
static inline vf v_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* b where either is NaN. */
static inline vf v_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}

static inline vf v_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}

static inline vf v_sqrt(vf x)
{
    return _mm512_sqrt_ps(x);
}

static inline vf v_abs(vf x)
{
    return _mm512_abs_ps(x);
}

/* To the nearest integer, ties to even, for |x| < 2^22. */
static inline vf v_round(vf x)
{
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* 2^n for integral n in [-126, 127]. */
static inline vf v_pow2(vf n)
{
    __m512i bits = _mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23);
    return _mm512_castsi512_ps(bits);
}

/* x where a < b, else y. */
static inline vf v_if_less(vf a, vf b, vf x, vf y)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}

static inline float v_sum(vf v)
{
    return _mm512_reduce_add_ps(v);
}

static inline float v_highest(vf v)
{
    return _mm512_reduce_max_ps(v);
}

#endif

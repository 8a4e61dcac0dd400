/* SPDX-License-Identifier: Apache-2.0
 * simd_avx512.h: vectors of 16 floats (AVX-512 F, DQ, BW, VL and F16C).
 */
#ifndef HONE_CPU_SIMD_H
#define HONE_CPU_SIMD_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VL 16          /* lanes */
#define TILE_VECTORS 4 /* width of a product's tile; 6 rows of it fill 24 of 32 registers */
#define FEW_BLOCK 4    /* tile of dot products */
#define MANY_BLOCK 6
#ifndef KERNEL
#define KERNEL(name) name##_avx512
#endif
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

/* Lane i: the sum of v[i]'s lanes. */
static inline vf v_sums(const vf v[VL])
{
    vf pair[8], four[4];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        pair[i] = _mm512_unpacklo_ps(v[2 * i], v[2 * i + 1]) + _mm512_unpackhi_ps(v[2 * i], v[2 * i + 1]);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        __m512d a = _mm512_castps_pd(pair[2 * i]), b = _mm512_castps_pd(pair[2 * i + 1]);
        four[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b)) + _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
    }
    /* Each quarter of four[i] holds a part of sums 4i .. 4i + 3. */
    vf low = _mm512_shuffle_f32x4(four[0], four[1], 0x44) + _mm512_shuffle_f32x4(four[0], four[1], 0xee);
    vf high = _mm512_shuffle_f32x4(four[2], four[3], 0x44) + _mm512_shuffle_f32x4(four[2], four[3], 0xee);
    return _mm512_shuffle_f32x4(low, high, 0x88) + _mm512_shuffle_f32x4(low, high, 0xdd);
}

/* ---- Integers, VL lanes of 32 bits: the operators of C work on them lane by lane. ---- */

typedef int32_t vi __attribute__((vector_size(64)));

static inline vi i_set(int32_t x)
{
    return (vi)_mm512_set1_epi32(x);
}

/* VL bytes or 16-bit words, widened. */
static inline vi i_u8(const uint8_t *p)
{
    return (vi)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
}

static inline vi i_i8(const uint8_t *p)
{
    return (vi)_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p));
}

static inline vi i_u16(const uint8_t *p)
{
    return (vi)_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
}

/* The lower 16 bits of each lane. */
static inline void i_store_u16(uint16_t *p, vi v)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16((__m512i)v));
}

static inline vf v_of_int(vi v)
{
    return _mm512_cvtepi32_ps((__m512i)v);
}

static inline vf v_of_bits(vi v)
{
    return (vf)v;
}

/* All bits of a lane that is NaN. */
static inline vi v_is_nan(vf v)
{
    return (vi)_mm512_movm_epi32(_mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q));
}

/* VL values of type f16. */
static inline vf v_halves(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

/* One value of type f16. */
static inline float half_at(const uint8_t *p)
{
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_loadu_si16(p)));
}

/* One value of type f16 in every lane; the next one in `second`. */
static inline vf v_half(const uint8_t *p)
{
    return _mm512_broadcastss_ps(_mm_cvtph_ps(_mm_loadu_si16(p)));
}

static inline vf v_half_pair(const uint8_t *p, vf *second)
{
    __m128 pair = _mm_cvtph_ps(_mm_loadu_si32(p));
    *second = _mm512_broadcastss_ps(_mm_movehdup_ps(pair));
    return _mm512_broadcastss_ps(pair);
}

/* What each of the 16 values of four bits stands for: (q - zero)·step, plus base where with_base. */
typedef struct Sixteen {
    vf value;
} Sixteen;

static inline Sixteen v_sixteen(vf step, float zero, bool with_base, vf base)
{
    vf q = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) - v_set(zero);
    vf value = q * step;
    if (with_base)
        value = value + base;
    return (Sixteen){value};
}

/* By the lower four bits of each lane; the others do not matter. */
static inline vf v_pick(Sixteen s, vi q)
{
    return _mm512_permutexvar_ps((__m512i)q, s.value);
}

/* table[q], by the lower four bits of each lane. */
static inline vf v_look_up(const float table[16], vi q)
{
    return _mm512_permutexvar_ps((__m512i)q, _mm512_loadu_ps(table));
}

#endif

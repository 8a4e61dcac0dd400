/* SPDX-License-Identifier: Apache-2.0
 * simd_avx2.h: vectors of 8 floats (AVX2, FMA, F16C). What each function does: simd_avx512.h.
 */
#ifndef HONE_CPU_SIMD_H
#define HONE_CPU_SIMD_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VL 8
#define TILE_VECTORS 2 /* 6 rows of it fill 12 of 16 registers */
#define FEW_BLOCK 3
#define MANY_BLOCK 4
#define KERNEL(name) name##_avx2
#define KERNEL_NAME "AVX2"

typedef __m256 vf;

static inline vf v_set(float x)
{
    return _mm256_set1_ps(x);
}

static inline vf v_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void v_store(float *p, vf v)
{
    _mm256_storeu_ps(p, v);
}

static inline __m256i first_lanes(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline vf v_load_n(const float *p, size_t n)
{
    return _mm256_maskload_ps(p, first_lanes(n));
}

static inline void v_store_n(float *p, vf v, size_t n)
{
    _mm256_maskstore_ps(p, first_lanes(n), v);
}

static inline vf v_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vf v_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}

static inline vf v_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}

static inline vf v_sqrt(vf x)
{
    return _mm256_sqrt_ps(x);
}

static inline vf v_abs(vf x)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
}

static inline vf v_round(vf x)
{
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline vf v_pow2(vf n)
{
    __m256i bits = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_castsi256_ps(bits);
}

static inline vf v_if_less(vf a, vf b, vf x, vf y)
{
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}

static inline float v_sum(vf v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

static inline float v_highest(vf v)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

static inline vf v_sums(const vf v[VL])
{
    vf pair[4], four[2];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        pair[i] = _mm256_unpacklo_ps(v[2 * i], v[2 * i + 1]) + _mm256_unpackhi_ps(v[2 * i], v[2 * i + 1]);
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        __m256d a = _mm256_castps_pd(pair[2 * i]), b = _mm256_castps_pd(pair[2 * i + 1]);
        four[i] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, b)) + _mm256_castpd_ps(_mm256_unpackhi_pd(a, b));
    }
    return _mm256_permute2f128_ps(four[0], four[1], 0x20) + _mm256_permute2f128_ps(four[0], four[1], 0x31);
}

typedef int32_t vi __attribute__((vector_size(32)));

static inline vi i_set(int32_t x)
{
    return (vi)_mm256_set1_epi32(x);
}

static inline vi i_u8(const uint8_t *p)
{
    return (vi)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
}

static inline vi i_i8(const uint8_t *p)
{
    return (vi)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p));
}

static inline vi i_u16(const uint8_t *p)
{
    return (vi)_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
}

static inline void i_store_u16(uint16_t *p, vi v)
{
    /* Packing works within halves of 128 bits, which are put together after. */
    __m256i packed = _mm256_packus_epi32((__m256i)(v & 0xffff), _mm256_setzero_si256());
    _mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08)));
}

static inline vf v_of_int(vi v)
{
    return _mm256_cvtepi32_ps((__m256i)v);
}

static inline vf v_of_bits(vi v)
{
    return (vf)v;
}

static inline vi v_is_nan(vf v)
{
    return (vi)_mm256_cmp_ps(v, v, _CMP_UNORD_Q);
}

static inline vf v_halves(const uint8_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}

static inline float half_at(const uint8_t *p)
{
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_loadu_si16(p)));
}

static inline vf v_half(const uint8_t *p)
{
    return _mm256_broadcastss_ps(_mm_cvtph_ps(_mm_loadu_si16(p)));
}

static inline vf v_half_pair(const uint8_t *p, vf *second)
{
    __m128 pair = _mm_cvtph_ps(_mm_loadu_si32(p));
    *second = _mm256_broadcastss_ps(_mm_movehdup_ps(pair));
    return _mm256_broadcastss_ps(pair);
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
    __m256 low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), (__m256i)q);
    __m256 high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8), (__m256i)q);
    return _mm256_blendv_ps(low, high, (__m256)(q << 28));
}

#endif

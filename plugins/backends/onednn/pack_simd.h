/* SPDX-License-Identifier: Apache-2.0
 * pack_simd.h: the vector pieces that laying out bf16 is made of. For AVX512-BF16.
 */
#ifndef HONE_ONEDNN_PACK_SIMD_H
#define HONE_ONEDNN_PACK_SIMD_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

/* 32 values as bf16. */
static inline __m512i round_pair(__m512 low, __m512 high)
{
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/* The first n of 32 lanes of 16 bits. */
static inline __mmask32 lanes_32(size_t n)
{
    return n >= 32 ? 0xffffffffu : (1u << n) - 1;
}

static inline __mmask16 lanes_16(size_t n)
{
    return n >= 16 ? 0xffff : (__mmask16)((1u << n) - 1);
}

static inline __m512 load_16(const float *x, size_t n)
{
    return n >= 16 ? _mm512_loadu_ps(x) : _mm512_maskz_loadu_ps(lanes_16(n), x);
}

/* Word i of both halves side by side: pairs (row, next row) from round_pair(row, next row). */
static inline __m512i interleave(__m512i halves)
{
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                           21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, halves);
}

/* Words of two rows side by side: 32 pairs. */
static inline void store_pairs(uint16_t *to, __m512i even, __m512i odd)
{
    static const uint16_t first[32] = {0, 32, 1, 33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
                                       8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
    const __m512i low = _mm512_loadu_si512(first), high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    _mm512_storeu_si512(to, _mm512_permutex2var_epi16(even, low, odd));
    _mm512_storeu_si512(to + 32, _mm512_permutex2var_epi16(even, high, odd));
}

/* 16 rows of 16 double words become columns. */
static inline void transpose(__m512i r[16])
{
    __m512i t[16];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
    }
    /* r[4·q + c]: of rows 4q .. 4q+3, column c of each quarter of columns. */
#pragma GCC unroll 4
    for (int q = 0; q < 4; q++) {
        r[4 * q] = _mm512_unpacklo_epi64(t[4 * q], t[4 * q + 2]);
        r[4 * q + 1] = _mm512_unpackhi_epi64(t[4 * q], t[4 * q + 2]);
        r[4 * q + 2] = _mm512_unpacklo_epi64(t[4 * q + 1], t[4 * q + 3]);
        r[4 * q + 3] = _mm512_unpackhi_epi64(t[4 * q + 1], t[4 * q + 3]);
    }
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        __m512i low = _mm512_shuffle_i32x4(r[c], r[4 + c], 0x88),
                high = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0x88);
        __m512i low_odd = _mm512_shuffle_i32x4(r[c], r[4 + c], 0xdd),
                high_odd = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0xdd);
        t[c] = _mm512_shuffle_i32x4(low, high, 0x88);
        t[8 + c] = _mm512_shuffle_i32x4(low, high, 0xdd);
        t[4 + c] = _mm512_shuffle_i32x4(low_odd, high_odd, 0x88);
        t[12 + c] = _mm512_shuffle_i32x4(low_odd, high_odd, 0xdd);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
        r[i] = t[i];
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 * pack_stored.h: stored types in registers: 32 values of a row as bf16, the same bits as unpacked to f32 and rounded.
 *
 * Types of four bits have sixteen values for each scale: those are made and rounded once, then looked up as words.
 */
#ifndef HONE_ONEDNN_PACK_STORED_H
#define HONE_ONEDNN_PACK_STORED_H

#include "../cpu/kernels/groups.h"
#include "pack_simd.h"

/* X(type, name, scales), as in groups.h. Before the first group of each SCALED, scales_name has to be called. */
#define STORED_TYPES(X)                                                                                                \
    X(HONE_Q4_0, q4_0, none)                                                                                           \
    X(HONE_Q4_1, q4_1, none)                                                                                           \
    X(HONE_Q5_0, q5_0, none)                                                                                           \
    X(HONE_Q5_1, q5_1, none)                                                                                           \
    X(HONE_Q8_0, q8_0, none)                                                                                           \
    X(HONE_Q2_K, q2_k, q2_k)                                                                                           \
    X(HONE_Q3_K, q3_k, q3_k)                                                                                           \
    X(HONE_Q4_K, q4_k, q4_k)                                                                                           \
    X(HONE_Q5_K, q5_k, q5_k)                                                                                           \
    X(HONE_Q6_K, q6_k, q6_k)                                                                                           \
    X(HONE_Q8_K, q8_k, none)                                                                                           \
    X(HONE_IQ4_NL, iq4_nl, none)                                                                                       \
    X(HONE_IQ4_XS, iq4_xs, iq4_xs)

/* By bits 0 to 3 of each word; bits 4 and up do not matter: the table is there twice. */
ALWAYS_INLINE __m512i look_up_words(__m512 sixteen, __m512i quants)
{
    __m256i table = (__m256i)_mm512_cvtneps_pbh(sixteen);
    return _mm512_permutexvar_epi16(quants, _mm512_broadcast_i64x4(table));
}

/* 16 bytes: the first half of the group in their low nibbles, the second in the high ones. */
ALWAYS_INLINE __m512i nibble_halves(const uint8_t *q)
{
    __m256i two = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)q));
    return _mm512_inserti64x4(_mm512_castsi256_si512(two), _mm256_srli_epi16(two, 4), 1);
}

ALWAYS_INLINE __m512i words_q4_0(const uint8_t *row, size_t i, const Scales *s)
{
    const uint8_t *b = row + 18 * i;
    return look_up_words(v_sixteen(v_half(b), 8, false, v_set(0)).value, nibble_halves(b + 2));
}

ALWAYS_INLINE __m512i words_q4_1(const uint8_t *row, size_t i, const Scales *s)
{
    const uint8_t *b = row + 20 * i;
    vf m, d = v_half_pair(b, &m);
    return look_up_words(v_sixteen(d, 0, true, m).value, nibble_halves(b + 4));
}

/* The others by way of two vectors of f32. */
#define WORDS(name)                                                                                                    \
    ALWAYS_INLINE __m512i words_##name(const uint8_t *row, size_t i, const Scales *s)                                  \
    {                                                                                                                  \
        vf v[NV];                                                                                                      \
        group_##name(row, i, s, v);                                                                                    \
        return round_pair(v[0], v[1]);                                                                                 \
    }
WORDS(q5_0)
WORDS(q5_1)
WORDS(q8_0)
WORDS(q2_k)
WORDS(q3_k)
WORDS(q4_k)
WORDS(q5_k)
WORDS(q6_k)
WORDS(q8_k)
WORDS(iq4_nl)
WORDS(iq4_xs)

#endif

/* SPDX-License-Identifier: Apache-2.0
 * groups.h: stored types in vectors: 32 values of a row at a time, the same bits as hone_type_to_f32 gives. Layouts are
 * told in sdk/model/quants.c; the order of operations is the one there.
 */
#ifndef HONE_CPU_GROUPS_H
#define HONE_CPU_GROUPS_H

#include "vector_math.h"

#include <string.h>

#define GROUP 32        /* values */
#define NV (GROUP / VL) /* vectors of a group */

/* X(type, name): types that have a function group_name(row, i, v): v = group i of the row that begins there. */
#define GROUP_TYPES(X)                                                                                                 \
    X(HONE_F32, f32)                                                                                                   \
    X(HONE_F16, f16)                                                                                                   \
    X(HONE_BF16, bf16)                                                                                                 \
    X(HONE_Q4_0, q4_0)                                                                                                 \
    X(HONE_Q4_1, q4_1)                                                                                                 \
    X(HONE_Q5_0, q5_0)                                                                                                 \
    X(HONE_Q5_1, q5_1)                                                                                                 \
    X(HONE_Q8_0, q8_0)                                                                                                 \
    X(HONE_Q4_K, q4_k)                                                                                                 \
    X(HONE_Q5_K, q5_k)                                                                                                 \
    X(HONE_Q6_K, q6_k)

#define EACH_OF_GROUP(j) _Pragma("GCC unroll 8") for (int j = 0; j < NV; j++)

ALWAYS_INLINE void group_f32(const uint8_t *row, size_t i, vf v[NV])
{
    EACH_OF_GROUP(j)
    v[j] = v_load((const float *)(const void *)(row + 4 * (GROUP * i + (size_t)(j * VL))));
}

ALWAYS_INLINE void group_f16(const uint8_t *row, size_t i, vf v[NV])
{
    EACH_OF_GROUP(j)
    v[j] = v_halves(row + 2 * (GROUP * i + (size_t)(j * VL)));
}

ALWAYS_INLINE void group_bf16(const uint8_t *row, size_t i, vf v[NV])
{
    EACH_OF_GROUP(j)
    v[j] = v_of_bits(i_u16(row + 2 * (GROUP * i + (size_t)(j * VL))) << 16);
}

/* 16 bytes: the first half of the group in their low nibbles, the second in the high ones. */
ALWAYS_INLINE void pick_halves(const uint8_t *q, Sixteen s, vf v[NV])
{
#pragma GCC unroll 4
    for (int j = 0; j < NV / 2; j++) {
        vi two = i_u8(q + j * VL);
        v[j] = v_pick(s, two);
        v[j + NV / 2] = v_pick(s, two >> 4);
    }
}

ALWAYS_INLINE void group_q4_0(const uint8_t *row, size_t i, vf v[NV])
{
    const uint8_t *b = row + 18 * i;
    pick_halves(b + 2, v_sixteen(v_half(b), 8, false, v_set(0)), v);
}

ALWAYS_INLINE void group_q4_1(const uint8_t *row, size_t i, vf v[NV])
{
    const uint8_t *b = row + 20 * i;
    vf m, d = v_half_pair(b, &m);
    pick_halves(b + 4, v_sixteen(d, 0, true, m), v);
}

/* `fifth` where bit `first + lane` of bits is set, else 0. */
ALWAYS_INLINE vi fifth_bit(uint32_t bits, int first)
{
    static const int32_t lane[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    vi place;
    memcpy(&place, lane, sizeof(place));
    return ((i_set((int32_t)(bits >> first)) >> place) & 1) << 4;
}

/* Quants of five bits, 0 to 31, of a q5_0 or q5_1 block. */
ALWAYS_INLINE void five_bits(const uint8_t *high, const uint8_t *low, vi q[NV])
{
    uint32_t bits;
    memcpy(&bits, high, sizeof(bits));
#pragma GCC unroll 4
    for (int j = 0; j < NV / 2; j++) {
        vi two = i_u8(low + j * VL);
        q[j] = (two & 15) | fifth_bit(bits, j * VL);
        q[j + NV / 2] = two >> 4 | fifth_bit(bits, 16 + j * VL);
    }
}

ALWAYS_INLINE void group_q5_0(const uint8_t *row, size_t i, vf v[NV])
{
    const uint8_t *b = row + 22 * i;
    vf d = v_half(b);
    vi q[NV];
    five_bits(b + 2, b + 6, q);
    EACH_OF_GROUP(j)
    v[j] = d * v_of_int(q[j] - 16);
}

ALWAYS_INLINE void group_q5_1(const uint8_t *row, size_t i, vf v[NV])
{
    const uint8_t *b = row + 24 * i;
    vf m, d = v_half_pair(b, &m);
    vi q[NV];
    five_bits(b + 4, b + 8, q);
    EACH_OF_GROUP(j)
    v[j] = d * v_of_int(q[j]) + m;
}

ALWAYS_INLINE void group_q8_0(const uint8_t *row, size_t i, vf v[NV])
{
    const uint8_t *b = row + 34 * i;
    vf d = v_half(b);
    EACH_OF_GROUP(j)
    v[j] = d * v_of_int(i_i8(b + 2 + j * VL));
}

/* step = d·scale and base = -dmin·min of group g of a q4_K or q5_K block. */
ALWAYS_INLINE vf step_and_base(const uint8_t *b, size_t g, vf *base)
{
    const uint8_t *s = b + 4;
    int scale = g < 4 ? s[g] & 63 : (s[g + 4] & 15) | (s[g - 4] >> 6) << 4;
    int min = g < 4 ? s[g + 4] & 63 : s[g + 4] >> 4 | (s[g] >> 6) << 4;
    vf dmin, d = v_half_pair(b, &dmin);
    *base = -(dmin * v_set((float)min));
    return d * v_set((float)scale);
}

ALWAYS_INLINE void group_q4_k(const uint8_t *row, size_t i, vf v[NV])
{
    size_t g = i % 8;
    const uint8_t *b = row + 144 * (i / 8), *q = b + 16 + 32 * (g / 2);
    vf base, step = step_and_base(b, g, &base);
    Sixteen s = v_sixteen(step, 0, true, base);
    int shift = (int)(g & 1) * 4;
    EACH_OF_GROUP(j)
    v[j] = v_pick(s, i_u8(q + j * VL) >> shift);
}

ALWAYS_INLINE void group_q5_k(const uint8_t *row, size_t i, vf v[NV])
{
    size_t g = i % 8;
    const uint8_t *b = row + 176 * (i / 8), *high = b + 16, *q = b + 48 + 32 * (g / 2);
    vf base, step = step_and_base(b, g, &base);
    int shift = (int)(g & 1) * 4;
    EACH_OF_GROUP(j)
    {
        vi value = ((i_u8(q + j * VL) >> shift) & 15) | ((i_u8(high + j * VL) >> (int)g) & 1) << 4;
        v[j] = step * v_of_int(value) + base;
    }
}

ALWAYS_INLINE void group_q6_k(const uint8_t *row, size_t i, vf v[NV])
{
    size_t half = i % 8 / 4, r = i % 4;
    const uint8_t *b = row + 210 * (i / 8), *low = b + 64 * half + 32 * (r & 1), *high = b + 128 + 32 * half;
    const uint8_t *scales = b + 192 + 8 * half + 2 * r;
    vf d = v_half(b + 208), step[2] = {d * v_set((float)(int8_t)scales[0]), d * v_set((float)(int8_t)scales[1])};
    int nibble = (int)(r / 2) * 4, pair = (int)r * 2;
    EACH_OF_GROUP(j)
    {
        vi value = ((i_u8(low + j * VL) >> nibble) & 15) | ((i_u8(high + j * VL) >> pair) & 3) << 4;
        v[j] = step[2 * j / NV] * v_of_int(value - 32);
    }
}

#endif

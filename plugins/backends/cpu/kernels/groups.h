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

/* What a block of 256 values says of its parts of 16 or 32: y = step·q + base. */
typedef struct Scales {
    float step[16], base[16];
} Scales;

#define SCALED 8 /* groups in such a block */

/* X(type, name, scales): types that have group_name(row, i, s, v): v = group i of the row that begins there. Before the
 * first group of each SCALED, scales_name(row, block, &s) has to be called. */
#define GROUP_TYPES(X)                                                                                                 \
    X(HONE_F32, f32, none)                                                                                             \
    X(HONE_F16, f16, none)                                                                                             \
    X(HONE_BF16, bf16, none)                                                                                           \
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
    X(HONE_IQ4_XS, iq4_xs, iq4_xs)                                                                                     \
    X(HONE_NF4, nf4, none)

#define EACH_OF_GROUP(j) _Pragma("GCC unroll 8") for (int j = 0; j < NV; j++)

ALWAYS_INLINE void group_f32(const uint8_t *row, size_t i, const Scales *s, vf v[NV])
{
    EACH_OF_GROUP(j)
    v[j] = v_load((const float *)(const void *)(row + 4 * (GROUP * i + (size_t)(j * VL))));
}

ALWAYS_INLINE void group_f16(const uint8_t *row, size_t i, const Scales *s, vf v[NV])
{
    EACH_OF_GROUP(j)
    v[j] = v_halves(row + 2 * (GROUP * i + (size_t)(j * VL)));
}

ALWAYS_INLINE void group_bf16(const uint8_t *row, size_t i, const Scales *s, vf v[NV])
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

ALWAYS_INLINE void group_q4_0(const uint8_t *row, size_t i, const Scales *s, vf v[NV])
{
    const uint8_t *b = row + 18 * i;
    pick_halves(b + 2, v_sixteen(v_half(b), 8, false, v_set(0)), v);
}

ALWAYS_INLINE void group_q4_1(const uint8_t *row, size_t i, const Scales *s, vf v[NV])
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

ALWAYS_INLINE void group_q5_0(const uint8_t *row, size_t i, const Scales *s, vf v[NV])
{
    const uint8_t *b = row + 22 * i;
    vf d = v_half(b);
    vi q[NV];
    five_bits(b + 2, b + 6, q);
    EACH_OF_GROUP(j)
    v[j] = d * v_of_int(q[j] - 16);
}

ALWAYS_INLINE void group_q5_1(const uint8_t *row, size_t i, const Scales *s, vf v[NV])
{
    const uint8_t *b = row + 24 * i;
    vf m, d = v_half_pair(b, &m);
    vi q[NV];
    five_bits(b + 4, b + 8, q);
    EACH_OF_GROUP(j)
    v[j] = d * v_of_int(q[j]) + m;
}

ALWAYS_INLINE void group_q8_0(const uint8_t *row, size_t i, const Scales *s, vf v[NV])
{
    const uint8_t *b = row + 34 * i;
    vf d = v_half(b);
    EACH_OF_GROUP(j)
    v[j] = d * v_of_int(i_i8(b + 2 + j * VL));
}

ALWAYS_INLINE void group_q8_k(const uint8_t *row, size_t i, const Scales *s, vf v[NV])
{
    const uint8_t *b = row + 292 * (i / SCALED), *q = b + 4 + GROUP * (i % SCALED);
    float d;
    memcpy(&d, b, sizeof(d));
    EACH_OF_GROUP(j)
    v[j] = v_set(d) * v_of_int(i_i8(q + j * VL));
}

/* ---- IQ4 and NF4: four bits look a value up. ---- */

static const float iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/* As hone_nf4_values. */
static const float nf4_values[16] = {
    -0x1.0p+0,      -0x1.647362p-1, -0x1.0cd66p-1, -0x1.946540p-2, -0x1.23449ap-2, -0x1.7a6a7ep-3,
    -0x1.74f0e2p-4, 0x0.0p+0,       0x1.45f5fep-4, 0x1.4995c6p-3,  0x1.f809bap-3,  0x1.5a0674p-2,
    0x1.c34970p-2,  0x1.200f56p-1,  0x1.722766p-1, 0x1.0p+0,
};

ALWAYS_INLINE void look_up_halves(const float values[16], const uint8_t *q, vf step, vf v[NV])
{
#pragma GCC unroll 4
    for (int j = 0; j < NV / 2; j++) {
        vi two = i_u8(q + j * VL);
        v[j] = step * v_look_up(values, two);
        v[j + NV / 2] = step * v_look_up(values, two >> 4);
    }
}

ALWAYS_INLINE void group_iq4_nl(const uint8_t *row, size_t i, const Scales *s, vf v[NV])
{
    look_up_halves(iq4_values, row + 18 * i + 2, v_half(row + 18 * i), v);
}

ALWAYS_INLINE void scales_iq4_xs(const uint8_t *row, size_t block, Scales *s)
{
    const uint8_t *b = row + 136 * block;
    float d = half_at(b);
    uint32_t up = (uint32_t)(b[2] | b[3] << 8);
    for (int g = 0; g < 8; g++)
        s->step[g] = d * (float)((int)((b[4 + g / 2] >> 4 * (g & 1) & 15) | (up >> 2 * g & 3) << 4) - 32);
}

ALWAYS_INLINE void group_iq4_xs(const uint8_t *row, size_t i, const Scales *s, vf v[NV])
{
    look_up_halves(iq4_values, row + 136 * (i / SCALED) + 8 + 16 * (i % SCALED), v_set(s->step[i % SCALED]), v);
}

ALWAYS_INLINE void group_nf4(const uint8_t *row, size_t i, const Scales *s, vf v[NV])
{
    const uint8_t *b = row + 36 * (i / 2);
    float scale;
    memcpy(&scale, b, sizeof(scale));
    look_up_halves(nf4_values, b + 4 + 16 * (i % 2), v_set(scale), v);
}

/* ---- Blocks of 256. ---- */

ALWAYS_INLINE void scales_none(const uint8_t *row, size_t block, Scales *s)
{
}

/* Bytes [n] to d·byte, as floats. */
ALWAYS_INLINE void scale_bytes(float *y, float d, const uint8_t *bytes, int n)
{
    for (int g = 0; g < n; g++)
        y[g] = d * (float)bytes[g];
}

/* Scales and minima of q4_K and q5_K: twelve bytes hold eight of six bits each. */
ALWAYS_INLINE void scales_q45_k(const uint8_t *b, Scales *s)
{
    uint32_t word[3], scales[2], minima[2];
    memcpy(word, b + 4, sizeof(word));
    scales[0] = word[0] & 0x3f3f3f3f;
    minima[0] = word[1] & 0x3f3f3f3f;
    scales[1] = (word[2] & 0x0f0f0f0f) | (word[0] >> 2 & 0x30303030);
    minima[1] = (word[2] >> 4 & 0x0f0f0f0f) | (word[1] >> 2 & 0x30303030);
    uint8_t bytes[16];
    memcpy(bytes, scales, sizeof(scales));
    memcpy(bytes + 8, minima, sizeof(minima));
    scale_bytes(s->step, half_at(b), bytes, 8);
    scale_bytes(s->base, half_at(b + 2), bytes + 8, 8);
}

ALWAYS_INLINE void scales_q4_k(const uint8_t *row, size_t block, Scales *s)
{
    scales_q45_k(row + 144 * block, s);
}

ALWAYS_INLINE void scales_q5_k(const uint8_t *row, size_t block, Scales *s)
{
    scales_q45_k(row + 176 * block, s);
}

ALWAYS_INLINE void group_q4_k(const uint8_t *row, size_t i, const Scales *s, vf v[NV])
{
    size_t g = i % SCALED;
    const uint8_t *q = row + 144 * (i / SCALED) + 16 + 32 * (g / 2);
    Sixteen sixteen = v_sixteen(v_set(s->step[g]), 0, true, v_set(-s->base[g]));
    int shift = (int)(g & 1) * 4;
    EACH_OF_GROUP(j)
    v[j] = v_pick(sixteen, i_u8(q + j * VL) >> shift);
}

ALWAYS_INLINE void group_q5_k(const uint8_t *row, size_t i, const Scales *s, vf v[NV])
{
    size_t g = i % SCALED;
    const uint8_t *b = row + 176 * (i / SCALED), *high = b + 16, *q = b + 48 + 32 * (g / 2);
    int shift = (int)(g & 1) * 4;
    EACH_OF_GROUP(j)
    {
        vi value = ((i_u8(q + j * VL) >> shift) & 15) | ((i_u8(high + j * VL) >> (int)g) & 1) << 4;
        v[j] = v_set(s->step[g]) * v_of_int(value) - v_set(s->base[g]);
    }
}

ALWAYS_INLINE void scales_q6_k(const uint8_t *row, size_t block, Scales *s)
{
    const uint8_t *b = row + 210 * block;
    float d = half_at(b + 208);
    for (int g = 0; g < 16; g++)
        s->step[g] = d * (float)(int8_t)b[192 + g];
}

ALWAYS_INLINE void group_q6_k(const uint8_t *row, size_t i, const Scales *s, vf v[NV])
{
    size_t g = i % SCALED, half = g / 4, r = g % 4;
    const uint8_t *b = row + 210 * (i / SCALED), *low = b + 64 * half + 32 * (r & 1), *high = b + 128 + 32 * half;
    int nibble = (int)(r / 2) * 4, pair = (int)r * 2;
    EACH_OF_GROUP(j)
    {
        vi value = ((i_u8(low + j * VL) >> nibble) & 15) | ((i_u8(high + j * VL) >> pair) & 3) << 4;
        v[j] = v_set(s->step[2 * g + (size_t)(2 * j / NV)]) * v_of_int(value - 32);
    }
}

ALWAYS_INLINE void scales_q2_k(const uint8_t *row, size_t block, Scales *s)
{
    const uint8_t *b = row + 84 * block;
    float d = half_at(b + 80), dmin = half_at(b + 82);
    for (int g = 0; g < 16; g++) {
        s->step[g] = d * (float)(b[g] & 15);
        s->base[g] = dmin * (float)(b[g] >> 4);
    }
}

ALWAYS_INLINE void group_q2_k(const uint8_t *row, size_t i, const Scales *s, vf v[NV])
{
    size_t g = i % SCALED;
    const uint8_t *q = row + 84 * (i / SCALED) + 16 + 32 * (g / 4);
    int shift = (int)(g % 4) * 2;
    EACH_OF_GROUP(j)
    {
        size_t part = 2 * g + (size_t)(2 * j / NV);
        v[j] = v_set(s->step[part]) * v_of_int((i_u8(q + j * VL) >> shift) & 3) - v_set(s->base[part]);
    }
}

ALWAYS_INLINE void scales_q3_k(const uint8_t *row, size_t block, Scales *s)
{
    const uint8_t *b = row + 110 * block, *scales = b + 96;
    float d = half_at(b + 108);
    for (int g = 0; g < 16; g++) {
        int low = g < 8 ? scales[g] & 15 : scales[g - 8] >> 4, up = scales[8 + g % 4] >> 2 * (g / 4) & 3;
        s->step[g] = d * (float)((low | up << 4) - 32);
    }
}

ALWAYS_INLINE void group_q3_k(const uint8_t *row, size_t i, const Scales *s, vf v[NV])
{
    size_t g = i % SCALED;
    const uint8_t *b = row + 110 * (i / SCALED), *q = b + 32 + 32 * (g / 4);
    int shift = (int)(g % 4) * 2;
    EACH_OF_GROUP(j)
    {
        vi high = (i_u8(b + j * VL) >> (int)g) & 1, value = ((i_u8(q + j * VL) >> shift) & 3) | high << 2;
        v[j] = v_set(s->step[2 * g + (size_t)(2 * j / NV)]) * v_of_int(value - 4);
    }
}

#endif

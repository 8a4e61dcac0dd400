/* SPDX-License-Identifier: Apache-2.0
 * unpack.c: stored types to f32 and to bf16.
 */
#include "groups.h"

/* The values behind the last whole group: plain types only, a block of the others is whole groups. */
static size_t whole_groups(size_t n)
{
    return n / GROUP * GROUP;
}

static void unpack_tail(HoneType type, const uint8_t *src, float *dst, size_t n)
{
    size_t done = whole_groups(n);
    if (done < n)
        hone_type_to_f32(type, src + done * hone_type_block_bytes(type), dst + done, n - done);
}

#define UNPACK(type, name, scales)                                                                                     \
    static void unpack_##name(const uint8_t *src, float *dst, size_t n)                                                \
    {                                                                                                                  \
        Scales s;                                                                                                      \
        for (size_t i = 0; i < n / GROUP; i++) {                                                                       \
            vf v[NV];                                                                                                  \
            if (i % SCALED == 0)                                                                                       \
                scales_##scales(src, i / SCALED, &s);                                                                  \
            group_##name(src, i, &s, v);                                                                               \
            EACH_OF_GROUP(j)                                                                                           \
            v_store(dst + GROUP * i + (size_t)(j * VL), v[j]);                                                         \
        }                                                                                                              \
        unpack_tail(type, src, dst, n);                                                                                \
    }
GROUP_TYPES(UNPACK)

void KERNEL(unpack)(HoneType type, const void *src, float *dst, size_t n)
{
    switch (type) {
#define UNPACK_CASE(type, name, scales)                                                                                \
    case type:                                                                                                         \
        unpack_##name(src, dst, n);                                                                                    \
        break;
        GROUP_TYPES(UNPACK_CASE)
    default:
        hone_type_to_f32(type, src, dst, n);
    }
}

/* As hone_f32_to_bf16: half a unit less one, plus the last kept bit; NaN is made quiet, which no carry may reach. */
ALWAYS_INLINE void store_bf16(uint16_t *dst, vf v)
{
    vi bits = (vi)v, nan = v_is_nan(v), number = bits & ~nan;
    vi rounded = (number + 0x7fff + ((number >> 16) & 1)) >> 16;
    i_store_u16(dst, (rounded & ~nan) | ((bits >> 16 | 0x40) & nan));
}

#define ROUND(type, name, scales)                                                                                      \
    static void round_##name(const uint8_t *src, uint16_t *dst, size_t n)                                              \
    {                                                                                                                  \
        Scales s;                                                                                                      \
        for (size_t i = 0; i < n / GROUP; i++) {                                                                       \
            vf v[NV];                                                                                                  \
            if (i % SCALED == 0)                                                                                       \
                scales_##scales(src, i / SCALED, &s);                                                                  \
            group_##name(src, i, &s, v);                                                                               \
            EACH_OF_GROUP(j)                                                                                           \
            store_bf16(dst + GROUP * i + (size_t)(j * VL), v[j]);                                                      \
        }                                                                                                              \
    }
GROUP_TYPES(ROUND)

/* By way of f32, for types without a group and for what is left of a plain type. */
static void round_rest(HoneType type, const uint8_t *src, uint16_t *dst, size_t n)
{
    enum { AT_ONCE = 1024 }; /* a multiple of every block */
    float values[AT_ONCE];
    for (size_t done = 0; done < n; done += AT_ONCE) {
        size_t count = n - done < AT_ONCE ? n - done : AT_ONCE;
        hone_type_to_f32(type, src + done / hone_type_block(type) * hone_type_block_bytes(type), values, count);
        for (size_t i = 0; i < count; i++)
            dst[done + i] = hone_f32_to_bf16(values[i]);
    }
}

void KERNEL(unpack_bf16)(HoneType type, const void *src, uint16_t *dst, size_t n)
{
    if (type == HONE_BF16) {
        memcpy(dst, src, n * sizeof(*dst));
        return;
    }
    size_t done = whole_groups(n);
    switch (type) {
#define ROUND_CASE(type, name, scales)                                                                                 \
    case type:                                                                                                         \
        round_##name(src, dst, n);                                                                                     \
        break;
        GROUP_TYPES(ROUND_CASE)
    default:
        done = 0;
    }
    if (done < n)
        round_rest(type, (const uint8_t *)src + done / hone_type_block(type) * hone_type_block_bytes(type), dst + done,
                   n - done);
}

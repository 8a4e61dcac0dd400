/* SPDX-License-Identifier: Apache-2.0
 * unpack.c: stored types to f32 and to bf16, the same bits as hone_type_to_f32 gives.
 */
#include "vector_math.h"

#include <string.h>

typedef uint16_t Half __attribute__((aligned(1), may_alias));
typedef uint32_t Bits __attribute__((aligned(1), may_alias));

static void from_bf16(const void *src, float *y, size_t n)
{
    const Half *from = src;
    Bits *to = (Bits *)y;
    for (size_t i = 0; i < n; i++)
        to[i] = (uint32_t)from[i] << 16;
}

static void from_f16(const void *src, float *y, size_t n)
{
    const Half *from = src;
    for (size_t i = 0; i < n; i++) {
        /* The bits moved to f32's places stand for the value times 2^-112, subnormal ones too. */
        uint32_t h = from[i], magnitude = h & 0x7fff, bits = magnitude << 13;
        float value;
        memcpy(&value, &bits, sizeof(value));
        value *= 0x1p112f;
        memcpy(&bits, &value, sizeof(bits));
        bits = magnitude >= 0x7c00 ? 0x7f800000u | magnitude << 13 : bits;
        bits |= (h & 0x8000) << 16;
        memcpy(&y[i], &bits, sizeof(bits));
    }
}

void KERNEL(unpack)(HoneType type, const void *src, float *dst, size_t n)
{
    switch (type) {
    case HONE_F16:
        from_f16(src, dst, n);
        break;
    case HONE_BF16:
        from_bf16(src, dst, n);
        break;
    default:
        hone_type_to_f32(type, src, dst, n);
    }
}

#define ROUND_AT_ONCE 1024 /* values; a multiple of every block */

void KERNEL(unpack_bf16)(HoneType type, const void *src, uint16_t *dst, size_t n)
{
    const unsigned char *from = src;
    size_t bytes = ROUND_AT_ONCE / hone_type_block(type) * hone_type_block_bytes(type);
    float values[ROUND_AT_ONCE];
    for (size_t done = 0; done < n; done += ROUND_AT_ONCE, from += bytes) {
        size_t count = n - done < ROUND_AT_ONCE ? n - done : ROUND_AT_ONCE;
        KERNEL(unpack)(type, from, values, count);
        for (size_t i = 0; i < count; i++) {
            uint32_t bits;
            memcpy(&bits, &values[i], sizeof(bits));
            uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, quiet = bits >> 16 | 0x40;
            dst[done + i] = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0
 * types.c: what is known of each element type, and the 16-bit float conversions.
 */
#include <hone/tensor.h>
#include <string.h>

typedef struct TypeInfo {
    const char *name;
    size_t block, bytes; /* values in a block, bytes of a block */
} TypeInfo;

/* Block sizes follow the GGUF specification's ggml_type. */
static const TypeInfo types[HONE_TYPE_END_] = {
    [HONE_F32] = {"f32", 1, 4},         [HONE_F16] = {"f16", 1, 2},           [HONE_BF16] = {"bf16", 1, 2},
    [HONE_I32] = {"i32", 1, 4},         [HONE_Q4_0] = {"q4_0", 32, 18},       [HONE_Q4_1] = {"q4_1", 32, 20},
    [HONE_Q5_0] = {"q5_0", 32, 22},     [HONE_Q5_1] = {"q5_1", 32, 24},       [HONE_Q8_0] = {"q8_0", 32, 34},
    [HONE_Q4_K] = {"q4_k", 256, 144},   [HONE_Q5_K] = {"q5_k", 256, 176},     [HONE_Q6_K] = {"q6_k", 256, 210},
    [HONE_Q2_K] = {"q2_k", 256, 84},    [HONE_Q3_K] = {"q3_k", 256, 110},     [HONE_Q8_K] = {"q8_k", 256, 292},
    [HONE_IQ4_NL] = {"iq4_nl", 32, 18}, [HONE_IQ4_XS] = {"iq4_xs", 256, 136}, [HONE_NF4] = {"nf4", 64, 36},
};

static const TypeInfo *type_info(HoneType type)
{
    g_assert(type > 0 && type < HONE_TYPE_END_);
    return &types[type];
}

size_t hone_type_block(HoneType type)
{
    return type_info(type)->block;
}

size_t hone_type_block_bytes(HoneType type)
{
    return type_info(type)->bytes;
}

const char *hone_type_name(HoneType type)
{
    return type_info(type)->name;
}

bool hone_type_bytes(HoneType type, size_t n, size_t *bytes)
{
    const TypeInfo *info = type_info(type);
    return n % info->block == 0 && !__builtin_mul_overflow(n / info->block, info->bytes, bytes);
}

/* ---- 16-bit floats, by their bits: the same on every processor. ---- */

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

float hone_bf16_to_f32(uint16_t value)
{
    return float_of_bits((uint32_t)value << 16);
}

uint16_t hone_f32_to_bf16(float value)
{
    uint32_t bits = bits_of_float(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)((bits >> 16) | 0x40); /* quiet, so that a NaN whose payload is cut off stays one */
    /* Half a unit less one, plus the last kept bit: a tie goes to even, a carry runs into the exponent as it should. */
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

float hone_f16_to_f32(uint16_t value)
{
    uint32_t sign = (uint32_t)(value & 0x8000) << 16, exponent = (value >> 10) & 31, fraction = value & 1023;
    if (exponent == 31)
        return float_of_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent != 0)
        return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
    float magnitude = (float)fraction * 0x1p-24f; /* subnormal in f16, exact in f32 */
    return float_of_bits(sign | bits_of_float(magnitude));
}

uint16_t hone_f32_to_f16(float value)
{
    uint32_t bits = bits_of_float(value), magnitude = bits & 0x7fffffffu;
    uint16_t sign = (uint16_t)((bits >> 16) & 0x8000);
    if (magnitude > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00 | ((magnitude >> 13) & 0x1ff));
    if (magnitude >=
        0x477ff000u) /* 65520, half way from the largest f16 to the next power of two: rounds to infinity */
        return sign | 0x7c00;
    if (magnitude < 0x38800000u) {
        /* Below 2^-14 the result is subnormal: its unit is 2^-24. Adding 0.5 puts that unit at the last place of an
         * f32, so the processor's own rounding to nearest even does the work. */
        return (uint16_t)(sign | (bits_of_float(float_of_bits(magnitude) + 0.5f) - bits_of_float(0.5f)));
    }
    uint32_t rounded = magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1);
    return (uint16_t)(sign | (rounded >> 13));
}

/* SPDX-License-Identifier: Apache-2.0
 * quants.c: the scalar definition of every stored type: blocks to f32.
 *
 * The order of operations is that of the GGUF package's dequantisers (scale times quant, then plus or minus the
 * minimum, each rounded to f32; this tree is built without contraction), so results are equal bit for bit.
 */
#include <hone/tensor.h>
#include <string.h>

static uint16_t load16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t load32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static float load_half(const uint8_t *p)
{
    return hone_f16_to_f32(load16(p));
}

/* {d, qs[16]}: value j from the low nibble of byte j, value j + 16 from the high one; y = d·(q - 8). */
static void block_q4_0(const uint8_t *x, float *y)
{
    float d = load_half(x);
    const uint8_t *q = x + 2;
    for (int j = 0; j < 16; j++) {
        y[j] = d * (float)((q[j] & 15) - 8);
        y[j + 16] = d * (float)((q[j] >> 4) - 8);
    }
}

/* {d, m, qs[16]}: y = d·q + m. */
static void block_q4_1(const uint8_t *x, float *y)
{
    float d = load_half(x), m = load_half(x + 2);
    const uint8_t *q = x + 4;
    for (int j = 0; j < 16; j++) {
        y[j] = d * (float)(q[j] & 15) + m;
        y[j + 16] = d * (float)(q[j] >> 4) + m;
    }
}

/* {d, qh[4], qs[16]}: the fifth bit of value j is bit j of qh; y = d·(q - 16). */
static void block_q5_0(const uint8_t *x, float *y)
{
    float d = load_half(x);
    uint32_t high = load32(x + 2);
    const uint8_t *q = x + 6;
    for (int j = 0; j < 16; j++) {
        int low = (q[j] & 15) | (int)(high >> j & 1) << 4, up = (q[j] >> 4) | (int)(high >> (j + 16) & 1) << 4;
        y[j] = d * (float)(low - 16);
        y[j + 16] = d * (float)(up - 16);
    }
}

/* {d, m, qh[4], qs[16]}: y = d·q + m. */
static void block_q5_1(const uint8_t *x, float *y)
{
    float d = load_half(x), m = load_half(x + 2);
    uint32_t high = load32(x + 4);
    const uint8_t *q = x + 8;
    for (int j = 0; j < 16; j++) {
        int low = (q[j] & 15) | (int)(high >> j & 1) << 4, up = (q[j] >> 4) | (int)(high >> (j + 16) & 1) << 4;
        y[j] = d * (float)low + m;
        y[j + 16] = d * (float)up + m;
    }
}

/* {d, qs[32]}: y = d·q. */
static void block_q8_0(const uint8_t *x, float *y)
{
    float d = load_half(x);
    for (int j = 0; j < 32; j++)
        y[j] = d * (float)(int8_t)x[2 + j];
}

/* Scale and minimum j of 8, six bits each, packed into 12 bytes: the first four whole in bytes 0..7, the low four bits
 * of the others in bytes 8..11 and their upper two at the top of bytes 0..7. */
static void scale_and_min(const uint8_t *s, int j, int *scale, int *min)
{
    if (j < 4) {
        *scale = s[j] & 63;
        *min = s[j + 4] & 63;
    } else {
        *scale = (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
        *min = (s[j + 4] >> 4) | (s[j] >> 6) << 4;
    }
}

/* {d, dmin, scales[12], qs[128]}: eight groups of 32; group 2i is the low nibbles of bytes 32i.., group 2i + 1 the high
 * ones; y = (d·scale)·q - dmin·min. Q5_K has qh[32] before qs: bit g of qh[l] is the fifth bit of group g's value l. */
static void block_q45_k(const uint8_t *x, const uint8_t *high, const uint8_t *low, float *y)
{
    float d = load_half(x), dmin = load_half(x + 2);
    for (int g = 0; g < 8; g++) {
        int scale, min;
        scale_and_min(x + 4, g, &scale, &min);
        float step = d * (float)scale, base = dmin * (float)min;
        const uint8_t *q = low + 32 * (g / 2);
        for (int l = 0; l < 32; l++) {
            int value = (g & 1) ? q[l] >> 4 : q[l] & 15;
            if (high)
                value |= (high[l] >> g & 1) << 4;
            y[32 * g + l] = step * (float)value - base;
        }
    }
}

/* {ql[128], qh[64], scales[16] (i8), d}: two halves of 128 values, each four rows of 32; row r takes its low four bits
 * from bytes 32·(r & 1) + l of ql (low nibbles for r < 2, else high), its upper two from bits 2r of qh[l];
 * y = (d·scale)·(q - 32), one scale for 16 values. */
static void block_q6_k(const uint8_t *x, float *y)
{
    float d = load_half(x + 208);
    for (int half = 0; half < 2; half++) {
        const uint8_t *ql = x + 64 * half, *qh = x + 128 + 32 * half, *scales = x + 192 + 8 * half;
        for (int r = 0; r < 4; r++)
            for (int l = 0; l < 32; l++) {
                int low = r < 2 ? ql[32 * r + l] & 15 : ql[32 * (r - 2) + l] >> 4;
                int q = (low | (qh[l] >> 2 * r & 3) << 4) - 32;
                float step = d * (float)(int8_t)scales[2 * r + l / 16];
                y[128 * half + 32 * r + l] = step * (float)q;
            }
    }
}

/* {scales[16], qs[64], d, dmin}: sixteen groups of 16; the low nibble of scales[g] scales it, the high one is its
 * minimum. Value l of group 8h + 2r + k (k < 2) is bits 2r of byte 32h + 16k + l; y = (d·scale)·q - dmin·min. */
static void block_q2_k(const uint8_t *x, float *y)
{
    float d = load_half(x + 80), dmin = load_half(x + 82);
    for (int g = 0; g < 16; g++) {
        const uint8_t *q = x + 16 + 32 * (g / 8) + 16 * (g & 1);
        float step = d * (float)(x[g] & 15), base = dmin * (float)(x[g] >> 4);
        for (int l = 0; l < 16; l++)
            y[16 * g + l] = step * (float)(q[l] >> 2 * (g / 2 % 4) & 3) - base;
    }
}

/* {hmask[32], qs[64], scales[12], d}: groups and low bits as in Q2_K; bit 4h + r of hmask[16k + l] takes away 4 where
 * it is not set. Scale g of 16, six bits each, less 32: the low four are a nibble of byte g % 8 (the high one from g =
 * 8 on), the upper two bits 2·(g / 4) of byte 8 + g % 4; y = (d·scale)·q. */
static void block_q3_k(const uint8_t *x, float *y)
{
    const uint8_t *scales = x + 96;
    float d = load_half(x + 108);
    for (int g = 0; g < 16; g++) {
        const uint8_t *q = x + 32 + 32 * (g / 8) + 16 * (g & 1), *high = x + 16 * (g & 1);
        int low = g < 8 ? scales[g] & 15 : scales[g - 8] >> 4, up = scales[8 + g % 4] >> 2 * (g / 4) & 3;
        float step = d * (float)((low | up << 4) - 32);
        for (int l = 0; l < 16; l++) {
            int value = (q[l] >> 2 * (g / 2 % 4) & 3) - ((high[l] >> g / 2 & 1) ? 0 : 4);
            y[16 * g + l] = step * (float)value;
        }
    }
}

/* {d (f32), qs[256] (i8), sums of 16 (i16, for products only)}: y = d·q. */
static void block_q8_k(const uint8_t *x, float *y)
{
    uint32_t bits = load32(x);
    float d;
    memcpy(&d, &bits, sizeof d);
    for (int j = 0; j < 256; j++)
        y[j] = d * (float)(int8_t)x[4 + j];
}

/* The sixteen values of IQ4: closer together near zero, as weights are. */
static const int8_t iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

static void iq4_group(float step, const uint8_t *q, float *y)
{
    for (int j = 0; j < 16; j++) {
        y[j] = step * (float)iq4_values[q[j] & 15];
        y[j + 16] = step * (float)iq4_values[q[j] >> 4];
    }
}

/* {d, scales_h (u16), scales_l[4], qs[128]}: eight groups of 32; scale g, six bits less 32: a nibble of scales_l, and
 * bits 2g of scales_h; y = (d·scale)·value. IQ4_NL is {d, qs[16]}: one group without a scale. */
static void block_iq4_xs(const uint8_t *x, float *y)
{
    float d = load_half(x);
    for (int g = 0; g < 8; g++) {
        int low = x[4 + g / 2] >> 4 * (g & 1) & 15, up = load16(x + 2) >> 2 * g & 3;
        iq4_group(d * (float)((low | up << 4) - 32), x + 8 + 16 * g, y + 32 * g);
    }
}

/* bitsandbytes' own numbers, f32. */
static const float nf4_values[16] = {
    -0x1.0p+0,      -0x1.647362p-1, -0x1.0cd66p-1, -0x1.946540p-2, -0x1.23449ap-2, -0x1.7a6a7ep-3,
    -0x1.74f0e2p-4, 0x0.0p+0,       0x1.45f5fep-4, 0x1.4995c6p-3,  0x1.f809bap-3,  0x1.5a0674p-2,
    0x1.c34970p-2,  0x1.200f56p-1,  0x1.722766p-1, 0x1.0p+0,
};

const float *hone_nf4_values(void)
{
    return nf4_values;
}

/* {scale (f32), qs[32]}: two groups of 32 as in IQ4_NL: the low nibbles of 16 bytes, then their high ones; y =
 * scale·value.
 */
static void block_nf4(const uint8_t *x, float *y)
{
    float scale;
    memcpy(&scale, x, sizeof scale);
    for (int g = 0; g < 2; g++)
        for (int j = 0; j < 16; j++) {
            y[32 * g + j] = scale * nf4_values[x[4 + 16 * g + j] & 15];
            y[32 * g + 16 + j] = scale * nf4_values[x[4 + 16 * g + j] >> 4];
        }
}

void hone_type_to_f32(HoneType type, const void *src, float *dst, size_t n)
{
    const uint8_t *x = src;
    size_t block = hone_type_block(type), bytes = hone_type_block_bytes(type);
    g_assert(n % block == 0 && type != HONE_I32);
    if (type == HONE_F32) {
        memcpy(dst, src, n * sizeof *dst); /* files are little endian, as is every machine Hone is built for */
        return;
    }
    for (size_t i = 0; i < n; i += block, x += bytes)
        switch (type) {
        case HONE_F16:
            dst[i] = load_half(x);
            break;
        case HONE_BF16:
            dst[i] = hone_bf16_to_f32(load16(x));
            break;
        case HONE_Q4_0:
            block_q4_0(x, dst + i);
            break;
        case HONE_Q4_1:
            block_q4_1(x, dst + i);
            break;
        case HONE_Q5_0:
            block_q5_0(x, dst + i);
            break;
        case HONE_Q5_1:
            block_q5_1(x, dst + i);
            break;
        case HONE_Q8_0:
            block_q8_0(x, dst + i);
            break;
        case HONE_Q4_K:
            block_q45_k(x, NULL, x + 16, dst + i);
            break;
        case HONE_Q5_K:
            block_q45_k(x, x + 16, x + 48, dst + i);
            break;
        case HONE_Q6_K:
            block_q6_k(x, dst + i);
            break;
        case HONE_Q2_K:
            block_q2_k(x, dst + i);
            break;
        case HONE_Q3_K:
            block_q3_k(x, dst + i);
            break;
        case HONE_Q8_K:
            block_q8_k(x, dst + i);
            break;
        case HONE_IQ4_NL:
            iq4_group(load_half(x), x + 2, dst + i);
            break;
        case HONE_IQ4_XS:
            block_iq4_xs(x, dst + i);
            break;
        case HONE_NF4:
            block_nf4(x, dst + i);
            break;
        default:
            g_assert_not_reached();
        }
}

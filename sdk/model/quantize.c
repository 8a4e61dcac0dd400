/* SPDX-License-Identifier: Apache-2.0
 * quantize.c: f32 to the stored types that Hone writes; quants.c has the layouts.
 *
 * Rounding is that of the GGUF package's quantisers (and of ggml's reference ones), so the bytes are theirs.
 */
#include "quantize.h"
#include <math.h>
#include <string.h>

static void store16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

void store_half(uint8_t *p, float value)
{
    store16(p, hone_f32_to_f16(value));
}

/* Of a step so small that f16 makes it zero anyway, the inverse may not exist. */
static float inverse_of(float d)
{
    float inverse = d == 0 ? 0 : 1 / d;
    return isfinite(inverse) ? inverse : 0;
}

/* The largest magnitude takes 127. */
static void quantize_q8_0(const float *x, uint8_t *block)
{
    float most = 0;
    for (int j = 0; j < 32; j++)
        most = fmaxf(most, fabsf(x[j]));
    float d = most / 127, inverse = inverse_of(d);
    store_half(block, d);
    for (int j = 0; j < 32; j++)
        block[2 + j] = (uint8_t)(int8_t)roundf(x[j] * inverse);
}

/* The value of largest magnitude takes -8, whichever its sign. */
static void quantize_q4_0(const float *x, uint8_t *block)
{
    float extreme = x[0];
    for (int j = 1; j < 32; j++)
        if (fabsf(x[j]) > fabsf(extreme))
            extreme = x[j];
    float d = extreme / -8, inverse = inverse_of(d);
    store_half(block, d);
    for (int j = 0; j < 16; j++) {
        int low = MIN(15, (int)(x[j] * inverse + 8.5f)), high = MIN(15, (int)(x[j + 16] * inverse + 8.5f));
        block[2 + j] = (uint8_t)(low | high << 4);
    }
}

bool hone_type_is_written(HoneType type)
{
    return type == HONE_F32 || type == HONE_F16 || type == HONE_BF16 || type == HONE_Q8_0 || type == HONE_Q4_0 ||
           type == HONE_Q4_K;
}

void hone_type_from_f32(HoneType type, const float *src, void *dst, size_t n)
{
    size_t block = hone_type_block(type), bytes = hone_type_block_bytes(type);
    uint8_t *out = dst;
    g_assert(n % block == 0 && hone_type_is_written(type));
    if (type == HONE_F32) {
        memcpy(dst, src, n * sizeof *src);
        return;
    }
    for (size_t i = 0; i < n; i += block, out += bytes)
        switch (type) {
        case HONE_F16:
            store_half(out, src[i]);
            break;
        case HONE_BF16:
            store16(out, hone_f32_to_bf16(src[i]));
            break;
        case HONE_Q8_0:
            quantize_q8_0(src + i, out);
            break;
        case HONE_Q4_0:
            quantize_q4_0(src + i, out);
            break;
        case HONE_Q4_K:
            quantize_q4_k(src + i, out);
            break;
        default:
            g_assert_not_reached();
        }
}

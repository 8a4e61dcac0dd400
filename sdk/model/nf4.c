/* SPDX-License-Identifier: Apache-2.0
 * nf4.c: 4-bit normal floats with doubly quantised scales, bit for bit as bitsandbytes makes them on a processor.
 *
 *     a = max |w| of 64 values;  code: the nearest of 16 quantiles of a normal distribution to w·(1/a)
 *     offset = mean of all a;  b = max |a - offset| of 256 scales;  scale's code: the nearest of hone_state_map(true)
 * to (a - offset)·(1/b), by way of a table of 65,536 places w ≈ quantile[code]·a'  with  a' = map[scale's code]·b +
 * offset
 *
 * Dettmers, Pagnoni, Holtzman, Zettlemoyer, "QLoRA: Efficient Finetuning of Quantized LLMs", 2023. In Hone a block
 * holds a' itself in f32 (HONE_NF4): 4.5 bits a value where bitsandbytes has 4.13, and rows that stand for themselves.
 */
#include "nf4.h"

#include <hone/backend.h>
#include <math.h>
#include <string.h>

#define PLACES 65536

/* ---- The mean, in the order of sums that torch.mean has. ---- */

#define LANES 8  /* of a vector, whatever the processor has */
#define ROWS 4   /* summed side by side */
#define LEVELS 4 /* of partial sums */

/* Sums of size rows of [ROWS·width] floats into out: pairwise in levels, so that rounding stays small. */
static void sum_levels(const float *x, size_t size, size_t width, float *out)
{
    float level[LEVELS][ROWS * LANES] = {{0}};
    size_t n = ROWS * width, log = 0, i = 0;
    while (((size_t)1 << log) < size)
        log++;
    size_t power = MAX((size_t)4, log / LEVELS), step = (size_t)1 << power;
    while (i + step <= size) {
        for (size_t j = 0; j < step; j++, i++)
            for (size_t k = 0; k < n; k++)
                level[0][k] += x[i * n + k];
        for (size_t j = 1; j < LEVELS; j++) {
            for (size_t k = 0; k < n; k++) {
                level[j][k] += level[j - 1][k];
                level[j - 1][k] = 0;
            }
            if ((i & ((step - 1) << (j * power))) != 0)
                break;
        }
    }
    for (; i < size; i++)
        for (size_t k = 0; k < n; k++)
            level[0][k] += x[i * n + k];
    for (size_t j = 1; j < LEVELS; j++)
        for (size_t k = 0; k < n; k++)
            level[0][k] += level[j][k];
    memcpy(out, level[0], n * sizeof *out);
}

/* Sums of `count` rows of `width` floats: out [width]. */
static void sum_rows(const float *x, size_t count, size_t width, float *out)
{
    float sums[ROWS * LANES];
    size_t whole = count / ROWS;
    sum_levels(x, whole, width, sums);
    for (size_t i = whole * ROWS; i < count; i++)
        for (size_t k = 0; k < width; k++)
            sums[k] += x[i * width + k];
    for (size_t r = 1; r < ROWS; r++)
        for (size_t k = 0; k < width; k++)
            sums[k] += sums[r * width + k];
    memcpy(out, sums, width * sizeof *out);
}

static float mean(const float *x, size_t n)
{
    float lanes[LANES], sum = 0;
    size_t whole = n / LANES;
    if (whole == 0) {
        sum_rows(x, n, 1, &sum);
        return sum / (float)n;
    }
    sum_rows(x, whole, LANES, lanes);
    for (size_t i = whole * LANES; i < n; i++)
        sum += x[i];
    for (size_t k = 0; k < LANES; k++)
        sum += lanes[k];
    return sum / (float)n;
}

/* ---- The codes. ---- */

static float largest(const float *x, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i++)
        most = MAX(most, fabsf(x[i]));
    return most;
}

/* How many of the middles between two values of NF4 lie below x. */
static uint8_t code_of(const float middles[15], float x)
{
    uint8_t code = 0;
    while (code < 15 && middles[code] < x)
        code++;
    return code;
}

static void quantize_block(const float *x, const float middles[15], float most, uint8_t *codes)
{
    float inverse = 1.0f / MAX(most, 1e-38f);
    for (size_t i = 0; i < NF4_BLOCK; i += 2)
        codes[i / 2] = (uint8_t)(code_of(middles, CLAMP(x[i] * inverse, -1, 1)) << 4 |
                                 code_of(middles, CLAMP(x[i + 1] * inverse, -1, 1)));
}

/* place -> the code nearest to -1 + 2·place/65535, of two equally near the lower. */
static const uint8_t *places(void)
{
    static uint8_t table[PLACES];
    static gsize made;
    if (g_once_init_enter(&made)) {
        const float *map = hone_state_map(true);
        size_t code = 0;
        for (size_t i = 0; i < PLACES; i++) {
            double x = (double)i / (PLACES - 1) * 2 - 1;
            while (code < 255 && fabs((double)map[code + 1] - x) < fabs((double)map[code] - x))
                code++;
            table[i] = (uint8_t)code;
        }
        g_once_init_leave(&made, 1);
    }
    return table;
}

/* scales [n] of up to NF4_SCALE_BLOCK less the offset, as codes; gives their own scale. */
static float quantize_scales(const float *scales, size_t n, uint8_t *codes)
{
    const uint8_t *table = places();
    float most = largest(scales, n), inverse = 1.0f / most;
    if (most == 0) { /* all are the offset: any code will do, and it is the first there */
        memset(codes, 0, n);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        float place = (scales[i] * inverse + 1.0f) * 0.5f * (float)(PLACES - 1) + 0.5f;
        codes[i] = table[(size_t)CLAMP(place, 0, PLACES - 1)];
    }
    return most;
}

void nf4_quantize(Nf4 *nf4, const float *values, size_t n)
{
    g_assert(n > 0 && n % NF4_BLOCK == 0);
    const float *levels = hone_nf4_values();
    float middles[15];
    size_t blocks = n / NF4_BLOCK, groups = (blocks + NF4_SCALE_BLOCK - 1) / NF4_SCALE_BLOCK;
    *nf4 = (Nf4){.n = n, .blocks = blocks};
    nf4->codes = g_malloc(n / 2);
    nf4->scales = g_malloc(blocks);
    nf4->scale_scales = g_new(float, groups);
    g_autofree float *scales = g_new(float, blocks);
    for (size_t i = 0; i < 15; i++)
        middles[i] = (levels[i] + levels[i + 1]) / 2;
    for (size_t b = 0; b < blocks; b++) {
        scales[b] = largest(values + b * NF4_BLOCK, NF4_BLOCK);
        quantize_block(values + b * NF4_BLOCK, middles, scales[b], nf4->codes + b * NF4_BLOCK / 2);
    }
    nf4->offset = mean(scales, blocks);
    for (size_t b = 0; b < blocks; b++)
        scales[b] -= nf4->offset;
    for (size_t g = 0; g < groups; g++) {
        size_t first = g * NF4_SCALE_BLOCK, count = MIN(NF4_SCALE_BLOCK, blocks - first);
        nf4->scale_scales[g] = quantize_scales(scales + first, count, nf4->scales + first);
    }
}

void nf4_clear(Nf4 *nf4)
{
    g_free(nf4->codes);
    g_free(nf4->scales);
    g_free(nf4->scale_scales);
    *nf4 = (Nf4){0};
}

float nf4_scale(const Nf4 *nf4, size_t block)
{
    return hone_state_map(true)[nf4->scales[block]] * nf4->scale_scales[block / NF4_SCALE_BLOCK] + nf4->offset;
}

static uint8_t code_at(const uint8_t *codes, size_t i)
{
    return i % 2 == 0 ? codes[i / 2] >> 4 : codes[i / 2] & 15;
}

void nf4_blocks(const Nf4 *nf4, void *out)
{
    uint8_t *at = out;
    for (size_t b = 0; b < nf4->blocks; b++, at += hone_type_block_bytes(HONE_NF4)) {
        float scale = nf4_scale(nf4, b);
        memcpy(at, &scale, sizeof scale);
        const uint8_t *codes = nf4->codes + b * NF4_BLOCK / 2;
        for (size_t g = 0; g < NF4_BLOCK; g += 32)
            for (size_t j = 0; j < 16; j++)
                at[sizeof scale + g / 2 + j] = (uint8_t)(code_at(codes, g + j) | code_at(codes, g + 16 + j) << 4);
    }
}

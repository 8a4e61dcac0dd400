/* SPDX-License-Identifier: Apache-2.0
 * quantize_k.c: 256 values to a block of Q4_K.
 *
 * Each group of 32 becomes step·q - base with q in 0..15 and base >= 0. Step and base are those of the least weighted
 * squared error among 22 candidates: the plain range of the values, and for each of 21 ranges a little narrower or
 * wider, from the best least value so far, the weighted least-squares fit to the q that this range gives. The weight of
 * a value is its magnitude plus the group's root mean square. Steps and bases are then stored in six bits of the
 * block's largest, and every q is chosen once more for what was stored. Candidates, weights and the order of sums are
 * those of ggml's reference quantiser, so that the bytes are its bytes.
 */
#include "quantize.h"
#include <math.h>
#include <string.h>

#define GROUP 32
#define MOST_Q 15
#define CANDIDATES 21

typedef struct Fit {
    float step, base; /* value = step·q - base */
    uint8_t q[GROUP];
} Fit;

/* To the nearest whole number, ties to even. */
static int nearest(float value)
{
    return (int)nearbyintf(value);
}

static uint8_t level(float inverse_step, float value, float least)
{
    return (uint8_t)CLAMP(nearest(inverse_step * (value - least)), 0, MOST_Q);
}

static float weighted_error(const float *x, const float *w, const uint8_t *q, float step, float least)
{
    float error = 0;
    for (int i = 0; i < GROUP; i++) {
        float difference = step * (float)q[i] + least - x[i];
        error += w[i] * (difference * difference);
    }
    return error;
}

/* The least-squares step and least value for given levels; false where the levels are all the same. */
static bool solve(const float *x, const float *w, const uint8_t *q, float sum_w, float sum_x, float *step, float *least)
{
    float sum_l = 0, sum_l2 = 0, sum_xl = 0;
    for (int i = 0; i < GROUP; i++) {
        float l = (float)q[i];
        sum_l += w[i] * l;
        sum_l2 += w[i] * l * l;
        sum_xl += w[i] * l * x[i];
    }
    float determinant = sum_w * sum_l2 - sum_l * sum_l;
    if (!(determinant > 0))
        return false;
    *step = (sum_w * sum_xl - sum_x * sum_l) / determinant;
    *least = (sum_l2 * sum_x - sum_l * sum_xl) / determinant;
    if (*least > 0) { /* the format's base only lowers */
        *least = 0;
        *step = sum_xl / sum_l2;
    }
    return true;
}

static void fit_group(const float *x, Fit *fit)
{
    float w[GROUP], squares = 0, sum_w = 0, sum_x = 0, low = x[0], high = x[0];
    for (int i = 0; i < GROUP; i++)
        squares += x[i] * x[i];
    float rms = sqrtf(squares / GROUP);
    for (int i = 0; i < GROUP; i++) {
        w[i] = rms + fabsf(x[i]);
        sum_w += w[i];
        sum_x += w[i] * x[i];
        low = MIN(low, x[i]);
        high = MAX(high, x[i]);
    }
    low = MIN(low, 0);
    *fit = (Fit){.base = -low};
    /* All one value, or so near to it that f16 makes the step zero. */
    if (!isfinite(2 * MOST_Q / (high - low)))
        return;
    float inverse = MOST_Q / (high - low), least = low;
    fit->step = 1 / inverse;
    for (int i = 0; i < GROUP; i++)
        fit->q[i] = level(inverse, x[i], low);
    float best = weighted_error(x, w, fit->q, fit->step, low);
    for (int c = 0; c < CANDIDATES; c++) {
        uint8_t q[GROUP];
        float step, bottom;
        inverse = (-1.0f + 0.1f * (float)c + MOST_Q) / (high - least);
        for (int i = 0; i < GROUP; i++)
            q[i] = level(inverse, x[i], least);
        if (!solve(x, w, q, sum_w, sum_x, &step, &bottom))
            continue;
        float error = weighted_error(x, w, q, step, bottom);
        if (error < best) {
            best = error;
            least = bottom;
            fit->step = step;
            memcpy(fit->q, q, sizeof q);
        }
    }
    fit->base = -least;
}

/* Six bits each into the twelve bytes that scale_and_min of quants.c reads. */
static void pack_scales(const uint8_t *scales, const uint8_t *mins, uint8_t *packed)
{
    memset(packed, 0, 12);
    for (int g = 0; g < 8; g++) {
        if (g < 4) {
            packed[g] |= scales[g];
            packed[g + 4] |= mins[g];
        } else {
            packed[g + 4] = (uint8_t)((scales[g] & 15) | (mins[g] & 15) << 4);
            packed[g - 4] |= (uint8_t)(scales[g] >> 4 << 6);
            packed[g] |= (uint8_t)(mins[g] >> 4 << 6);
        }
    }
}

void quantize_q4_k(const float *x, uint8_t *block)
{
    Fit fits[8];
    float most_step = 0, most_base = 0;
    for (int g = 0; g < 8; g++) {
        fit_group(x + GROUP * g, &fits[g]);
        most_step = MAX(fits[g].step, most_step); /* in this order, so that 0 wins over -0 */
        most_base = MAX(fits[g].base, most_base);
    }
    float per_step = isfinite(63 / most_step) ? 63 / most_step : 0;
    float per_base = isfinite(63 / most_base) ? 63 / most_base : 0;
    uint8_t scales[8], mins[8];
    for (int g = 0; g < 8; g++) {
        scales[g] = (uint8_t)CLAMP(nearest(per_step * fits[g].step), 0, 63);
        mins[g] = (uint8_t)CLAMP(nearest(per_base * fits[g].base), 0, 63);
    }
    store_half(block, most_step / 63);
    store_half(block + 2, most_base / 63);
    pack_scales(scales, mins, block + 4);
    float d = hone_f16_to_f32((uint16_t)(block[0] | block[1] << 8));
    float dmin = hone_f16_to_f32((uint16_t)(block[2] | block[3] << 8));
    for (int g = 0; g < 8; g++) {
        float step = d * (float)scales[g], base = dmin * (float)mins[g];
        for (int i = 0; step != 0 && i < GROUP; i++)
            fits[g].q[i] = (uint8_t)CLAMP(nearest((x[GROUP * g + i] + base) / step), 0, MOST_Q);
    }
    for (int g = 0; g < 8; g += 2)
        for (int i = 0; i < GROUP; i++)
            block[16 + GROUP * (g / 2) + i] = (uint8_t)(fits[g].q[i] | fits[g + 1].q[i] << 4);
}

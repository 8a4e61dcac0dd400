/* SPDX-License-Identifier: Apache-2.0
 * rope_frequency.c: the frequencies of rotary positions (Su et al., "RoFormer", 2021), base^(-2i/d) for pair i of d/2,
 * and what the published scalings make of them:
 *     linear    divided by the factor (kaiokendev, 2023)
 *     dynamic   past the trained length, another base for each length (NTK-aware scaling; bloc97, emozilla, 2023)
 *     llama3    slow pairs divided by the factor, quick ones kept, a smooth passage between them (Llama 3.1)
 *     yarn      interpolation and extrapolation mixed by a ramp over the pairs (Peng et al., 2023), cosines scaled
 *     longrope  a divisor for each pair, one list up to the trained length and one past it (Ding et al., 2024)
 *
 * Each step is rounded to float where transformers rounds: at position 8191 the rounding of a frequency moves an angle
 * by up to 2e-4, and the weights were trained and are judged with those angles.
 */
#include "internal.h"

#include <math.h>

bool rope_by_length(const RopeForm *form)
{
    return form->kind == ROPE_DYNAMIC || (form->kind == ROPE_LONGROPE && form->long_factor != NULL);
}

static float power(double base, size_t i, size_t rotated)
{
    return (float)pow(base, (float)(2 * i) / (float)rotated);
}

static double dynamic_base(const RopeForm *form, size_t length)
{
    double trained = (double)form->original_context, d = (double)form->rotated;
    if (length <= form->original_context)
        return form->base;
    return form->base * pow(form->factor * (double)length / trained - (form->factor - 1), d / (d - 2));
}

static float llama3(const RopeForm *form, float frequency)
{
    double trained = (double)form->original_context;
    float wavelength = (float)(2 * G_PI) / frequency, factor = (float)form->factor;
    if (wavelength > (float)(trained / form->low_factor))
        return frequency / factor;
    if (wavelength < (float)(trained / form->high_factor))
        return frequency;
    float smooth =
        ((float)trained / wavelength - (float)form->low_factor) / (float)(form->high_factor - form->low_factor);
    return (1 - smooth) * frequency / factor + smooth * frequency;
}

/* The pair that turns `rotations` times within the trained length; pairs are counted as real numbers. */
static double pair_of(const RopeForm *form, double rotations)
{
    return (double)form->rotated * log((double)form->original_context / (rotations * 2 * G_PI)) / (2 * log(form->base));
}

/* From where to where the ramp of yarn rises. */
static void yarn_range(const RopeForm *form, double *low, double *high)
{
    *low = pair_of(form, form->beta_fast);
    *high = pair_of(form, form->beta_slow);
    if (!form->no_truncate) {
        *low = floor(*low);
        *high = ceil(*high);
    }
    *low = MAX(*low, 0);
    *high = MIN(*high, (double)form->rotated - 1);
    if (*low == *high)
        *high += 0.001;
}

void rope_frequencies(const RopeForm *form, size_t length, float *frequency)
{
    size_t pairs = form->rotated / 2;
    double base = form->kind == ROPE_DYNAMIC ? dynamic_base(form, length) : form->base, low = 0, high = 1;
    bool past = form->long_factor != NULL && length > form->original_context;
    const double *divisor = past ? form->long_factor : form->short_factor;
    if (form->kind == ROPE_YARN)
        yarn_range(form, &low, &high);
    for (size_t i = 0; i < pairs; i++) {
        float slow = power(base, i, form->rotated), plain = 1.0f / slow;
        switch (form->kind) {
        case ROPE_PLAIN:
        case ROPE_DYNAMIC:
            frequency[i] = plain;
            break;
        case ROPE_LINEAR:
            frequency[i] = plain / (float)form->factor;
            break;
        case ROPE_LLAMA3:
            frequency[i] = llama3(form, plain);
            break;
        case ROPE_YARN: {
            float ramp = CLAMP(((float)i - (float)low) / (float)(high - low), 0.0f, 1.0f), keep = 1 - ramp;
            frequency[i] = 1.0f / ((float)form->factor * slow) * (1 - keep) + plain * keep;
            break;
        }
        case ROPE_LONGROPE:
            frequency[i] = 1.0f / ((float)divisor[i] * slow);
            break;
        }
    }
}

void rope_row(const RopeForm *form, const float *frequency, size_t position, float *row)
{
    float scale = form->attention_factor > 0 ? (float)form->attention_factor : 1.0f;
    for (size_t i = 0; i < form->rotated / 2; i++) {
        float angle = (float)position * frequency[i];
        row[2 * i] = (float)cos((double)angle) * scale;
        row[2 * i + 1] = (float)sin((double)angle) * scale;
    }
}

void rope_rows(const RopeForm *form, const int32_t *positions, const int32_t *lengths, size_t n, float *table)
{
    size_t pairs = form->rotated / 2;
    g_autofree float *frequency = g_new(float, MAX(pairs, 1));
    for (size_t t = 0; t < n; t++) {
        /* Tokens of one sequence follow each other. */
        if (t == 0 || lengths[t] != lengths[t - 1])
            rope_frequencies(form, (size_t)lengths[t], frequency);
        rope_row(form, frequency, (size_t)positions[t], table + t * pairs * 2);
    }
}

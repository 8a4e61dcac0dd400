/* SPDX-License-Identifier: Apache-2.0
 * conformance_optimizers.c: checks of the optimizers beside AdamW.
 */
#include "conformance_private.h"

#include <math.h>
#include <string.h>

static void call_sgd(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    const HoneSgd *sgd = args;
    ops->sgd(s, t[0], t[1], sgd->momentum > 0 ? t[2] : (HoneTensor){0}, args);
}

static void call_lion(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->lion(s, t[0], t[1], t[2], args);
}

static const size_t sizes[] = {0, 1, 37, 20011};

bool check_optimizers(Lab *lab)
{
    static const HoneSgd sgds[] = {
        {sizeof(HoneSgd), 1e-2, 0, 0.1, 1, false},
        {sizeof(HoneSgd), 1e-2, 0.9, 0, 0.25, false},
        {sizeof(HoneSgd), 1e-2, 0.9, 0.1, 1, true},
    };
    static const HoneLion lion = {sizeof lion, 1e-3, 0.9, 0.99, 0.1, 0.5};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        size_t n = sizes[i];
        for (size_t a = 0; a <= G_N_ELEMENTS(sgds); a++) {
            bool is_lion = a == G_N_ELEMENTS(sgds);
            g_auto(Trial) trial;
            trial_init(&trial, lab, is_lion ? call_lion : call_sgd, is_lion ? (const void *)&lion : &sgds[a],
                       "%s %zu of %zu", is_lion ? "lion" : "sgd", a, n);
            size_t p = trial_changed(&trial, RANK_1(n), 1), g = trial_input(&trial, RANK_1(n), 1);
            size_t m = trial_changed(&trial, RANK_1(n), 1);
            if (n > 1) /* no step where nothing points anywhere */
                trial_values(&trial, g)[n - 1] = trial_values(&trial, m)[n - 1] = 0;
            /* The sign of a sum of two terms of size 1 is certain unless they cancel to a few units of their last
             * place, and then a whole step is allowed. */
            trial_allow(&trial, p, 8, 1);
            trial_allow(&trial, m, 8, 4);
            if (is_lion)
                for (size_t j = 0; j < n; j++) {
                    double sum = lion.beta1 * (double)trial_values(&trial, m)[j] +
                                 (1 - lion.beta1) * lion.gradient_scale * (double)trial_values(&trial, g)[j];
                    if (fabs(sum) < 16 * UNIT)
                        trial_values(&trial, g)[j] = trial_values(&trial, m)[j] = 0;
                }
            if (!trial_check(&trial))
                return false;
        }
    }
    return true;
}

static void call_adamw_8bit(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->adamw_8bit(s, t[0], t[1], t[2], t[3], t[4], t[5], args);
}

/* The values that codes stand for may differ where a value lies halfway between two codes: what is compared is the
 * value, and a step of the map is allowed for it. */
static bool check_codes(Lab *lab, const Trial *trial, size_t codes, size_t scales, size_t n, bool with_sign)
{
    const float *map = hone_state_map(with_sign);
    g_autofree float *value[2] = {NULL, NULL}, *bound = g_new(float, n + 1);
    size_t differ = 0;
    for (Side side = SIDE_BACKEND; side <= SIDE_REFERENCE; side++) {
        const unsigned char *code = (const unsigned char *)trial_after(trial, codes, side);
        value[side] = g_new(float, n + 1);
        for (size_t i = 0; i < n; i++)
            value[side][i] = map[code[i]] * trial_after(trial, scales, side)[i / HONE_STATE_BLOCK];
    }
    const unsigned char *right = (const unsigned char *)trial_after(trial, codes, SIDE_REFERENCE);
    for (size_t i = 0; i < n; i++) {
        float scale = trial_after(trial, scales, SIDE_REFERENCE)[i / HONE_STATE_BLOCK];
        float up = map[MIN(right[i] + 1, 255)] - map[right[i]], down = map[right[i]] - map[MAX(right[i] - 1, 0)];
        bound[i] = (float)(1 + 8 * UNIT) * MAX(up, down) * scale + (float)(8 * UNIT) * scale;
        differ += right[i] != ((const unsigned char *)trial_after(trial, codes, SIDE_BACKEND))[i];
    }
    bool ok =
        hone_conformance_compare(trial->name, value[SIDE_BACKEND], n, value[SIDE_REFERENCE], n, bound, lab->error);
    g_free(g_steal_pointer(&value[1]));
    /* Halfway to some units of the last place: of 256 codes, hardly ever. */
    if (ok && differ > 2 + n / 1000) {
        g_set_error(lab->error, HONE_ERROR, HONE_ERROR_INVALID, "%s: %zu of %zu codes are not the nearest.",
                    trial->name, differ, n);
        return false;
    }
    return ok;
}

bool check_adamw_8bit(Lab *lab)
{
    static const HoneAdamW args[] = {
        {sizeof(HoneAdamW), 2e-4, 0.9, 0.999, 1e-8, 0, 1, 1},
        {sizeof(HoneAdamW), 1e-2, 0.8, 0.95, 1e-6, 0.1, 0.25, 1000},
    };
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(sizes); i++) {
        size_t n = sizes[i / 2], words = (n + 3) / 4, blocks = (n + HONE_STATE_BLOCK - 1) / HONE_STATE_BLOCK;
        g_auto(Trial) trial;
        trial_init(&trial, lab, call_adamw_8bit, &args[i % 2], "adamw_8bit of %zu, step %" G_GUINT64_FORMAT, n,
                   args[i % 2].step);
        g_autofree unsigned char *codes = g_malloc0(4 * words + 1), *squares = g_malloc0(4 * words + 1);
        for (size_t j = 0; j < n; j++) {
            codes[j] = (unsigned char)lab_below(lab, 256);
            squares[j] = (unsigned char)(1 + lab_below(lab, 255)); /* not 0: the step would be all of the rate */
        }
        size_t p = trial_changed(&trial, RANK_1(n), 1), g = trial_input(&trial, RANK_1(n), 1e-2);
        size_t m = trial_bytes(&trial, HONE_I32, words, codes, true);
        size_t v = trial_bytes(&trial, HONE_I32, words, squares, true);
        size_t m_scale = trial_changed(&trial, RANK_1(blocks), 1e-2),
               v_scale = trial_changed(&trial, RANK_1(blocks), 1e-4);
        for (size_t b = 0; b < blocks; b++) {
            trial_values(&trial, m_scale)[b] = fabsf(trial_values(&trial, m_scale)[b]);
            trial_values(&trial, v_scale)[b] = fabsf(trial_values(&trial, v_scale)[b]) + 1e-4f;
        }
        if (blocks > 1) { /* a block of nothing stays one */
            memset(trial_values(&trial, g), 0, HONE_STATE_BLOCK * sizeof(float));
            trial_values(&trial, m_scale)[0] = trial_values(&trial, v_scale)[0] = 0;
        }
        /* m/√v is up to 4e-2/√(3e-7·1e-4) = 7e3, a step a hundredth of that. */
        trial_allow(&trial, p, 16, 1e2);
        trial_allow(&trial, m_scale, 8, 1e-2);
        trial_allow(&trial, v_scale, 8, 1e-4);
        trial_allow(&trial, m, INFINITY, 0); /* looked at below */
        trial_allow(&trial, v, INFINITY, 0);
        if (!trial_check(&trial) || !check_codes(lab, &trial, m, m_scale, n, true) ||
            !check_codes(lab, &trial, v, v_scale, n, false))
            return false;
    }
    return true;
}

static void call_adafactor(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->adafactor(s, t[0], t[1], t[2], t[0].rank == 2 ? t[3] : (HoneTensor){0}, args);
}

bool check_adafactor(Lab *lab)
{
    static const HoneAdafactor args[] = {
        {sizeof(HoneAdafactor), 1e-2, 0, 0, 1e-30, 1, 1}, /* the first step */
        {sizeof(HoneAdafactor), 1e-2, 0.9, 0.1, 1e-30, 1, 0.25},
    };
    static const size_t shapes[][2] = {{1, 1}, {3, 7}, {7, 3}, {200, 130}, {1, 20011}, {20011, 1}};
    for (size_t i = 0; i < 4 * G_N_ELEMENTS(shapes); i++) {
        size_t R = shapes[i / 4][0], C = shapes[i / 4][1];
        bool factored = i % 2;
        g_auto(Trial) trial;
        trial_init(&trial, lab, call_adafactor, &args[i / 2 % 2], "adafactor %zu x %zu%s", R, C,
                   factored ? "" : ", whole");
        size_t p, row, col;
        if (factored) {
            p = trial_changed(&trial, RANK_2(R, C), 1);
            trial_input(&trial, RANK_2(R, C), 1e-2);
            row = trial_changed(&trial, RANK_1(R), 1e-4);
            col = trial_changed(&trial, RANK_1(C), 1e-4);
        } else {
            p = trial_changed(&trial, RANK_1(R * C), 1);
            trial_input(&trial, RANK_1(R * C), 1e-2);
            row = trial_changed(&trial, RANK_1(R * C), 1e-4);
            col = trial_changed(&trial, RANK_1(1), 1);
        }
        for (size_t j = 0; j < trial_count(&trial, row); j++)
            trial_values(&trial, row)[j] = fabsf(trial_values(&trial, row)[j]) + 1e-6f;
        for (size_t j = 0; j < trial_count(&trial, col); j++)
            trial_values(&trial, col)[j] = fabsf(trial_values(&trial, col)[j]) + 1e-6f;
        /* Sums of squares in double; a step is at most 1e-2 times the root of the count. */
        trial_allow(&trial, p, 16, 1);
        trial_allow(&trial, row, 64, 0);
        trial_allow(&trial, col, 64, 0);
        if (!trial_check(&trial))
            return false;
    }
    return true;
}

/* SPDX-License-Identifier: Apache-2.0
 * conformance_head.c: checks of log-probabilities, their gradient, and the optimizer.
 */
#include "conformance_private.h"

#include <math.h>
#include <string.h>

enum { LOGPROB, LSE, LOGITS, TARGETS };

static void call_logprob(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->logprob(s, t[LOGPROB], t[LSE], t[LOGITS], t[TARGETS], *(const float *)args);
}

static void prepare_logprob(Trial *trial, Lab *lab, size_t K, size_t V, const float *cap, double scale)
{
    g_autofree int32_t *targets = g_new(int32_t, K + 1);
    for (size_t k = 0; k < K; k++)
        targets[k] = k == 0 ? (int32_t)V - 1 : (int32_t)lab_below(lab, V);
    trial_init(trial, lab, call_logprob, cap, "logprob %zu x %zu, cap %g", K, V, *cap);
    trial_output(trial, RANK_1(K));
    trial_output(trial, RANK_1(K));
    trial_changed(trial, RANK_2(K, V), scale);
    trial_index(trial, targets, K);
}

static void call_logprob_bwd(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->logprob_bwd(s, t[0], t[1], t[2], t[3], *(const float *)args);
}

/* A backward for a forward that has run on the backend. */
static void prepare_logprob_bwd(Trial *trial, Lab *lab, size_t K, size_t V, const float *cap, Trial *forward)
{
    trial_init(trial, lab, call_logprob_bwd, cap, "logprob_bwd %zu x %zu, cap %g", K, V, *cap);
    trial_changed(trial, RANK_2(K, V), 1);
    memcpy(trial_values(trial, 0), trial_after(forward, LOGITS, SIDE_BACKEND), K * V * sizeof(float));
    trial_bytes(trial, HONE_F32, K, trial_after(forward, LSE, SIDE_BACKEND), false);
    trial_index(trial, (const int32_t *)forward->op[TARGETS].before, K);
    trial_input(trial, RANK_1(K), 1);
}

bool check_logprob(Lab *lab)
{
    static const size_t shapes[][2] = {{0, 5}, {1, 1}, {3, 7}, {2, 1000}, {5, 5003}, {40, 300}};
    static const float caps[] = {0, 30};
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(shapes); i++) {
        size_t K = shapes[i / 2][0], V = shapes[i / 2][1];
        const float *cap = &caps[i % 2];
        g_auto(Trial) forward;
        prepare_logprob(&forward, lab, K, V, cap, 20);
        if (K > 2) /* a bad row must show, and only there */
            trial_values(&forward, LOGITS)[V] = NAN;
        /* Logits reach 80, so half a unit in their last place is 80 units of 1. */
        trial_allow(&forward, LOGPROB, 16, 80);
        trial_allow(&forward, LSE, 16, 80);
        if (*cap > 0)
            trial_allow(&forward, LOGITS, 16, 1);
        if (!trial_check(&forward))
            return false;

        g_auto(Trial) backward;
        prepare_logprob_bwd(&backward, lab, K, V, cap, &forward);
        /* exp of a difference known to 80 units is known to 80 units. */
        trial_allow(&backward, 0, 200, 1);
        if (!trial_check(&backward))
            return false;
    }
    return true;
}

bool check_logprob_gradient(Lab *lab)
{
    const size_t K = 3, V = 9;
    static const float caps[] = {0, 4};
    for (size_t i = 0; i < G_N_ELEMENTS(caps); i++) {
        g_auto(Trial) forward;
        g_auto(Trial) backward;
        prepare_logprob(&forward, lab, K, V, &caps[i], 1);
        if (!trial_run(&forward, SIDE_BACKEND))
            return false;
        prepare_logprob_bwd(&backward, lab, K, V, &caps[i], &forward);
        const Weighted loss = {.operand = LOGPROB, .weights = trial_values(&backward, 3)};
        if (!trial_run(&backward, SIDE_BACKEND) ||
            !trial_differences(&forward, LOGITS, &loss, 1, trial_after(&backward, 0, SIDE_BACKEND), 1))
            return false;
    }
    return true;
}

static void call_sum_squares(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->sum_squares(s, t[0], t[1]);
    ops->sum_squares(s, t[0], t[2]);
}

static void call_adamw(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->adamw(s, t[0], t[1], t[2], t[3], args);
}

bool check_optimizer(Lab *lab)
{
    static const size_t sizes[] = {0, 1, 37, 100003};
    static const HoneAdamW args[] = {
        {sizeof(HoneAdamW), 2e-4f, 0.9f, 0.999f, 1e-8f, 0, 1, 1},
        {sizeof(HoneAdamW), 1e-2f, 0.8f, 0.95f, 1e-6f, 0.1f, 0.25f, 1000},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        size_t n = sizes[i];
        g_auto(Trial) squares;
        trial_init(&squares, lab, call_sum_squares, NULL, "sum_squares of %zu", n);
        size_t out = trial_changed(&squares, RANK_1(1), 1);
        trial_input(&squares, RANK_1(n), 1);
        trial_input(&squares, RANK_1(n), 1e-3);
        /* Accumulated in double: two roundings of the result, and what short chains in f32 may lose. */
        trial_allow(&squares, out, 80, 1);
        if (!trial_check(&squares))
            return false;

        for (size_t a = 0; a < G_N_ELEMENTS(args); a++) {
            g_auto(Trial) trial;
            trial_init(&trial, lab, call_adamw, &args[a], "adamw of %zu, step %" G_GUINT64_FORMAT, n, args[a].step);
            size_t p = trial_changed(&trial, RANK_1(n), 1);
            trial_input(&trial, RANK_1(n), 1e-2);
            size_t m = trial_changed(&trial, RANK_1(n), 1e-2), v = trial_changed(&trial, RANK_1(n), 1e-4);
            for (size_t j = 0; j < n; j++)
                trial_values(&trial, v)[j] = fabsf(trial_values(&trial, v)[j]) + 1e-6f;
            trial_allow(&trial, p, 16, 1); /* the step is at most 1e-2·m/√v, with m to 0.04 and √v from 1e-3 */
            trial_allow(&trial, m, 4, 1e-2);
            trial_allow(&trial, v, 6, 0);
            if (!trial_check(&trial))
                return false;
        }
    }
    return true;
}

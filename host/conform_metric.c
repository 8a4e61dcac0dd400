/* SPDX-License-Identifier: Apache-2.0
 * conform_metric.c: a metric must score any row, plain or strange, with finite numbers or none, the same each time.
 */
#include "conform.h"
#include <hone/metric.h>
#include <math.h>
#include <string.h>

static const struct {
    const char *reference, *prediction;
} samples[] = {
    {"{\"topic\": \"card\", \"urgent\": true}", "{\"topic\": \"card\", \"urgent\": true}"},
    {"{\"topic\": \"card\", \"urgent\": true}", "{\"topic\": \"cash\"}"},
    {"the cat sat on the mat", "the cat lay on a mat"},
    {"the cat sat on the mat", ""},
    {"", "words where none were wanted"},
    {"", ""},
    {"Größe und Äpfel, 猫 🙂", "猫 🙂 groesse"},
    {"a", "{[\"\\"},
};

static size_t count_figures(const HoneMetricOps *ops)
{
    size_t n = 0;
    while (((const HoneFigureInfo *)((const char *)ops->figures + n * ops->figure_size))->name != NULL)
        n++;
    return n;
}

static HoneRow *make_row(guint i)
{
    g_autofree char *id = g_strdup_printf("row-%u", i + 1);
    HoneRow *row = hone_row_new(id);
    g_ptr_array_add(row->messages, hone_message_new("user", "a question", 0));
    g_ptr_array_add(row->messages, hone_message_new("assistant", samples[i].reference, 1));
    return row;
}

/* The values of all samples, row after row; NULL with the reason in `problem`. */
static HoneMetricValue *score_all(const HoneMetricOps *ops, const void *params, void *prepared, size_t n,
                                  char **problem)
{
    g_autofree HoneMetricValue *values = g_new0(HoneMetricValue, n * G_N_ELEMENTS(samples));
    for (guint i = 0; i < G_N_ELEMENTS(samples); i++) {
        g_autoptr(HoneRow) row = make_row(i);
        g_autoptr(GError) error = NULL;
        bool text = (ops->flags & HONE_METRIC_NEEDS_TEXT) != 0, logprob = (ops->flags & HONE_METRIC_NEEDS_LOGPROB) != 0;
        HoneScored scored = {.size = sizeof scored,
                             .row = row,
                             .reference = samples[i].reference,
                             .prediction = text ? samples[i].prediction : NULL,
                             .finished = i % 2 == 0,
                             .logprob = logprob ? -1.5 * i : 0,
                             .n_tokens = logprob ? i : 0,
                             .n_bytes = logprob ? strlen(samples[i].reference) : 0};
        if ((ops->flags & HONE_METRIC_NEEDS_PAIRS) != 0) {
            scored.rejected_logprob = -2.5 * (i / 2);
            scored.n_rejected = i / 2;
        }
        HoneMetricValue *own = values + i * n;
        bool good = ops->score(params, prepared, &scored, own, &error);
        if (good == (error != NULL)) {
            *problem = g_strdup_printf("row %u: returns %s", i + 1,
                                       good ? "true with an error set" : "false without an error");
            return NULL;
        }
        if (!good) {
            *problem = g_strdup_printf("row %u: %s", i + 1, error->message);
            return NULL;
        }
        for (size_t k = 0; k < n; k++) {
            if (isfinite(own[k].numerator) && isfinite(own[k].denominator) && own[k].denominator >= 0)
                continue;
            *problem =
                g_strdup_printf("row %u: figure %zu is %g / %g: finite numbers are wanted, a denominator of 0 or "
                                "more (0: the row does not count)",
                                i + 1, k + 1, own[k].numerator, own[k].denominator);
            return NULL;
        }
    }
    return g_steal_pointer(&values);
}

static void score_twice(HoneConform *conform, const void *params)
{
    const HoneMetricOps *ops = conform->component->ops;
    size_t n = count_figures(ops);
    HoneMetricValue *values[2] = {NULL, NULL};
    g_autofree char *problem = NULL;
    g_autoptr(GError) error = NULL;
    for (int i = 0; i < 2 && problem == NULL; i++) {
        void *prepared = ops->prepare != NULL ? ops->prepare(params, &error) : NULL;
        if (error != NULL) {
            problem = g_strdup(error->message);
            if (prepared != NULL && ops->finish != NULL)
                ops->finish(prepared);
            break;
        }
        values[i] = score_all(ops, params, prepared, n, &problem);
        if (ops->finish != NULL && prepared != NULL)
            ops->finish(prepared);
    }
    bool same = problem == NULL && memcmp(values[0], values[1], sizeof **values * n * G_N_ELEMENTS(samples)) == 0;
    g_free(values[0]);
    g_free(values[1]);
    if (problem != NULL)
        hone_conform_result(conform, "score", HONE_CONFORM_FAILED, "%s", problem);
    else if (!same)
        hone_conform_result(conform, "score", HONE_CONFORM_FAILED, "the same rows score differently the second time");
    else
        hone_conform_result(conform, "score", HONE_CONFORM_PASSED, "%zu rows, %zu figures: finite, and the same twice",
                            G_N_ELEMENTS(samples), n);
}

void hone_conform_metric(HoneConform *conform)
{
    const HoneComponent *component = conform->component;
    hone_conform_begin(conform, "score");
    size_t group = 0, index = 0;
    const HoneParam *param;
    while ((param = hone_component_next_param(component, &group, &index, NULL)) != NULL) {
        if (param->fallback == NULL) {
            hone_conform_result(conform, "score", HONE_CONFORM_SKIPPED, "not run: \"%s\" has no default", param->name);
            return;
        }
    }
    g_autofree char *instance = g_malloc0(component->instance_size + 1);
    g_autoptr(GError) error = NULL;
    if (!hone_params_fill(component, NULL, NULL, instance, &error)) {
        hone_conform_result(conform, "score", HONE_CONFORM_FAILED, "%s", error->message);
        return;
    }
    score_twice(conform, instance);
    hone_params_clear(component, instance);
}

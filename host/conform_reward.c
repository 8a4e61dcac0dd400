/* SPDX-License-Identifier: Apache-2.0
 * conform_reward.c: a reward must score any answer, plain or strange, with a finite number, the same each time and
 * whichever other answers it is asked about in the same call.
 */
#include "conform.h"
#include <hone/reward.h>
#include <math.h>
#include <string.h>

static const struct {
    const char *reference, *text;
} samples[] = {
    {"They cost 2 * 9 = 18.\n#### 18", "So the answer is 18."},
    {"{\"topic\": \"card\"}", "{\"topic\": \"cash\", \"n\": [1, 2]}"},
    {"the cat sat on the mat", ""},
    {"", "words where none were wanted"},
    {"Größe und Äpfel, 猫 🙂", "猫 🙂 groesse"},
    {"a", "{[\"\\"},
};

#define N G_N_ELEMENTS(samples)

static HoneRow *make_row(guint i)
{
    g_autofree char *id = g_strdup_printf("row-%u", i + 1);
    HoneRow *row = hone_row_new(id);
    g_ptr_array_add(row->messages, hone_message_new("user", "a question", 0));
    g_ptr_array_add(row->messages, hone_message_new("assistant", samples[i].reference, 1));
    return row;
}

/* Scores samples [first, first + n). NULL, or what is wrong. */
static char *score(const HoneRewardOps *ops, const void *params, void *prepared, size_t first, size_t n,
                   double *rewards)
{
    HoneRow *rows[N];
    const char *texts[N];
    bool finished[N];
    size_t tokens[N];
    for (size_t i = 0; i < n; i++) {
        rows[i] = make_row((guint)(first + i));
        texts[i] = samples[first + i].text;
        finished[i] = (first + i) % 2 == 0;
        tokens[i] = strlen(texts[i]) + 1;
        rewards[i] = NAN;
    }
    const HoneAnswers answers = {.size = sizeof answers,
                                 .n = n,
                                 .rows = (const HoneRow *const *)rows,
                                 .texts = texts,
                                 .finished = finished,
                                 .n_tokens = tokens};
    g_autoptr(GError) error = NULL;
    bool good = ops->score(params, prepared, &answers, rewards, &error);
    for (size_t i = 0; i < n; i++)
        hone_row_free(rows[i]);
    if (good == (error != NULL))
        return g_strdup_printf("returns %s", good ? "true with an error set" : "false without an error");
    if (!good)
        return g_strdup(error->message);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(rewards[i]))
            return g_strdup_printf("answer %zu: its reward is no finite number, or was not written", first + i + 1);
    return NULL;
}

static char *score_all(const HoneRewardOps *ops, const void *params, void *prepared)
{
    double together[N], alone;
    char *problem = score(ops, params, prepared, 0, N, together);
    for (size_t i = 0; i < N && problem == NULL; i++) {
        problem = score(ops, params, prepared, i, 1, &alone);
        if (problem == NULL && memcmp(&alone, &together[i], sizeof alone) != 0)
            problem = g_strdup_printf("answer %zu scores %g among others and %g alone", i + 1, together[i], alone);
    }
    return problem;
}

void hone_conform_reward(HoneConform *conform)
{
    const HoneComponent *component = conform->component;
    const HoneRewardOps *ops = component->ops;
    hone_conform_begin(conform, "score");
    size_t group = 0, index = 0;
    const HoneParam *param;
    while ((param = hone_component_next_param(component, &group, &index, NULL)) != NULL) {
        if (param->fallback == NULL) {
            hone_conform_result(conform, "score", HONE_CONFORM_SKIPPED, "not run: \"%s\" has no default", param->name);
            return;
        }
    }
    g_autofree char *instance = g_malloc0(component->instance_size + 1), *problem = NULL;
    g_autoptr(GError) error = NULL;
    if (!hone_params_fill(component, NULL, NULL, instance, &error)) {
        hone_conform_result(conform, "score", HONE_CONFORM_FAILED, "%s", error->message);
        return;
    }
    void *prepared = ops->prepare != NULL ? ops->prepare(instance, NULL, &error) : NULL;
    if (error != NULL) {
        /* One that reads a stage's ports has none here. */
        bool asks = prepared == NULL && g_error_matches(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED);
        hone_conform_result(conform, "score", asks ? HONE_CONFORM_SKIPPED : HONE_CONFORM_FAILED, "%s", error->message);
    } else if ((problem = score_all(ops, instance, prepared)) != NULL) {
        hone_conform_result(conform, "score", HONE_CONFORM_FAILED, "%s", problem);
    } else {
        hone_conform_result(conform, "score", HONE_CONFORM_PASSED,
                            "%zu answers: finite rewards, the same together and alone", (size_t)N);
    }
    if (prepared != NULL && ops->finish != NULL)
        ops->finish(prepared);
    hone_params_clear(component, instance);
}

/* SPDX-License-Identifier: Apache-2.0
 * The checks of `hone check-plugin` find what they are there to find: components that are right but for one thing.
 */
#include "conform.h"
#include <hone/dataset.h>
#include <hone/metric.h>
#include <hone/objective.h>
#include <hone/reward.h>
#include <hone/stage.h>
#include <math.h>
#include <string.h>

static HoneRegistry *registry;

typedef struct {
    GString *failed;  /* names of failed checks */
    GString *skipped; /* and of skipped ones */
} Results;

static void collect(void *data, const char *check, HoneConformResult result, const char *text)
{
    Results *results = data;
    g_test_message("%d %s: %s", result, check, text);
    if (result == HONE_CONFORM_FAILED)
        g_string_append_printf(results->failed, "%s ", check);
    if (result == HONE_CONFORM_SKIPPED)
        g_string_append_printf(results->skipped, "%s ", check);
}

static void expect(const HoneComponent *component, const char *failed, const char *skipped)
{
    /* What the checks get has been validated. */
    const HoneComponent *const components[] = {component, NULL};
    HonePlugin plugin = {HONE_PLUGIN_HEADER, .name = "p",    .version = "1",
                         .licence = "none",  .summary = "s", .components = components};
    g_autoptr(GError) error = NULL;
    hone_plugin_validate(&plugin, &error);
    g_assert_no_error(error);
    Results results = {.failed = g_string_new(NULL), .skipped = g_string_new(NULL)};
    HoneConform conform = {.component = component, .registry = registry, .report = collect, .data = &results};
    g_assert_true(hone_conform_run(&conform) == (*failed == 0));
    g_assert_cmpstr(results.failed->str, ==, failed);
    g_assert_cmpstr(results.skipped->str, ==, skipped);
    g_string_free(results.failed, TRUE);
    g_string_free(results.skipped, TRUE);
}

#define COMPONENT(of_kind, table)                                                                                      \
    {                                                                                                                  \
        HONE_COMPONENT_HEADER, .kind = (of_kind), .name = "x", .version = "1", .summary = "s", .ops = &(table)         \
    }

/* ---- Objectives: log-sum-exp over each sequence, so that nothing is linear; broken in one place each. ---- */

static enum { RIGHT, WRONG_FACTOR, FORGETS_LAST, OWN_WEIGHT, FIGURE_MEAN, NOT_FINITE, SILENT } objective_fault;

static bool evaluate(const void *params, const HoneObjectiveBatch *b, double *loss, float *derivative, double *figures,
                     GError **error)
{
    if (objective_fault == SILENT)
        return false;
    double total = 0, weight = 0;
    for (size_t k = 0; k < b->n_targets; k++)
        weight += (double)b->weight[k];
    double scale = 1 / (objective_fault == OWN_WEIGHT ? weight : b->window_weight);
    for (size_t s = 0; s < b->n_sequences; s++) {
        double sum = 0;
        for (size_t k = b->start[s]; k < b->start[s + 1]; k++)
            sum += (double)b->weight[k] * exp(-(double)b->logprob[k] / 8);
        total += log(sum) * scale;
        for (size_t k = b->start[s]; k < b->start[s + 1]; k++)
            derivative[k] = (float)(-(double)b->weight[k] * exp(-(double)b->logprob[k] / 8) / 8 / sum * scale *
                                    (objective_fault == WRONG_FACTOR ? 1.05 : 1));
    }
    if (objective_fault == FORGETS_LAST)
        derivative[b->n_targets - 1] = 0;
    figures[0] = objective_fault == FIGURE_MEAN ? 1 : (double)b->n_sequences;
    *loss = objective_fault == NOT_FINITE ? INFINITY : total;
    return true;
}

static void test_objective(void)
{
    static const char *const figures[] = {"rewardMargin", NULL};
    HoneObjectiveOps ops = {.size = sizeof ops, .evaluate = evaluate, .figure_names = figures};
    const HoneComponent component = COMPONENT(HONE_OBJECTIVE, ops);
    expect(&component, "", "");
    objective_fault = WRONG_FACTOR;
    expect(&component, "derivative ", "");
    objective_fault = FORGETS_LAST;
    expect(&component, "derivative shares ", "");
    objective_fault = OWN_WEIGHT;
    expect(&component, "shares ", "");
    objective_fault = FIGURE_MEAN;
    expect(&component, "shares ", "");
    objective_fault = NOT_FINITE;
    expect(&component, "loss ", "");
    objective_fault = SILENT;
    expect(&component, "loss ", "");
    objective_fault = RIGHT;
    ops.flags = HONE_OBJECTIVE_LINEAR;
    expect(&component, "linear ", "");
}

/* ---- Metrics. ---- */

static enum { GOOD, NEGATIVE, NAN_VALUE, CHANGES, NO_REASON } metric_fault;
static double counter;

static bool score(const void *params, void *prepared, const HoneScored *scored, HoneMetricValue *values, GError **error)
{
    values[0] = (HoneMetricValue){(double)strlen(scored->prediction), 1};
    if (metric_fault == NEGATIVE)
        values[0].denominator = -1;
    if (metric_fault == NAN_VALUE && *scored->prediction == 0)
        values[0].numerator = NAN;
    if (metric_fault == CHANGES)
        values[0].numerator = counter++;
    return metric_fault != NO_REASON;
}

static void test_metric(void)
{
    static const HoneFigureInfo figures[] = {{"x", "X", "help", NULL, false, 0}, {0}};
    const HoneMetricOps ops = {.size = sizeof ops,
                               .flags = HONE_METRIC_NEEDS_TEXT,
                               .figures = figures,
                               .figure_size = sizeof(HoneFigureInfo),
                               .score = score};
    const HoneComponent component = COMPONENT(HONE_METRIC, ops);
    expect(&component, "", "");
    for (metric_fault = NEGATIVE; metric_fault <= NO_REASON; metric_fault++)
        expect(&component, "score ", "");
    metric_fault = GOOD;
}

/* ---- Rewards: the answer's length. ---- */

static enum { SOUND, SKIPS_ONE, AMONG_OTHERS, WITHOUT_REASON } reward_fault;

static bool score_answers(const void *params, void *prepared, const HoneAnswers *answers, double *rewards,
                          GError **error)
{
    for (size_t i = 0; i < answers->n; i++)
        if (reward_fault != SKIPS_ONE || *answers->texts[i] != 0)
            rewards[i] = (double)strlen(answers->texts[i]) + (reward_fault == AMONG_OTHERS ? (double)i : 0);
    return reward_fault != WITHOUT_REASON;
}

static void *asks_for_a_stage(const void *params, HoneStage *stage, GError **error)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED, "works within a stage only");
    return NULL;
}

static void finish_reward(void *prepared)
{
}

static void test_reward(void)
{
    HoneRewardOps ops = {.size = sizeof ops, .score = score_answers};
    const HoneComponent component = COMPONENT(HONE_REWARD, ops);
    expect(&component, "", "");
    for (reward_fault = SKIPS_ONE; reward_fault <= WITHOUT_REASON; reward_fault++)
        expect(&component, "score ", "");
    reward_fault = SOUND;
    ops.prepare = asks_for_a_stage;
    ops.finish = finish_reward;
    expect(&component, "", "score ");
}

/* ---- Stages: copy a dataset. ---- */

static enum { COPIES, RANDOM, WRITES_NOTHING, FAILS, FAILS_SILENTLY } stage_fault;

static bool run(HoneStage *stage, void *params, GError **error)
{
    if (stage_fault == FAILS)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "not these rows");
    if (stage_fault == FAILS || stage_fault == FAILS_SILENTLY || stage_fault == WRITES_NOTHING)
        return stage_fault == WRITES_NOTHING;
    HoneArtifact *out = hone_stage_output(stage, "dataset", HONE_DATASET, error);
    g_autoptr(HoneRowReader) reader = hone_row_reader_open(hone_stage_input(stage, "dataset"), error);
    g_autoptr(HoneRowWriter) writer = out != NULL ? hone_row_writer_open(out, error) : NULL;
    if (reader == NULL || writer == NULL)
        return false;
    HoneRow *next;
    while ((next = hone_row_reader_next(reader, NULL)) != NULL) {
        g_autoptr(HoneRow) row = next;
        if (stage_fault == RANDOM) {
            g_free(row->id);
            row->id = g_strdup_printf("%u", g_random_int());
        }
        if (!hone_row_writer_add(writer, row, error))
            return false;
    }
    return hone_row_writer_close(writer, error);
}

static void test_stage(void)
{
    static const HonePort ports[] = {{"dataset", HONE_PORT_IN, HONE_DATASET, 0, "Rows"},
                                     {"dataset", HONE_PORT_OUT, HONE_DATASET, 0, "The same"},
                                     {0}};
    HoneStageOps ops = {.size = sizeof ops, .run = run};
    HoneComponent component = COMPONENT(HONE_STAGE, ops);
    component.ports = ports;
    expect(&component, "", "");
    stage_fault = RANDOM;
    expect(&component, "run ", "");
    stage_fault = WRITES_NOTHING;
    expect(&component, "run ", "");
    stage_fault = FAILS_SILENTLY;
    expect(&component, "run ", "");
    stage_fault = FAILS;
    expect(&component, "", "run ");
    stage_fault = COPIES;
    ops.flags = HONE_STAGE_USES_BACKEND;
    expect(&component, "", "run ");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_unsetenv("HONE_PLUGIN_PATH");
    registry = hone_registry_new(NULL);
    g_test_add_func("/conform/objective", test_objective);
    g_test_add_func("/conform/metric", test_metric);
    g_test_add_func("/conform/reward", test_reward);
    g_test_add_func("/conform/stage", test_stage);
    int status = g_test_run();
    hone_registry_free(registry);
    return status;
}

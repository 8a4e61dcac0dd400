/* SPDX-License-Identifier: Apache-2.0
 * compare.c: the stage `compare`: what changed between two evaluations of the same rows, and whether it is more than
 * chance. Rows and figures: pairs.c; the words: verdict.c.
 */
#include "compare.h"
#include <hone/stage.h>

typedef struct CompareParams {
    int64_t draws, seed;
} CompareParams;

static const HoneParam params_table[] = {
    HONE_INT(CompareParams, draws, "2000", 100, 100000, "resamples behind each interval"),
    HONE_INT(CompareParams, seed, "0", 0, 9e15, "of the intervals"),
    {0},
};
static const HoneParamGroup params_groups[] = {HONE_OWN_PARAMS(params_table), {0}};

static const HonePort ports[] = {
    {.name = "before", .direction = HONE_PORT_IN, .types = HONE_SCORES, .help = "scores of the model as it was"},
    {.name = "after", .direction = HONE_PORT_IN, .types = HONE_SCORES, .help = "scores of the tuned model"},
    {.name = "report", .direction = HONE_PORT_OUT, .types = HONE_REPORT, .help = "differences, verdict, rows"},
    {0},
};

static bool run(HoneStage *stage, void *instance, GError **error)
{
    const CompareParams *params = instance;
    g_autoptr(Scores) before = scores_read(hone_stage_input(stage, "before"), error);
    g_autoptr(Scores) after = before ? scores_read(hone_stage_input(stage, "after"), error) : NULL;
    g_auto(Pairs) pairs = {0};
    g_auto(Verdict) verdict = {0};
    HoneProgress *progress = hone_stage_progress(stage);
    HoneArtifact *output;

    if (!after || !pairs_match(&pairs, before, after, (size_t)params->draws, (uint64_t)params->seed, error)) {
        return false;
    }
    pairs_rank(&pairs);
    verdict_reach(&verdict, pairs.figures, pairs.rows->len);
    if (pairs.only_before + pairs.only_after > 0) {
        g_ptr_array_add(verdict.warnings,
                        g_strdup_printf("%u rows are on one side only and were left out; the %u on both are compared.",
                                        pairs.only_before + pairs.only_after, pairs.rows->len));
    }
    for (guint i = 0; i < verdict.warnings->len; i++) {
        hone_progress_note(progress, HONE_NOTE_WARNING, "%s", (const char *)verdict.warnings->pdata[i]);
    }
    hone_progress_step(progress, pairs.rows->len, pairs.rows->len, "rows", NULL);
    output = hone_stage_output(stage, "report", HONE_REPORT, error);
    return output && compare_write(output, before, after, &pairs, &verdict, error);
}

static const HoneStageOps ops = {.size = sizeof(HoneStageOps), .run = run};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "compare",
    .version = "1",
    .summary = "What changed between two evaluations of the same rows",
    .help = "Both must have evaluated the same dataset. Each figure's difference comes with a 95 % interval from a "
            "bootstrap over pairs of rows; a change counts when the interval excludes 0. Rows are listed worst first.",
    .params = params_groups,
    .instance_size = sizeof(CompareParams),
    .ports = ports,
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("compare", "1", "Apache-2.0", "Comparison of evaluations", &component)

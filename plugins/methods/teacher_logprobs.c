/* SPDX-License-Identifier: Apache-2.0
 * teacher_logprobs.c: asks a teacher what it finds likeliest, once, for all students that learn from it (distill).
 */
#include <hone/train.h>

static const HoneParam params_table[] = {
    HONE_INT(HoneTeacherParams, top_k, "16", 1, 1024, "likeliest tokens that are kept at each place", .unit = "tokens"),
    HONE_NUMBER(HoneTeacherParams, temperature, "1", 0.05, 100, "of teacher and student: above 1 for flatter ones"),
    HONE_INT(HoneTeacherParams, max_length, "1024", 2, 1048576, "longer rows are left out; as in distill",
             .unit = "tokens"),
    {0},
};
static const HoneParamGroup groups[] = {HONE_OWN_PARAMS(params_table), {0}};

static const HonePort ports[] = {
    {"model", HONE_PORT_IN, HONE_MODEL | HONE_ADAPTER, 0, "the teacher"},
    {"dataset", HONE_PORT_IN, HONE_DATASET, 0, "the rows that the student learns from"},
    {"logprobs", HONE_PORT_OUT, HONE_LOGPROBS, 0, "the likeliest tokens at each place that bears loss"},
    {0},
};

static bool run(HoneStage *stage, void *params, GError **error)
{
    return hone_teach(stage, params, error);
}

static const HoneStageOps ops = {
    .size = sizeof(HoneStageOps),
    .flags = HONE_STAGE_USES_BACKEND,
    .run = run,
};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "teacher_logprobs",
    .version = "1",
    .summary = "asks a teacher once: its likeliest tokens where a student is to learn",
    .help =
        "For each token that bears loss, the top_k likeliest tokens and their log-probabilities at the temperature, "
        "as a result of its own: students with other settings learn from it without asking again.",
    .params = groups,
    .instance_size = sizeof(HoneTeacherParams),
    .ports = ports,
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("teacher_logprobs", "1", "Apache-2.0", "asks a teacher for its likeliest tokens", &component)

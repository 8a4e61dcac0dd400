/* SPDX-License-Identifier: Apache-2.0
 * toys.c: stages that do next to nothing, with every sort of port and parameter: what the host's tests wire together.
 */
#include <hone/hone.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    bool flag;
    int64_t count;
    double rate;
    char *text, *mode, *path, *later;
    char **words;
    JsonNode *any;
} Source;

static const char *const modes[] = {"plain", "fancy", NULL};

static const HoneParam source_params[] = {
    HONE_PATH(Source, path, NULL, "A file that must be there"),
    HONE_BOOL(Source, flag, "false", "A switch"),
    HONE_INT(Source, count, "10", 1, 1000, "How many", .unit = "rows"),
    HONE_NUMBER(Source, rate, "0.5", 0, 1, "A share"),
    HONE_STRING(Source, text, "null", "Some text"),
    HONE_CHOICE(Source, mode, "\"plain\"", modes, "One of two"),
    HONE_PATH(Source, later, "null", "A file that need not be there", .flags = HONE_PARAM_MAY_BE_ABSENT),
    HONE_STRINGS(Source, words, "[]", "Some words"),
    HONE_JSON(Source, any, "null", "Anything"),
    {0}};

static const HoneParamGroup source_groups[] = {HONE_OWN_PARAMS(source_params), {0}};

static bool run_nothing(HoneStage *stage, void *params, GError **error)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED, "a toy is not to be run");
    return false;
}

static const HoneStageOps plain_ops = {.size = sizeof(HoneStageOps), .run = run_nothing};

static const HonePort source_ports[] = {{"dataset", HONE_PORT_OUT, HONE_DATASET, 0, "Rows"}, {0}};
static const HoneComponent source = {HONE_COMPONENT_HEADER,
                                     .kind = HONE_STAGE,
                                     .name = "toy_source",
                                     .version = "1",
                                     .summary = "Gives a dataset",
                                     .params = source_groups,
                                     .instance_size = sizeof(Source),
                                     .ports = source_ports,
                                     .ops = &plain_ops};

static const HonePort split_ports[] = {{"dataset", HONE_PORT_IN, HONE_DATASET, 0, "Rows to part"},
                                       {"train", HONE_PORT_OUT, HONE_DATASET, 0, "To learn from"},
                                       {"test", HONE_PORT_OUT, HONE_DATASET, 0, "To judge by"},
                                       {0}};
static const HoneComponent split = {HONE_COMPONENT_HEADER, .kind = HONE_STAGE,           .name = "toy_split",
                                    .version = "1",        .summary = "Parts a dataset", .ports = split_ports,
                                    .ops = &plain_ops};

static const HonePort model_ports[] = {{"model", HONE_PORT_OUT, HONE_MODEL, 0, "A model"}, {0}};
static const HoneComponent model = {HONE_COMPONENT_HEADER, .kind = HONE_STAGE,         .name = "toy_model",
                                    .version = "1",        .summary = "Gives a model", .ports = model_ports,
                                    .ops = &plain_ops};

typedef struct {
    int64_t rank;
    double alpha;
} Tune;

static const HoneParam tune_params[] = {
    HONE_INT(Tune, rank, "8", 1, 256, "Rank"), HONE_NUMBER(Tune, alpha, "16", 0, 1e18, "Scale"), {0}};
static const HoneParamGroup tune_groups[] = {HONE_OWN_PARAMS(tune_params), {0}};
static const HonePort tune_ports[] = {{"model", HONE_PORT_IN, HONE_MODEL | HONE_ADAPTER, 0, "What to tune"},
                                      {"dataset", HONE_PORT_IN, HONE_DATASET, 0, "Rows to learn"},
                                      {"hints", HONE_PORT_IN, HONE_SCORES, HONE_PORT_OPTIONAL, "Scores to begin from"},
                                      {"adapter", HONE_PORT_OUT, HONE_ADAPTER, 0, "What was learnt"},
                                      {0}};
static const HoneComponent tune = {HONE_COMPONENT_HEADER,
                                   .kind = HONE_STAGE,
                                   .name = "toy_tune",
                                   .version = "1",
                                   .summary = "Tunes",
                                   .params = tune_groups,
                                   .instance_size = sizeof(Tune),
                                   .ports = tune_ports,
                                   .ops = &plain_ops};

typedef struct {
    char **metrics;
} Score;

static const HoneParam score_params[] = {
    HONE_STRINGS(Score, metrics, "[\"toy_length\"]", "What to measure", .flags = HONE_PARAM_NAMES_METRICS), {0}};
static const HoneParamGroup score_groups[] = {HONE_OWN_PARAMS(score_params), {0}};
static const HonePort score_ports[] = {{"model", HONE_PORT_IN, HONE_MODEL | HONE_ADAPTER, 0, "What to score"},
                                       {"dataset", HONE_PORT_IN, HONE_DATASET, 0, "Rows to score on"},
                                       {"scores", HONE_PORT_OUT, HONE_SCORES, 0, "The scores"},
                                       {0}};
static const HoneComponent score = {HONE_COMPONENT_HEADER,
                                    .kind = HONE_STAGE,
                                    .name = "toy_score",
                                    .version = "1",
                                    .summary = "Scores",
                                    .params = score_groups,
                                    .instance_size = sizeof(Score),
                                    .ports = score_ports,
                                    .ops = &plain_ops};

static const HonePort gather_ports[] = {{"any", HONE_PORT_IN, HONE_ANY, HONE_PORT_REPEATED, "What to gather"},
                                        {"report", HONE_PORT_OUT, HONE_REPORT, 0, "A page"},
                                        {0}};
static const HoneComponent gather = {HONE_COMPONENT_HEADER, .kind = HONE_STAGE,    .name = "toy_gather", .version = "1",
                                     .summary = "Gathers",  .ports = gather_ports, .ops = &plain_ops};

/* A check that passes, refuses or crashes as it is told. */
typedef struct {
    char *how;
} Hook;

static const char *const hows[] = {"pass", "refuse", "silent", "crash", "exit", "chatter", NULL};
static const HoneParam hook_params[] = {HONE_CHOICE(Hook, how, "\"pass\"", hows, "What the check does"), {0}};
static const HoneParamGroup hook_groups[] = {HONE_OWN_PARAMS(hook_params), {0}};

static bool check_hook(const void *params, GError **error)
{
    const Hook *hook = params;
    if (strcmp(hook->how, "crash") == 0)
        raise(SIGSEGV);
    if (strcmp(hook->how, "exit") == 0)
        _Exit(7);
    if (strcmp(hook->how, "chatter") == 0)
        puts("a plugin talks");
    if (strcmp(hook->how, "refuse") == 0)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "the column \"answer\" is missing");
    return strcmp(hook->how, "refuse") != 0 && strcmp(hook->how, "silent") != 0;
}

static const HoneStageOps hook_ops = {.size = sizeof(HoneStageOps), .run = run_nothing, .check = check_hook};
static const HoneComponent hook = {HONE_COMPONENT_HEADER,
                                   .kind = HONE_STAGE,
                                   .name = "toy_hook",
                                   .version = "1",
                                   .summary = "Has a check of its own",
                                   .params = hook_groups,
                                   .instance_size = sizeof(Hook),
                                   .ports = source_ports,
                                   .ops = &hook_ops};

static const HoneFigureInfo figures[] = {{"length", "Length", "Bytes of the answer", NULL, false, 0}, {0}};

static bool score_row(const void *params, void *prepared, const HoneScored *scored, HoneMetricValue *values,
                      GError **error)
{
    values[0] = (HoneMetricValue){scored->prediction != NULL ? (double)strlen(scored->prediction) : 0, 1};
    return true;
}

typedef struct {
    JsonNode *rewards;
} Praised;

static const HoneParam praised_params[] = {
    HONE_JSON(Praised, rewards, NULL, "What to raise", .flags = HONE_PARAM_NAMES_REWARDS), {0}};
static const HoneParamGroup praised_groups[] = {HONE_OWN_PARAMS(praised_params), {0}};
static const HoneComponent praised = {HONE_COMPONENT_HEADER,
                                      .kind = HONE_STAGE,
                                      .name = "toy_praised",
                                      .version = "1",
                                      .summary = "Tunes by rewards",
                                      .params = praised_groups,
                                      .instance_size = sizeof(Praised),
                                      .ports = tune_ports,
                                      .ops = &plain_ops};

typedef struct {
    int64_t level;
} Praise;

static bool praise_answers(const void *params, void *prepared, const HoneAnswers *answers, double *rewards,
                           GError **error)
{
    for (size_t i = 0; i < answers->n; i++)
        rewards[i] = (double)((const Praise *)params)->level;
    return true;
}

static const HoneParam praise_params[] = {HONE_INT(Praise, level, "1", 0, 9, "Of praise"), {0}};
static const HoneParamGroup praise_groups[] = {HONE_OWN_PARAMS(praise_params), {0}};
static const HoneRewardOps praise_ops = {.size = sizeof(HoneRewardOps), .score = praise_answers};
static const HoneComponent praise = {HONE_COMPONENT_HEADER,
                                     .kind = HONE_REWARD,
                                     .name = "toy_praise",
                                     .version = "1",
                                     .summary = "The same for every answer",
                                     .params = praise_groups,
                                     .instance_size = sizeof(Praise),
                                     .ops = &praise_ops};

static const HoneMetricOps metric_ops = {.size = sizeof(HoneMetricOps),
                                         .flags = HONE_METRIC_NEEDS_TEXT,
                                         .figures = figures,
                                         .figure_size = sizeof(HoneFigureInfo),
                                         .score = score_row};
static const HoneComponent metric = {
    HONE_COMPONENT_HEADER, .kind = HONE_METRIC, .name = "toy_length", .version = "1", .summary = "Length of the answer",
    .ops = &metric_ops};

static const HoneComponent *const components[] = {&source, &split,  &model,   &tune,   &score, &gather,
                                                  &hook,   &metric, &praised, &praise, NULL};

HONE_EXPORT const HonePlugin *hone_plugin(void)
{
    static const HonePlugin plugin = {HONE_PLUGIN_HEADER,
                                      .name = "toys",
                                      .version = "1",
                                      .licence = "Apache-2.0",
                                      .summary = "Stages for the host's tests",
                                      .components = components};
    return &plugin;
}

/* SPDX-License-Identifier: Apache-2.0
 * survey.c: the stage `survey`: which of several models to tune. Each is held against the same rows: how its tokenizer
 * cuts them, how likely it finds their answers, how well it answers without and with examples in the prompt, how fast
 * it is, what tuning it takes, under which licence it comes.
 */
#include "survey.h"

typedef struct Instance {
    char **metrics;
    JsonNode *metric_params;
    int64_t limit, shots, max_tokens, batch, draws, seed, rank, tune_rows, tune_length;
    double temperature;
} Instance;

static const HoneParam params_table[] = {
    HONE_STRINGS(Instance, metrics, NULL, "metrics, by name; the first one's first figure counts for the rank",
                 .flags = HONE_PARAM_NAMES_METRICS),
    HONE_JSON(Instance, metric_params, "null", "parameters of metrics by name, as of `evaluate`"),
    HONE_INT(Instance, limit, "100", 0, 1e9, "use the first rows only; 0: all", .unit = "rows"),
    HONE_INT(Instance, shots, "3", 0, 100, "examples in the prompt in a second round; 0: no second round",
             .unit = "examples"),
    HONE_INT(Instance, max_tokens, "256", 1, 1 << 20, "longest answer", .unit = "tokens"),
    HONE_NUMBER(Instance, temperature, "0", 0, 10, "of sampling; 0 takes the most likely token each time"),
    HONE_INT(Instance, batch, "16", 1, 1024, "rows generated at once", .unit = "rows", .flags = HONE_PARAM_NO_KEY),
    HONE_INT(Instance, draws, "2000", 100, 100000, "resamples behind each interval"),
    HONE_INT(Instance, seed, "0", 0, 9e15, "of the examples, of sampling and of the intervals"),
    HONE_INT(Instance, rank, "8", 1, 1024, "of the adapter whose training step is measured"),
    HONE_INT(Instance, tune_rows, "8", 1, 4096, "rows in that step", .unit = "rows"),
    HONE_INT(Instance, tune_length, "256", 2, 1 << 20, "length of those rows", .unit = "tokens"),
    {0},
};
static const HoneParamGroup params_groups[] = {HONE_OWN_PARAMS(params_table), {0}};

static const HonePort ports[] = {
    {.name = "models",
     .direction = HONE_PORT_IN,
     .types = HONE_MODEL,
     .flags = HONE_PORT_REPEATED,
     .help = "the models to choose among"},
    {.name = "dataset",
     .direction = HONE_PORT_IN,
     .types = HONE_DATASET,
     .help = "rows; the last assistant message of each is the wanted answer"},
    {.name = "examples",
     .direction = HONE_PORT_IN,
     .types = HONE_DATASET,
     .flags = HONE_PORT_OPTIONAL,
     .help = "rows that the examples of the second round come from: not those of `dataset`"},
    {.name = "report", .direction = HONE_PORT_OUT, .types = HONE_REPORT, .help = "survey.json, best model first"},
    {0},
};

static bool run(HoneStage *stage, void *instance, GError **error)
{
    const Instance *i = instance;
    const SurveyParams params = {
        .eval = {.metrics = i->metrics,
                 .metric_params = i->metric_params,
                 .limit = i->limit,
                 .shots = i->shots,
                 .max_tokens = i->max_tokens,
                 .temperature = i->temperature,
                 .batch = i->batch,
                 .draws = i->draws,
                 .seed = i->seed},
        .rank = i->rank,
        .tune_rows = i->tune_rows,
        .tune_length = i->tune_length,
    };
    g_autoptr(GPtrArray) models = g_ptr_array_new_with_free_func((GDestroyNotify)survey_model_free);
    size_t n;

    hone_stage_inputs(stage, "models", &n);
    for (size_t k = 0; k < n; k++) {
        SurveyModel *model = survey_measure(stage, &params, k, error);

        if (!model) {
            return false;
        }
        g_ptr_array_add(models, model);
    }
    survey_rank(models, &params);
    return survey_write(stage, &params, models, error);
}

static const HoneStageOps ops = {
    .size = sizeof(HoneStageOps),
    .flags = HONE_STAGE_USES_BACKEND,
    .run = run,
};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "survey",
    .version = "1",
    .summary = "Compare base models on your data before tuning one",
    .help = "For each model: tokens per row, bits per byte of the wanted answers, scores without and with examples in "
            "the prompt, tokens/s, memory of a training step, licence. Ranked by who is clearly beaten least often "
            "(95 % intervals over the same rows), with the reasons.",
    .params = params_groups,
    .instance_size = sizeof(Instance),
    .ports = ports,
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("survey", "1", "Apache-2.0", "Choice of a base model", &component)

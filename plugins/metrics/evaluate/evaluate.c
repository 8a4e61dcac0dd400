/* SPDX-License-Identifier: Apache-2.0
 * evaluate.c: the stage `evaluate`: a model against the wanted answers of a dataset.
 *
 * Log-probabilities are computed only where a metric wants them, and answers generated only where one wants text. Both
 * go on from the work folder after a kill. Decoding is greedy unless asked otherwise: before and after are then
 * compared on what the model finds most likely, not on luck.
 */
#include "evaluate.h"
#include <hone/file.h>

static const HoneParam params_table[] = {
    HONE_STRINGS(EvaluateParams, metrics, NULL, "metrics to compute, by name", .flags = HONE_PARAM_NAMES_METRICS),
    HONE_JSON(EvaluateParams, metric_params, "null",
              "parameters of metrics by name: {\"json_schema\": {\"schema\": \"ticket.schema.json\"}}"),
    HONE_INT(EvaluateParams, max_tokens, "256", 1, 1 << 20, "longest answer", .unit = "tokens"),
    HONE_NUMBER(EvaluateParams, temperature, "0", 0, 10, "of sampling; 0 takes the most likely token each time"),
    HONE_INT(EvaluateParams, limit, "0", 0, 1e9, "evaluate the first rows only; 0: all", .unit = "rows"),
    HONE_INT(EvaluateParams, shots, "0", 0, 100, "worked examples shown before each row, drawn from `examples`",
             .unit = "examples"),
    HONE_INT(EvaluateParams, batch, "16", 1, 1024, "rows generated at once", .unit = "rows",
             .flags = HONE_PARAM_NO_KEY),
    HONE_INT(EvaluateParams, draws, "2000", 100, 100000, "resamples behind each interval"),
    HONE_INT(EvaluateParams, seed, "0", 0, 9e15, "of sampling and of the intervals"),
    {0},
};
static const HoneParamGroup params_groups[] = {HONE_OWN_PARAMS(params_table), {0}};

static const HonePort ports[] = {
    {.name = "model", .direction = HONE_PORT_IN, .types = HONE_MODEL | HONE_ADAPTER, .help = "what is evaluated"},
    {.name = "dataset",
     .direction = HONE_PORT_IN,
     .types = HONE_DATASET | HONE_PREFERENCES,
     .help = "rows; the last assistant message of each is the wanted answer, or all of a document; of preferences the "
             "chosen one"},
    {.name = "examples",
     .direction = HONE_PORT_IN,
     .types = HONE_DATASET,
     .flags = HONE_PORT_OPTIONAL,
     .help = "rows that `shots` are drawn from: the training rows, never the evaluated ones"},
    {.name = "scores", .direction = HONE_PORT_OUT, .types = HONE_SCORES, .help = "figures, and the rows behind them"},
    {0},
};

/* Names the work that the journals in the work folder are of. */
static char *fingerprint_of(HoneStage *stage, const EvaluateParams *params)
{
    HoneArtifact *examples = hone_stage_input(stage, "examples");
    g_autofree char *text = g_strdup_printf("2 %s %s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                                            " %" G_GINT64_FORMAT " %.17g %" G_GINT64_FORMAT " %s",
                                            hone_artifact_hash(hone_stage_input(stage, "model")),
                                            hone_artifact_hash(hone_stage_input(stage, "dataset")), params->max_tokens,
                                            params->limit, params->batch, params->seed, params->temperature,
                                            params->shots, examples ? hone_artifact_hash(examples) : "");

    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

static bool run(HoneStage *stage, void *instance, GError **error)
{
    const EvaluateParams *params = instance;
    g_auto(EvalFigures) figures = {0};
    g_auto(EvalRows) rows = {0};
    g_autofree char *fingerprint = fingerprint_of(stage, params);
    g_autoptr(HoneModel) model = NULL;
    HoneBackend *backend;
    EvalWork work = {.stage = stage, .params = params, .fingerprint = fingerprint, .rows = &rows};

    if (!eval_figures_open(&figures, stage, params, error)) {
        return false;
    }
    backend = hone_stage_backend(stage, error);
    if (!backend) {
        return false;
    }
    model = hone_model_open_artifact(hone_stage_input(stage, "model"), backend, hone_stage_hash_folder(stage),
                                     hone_stage_progress(stage), error);
    if (!model || !eval_rows_read(&rows, stage, model, params, error)) {
        return false;
    }
    const bool text = figures.needs & HONE_METRIC_NEEDS_TEXT;
    const bool likelihood = figures.needs & (HONE_METRIC_NEEDS_LOGPROB | HONE_METRIC_NEEDS_PAIRS);
    if (rows.documents > 0 && ((figures.needs & HONE_METRIC_NEEDS_TEXT) || params->shots > 0)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: %zu of %u rows of %s are documents, raw text that asks for no answer: leave out `shots`, and "
                    "the metrics that want the model's own answer (perplexity does not)",
                    hone_stage_name(stage), rows.documents, rows.rows->len,
                    hone_artifact_label(hone_stage_input(stage, "dataset")));
        return false;
    }
    if (rows.preferences > 0 && ((figures.needs & HONE_METRIC_NEEDS_TEXT) || params->shots > 0)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: %s holds preferences: leave out `shots`, and the metrics that want the model's own answer "
                    "(preference and perplexity do not)",
                    hone_stage_name(stage), hone_artifact_label(hone_stage_input(stage, "dataset")));
        return false;
    }
    if (rows.preferences == 0 && (figures.needs & HONE_METRIC_NEEDS_PAIRS)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: %s holds no preferences, which a metric wants: rows with a chosen and a rejected answer",
                    hone_stage_name(stage), hone_artifact_label(hone_stage_input(stage, "dataset")));
        return false;
    }
    work.model = model;
    work.total = rows.rows->len * (size_t)((text ? 1 : 0) + (likelihood ? 1 : 0));
    if (likelihood && !eval_likelihood(&work, error)) {
        return false;
    }
    if ((figures.needs & HONE_METRIC_NEEDS_TEXT) && !eval_answers(&work, error)) {
        return false;
    }
    return eval_figures_score(&figures, &rows, error) && eval_write(stage, params, &rows, &figures, error);
}

static const HoneStageOps ops = {
    .size = sizeof(HoneStageOps),
    .flags = HONE_STAGE_USES_BACKEND,
    .run = run,
};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "evaluate",
    .version = "1",
    .summary = "Score a model on a dataset with any metrics",
    .help = "For each row the model sees the messages before the last answer. Metrics that want text get the answer it "
            "generates, the others the log-probability of the wanted one. Each figure comes with a 95 % bootstrap "
            "interval over rows. Rows without an answer or longer than the context are left out and counted.",
    .params = params_groups,
    .instance_size = sizeof(EvaluateParams),
    .ports = ports,
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("evaluate", "1", "Apache-2.0", "Scoring of models", &component)

/* SPDX-License-Identifier: Apache-2.0
 * measure.c: one model against the rows: facts, fertility, scores without and with examples.
 *
 * Each round is an evaluation with journals of its own, so a killed survey loses at most one group of rows.
 */
#include "../common/json_members.h"
#include "../common/scores.h"
#include "survey.h"
#include <math.h>
#include <string.h>

void survey_score_free(SurveyScore *score)
{
    if (!score) {
        return;
    }
    g_free(score->name);
    g_free(score->label);
    g_free(score->unit);
    g_hash_table_unref(score->rows);
    g_free(score);
}

void survey_model_free(SurveyModel *model)
{
    if (!model) {
        return;
    }
    g_free(model->label);
    g_free(model->family);
    g_free(model->licence);
    survey_score_free(model->bits_per_byte);
    survey_score_free(model->zero);
    survey_score_free(model->few);
    g_clear_pointer(&model->others, g_ptr_array_unref);
    g_clear_pointer(&model->reasons, g_ptr_array_unref);
    g_free(model);
}

static SurveyScore *score_of(const EvalColumn *column, const EvalRows *rows, const SurveyParams *params)
{
    SurveyScore *score = g_new0(SurveyScore, 1);

    score->name = g_strdup(column->name);
    score->label = g_strdup(column->info.label ? column->info.label : column->name);
    score->unit = g_strdup(column->info.unit);
    score->lower_is_better = column->info.lower_is_better;
    score->scale = column->info.scale;
    score->rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    score->interval = hone_bootstrap(column->info.scale, column->values, rows->rows->len, (size_t)params->eval.draws,
                                     (uint64_t)params->eval.seed);
    for (guint i = 0; i < rows->rows->len; i++) {
        const EvalRow *row = rows->rows->pdata[i];

        g_hash_table_insert(score->rows, g_strdup(row->row->id),
                            g_memdup2(&column->values[i], sizeof column->values[i]));
    }
    return score;
}

/* The metrics asked for, and the perplexity's, whose bits per byte compare models with different tokenizers. */
static char **metric_names(const SurveyParams *params)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();

    for (char **name = params->eval.metrics; *name; name++) {
        g_strv_builder_add(names, *name);
    }
    if (!g_strv_contains((const char *const *)params->eval.metrics, "perplexity")) {
        g_strv_builder_add(names, "perplexity");
    }
    return g_strv_builder_end(names);
}

static void take_scores(SurveyModel *found, const EvalFigures *figures, const EvalRows *rows,
                        const SurveyParams *params)
{
    if (params->eval.shots > 0) {
        found->few = score_of(figures->columns->pdata[0], rows, params);
        return;
    }
    found->zero = score_of(figures->columns->pdata[0], rows, params);
    for (guint i = 0; i < figures->n_figures; i++) {
        const EvalColumn *column = figures->columns->pdata[i];

        if (g_str_equal(column->name, "bits_per_byte")) {
            found->bits_per_byte = score_of(column, rows, params);
        } else if (i > 0) {
            g_ptr_array_add(found->others, score_of(column, rows, params));
        }
    }
}

/* How the tokenizer cuts the rows: whole conversations with their template, and the wanted answers alone. */
static void take_fertility(SurveyModel *found, const EvalRows *rows)
{
    size_t tokens = 0, bytes = 0, targets = 0;

    for (guint i = 0; i < rows->rows->len; i++) {
        const EvalRow *row = rows->rows->pdata[i];

        tokens += row->tokens->ids->len;
        bytes += row->n_bytes;
        targets += row->n_targets;
    }
    found->rows = rows->rows->len;
    found->too_long = rows->too_long;
    found->tokens_per_row = (double)tokens / (double)rows->rows->len;
    found->bytes_per_token = targets > 0 ? (double)bytes / (double)targets : NAN;
}

static char *fingerprint_of(HoneStage *stage, const SurveyModel *found, const EvaluateParams *params)
{
    HoneArtifact *examples = hone_stage_input(stage, "examples");
    g_autofree char *text =
        g_strdup_printf("survey 1 %s %s %s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                        " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %.17g",
                        hone_artifact_hash(found->artifact), hone_artifact_hash(hone_stage_input(stage, "dataset")),
                        examples ? hone_artifact_hash(examples) : "", params->max_tokens, params->limit, params->batch,
                        params->seed, params->shots, params->temperature);

    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

/* One evaluation: params->eval.shots is 0 in the first round. */
static bool evaluate_round(SurveyModel *found, HoneStage *stage, HoneModel *model, const SurveyParams *params,
                           size_t index, GError **error)
{
    g_auto(EvalFigures) figures = {0};
    g_auto(EvalRows) rows = {0};
    g_auto(GStrv) names = metric_names(params);
    g_autofree char *fingerprint = fingerprint_of(stage, found, &params->eval);
    g_autofree char *prefix = g_strdup_printf("%zu-%" G_GINT64_FORMAT "-", index, params->eval.shots);
    EvaluateParams own = params->eval;
    EvalWork work = {.stage = stage,
                     .model = model,
                     .params = &own,
                     .fingerprint = fingerprint,
                     .journal_prefix = prefix,
                     .rows = &rows};

    own.metrics = names;
    if (!eval_figures_open(&figures, stage, &own, error) || !eval_rows_read(&rows, stage, model, &own, error)) {
        return false;
    }
    work.total = rows.rows->len * (figures.needs & HONE_METRIC_NEEDS_TEXT ? 2 : 1);
    if (!eval_likelihood(&work, error) || ((figures.needs & HONE_METRIC_NEEDS_TEXT) && !eval_answers(&work, error)) ||
        !eval_figures_score(&figures, &rows, error)) {
        return false;
    }
    if (params->eval.shots == 0) {
        take_fertility(found, &rows);
    }
    take_scores(found, &figures, &rows, params);
    return true;
}

/* "base" for "base.model": a node with one output is named by itself. */
static char *short_label(const char *label)
{
    return g_strndup(label, strlen(label) - (g_str_has_suffix(label, ".model") ? strlen(".model") : 0));
}

static void take_facts(SurveyModel *found)
{
    JsonObject *meta = hone_artifact_meta(found->artifact);
    double parameters = json_number_member(meta, "parameters");

    found->label = short_label(hone_artifact_label(found->artifact));
    found->family = g_strdup(json_text_member(meta, "family"));
    found->licence = g_strdup(json_text_member(meta, "licence"));
    found->parameters = parameters >= 0 && parameters < 1e15 ? (size_t)parameters : 0;
}

SurveyModel *survey_measure(HoneStage *stage, const SurveyParams *params, size_t index, GError **error)
{
    SurveyModel *found = g_new0(SurveyModel, 1);
    SurveyParams first = *params;
    HoneBackend *backend = hone_stage_backend(stage, error);
    g_autoptr(HoneModel) model = NULL;
    size_t n;
    bool ok = backend != NULL;

    found->artifact = hone_stage_inputs(stage, "models", &n)[index];
    found->others = g_ptr_array_new_with_free_func((GDestroyNotify)survey_score_free);
    found->reasons = g_ptr_array_new_with_free_func(g_free);
    take_facts(found);
    if (ok) {
        hone_progress_note(hone_stage_progress(stage), HONE_NOTE_INFO, "model %zu of %zu: %s", index + 1, n,
                           found->label);
        model = hone_model_open_artifact(found->artifact, backend, hone_stage_hash_folder(stage),
                                         hone_stage_progress(stage), error);
        ok = model != NULL;
    }
    first.eval.shots = 0;
    if (ok) {
        found->context = hone_model_config(model)->context;
        ok = evaluate_round(found, stage, model, &first, index, error) &&
             (params->eval.shots == 0 || evaluate_round(found, stage, model, params, index, error));
    }
    /* Opened again, so that memory which the evaluation took is not counted as the training step's. */
    g_clear_pointer(&model, hone_model_free);
    if (!ok || !survey_probe(found, stage, params, error)) {
        g_prefix_error(error, "%s: ", found->label);
        survey_model_free(found);
        return NULL;
    }
    return found;
}

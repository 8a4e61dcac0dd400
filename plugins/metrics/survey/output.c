/* SPDX-License-Identifier: Apache-2.0
 * output.c: what a survey leaves: survey.json with everything measured, best model first (format: docs/metrics.md),
 * and the table and the verdict that end a run.
 */
#include "../common/figure_text.h"
#include "../common/json_members.h"
#include "survey.h"
#include <hone/file.h>
#include <math.h>

static JsonObject *score_json(const SurveyScore *score)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "name", score->name);
    json_object_set_string_member(object, "label", score->label);
    json_set_text(object, "unit", score->unit);
    json_object_set_boolean_member(object, "lower_is_better", score->lower_is_better);
    json_set_number(object, "value", score->interval.value);
    json_set_number(object, "low", score->interval.low);
    json_set_number(object, "high", score->interval.high);
    return object;
}

static void set_score(JsonObject *object, const char *name, const SurveyScore *score)
{
    if (score) {
        json_object_set_object_member(object, name, score_json(score));
    } else {
        json_object_set_null_member(object, name);
    }
}

static JsonObject *model_json(const SurveyModel *model)
{
    JsonObject *object = json_object_new();
    JsonArray *others = json_array_new(), *reasons = json_array_new();

    json_object_set_string_member(object, "label", model->label);
    json_object_set_string_member(object, "hash", hone_artifact_hash(model->artifact));
    json_set_text(object, "family", model->family);
    json_set_text(object, "licence", model->licence);
    json_object_set_int_member(object, "parameters", (int64_t)model->parameters);
    json_object_set_int_member(object, "context", (int64_t)model->context);
    json_object_set_int_member(object, "rows", (int64_t)model->rows);
    json_object_set_int_member(object, "too_long", (int64_t)model->too_long);
    json_set_number(object, "tokens_per_row", model->tokens_per_row);
    json_set_number(object, "bytes_per_token", model->bytes_per_token);
    set_score(object, "bits_per_byte", model->bits_per_byte);
    set_score(object, "without_examples", model->zero);
    set_score(object, "with_examples", model->few);
    for (guint i = 0; i < model->others->len; i++) {
        json_array_add_object_element(others, score_json(model->others->pdata[i]));
    }
    json_object_set_array_member(object, "other_figures", others);
    json_set_number(object, "prompt_tokens_per_s", model->prompt_speed);
    json_set_number(object, "answer_tokens_per_s", model->answer_speed);
    json_set_number(object, "lora_bytes", model->lora_bytes);
    json_set_number(object, "full_bytes", model->full_bytes);
    json_object_set_boolean_member(object, "fits", model->fits);
    json_object_set_int_member(object, "beaten", (int64_t)model->beaten);
    for (guint i = 0; i < model->reasons->len; i++) {
        json_array_add_string_element(reasons, model->reasons->pdata[i]);
    }
    json_object_set_array_member(object, "reasons", reasons);
    return object;
}

static void add_text(JsonArray *row, char *text)
{
    json_array_add_string_element(row, text);
    g_free(text);
}

static char *gigabytes(double bytes)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    return isfinite(bytes) ? g_strdup_printf("%s GB", g_ascii_formatd(text, sizeof text, "%.2f", bytes / 1e9))
                           : g_strdup("too much");
}

static char *speed(double value)
{
    return isfinite(value) ? g_strdup_printf("%.0f", value) : g_strdup("n/a");
}

static JsonArray *table_row(const SurveyModel *model, guint place, bool few)
{
    JsonArray *row = json_array_new();
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    add_text(row, g_strdup_printf("%u", place));
    add_text(row, g_strdup(model->label));
    add_text(row, g_strdup(g_ascii_formatd(text, sizeof text, "%.1f", model->tokens_per_row)));
    add_text(row, figure_text(model->bits_per_byte->unit, model->bits_per_byte->interval.value));
    add_text(row, figure_text(model->zero->unit, model->zero->interval.value));
    if (few) {
        add_text(row, figure_text(model->few->unit, model->few->interval.value));
    }
    add_text(row, speed(model->prompt_speed));
    add_text(row, speed(model->answer_speed));
    add_text(row, gigabytes(model->lora_bytes));
    add_text(row, gigabytes(model->full_bytes));
    add_text(row, g_strdup(model->licence ? model->licence : "not said"));
    return row;
}

static JsonObject *table_json(GPtrArray *models, const SurveyParams *params)
{
    const SurveyModel *best = models->pdata[0];
    JsonObject *table = json_object_new();
    JsonArray *columns = json_array_new(), *rows = json_array_new();
    bool few = best->few != NULL;

    json_object_set_string_member(table, "title", "Base models");
    json_array_add_string_element(columns, "");
    json_array_add_string_element(columns, "model");
    json_array_add_string_element(columns, "tokens/row");
    json_array_add_string_element(columns, "bits/byte");
    json_array_add_string_element(columns, best->zero->label);
    if (few) {
        add_text(columns, g_strdup_printf("with %" G_GINT64_FORMAT " examples", params->eval.shots));
    }
    json_array_add_string_element(columns, "reads tokens/s");
    json_array_add_string_element(columns, "writes tokens/s");
    json_array_add_string_element(columns, "LoRA");
    json_array_add_string_element(columns, "full");
    json_array_add_string_element(columns, "licence");
    for (guint i = 0; i < models->len; i++) {
        json_array_add_array_element(rows, table_row(models->pdata[i], i + 1, few));
    }
    json_object_set_array_member(table, "columns", columns);
    json_object_set_array_member(table, "rows", rows);
    return table;
}

static char *verdict_text(GPtrArray *models)
{
    const SurveyModel *best = models->pdata[0];
    g_autofree char *reasons = NULL;

    g_ptr_array_add(best->reasons, NULL);
    reasons = g_strjoinv("; ", (char **)best->reasons->pdata);
    g_ptr_array_set_size(best->reasons, (int)best->reasons->len - 1);
    return g_strdup_printf("%s %s: %s.", models->len > 1 ? "Tune" : "Only one model was surveyed,", best->label,
                           reasons);
}

bool survey_write(HoneStage *stage, const SurveyParams *params, GPtrArray *models, GError **error)
{
    HoneArtifact *output = hone_stage_output(stage, "report", HONE_REPORT, error);
    g_autofree char *path = output ? hone_artifact_file(output, "survey.json") : NULL;
    g_autofree char *verdict = verdict_text(models);
    JsonObject *object = json_object_new();
    g_autoptr(JsonNode) root = json_own_object(object);
    JsonArray *list = json_array_new();

    json_object_set_string_member(object, "verdict", verdict);
    json_object_set_int_member(object, "shots", params->eval.shots);
    json_object_set_int_member(object, "lora_rank", params->rank);
    json_object_set_int_member(object, "tune_rows", params->tune_rows);
    json_object_set_int_member(object, "tune_length", params->tune_length);
    for (guint i = 0; i < models->len; i++) {
        json_array_add_object_element(list, model_json(models->pdata[i]));
    }
    json_object_set_array_member(object, "models", list);
    if (!output) {
        return false;
    }
    json_object_set_string_member(hone_artifact_meta(output), "verdict", verdict);
    json_object_set_object_member(hone_artifact_meta(output), "table", table_json(models, params));
    return hone_file_write_json(path, root, error);
}

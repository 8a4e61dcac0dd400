/* SPDX-License-Identifier: Apache-2.0
 * output.c: what an evaluation leaves: scores.json with the figures and their intervals, rows.jsonl with every row.
 * Formats: docs/metrics.md; read back by common/scores.c.
 */
#include "../common/json_members.h"
#include "evaluate.h"
#include <hone/file.h>
#include <hone/json.h>

static const char *role_name(HoneFigureRole role)
{
    static const char *const names[] = {"task", "similarity", "format", "likelihood"};

    return (size_t)role < G_N_ELEMENTS(names) ? names[role] : names[0];
}

static JsonObject *figure_json(const EvalColumn *column, size_t n_rows, const EvaluateParams *params)
{
    const HoneFigureInfo *info = &column->info;
    JsonObject *figure = json_object_new();
    HoneInterval interval =
        hone_bootstrap(info->scale, column->values, n_rows, (size_t)params->draws, (uint64_t)params->seed);
    int64_t counted = 0;

    for (size_t i = 0; i < n_rows; i++) {
        counted += column->values[i].denominator != 0;
    }
    json_object_set_string_member(figure, "metric", column->metric->component->name);
    json_object_set_string_member(figure, "name", column->name);
    if (column->part) {
        json_object_set_string_member(figure, "part", column->part);
    }
    json_object_set_string_member(figure, "label", info->label ? info->label : column->name);
    json_set_text(figure, "help", info->help);
    json_set_text(figure, "unit", info->unit);
    json_object_set_string_member(figure, "scale", info->scale == HONE_SCALE_EXP ? "exp" : "identity");
    json_object_set_string_member(figure, "role", role_name(info->role));
    json_object_set_boolean_member(figure, "lower_is_better", info->lower_is_better);
    json_set_number(figure, "value", interval.value);
    json_set_number(figure, "low", interval.low);
    json_set_number(figure, "high", interval.high);
    json_object_set_int_member(figure, "rows", counted);
    return figure;
}

/* What was evaluated, for those who compare: the same rows have the same dataset hash. */
static JsonObject *artifact_json(HoneArtifact *artifact)
{
    JsonObject *object = json_object_new();
    g_autofree char *type = hone_artifact_types_name(hone_artifact_type(artifact));

    json_object_set_string_member(object, "label", hone_artifact_label(artifact));
    json_object_set_string_member(object, "type", type);
    json_object_set_string_member(object, "hash", hone_artifact_hash(artifact));
    json_object_set_object_member(object, "meta", json_object_ref(hone_artifact_meta(artifact)));
    return object;
}

static bool write_scores(HoneStage *stage, const EvaluateParams *params, const EvalRows *rows,
                         const EvalFigures *figures, HoneArtifact *output, GError **error)
{
    JsonObject *object = json_object_new();
    g_autoptr(JsonNode) root = json_own_object(object);
    JsonObject *skipped = json_object_new(), *decoding = json_object_new();
    JsonArray *list = json_array_new();
    g_autofree char *path = hone_artifact_file(output, "scores.json");

    for (guint i = 0; i < figures->columns->len; i++) {
        json_array_add_object_element(list, figure_json(figures->columns->pdata[i], rows->rows->len, params));
    }
    json_object_set_array_member(object, "figures", list);
    json_object_set_int_member(object, "rows", rows->rows->len);
    json_object_set_int_member(skipped, "without_answer", (int64_t)rows->without_answer);
    json_object_set_int_member(skipped, "too_long", (int64_t)rows->too_long);
    json_object_set_int_member(skipped, "over_limit", (int64_t)rows->over_limit);
    json_object_set_object_member(object, "left_out", skipped);
    json_object_set_object_member(object, "dataset", artifact_json(hone_stage_input(stage, "dataset")));
    json_object_set_object_member(object, "model", artifact_json(hone_stage_input(stage, "model")));
    json_object_set_boolean_member(decoding, "generated", (figures->needs & HONE_METRIC_NEEDS_TEXT) != 0);
    json_object_set_int_member(decoding, "max_tokens", params->max_tokens);
    json_object_set_double_member(decoding, "temperature", params->temperature);
    json_object_set_int_member(decoding, "seed", params->seed);
    json_object_set_int_member(decoding, "shots", params->shots);
    json_object_set_object_member(object, "decoding", decoding);
    json_object_set_int_member(object, "draws", params->draws);
    return hone_file_write_json(path, root, error);
}

static JsonNode *row_json(const EvalRow *row, const EvalFigures *figures, guint index)
{
    JsonObject *object = json_object_new(), *values = json_object_new();
    JsonArray *prompt = json_array_new();
    const HoneMessage *last = NULL;
    bool judged = row->row->chosen || row->row->rejected; /* all of the messages are the prompt then */

    json_object_set_string_member(object, "id", row->row->id);
    for (guint i = judged ? 0 : row->row->messages->len; i > 0 && !last; i--) {
        const HoneMessage *message = row->row->messages->pdata[i - 1];

        last = g_str_equal(message->role, "assistant") ? message : NULL;
    }
    for (guint i = 0; i < row->row->messages->len && row->row->messages->pdata[i] != last; i++) {
        const HoneMessage *message = row->row->messages->pdata[i];
        JsonObject *turn = json_object_new();

        json_object_set_string_member(turn, "role", message->role);
        json_object_set_string_member(turn, "content", message->content);
        json_array_add_object_element(prompt, turn);
    }
    json_object_set_array_member(object, "prompt", prompt);
    json_set_text(object, "reference", hone_row_reference(row->row));
    json_set_text(object, "prediction", row->prediction);
    json_object_set_boolean_member(object, "finished", row->finished);
    for (guint i = 0; i < figures->columns->len; i++) {
        const EvalColumn *column = figures->columns->pdata[i];
        JsonArray *pair;

        if (column->values[index].denominator == 0) {
            continue;
        }
        pair = json_array_new();
        json_array_add_double_element(pair, column->values[index].numerator);
        json_array_add_double_element(pair, column->values[index].denominator);
        json_object_set_array_member(values, column->name, pair);
    }
    json_object_set_object_member(object, "values", values);
    return json_own_object(object);
}

static bool write_rows(const EvalRows *rows, const EvalFigures *figures, HoneArtifact *output, GError **error)
{
    g_autofree char *path = hone_artifact_file(output, "rows.jsonl");
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < rows->rows->len; i++) {
        g_autoptr(JsonNode) node = row_json(rows->rows->pdata[i], figures, i);
        g_autofree char *line = hone_json_text(node);

        g_string_append(text, line);
        g_string_append_c(text, '\n');
    }
    return hone_file_write(path, text->str, text->len, error);
}

bool eval_write(HoneStage *stage, const EvaluateParams *params, const EvalRows *rows, const EvalFigures *figures,
                GError **error)
{
    HoneArtifact *output = hone_stage_output(stage, "scores", HONE_SCORES, error);

    if (!output) {
        return false;
    }
    json_object_set_int_member(hone_artifact_meta(output), "rows", rows->rows->len);
    json_object_set_string_member(hone_artifact_meta(output), "dataset",
                                  hone_artifact_hash(hone_stage_input(stage, "dataset")));
    return write_rows(rows, figures, output, error) && write_scores(stage, params, rows, figures, output, error);
}

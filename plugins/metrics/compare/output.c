/* SPDX-License-Identifier: Apache-2.0
 * output.c: what a comparison leaves: compare.json with figures and verdict, rows.jsonl with every row on both sides,
 * worst first, and the table that `hone run` prints at its end.
 */
#include "../common/figure_text.h"
#include "../common/json_members.h"
#include "compare.h"
#include <hone/file.h>
#include <hone/json.h>
#include <math.h>

#define NOTHING 1e-9 /* a gain below it is rounding */

static JsonObject *interval_json(const HoneInterval *interval)
{
    JsonObject *object = json_object_new();

    json_set_number(object, "value", interval->value);
    json_set_number(object, "low", interval->low);
    json_set_number(object, "high", interval->high);
    return object;
}

static JsonObject *figure_json(const FigurePair *pair)
{
    static const char *const roles[] = {"task", "similarity", "format", "likelihood"};
    const ScoreFigure *figure = pair->figure;
    JsonObject *object = json_object_new();

    json_set_text(object, "metric", figure->metric);
    json_object_set_string_member(object, "name", figure->name);
    json_set_text(object, "part", figure->part);
    json_object_set_string_member(object, "label", figure->label);
    json_set_text(object, "help", figure->help);
    json_set_text(object, "unit", figure->unit);
    json_object_set_string_member(object, "scale", figure->scale == HONE_SCALE_EXP ? "exp" : "identity");
    json_object_set_string_member(object, "role", roles[figure->role]);
    json_object_set_boolean_member(object, "lower_is_better", figure->lower_is_better);
    json_object_set_object_member(object, "before", interval_json(&pair->before));
    json_object_set_object_member(object, "after", interval_json(&pair->after));
    json_object_set_object_member(object, "difference", interval_json(&pair->difference));
    json_object_set_string_member(object, "change", change_name(pair->change));
    json_object_set_int_member(object, "rows", pair->rows);
    return object;
}

static JsonObject *side_json(const Scores *scores)
{
    JsonObject *object = json_object_new(), *model = json_object_member(scores->root, "model");
    JsonObject *decoding = json_object_member(scores->root, "decoding");

    json_object_set_string_member(object, "label", scores->label);
    if (model) {
        json_object_set_object_member(object, "model", json_object_ref(model));
    }
    if (decoding) {
        json_object_set_object_member(object, "decoding", json_object_ref(decoding));
    }
    return object;
}

static JsonArray *text_array(const GPtrArray *texts)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < texts->len; i++) {
        json_array_add_string_element(array, texts->pdata[i]);
    }
    return array;
}

static JsonObject *counts_json(const Pairs *pairs)
{
    JsonObject *object = json_object_new();
    int64_t better = 0, worse = 0;

    for (guint i = 0; i < pairs->rows->len; i++) {
        double gain = g_array_index(pairs->rows, RowPair, i).gain;

        better += gain > NOTHING;
        worse += gain < -NOTHING;
    }
    json_object_set_int_member(object, "better", better);
    json_object_set_int_member(object, "worse", worse);
    json_object_set_int_member(object, "same", pairs->rows->len - better - worse);
    json_object_set_int_member(object, "only_before", pairs->only_before);
    json_object_set_int_member(object, "only_after", pairs->only_after);
    return object;
}

static bool write_summary(HoneArtifact *output, const Scores *before, const Scores *after, const Pairs *pairs,
                          const Verdict *verdict, GError **error)
{
    JsonObject *object = json_object_new(), *said = json_object_new();
    g_autoptr(JsonNode) root = json_own_object(object);
    g_autofree char *path = hone_artifact_file(output, "compare.json");
    JsonArray *figures = json_array_new();

    json_object_set_string_member(said, "outcome", outcome_name(verdict->outcome));
    json_object_set_string_member(said, "text", verdict->text);
    json_object_set_array_member(said, "warnings", text_array(verdict->warnings));
    json_object_set_object_member(object, "verdict", said);
    json_object_set_object_member(object, "before", side_json(before));
    json_object_set_object_member(object, "after", side_json(after));
    json_object_set_string_member(object, "dataset", after->dataset_hash);
    json_object_set_int_member(object, "rows", pairs->rows->len);
    json_object_set_object_member(object, "rows_by_change", counts_json(pairs));
    for (guint i = 0; i < pairs->figures->len; i++) {
        json_array_add_object_element(figures, figure_json(pairs->figures->pdata[i]));
    }
    json_object_set_array_member(object, "figures", figures);
    return hone_file_write_json(path, root, error);
}

static double ratio(HoneMetricValue value)
{
    return value.denominator != 0 ? value.numerator / value.denominator : NAN;
}

static JsonNode *row_json(const Pairs *pairs, const RowPair *row)
{
    JsonObject *object = json_object_new(), *figures = json_object_new();

    json_object_set_string_member(object, "id", row->after->id);
    json_object_set_double_member(object, "gain", row->gain);
    json_set_number(object, "level", row->level);
    json_object_set_array_member(object, "prompt", json_array_ref(row->after->prompt));
    json_set_text(object, "reference", row->after->reference);
    json_set_text(object, "before", row->before->prediction);
    json_set_text(object, "after", row->after->prediction);
    for (guint i = 0; i < pairs->figures->len; i++) {
        const FigurePair *pair = pairs->figures->pdata[i];
        double before = ratio(score_row_value(row->before, pair->figure->name));
        double after = ratio(score_row_value(row->after, pair->figure->name));
        JsonArray *both;

        if (!isfinite(before) || !isfinite(after)) {
            continue;
        }
        both = json_array_new();
        json_array_add_double_element(both, before);
        json_array_add_double_element(both, after);
        json_object_set_array_member(figures, pair->figure->name, both);
    }
    json_object_set_object_member(object, "figures", figures);
    return json_own_object(object);
}

static bool write_rows(HoneArtifact *output, const Pairs *pairs, GError **error)
{
    g_autofree char *path = hone_artifact_file(output, "rows.jsonl");
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < pairs->rows->len; i++) {
        g_autoptr(JsonNode) node = row_json(pairs, &g_array_index(pairs->rows, RowPair, i));
        g_autofree char *line = hone_json_text(node);

        g_string_append_printf(text, "%s\n", line);
    }
    return hone_file_write(path, text->str, text->len, error);
}

/* Takes the text. */
static void add_cell(JsonArray *row, char *text)
{
    json_array_add_string_element(row, text);
    g_free(text);
}

static JsonObject *table_json(const Scores *before, const Scores *after, const Pairs *pairs)
{
    static const char *const marks[] = {"?", "no clear change", "better", "worse"};
    const char *columns[] = {"", before->label, after->label, "difference", "95 % interval", ""};
    JsonObject *table = json_object_new();
    JsonArray *names = json_array_new(), *rows = json_array_new();
    g_autofree char *title = g_strdup_printf("%s against %s on %u rows", after->label, before->label, pairs->rows->len);

    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++) {
        json_array_add_string_element(names, columns[i]);
    }
    for (guint i = 0; i < pairs->figures->len; i++) {
        const FigurePair *pair = pairs->figures->pdata[i];
        const char *unit = pair->figure->unit;
        JsonArray *row;

        if (pair->figure->part) {
            continue;
        }
        row = json_array_new();
        add_cell(row, g_strdup(pair->figure->label));
        add_cell(row, figure_text(unit, pair->before.value));
        add_cell(row, figure_text(unit, pair->after.value));
        add_cell(row, figure_difference_text(unit, pair->difference.value));
        add_cell(row, figure_interval_text(unit, pair->difference.low, pair->difference.high, TRUE));
        add_cell(row, g_strdup(marks[pair->change]));
        json_array_add_array_element(rows, row);
    }
    json_object_set_string_member(table, "title", title);
    json_object_set_array_member(table, "columns", names);
    json_object_set_array_member(table, "rows", rows);
    return table;
}

bool compare_write(HoneArtifact *output, const Scores *before, const Scores *after, const Pairs *pairs,
                   const Verdict *verdict, GError **error)
{
    JsonObject *meta = hone_artifact_meta(output);

    json_object_set_string_member(meta, "outcome", outcome_name(verdict->outcome));
    json_object_set_string_member(meta, "verdict", verdict->text);
    json_object_set_object_member(meta, "table", table_json(before, after, pairs));
    return write_rows(output, pairs, error) && write_summary(output, before, after, pairs, verdict, error);
}

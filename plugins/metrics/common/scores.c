/* SPDX-License-Identifier: Apache-2.0
 * scores.c: reads an evaluation. Its files are checked like any other input: they may come from another version, or
 * from a plugin outside this tree.
 */
#include "scores.h"
#include "json_members.h"
#include <hone/file.h>
#include <hone/json.h>
#include <string.h>

#define SCORES_LIMIT ((size_t)64 << 20)
#define ROW_LIMIT ((size_t)64 << 20)

static void score_figure_free(ScoreFigure *figure)
{
    g_free(figure->metric);
    g_free(figure->name);
    g_free(figure->label);
    g_free(figure->part);
    g_free(figure->help);
    g_free(figure->unit);
    g_free(figure);
}

static void score_row_free(ScoreRow *row)
{
    g_free(row->id);
    g_clear_pointer(&row->prompt, json_array_unref);
    g_free(row->reference);
    g_free(row->prediction);
    g_clear_pointer(&row->values, json_object_unref);
    g_free(row);
}

void scores_free(Scores *scores)
{
    if (!scores) {
        return;
    }
    g_clear_pointer(&scores->root, json_object_unref);
    g_free(scores->label);
    g_free(scores->dataset_hash);
    g_clear_pointer(&scores->figures, g_ptr_array_unref);
    g_clear_pointer(&scores->rows, g_ptr_array_unref);
    g_free(scores);
}

static HoneFigureRole parse_role(const char *name)
{
    if (g_strcmp0(name, "similarity") == 0) {
        return HONE_FIGURE_SIMILARITY;
    }
    if (g_strcmp0(name, "format") == 0) {
        return HONE_FIGURE_FORMAT;
    }
    return g_strcmp0(name, "likelihood") == 0 ? HONE_FIGURE_LIKELIHOOD : HONE_FIGURE_TASK;
}

static bool read_figure(Scores *scores, JsonObject *from, const char *path, GError **error)
{
    const char *name = json_text_member(from, "name"), *label = json_text_member(from, "label");
    ScoreFigure *figure;
    double rows;

    if (!name) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: figure %u has no name", path, scores->figures->len);
        return false;
    }
    figure = g_new0(ScoreFigure, 1);
    figure->name = g_strdup(name);
    figure->label = g_strdup(label ? label : name);
    figure->metric = g_strdup(json_text_member(from, "metric"));
    figure->part = g_strdup(json_text_member(from, "part"));
    figure->help = g_strdup(json_text_member(from, "help"));
    figure->unit = g_strdup(json_text_member(from, "unit"));
    figure->scale = g_strcmp0(json_text_member(from, "scale"), "exp") == 0 ? HONE_SCALE_EXP : HONE_SCALE_IDENTITY;
    figure->role = parse_role(json_text_member(from, "role"));
    figure->lower_is_better = json_true_member(from, "lower_is_better");
    figure->interval.value = json_number_member(from, "value");
    figure->interval.low = json_number_member(from, "low");
    figure->interval.high = json_number_member(from, "high");
    rows = json_number_member(from, "rows");
    figure->rows = rows >= 0 && rows < 1e15 ? (int64_t)rows : 0;
    g_ptr_array_add(scores->figures, figure);
    return true;
}

static bool read_figures(Scores *scores, const char *path, GError **error)
{
    JsonArray *figures = json_array_member(scores->root, "figures");
    const char *hash = json_text_member(json_object_member(scores->root, "dataset"), "hash");

    if (!figures || !hash) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: not the scores of an evaluation (no \"%s\")", path,
                    figures ? "dataset" : "figures");
        return false;
    }
    scores->dataset_hash = g_strdup(hash);
    for (guint i = 0; i < json_array_get_length(figures); i++) {
        if (!read_figure(scores, json_object_element(figures, i), path, error)) {
            return false;
        }
    }
    return true;
}

static bool read_row(Scores *scores, const char *line, size_t length, const char *where, GError **error)
{
    g_autoptr(JsonNode) node = hone_json_parse(line, length, where, error);
    JsonObject *from = node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    const char *id = json_text_member(from, "id");
    JsonArray *prompt = json_array_member(from, "prompt");
    JsonObject *values = json_object_member(from, "values");
    ScoreRow *row;

    if (!node) {
        return false;
    }
    if (!id) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: not an evaluated row (no \"id\")", where);
        return false;
    }
    row = g_new0(ScoreRow, 1);
    row->id = g_strdup(id);
    row->prompt = prompt ? json_array_ref(prompt) : json_array_new();
    row->values = values ? json_object_ref(values) : json_object_new();
    row->reference = g_strdup(json_text_member(from, "reference"));
    row->prediction = g_strdup(json_text_member(from, "prediction"));
    row->finished = json_true_member(from, "finished");
    g_ptr_array_add(scores->rows, row);
    return true;
}

static bool read_rows(Scores *scores, const char *path, GError **error)
{
    g_autoptr(HoneLines) lines = hone_lines_open(path, ROW_LIMIT, error);
    g_autoptr(GError) problem = NULL;
    const char *line;
    size_t length;

    if (!lines) {
        return false;
    }
    while ((line = hone_lines_next(lines, &length, &problem))) {
        g_autofree char *where = g_strdup_printf("%s:%zu", path, hone_lines_number(lines));

        if (!read_row(scores, line, length, where, error)) {
            return false;
        }
    }
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return false;
    }
    return true;
}

char *scores_short_label(const char *label)
{
    const char *port = label ? strrchr(label, '.') : NULL;

    return port && g_str_equal(port, ".scores") ? g_strndup(label, (gsize)(port - label))
                                                : g_strdup(label ? label : "");
}

Scores *scores_read(HoneArtifact *artifact, GError **error)
{
    g_autoptr(Scores) scores = g_new0(Scores, 1);
    g_autofree char *path = hone_artifact_file(artifact, "scores.json");
    g_autofree char *rows = hone_artifact_file(artifact, "rows.jsonl");

    scores->label = scores_short_label(hone_artifact_label(artifact));
    scores->figures = g_ptr_array_new_with_free_func((GDestroyNotify)score_figure_free);
    scores->rows = g_ptr_array_new_with_free_func((GDestroyNotify)score_row_free);
    scores->root = hone_file_read_json(path, SCORES_LIMIT, error);
    if (!scores->root || !read_figures(scores, path, error) || !read_rows(scores, rows, error)) {
        return NULL;
    }
    return g_steal_pointer(&scores);
}

const ScoreFigure *scores_figure(const Scores *scores, const char *name)
{
    for (guint i = 0; i < scores->figures->len; i++) {
        const ScoreFigure *figure = scores->figures->pdata[i];

        if (g_str_equal(figure->name, name)) {
            return figure;
        }
    }
    return NULL;
}

HoneMetricValue score_row_value(const ScoreRow *row, const char *figure)
{
    JsonArray *pair = json_array_member(row->values, figure);
    HoneMetricValue value = {0, 0};

    if (json_length(pair) == 2) {
        value.numerator = json_number_element(pair, 0);
        value.denominator = json_number_element(pair, 1);
    }
    return value;
}

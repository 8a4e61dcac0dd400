/* SPDX-License-Identifier: Apache-2.0
 * gather.c: reads what the inputs and the run have to say.
 */
#include "gather.h"
#include "../common/json_members.h"
#include "../common/scores.h"
#include <hone/dataset.h>
#include <hone/file.h>
#include <hone/json.h>
#include <hone/random.h>
#include <math.h>
#include <string.h>

#define JSON_LIMIT ((size_t)64 << 20)
#define ROW_LIMIT ((size_t)64 << 20)

/* The object in a file of an artifact, or NULL without an error where it has no such file. */
static bool read_member_file(HoneArtifact *artifact, const char *name, JsonObject **object, GError **error)
{
    g_autofree char *path = hone_artifact_file(artifact, name);

    *object = NULL;
    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        return true;
    }
    *object = hone_file_read_json(path, JSON_LIMIT, error);
    return *object != NULL;
}

/* ---- Samples of a comparison. ---- */

static GPtrArray *read_rows(HoneArtifact *artifact, GError **error)
{
    g_autofree char *path = hone_artifact_file(artifact, "rows.jsonl");
    g_autoptr(HoneLines) lines = hone_lines_open(path, ROW_LIMIT, error);
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)json_object_unref);
    g_autoptr(GError) problem = NULL;
    const char *line;
    size_t length;

    while (lines && (line = hone_lines_next(lines, &length, &problem))) {
        g_autofree char *where = g_strdup_printf("%s:%zu", path, hone_lines_number(lines));
        g_autoptr(JsonNode) node = hone_json_parse(line, length, where, error);

        if (!node) {
            return NULL;
        }
        if (JSON_NODE_HOLDS_OBJECT(node)) {
            g_ptr_array_add(rows, json_object_ref(json_node_get_object(node)));
        }
    }
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
    }
    return lines && !problem ? g_steal_pointer(&rows) : NULL;
}

static int compare_levels(const void *a, const void *b)
{
    double x = json_number_member(*(JsonObject *const *)a, "level");
    double y = json_number_member(*(JsonObject *const *)b, "level");

    return (x > y) - (x < y);
}

/* Moves row i of `rows` to the list. */
static void move_row(JsonArray *list, GPtrArray *rows, guint i)
{
    json_array_add_object_element(list, g_ptr_array_steal_index(rows, i));
}

/* Rows come worst first. None is shown twice. */
static JsonObject *choose_samples(GPtrArray *rows, const ReportParams *params)
{
    JsonObject *samples = json_object_new();
    JsonArray *worst = json_array_new(), *best = json_array_new(), *wrong = json_array_new(),
              *random = json_array_new();
    guint n = (guint)params->samples;
    g_autofree uint32_t *order = NULL;

    while (rows->len > 0 && json_array_get_length(worst) < n && json_number_member(rows->pdata[0], "gain") < 0) {
        move_row(worst, rows, 0);
    }
    while (rows->len > 0 && json_array_get_length(best) < n &&
           json_number_member(rows->pdata[rows->len - 1], "gain") > 0) {
        move_row(best, rows, rows->len - 1);
    }
    g_ptr_array_sort(rows, compare_levels);
    while (rows->len > 0 && json_array_get_length(wrong) < n && json_number_member(rows->pdata[0], "level") < 1) {
        move_row(wrong, rows, 0);
    }
    order = g_new(uint32_t, rows->len + 1);
    hone_random_permutation((uint64_t)params->seed, HONE_STREAM_USER, 0, order, rows->len);
    for (guint i = 0; i < MIN(n, rows->len); i++) {
        json_array_add_object_element(random, json_object_ref(rows->pdata[order[i]]));
    }
    json_object_set_array_member(samples, "worst", worst);
    json_object_set_array_member(samples, "wrong", wrong);
    json_object_set_array_member(samples, "best", best);
    json_object_set_array_member(samples, "random", random);
    return samples;
}

static bool add_comparison(JsonArray *list, HoneArtifact *artifact, JsonObject *compared, const ReportParams *params,
                           GError **error)
{
    g_autoptr(GPtrArray) rows = read_rows(artifact, error);

    if (!rows) {
        return false;
    }
    json_object_set_string_member(compared, "label", hone_artifact_label(artifact));
    json_object_set_object_member(compared, "samples", choose_samples(rows, params));
    json_array_add_object_element(list, json_object_ref(compared));
    return true;
}

/* ---- Inputs. ---- */

typedef struct Lists {
    JsonArray *comparisons, *scores, *quality, *surveys, *artifacts;
} Lists;

static bool take_file(Lists *lists, HoneArtifact *artifact, const ReportParams *params, GError **error)
{
    g_autoptr(JsonObject) compared = NULL, scores = NULL, quality = NULL, survey = NULL;

    if (!read_member_file(artifact, "compare.json", &compared, error) ||
        !read_member_file(artifact, "scores.json", &scores, error) ||
        !read_member_file(artifact, "quality.json", &quality, error) ||
        !read_member_file(artifact, "survey.json", &survey, error)) {
        return false;
    }
    if (compared && !add_comparison(lists->comparisons, artifact, compared, params, error)) {
        return false;
    }
    if (scores) {
        g_autofree char *label = scores_short_label(hone_artifact_label(artifact));

        json_object_set_string_member(scores, "label", label);
        json_array_add_object_element(lists->scores, g_steal_pointer(&scores));
    }
    if (quality) {
        json_object_set_string_member(quality, "label", hone_artifact_label(artifact));
        json_array_add_object_element(lists->quality, g_steal_pointer(&quality));
    }
    if (survey) {
        g_autofree char *label = scores_short_label(hone_artifact_label(artifact));

        json_object_set_string_member(survey, "label", label);
        json_array_add_object_element(lists->surveys, g_steal_pointer(&survey));
    }
    return true;
}

static bool take_inputs(Lists *lists, HoneStage *stage, const ReportParams *params, GError **error)
{
    size_t n;
    HoneArtifact *const *inputs = hone_stage_inputs(stage, "any", &n);

    for (size_t i = 0; i < n; i++) {
        g_autofree char *type = hone_artifact_types_name(hone_artifact_type(inputs[i]));
        JsonObject *artifact = json_object_new();

        json_object_set_string_member(artifact, "label", hone_artifact_label(inputs[i]));
        json_object_set_string_member(artifact, "type", type);
        json_object_set_string_member(artifact, "hash", hone_artifact_hash(inputs[i]));
        json_array_add_object_element(lists->artifacts, artifact);
        if (!take_file(lists, inputs[i], params, error)) {
            return false;
        }
    }
    return true;
}

static bool covered(JsonArray *comparisons, const char *label)
{
    static const char *const sides[] = {"before", "after"};

    for (guint i = 0; i < json_length(comparisons); i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(sides); k++) {
            JsonObject *side = json_object_member(json_object_element(comparisons, i), sides[k]);

            if (g_strcmp0(json_text_member(side, "label"), label) == 0) {
                return true;
            }
        }
    }
    return false;
}

static JsonArray *uncovered(const Lists *lists)
{
    JsonArray *left = json_array_new();

    for (guint i = 0; i < json_length(lists->scores); i++) {
        JsonObject *scores = json_object_element(lists->scores, i);

        if (!covered(lists->comparisons, json_text_member(scores, "label"))) {
            json_array_add_object_element(left, json_object_ref(scores));
        }
    }
    return left;
}

/* ---- The run. ---- */

static void copy_member(JsonObject *to, JsonObject *from, const char *name)
{
    if (from && json_object_has_member(from, name)) {
        json_object_set_member(to, name, json_object_dup_member(from, name));
    }
}

/* "parts.train" is of the node "parts"; a matrix's names may hold dots within brackets. */
static char *node_of(const char *label)
{
    const char *bracket = strrchr(label, ']'), *dot = strrchr(bracket ? bracket : label, '.');

    return dot ? g_strndup(label, (size_t)(dot - label)) : g_strdup(label);
}

static void add_labels(JsonArray *labels, JsonArray *from, JsonNode *node)
{
    if (JSON_NODE_HOLDS_ARRAY(node)) {
        for (guint i = 0; i < json_array_get_length(json_node_get_array(node)); i++) {
            add_labels(labels, from, json_array_get_element(json_node_get_array(node), i));
        }
    } else if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING) {
        g_autofree char *name = node_of(json_node_get_string(node));

        json_array_add_string_element(labels, json_node_get_string(node));
        json_array_add_string_element(from, name);
    }
}

/* The labels of a node's inputs: {"model": "base", "any": ["a", "b.c"]}. */
static void add_inputs(JsonObject *node, JsonObject *inputs)
{
    JsonArray *labels = json_array_new(), *from = json_array_new();
    JsonObjectIter iter;
    const char *port;
    JsonNode *value;

    if (inputs) {
        json_object_iter_init_ordered(&iter, inputs);
        while (json_object_iter_next_ordered(&iter, &port, &value)) {
            add_labels(labels, from, value);
        }
    }
    json_object_set_array_member(node, "inputs", labels);
    json_object_set_array_member(node, "from", from);
}

/* The words of a command as a shell takes them: plain ones as they are, all others quoted. */
static char *command_text(JsonArray *words)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,@+%";
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < json_length(words); i++) {
        const char *word = json_text_element(words, i);
        g_autofree char *quoted = NULL;

        if (!word) {
            continue;
        }
        quoted = *word && strspn(word, plain) == strlen(word) ? g_strdup(word) : g_shell_quote(word);
        g_string_append_printf(text, "%s%s", text->len ? " " : "", quoted);
    }
    return g_string_free(text, FALSE);
}

static void take_node(JsonObject *report, const char *name, JsonObject *told)
{
    static const char *const members[] = {"stage", "params", "key", "cached"};
    g_auto(Events) events = {0};
    JsonObject *node = json_object_new();
    double seconds = json_number_member(told, "seconds"), memory = json_number_member(told, "peak_memory_bytes");

    events_read(&events, json_text_member(told, "events"));
    seconds = isfinite(seconds) ? seconds : events.seconds;
    memory = isfinite(memory) ? memory : events.memory;
    json_object_set_string_member(node, "name", name);
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        copy_member(node, told, members[i]);
    }
    add_inputs(node, json_object_member(told, "inputs"));
    json_set_number(node, "seconds", seconds);
    json_set_number(node, "memory", memory);
    json_array_add_object_element(json_array_member(report, "nodes"), node);

    for (guint i = 0; i < events.warnings->len; i++) {
        JsonObject *note = json_object_new();

        json_object_set_string_member(note, "node", name);
        json_object_set_string_member(note, "text", events.warnings->pdata[i]);
        json_array_add_object_element(json_array_member(report, "notes"), note);
    }
    if (json_length(events.steps) >= 2) {
        JsonObject *training = json_object_new();

        json_object_set_string_member(training, "node", name);
        json_set_number(training, "seconds", seconds);
        json_set_number(training, "memory", memory);
        json_object_set_array_member(training, "steps", json_array_ref(events.steps));
        json_array_add_object_element(json_array_member(report, "training"), training);
    }
}

static void take_run(JsonObject *report, JsonObject *run)
{
    static const char *const lists[] = {"training", "nodes", "notes"};
    static const char *const members[] = {"run", "versions", "pipeline"};
    g_autofree char *command = command_text(json_array_member(run, "command"));
    JsonObject *nodes = json_object_member(run, "nodes");
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;

    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        copy_member(report, run, members[i]);
    }
    json_object_set_string_member(report, "command", command);
    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        json_object_set_array_member(report, lists[i], json_array_new());
    }
    if (!nodes) {
        return;
    }
    json_object_iter_init_ordered(&iter, nodes);
    while (json_object_iter_next_ordered(&iter, &name, &node)) {
        if (JSON_NODE_HOLDS_OBJECT(node)) {
            take_node(report, name, json_node_get_object(node));
        }
    }
}

JsonObject *gather_report(HoneStage *stage, const ReportParams *params, GError **error)
{
    g_autoptr(JsonObject) report = json_object_new();
    JsonObject *run = hone_stage_run_info(stage), *pipeline = json_object_member(run, "pipeline");
    const char *title = params->title ? params->title : json_text_member(pipeline, "name");
    Lists lists = {json_array_new(), json_array_new(), json_array_new(), json_array_new(), json_array_new()};
    bool ok = take_inputs(&lists, stage, params, error);

    json_object_set_string_member(report, "title", title ? title : "Tuning report");
    copy_member(report, pipeline, "description");
    json_object_set_array_member(report, "scores", uncovered(&lists));
    json_object_set_array_member(report, "comparisons", lists.comparisons);
    json_object_set_array_member(report, "quality", lists.quality);
    json_object_set_array_member(report, "surveys", lists.surveys);
    json_object_set_array_member(report, "artifacts", lists.artifacts);
    json_array_unref(lists.scores);
    take_run(report, run);
    return ok ? g_steal_pointer(&report) : NULL;
}

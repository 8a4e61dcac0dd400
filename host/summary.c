/* SPDX-License-Identifier: Apache-2.0
 * summary.c: tables at the end of a run.
 */
#include "summary.h"
#include "table.h"
#include <string.h>

static char *seconds_cell(const HoneTaskResult *result)
{
    return result->seconds > 0 ? hone_text_seconds(result->seconds) : g_strdup("-");
}

static char *memory_cell(const HoneTaskResult *result)
{
    return result->peak_memory > 0 ? hone_text_bytes(result->peak_memory) : g_strdup("-");
}

/* Plugins write it: anything may be missing or of another type. */
static JsonArray *array_member(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

static const char *text_member(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : NULL;
}

/* The strings of an array, ended by NULL; they stay the array's. Caller frees the list. */
static const char **cells(JsonArray *array)
{
    guint n = json_array_get_length(array);
    const char **list = g_new0(const char *, n + 1);
    for (guint i = 0; i < n; i++) {
        JsonNode *node = json_array_get_element(array, i);
        list[i] = json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : "";
    }
    return list;
}

static void print_table(JsonObject *described, FILE *out)
{
    JsonArray *columns = array_member(described, "columns"), *rows = array_member(described, "rows");
    if (!columns || !rows)
        return;
    const char *title = text_member(described, "title");
    g_autofree const char **headings = cells(columns);
    g_autoptr(HoneTable) table = hone_table_new(headings);
    for (guint i = 0; i < json_array_get_length(rows); i++) {
        JsonNode *row = json_array_get_element(rows, i);
        if (!JSON_NODE_HOLDS_ARRAY(row))
            continue;
        g_autofree const char **list = cells(json_node_get_array(row));
        hone_table_add(table, list);
    }
    g_autofree char *text = hone_table_text(table, 2);
    g_autofree char *clean = hone_text_clean(title ? title : "");
    fprintf(out, "%s%s%s", clean, title ? "\n" : "", text);
}

void hone_report_print(JsonObject *meta, const char *folder, FILE *out)
{
    JsonNode *table = json_object_get_member(meta, "table");
    if (table && JSON_NODE_HOLDS_OBJECT(table))
        print_table(json_node_get_object(table), out);
    const char *verdict = text_member(meta, "verdict"), *page = text_member(meta, "page");
    if (verdict) {
        g_autofree char *clean = hone_text_clean(verdict);
        fprintf(out, "%s\n", clean);
    }
    if (page && page[0] && !strchr(page, '/')) {
        g_autofree char *clean = hone_text_clean(page);
        fprintf(out, "Report: %s/%s\n", folder, clean);
    }
}

typedef void (*ReportFunc)(const HonePipelineNode *node, const HoneStoredOutput *output, JsonObject *meta,
                           gpointer data);

static void each_report(const HoneScheduler *scheduler, const HonePipeline *pipeline, ReportFunc call, gpointer data)
{
    for (guint i = 0; i < pipeline->nodes->len; i++) {
        HoneTaskResult result = hone_scheduler_result(scheduler, i);
        for (guint k = 0; result.stored && k < result.stored->outputs->len; k++) {
            const HoneStoredOutput *output = result.stored->outputs->pdata[k];
            g_autoptr(HoneArtifact) artifact =
                output->type == HONE_REPORT ? hone_artifact_open(output->folder, false, NULL) : NULL;
            if (artifact)
                call(result.node, output, hone_artifact_meta(artifact), data);
        }
    }
}

static void print_report(const HonePipelineNode *node, const HoneStoredOutput *output, JsonObject *meta, gpointer out)
{
    if (!json_object_has_member(meta, "table") && !json_object_has_member(meta, "verdict") &&
        !json_object_has_member(meta, "page"))
        return;
    fprintf(out, "\n[%s] ", node->name);
    if (!json_object_has_member(meta, "table"))
        fputc('\n', out);
    hone_report_print(meta, output->folder, out);
}

void hone_summary_print(const HoneScheduler *scheduler, const HonePipeline *pipeline, FILE *out)
{
    static const char *const columns[] = {"node", "stage", "state", "time", "peak memory", NULL};
    g_autoptr(HoneTable) table = hone_table_new(columns);
    for (guint i = 0; i < pipeline->nodes->len; i++) {
        HoneTaskResult result = hone_scheduler_result(scheduler, i);
        if (!result.selected)
            continue;
        g_autofree char *seconds = seconds_cell(&result), *memory = memory_cell(&result);
        const char *const row[] = {
            result.node->name, result.node->component->name, hone_task_state_name(result.state), seconds, memory, NULL};
        hone_table_add(table, row);
    }
    g_autofree char *text = hone_table_text(table, 0);
    fprintf(out, "\n%s", text);
    each_report(scheduler, pipeline, print_report, out);
}

static void add_report(const HonePipelineNode *node, const HoneStoredOutput *output, JsonObject *meta, gpointer data)
{
    static const char *const members[] = {"page", "verdict", "table"};
    JsonObject *report = json_object_new();
    json_object_set_string_member(report, "node", node->name);
    json_object_set_string_member(report, "folder", output->folder);
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        JsonNode *member = json_object_get_member(meta, members[i]);
        if (member)
            json_object_set_member(report, members[i], json_node_copy(member));
    }
    json_array_add_object_element(data, report);
}

JsonNode *hone_summary_json(const HoneScheduler *scheduler, const HonePipeline *pipeline, HoneRun *run)
{
    JsonNode *root = json_node_new(JSON_NODE_OBJECT);
    JsonObject *object = json_object_new(), *nodes = json_object_new();
    JsonArray *reports = json_array_new();
    json_node_take_object(root, object);
    json_object_set_string_member(object, "run", hone_run_id(run));
    json_object_set_string_member(object, "state", json_object_get_string_member(hone_run_object(run), "state"));
    for (guint i = 0; i < pipeline->nodes->len; i++) {
        HoneTaskResult result = hone_scheduler_result(scheduler, i);
        if (!result.selected)
            continue;
        JsonObject *node = json_object_new();
        json_object_set_string_member(node, "state", hone_task_state_name(result.state));
        json_object_set_double_member(node, "seconds", result.seconds);
        json_object_set_int_member(node, "peak_memory_bytes", (gint64)result.peak_memory);
        if (result.why)
            json_object_set_string_member(node, "why", result.why);
        if (result.message)
            json_object_set_string_member(node, "error", result.message);
        if (result.stored) {
            JsonObject *outputs = json_object_new();
            for (guint k = 0; k < result.stored->outputs->len; k++) {
                const HoneStoredOutput *output = result.stored->outputs->pdata[k];
                JsonObject *one = json_object_new();
                json_object_set_string_member(one, "folder", output->folder);
                json_object_set_string_member(one, "hash", output->hash);
                json_object_set_object_member(outputs, output->port, one);
            }
            json_object_set_string_member(node, "key", result.stored->key);
            json_object_set_object_member(node, "outputs", outputs);
        }
        json_object_set_object_member(nodes, result.node->name, node);
    }
    json_object_set_object_member(object, "nodes", nodes);
    each_report(scheduler, pipeline, add_report, reports);
    json_object_set_array_member(object, "reports", reports);
    return root;
}

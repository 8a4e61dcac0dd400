/* SPDX-License-Identifier: Apache-2.0
 * quickstart: the rows of pipelines/quickstart go through jsonl, quality and split; quality finds the defects that
 * make_rows.py planted, all of them and nothing else; every kept answer is a ticket of the schema's kind.
 */
#include "stage_run.h"
#include <hone/dataset.h>
#include <hone/file.h>
#include <hone/json.h>
#include <string.h>

static char *source_path(const char *name)
{
    return g_build_filename(g_getenv("HONE_TEST_SOURCE"), "pipelines", "quickstart", name, NULL);
}

static JsonObject *read_object(const char *path)
{
    g_autoptr(GError) error = NULL;
    JsonObject *object = hone_file_read_json(path, 1 << 20, &error);
    g_assert_no_error(error);
    return object;
}

static char *run_jsonl(void)
{
    g_auto(StageRun) s;
    stage_run_init(&s, "jsonl");
    g_autofree char *path = source_path("rows.jsonl");
    g_autofree char *params = g_strdup_printf("{\"path\":\"%s\"}", path);
    g_autoptr(GError) error = NULL;
    stage_run(&s, params, &error);
    g_assert_no_error(error);
    stage_run_assert_note(&s, "708 rows, format messages");
    return stage_run_rows(&s, "dataset");
}

static void assert_same_ids(JsonArray *planted, JsonObject *finding)
{
    JsonArray *found = json_object_get_array_member(finding, "rows");
    g_assert_cmpuint(json_array_get_length(found), ==, json_array_get_length(planted));
    for (guint i = 0; i < json_array_get_length(found); i++)
        g_assert_cmpstr(json_array_get_string_element(found, i), ==, json_array_get_string_element(planted, i));
}

/* Keeps the rows for the next stage. */
static char *run_quality(const char *rows)
{
    g_auto(StageRun) s;
    stage_run_init(&s, "quality");
    stage_run_input(&s, "dataset", HONE_DATASET, rows);
    g_autoptr(GError) error = NULL;
    stage_run(&s, "{\"contradictions\":\"drop\"}", &error);
    g_assert_no_error(error);
    g_autoptr(HoneArtifact) report = stage_run_output(&s, "report");
    g_autofree char *path = hone_artifact_file(report, "quality.json"), *defects_path = source_path("defects.json");
    g_autoptr(JsonObject) quality = read_object(path);
    g_autoptr(JsonObject) defects = read_object(defects_path);
    JsonArray *findings = json_object_get_array_member(quality, "findings");
    g_assert_cmpuint(json_array_get_length(findings), ==, json_object_get_size(defects));
    for (guint i = 0; i < json_array_get_length(findings); i++) {
        JsonObject *finding = json_array_get_object_element(findings, i);
        const char *check = json_object_get_string_member(finding, "check");
        if (!json_object_has_member(defects, check))
            g_error("%s was not planted", check);
        assert_same_ids(json_object_get_array_member(defects, check), finding);
    }
    return stage_run_rows(&s, "dataset");
}

static void assert_ticket(const HoneRow *row)
{
    static const char *const names[] = {"category", "urgency", "product", "order_id", "sentiment", "wants_refund"};
    const char *answer = hone_row_reference(row);
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) node = hone_json_parse(answer, strlen(answer), row->id, &error);
    g_assert_no_error(error);
    JsonObject *ticket = json_node_get_object(node);
    g_assert_cmpuint(json_object_get_size(ticket), ==, G_N_ELEMENTS(names));
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        g_assert_true(json_object_has_member(ticket, names[i]));
    /* What can be copied from the message stands in it. */
    g_autofree char *message = g_utf8_strdown(((HoneMessage *)row->messages->pdata[1])->content, -1);
    for (size_t i = 2; i < 4; i++) {
        if (json_object_get_null_member(ticket, names[i]))
            continue;
        g_autofree char *value = g_utf8_strdown(json_object_get_string_member(ticket, names[i]), -1);
        if (strstr(message, value) == NULL)
            g_error("%s: %s is not in: %s", row->id, value, message);
    }
}

static void test_quickstart(void)
{
    g_autofree char *rows = run_jsonl(), *kept = run_quality(rows);
    g_auto(StageRun) s;
    stage_run_init(&s, "split");
    stage_run_input(&s, "dataset", HONE_DATASET, kept);
    g_autoptr(GError) error = NULL;
    stage_run(&s, "{\"test\":100,\"seed\":7}", &error);
    g_assert_no_error(error);
    static const char *const parts[] = {"train", "test"};
    guint counts[2];
    for (size_t i = 0; i < 2; i++) {
        g_autoptr(HoneArtifact) out = stage_run_output(&s, parts[i]);
        g_autoptr(GPtrArray) list = hone_rows_read(out, &error);
        g_assert_no_error(error);
        counts[i] = list->len;
        for (guint k = 0; k < list->len; k++)
            assert_ticket(list->pdata[k]);
    }
    g_assert_cmpuint(counts[1], ==, 100);
    g_assert_cmpuint(counts[0] + counts[1], ==, 708 - 12 - 6 - 1 - 2);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/quickstart/rows", test_quickstart);
    return g_test_run();
}

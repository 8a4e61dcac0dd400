/* SPDX-License-Identifier: Apache-2.0
 * runs.c: `hone runs` lists what was run.
 */
#include "command.h"
#include "run_record.h"
#include "table.h"

static const char *text(JsonObject *object, const char *name)
{
    return json_object_get_string_member_with_default(object, name, "");
}

/* The state of a node; nobody works on one of a run that was interrupted. */
static const char *node_state(JsonObject *node, bool interrupted)
{
    const char *state = text(node, "state");
    if (!interrupted)
        return state;
    return g_str_equal(state, "running") ? "interrupted" : g_str_equal(state, "waiting") ? "not begun" : state;
}

/* "6 done, 1 failed" */
static char *count_states(JsonObject *run, bool interrupted)
{
    static const char *const states[] = {"done",    "cached",  "failed",      "skipped",  "stopped",
                                         "running", "waiting", "interrupted", "not begun"};
    GString *out = g_string_new(NULL);
    JsonObject *nodes = json_object_get_object_member(run, "nodes");
    g_autoptr(GList) values = json_object_get_values(nodes);
    for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
        guint count = 0;
        for (GList *l = values; l; l = l->next) {
            if (JSON_NODE_HOLDS_OBJECT((JsonNode *)l->data) &&
                g_str_equal(node_state(json_node_get_object(l->data), interrupted), states[i]))
                count++;
        }
        if (count > 0)
            g_string_append_printf(out, "%s%u %s", out->len > 0 ? ", " : "", count, states[i]);
    }
    return g_string_free(out, FALSE);
}

static JsonNode *to_json(const HoneStore *store, const GPtrArray *ids)
{
    JsonNode *root = json_node_new(JSON_NODE_ARRAY);
    JsonArray *list = json_array_new();
    json_node_take_array(root, list);
    for (guint i = 0; i < ids->len; i++) {
        g_autoptr(JsonObject) run = hone_run_read(store, ids->pdata[i], NULL);
        if (!run)
            continue;
        JsonObject *one = json_object_new(), *nodes = json_object_new();
        json_object_set_string_member(one, "id", ids->pdata[i]);
        json_object_set_string_member(one, "name", text(run, "name"));
        json_object_set_string_member(one, "file", text(run, "file"));
        json_object_set_string_member(one, "started", text(run, "started"));
        json_object_set_string_member(one, "ended", text(run, "ended"));
        const char *state = hone_run_state(store, ids->pdata[i], run);
        bool interrupted = g_str_equal(state, "interrupted");
        json_object_set_string_member(one, "state", state);
        JsonObject *recorded = json_object_get_object_member(run, "nodes");
        g_autoptr(GList) names = json_object_get_members(recorded);
        for (GList *l = names; l; l = l->next) {
            JsonNode *node = json_object_get_member(recorded, l->data);
            if (JSON_NODE_HOLDS_OBJECT(node))
                json_object_set_string_member(nodes, l->data, node_state(json_node_get_object(node), interrupted));
        }
        json_object_set_object_member(one, "nodes", nodes);
        json_array_add_object_element(list, one);
    }
    return root;
}

static void print(const HoneStore *store, const GPtrArray *ids)
{
    static const char *const columns[] = {"run", "pipeline", "state", "nodes", NULL};
    g_autoptr(HoneTable) table = hone_table_new(columns);
    for (guint i = 0; i < ids->len; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(JsonObject) run = hone_run_read(store, ids->pdata[i], &error);
        const char *state = run ? hone_run_state(store, ids->pdata[i], run) : "unreadable";
        g_autofree char *counts = run ? count_states(run, g_str_equal(state, "interrupted")) : g_strdup(error->message);
        const char *const row[] = {ids->pdata[i], run ? text(run, "name") : "?", state, counts, NULL};
        hone_table_add(table, row);
    }
    g_autofree char *all = hone_table_text(table, 0);
    fputs(all, stdout);
}

int hone_command_runs(int argc, char **argv)
{
    g_autofree char *folder = NULL;
    gboolean as_json = FALSE;
    const GOptionEntry entries[] = {{"store", 's', 0, G_OPTION_ARG_FILENAME, &folder, "The store", "FOLDER"},
                                    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print JSON", NULL},
                                    {NULL}};
    int status;
    if (!hone_command_parse(entries, 0, 0, &argc, &argv, &status))
        return status;
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneStore) store = hone_store_open(folder, false, &error);
    if (!store) {
        hone_complain("%s", error->message);
        return HONE_EXIT_FAILED;
    }
    g_autoptr(GPtrArray) ids = hone_run_list(store);
    if (as_json)
        hone_print_json(to_json(store, ids));
    else
        print(store, ids);
    return HONE_EXIT_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 * show.c: `hone show NODE` shows a node's newest result: what it depends on, what it holds, where it is.
 */
#include "command.h"
#include "locate.h"
#include "summary.h"
#include "table.h"
#include "tokens.h"
#include <hone/dataset.h>
#include <hone/file.h>
#include <hone/json.h>
#include <unistd.h>

#define SCORES_LIMIT ((size_t)64 << 20)

static JsonObject *object_member(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static const char *text_member(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : "";
}

/* "  name  value" for each member. */
static void print_members(const char *title, JsonObject *object)
{
    g_autoptr(GList) members = object ? json_object_get_members(object) : NULL;
    if (!members)
        return;
    static const char *const columns[] = {"", "", NULL};
    g_autoptr(HoneTable) table = hone_table_new(columns);
    for (GList *l = members; l; l = l->next) {
        g_autofree char *value = hone_json_text(json_object_get_member(object, l->data));
        const char *const row[] = {l->data, value, NULL};
        hone_table_add(table, row);
    }
    g_autofree char *text = hone_table_text(table, 2);
    printf("%s%s", title, text);
}

static void print_lineage(JsonObject *node)
{
    JsonObject *inputs = object_member(node, "inputs");
    g_autoptr(GList) ports = inputs ? json_object_get_members(inputs) : NULL;
    for (GList *l = ports; l; l = l->next) {
        JsonNode *list = json_object_get_member(inputs, l->data);
        for (guint i = 0; JSON_NODE_HOLDS_ARRAY(list) && i < json_array_get_length(json_node_get_array(list)); i++) {
            JsonNode *element = json_array_get_element(json_node_get_array(list), i);
            if (JSON_NODE_HOLDS_OBJECT(element))
                printf("  %s: %s (%.12s)\n", (char *)l->data, text_member(json_node_get_object(element), "label"),
                       text_member(json_node_get_object(element), "key"));
        }
    }
}

static void print_figures(HoneArtifact *artifact)
{
    g_autofree char *path = hone_artifact_file(artifact, "scores.json");
    g_autoptr(JsonObject) scores = hone_file_read_json(path, SCORES_LIMIT, NULL);
    JsonNode *figures = scores ? json_object_get_member(scores, "figures") : NULL;
    if (!figures || !JSON_NODE_HOLDS_ARRAY(figures))
        return;
    static const char *const columns[] = {"figure", "value", "from", "to", "rows", NULL};
    g_autoptr(HoneTable) table = hone_table_new(columns);
    JsonArray *list = json_node_get_array(figures);
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonNode *element = json_array_get_element(list, i);
        if (!JSON_NODE_HOLDS_OBJECT(element))
            continue;
        JsonObject *figure = json_node_get_object(element);
        static const char *const names[] = {"value", "low", "high", "rows"};
        char *cells[6] = {g_strdup(text_member(figure, "label")), NULL};
        for (size_t k = 0; k < G_N_ELEMENTS(names); k++) {
            JsonNode *value = json_object_get_member(figure, names[k]);
            bool number = value && (json_node_get_value_type(value) == G_TYPE_DOUBLE ||
                                    json_node_get_value_type(value) == G_TYPE_INT64);
            cells[k + 1] = number ? g_strdup_printf("%.6g", json_node_get_double(value)) : g_strdup("-");
        }
        hone_table_add(table, (const char *const *)cells);
        for (size_t k = 0; k < G_N_ELEMENTS(cells); k++)
            g_free(cells[k]);
    }
    g_autofree char *text = hone_table_text(table, 2);
    fputs(text, stdout);
}

/* What a message has beside its text: tool calls, a name. */
static void print_fields(const HoneMessage *message)
{
    if (message->fields == NULL)
        return;
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), message->fields);
    g_autofree char *text = hone_json_text(node), *clean = hone_text_clean(text);
    printf("      %s\n", clean);
}

static void print_rows(HoneArtifact *artifact, int rows)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneRowReader) reader = hone_row_reader_open(artifact, &error);
    for (int i = 0; reader && i < rows; i++) {
        g_autoptr(HoneRow) row = hone_row_reader_next(reader, &error);
        if (!row)
            break;
        printf("  row %s\n", row->id);
        const GPtrArray *const lists[] = {row->messages, row->chosen, row->rejected};
        static const char *const marks[] = {"", "chosen ", "rejected "};
        for (size_t k = 0; k < G_N_ELEMENTS(lists); k++) {
            for (guint m = 0; lists[k] && m < lists[k]->len; m++) {
                const HoneMessage *message = lists[k]->pdata[m];
                g_autofree char *content = hone_text_clean(message->content);
                g_autofree char *role = hone_text_clean(message->role);
                printf("    %s%s: %s\n", marks[k], role, content);
                print_fields(message);
            }
        }
    }
    if (error)
        printf("  %s\n", error->message);
}

static void print_files(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, "artifact.json", NULL);
    g_autoptr(JsonObject) manifest = hone_file_read_json(path, SCORES_LIMIT, NULL);
    JsonNode *files = manifest ? json_object_get_member(manifest, "files") : NULL;
    for (guint i = 0; files && i < json_array_get_length(json_node_get_array(files)); i++) {
        JsonObject *file = json_array_get_object_element(json_node_get_array(files), i);
        g_autofree char *size = hone_text_bytes((guint64)json_object_get_int_member(file, "size"));
        g_autofree char *name = hone_text_clean(text_member(file, "name"));
        printf("  %s  %s\n", name, size);
    }
}

static bool print_output(const HoneStoredOutput *output, int rows, GError **error)
{
    g_autoptr(HoneArtifact) artifact = hone_artifact_open(output->folder, false, error);
    if (!artifact)
        return false;
    g_autofree char *type = hone_artifact_types_name(output->type);
    printf("\n%s: %s, sha256 %.12s\n  %s\n", output->port, type, output->hash, output->folder);
    print_files(output->folder);
    JsonObject *meta = hone_artifact_meta(artifact);
    if (output->type == HONE_REPORT)
        hone_report_print(meta, output->folder, stdout);
    else
        print_members("", meta);
    if (output->type == HONE_SCORES)
        print_figures(artifact);
    if (output->type == HONE_DATASET || output->type == HONE_PREFERENCES)
        print_rows(artifact, rows);
    return true;
}

static bool print(const char *name, const HoneStored *stored, int rows, GError **error)
{
    JsonObject *node = stored->node, *ingredients = object_member(node, "ingredients");
    g_autofree char *seconds = hone_text_seconds(json_object_get_double_member_with_default(node, "seconds", 0));
    g_autofree char *memory =
        hone_text_bytes((guint64)MAX(json_object_get_int_member_with_default(node, "peak_memory_bytes", 0), 0));
    printf("%s (%s %s of plugin %s)\n", name, ingredients ? text_member(ingredients, "stage") : "?",
           ingredients ? text_member(ingredients, "version") : "?",
           ingredients ? text_member(ingredients, "plugin") : "?");
    printf("  made %s by run %s in %s, peak memory %s\n", text_member(node, "finished"), text_member(node, "run"),
           seconds, memory);
    printf("  key %s\n", stored->key);
    if (ingredients && json_object_has_member(ingredients, "numerics"))
        printf("  backend numerics %s\n", text_member(ingredients, "numerics"));
    print_lineage(node);
    print_members("parameters\n", object_member(node, "params"));
    print_members("content of files\n", ingredients ? object_member(ingredients, "files") : NULL);
    for (guint i = 0; i < stored->outputs->len; i++) {
        if (!print_output(stored->outputs->pdata[i], rows, error))
            return false;
    }
    return true;
}

static JsonNode *to_json(const HoneStored *stored)
{
    JsonNode *root = json_node_new(JSON_NODE_OBJECT);
    JsonObject *object = json_object_new(), *outputs = json_object_new();
    json_node_take_object(root, object);
    json_object_set_string_member(object, "folder", stored->folder);
    json_object_set_object_member(object, "node", json_object_ref(stored->node));
    for (guint i = 0; i < stored->outputs->len; i++) {
        const HoneStoredOutput *output = stored->outputs->pdata[i];
        g_autofree char *path = g_build_filename(output->folder, "artifact.json", NULL);
        JsonObject *manifest = hone_file_read_json(path, SCORES_LIMIT, NULL);
        if (manifest)
            json_object_set_object_member(outputs, output->port, manifest);
    }
    json_object_set_object_member(object, "outputs", outputs);
    return root;
}

/* `hone show --tokens ROWS --model MODEL`. */
static int show_tokens(HoneTokensView *view)
{
    g_autoptr(GError) error = NULL;
    if (!view->model) {
        hone_complain("--tokens needs --model: a GGUF file, a folder, or a node that gives a model");
        return HONE_EXIT_USAGE;
    }
    if (view->first < 0) {
        hone_complain("--row counts from 1");
        return HONE_EXIT_USAGE;
    }
    view->colour = isatty(STDOUT_FILENO) && !g_getenv("NO_COLOR") && g_strcmp0(g_getenv("TERM"), "dumb") != 0;
    if (hone_tokens_show(view, &error))
        return HONE_EXIT_OK;
    hone_complain("%s", error->message);
    return HONE_EXIT_FAILED;
}

int hone_command_show(int argc, char **argv)
{
    g_autofree char *folder = NULL, *run = NULL, *model = NULL;
    gboolean as_json = FALSE, verify = FALSE, tokens = FALSE;
    int rows = 3, row = 0;
    const GOptionEntry entries[] = {
        {"store", 's', 0, G_OPTION_ARG_FILENAME, &folder, "The store", "FOLDER"},
        {"run", 0, 0, G_OPTION_ARG_STRING, &run, "The result of this run (default: the newest)", "ID"},
        {"rows", 0, 0, G_OPTION_ARG_INT, &rows, "Rows of a dataset to show (default: 3)", "N"},
        {"verify", 0, 0, G_OPTION_ARG_NONE, &verify, "Hash every file again and compare", NULL},
        {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print JSON", NULL},
        {"tokens", 0, 0, G_OPTION_ARG_NONE, &tokens,
         "Show rows of a dataset node or of a JSON lines file as tokens, and which bear loss", NULL},
        {"model", 0, 0, G_OPTION_ARG_FILENAME, &model, "With --tokens: whose tokens (a GGUF file, a folder, or a node)",
         "MODEL"},
        {"row", 0, 0, G_OPTION_ARG_INT, &row, "With --tokens: this row, from 1", "N"},
        {NULL}};
    int status;
    if (!hone_command_parse(entries, 1, 1, &argc, &argv, &status))
        return status;
    if (tokens) {
        HoneTokensView view = {
            .rows = argv[1], .model = model, .store = folder, .first = row, .count = rows, .as_json = as_json};
        return show_tokens(&view);
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneStore) store = hone_store_open(folder, false, &error);
    g_autoptr(HoneStored) stored = store ? hone_locate_node(store, argv[1], run, NULL, &error) : NULL;
    if (stored && verify) {
        g_autoptr(HoneStored) again = hone_store_get(store, stored->key, true, &error);
        if (again)
            fprintf(as_json ? stderr : stdout, "verified: every file equals its checksum\n");
    }
    if (!error && as_json)
        hone_print_json(to_json(stored));
    else if (!error)
        print(argv[1], stored, rows, &error);
    if (error) {
        hone_complain("%s", error->message);
        return HONE_EXIT_FAILED;
    }
    return HONE_EXIT_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 * The commands as a user meets them: what they print, where, and their exit status.
 */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>

static char *folder, *program;

typedef struct {
    int status;
    char *out, *err;
} Result;

static void result_clear(Result *result)
{
    g_free(result->out);
    g_free(result->err);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Result, result_clear)

static void run(Result *result, const char *const *arguments)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, program);
    for (gsize i = 0; arguments[i] != NULL; i++)
        g_ptr_array_add(argv, (gpointer)arguments[i]);
    g_ptr_array_add(argv, NULL);
    g_autoptr(GError) error = NULL;
    int status = 0;
    g_spawn_sync(folder, (char **)argv->pdata, NULL, 0, NULL, NULL, &result->out, &result->err, &status, &error);
    g_assert_no_error(error);
    g_assert_true(WIFEXITED(status));
    result->status = WEXITSTATUS(status);
    g_test_message("status %d\n%s%s", result->status, result->out, result->err);
}

/* Declares `r` and fills it. */
#define RUN(...)                                                                                                       \
    g_auto(Result) r = {0};                                                                                            \
    run(&r, (const char *const[]){__VA_ARGS__, NULL})

#define HAS(text, fragment) g_assert_nonnull(strstr((text), (fragment)))

static JsonNode *parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    JsonNode *node = json_from_string(text, &error);
    g_assert_no_error(error);
    g_assert_nonnull(node);
    return node;
}

static void test_help(void)
{
    {
        RUN("help");
        g_assert_cmpint(r.status, ==, 0);
        HAS(r.out, "check-plugin");
        g_assert_null(strstr(r.out, "\n  node")); /* not for people */
    }
    {
        RUN("check", "--help");
        g_assert_cmpint(r.status, ==, 0);
        HAS(r.out, "hone check FILE...");
        HAS(r.out, "--plugin-path");
    }
    {
        RUN("help", "check");
        g_assert_cmpint(r.status, ==, 0);
        HAS(r.out, "hone check FILE...");
    }
    {
        RUN("--version");
        g_assert_cmpint(r.status, ==, 0);
        HAS(r.out, "plugin ABI 1.");
    }
}

static void test_usage(void)
{
    const char *none[] = {NULL};
    g_auto(Result) bare = {0};
    run(&bare, none);
    g_assert_cmpint(bare.status, ==, 2);
    HAS(bare.err, "Usage: hone");
    {
        RUN("chekc");
        g_assert_cmpint(r.status, ==, 2);
        HAS(r.err, "did you mean \"check\"?");
    }
    {
        RUN("check");
        g_assert_cmpint(r.status, ==, 2);
        HAS(r.err, "usage: hone check FILE...");
    }
    {
        RUN("check", "--jsno", "x");
        g_assert_cmpint(r.status, ==, 2);
        HAS(r.err, "--jsno");
    }
    {
        RUN("plugins", "extra");
        g_assert_cmpint(r.status, ==, 2);
    }
}

static void write_file(const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

#define TOYS "--plugin-path", TOY_PLUGINS

static const char bad_line[] = " \"vars\": {\"v\": 1}, \"nodes\": {\"base\": {\"stage\": \"toy_modle\"}}}";

/* "bad.json:2:COLUMN: message" for what stands in the second line. */
static char *place(const char *line, const char *what, const char *message)
{
    return g_strdup_printf("bad.json:2:%d: %s", (int)(strstr(line, what) - line) + 1, message);
}

static void test_check(void)
{
    write_file("good.json", "{\"hone\": 1, \"nodes\": {\"base\": {\"stage\": \"toy_model\"}}}");
    g_autofree char *bad = g_strconcat("{\"hone\": 1,\n", bad_line, NULL);
    write_file("bad.json", bad);
    {
        RUN("check", TOYS, "good.json");
        g_assert_cmpint(r.status, ==, 0);
        g_assert_cmpstr(r.out, ==, "good.json: good; 1 node\n");
    }
    {
        RUN("check", TOYS, "good.json", "bad.json");
        g_assert_cmpint(r.status, ==, 2);
        g_autofree char *warning = place(bad_line, "\"v\"", "warning: nothing uses");
        g_autofree char *error =
            place(bad_line, "\"toy_modle", "no stage \"toy_modle\"; did you mean \"toy_model\"?\n");
        HAS(r.out, warning);
        HAS(r.out, error);
        HAS(r.out, "bad.json: 1 mistake\n");
    }
    {
        RUN("check", TOYS, "--json", "bad.json");
        g_assert_cmpint(r.status, ==, 2);
        g_autoptr(JsonNode) node = parse(r.out);
        JsonArray *list = json_node_get_array(node);
        g_assert_cmpuint(json_array_get_length(list), ==, 2);
        JsonObject *second = json_array_get_object_element(list, 1);
        g_assert_cmpstr(json_object_get_string_member(second, "severity"), ==, "error");
        g_assert_cmpint(json_object_get_int_member(second, "line"), ==, 2);
    }
    {
        RUN("check", "no-such.json");
        g_assert_cmpint(r.status, ==, 2);
        HAS(r.out, "no-such.json: No such file");
    }
}

static void test_plan_and_graph(void)
{
    write_file("rows.txt", "x\n");
    write_file(
        "plan.json",
        "{\"hone\": 1, \"name\": \"say \\\"hi\\\"\", \"nodes\": {\"raw\": {\"stage\": \"toy_source\", \"params\": "
        "{\"path\": \"rows.txt\", \"count\": 10, \"rate\": 0.25}, \"timeout\": 5}, \"base\": {\"stage\": "
        "\"toy_model\"}, \"t\": {\"stage\": \"toy_tune\", \"in\": {\"model\": \"base\", \"dataset\": \"raw\"}, "
        "\"matrix\": {\"rank\": [4, 8]}}}}");
    {
        RUN("plan", TOYS, "plan.json");
        g_assert_cmpint(r.status, ==, 0);
        HAS(r.out, "t[rank=8] (toy_tune)");
        HAS(r.out, "model: base.model; dataset: raw.dataset");
        HAS(r.out, "path=\"rows.txt\"  rate=0.25\n"); /* count is its default */
        HAS(r.out, "at most 5 s");
    }
    {
        RUN("graph", TOYS, "plan.json");
        g_assert_cmpint(r.status, ==, 0);
        HAS(r.out, "digraph \"say \\\"hi\\\"\" {");
        HAS(r.out, "\"base\" -> \"t[rank=8]\" [taillabel=\"model\", headlabel=\"model\"];");
    }
    {
        RUN("graph", TOYS, "bad.json");
        g_assert_cmpint(r.status, ==, 2);
        g_assert_cmpstr(r.out, ==, "");
        g_autofree char *error = place(bad_line, "\"toy_modle", "no stage");
        HAS(r.err, error);
    }
    {
        RUN("plan", TOYS, "plan.json", "--set", "t.rank=2", "--json");
        g_assert_cmpint(r.status, ==, 0);
        g_autoptr(JsonNode) node = parse(r.out);
        JsonObject *nodes = json_object_get_object_member(json_node_get_object(node), "nodes");
        JsonObject *params = json_object_get_object_member(json_object_get_object_member(nodes, "t"), "params");
        g_assert_cmpint(json_object_get_int_member(params, "rank"), ==, 2);
    }
}

static void test_plugins(void)
{
    {
        RUN("plugins", TOYS);
        g_assert_cmpint(r.status, ==, 0);
        HAS(r.out, "toy_source");
        HAS(r.out, "Not loaded");
        HAS(r.out, "newer_major.so: built for ABI");
    }
    {
        RUN("plugins", TOYS, "--json");
        g_autoptr(JsonNode) node = parse(r.out);
        JsonObject *root = json_node_get_object(node);
        g_assert_cmpuint(json_array_get_length(json_object_get_array_member(root, "refused")), ==, 6);
        g_assert_cmpuint(json_array_get_length(json_object_get_array_member(root, "plugins")), ==, 1);
    }
    {
        RUN("plugins"); /* none anywhere: that is said, with where was looked */
        g_assert_cmpint(r.status, ==, 0);
        HAS(r.out, "No plugins in:");
    }
}

/* In the order: component, plugin, ports, parameters. */
static void test_inspect(void)
{
    {
        RUN("inspect", TOYS, "toy_tune");
        g_assert_cmpint(r.status, ==, 0);
        const char *order[] = {"stage toy_tune", "Plugin toys", "Ports",   "model or adapter", "hints",   "optional",
                               "Parameters",     "rank",        "integer", "default 8",        "1 .. 256"};
        const char *at = r.out;
        for (gsize i = 0; i < G_N_ELEMENTS(order); i++) {
            at = strstr(at, order[i]);
            g_assert_nonnull(at);
        }
    }
    {
        RUN("inspect", TOYS, "stage:toy_source", "--json");
        g_assert_cmpint(r.status, ==, 0);
        g_autoptr(JsonNode) node = parse(r.out);
        JsonObject *first = json_array_get_object_element(json_node_get_array(node), 0);
        JsonArray *params = json_object_get_array_member(first, "params");
        g_assert_cmpuint(json_array_get_length(params), ==, 9);
        JsonObject *count = json_array_get_object_element(params, 2);
        g_assert_cmpstr(json_object_get_string_member(count, "unit"), ==, "rows");
        g_assert_cmpint(json_object_get_int_member(count, "default"), ==, 10);
        g_assert_cmpfloat(json_object_get_double_member(count, "max"), ==, 1000);
    }
    {
        RUN("inspect", TOYS, "toy_sauce");
        g_assert_cmpint(r.status, ==, 1);
        HAS(r.err, "did you mean \"toy_source\"?");
    }
}

static void test_check_plugin(void)
{
    g_autofree char *toys = g_build_filename(TOY_PLUGINS, "toys.so", NULL);
    g_autofree char *broken = g_build_filename(TOY_PLUGINS, "newer_major.so", NULL);
    {
        RUN("check-plugin", toys);
        g_assert_cmpint(r.status, ==, 0);
        HAS(r.out, "metric toy_length\n");
        g_assert_null(strstr(r.out, "FAILED"));
    }
    {
        RUN("check-plugin", broken);
        g_assert_cmpint(r.status, ==, 1);
        HAS(r.out, "rebuild the plugin");
    }
}

/* Nobody reads: that is no success. */
static void test_full(void)
{
    if (!g_file_test("/dev/full", G_FILE_TEST_EXISTS)) {
        g_test_skip("no /dev/full");
        return;
    }
    int status = 0;
    const char *argv[] = {"/bin/sh", "-c", NULL, NULL};
    g_autofree char *plugins = g_strdup_printf("'%s' plugins >/dev/full", program);
    argv[2] = plugins;
    g_assert_true(
        g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL, &status, NULL));
    g_assert_cmpint(WEXITSTATUS(status), ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_unsetenv("HONE_PLUGIN_PATH");
    program = g_build_filename(g_getenv("HONE_TEST_BUILD"), "host", "hone", NULL);
    folder = g_dir_make_tmp("hone-test-XXXXXX", NULL);
    g_setenv("XDG_DATA_HOME", folder, TRUE);
    g_setenv("HONE_STORE", folder, TRUE);
    g_test_add_func("/commands/help", test_help);
    g_test_add_func("/commands/usage", test_usage);
    g_test_add_func("/commands/check", test_check);
    g_test_add_func("/commands/plan_and_graph", test_plan_and_graph);
    g_test_add_func("/commands/plugins", test_plugins);
    g_test_add_func("/commands/inspect", test_inspect);
    g_test_add_func("/commands/check_plugin", test_check_plugin);
    g_test_add_func("/commands/full", test_full);
    int status = g_test_run();
    const char *files[] = {"good.json", "bad.json", "plan.json", "rows.txt"};
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(folder, files[i], NULL);
        g_remove(path);
    }
    g_rmdir(folder);
    g_free(folder);
    g_free(program);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0
 * run: the program `hone run` from outside: what runs, what does not, and what it says.
 */
#include "run_fixture.h"
#include <glib/gstdio.h>
#include <hone/file.h>
#include <string.h>
#include <unistd.h>

#define COUNT "\"a\": {\"stage\": \"counter\", \"params\": {\"rows\": 20}}"

/* A second run takes everything from the store, but what runs every time. */
static void test_twice(Fixture *f, gconstpointer data)
{
    fixture_pipeline(f, COUNT ", \"b\": {\"stage\": \"counter\", \"params\": {\"seed\": 2}},"
                              "\"ab\": {\"stage\": \"concat\", \"in\": {\"dataset\": [\"a\", \"b\"]}},"
                              "\"t\": {\"stage\": \"tell\", \"in\": {\"in\": [\"ab\", \"a\"]}}");
    hone(f, "run", "p.json", "--json", NULL);
    assert_status(f, 0);
    const char *const nodes[] = {"a", "b", "ab", "t"}, *const ports[] = {"dataset", "dataset", "rows", "report"};
    char *hashes[3];
    for (int i = 0; i < 4; i++)
        assert_state(f, nodes[i], "done");
    for (int i = 0; i < 3; i++)
        hashes[i] = output_hash(f, nodes[i], ports[i]);
    hone(f, "run", "p.json", "--json", NULL);
    assert_status(f, 0);
    for (int i = 0; i < 3; i++) {
        assert_state(f, nodes[i], "cached");
        g_autofree char *hash = output_hash(f, nodes[i], ports[i]);
        g_assert_cmpstr(hash, ==, hashes[i]);
    }
    assert_state(f, "t", "done");
    /* What the run tells a report: all nodes before it, with what they were made of. */
    g_autofree char *folder = output_folder(f, "t", "report"), *path = g_build_filename(folder, "info.json", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) info = hone_file_read_json(path, 1 << 20, &error);
    g_assert_no_error(error);
    g_assert_true(json_object_has_member(info, "run") && json_object_has_member(info, "pipeline"));
    g_assert_cmpuint(json_array_get_length(json_object_get_array_member(info, "command")), ==, 3);
    JsonObject *versions = json_object_get_object_member(info, "versions");
    g_assert_true(json_object_has_member(versions, "hone") && json_object_has_member(versions, "glib"));
    JsonObject *told = json_object_get_object_member(info, "nodes");
    g_assert_cmpuint(json_object_get_size(told), ==, 3);
    for (int i = 0; i < 3; i++) {
        JsonObject *node = json_object_get_object_member(told, nodes[i]);
        g_autofree char *key = node_text(f, nodes[i], "key");
        g_assert_cmpstr(json_object_get_string_member(node, "key"), ==, key);
        g_assert_true(g_file_test(json_object_get_string_member(node, "events"), G_FILE_TEST_IS_REGULAR));
        g_assert_true(g_file_test(json_object_get_string_member(node, "folder"), G_FILE_TEST_IS_DIR));
        g_assert_cmpint(json_object_get_int_member(node, "peak_memory_bytes"), >, 0);
        g_assert_true(json_object_has_member(node, "params") && json_object_has_member(node, "stage"));
    }
    JsonObject *inputs = json_object_get_object_member(json_object_get_object_member(told, "ab"), "inputs");
    g_assert_cmpstr(json_array_get_string_element(json_object_get_array_member(inputs, "dataset"), 1), ==, "b.dataset");
    /* For people: the report's table and verdict, and no escape sequence of a plugin's. */
    hone(f, "run", "p.json", NULL);
    assert_status(f, 0);
    assert_holds(f->out, "What came in");
    assert_holds(f->out, hashes[2]);
    assert_holds(f->out, "well.");
    assert_holds(f->out, "report/info.json");
    assert_lacks(f->out, "\033");
    assert_lacks(f->err, "\033");
    for (int i = 0; i < 3; i++)
        g_free(hashes[i]);
}

static void expect_why(Fixture *f, const char *node, const char *expected)
{
    g_autofree char *why = node_text(f, node, "why");
    g_assert_cmpstr(why, ==, expected);
}

/* One field changed: it runs again, says which field, and what follows says that its input changed. */
static void test_why(Fixture *f, gconstpointer data)
{
    fixture_put(f, "file.txt", "one");
    fixture_pipeline(f, "\"a\": {\"stage\": \"counter\", \"params\": {\"file\": \"file.txt\"}},"
                        "\"c\": {\"stage\": \"concat\", \"in\": {\"dataset\": \"a\"}}");
    hone(f, "plan", "p.json", NULL);
    assert_status(f, 0);
    assert_holds(f->out, "new");
    assert_holds(f->out, "after a");
    hone(f, "run", "p.json", "--json", NULL);
    assert_status(f, 0);
    expect_why(f, "a", "new");
    hone(f, "plan", "p.json", NULL);
    assert_lacks(f->out, "runs ");
    hone(f, "plan", "p.json", "--set", "a.seed=5", NULL);
    assert_holds(f->out, "seed: 1 -> 5");
    hone(f, "run", "p.json", "--json", "--set", "a.seed=5", NULL);
    assert_status(f, 0);
    expect_why(f, "a", "seed: 1 -> 5");
    expect_why(f, "c", "input dataset changed");
    hone(f, "run", "p.json", "--json", "--set", "a.seed=6", "--set", "a.rows=7", "--set", "c.tag=x", NULL);
    expect_why(f, "a", "rows: 20 -> 7 (and 1 more)");
    expect_why(f, "c", "tag: \"\" -> \"x\"");
    /* Back at the first: it is still there. What is no part of the key makes no difference. */
    hone(f, "run", "p.json", "--json", "--set", "a.save_every=2", "--set", "a.delay_us=1", NULL);
    assert_status(f, 0);
    assert_state(f, "a", "cached");
    assert_state(f, "c", "cached");
    fixture_put(f, "file.txt", "two");
    hone(f, "run", "p.json", "--json", NULL);
    assert_status(f, 0);
    expect_why(f, "a", "file: the content of file.txt changed");
    /* The result does not depend on it after all: what follows is the same. */
    assert_state(f, "c", "cached");
    hone(f, "run", "p.json", "--json", "--fresh", NULL);
    assert_status(f, 0);
    assert_state(f, "a", "done");
    assert_state(f, "c", "done");
}

static void test_backend(Fixture *f, gconstpointer data)
{
    fixture_pipeline(f, "\"m\": {\"stage\": \"measure\"}," COUNT);
    hone(f, "run", "p.json", "--json", "--backend", "reference", NULL);
    assert_status(f, 0);
    g_autofree char *folder = output_folder(f, "m", "dataset");
    g_autofree char *path = g_build_filename(folder, "artifact.json", NULL), *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_holds(text, "\"reference\"");
    hone(f, "run", "p.json", "--json", "--backend", "none_such", NULL);
    assert_status(f, 1);
    assert_holds(f->err, "none_such");
    /* Where nothing computes, no backend is asked for. */
    hone(f, "run", "p.json", "--json", "--backend", "none_such", "--only", "a", NULL);
    assert_status(f, 0);
}

static void test_only(Fixture *f, gconstpointer data)
{
    fixture_pipeline(f, COUNT ", \"b\": {\"stage\": \"counter\", \"params\": {\"seed\": 2}},"
                              "\"c\": {\"stage\": \"concat\", \"in\": {\"dataset\": \"a\"}},"
                              "\"d\": {\"stage\": \"concat\", \"in\": {\"dataset\": \"c\"}}");
    hone(f, "run", "p.json", "--json", "--only", "c", NULL);
    assert_status(f, 0);
    JsonObject *nodes = json_object_get_object_member(output_object(f), "nodes");
    g_assert_cmpuint(json_object_get_size(nodes), ==, 2);
    assert_state(f, "a", "done");
    assert_state(f, "c", "done");
    hone(f, "run", "p.json", "--only", "cc", NULL);
    assert_status(f, 2);
    assert_holds(f->err, "\"c\"");
}

/* Two nodes that each wait for the other finish only when they run side by side. */
static void test_side_by_side(Fixture *f, gconstpointer data)
{
    if (g_get_num_processors() < 2) {
        g_test_skip("needs two processors");
        return;
    }
    fixture_pipeline(f,
                     "\"a\": {\"stage\": \"counter\", \"params\": {\"mine\": \"x\", \"other\": \"y\"}},"
                     "\"b\": {\"stage\": \"counter\", \"params\": {\"seed\": 2, \"mine\": \"y\", \"other\": \"x\"}}");
    hone(f, "run", "p.json", "--json", NULL);
    assert_status(f, 0);
    assert_state(f, "a", "done");
    assert_state(f, "b", "done");
}

/* A damaged result is made again; damage of the same size is what --verify finds. */
static void test_damage(Fixture *f, gconstpointer data)
{
    fixture_pipeline(f, COUNT);
    hone(f, "run", "p.json", "--json", NULL);
    assert_status(f, 0);
    g_autofree char *folder = output_folder(f, "a", "dataset"), *hash = output_hash(f, "a", "dataset");
    g_autofree char *path = g_build_filename(folder, "rows.jsonl", NULL), *text = NULL;
    gsize size;
    g_assert_true(g_file_get_contents(path, &text, &size, NULL));
    text[size / 2]++;
    g_assert_true(g_file_set_contents(path, text, (gssize)size, NULL));
    hone(f, "show", "a", NULL);
    assert_status(f, 0);
    hone(f, "show", "a", "--verify", NULL);
    assert_status(f, 1);
    assert_holds(f->err, "rows.jsonl");
    g_assert_true(g_file_set_contents(path, text, (gssize)size / 2, NULL));
    hone(f, "run", "p.json", "--json", NULL);
    assert_status(f, 0);
    assert_state(f, "a", "done");
    assert_holds(f->err, "damaged");
    g_autofree char *again = output_hash(f, "a", "dataset");
    g_assert_cmpstr(again, ==, hash);
    hone(f, "show", "a", "--verify", NULL);
    assert_status(f, 0);
    g_autofree char *manifest = g_build_filename(folder, "artifact.json", NULL);
    g_unlink(manifest);
    hone(f, "run", "p.json", "--json", NULL);
    assert_status(f, 0);
    assert_state(f, "a", "done");
}

static void test_show_and_runs(Fixture *f, gconstpointer data)
{
    fixture_pipeline(f, COUNT ", \"c\": {\"stage\": \"concat\", \"in\": {\"dataset\": [\"a\", \"a\"]}}");
    hone(f, "runs", NULL);
    assert_status(f, 1);
    assert_holds(f->err, "no store");
    hone(f, "run", "p.json", NULL);
    assert_status(f, 0);
    hone(f, "show", "c", "--rows", "2", NULL);
    assert_status(f, 0);
    const char *const parts[] = {"concat 1", "dataset: a.dataset", "tag", "rows.jsonl", "row 0-0",
                                 "row 0-1",  "artifacts"};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        assert_holds(f->out, parts[i]);
    assert_lacks(f->out, "row 0-2");
    hone(f, "show", "cc", NULL);
    assert_status(f, 1);
    assert_holds(f->err, "\"c\"");
    hone(f, "show", "c", "--json", NULL);
    assert_status(f, 0);
    g_assert_true(json_object_has_member(output_object(f), "outputs"));
    hone(f, "run", "p.json", NULL);
    hone(f, "runs", "--json", NULL);
    assert_status(f, 0);
    g_autoptr(JsonNode) runs = json_from_string(f->out, NULL);
    g_assert_cmpuint(json_array_get_length(json_node_get_array(runs)), ==, 2);
    JsonObject *newest = json_array_get_object_element(json_node_get_array(runs), 0);
    g_assert_cmpstr(json_object_get_string_member(newest, "state"), ==, "done");
    g_assert_cmpstr(json_object_get_string_member(json_object_get_object_member(newest, "nodes"), "a"), ==, "cached");
    const char *id = json_object_get_string_member(newest, "id");
    hone(f, "show", "c", "--run", id, NULL);
    assert_status(f, 0);
    hone(f, "show", "c", "--run", "../..", NULL);
    assert_status(f, 1);
    /* A broken record is listed, and hides no other. */
    g_autofree char *record = g_build_filename(f->folder, ".hone", "runs", id, "run.json", NULL);
    g_assert_true(g_file_set_contents(record, "{\"hone\":", -1, NULL));
    hone(f, "runs", NULL);
    assert_status(f, 0);
    assert_holds(f->out, "unreadable");
    assert_holds(f->out, "done");
    hone(f, "show", "c", NULL);
    assert_status(f, 0);
}

static guint count_in(Fixture *f, const char *part)
{
    g_autofree char *path = g_build_filename(f->folder, ".hone", part, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    guint n = 0;
    while (dir && g_dir_read_name(dir))
        n++;
    return n;
}

static void test_gc(Fixture *f, gconstpointer data)
{
    fixture_pipeline(f, COUNT ", \"bad\": {\"stage\": \"faults\", \"params\": {\"how\": \"fail\"}}");
    hone(f, "run", "p.json", NULL);
    hone(f, "run", "p.json", "--set", "a.seed=2", NULL);
    g_assert_cmpuint(count_in(f, "artifacts"), ==, 2);
    hone(f, "gc", NULL);
    assert_status(f, 0);
    g_assert_cmpuint(count_in(f, "artifacts"), ==, 2);
    hone(f, "gc", "--keep-runs", "1", "--dry-run", NULL);
    assert_status(f, 0);
    assert_holds(f->out, "would remove 1 results");
    g_assert_cmpuint(count_in(f, "artifacts"), ==, 2);
    g_assert_cmpuint(count_in(f, "runs"), ==, 2);
    hone(f, "gc", "--keep-runs", "1", NULL);
    assert_status(f, 0);
    assert_holds(f->out, "removed 1 results");
    g_assert_cmpuint(count_in(f, "artifacts"), ==, 1);
    g_assert_cmpuint(count_in(f, "runs"), ==, 1);
    g_assert_cmpuint(count_in(f, "tmp"), ==, 0);
    hone(f, "run", "p.json", "--json", "--set", "a.seed=2", NULL);
    assert_state(f, "a", "cached");
    hone(f, "run", "p.json", "--json", NULL);
    assert_state(f, "a", "done");
}

/* A matrix makes nodes with brackets in their names. */
static void test_names(Fixture *f, gconstpointer data)
{
    fixture_pipeline(f, "\"a\": {\"stage\": \"counter\", \"matrix\": {\"seed\": [1, 2, 3]}},"
                        "\"all\": {\"stage\": \"concat\", \"in\": {\"dataset\": \"a\"}}");
    hone(f, "run", "p.json", "--json", NULL);
    assert_status(f, 0);
    assert_state(f, "a[seed=2]", "done");
    hone(f, "show", "all", NULL);
    assert_status(f, 0);
    assert_holds(f->out, "dataset: a[seed=3].dataset");
}

int main(int argc, char **argv)
{
    fixture_main(&argc, &argv);
    ADD("/run/twice", test_twice);
    ADD("/run/why", test_why);
    ADD("/run/backend", test_backend);
    ADD("/run/only", test_only);
    ADD("/run/side-by-side", test_side_by_side);
    ADD("/run/damage", test_damage);
    ADD("/run/show-and-runs", test_show_and_runs);
    ADD("/run/gc", test_gc);
    ADD("/run/names", test_names);
    return g_test_run();
}

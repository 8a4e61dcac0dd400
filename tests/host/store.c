/* SPDX-License-Identifier: Apache-2.0
 * store: results appear whole or not at all, locks end with their holder, leftovers go.
 */
#include "store.h"
#include "key.h"
#include "run_fixture.h"
#include "run_record.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const HonePort ports[] = {{"in", HONE_PORT_IN, HONE_DATASET, 0, "In"},
                                 {"zeta", HONE_PORT_OUT, HONE_DATASET, 0, "First, whatever its name"},
                                 {"alpha", HONE_PORT_OUT, HONE_SCORES, HONE_PORT_OPTIONAL, "Perhaps"},
                                 {0}};
static const HoneComponent component = {HONE_COMPONENT_HEADER, .kind = HONE_STAGE, .name = "toy",
                                        .version = "1",        .summary = "A toy", .ports = ports};

static HoneStore *open_store(Fixture *f)
{
    g_autofree char *folder = fixture_path(f, "store");
    g_autoptr(GError) error = NULL;
    HoneStore *store = hone_store_open(folder, true, &error);
    g_assert_no_error(error);
    return store;
}

static void write_output(const char *folder, const char *port, HoneArtifactType type, const char *content)
{
    g_autofree char *path = g_build_filename(folder, port, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneArtifact) artifact = hone_artifact_create(path, type, &error);
    g_assert_no_error(error);
    g_autofree char *file = hone_artifact_file(artifact, "x");
    g_assert_true(g_file_set_contents(file, content, -1, NULL));
    g_assert_true(hone_artifact_seal(artifact, &error));
}

static void publish(HoneStore *store, const char *content, bool both)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *tmp = hone_store_begin(store, KEY, &error);
    g_assert_no_error(error);
    write_output(tmp, "zeta", HONE_DATASET, content);
    if (both)
        write_output(tmp, "alpha", HONE_SCORES, content);
    g_autoptr(JsonObject) node = json_object_new();
    json_object_set_string_member(node, "content", content);
    g_autoptr(HoneStored) stored = hone_store_publish(store, KEY, &component, node, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(stored->outputs->len, ==, both ? 2 : 1);
    /* In the order of the ports. */
    g_assert_cmpstr(((HoneStoredOutput *)stored->outputs->pdata[0])->port, ==, "zeta");
    g_assert_false(g_file_test(tmp, G_FILE_TEST_EXISTS));
}

static void test_publish(Fixture *f, gconstpointer data)
{
    g_autoptr(HoneStore) store = open_store(f);
    g_autoptr(GError) error = NULL;
    g_assert_null(hone_store_get(store, KEY, false, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND);
    const char *const contents[] = {"one", "two", "three"};
    for (int i = 0; i < 3; i++) {
        publish(store, contents[i], i % 2 == 0);
        g_clear_error(&error);
        g_autoptr(HoneStored) stored = hone_store_get(store, KEY, true, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(json_object_get_string_member(stored->node, "content"), ==, contents[i]);
        g_assert_true((hone_stored_output(stored, "alpha") != NULL) == (i % 2 == 0));
    }
}

/* Without all declared outputs there is no result. */
static void test_incomplete(Fixture *f, gconstpointer data)
{
    g_autoptr(HoneStore) store = open_store(f);
    g_autoptr(GError) error = NULL;
    g_autofree char *tmp = hone_store_begin(store, KEY, &error);
    write_output(tmp, "alpha", HONE_SCORES, "x");
    g_autoptr(JsonObject) node = json_object_new();
    g_assert_null(hone_store_publish(store, KEY, &component, node, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_null(hone_store_get(store, KEY, false, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND);
}

/* Damage of any file of a result is damage, never absence. */
static void test_damage(Fixture *f, gconstpointer data)
{
    g_autoptr(HoneStore) store = open_store(f);
    const char *const files[] = {"node.json", "zeta/artifact.json", "zeta/x", "alpha/artifact.json"};
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        publish(store, "content", true);
        g_autofree char *path = g_build_filename(hone_store_folder(store), "artifacts", KEY, files[i], NULL);
        g_assert_cmpint(g_unlink(path), ==, 0);
        g_autoptr(GError) error = NULL;
        g_assert_null(hone_store_get(store, KEY, false, &error));
        g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    }
    /* One artifact in place of another is noticed as well. */
    publish(store, "content", true);
    g_autofree char *zeta = g_build_filename(hone_store_folder(store), "artifacts", KEY, "zeta", NULL);
    hone_remove_tree(zeta);
    g_autofree char *folder = g_build_filename(hone_store_folder(store), "artifacts", KEY, NULL);
    write_output(folder, "zeta", HONE_DATASET, "other");
    g_autoptr(GError) error = NULL;
    g_assert_null(hone_store_get(store, KEY, false, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
}

/* A lock excludes another process, and ends with the process that holds it. */
static void test_lock(Fixture *f, gconstpointer data)
{
    g_autoptr(HoneStore) store = open_store(f);
    g_autoptr(GError) error = NULL;
    int ready[2];
    g_assert_cmpint(pipe(ready), ==, 0);
    pid_t child = fork();
    if (child == 0) {
        bool held = hone_store_lock(store, KEY, NULL) >= 0;
        if (write(ready[1], held ? "y" : "n", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    char answer = 0;
    g_assert_cmpint(read(ready[0], &answer, 1), ==, 1);
    g_assert_cmpint(answer, ==, 'y');
    g_assert_cmpint(hone_store_lock(store, KEY, &error), <, 0);
    g_assert_no_error(error);
    /* Somebody works there: not a leftover. */
    g_autofree char *tmp = hone_store_path(store, "tmp", KEY);
    g_mkdir(tmp, 0777);
    g_autoptr(HoneStore) second = open_store(f);
    g_assert_true(g_file_test(tmp, G_FILE_TEST_IS_DIR));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    g_autoptr(HoneStore) third = open_store(f);
    g_assert_false(g_file_test(tmp, G_FILE_TEST_IS_DIR));
    int lock = hone_store_lock(store, KEY, &error);
    g_assert_cmpint(lock, >=, 0);
    /* A lock file that lost its name guards nothing any more. */
    g_autofree char *path = hone_store_path(store, "locks", KEY);
    g_unlink(path);
    int again = hone_store_lock(store, KEY, &error);
    g_assert_cmpint(again, >=, 0);
    close(lock);
    close(again);
    close(ready[0]);
    close(ready[1]);
}

/* Removal does not follow links out of the store. */
static void test_remove_tree(Fixture *f, gconstpointer data)
{
    g_autofree char *outside = fixture_path(f, "outside"), *tree = fixture_path(f, "tree");
    g_autofree char *inner = g_build_filename(tree, "a", "b", NULL), *link = g_build_filename(tree, "a", "l", NULL);
    g_autofree char *kept = g_build_filename(outside, "kept", NULL);
    g_mkdir_with_parents(outside, 0777);
    g_mkdir_with_parents(inner, 0777);
    g_assert_true(g_file_set_contents(kept, "12345", -1, NULL));
    g_assert_cmpint(symlink(outside, link), ==, 0);
    g_assert_cmpuint(hone_tree_bytes(outside), ==, 5);
    hone_remove_tree(tree);
    g_assert_false(g_file_test(tree, G_FILE_TEST_EXISTS));
    g_assert_true(g_file_test(kept, G_FILE_TEST_EXISTS));
}

/* A matrix of many axes makes names longer than a file's may be; two of them never share a file. */
static void test_long_names(Fixture *f, gconstpointer data)
{
    g_autoptr(HoneStore) store = open_store(f);
    g_autofree char *same = g_strnfill(500, 'n');
    g_autofree char *one = g_strconcat(same, "1", NULL), *two = g_strconcat(same, "2", NULL);
    const char *const names[] = {one, two, "a[x=1,y=2]"};
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        char *path = hone_run_path(store, "run", names[i], ".log");
        g_autofree char *base = g_path_get_basename(path);
        g_assert_cmpuint(strlen(base), <, 200);
        g_hash_table_add(seen, path);
    }
    g_assert_cmpuint(g_hash_table_size(seen), ==, G_N_ELEMENTS(names));
}

/* ---- Keys. ---- */

static JsonObject *parse(const char *text)
{
    g_autoptr(JsonNode) node = json_from_string(text, NULL);
    g_assert_nonnull(node);
    return json_node_dup_object(node);
}

static void test_difference(Fixture *f, gconstpointer data)
{
#define BASE "\"abi\":1,\"stage\":\"s\",\"plugin\":\"p\""
    static const struct {
        const char *before, *now, *said;
    } cases[] = {
        {"{" BASE ",\"version\":\"1\",\"params\":{\"a\":1}}", "{" BASE ",\"version\":\"1\",\"params\":{\"a\":1.0}}",
         NULL},
        {"{" BASE ",\"version\":\"1\",\"params\":{\"a\":1}}", "{" BASE ",\"version\":\"2\",\"params\":{\"a\":2}}",
         "version: \"1\" -> \"2\""},
        {"{\"params\":{\"a\":1,\"b\":2}}", "{\"params\":{\"a\":1,\"b\":3}}", "b: 2 -> 3"},
        {"{\"params\":{\"a\":1}}", "{\"params\":{\"b\":1}}", "a: 1 -> absent (and 1 more)"},
        {"{\"params\":{}}", "{\"params\":{\"b\":[1,\"x\"]}}", "b: absent -> [1,\"x\"]"},
        {"{\"params\":{\"f\":\"/d/x.txt\"},\"files\":{\"f\":\"1\"}}",
         "{\"params\":{\"f\":\"/d/x.txt\"},\"files\":{\"f\":\"2\"}}", "f: the content of x.txt changed"},
        {"{\"metrics\":{\"m\":\"1\"}}", "{\"metrics\":{\"m\":\"2\"}}", "version of metric m: \"1\" -> \"2\""},
        {"{\"numerics\":\"f32\"}", "{\"numerics\":\"bf16\"}", "backend numerics: \"f32\" -> \"bf16\""},
        {"{\"inputs\":{\"x\":[\"1\",\"2\"]}}", "{\"inputs\":{\"x\":[\"2\",\"1\"]}}", "input x changed"},
        {"{\"params\":3,\"inputs\":[]}", "{\"params\":{},\"inputs\":{}}", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(JsonObject) before = parse(cases[i].before), now = parse(cases[i].now);
        g_autofree char *said = hone_key_difference(before, now);
        g_assert_cmpstr(said, ==, cases[i].said);
    }
}

/* The key depends on every ingredient, on the order within a port, and not on the order of members. */
static void test_key(Fixture *f, gconstpointer data)
{
    static const char *const texts[] = {
        "{\"stage\":\"s\",\"params\":{\"a\":1,\"b\":2},\"inputs\":{}}",
        "{\"params\":{\"b\":2.0,\"a\":1},\"inputs\":{},\"stage\":\"s\"}",
        "{\"stage\":\"s\",\"params\":{\"a\":1,\"b\":3},\"inputs\":{}}",
        "{\"stage\":\"t\",\"params\":{\"a\":1,\"b\":2},\"inputs\":{}}",
        "{\"stage\":\"s\",\"params\":{\"a\":1,\"b\":2},\"inputs\":{},\"numerics\":\"f32\"}",
    };
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(JsonObject) plain = parse(texts[i]), one = parse(texts[i]), two = parse(texts[i]);
        hone_key_add_input(one, "p", "h1");
        hone_key_add_input(one, "p", "h2");
        hone_key_add_input(two, "p", "h2");
        hone_key_add_input(two, "p", "h1");
        g_hash_table_add(seen, hone_key_hash(plain));
        g_hash_table_add(seen, hone_key_hash(one));
        g_hash_table_add(seen, hone_key_hash(two));
    }
    g_assert_cmpuint(g_hash_table_size(seen), ==, 3 * (G_N_ELEMENTS(texts) - 1));
}

int main(int argc, char **argv)
{
    fixture_main(&argc, &argv);
    ADD("/store/publish", test_publish);
    ADD("/store/incomplete", test_incomplete);
    ADD("/store/damage", test_damage);
    ADD("/store/lock", test_lock);
    ADD("/store/remove-tree", test_remove_tree);
    ADD("/store/long-names", test_long_names);
    ADD("/key/difference", test_difference);
    ADD("/key/key", test_key);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0
 * artifact: what is sealed opens as it was; what was touched since does not.
 */
#include <glib/gstdio.h>
#include <hone/artifact.h>
#include <hone/file.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char *root, *folder;
} Place;

static void set_up(Place *place, gconstpointer data)
{
    place->root = g_dir_make_tmp("hone-artifact-XXXXXX", NULL);
    place->folder = g_build_filename(place->root, "a", NULL);
}

static void tear_down(Place *place, gconstpointer data)
{
    g_autoptr(GDir) dir = g_dir_open(place->folder, 0, NULL);
    for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
        g_autofree char *path = g_build_filename(place->folder, name, NULL);
        g_remove(path);
    }
    g_rmdir(place->folder);
    g_rmdir(place->root);
    g_free(place->folder);
    g_free(place->root);
}

/* Without a sync: thousands of these are written. */
static void put_bytes(const char *path, const char *bytes, gsize size)
{
    FILE *file = fopen(path, "w");
    g_assert_true(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

static void put(const char *folder, const char *name, const char *content)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    put_bytes(path, content, strlen(content));
}

/* Makes one with two files and returns its hash. */
static char *make(const char *folder, const char *content)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneArtifact) artifact = hone_artifact_create(folder, HONE_SCORES, &error);
    g_assert_no_error(error);
    g_assert_null(hone_artifact_hash(artifact));
    put(folder, "one", content);
    put(folder, "two", "");
    json_object_set_int_member(hone_artifact_meta(artifact), "rows", 3);
    json_object_set_double_member(hone_artifact_meta(artifact), "share", 2.0);
    g_assert_true(hone_artifact_seal(artifact, &error));
    return g_strdup(hone_artifact_hash(artifact));
}

static void test_round_trip(Place *place, gconstpointer data)
{
    g_autofree char *hash = make(place->folder, "content");
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneArtifact) artifact = hone_artifact_open(place->folder, true, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(hone_artifact_hash(artifact), ==, hash);
    g_assert_cmpint(hone_artifact_type(artifact), ==, HONE_SCORES);
    g_assert_cmpint(json_object_get_int_member(hone_artifact_meta(artifact), "rows"), ==, 3);
    g_autofree char *path = hone_artifact_file(artifact, "one"), *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "content");
}

/* The hash names the content alone, not the place or the time. */
static void test_hash(Place *place, gconstpointer data)
{
    g_autofree char *first = make(place->folder, "content");
    Place others[2];
    const char *const contents[] = {"content", "contenu"};
    for (int i = 0; i < 2; i++) {
        set_up(&others[i], NULL);
        g_autofree char *hash = make(others[i].folder, contents[i]);
        g_assert_true(g_str_equal(hash, first) == (i == 0));
        tear_down(&others[i], NULL);
    }
}

static void expect_refusal(const char *folder, bool verify, const char *said)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(hone_artifact_open(folder, verify, &error));
    g_assert_true(error && error->domain == HONE_ERROR);
    g_assert_nonnull(strstr(error->message, said));
}

static void test_touched(Place *place, gconstpointer data)
{
    g_autofree char *hash = make(place->folder, "content");
    put(place->folder, "one", "contenu"); /* same size: only the checksum tells */
    g_autoptr(HoneArtifact) quick = hone_artifact_open(place->folder, false, NULL);
    g_assert_nonnull(quick);
    expect_refusal(place->folder, true, "checksum");
    put(place->folder, "one", "conten");
    expect_refusal(place->folder, false, "bytes");
    g_autofree char *path = g_build_filename(place->folder, "one", NULL);
    g_unlink(path);
    expect_refusal(place->folder, false, "missing");
    g_assert_cmpint(symlink("two", path), ==, 0);
    expect_refusal(place->folder, false, "missing");
}

/* No prefix of a manifest opens, and no change of one byte goes unnoticed. */
static void test_manifest(Place *place, gconstpointer data)
{
    g_autofree char *hash = make(place->folder, "content");
    g_autofree char *path = g_build_filename(place->folder, "artifact.json", NULL), *text = NULL;
    gsize size;
    g_assert_true(g_file_get_contents(path, &text, &size, NULL));
    for (gsize i = 0; i < size - 2; i++) {
        put_bytes(path, text, i);
        g_assert_null(hone_artifact_open(place->folder, false, NULL));
    }
    for (gsize i = 0; i < size; i++) {
        g_autofree char *changed = g_memdup2(text, size);
        changed[i] = (char)(changed[i] ^ (1 << g_test_rand_int_range(0, 7)));
        put_bytes(path, changed, size);
        g_autoptr(HoneArtifact) artifact = hone_artifact_open(place->folder, false, NULL);
        /* White space may have become other white space. */
        if (artifact)
            g_assert_cmpstr(hone_artifact_hash(artifact), ==, hash);
    }
}

static void test_lies(Place *place, gconstpointer data)
{
    static const char *const files[] = {
        "[{\"name\":\"../a/one\",\"size\":7,\"sha256\":\"\"}]",
        "[{\"name\":\"..\",\"size\":7,\"sha256\":\"\"}]",
        "[{\"name\":\"\",\"size\":7,\"sha256\":\"\"}]",
        "[{\"name\":\"one\",\"size\":-7,\"sha256\":\"\"}]",
        "[{\"name\":\"one\"}]",
        "[1]",
        "{}",
        "null",
    };
    g_autofree char *sealed = make(place->folder, "content");
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        /* With a checksum that is right. */
        g_autofree char *rest = g_strdup_printf("{\"files\":%s,\"hone\":1,\"meta\":{},\"type\":\"scores\"}", files[i]);
        g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, rest, -1);
        g_autofree char *text = g_strdup_printf("{\"hash\":\"%s\",%s", hash, rest + 1);
        put(place->folder, "artifact.json", text);
        expect_refusal(place->folder, false, "artifact.json");
    }
}

static void test_only_plain_files(Place *place, gconstpointer data)
{
    g_autofree char *below = g_build_filename(place->folder, "below", NULL);
    g_autoptr(GError) error = NULL;
    for (int i = 0; i < 3; i++) {
        g_autoptr(HoneArtifact) artifact = hone_artifact_create(place->folder, HONE_DATASET, &error);
        g_assert_no_error(error);
        if (i == 0)
            g_mkdir(below, 0777);
        else if (i == 1)
            g_assert_cmpint(symlink("/bin/sh", below), ==, 0);
        else
            put(place->folder, "artifact.json", "{}");
        g_assert_false(hone_artifact_seal(artifact, &error));
        g_assert_error(error, HONE_ERROR, HONE_ERROR_PLUGIN);
        g_clear_error(&error);
        g_remove(below);
    }
}

static void test_not_empty(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_mkdir(place->folder, 0777);
    put(place->folder, "stray", "x");
    g_assert_null(hone_artifact_create(place->folder, HONE_DATASET, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_IO);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, function) g_test_add("/artifact/" name, Place, NULL, set_up, function, tear_down)
    ADD("round-trip", test_round_trip);
    ADD("hash", test_hash);
    ADD("touched", test_touched);
    ADD("manifest", test_manifest);
    ADD("lies", test_lies);
    ADD("only-plain-files", test_only_plain_files);
    ADD("not-empty", test_not_empty);
    return g_test_run();
}

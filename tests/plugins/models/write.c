/* SPDX-License-Identifier: Apache-2.0
 * write.c: the stages `merge` and `export` as a pipeline runs them: what they write, what they record, what they
 * refuse. That the numbers are right is tests/model/export.c's matter.
 */
#include "../data/stage_run.h"
#include <glib/gstdio.h>
#include <hone/export.h>
#include <hone/file.h>
#include <string.h>

static char *data(const char *name)
{
    return g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "model", "data", name, NULL);
}

static void copy_file(const char *from, const char *to, const char *name)
{
    g_autofree char *source = g_build_filename(from, name, NULL), *target = g_build_filename(to, name, NULL);
    g_autofree char *content = NULL;
    gsize size;
    g_assert_true(g_file_get_contents(source, &content, &size, NULL));
    g_assert_true(g_file_set_contents(target, content, (gssize)size, NULL));
}

static void describe(JsonObject *model, const char *path, const char *hash)
{
    json_object_set_string_member(model, "path", path);
    json_object_set_string_member(model, "sha256", hash);
    json_object_set_string_member(model, "name", "org/base");
    json_object_set_string_member(model, "licence", "apache-2.0");
}

/* A sealed artifact that refers to tests/model/data/tiny.gguf; with the adapter on it where asked. */
static void connect(StageRun *s, bool adapter)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_build_filename(s->folder, adapter ? "adapter" : "base", NULL);
    g_autofree char *path = data("tiny.gguf"), *hash = hone_file_hash(path, NULL), *files = data("tiny-adapter");
    g_autoptr(HoneArtifact) artifact = hone_artifact_create(folder, adapter ? HONE_ADAPTER : HONE_MODEL, &error);
    g_assert_no_error(error);
    if (adapter) {
        JsonObject *base = json_object_new();
        describe(base, path, hash);
        copy_file(files, folder, "adapter_model.safetensors");
        copy_file(files, folder, "adapter_config.json");
        json_object_set_object_member(hone_artifact_meta(artifact), "base", base);
        json_object_set_int_member(hone_artifact_meta(artifact), "steps", 3);
    } else {
        describe(hone_artifact_meta(artifact), path, hash);
    }
    g_assert_true(hone_artifact_seal(artifact, &error));
    g_hash_table_insert(s->inputs, g_strdup("model"), g_strdup(folder));
}

static void must_run(StageRun *s, const char *params)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(stage_run(s, params, &error));
    g_assert_no_error(error);
}

static JsonObject *figures(HoneArtifact *artifact)
{
    return json_object_get_object_member(hone_artifact_meta(artifact), "export");
}

/* What the artifact refers to is in its own folder, wherever that folder is moved. */
static void assert_model(StageRun *s, const char *port, const char *path)
{
    g_autoptr(HoneArtifact) artifact = stage_run_output(s, port);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(hone_artifact_type(artifact), ==, HONE_MODEL);
    g_assert_cmpstr(json_object_get_string_member(hone_artifact_meta(artifact), "path"), ==, path);
    g_autofree char *moved = g_build_filename(s->folder, "moved", NULL);
    g_assert_cmpint(g_rename(hone_artifact_folder(artifact), moved), ==, 0);
    g_autoptr(HoneArtifact) again = hone_artifact_open(moved, true, &error);
    g_assert_no_error(error);
    g_autoptr(HoneCheckpoint) checkpoint = hone_checkpoint_open_artifact(again, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(g_str_has_prefix(hone_checkpoint_path(checkpoint), moved));
    g_assert_cmpint(g_rename(moved, hone_artifact_folder(artifact)), ==, 0);
}

static void test_merge(void)
{
    g_auto(StageRun) s = {0};
    stage_run_init(&s, "merge");
    connect(&s, true);
    must_run(&s, "{\"type\": \"f32\"}");
    assert_model(&s, "model", ".");
    stage_run_assert_note(&s, "the adapter changes");
    g_autoptr(HoneArtifact) artifact = stage_run_output(&s, "model");
    g_assert_cmpfloat(json_object_get_double_member(figures(artifact), "change"), >, 0);
    g_assert_cmpfloat(json_object_get_double_member(figures(artifact), "error_to_change"), ==, 0); /* f32 of f32 */
    g_assert_cmpstr(json_object_get_string_member(figures(artifact), "type"), ==, "f32");
    g_assert_cmpstr(json_object_get_string_member(hone_artifact_meta(artifact), "format"), ==, "folder");
    g_assert_cmpstr(json_object_get_string_member(hone_artifact_meta(artifact), "name"), ==, "org/base");
    g_assert_cmpstr(json_object_get_string_member(hone_artifact_meta(artifact), "licence"), ==, "apache-2.0");
    static const char *const files[] = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
                                        "generation_config.json"};
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = hone_artifact_file(artifact, files[i]);
        g_assert_true(g_file_test(path, G_FILE_TEST_IS_REGULAR));
    }
    /* The same again, byte for byte. */
    g_autofree char *hash = g_strdup(hone_artifact_hash(artifact));
    must_run(&s, "{\"type\": \"f32\"}");
    g_autoptr(HoneArtifact) second = stage_run_output(&s, "model");
    g_assert_cmpstr(hone_artifact_hash(second), ==, hash);
}

static void test_merge_refused(void)
{
    g_auto(StageRun) s = {0};
    stage_run_init(&s, "merge");
    connect(&s, false);
    stage_run_assert_error(&s, "{}", HONE_ERROR_INVALID, "nothing to merge");
}

static void test_formats(void)
{
    g_auto(StageRun) s = {0};
    stage_run_init(&s, "export");
    connect(&s, true);
    must_run(&s, "{\"format\": \"gguf\", \"type\": \"q8_0\"}");
    assert_model(&s, "files", "model.gguf");
    must_run(&s, "{\"format\": \"folder\", \"type\": \"bf16\", \"shard\": 0.01}");
    assert_model(&s, "files", ".");
    must_run(&s, "{\"format\": \"peft\"}");
    {
        g_autoptr(HoneArtifact) artifact = stage_run_output(&s, "files");
        g_autofree char *tensors = hone_artifact_file(artifact, "adapter_model.safetensors");
        g_autofree char *own = data("tiny-adapter/adapter_model.safetensors");
        g_autofree char *a = hone_file_hash(tensors, NULL), *b = hone_file_hash(own, NULL);
        g_assert_cmpint(hone_artifact_type(artifact), ==, HONE_ADAPTER);
        g_assert_cmpstr(a, ==, b);
        g_assert_cmpint(json_object_get_int_member(hone_artifact_meta(artifact), "steps"), ==, 3);
    }
    must_run(&s, "{\"format\": \"gguf-adapter\"}");
    {
        g_autoptr(HoneArtifact) artifact = stage_run_output(&s, "files");
        g_autofree char *path = hone_artifact_file(artifact, "adapter.gguf");
        g_autoptr(HoneGguf) gguf = hone_gguf_open(path, NULL);
        g_assert_cmpint(hone_artifact_type(artifact), ==, HONE_REPORT);
        g_assert_cmpstr(hone_gguf_string(gguf, "general.type"), ==, "adapter");
    }
}

/* A model without an adapter goes from one format into the other, and has no adapter to write. */
static void test_plain(void)
{
    g_auto(StageRun) s = {0};
    stage_run_init(&s, "export");
    connect(&s, false);
    must_run(&s, "{\"format\": \"folder\"}");
    assert_model(&s, "files", ".");
    stage_run_assert_error(&s, "{\"format\": \"peft\"}", HONE_ERROR_INVALID, "without an adapter");
    stage_run_assert_error(&s, "{\"format\": \"gguf-adapter\"}", HONE_ERROR_INVALID, "without an adapter");
}

static void test_refused(void)
{
    static const struct {
        const char *params, *message;
    } cases[] = {
        {"{\"format\": \"folder\", \"type\": \"q8_0\"}", "safetensors do not hold"},
        {"{\"format\": \"peft\", \"type\": \"f16\"}", "leave \"type\" out"},
        {"{\"format\": \"gguf-adapter\", \"type\": \"bf16\"}", "leave \"type\" out"},
    };
    g_auto(StageRun) s = {0};
    stage_run_init(&s, "export");
    connect(&s, true);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(stage_run_check(&s, cases[i].params, &error));
        g_assert_nonnull(strstr(error->message, cases[i].message));
        stage_run_assert_error(&s, cases[i].params, HONE_ERROR_INVALID, cases[i].message);
    }
}

/* Rounding to four bits moves these weights more than the adapter does: a warning, and the figure says so. */
static void test_drowned(void)
{
    g_auto(StageRun) s = {0};
    stage_run_init(&s, "export");
    connect(&s, true);
    must_run(&s, "{\"format\": \"gguf\", \"type\": \"q4_0\"}");
    g_autoptr(HoneArtifact) artifact = stage_run_output(&s, "files");
    double ratio = json_object_get_double_member(figures(artifact), "error_to_change");
    g_test_message("error / change: %g", ratio);
    g_assert_cmpint(strstr(s.events, "changes the weights more than the tuning did") != NULL, ==, ratio >= 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plugins/write/merge", test_merge);
    g_test_add_func("/plugins/write/merge-refused", test_merge_refused);
    g_test_add_func("/plugins/write/formats", test_formats);
    g_test_add_func("/plugins/write/plain", test_plain);
    g_test_add_func("/plugins/write/refused", test_refused);
    g_test_add_func("/plugins/write/drowned", test_drowned);
    return g_test_run();
}

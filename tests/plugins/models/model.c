/* SPDX-License-Identifier: Apache-2.0
 * model.c: the stage `model` on a GGUF and on folders made here: what it records, and what it refuses.
 */
#include "../data/stage_run.h"
#include <glib/gstdio.h>
#include <hone/file.h>
#include <hone/model.h>
#include <hone/safetensors.h>
#include <string.h>
#include <unistd.h>

static void put_text(const char *folder, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

/* FOLDER/relative with config and weights of 6 + 4 values. Caller frees. */
static char *put_model(StageRun *s, const char *relative)
{
    static const float values[6] = {0, 1, 2, 3, 4, 5};
    char *folder = g_build_filename(s->folder, relative, NULL);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
    put_text(folder, "config.json", "{\"model_type\": \"qwen2\", \"max_position_embeddings\": 512}");
    HoneSafetensor tensors[] = {{"a", HONE_F32, 2, {2, 3}, values, 24}, {"b", HONE_F32, 1, {4}, values, 16}};
    g_autofree char *path = g_build_filename(folder, "model.safetensors", NULL);
    g_assert_true(hone_safetensors_write(path, tensors, 2, NULL, NULL));
    return folder;
}

static void run_on(StageRun *s, const char *path)
{
    g_autofree char *params = g_strdup_printf("{\"path\": \"%s\"}", path);
    g_autoptr(GError) error = NULL;
    g_assert_true(stage_run_check(s, params, &error));
    g_assert_no_error(error);
    g_assert_true(stage_run(s, params, &error));
    g_assert_no_error(error);
}

static const char *text(HoneArtifact *artifact, const char *name)
{
    return json_object_get_string_member_with_default(hone_artifact_meta(artifact), name, NULL);
}

static gint64 number(HoneArtifact *artifact, const char *name)
{
    return json_object_get_int_member_with_default(hone_artifact_meta(artifact), name, -1);
}

static void test_folder(void)
{
    g_auto(StageRun) s = {0};
    stage_run_init(&s, "model");
    g_autofree char *folder = put_model(&s, "small"), *real = realpath(folder, NULL);
    put_text(folder, "README.md", "---\nlanguage: en\nlicense: \"apache-2.0\"\n---\nlicense: no\n");
    for (int i = 0; i < 2; i++) {
        run_on(&s, i ? "small/config.json" : "small");
        g_autoptr(HoneArtifact) artifact = stage_run_output(&s, "model");
        g_assert_cmpstr(text(artifact, "path"), ==, real);
        g_assert_cmpstr(text(artifact, "format"), ==, "folder");
        g_assert_cmpstr(text(artifact, "family"), ==, "qwen2");
        g_assert_cmpstr(text(artifact, "licence"), ==, "apache-2.0");
        g_assert_cmpint(number(artifact, "parameters"), ==, 10);
        g_assert_cmpint(number(artifact, "context"), ==, 512);
        g_autoptr(HoneCheckpoint) checkpoint = hone_checkpoint_open(folder, NULL);
        g_autofree char *hash = hone_checkpoint_hash(checkpoint, NULL, NULL);
        g_assert_cmpstr(text(artifact, "sha256"), ==, hash);
        gint64 size = 0;
        for (const char *const *name = hone_checkpoint_files(checkpoint); *name; name++) {
            g_autofree char *file = g_build_filename(folder, *name, NULL);
            GStatBuf info;
            g_assert_cmpint(g_stat(file, &info), ==, 0);
            size += info.st_size;
        }
        g_assert_cmpint(number(artifact, "size"), ==, size);
        if (i == 0)
            g_assert_cmpstr(text(artifact, "name"), ==, "small");
    }
}

static void test_name_and_licence(void)
{
    static const struct {
        const char *card, *licence;
    } cards[] = {
        {"---\nlicense: other\nlicense_name: gemma\n---\n", "gemma"},
        {"---\nlicense_name: gemma\n---\n", NULL},
        {"---\nlicense:\n- mit\n---\n", NULL}, /* a list says more than one line can */
        {"license: mit\n", NULL},
        {"---\r\nlicense: mit\r\n---\r\n", "mit"},
        {"---\ntags:\n  license: mit\n---\n", NULL},
        {"", NULL},
    };
    g_auto(StageRun) s = {0};
    stage_run_init(&s, "model");
    const char *snapshot = "hub/models--org--some-model/snapshots/0123abcd";
    g_autofree char *folder = put_model(&s, snapshot);
    for (size_t i = 0; i < G_N_ELEMENTS(cards); i++) {
        put_text(folder, "README.md", cards[i].card);
        run_on(&s, snapshot);
        g_autoptr(HoneArtifact) artifact = stage_run_output(&s, "model");
        g_assert_cmpstr(text(artifact, "name"), ==, "org/some-model");
        g_assert_cmpstr(text(artifact, "licence"), ==, cards[i].licence);
    }
}

static void test_gguf(void)
{
    g_auto(StageRun) s = {0};
    stage_run_init(&s, "model");
    g_autofree char *path = g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "model", "data", "tiny.gguf", NULL);
    g_autofree char *hash = hone_file_hash(path, NULL);
    run_on(&s, path);
    g_autoptr(HoneArtifact) artifact = stage_run_output(&s, "model");
    g_assert_cmpstr(text(artifact, "path"), ==, path);
    g_assert_cmpstr(text(artifact, "sha256"), ==, hash);
    g_assert_cmpstr(text(artifact, "format"), ==, "gguf");
    g_assert_cmpstr(text(artifact, "family"), ==, "llama");
}

static void test_refused(void)
{
    g_auto(StageRun) s = {0};
    stage_run_init(&s, "model");
    g_autofree char *folder = put_model(&s, "small"), *weights = g_build_filename(folder, "model.safetensors", NULL);
    put_text(folder, "config.json", "{\"model_type\": 3}");
    stage_run_assert_error(&s, "{\"path\": \"small\"}", HONE_ERROR_INVALID, "config.json: \"model_type\" is missing");
    put_text(folder, "config.json", "{\"model_type\": \"qwen2\"}");
    g_assert_cmpint(g_remove(weights), ==, 0);
    stage_run_assert_error(&s, "{\"path\": \"small\"}", HONE_ERROR_NOT_FOUND, "neither model.safetensors nor");
    g_autoptr(GError) error = NULL;
    g_assert_false(stage_run_check(&s, "{\"path\": \"small\"}", &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND);
}

/* What opens an artifact compares the content again, whichever file of the folder changed. */
static void test_changed(void)
{
    g_auto(StageRun) s = {0};
    stage_run_init(&s, "model");
    g_autofree char *folder = put_model(&s, "small");
    put_text(folder, "tokenizer.json", "{}");
    run_on(&s, "small");
    g_autoptr(HoneArtifact) artifact = stage_run_output(&s, "model");
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneCheckpoint) same = hone_checkpoint_open_artifact(artifact, NULL, &error);
    g_assert_no_error(error);
    g_assert_nonnull(same);
    put_text(folder, "tokenizer.json", "{ }");
    g_autoptr(HoneCheckpoint) changed = hone_checkpoint_open_artifact(artifact, NULL, &error);
    g_assert_null(changed);
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "has changed since"));
}

/* An artifact that holds the model's files itself. */
static void test_inner(void)
{
    g_auto(StageRun) s = {0};
    stage_run_init(&s, "model");
    g_autofree char *folder = g_build_filename(s.folder, "result", NULL), *put = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneArtifact) artifact = hone_artifact_create(folder, HONE_MODEL, &error);
    g_assert_no_error(error);
    put = put_model(&s, "result");
    g_autoptr(HoneCheckpoint) checkpoint = hone_checkpoint_open(folder, &error);
    g_assert_no_error(error);
    g_autofree char *hash = hone_checkpoint_hash(checkpoint, NULL, NULL);
    json_object_set_string_member(hone_artifact_meta(artifact), "path", ".");
    json_object_set_string_member(hone_artifact_meta(artifact), "sha256", hash);
    g_assert_true(hone_artifact_seal(artifact, &error));
    g_autofree char *path = hone_artifact_model_path(artifact, &error);
    g_assert_cmpstr(path, ==, folder);
    g_autoptr(HoneCheckpoint) again = hone_checkpoint_open_artifact(artifact, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(hone_checkpoint_n_tensors(again), ==, 2);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plugins/model/folder", test_folder);
    g_test_add_func("/plugins/model/name-and-licence", test_name_and_licence);
    g_test_add_func("/plugins/model/gguf", test_gguf);
    g_test_add_func("/plugins/model/refused", test_refused);
    g_test_add_func("/plugins/model/changed", test_changed);
    g_test_add_func("/plugins/model/inner", test_inner);
    return g_test_run();
}

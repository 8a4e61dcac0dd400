/* SPDX-License-Identifier: Apache-2.0
 * model_stage.c: the stage `model`: what it says of a file, and what it refuses.
 */
#include "harness.h"
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *folder;

static void test_meta(void)
{
    g_autofree char *gguf = test_data("tiny.gguf"), *link = g_build_filename(folder, "link.gguf", NULL);
    g_autofree char *made = g_build_filename(folder, "made", NULL), *content = NULL;
    gsize size;
    g_assert_cmpint(symlink(gguf, link), ==, 0);
    test_make_model(made, link);
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneArtifact) artifact = hone_artifact_open(made, true, &error);
    g_assert_no_error(error);
    JsonObject *meta = hone_artifact_meta(artifact);
    g_assert_cmpint(hone_artifact_type(artifact), ==, HONE_MODEL);
    char *real = realpath(gguf, NULL);
    g_assert_cmpstr(json_object_get_string_member(meta, "path"), ==, real);
    free(real);
    g_assert_true(g_file_get_contents(gguf, &content, &size, NULL));
    g_autofree char *hash = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)content, size);
    g_assert_cmpstr(json_object_get_string_member(meta, "sha256"), ==, hash);
    g_assert_cmpint(json_object_get_int_member(meta, "size"), ==, (gint64)size);
    g_assert_cmpstr(json_object_get_string_member(meta, "format"), ==, "gguf");
    g_assert_cmpstr(json_object_get_string_member(meta, "family"), ==, "llama");
    g_assert_cmpstr(json_object_get_string_member(meta, "name"), ==, "tiny");
    g_assert_cmpint(json_object_get_int_member(meta, "context"), ==, 256);
    /* As tests/oracle/trajectory.py makes it: V = 260, C = 32, F = 48, two layers, half as many key heads. */
    gint64 layer = 2 * 32 + 2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32;
    g_assert_cmpint(json_object_get_int_member(meta, "parameters"), ==, 260 * 32 + 32 + 2 * layer);
    g_unlink(link);
}

static void expect_refused(const char *path, const char *part)
{
    const HoneComponent *component = test_find(NULL, HONE_STAGE, "model", NULL);
    const HoneStageOps *ops = component->ops;
    g_autoptr(JsonObject) params = json_object_new();
    json_object_set_string_member(params, "path", path);
    g_autofree void *instance = g_malloc0(component->instance_size);
    g_autoptr(GError) error = NULL;
    g_assert_true(hone_params_fill(component, params, "/", instance, &error));
    g_assert_false(ops->check(instance, &error));
    hone_params_clear(component, instance);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, path));
    g_assert_nonnull(strstr(error->message, part));
}

static void test_refused(void)
{
    expect_refused(folder, "the folder has no config.json");
    g_autofree char *text = test_data("rows.jsonl");
    expect_refused(text, "not a GGUF file");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("hone-model-XXXXXX", NULL);
    g_test_add_func("/train/model_stage/meta", test_meta);
    g_test_add_func("/train/model_stage/refused", test_refused);
    int status = g_test_run();
    test_remove_folder(folder);
    g_free(folder);
    return status;
}

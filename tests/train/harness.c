/* SPDX-License-Identifier: Apache-2.0
 * harness.c: loads plugins by name and runs stages on folders.
 */
#include "harness.h"
#include <dlfcn.h>
#include <glib/gstdio.h>
#include <hone/json.h>
#include <string.h>

static char *plugin_path(const char *name)
{
    return g_strdup_printf("%s/%s.so", g_getenv("HONE_PLUGIN_PATH"), name);
}

bool test_has_plugin(const char *name)
{
    g_autofree char *path = plugin_path(name);
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

const HoneComponent *test_find(void *host, HoneKind kind, const char *name, GError **error)
{
    g_autofree char *file = kind == HONE_REWARD ? g_strdup_printf("reward_%s", name) : g_strdup(name);
    g_autofree char *path = plugin_path(file);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* stays loaded, as in the host */
    if (!handle)
        g_error("%s", dlerror());
    HonePluginFunc function;
    *(void **)&function = dlsym(handle, HONE_PLUGIN_SYMBOL);
    g_assert_nonnull(function);
    for (const HoneComponent *const *c = function()->components; *c; c++)
        if ((*c)->kind == kind && strcmp((*c)->name, name) == 0)
            return *c;
    g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "no %s", name);
    return NULL;
}

char *test_data(const char *name)
{
    return g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "train", "data", name, NULL);
}

void test_remove_folder(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (g_file_test(path, G_FILE_TEST_IS_DIR))
            test_remove_folder(path);
        else
            g_unlink(path);
    }
    g_rmdir(folder);
}

static JsonObject *parse_object(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) node = hone_json_parse(text, strlen(text), "test", &error);
    g_assert_no_error(error);
    return json_object_ref(json_node_get_object(node));
}

void test_make_model(const char *folder, const char *gguf)
{
    g_autofree char *out = g_strdup_printf("%s.out", folder), *made = g_build_filename(out, "model", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) params = json_object_new();
    json_object_set_string_member(params, "path", gguf);
    const HoneStageSetup setup = {.size = sizeof setup,
                                  .component = test_find(NULL, HONE_STAGE, "model", NULL),
                                  .params = params,
                                  .folder = "/",
                                  .output_folder = out,
                                  .work_folder = out,
                                  .events_fd = -1,
                                  .find = test_find};
    g_autoptr(HoneStage) stage = hone_stage_new(&setup);
    g_assert_cmpint(g_mkdir_with_parents(out, 0777), ==, 0);
    g_assert_true(hone_stage_execute(stage, &error));
    g_assert_no_error(error);
    g_assert_cmpint(g_rename(made, folder), ==, 0);
    g_rmdir(out);
}

void test_make_dataset(const char *folder, const char *lines)
{
    g_autoptr(GError) error = NULL;
    bool preferences = strstr(lines, "\"chosen\":") != NULL;
    g_autoptr(HoneArtifact) artifact =
        hone_artifact_create(folder, preferences ? HONE_PREFERENCES : HONE_DATASET, &error);
    g_assert_no_error(error);
    g_autoptr(HoneRowWriter) writer = hone_row_writer_open(artifact, &error);
    g_assert_no_error(error);
    g_auto(GStrv) each = g_strsplit(lines, "\n", -1);
    for (char **line = each; *line; line++) {
        if (!**line)
            continue;
        g_autoptr(JsonNode) node = hone_json_parse(*line, strlen(*line), "test", &error);
        g_assert_no_error(error);
        g_autoptr(HoneRow) row = hone_row_from_json(node, "test", &error);
        g_assert_no_error(error);
        g_assert_true(hone_row_writer_add(writer, row, &error));
    }
    g_assert_true(hone_row_writer_close(writer, &error));
    g_assert_true(hone_artifact_seal(artifact, &error));
}

char *test_result_hash(const char *output)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_build_filename(output, "adapter", NULL);
    g_autoptr(HoneArtifact) artifact = hone_artifact_open(folder, true, &error);
    g_assert_no_error(error);
    return g_strdup(hone_artifact_hash(artifact));
}

static void add_input(HoneStage *stage, const char *port, const char *folder)
{
    g_autoptr(GError) error = NULL;
    HoneArtifact *artifact = hone_artifact_open(folder, true, &error);
    g_assert_no_error(error);
    hone_stage_add_input(stage, port, port, artifact);
}

static const HoneComponent *test_stage(const char *name)
{
    return test_find(NULL, HONE_STAGE, name ? name : "sft", NULL);
}

HoneStage *test_training(const TestTraining *training)
{
    g_autoptr(JsonObject) params = parse_object(training->params);
    const HoneStageSetup setup = {.size = sizeof setup,
                                  .component = training->component ? training->component : test_stage(training->stage),
                                  .name = "tuned",
                                  .params = params,
                                  .folder = "/",
                                  .output_folder = training->output,
                                  .work_folder = training->work,
                                  .events_fd = training->events_fd,
                                  .backend = training->backend,
                                  .backend_options = {.size = sizeof(HoneBackendOptions),
                                                      .threads = training->threads,
                                                      .memory_limit = training->memory},
                                  .find = test_find};
    g_assert_cmpint(g_mkdir_with_parents(training->work, 0777), ==, 0);
    HoneStage *stage = hone_stage_new(&setup);
    add_input(stage, "model", training->model);
    add_input(stage, "dataset", training->dataset);
    if (training->port)
        add_input(stage, training->port, training->input);
    return stage;
}

void test_place_set_up(TestPlace *p, gconstpointer backend)
{
    p->folder = g_dir_make_tmp("hone-train-XXXXXX", NULL);
    p->output = g_build_filename(p->folder, "out", NULL);
    p->work = g_build_filename(p->folder, "work", NULL);
    p->adapter = g_build_filename(p->output, "adapter", NULL);
    p->backend = backend;
    if (!test_has_plugin(p->backend))
        g_test_skip("this backend was not built");
}

void test_place_tear_down(TestPlace *p, gconstpointer backend)
{
    test_remove_folder(p->folder);
    g_free(p->folder);
    g_free(p->output);
    g_free(p->work);
    g_free(p->adapter);
}

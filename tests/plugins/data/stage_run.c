/* SPDX-License-Identifier: Apache-2.0
 * stage_run.c: see stage_run.h.
 */
#include "stage_run.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <hone/json.h>
#include <string.h>

void stage_run_init(StageRun *s, const char *name)
{
    memset(s, 0, sizeof *s);
    g_autoptr(GError) error = NULL;
    s->folder = g_dir_make_tmp("hone-stage-XXXXXX", &error);
    g_assert_no_error(error);
    g_autofree char *file = g_strdup_printf("%s/%s.so", g_getenv("HONE_PLUGIN_PATH"), name);
    s->library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (s->library == NULL)
        g_error("%s", dlerror());
    HonePluginFunc get = NULL;
    *(void **)&get = dlsym(s->library, HONE_PLUGIN_SYMBOL);
    g_assert_nonnull(get);
    const HonePlugin *plugin = get();
    g_assert_true(hone_plugin_validate(plugin, &error));
    g_assert_no_error(error);
    s->component = plugin->components[0];
    g_assert_cmpstr(s->component->name, ==, name);
    s->inputs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

static void remove_tree(const char *path)
{
    if (g_file_test(path, G_FILE_TEST_IS_DIR) && !g_file_test(path, G_FILE_TEST_IS_SYMLINK)) {
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
        for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
            g_autofree char *child = g_build_filename(path, name, NULL);
            remove_tree(child);
        }
    }
    g_remove(path);
}

void stage_run_clear(StageRun *s)
{
    if (s->folder == NULL)
        return;
    remove_tree(s->folder);
    g_hash_table_unref(s->inputs);
    g_free(s->folder);
    g_free(s->events);
    /* The library stays open: LeakSanitizer needs its symbols to name a leak. */
    memset(s, 0, sizeof *s);
}

char *stage_run_file(StageRun *s, const char *name, const char *content, gssize length)
{
    char *path = g_build_filename(s->folder, name, NULL);
    g_assert_true(g_file_set_contents(path, content, length, NULL));
    return path;
}

void stage_run_input(StageRun *s, const char *port, HoneArtifactType type, const char *rows)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = g_strdup_printf("in-%s-%d", port, s->runs++);
    g_autofree char *folder = g_build_filename(s->folder, name, NULL);
    g_autoptr(HoneArtifact) artifact = hone_artifact_create(folder, type, &error);
    g_assert_no_error(error);
    g_autofree char *path = hone_artifact_file(artifact, "rows.jsonl");
    g_assert_true(g_file_set_contents(path, rows, -1, NULL));
    g_assert_true(hone_artifact_seal(artifact, &error));
    g_hash_table_insert(s->inputs, g_strdup(port), g_strdup(folder));
}

static JsonObject *parse_params(const char *params)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) node = hone_json_parse(params, strlen(params), "params", &error);
    g_assert_no_error(error);
    return json_node_dup_object(node);
}

bool stage_run(StageRun *s, const char *params, GError **error)
{
    s->runs++;
    g_autofree char *output = g_strdup_printf("%s/out-%d", s->folder, s->runs);
    g_autofree char *work = g_strdup_printf("%s/work-%d", s->folder, s->runs);
    g_autofree char *events = g_strdup_printf("%s/events-%d", s->folder, s->runs);
    g_assert_cmpint(g_mkdir(output, 0700), ==, 0);
    g_assert_cmpint(g_mkdir(work, 0700), ==, 0);
    int fd = g_open(events, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    g_assert_cmpint(fd, >=, 0);
    g_autoptr(JsonObject) object = parse_params(params);
    HoneStageSetup setup = {.size = sizeof setup,
                            .component = s->component,
                            .name = "node",
                            .params = object,
                            .folder = s->folder,
                            .output_folder = output,
                            .work_folder = work,
                            .events_fd = fd};
    g_autoptr(HoneStage) stage = hone_stage_new(&setup);
    GHashTableIter iter;
    gpointer port, folder;
    g_hash_table_iter_init(&iter, s->inputs);
    while (g_hash_table_iter_next(&iter, &port, &folder)) {
        HoneArtifact *artifact = hone_artifact_open(folder, true, NULL);
        g_assert_nonnull(artifact);
        hone_stage_add_input(stage, port, "source", artifact);
    }
    bool ok = hone_stage_execute(stage, error);
    g_close(fd, NULL);
    g_free(s->events);
    g_assert_true(g_file_get_contents(events, &s->events, NULL, NULL));
    return ok;
}

bool stage_run_check(StageRun *s, const char *params, GError **error)
{
    g_autoptr(JsonObject) object = parse_params(params);
    g_autofree void *instance = g_malloc0(MAX(s->component->instance_size, 1));
    if (!hone_params_fill(s->component, object, s->folder, instance, error))
        return false;
    const HoneStageOps *ops = s->component->ops;
    bool ok = ops->check(instance, error);
    hone_params_clear(s->component, instance);
    return ok;
}

HoneArtifact *stage_run_output(StageRun *s, const char *port)
{
    g_autofree char *folder = g_strdup_printf("%s/out-%d/%s", s->folder, s->runs, port);
    g_autoptr(GError) error = NULL;
    HoneArtifact *artifact = hone_artifact_open(folder, true, &error);
    g_assert_no_error(error);
    return artifact;
}

char *stage_run_rows(StageRun *s, const char *port)
{
    g_autoptr(HoneArtifact) artifact = stage_run_output(s, port);
    g_autofree char *path = hone_artifact_file(artifact, "rows.jsonl");
    char *rows;
    g_assert_true(g_file_get_contents(path, &rows, NULL, NULL));
    return rows;
}

void stage_run_assert_note(const StageRun *s, const char *text)
{
    if (strstr(s->events, text) == NULL)
        g_test_message("events: %s", s->events);
    g_assert_nonnull(strstr(s->events, text));
}

void stage_run_assert_error(StageRun *s, const char *params, HoneError code, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(stage_run(s, params, &error));
    g_assert_error(error, HONE_ERROR, (int)code);
    if (strstr(error->message, text) == NULL)
        g_test_message("message: %s", error->message);
    g_assert_nonnull(strstr(error->message, text));
}

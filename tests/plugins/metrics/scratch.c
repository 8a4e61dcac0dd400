/* SPDX-License-Identifier: Apache-2.0
 * scratch.c
 */
#include "scratch.h"
#include "fixture.h"
#include <glib/gstdio.h>
#include <hone/file.h>
#include <string.h>

char *scratch_new(void)
{
    g_autoptr(GError) error = NULL;
    char *folder = g_dir_make_tmp("hone-metrics-XXXXXX", &error);

    g_assert_no_error(error);
    return folder;
}

static void remove_all(const char *path)
{
    GDir *dir = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    const char *name;

    if (dir) {
        while ((name = g_dir_read_name(dir))) {
            g_autofree char *below = g_build_filename(path, name, NULL);

            remove_all(below);
        }
        g_dir_close(dir);
    }
    g_remove(path);
}

void scratch_free(char *folder)
{
    if (folder) {
        remove_all(folder);
        g_free(folder);
    }
}

HoneArtifact *scratch_artifact(const char *folder, const char *name, HoneArtifactType type, const char *meta, ...)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autoptr(GError) error = NULL;
    HoneArtifact *artifact = hone_artifact_create(path, type, &error);
    va_list list;
    const char *file;

    g_assert_no_error(error);
    if (meta) {
        g_autoptr(JsonNode) node = test_json(meta);
        g_autoptr(GList) members = json_object_get_members(json_node_get_object(node));

        for (GList *m = members; m; m = m->next) {
            json_object_set_member(hone_artifact_meta(artifact), m->data,
                                   json_object_dup_member(json_node_get_object(node), m->data));
        }
    }
    va_start(list, meta);
    while ((file = va_arg(list, const char *))) {
        const char *content = va_arg(list, const char *);
        g_autofree char *at = hone_artifact_file(artifact, file);

        g_assert_true(hone_file_write(at, content, strlen(content), &error));
    }
    va_end(list);
    g_assert_true(hone_artifact_seal(artifact, &error));
    hone_artifact_set_label(artifact, name);
    return artifact;
}

static const HoneComponent *find_in_build(void *host, HoneKind kind, const char *name, GError **error)
{
    const HoneComponent *component = test_component(name);

    g_assert_cmpint(component->kind, ==, kind);
    return component;
}

bool scratch_run(const char *folder, const HoneComponent *component, const char *params, const ScratchInput *inputs,
                 JsonObject *run_info, GError **error)
{
    g_autoptr(JsonNode) node = test_json(params);
    g_autofree char *out = g_strconcat(folder, "/out-", component->name, NULL);
    g_autofree char *work = g_strconcat(folder, "/work-", component->name, NULL);
    HoneStageSetup setup = {
        .size = sizeof setup,
        .component = component,
        .params = json_node_get_object(node),
        .folder = folder,
        .output_folder = out,
        .work_folder = work,
        .run_info = run_info,
        .events_fd = -1,
        .backend = "reference",
        .find = find_in_build,
    };
    g_autoptr(HoneStage) stage = NULL;

    remove_all(out);
    g_mkdir_with_parents(out, 0777);
    g_mkdir_with_parents(work, 0777);
    stage = hone_stage_new(&setup);
    for (; inputs->port; inputs++) {
        hone_stage_add_input(stage, inputs->port, inputs->label, inputs->artifact);
    }
    return hone_stage_execute(stage, error);
}

char *scratch_text(const char *folder, const char *path)
{
    g_autofree char *at = g_build_filename(folder, path, NULL);
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(at, &text, NULL, &error);
    g_assert_no_error(error);
    return text;
}

JsonObject *scratch_json(const char *folder, const char *path)
{
    g_autofree char *text = scratch_text(folder, path);
    g_autoptr(JsonNode) node = test_json(text);

    return json_object_ref(json_node_get_object(node));
}

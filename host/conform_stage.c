/* SPDX-License-Identifier: Apache-2.0
 * conform_stage.c: a stage that lives from datasets alone is run on a small one, twice: it must give the same both
 * times, or refuse with a reason.
 */
#include "conform.h"
#include "store.h"
#include <glib/gstdio.h>
#include <hone/dataset.h>
#include <hone/stage.h>
#include <string.h>

/* Whether the stage can be run here: all that it must have is datasets. */
static const char *why_not(const HoneComponent *component)
{
    const HoneStageOps *ops = component->ops;
    if ((ops->flags & HONE_STAGE_USES_BACKEND) != 0)
        return "it computes with a model";
    if ((ops->flags & HONE_STAGE_ALWAYS_RUNS) != 0)
        return "it looks at the world outside, and may give another result each time";
    const HonePort *port;
    guint inputs = 0;
    for (size_t i = 0; (port = hone_component_port(component, i)) != NULL; i++) {
        bool needed = port->direction == HONE_PORT_IN && (port->flags & HONE_PORT_OPTIONAL) == 0;
        inputs += needed;
        if (needed && (port->types & HONE_DATASET) == 0)
            return "it needs more than datasets";
    }
    size_t group = 0, index = 0;
    const HoneParam *param;
    while ((param = hone_component_next_param(component, &group, &index, NULL)) != NULL) {
        if (param->fallback == NULL && (param->type == HONE_PARAM_PATH || inputs == 0))
            return "it has parameters without a default";
    }
    return NULL;
}

static bool write_rows(const char *folder, GError **error)
{
    static const char *const questions[] = {"Where is my parcel?", "Wo ist mein Paket?",  "How do I pay by card?",
                                            "Where is my parcel?", "\xf0\x9f\x99\x82 ok", "Reset my password, please."};
    g_autoptr(HoneArtifact) artifact = hone_artifact_create(folder, HONE_DATASET, error);
    g_autoptr(HoneRowWriter) writer = artifact != NULL ? hone_row_writer_open(artifact, error) : NULL;
    if (writer == NULL)
        return false;
    for (guint i = 0; i < 24; i++) {
        const char *question = questions[i % G_N_ELEMENTS(questions)];
        g_autofree char *id = g_strdup_printf("row-%u", i + 1);
        g_autofree char *answer =
            g_strdup_printf("{\"topic\": \"t%u\", \"urgent\": %s}", i % 4, i % 2 ? "true" : "false");
        g_autoptr(HoneRow) row = hone_row_new(id);
        g_autofree char *text = g_strdup_printf("%s (%u)", question, i / 2);
        g_ptr_array_add(row->messages, hone_message_new("user", text, 0));
        g_ptr_array_add(row->messages, hone_message_new("assistant", answer, 1));
        if (!hone_row_writer_add(writer, row, error))
            return false;
    }
    return hone_row_writer_close(writer, error) && hone_artifact_seal(artifact, error);
}

static const HoneComponent *find_component(void *host, HoneKind kind, const char *name, GError **error)
{
    const HoneEntry *entry = hone_registry_find(host, kind, name, error);
    return entry != NULL ? entry->component : NULL;
}

static bool run_once(const HoneConform *conform, const char *folder, const char *rows, const char *tag, GError **error)
{
    const HoneComponent *component = conform->component;
    g_autofree char *output = g_build_filename(folder, tag, NULL), *work_name = g_strconcat(tag, "-work", NULL);
    g_autofree char *work = g_build_filename(folder, work_name, NULL);
    g_mkdir(output, 0700);
    g_mkdir(work, 0700);
    g_autoptr(JsonObject) params = hone_conform_params(component, rows);
    HoneStageSetup setup = {.size = sizeof setup,
                            .component = component,
                            .name = component->name,
                            .params = params,
                            .folder = folder,
                            .output_folder = output,
                            .work_folder = work,
                            .events_fd = -1,
                            .backend = "auto",
                            .backend_options = {.size = sizeof(HoneBackendOptions)},
                            .find = find_component,
                            .host = (void *)conform->registry};
    g_autoptr(HoneStage) stage = hone_stage_new(&setup);
    const HonePort *port;
    for (size_t i = 0; (port = hone_component_port(component, i)) != NULL; i++) {
        if (port->direction != HONE_PORT_IN || (port->flags & HONE_PORT_OPTIONAL) != 0)
            continue;
        HoneArtifact *artifact = hone_artifact_open(rows, true, error);
        if (artifact == NULL)
            return false;
        hone_stage_add_input(stage, port->name, "rows", artifact);
    }
    return hone_stage_execute(stage, error);
}

/* "port: hash" for every output that was written. */
static char *output_hashes(const HoneComponent *component, const char *folder, const char *tag)
{
    GString *hashes = g_string_new(NULL);
    const HonePort *port;
    for (size_t i = 0; (port = hone_component_port(component, i)) != NULL; i++) {
        if (port->direction != HONE_PORT_OUT)
            continue;
        g_autofree char *path = g_build_filename(folder, tag, port->name, NULL);
        g_autoptr(HoneArtifact) artifact = hone_artifact_open(path, true, NULL);
        if (artifact != NULL)
            g_string_append_printf(hashes, "%s: %s\n", port->name, hone_artifact_hash(artifact));
    }
    return g_string_free(hashes, FALSE);
}

static void check_hook(HoneConform *conform)
{
    const HoneComponent *component = conform->component;
    const HoneStageOps *ops = component->ops;
    if (ops->size < offsetof(HoneStageOps, check) + sizeof ops->check || ops->check == NULL)
        return;
    hone_conform_begin(conform, "check");
    g_autofree char *instance = g_malloc0(component->instance_size + 1);
    g_autoptr(JsonObject) params = hone_conform_params(component, "/no/such/file");
    g_autoptr(GError) error = NULL;
    if (!hone_params_fill(component, params, NULL, instance, &error)) {
        hone_conform_result(conform, "check", HONE_CONFORM_FAILED, "%s", error->message);
        return;
    }
    bool good = ops->check(instance, &error);
    hone_params_clear(component, instance);
    if (good == (error != NULL))
        hone_conform_result(conform, "check", HONE_CONFORM_FAILED, "its check %s",
                            good ? "returns true with an error set" : "returns false without an error");
    else
        hone_conform_result(conform, "check", HONE_CONFORM_PASSED, "its check answers%s%s", good ? "" : ": ",
                            good ? "" : error->message);
}

static void run_in(HoneConform *conform, const char *folder)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *rows = g_build_filename(folder, "rows", NULL);
    if (!write_rows(rows, &error)) {
        hone_conform_result(conform, "run", HONE_CONFORM_SKIPPED, "no rows to run it on: %s", error->message);
        return;
    }
    static const char *const tags[] = {"first", "second"};
    for (gsize i = 0; i < G_N_ELEMENTS(tags); i++) {
        bool good = run_once(conform, folder, rows, tags[i], &error);
        if (good == (error != NULL)) {
            hone_conform_result(conform, "run", HONE_CONFORM_FAILED, "it returns %s",
                                good ? "true with an error set" : "false without an error");
            return;
        }
        if (!good && g_error_matches(error, HONE_ERROR, HONE_ERROR_PLUGIN)) {
            hone_conform_result(conform, "run", HONE_CONFORM_FAILED, "%s", error->message);
            return;
        }
        if (!good) {
            hone_conform_result(conform, "run", HONE_CONFORM_SKIPPED, "it refuses 24 plain rows: %s", error->message);
            return;
        }
    }
    g_autofree char *first = output_hashes(conform->component, folder, tags[0]);
    g_autofree char *second = output_hashes(conform->component, folder, tags[1]);
    if (*first == 0)
        hone_conform_result(conform, "run", HONE_CONFORM_FAILED, "it wrote no output");
    else if (strcmp(first, second) != 0)
        hone_conform_result(conform, "run", HONE_CONFORM_FAILED,
                            "the same rows gave another result the second time; draw random numbers from a seed with "
                            "hone_random, and write no times or addresses");
    else
        hone_conform_result(conform, "run", HONE_CONFORM_PASSED, "24 rows give the same result twice");
}

void hone_conform_stage(HoneConform *conform)
{
    check_hook(conform);
    const char *reason = why_not(conform->component);
    if (reason != NULL) {
        hone_conform_result(conform, "run", HONE_CONFORM_SKIPPED, "not run: %s", reason);
        return;
    }
    hone_conform_begin(conform, "run");
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("hone-check-XXXXXX", &error);
    if (folder == NULL) {
        hone_conform_result(conform, "run", HONE_CONFORM_SKIPPED, "%s", error->message);
        return;
    }
    run_in(conform, folder);
    hone_remove_tree(folder);
}

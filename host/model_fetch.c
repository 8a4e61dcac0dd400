/* SPDX-License-Identifier: Apache-2.0
 * model_fetch.c: see model_fetch.h.
 */
#include "model_fetch.h"
#include "command.h"
#include "scheduler.h"
#include <hone/file.h>
#include <unistd.h>

#define NODE "model"

static HonePipeline *load(const HoneStore *store, const char *name, const HoneRegistry *registry, GError **error)
{
    g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
    JsonObject *pipeline = json_object_new(), *nodes = json_object_new(), *node = json_object_new();
    JsonObject *params = json_object_new();
    json_node_take_object(root, pipeline);
    json_object_set_int_member(pipeline, "hone", 1);
    json_object_set_string_member(pipeline, "name", "hub");
    json_object_set_object_member(pipeline, "nodes", nodes);
    json_object_set_object_member(nodes, NODE, node);
    json_object_set_string_member(node, "stage", "model");
    json_object_set_object_member(node, "params", params);
    json_object_set_string_member(params, "path", name);
    /* In a folder of the store's own, where no file can be called like a model. */
    g_autofree char *file_name = g_strdup_printf("hub-%d.json", (int)getpid());
    g_autofree char *path = hone_store_path(store, "runs", file_name);
    if (!hone_file_write_json(path, root, error))
        return NULL;
    const HonePipelineOptions options = {.skip_hooks = true};
    g_autoptr(HoneMistakes) mistakes = hone_mistakes_new();
    HonePipeline *loaded = hone_pipeline_load(path, &options, registry, mistakes);
    unlink(path);
    if (!loaded)
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "%s",
                    hone_mistakes_count(mistakes) > 0 ? hone_mistakes_get(mistakes, 0)->message
                                                      : "the stage \"model\" cannot be used");
    return loaded;
}

static HoneArtifact *run_in(HoneStore *store, HoneRun *run, const HonePipeline *pipeline, const HoneRegistry *registry,
                            const char *const *plugin_path, GError **error)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", error);
    if (!program)
        return NULL;
    g_autoptr(HoneTerminal) terminal = hone_terminal_new(STDERR_FILENO);
    hone_terminal_hush(terminal);
    const HoneScheduleOptions options = {.registry = registry, .program = program, .plugin_path = plugin_path};
    g_autoptr(HoneScheduler) scheduler = hone_scheduler_new(store, pipeline, run, &options, terminal);
    int status = hone_scheduler_run(scheduler);
    HoneTaskResult result = hone_scheduler_result(scheduler, 0);
    const HoneStoredOutput *output = result.stored ? hone_stored_output(result.stored, "model") : NULL;
    if (status == HONE_EXIT_OK && output)
        return hone_artifact_open(output->folder, false, error);
    g_set_error(error, HONE_ERROR, status == HONE_EXIT_STOPPED ? HONE_ERROR_CANCELLED : HONE_ERROR_NOT_FOUND, "%s",
                result.message ? result.message : "stopped; run the same command again to go on from here");
    return NULL;
}

static HoneArtifact *run(HoneStore *store, const HonePipeline *pipeline, const HoneRegistry *registry,
                         const char *const *plugin_path, GError **error)
{
    g_autoptr(HoneRun) record = hone_run_new(store, pipeline, NULL, error);
    if (!record)
        return NULL;
    /* No report is made of it that would say with what it was made. */
    json_object_set_object_member(hone_run_object(record), "versions", json_object_new());
    g_autofree char *folder = hone_store_path(store, "runs", hone_run_id(record));
    HoneArtifact *artifact = run_in(store, record, pipeline, registry, plugin_path, error);
    /* A record for each `hone chat` is of no use; of a failure there is a log to look into. */
    if (artifact)
        hone_remove_tree(folder);
    return artifact;
}

HoneArtifact *hone_model_fetch(const char *name, const char *const *plugin_path, char **hash_folder, GError **error)
{
    g_autofree char *folder = g_build_filename(g_get_user_cache_dir(), "hone", "hub", NULL);
    g_autoptr(HoneRegistry) registry = hone_registry_new(plugin_path);
    g_autoptr(HoneStore) opened = hone_store_open(folder, true, error);
    int lock = opened ? hone_store_lock_all(opened, false, error) : -1;
    if (lock < 0) {
        if (error && !*error)
            g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s is being cleaned up; run again in a moment", folder);
        return NULL;
    }
    g_autoptr(HonePipeline) pipeline = load(opened, name, registry, error);
    HoneArtifact *artifact = pipeline ? run(opened, pipeline, registry, plugin_path, error) : NULL;
    close(lock);
    if (artifact)
        *hash_folder = g_strdup(hone_store_hash_folder(opened));
    return artifact;
}

/* SPDX-License-Identifier: Apache-2.0
 * task.c: one node from its key to its published result.
 */
#include "task.h"
#include "key.h"
#include "why.h"
#include <errno.h>
#include <gio/gio.h>
#include <hone/file.h>
#include <hone/stage.h>
#include <string.h>
#include <unistd.h>

void hone_task_free(HoneTask *task)
{
    hone_node_process_free(task->process);
    hone_task_view_clear(&task->view);
    g_clear_pointer(&task->ingredients, json_object_unref);
    hone_resolution_clear(&task->found);
    hone_stored_free(task->stored);
    if (task->lock >= 0)
        close(task->lock);
    g_free(task->key);
    g_free(task->why);
    g_free(task->message);
    g_free(task);
}

HoneTask *hone_task_of(HoneScheduler *scheduler, const HonePipelineNode *node)
{
    return scheduler->tasks->pdata[node->index];
}

/* ---- The key. ---- */

static void free_object(gpointer object)
{
    json_object_unref(object);
}

static void read_files(GTask *work, gpointer source, gpointer data, GCancellable *cancellable)
{
    HoneTask *task = data;
    const HoneScheduler *scheduler = task->scheduler;
    const HoneBackendChoice *backend = scheduler->options.backend;
    GError *error = NULL;
    const HoneKeyContext context = {.registry = scheduler->options.registry,
                                    .numerics = backend ? backend->numerics : NULL,
                                    .hash_folder = hone_store_hash_folder(scheduler->store),
                                    .program = scheduler->options.program,
                                    .plugin_path = scheduler->options.plugin_path};
    JsonObject *ingredients = hone_key_own_ingredients(task->node, &context, &task->found, &error);
    if (ingredients)
        g_task_return_pointer(work, ingredients, free_object);
    else
        g_task_return_error(work, error);
}

static void files_read(GObject *source, GAsyncResult *result, gpointer data)
{
    HoneTask *task = data;
    g_autoptr(GError) error = NULL;
    task->ingredients = g_task_propagate_pointer(G_TASK(result), &error);
    for (guint i = 0; task->ingredients && i < task->node->inputs->len; i++) {
        const HonePipelineInput *input = task->node->inputs->pdata[i];
        for (guint k = 0; k < input->edges->len; k++) {
            const HonePipelineEdge *edge = input->edges->pdata[k];
            const HoneStored *stored = hone_task_of(task->scheduler, edge->from)->stored;
            const HoneStoredOutput *output = hone_stored_output(stored, edge->output->name);
            if (!output) {
                g_set_error(&error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "\"%s\" did not write its output \"%s\"",
                            edge->from->name, edge->output->name);
                hone_scheduler_keyed(task, error);
                return;
            }
            hone_key_add_input(task->ingredients, input->port->name, output->hash);
        }
    }
    if (task->ingredients)
        task->key = hone_key_hash(task->ingredients);
    hone_scheduler_keyed(task, error);
}

void hone_task_find_key(HoneTask *task)
{
    task->state = HONE_TASK_HASHING;
    task->began = g_get_monotonic_time();
    g_autoptr(GTask) work = g_task_new(NULL, NULL, files_read, task);
    g_task_set_task_data(work, task, NULL);
    g_task_run_in_thread(work, read_files);
}

/* ---- The store. ---- */

static void take_figures(HoneTask *task)
{
    task->seconds = json_object_get_double_member_with_default(task->stored->node, "seconds", 0);
    task->peak_memory =
        (guint64)MAX(json_object_get_int_member_with_default(task->stored->node, "peak_memory_bytes", 0), 0);
}

bool hone_task_take_stored(HoneTask *task)
{
    if (task->always_runs || task->found.absent || task->scheduler->options.fresh)
        return false;
    g_autoptr(GError) error = NULL;
    task->stored = hone_store_get(task->scheduler->store, task->key, false, &error);
    if (task->stored) {
        take_figures(task);
        return true;
    }
    if (!g_error_matches(error, HONE_ERROR, HONE_ERROR_NOT_FOUND)) {
        hone_terminal_print(task->scheduler->terminal, HONE_TONE_WARNING, "%s: the stored result is damaged (%s)",
                            task->node->name, error->message);
        g_free(task->why);
        task->why = g_strdup("its stored result is damaged");
    }
    return false;
}

/* {port: [label...]} */
static JsonObject *labels(const HonePipelineNode *node)
{
    JsonObject *all = json_object_new();
    for (guint i = 0; i < node->inputs->len; i++) {
        const HonePipelineInput *input = node->inputs->pdata[i];
        JsonArray *names = json_array_new();
        for (guint k = 0; k < input->edges->len; k++)
            json_array_add_string_element(names, ((HonePipelineEdge *)input->edges->pdata[k])->label);
        json_object_set_array_member(all, input->port->name, names);
    }
    return all;
}

/* {port: [{"label", "key", "output"}...]}: where the inputs are in the store. */
static JsonObject *lineage(HoneTask *task)
{
    JsonObject *all = json_object_new();
    for (guint i = 0; i < task->node->inputs->len; i++) {
        const HonePipelineInput *input = task->node->inputs->pdata[i];
        JsonArray *list = json_array_new();
        for (guint k = 0; k < input->edges->len; k++) {
            const HonePipelineEdge *edge = input->edges->pdata[k];
            JsonObject *one = json_object_new();
            json_object_set_string_member(one, "label", edge->label);
            json_object_set_string_member(one, "key", hone_task_of(task->scheduler, edge->from)->key);
            json_object_set_string_member(one, "output", edge->output->name);
            json_array_add_object_element(list, one);
        }
        json_object_set_array_member(all, input->port->name, list);
    }
    return all;
}

void hone_task_record(HoneTask *task)
{
    JsonObject *record = hone_run_node(task->scheduler->run, task->node->name);
    json_object_set_string_member(record, "state", hone_task_state_name(task->state));
    json_object_set_string_member(record, "stage", task->node->component->name);
    if (task->key)
        json_object_set_string_member(record, "key", task->key);
    if (task->why)
        json_object_set_string_member(record, "why", task->why);
    if (task->state == HONE_TASK_DONE || task->state == HONE_TASK_CACHED || task->state == HONE_TASK_FAILED) {
        json_object_set_double_member(record, "seconds", task->seconds);
        json_object_set_int_member(record, "peak_memory_bytes", (gint64)task->peak_memory);
    }
    if (task->message)
        json_object_set_string_member(record, "error", task->message);
    json_object_set_object_member(record, "inputs", labels(task->node));
    json_object_set_object_member(record, "params",
                                  hone_params_resolve(task->node->component, task->node->params, false));
    if (task->ingredients)
        json_object_set_object_member(record, "ingredients", json_object_ref(task->ingredients));
}

/* ---- The process. ---- */

/* What this run knows so far, for the report. */
static JsonObject *run_info(HoneTask *task)
{
    HoneScheduler *scheduler = task->scheduler;
    JsonObject *run = hone_run_object(scheduler->run), *info = json_object_new();
    json_object_set_string_member(info, "run", hone_run_id(scheduler->run));
    json_object_set_member(info, "pipeline", json_node_copy(hone_run_pipeline(scheduler->run)));
    json_object_set_member(info, "command", json_node_copy(json_object_get_member(run, "command")));
    json_object_set_member(info, "versions", json_node_copy(json_object_get_member(run, "versions")));
    JsonObject *nodes = json_object_new();
    for (guint i = 0; i < scheduler->tasks->len; i++) {
        HoneTask *other = scheduler->tasks->pdata[i];
        if (!other->stored)
            continue;
        JsonObject *node = json_object_new();
        json_object_set_string_member(node, "stage", other->node->component->name);
        json_object_set_object_member(node, "params",
                                      hone_params_resolve(other->node->component, other->node->params, false));
        json_object_set_string_member(node, "key", other->key);
        json_object_set_object_member(node, "inputs", labels(other->node));
        json_object_set_string_member(node, "folder", other->stored->folder);
        g_autofree char *events = g_build_filename(other->stored->folder, "events.jsonl", NULL);
        json_object_set_string_member(node, "events", events);
        json_object_set_double_member(node, "seconds", other->seconds);
        json_object_set_int_member(node, "peak_memory_bytes", (gint64)other->peak_memory);
        json_object_set_boolean_member(node, "cached", other->state == HONE_TASK_CACHED);
        json_object_set_object_member(nodes, other->node->name, node);
    }
    json_object_set_object_member(info, "nodes", nodes);
    return info;
}

static JsonArray *input_list(HoneTask *task)
{
    JsonArray *list = json_array_new();
    for (guint i = 0; i < task->node->inputs->len; i++) {
        const HonePipelineInput *input = task->node->inputs->pdata[i];
        for (guint k = 0; k < input->edges->len; k++) {
            const HonePipelineEdge *edge = input->edges->pdata[k];
            const HoneStored *stored = hone_task_of(task->scheduler, edge->from)->stored;
            JsonObject *one = json_object_new();
            json_object_set_string_member(one, "port", input->port->name);
            json_object_set_string_member(one, "label", edge->label);
            json_object_set_string_member(one, "folder", hone_stored_output(stored, edge->output->name)->folder);
            json_array_add_object_element(list, one);
        }
    }
    return list;
}

/* What `hone node` reads. */
static JsonNode *describe(HoneTask *task, const char *outputs, const char *work)
{
    const HoneScheduler *scheduler = task->scheduler;
    const HoneScheduleOptions *options = &scheduler->options;
    g_autofree char *lock = hone_store_path(scheduler->store, "locks", task->key);
    JsonNode *root = json_node_new(JSON_NODE_OBJECT);
    JsonObject *spec = json_object_new();
    json_node_take_object(root, spec);
    json_object_set_int_member(spec, "hone", 1);
    json_object_set_string_member(spec, "node", task->node->name);
    json_object_set_string_member(spec, "stage", task->node->component->name);
    json_object_set_string_member(spec, "version", task->node->component->version);
    json_object_set_string_member(spec, "plugin", task->node->plugin->path);
    json_object_set_object_member(spec, "params", json_object_ref(task->node->params));
    json_object_set_string_member(spec, "folder", task->node->folder);
    json_object_set_array_member(spec, "inputs", input_list(task));
    json_object_set_string_member(spec, "output_folder", outputs);
    json_object_set_string_member(spec, "work_folder", work);
    json_object_set_string_member(spec, "hash_folder", hone_store_hash_folder(scheduler->store));
    json_object_set_string_member(spec, "lock", lock);
    json_object_set_string_member(spec, "backend", options->backend ? options->backend->name : "auto");
    json_object_set_int_member(spec, "threads", options->threads > 0 ? options->threads : task->cpus);
    JsonArray *path = json_array_new();
    for (size_t i = 0; options->plugin_path && options->plugin_path[i]; i++)
        json_array_add_string_element(path, options->plugin_path[i]);
    json_object_set_array_member(spec, "plugin_path", path);
    if (task->found.exact)
        json_object_set_string_member(spec, "resolved", task->found.exact);
    json_object_set_object_member(spec, "run_info", run_info(task));
    return root;
}

static void on_event(gpointer data, JsonObject *event)
{
    hone_task_event(data, event);
}

static void on_end(gpointer data, const HoneNodeEnd *end)
{
    hone_scheduler_ended(data, end);
}

bool hone_task_start(HoneTask *task, GError **error)
{
    HoneScheduler *scheduler = task->scheduler;
    const char *run = hone_run_id(scheduler->run), *name = task->node->name;
    g_autofree char *outputs = hone_store_begin(scheduler->store, task->key, error);
    if (!outputs)
        return false;
    g_autofree char *work = hone_store_path(scheduler->store, "work", task->key);
    if (scheduler->options.fresh)
        hone_remove_tree(work);
    if (g_mkdir_with_parents(work, 0777) != 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: cannot make this folder (%s)", work, g_strerror(errno));
        return false;
    }
    g_autofree char *spec_path = hone_run_path(scheduler->store, run, name, ".node.json");
    g_autofree char *log_path = hone_run_path(scheduler->store, run, name, ".log");
    g_autofree char *events_path = hone_run_path(scheduler->store, run, name, ".events.jsonl");
    g_autoptr(JsonNode) spec = describe(task, outputs, work);
    if (!hone_file_write_json(spec_path, spec, error))
        return false;
    HoneNodeSetup setup = {
        .program = scheduler->options.program,
        .name = name,
        .plugin = task->node->plugin->plugin->name,
        .spec_path = spec_path,
        .log_path = log_path,
        .events_path = events_path,
        .lock_fd = task->lock,
        .timeout = task->node->timeout,
        .memory = task->node->memory,
        .on_event = on_event,
        .on_end = on_end,
        .data = task,
    };
    task->began = g_get_monotonic_time();
    task->process = hone_node_process_start(&setup, error);
    return task->process != NULL;
}

/* The events stay with the result, for reports of runs that find it in the store. */
static bool keep_events(HoneTask *task, GError **error)
{
    g_autofree char *from =
        hone_run_path(task->scheduler->store, hone_run_id(task->scheduler->run), task->node->name, ".events.jsonl");
    g_autofree char *folder = hone_store_path(task->scheduler->store, "tmp", task->key);
    g_autofree char *to = g_build_filename(folder, "events.jsonl", NULL);
    if (link(from, to) == 0)
        return true;
    /* No second names on this file system. */
    g_autofree char *text = NULL;
    gsize size;
    return g_file_get_contents(from, &text, &size, error) && hone_file_write(to, text, size, error);
}

bool hone_task_publish(HoneTask *task, const HoneNodeEnd *end, GError **error)
{
    HoneScheduler *scheduler = task->scheduler;
    if (!keep_events(task, error))
        return false;
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *finished = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
    g_autoptr(JsonObject) node = json_object_new();
    json_object_set_int_member(node, "hone", 1);
    json_object_set_string_member(node, "key", task->key);
    json_object_set_string_member(node, "node", task->node->name);
    json_object_set_string_member(node, "pipeline", scheduler->pipeline->name);
    json_object_set_string_member(node, "run", hone_run_id(scheduler->run));
    json_object_set_string_member(node, "finished", finished);
    json_object_set_double_member(node, "seconds", end->seconds);
    json_object_set_int_member(node, "peak_memory_bytes", (gint64)end->peak_memory);
    json_object_set_object_member(node, "ingredients", json_object_ref(task->ingredients));
    json_object_set_object_member(node, "params",
                                  hone_params_resolve(task->node->component, task->node->params, false));
    json_object_set_object_member(node, "inputs", lineage(task));
    task->stored = hone_store_publish(scheduler->store, task->key, task->node->component, node, error);
    if (!task->stored)
        return false;
    task->seconds = end->seconds;
    task->peak_memory = end->peak_memory;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0
 * stage.c: runs one stage between its inputs and its outputs. The host and the tests are callers of the same code.
 */
#include <hone/stage.h>
#include <stdatomic.h>
#include <string.h>

struct HoneStage {
    HoneStageSetup setup; /* strings below are owned */
    HoneProgress *progress;
    HoneBackend *backend;
    GHashTable *inputs;  /* port -> GPtrArray of HoneArtifact */
    GHashTable *outputs; /* port -> HoneArtifact */
    /* Set from a signal handler. */
    atomic_bool cancelled;
};

void hone_resolution_clear(HoneResolution *found)
{
    g_clear_pointer(&found->exact, g_free);
    g_clear_pointer(&found->remark, g_free);
}

static void free_artifact(gpointer artifact)
{
    hone_artifact_free(artifact);
}

HoneStage *hone_stage_new(const HoneStageSetup *setup)
{
    HoneStage *stage = g_new0(HoneStage, 1);
    memcpy(&stage->setup, setup, MIN(setup->size, sizeof stage->setup));
    HoneStageSetup *own = &stage->setup;
    g_assert(own->component && own->component->kind == HONE_STAGE && own->output_folder && own->work_folder);
    own->name = g_strdup(own->name ? own->name : own->component->name);
    own->params = own->params ? json_object_ref(own->params) : json_object_new();
    own->folder = g_strdup(own->folder ? own->folder : ".");
    own->output_folder = g_strdup(own->output_folder);
    own->work_folder = g_strdup(own->work_folder);
    own->hash_folder = g_strdup(own->hash_folder);
    own->run_info = own->run_info ? json_object_ref(own->run_info) : json_object_new();
    own->backend = g_strdup(own->backend ? own->backend : "auto");
    own->resolved = g_strdup(own->resolved);
    stage->progress = hone_progress_new(own->events_fd);
    stage->inputs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    stage->outputs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_artifact);
    return stage;
}

void hone_stage_free(HoneStage *stage)
{
    if (!stage)
        return;
    if (stage->backend)
        hone_backend_close(stage->backend);
    g_hash_table_unref(stage->inputs);
    g_hash_table_unref(stage->outputs);
    hone_progress_free(stage->progress);
    HoneStageSetup *own = &stage->setup;
    json_object_unref(own->params);
    json_object_unref(own->run_info);
    g_free((char *)own->name);
    g_free((char *)own->folder);
    g_free((char *)own->output_folder);
    g_free((char *)own->work_folder);
    g_free((char *)own->hash_folder);
    g_free((char *)own->backend);
    g_free((char *)own->resolved);
    g_free(stage);
}

void hone_stage_add_input(HoneStage *stage, const char *port, const char *label, HoneArtifact *artifact)
{
    GPtrArray *list = g_hash_table_lookup(stage->inputs, port);
    if (!list) {
        list = g_ptr_array_new_with_free_func(free_artifact);
        g_hash_table_insert(stage->inputs, g_strdup(port), list);
    }
    hone_artifact_set_label(artifact, label);
    g_ptr_array_add(list, artifact);
}

HoneArtifact *hone_stage_input(HoneStage *stage, const char *port)
{
    GPtrArray *list = g_hash_table_lookup(stage->inputs, port);
    return list ? list->pdata[0] : NULL;
}

HoneArtifact *const *hone_stage_inputs(HoneStage *stage, const char *port, size_t *n)
{
    GPtrArray *list = g_hash_table_lookup(stage->inputs, port);
    *n = list ? list->len : 0;
    return list ? (HoneArtifact *const *)list->pdata : NULL;
}

HoneArtifact *hone_stage_output(HoneStage *stage, const char *port, HoneArtifactType type, GError **error)
{
    const HonePort *declared = hone_component_find_port(stage->setup.component, HONE_PORT_OUT, port);
    if (!declared || !(declared->types & type)) {
        g_autofree char *name = hone_artifact_types_name(type);
        g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN, "stage \"%s\" declares no output \"%s\" of type %s",
                    stage->setup.component->name, port, name);
        return NULL;
    }
    HoneArtifact *artifact = g_hash_table_lookup(stage->outputs, port);
    if (artifact) {
        if (hone_artifact_type(artifact) == type)
            return artifact;
        g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN, "stage \"%s\" writes its output \"%s\" as two types",
                    stage->setup.component->name, port);
        return NULL;
    }
    g_autofree char *folder = g_build_filename(stage->setup.output_folder, port, NULL);
    artifact = hone_artifact_create(folder, type, error);
    if (!artifact)
        return NULL;
    g_autofree char *label = g_strdup_printf("%s.%s", stage->setup.name, port);
    hone_artifact_set_label(artifact, label);
    g_hash_table_insert(stage->outputs, g_strdup(port), artifact);
    return artifact;
}

const char *hone_stage_work_folder(HoneStage *stage)
{
    return stage->setup.work_folder;
}

HoneProgress *hone_stage_progress(HoneStage *stage)
{
    return stage->progress;
}

bool hone_stage_cancelled(HoneStage *stage)
{
    return atomic_load_explicit(&stage->cancelled, memory_order_relaxed);
}

void hone_stage_cancel(HoneStage *stage)
{
    atomic_store_explicit(&stage->cancelled, true, memory_order_relaxed);
}

bool hone_stage_stop(HoneStage *stage, GError **error)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_CANCELLED, "%s: stopped; run the same command again to go on",
                stage->setup.name);
    return false;
}

HoneBackend *hone_stage_backend(HoneStage *stage, GError **error)
{
    if (stage->backend)
        return stage->backend;
    const HoneComponent *component = hone_stage_component(stage, HONE_BACKEND, stage->setup.backend, error);
    if (!component)
        return NULL;
    stage->backend = hone_backend_open(component, NULL, &stage->setup.backend_options, error);
    return stage->backend;
}

const HoneComponent *hone_stage_component(HoneStage *stage, HoneKind kind, const char *name, GError **error)
{
    if (!stage->setup.find) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "no %s \"%s\": no plugins are loaded here",
                    hone_kind_name(kind), name);
        return NULL;
    }
    return stage->setup.find(stage->setup.host, kind, name, error);
}

const char *hone_stage_folder(HoneStage *stage)
{
    return stage->setup.folder;
}

const char *hone_stage_name(HoneStage *stage)
{
    return stage->setup.name;
}

const char *hone_stage_resolved(HoneStage *stage)
{
    return stage->setup.resolved;
}

const char *hone_stage_hash_folder(HoneStage *stage)
{
    return stage->setup.hash_folder;
}

JsonObject *hone_stage_settings(HoneStage *stage)
{
    JsonObject *settings = hone_params_resolve(stage->setup.component, stage->setup.params, true);
    const HonePort *port;
    for (size_t i = 0; (port = hone_component_port(stage->setup.component, i)); i++) {
        GPtrArray *list = port->direction == HONE_PORT_IN ? g_hash_table_lookup(stage->inputs, port->name) : NULL;
        if (!list)
            continue;
        g_autofree char *name = g_strdup_printf("input %s", port->name);
        g_autoptr(GString) hashes = g_string_new(NULL);
        for (guint k = 0; k < list->len; k++)
            g_string_append_printf(hashes, "%s%s", k > 0 ? " " : "", hone_artifact_hash(list->pdata[k]));
        json_object_set_string_member(settings, name, hashes->str);
    }
    return settings;
}

JsonObject *hone_stage_run_info(HoneStage *stage)
{
    return stage->setup.run_info;
}

/* The host has checked the graph; a test's setup or a hand-written node file may be wrong still. */
static bool check_inputs(HoneStage *stage, GError **error)
{
    const HonePort *port;
    for (size_t i = 0; (port = hone_component_port(stage->setup.component, i)); i++) {
        if (port->direction != HONE_PORT_IN)
            continue;
        size_t n;
        HoneArtifact *const *list = hone_stage_inputs(stage, port->name, &n);
        if (n == 0 && !(port->flags & HONE_PORT_OPTIONAL)) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: input \"%s\" is not connected", stage->setup.name,
                        port->name);
            return false;
        }
        for (size_t k = 0; k < n; k++) {
            HoneArtifactType type = hone_artifact_type(list[k]);
            if (port->types & type)
                continue;
            g_autofree char *wanted = hone_artifact_types_name(port->types);
            g_autofree char *got = hone_artifact_types_name(type);
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: input \"%s\" takes %s, but \"%s\" is %s",
                        stage->setup.name, port->name, wanted, hone_artifact_label(list[k]), got);
            return false;
        }
    }
    return true;
}

static bool seal_outputs(HoneStage *stage, GError **error)
{
    const HonePort *port;
    for (size_t i = 0; (port = hone_component_port(stage->setup.component, i)); i++) {
        if (port->direction != HONE_PORT_OUT)
            continue;
        HoneArtifact *artifact = g_hash_table_lookup(stage->outputs, port->name);
        if (artifact) {
            if (!hone_artifact_seal(artifact, error))
                return false;
        } else if (!(port->flags & HONE_PORT_OPTIONAL)) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN,
                        "stage \"%s\" reported success without writing its output \"%s\"", stage->setup.component->name,
                        port->name);
            return false;
        }
    }
    return true;
}

static bool run(HoneStage *stage, void *instance, GError **error)
{
    const HoneStageOps *ops = stage->setup.component->ops;
    GError *said = NULL;
    bool ok = ops->run(stage, instance, &said);
    if (ok && !said)
        return true;
    if (!said) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN, "stage \"%s\" failed without saying why",
                    stage->setup.component->name);
    } else {
        g_propagate_error(error, said);
        if (ok)
            g_prefix_error(error, "stage \"%s\" reported success and an error at once: ", stage->setup.component->name);
    }
    return false;
}

bool hone_stage_execute(HoneStage *stage, GError **error)
{
    const HoneComponent *component = stage->setup.component;
    if (!check_inputs(stage, error))
        return false;
    g_autofree void *instance = g_malloc0(MAX(component->instance_size, 1));
    if (!hone_params_fill(component, stage->setup.params, stage->setup.folder, instance, error))
        return false;
    bool ok = run(stage, instance, error) && seal_outputs(stage, error);
    hone_params_clear(component, instance);
    return ok;
}

/* SPDX-License-Identifier: Apache-2.0
 * pipeline.c: the steps from a file to a pipeline ready to run, and its record.
 */
#include "pipeline.h"
#include "draft.h"
#include <hone/json.h>
#include <string.h>

static char *base_name(const char *file)
{
    char *name = g_path_get_basename(file);
    if (g_str_has_suffix(name, ".json"))
        name[strlen(name) - strlen(".json")] = 0;
    return name;
}

static HonePipeline *new_pipeline(const char *file, HoneSource *source)
{
    HonePipeline *pipeline = g_new0(HonePipeline, 1);
    pipeline->file = g_strdup(file);
    pipeline->folder = g_strdup(((const HoneSourceFile *)source->files->pdata[0])->folder);
    pipeline->name = source->name != NULL && *source->name != 0 ? g_strdup(source->name) : base_name(file);
    pipeline->description = g_strdup(source->description);
    pipeline->vars = json_object_new();
    for (guint i = 0; i < source->vars->len; i++) {
        const HoneVariable *variable = source->vars->pdata[i];
        json_object_set_member(pipeline->vars, variable->name, json_node_copy(variable->value));
    }
    return pipeline;
}

HonePipeline *hone_pipeline_load(const char *file, const HonePipelineOptions *options, const HoneRegistry *registry,
                                 HoneMistakes *mistakes)
{
    guint before = hone_mistakes_errors(mistakes);
    g_autoptr(HoneSource) source = hone_source_load(file, options != NULL ? options->vars : NULL,
                                                    options != NULL ? options->sets : NULL, mistakes);
    if (source == NULL)
        return NULL;
    g_autoptr(GPtrArray) drafts = hone_drafts_new(source, registry, options);
    hone_drafts_connect(drafts, mistakes);
    g_autoptr(GPtrArray) order = hone_drafts_order(drafts, mistakes);
    hone_source_finish(source);
    if (options == NULL || !options->skip_hooks)
        hone_drafts_run_hooks(drafts, mistakes);
    if (order == NULL || hone_mistakes_errors(mistakes) > before)
        return NULL;
    GPtrArray *nodes = hone_drafts_expand(order, mistakes);
    if (nodes == NULL)
        return NULL;
    HonePipeline *pipeline = new_pipeline(file, source);
    pipeline->nodes = nodes;
    return pipeline;
}

void hone_pipeline_free(HonePipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    g_free(pipeline->file);
    g_free(pipeline->folder);
    g_free(pipeline->name);
    g_free(pipeline->description);
    g_ptr_array_unref(pipeline->nodes);
    json_object_unref(pipeline->vars);
    g_free(pipeline);
}

HonePipelineNode *hone_pipeline_find(const HonePipeline *pipeline, const char *name)
{
    for (guint i = 0; i < pipeline->nodes->len; i++) {
        HonePipelineNode *node = pipeline->nodes->pdata[i];
        if (strcmp(node->name, name) == 0)
            return node;
    }
    return NULL;
}

static JsonObject *inputs_json(const HonePipelineNode *node)
{
    JsonObject *in = json_object_new();
    for (guint i = 0; i < node->inputs->len; i++) {
        const HonePipelineInput *input = node->inputs->pdata[i];
        JsonArray *labels = json_array_new();
        for (guint k = 0; k < input->edges->len; k++)
            json_array_add_string_element(labels, ((const HonePipelineEdge *)input->edges->pdata[k])->label);
        json_object_set_array_member(in, input->port->name, labels);
    }
    return in;
}

static JsonObject *node_json(const HonePipelineNode *node)
{
    JsonObject *object = json_object_new();
    json_object_set_string_member(object, "stage", node->component->name);
    json_object_set_string_member(object, "version", node->component->version);
    json_object_set_string_member(object, "plugin", node->plugin->path);
    json_object_set_string_member(object, "folder", node->folder);
    json_object_set_object_member(object, "in", inputs_json(node));
    json_object_set_object_member(object, "params", hone_params_resolve(node->component, node->params, false));
    if (json_object_get_size(node->matrix) > 0)
        json_object_set_object_member(object, "matrix", json_object_ref(node->matrix));
    if (node->timeout > 0)
        json_object_set_double_member(object, "timeout", node->timeout);
    if (node->memory > 0)
        json_object_set_int_member(object, "memory", (gint64)node->memory);
    if (node->cpus > 0)
        json_object_set_int_member(object, "cpus", node->cpus);
    if (node->gpus > 0)
        json_object_set_int_member(object, "gpus", node->gpus);
    return object;
}

JsonNode *hone_pipeline_to_json(const HonePipeline *pipeline)
{
    JsonObject *root = json_object_new(), *nodes = json_object_new();
    json_object_set_int_member(root, "hone", 1);
    json_object_set_string_member(root, "name", pipeline->name);
    if (pipeline->description != NULL)
        json_object_set_string_member(root, "description", pipeline->description);
    json_object_set_string_member(root, "file", pipeline->file);
    json_object_set_object_member(root, "vars", json_object_ref(pipeline->vars));
    for (guint i = 0; i < pipeline->nodes->len; i++) {
        const HonePipelineNode *node = pipeline->nodes->pdata[i];
        json_object_set_object_member(nodes, node->name, node_json(node));
    }
    json_object_set_object_member(root, "nodes", nodes);
    JsonNode *result = json_node_init_object(json_node_alloc(), root);
    json_object_unref(root);
    return result;
}

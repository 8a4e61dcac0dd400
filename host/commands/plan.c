/* SPDX-License-Identifier: Apache-2.0
 * plan.c: `hone plan FILE` shows what a run would do: the nodes in order, each with its inputs and with the parameters
 * that are not the default, and whether it would run and why.
 */
#include "command.h"
#include "scheduler.h"
#include "why.h"
#include <hone/json.h>
#include <string.h>

/* "rank=16 epochs=2", only what differs from the defaults. Caller frees. */
static char *changed_params(const HonePipelineNode *node)
{
    g_autoptr(JsonObject) now = hone_params_resolve(node->component, node->params, false);
    GString *text = g_string_new(NULL);
    size_t group = 0, index = 0;
    const HoneParam *param;
    while ((param = hone_component_next_param(node->component, &group, &index, NULL)) != NULL) {
        JsonNode *value = json_object_get_member(now, param->name);
        g_autofree char *written = hone_json_text(value);
        if (param->fallback != NULL) {
            g_autoptr(JsonNode) fallback = hone_json_parse(param->fallback, strlen(param->fallback), NULL, NULL);
            g_autofree char *usual = fallback != NULL ? hone_json_text(fallback) : NULL;
            bool number = param->type == HONE_PARAM_NUMBER && fallback != NULL;
            if (g_strcmp0(usual, written) == 0 ||
                (number && json_node_get_double(fallback) == json_node_get_double(value)))
                continue;
        }
        g_string_append_printf(text, "%s%s=%s", text->len > 0 ? "  " : "", param->name, written);
    }
    return g_string_free(text, FALSE);
}

static char *inputs_text(const HonePipelineNode *node)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < node->inputs->len; i++) {
        const HonePipelineInput *input = node->inputs->pdata[i];
        g_string_append_printf(text, "%s%s: ", text->len > 0 ? "; " : "", input->port->name);
        for (guint k = 0; k < input->edges->len; k++)
            g_string_append_printf(text, "%s%s", k > 0 ? ", " : "",
                                   ((const HonePipelineEdge *)input->edges->pdata[k])->label);
    }
    return g_string_free(text, FALSE);
}

static void print_limits(const HonePipelineNode *node)
{
    GString *text = g_string_new(NULL);
    if (node->cpus > 0)
        g_string_append_printf(text, "  %u cpus", node->cpus);
    if (node->gpus > 0)
        g_string_append_printf(text, "  %u gpus", node->gpus);
    if (node->memory > 0) {
        g_autofree char *size = g_format_size(node->memory);
        g_string_append_printf(text, "  at most %s of memory", size);
    }
    if (node->timeout > 0)
        g_string_append_printf(text, "  at most %g s", node->timeout);
    if (text->len > 0)
        printf("      limits %s\n", text->str + 2);
    g_string_free(text, TRUE);
}

static void print_node(const HonePipelineNode *node, const HoneForecast *forecast)
{
    g_autofree char *inputs = inputs_text(node), *params = changed_params(node);
    printf("%3u  %s (%s)\n", node->index + 1, node->name, node->component->name);
    if (*inputs != 0)
        printf("      from   %s\n", inputs);
    if (*params != 0)
        printf("      with   %s\n", params);
    print_limits(node);
    if (forecast != NULL)
        printf("      %s%s\n", forecast->stored ? "kept   in the store" : "runs   ",
               forecast->why != NULL ? forecast->why : "");
}

/* What would run, or NULL where that cannot be told; then the reason is on stderr. */
static GPtrArray *forecast(const HoneRegistry *registry, const HonePipeline *pipeline,
                           const HoneCommandOptions *options, const char *folder, const char *backend_name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *program = g_file_read_link("/proc/self/exe", &error);
    g_autoptr(HoneBackendChoice) backend = NULL;
    if (program != NULL && hone_schedule_needs_backend(pipeline, NULL))
        backend = hone_backend_ask(program, backend_name != NULL ? backend_name : "auto", 0,
                                   (const char *const *)options->plugin_path, &error);
    /* No store yet: everything is new. */
    g_autoptr(HoneStore) store = hone_store_open(folder, false, NULL);
    const HoneKeyContext context = {.registry = registry,
                                    .numerics = backend != NULL ? backend->numerics : NULL,
                                    .hash_folder = store != NULL ? hone_store_hash_folder(store) : NULL,
                                    .program = program,
                                    .plugin_path = (const char *const *)options->plugin_path};
    GPtrArray *all = error == NULL ? hone_forecast(store, pipeline, &context, &error) : NULL;
    if (all == NULL)
        hone_complain("what would run cannot be told: %s", error->message);
    return all;
}

int hone_command_plan(int argc, char **argv)
{
    g_auto(HoneCommandOptions) options = {0};
    g_autofree char *folder = NULL, *backend = NULL;
    gboolean as_json = FALSE;
    const GOptionEntry entries[] = {HONE_PIPELINE_OPTIONS(options),
                                    {"store", 's', 0, G_OPTION_ARG_FILENAME, &folder, "Where results are", "FOLDER"},
                                    {"backend", 'b', 0, G_OPTION_ARG_STRING, &backend, "What would compute", "NAME"},
                                    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print the expanded pipeline", NULL},
                                    {NULL}};
    int status;
    if (!hone_command_parse(entries, 1, 1, &argc, &argv, &status))
        return status;
    g_autoptr(HoneRegistry) registry = hone_registry_new((const char *const *)options.plugin_path);
    g_autoptr(HonePipeline) pipeline = hone_command_load(argv[1], &options, registry, false);
    if (pipeline == NULL)
        return HONE_EXIT_USAGE;
    if (as_json) {
        hone_print_json(hone_pipeline_to_json(pipeline));
        return HONE_EXIT_OK;
    }
    printf("%s: %u nodes\n", pipeline->name, pipeline->nodes->len);
    g_autoptr(GPtrArray) forecasts = forecast(registry, pipeline, &options, folder, backend);
    for (guint i = 0; i < pipeline->nodes->len; i++)
        print_node(pipeline->nodes->pdata[i], forecasts != NULL ? forecasts->pdata[i] : NULL);
    return HONE_EXIT_OK;
}

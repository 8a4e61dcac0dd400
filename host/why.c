/* SPDX-License-Identifier: Apache-2.0
 * why.c: compares a node's ingredients with those of its last result.
 */
#include "why.h"
#include "key.h"
#include <hone/stage.h>

char *hone_why(HoneStore *store, const char *pipeline, const char *node, JsonObject *ingredients, const char *skip_run)
{
    g_autoptr(JsonObject) record = store ? hone_run_newest_node(store, pipeline, node, skip_run, NULL) : NULL;
    JsonNode *before = record ? json_object_get_member(record, "ingredients") : NULL;
    if (!before || !JSON_NODE_HOLDS_OBJECT(before))
        return g_strdup("new");
    char *difference = hone_key_difference(json_node_get_object(before), ingredients);
    return difference ? difference : g_strdup("its result is no longer in the store");
}

static void forecast_free(gpointer data)
{
    HoneForecast *forecast = data;
    g_free(forecast->why);
    g_free(forecast);
}

/* Adds the hashes of the inputs; false with `why` set when one of them is not known yet. */
static bool add_inputs(JsonObject *ingredients, const HonePipelineNode *node, const GPtrArray *forecasts,
                       const GPtrArray *results, char **why)
{
    for (guint i = 0; i < node->inputs->len; i++) {
        const HonePipelineInput *input = node->inputs->pdata[i];
        for (guint k = 0; k < input->edges->len; k++) {
            const HonePipelineEdge *edge = input->edges->pdata[k];
            const HoneForecast *before = forecasts->pdata[edge->from->index];
            const HoneStored *stored = results->pdata[edge->from->index];
            const HoneStoredOutput *output =
                before->stored && stored ? hone_stored_output(stored, edge->output->name) : NULL;
            if (!output) {
                *why = g_strdup_printf("after %s", edge->from->name);
                return false;
            }
            hone_key_add_input(ingredients, input->port->name, output->hash);
        }
    }
    return true;
}

static void free_stored(gpointer stored)
{
    hone_stored_free(stored);
}

GPtrArray *hone_forecast(HoneStore *store, const HonePipeline *pipeline, const HoneKeyContext *context, GError **error)
{
    g_autoptr(GPtrArray) forecasts = g_ptr_array_new_with_free_func(forecast_free);
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(free_stored);
    for (guint i = 0; i < pipeline->nodes->len; i++) {
        const HonePipelineNode *node = pipeline->nodes->pdata[i];
        const HoneStageOps *ops = node->component->ops;
        HoneForecast *forecast = g_new0(HoneForecast, 1);
        HoneStored *stored = NULL;
        g_ptr_array_add(forecasts, forecast);
        g_auto(HoneResolution) found = {0};
        g_autoptr(JsonObject) ingredients = hone_key_own_ingredients(node, context, &found, error);
        if (!ingredients)
            return NULL;
        forecast->known = add_inputs(ingredients, node, forecasts, results, &forecast->why);
        if (forecast->known) {
            g_autofree char *key = hone_key_hash(ingredients);
            stored = store ? hone_store_get(store, key, false, NULL) : NULL;
            if (ops->flags & HONE_STAGE_ALWAYS_RUNS)
                forecast->why = g_strdup("runs every time");
            else if (found.absent)
                forecast->why = g_strdup_printf("%s is to be downloaded", found.exact);
            else if (stored)
                forecast->stored = true;
            else
                forecast->why = hone_why(store, pipeline->name, node->name, ingredients, NULL);
        }
        g_ptr_array_add(results, stored);
    }
    return g_steal_pointer(&forecasts);
}

/* SPDX-License-Identifier: Apache-2.0
 * conform.c: the checks that are the same for every kind: parameters are filled, cleared and refused as declared.
 */
#include "conform.h"
#include <hone/json.h>
#include <math.h>
#include <string.h>

void hone_conform_begin(HoneConform *conform, const char *check)
{
    if (conform->begin != NULL)
        conform->begin(conform->data, check);
}

void hone_conform_result(HoneConform *conform, const char *check, HoneConformResult result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    conform->failures += result == HONE_CONFORM_FAILED;
    conform->report(conform->data, check, result, text);
}

/* A value that the parameter takes. */
static JsonNode *some_value(const HoneParam *param, const char *file)
{
    switch (param->type) {
    case HONE_PARAM_BOOL:
        return json_node_init_boolean(json_node_alloc(), FALSE);
    case HONE_PARAM_INT:
        return json_node_init_int(json_node_alloc(), (gint64)CLAMP(1, ceil(param->min), floor(param->max)));
    case HONE_PARAM_NUMBER:
        return json_node_init_double(json_node_alloc(), CLAMP(0.5, param->min, param->max));
    case HONE_PARAM_STRING:
        return json_node_init_string(json_node_alloc(), "text");
    case HONE_PARAM_CHOICE:
        return json_node_init_string(json_node_alloc(), param->choices[0]);
    case HONE_PARAM_PATH:
        return json_node_init_string(json_node_alloc(), file);
    case HONE_PARAM_STRINGS:
    case HONE_PARAM_JSON: {
        g_autoptr(JsonArray) empty = json_array_new();
        return json_node_init_array(json_node_alloc(), empty);
    }
    }
    g_assert_not_reached();
}

JsonObject *hone_conform_params(const HoneComponent *component, const char *file)
{
    JsonObject *params = json_object_new();
    size_t group = 0, index = 0;
    const HoneParam *param;
    while ((param = hone_component_next_param(component, &group, &index, NULL)) != NULL) {
        if (param->fallback == NULL)
            json_object_set_member(params, param->name, some_value(param, file));
    }
    return params;
}

static JsonObject *copy_with(JsonObject *params, const char *name, JsonNode *value)
{
    JsonObject *copy = json_object_new();
    g_autoptr(GList) names = json_object_get_members(params);
    for (GList *l = names; l != NULL; l = l->next)
        json_object_set_member(copy, l->data, json_node_copy(json_object_get_member(params, l->data)));
    json_object_set_member(copy, name, value);
    return copy;
}

/* True where filling the struct with that value is refused, with an error and nothing left in the struct. */
static bool refuses(HoneConform *conform, JsonObject *params, const char *name, JsonNode *value)
{
    const HoneComponent *component = conform->component;
    g_autofree char *instance = g_malloc0(component->instance_size + 1);
    g_autofree char *zeros = g_malloc0(component->instance_size + 1);
    g_autofree char *text = hone_json_text(value);
    g_autoptr(JsonObject) wrong = copy_with(params, name, value);
    g_autoptr(GError) error = NULL;
    if (hone_params_fill(component, wrong, NULL, instance, &error)) {
        hone_params_clear(component, instance);
        hone_conform_result(conform, "refuse", HONE_CONFORM_FAILED, "\"%s\" takes %s", name, text);
        return false;
    }
    if (memcmp(instance, zeros, component->instance_size) != 0) {
        hone_conform_result(conform, "refuse", HONE_CONFORM_FAILED,
                            "\"%s\" refuses %s and leaves the struct half filled", name, text);
        return false;
    }
    return true;
}

static JsonNode *integer(gint64 value)
{
    return json_node_init_int(json_node_alloc(), value);
}

static JsonNode *number(double value)
{
    return json_node_init_double(json_node_alloc(), value);
}

static JsonNode *string(const char *text)
{
    return json_node_init_string(json_node_alloc(), text);
}

static bool refuses_wrong(HoneConform *conform, JsonObject *params, const HoneParam *param)
{
    bool whole = param->type == HONE_PARAM_INT;
    /* Past the range, where the range has an end that a double can step over. */
    if ((whole || param->type == HONE_PARAM_NUMBER) && fabs(param->max) < 1e15 &&
        !refuses(conform, params, param->name, number(param->max + 1 + fabs(param->max) / 2)))
        return false;
    if ((whole || param->type == HONE_PARAM_NUMBER) && fabs(param->min) < 1e15 &&
        !refuses(conform, params, param->name, number(param->min - 1 - fabs(param->min) / 2)))
        return false;
    if (param->type == HONE_PARAM_CHOICE && !refuses(conform, params, param->name, string("no such choice")))
        return false;
    if (param->type == HONE_PARAM_JSON)
        return true;
    bool text = param->type == HONE_PARAM_STRING || param->type == HONE_PARAM_CHOICE || param->type == HONE_PARAM_PATH;
    return refuses(conform, params, param->name, text ? integer(1) : string("text"));
}

static void check_refusals(HoneConform *conform, JsonObject *params)
{
    hone_conform_begin(conform, "refuse");
    if (!refuses(conform, params, "no_such_parameter", integer(1)))
        return;
    guint n = 0;
    size_t group = 0, index = 0;
    const HoneParam *param;
    while ((param = hone_component_next_param(conform->component, &group, &index, NULL)) != NULL) {
        if (!refuses_wrong(conform, params, param))
            return;
        n++;
    }
    hone_conform_result(conform, "refuse", HONE_CONFORM_PASSED,
                        "unknown names and wrong values are refused (%u parameters)", n);
}

void hone_conform_parameters(HoneConform *conform)
{
    const HoneComponent *component = conform->component;
    hone_conform_begin(conform, "fill");
    g_autoptr(JsonObject) params = hone_conform_params(component, "/");
    g_autofree char *instance = g_malloc0(component->instance_size + 1);
    g_autoptr(GError) error = NULL;
    for (int i = 0; i < 100; i++) {
        if (!hone_params_fill(component, params, NULL, instance, &error)) {
            hone_conform_result(conform, "fill", HONE_CONFORM_FAILED, "%s", error->message);
            return;
        }
        hone_params_clear(component, instance);
    }
    hone_conform_result(conform, "fill", HONE_CONFORM_PASSED, "the defaults fill the struct, 100 times over");
    check_refusals(conform, params);
}

bool hone_conform_run(HoneConform *conform)
{
    hone_conform_parameters(conform);
    switch (conform->component->kind) {
    case HONE_STAGE:
        hone_conform_stage(conform);
        break;
    case HONE_METRIC:
        hone_conform_metric(conform);
        break;
    case HONE_REWARD:
        hone_conform_reward(conform);
        break;
    case HONE_TRACKER:
        hone_conform_tracker(conform);
        break;
    case HONE_OBJECTIVE:
        hone_conform_objective(conform);
        break;
    case HONE_BACKEND:
        hone_conform_backend(conform);
        break;
    }
    return conform->failures == 0;
}

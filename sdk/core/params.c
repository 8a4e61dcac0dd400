/* SPDX-License-Identifier: Apache-2.0
 * params.c: from a component's table and a JSON object to its filled struct.
 */
#include "params_private.h"
#include <hone/file.h>
#include <hone/hub.h>
#include <hone/json.h>
#include <string.h>

const HoneParam *hone_component_next_param(const HoneComponent *component, size_t *group, size_t *index, size_t *base)
{
    g_return_val_if_fail(component != NULL, NULL);
    if (component->params == NULL)
        return NULL;
    for (; component->params[*group].params != NULL; (*group)++, *index = 0) {
        const HoneParamGroup *g = &component->params[*group];
        const HoneParam *param = (const HoneParam *)((const char *)g->params + *index * g->param_size);
        if (param->name == NULL)
            continue;
        (*index)++;
        if (base != NULL)
            *base = g->base;
        return param;
    }
    return NULL;
}

const HoneParam *hone_component_find_param(const HoneComponent *component, const char *name)
{
    size_t group = 0, index = 0;
    const HoneParam *param;
    while ((param = hone_component_next_param(component, &group, &index, NULL)) != NULL) {
        if (strcmp(param->name, name) == 0)
            return param;
    }
    return NULL;
}

void hone_problem_free(HoneProblem *problem)
{
    if (problem == NULL)
        return;
    g_free(problem->pointer);
    g_free(problem->message);
    g_free(problem);
}

static void add_problem(GPtrArray *problems, char *pointer, char *message)
{
    HoneProblem *problem = g_new(HoneProblem, 1);
    problem->pointer = pointer;
    problem->message = message;
    g_ptr_array_add(problems, problem);
}

/* "/name" with the two characters that a JSON pointer escapes. */
static char *name_pointer(const char *name)
{
    GString *pointer = g_string_new("/");
    for (const char *c = name; *c != 0; c++)
        g_string_append(pointer, *c == '~' ? "~0" : *c == '/' ? "~1" : (const char[]){*c, 0});
    return g_string_free(pointer, FALSE);
}

static char *unknown_message(const HoneComponent *component, const char *name)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    size_t group = 0, index = 0;
    const HoneParam *param;
    while ((param = hone_component_next_param(component, &group, &index, NULL)) != NULL)
        g_ptr_array_add(names, (gpointer)param->name);
    const char *near = hone_nearest(name, (const char *const *)names->pdata, names->len);
    GString *message = g_string_new(NULL);
    g_string_printf(message, "%s \"%s\" has no parameter \"%s\"", hone_kind_name(component->kind), component->name,
                    name);
    if (near != NULL)
        g_string_append_printf(message, "; did you mean \"%s\"?", near);
    else if (names->len == 0)
        g_string_append(message, "; it has none");
    else
        g_string_append_printf(message, "; hone inspect %s lists them", component->name);
    return g_string_free(message, FALSE);
}

static bool check_all(const HoneComponent *component, JsonObject *params, const char *folder, GPtrArray *problems)
{
    guint before = problems->len;
    if (params != NULL) {
        g_autoptr(GList) names = json_object_get_members(params);
        for (GList *l = names; l != NULL; l = l->next) {
            const HoneParam *param = hone_component_find_param(component, l->data);
            if (param == NULL)
                add_problem(problems, name_pointer(l->data), unknown_message(component, l->data));
            else
                hone_param_check_value(param, json_object_get_member(params, l->data), folder, problems);
        }
    }
    size_t group = 0, index = 0;
    const HoneParam *param;
    while ((param = hone_component_next_param(component, &group, &index, NULL)) != NULL) {
        if (param->fallback == NULL && (params == NULL || !json_object_has_member(params, param->name)))
            add_problem(problems, name_pointer(param->name),
                        g_strdup_printf("%s \"%s\" needs the parameter \"%s\": %s", hone_kind_name(component->kind),
                                        component->name, param->name, param->help));
    }
    return problems->len == before;
}

bool hone_params_check(const HoneComponent *component, JsonObject *params, const char *folder, GPtrArray *problems)
{
    g_return_val_if_fail(component != NULL && problems != NULL, false);
    return check_all(component, params, folder, problems);
}

/* A copy of the value in the one form that its type has, so that 2, 2.0 and 2e0 name the same result. */
static JsonNode *normal_value(const HoneParam *param, JsonNode *value)
{
    if (JSON_NODE_HOLDS_VALUE(value) && param->type == HONE_PARAM_NUMBER)
        return json_node_init_double(json_node_alloc(), json_node_get_double(value));
    if (JSON_NODE_HOLDS_VALUE(value) && param->type == HONE_PARAM_INT &&
        json_node_get_value_type(value) != G_TYPE_INT64)
        return json_node_init_int(json_node_alloc(), (gint64)json_node_get_double(value));
    /* A copy of an array or an object shares it; both are only read from here on. */
    return json_node_copy(value);
}

static char **string_list(JsonNode *value)
{
    JsonArray *array = json_node_get_array(value);
    guint n = json_array_get_length(array);
    char **list = g_new0(char *, n + 1);
    for (guint i = 0; i < n; i++)
        list[i] = g_strdup(json_array_get_string_element(array, i));
    return list;
}

/* Absolute; a hub's name as written. */
static char *path_value(const HoneParam *param, const char *text, const char *folder)
{
    char *path = hone_param_absolute(text, folder);
    if ((param->flags & HONE_PARAM_MAY_BE_HUB) == 0 || !hone_hub_is_meant(text, path))
        return path;
    g_free(path);
    return g_strdup(text);
}

/* Puts a checked value into its field. */
static void fill_field(const HoneParam *param, JsonNode *value, const char *folder, void *field)
{
    bool null = JSON_NODE_HOLDS_NULL(value);
    switch (param->type) {
    case HONE_PARAM_BOOL:
        *(bool *)field = json_node_get_boolean(value);
        return;
    case HONE_PARAM_INT:
        *(int64_t *)field = json_node_get_int(value);
        return;
    case HONE_PARAM_NUMBER:
        *(double *)field = json_node_get_double(value);
        return;
    case HONE_PARAM_STRING:
    case HONE_PARAM_CHOICE:
        *(char **)field = null ? NULL : g_strdup(json_node_get_string(value));
        return;
    case HONE_PARAM_PATH:
        *(char **)field = null ? NULL : path_value(param, json_node_get_string(value), folder);
        return;
    case HONE_PARAM_STRINGS:
        *(char ***)field = string_list(value);
        return;
    case HONE_PARAM_JSON:
        *(JsonNode **)field = null ? NULL : json_node_copy(value);
        return;
    }
    g_assert_not_reached();
}

/* The user's value or the default, in normal form. */
static JsonNode *value_of(const HoneParam *param, JsonObject *params)
{
    if (params != NULL && json_object_has_member(params, param->name))
        return normal_value(param, json_object_get_member(params, param->name));
    g_autoptr(JsonNode) fallback = hone_param_fallback(param);
    g_assert(fallback != NULL); /* checked: not required, and the descriptor was validated */
    return normal_value(param, fallback);
}

bool hone_params_fill(const HoneComponent *component, JsonObject *params, const char *folder, void *instance,
                      GError **error)
{
    g_return_val_if_fail(component != NULL && (instance != NULL || component->instance_size == 0), false);
    if (component->instance_size > 0)
        memset(instance, 0, component->instance_size);
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func((GDestroyNotify)hone_problem_free);
    if (!check_all(component, params, folder, problems)) {
        const HoneProblem *first = problems->pdata[0];
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: params%s: %s", component->name, first->pointer,
                    first->message);
        return false;
    }
    size_t group = 0, index = 0, base = 0;
    const HoneParam *param;
    while ((param = hone_component_next_param(component, &group, &index, &base)) != NULL) {
        g_autoptr(JsonNode) value = value_of(param, params);
        fill_field(param, value, folder, (char *)instance + base + param->offset);
    }
    return true;
}

void hone_params_clear(const HoneComponent *component, void *instance)
{
    g_return_if_fail(component != NULL);
    if (instance == NULL || component->instance_size == 0)
        return;
    size_t group = 0, index = 0, base = 0;
    const HoneParam *param;
    while ((param = hone_component_next_param(component, &group, &index, &base)) != NULL) {
        void *field = (char *)instance + base + param->offset;
        if (param->type == HONE_PARAM_STRING || param->type == HONE_PARAM_CHOICE || param->type == HONE_PARAM_PATH)
            g_free(*(char **)field);
        else if (param->type == HONE_PARAM_STRINGS)
            g_strfreev(*(char ***)field);
        else if (param->type == HONE_PARAM_JSON && *(JsonNode **)field != NULL)
            json_node_unref(*(JsonNode **)field);
    }
    memset(instance, 0, component->instance_size);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const HoneParam *const *)a)->name, (*(const HoneParam *const *)b)->name);
}

JsonObject *hone_params_resolve(const HoneComponent *component, JsonObject *params, bool for_key)
{
    g_return_val_if_fail(component != NULL, NULL);
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    size_t group = 0, index = 0;
    const HoneParam *param;
    while ((param = hone_component_next_param(component, &group, &index, NULL)) != NULL) {
        if (!for_key || (param->flags & HONE_PARAM_NO_KEY) == 0)
            g_ptr_array_add(sorted, (gpointer)param);
    }
    g_ptr_array_sort(sorted, compare_names);
    JsonObject *resolved = json_object_new();
    for (guint i = 0; i < sorted->len; i++) {
        const HoneParam *p = sorted->pdata[i];
        json_object_set_member(resolved, p->name, value_of(p, params));
    }
    return resolved;
}

/* SPDX-License-Identifier: Apache-2.0
 * draft_params.c: a draft's parameters against its stage's table, for every value that a matrix gives them.
 */
#include "draft.h"
#include <hone/json.h>
#include <hone/reward.h>
#include <string.h>

JsonObject *hone_draft_params(const HoneDraft *draft, const guint *choice)
{
    JsonObject *params = json_object_new();
    g_autoptr(GList) names = json_object_get_members(draft->params);
    for (GList *l = names; l != NULL; l = l->next)
        json_object_set_member(params, l->data, json_node_copy(json_object_get_member(draft->params, l->data)));
    for (guint a = 0; a < draft->axes->len; a++) {
        const HoneDraftAxis *axis = draft->axes->pdata[a];
        json_object_set_member(params, axis->param, json_node_copy(json_array_get_element(axis->values, choice[a])));
    }
    return params;
}

void hone_draft_variants(HoneDraft *draft, void (*visit)(HoneDraft *draft, const guint *choice, void *data), void *data)
{
    g_autofree guint *choice = g_new0(guint, draft->axes->len + 1);
    visit(draft, choice, data);
    for (guint a = 0; a < draft->axes->len; a++) {
        guint n = json_array_get_length(((const HoneDraftAxis *)draft->axes->pdata[a])->values);
        for (choice[a] = 1; choice[a] < n; choice[a]++)
            visit(draft, choice, data);
        choice[a] = 0;
    }
}

/* Pointer of the parameter's value in the file: in "params", or in the matrix for one on an axis. `rest` is set to what
 * lies below the parameter. */
static char *param_pointer(const HoneDraft *draft, const guint *choice, const char *below)
{
    const char *rest = strchr(below + 1, '/');
    g_autofree char *first = rest != NULL ? g_strndup(below + 1, (gsize)(rest - below - 1)) : g_strdup(below + 1);
    for (guint a = 0; a < draft->axes->len; a++) {
        const HoneDraftAxis *axis = draft->axes->pdata[a];
        if (strcmp(axis->param, first) == 0)
            return g_strdup_printf("%s/matrix/%s/%u%s", draft->source->pointer, first, choice[a],
                                   rest != NULL ? rest : "");
    }
    return g_strdup_printf("%s/params%s", draft->source->pointer, below);
}

static const HoneSet *find_set(const HoneDraft *draft, const char *below)
{
    const char *end = strchr(below + 1, '/');
    g_autofree char *first = end != NULL ? g_strndup(below + 1, (gsize)(end - below - 1)) : g_strdup(below + 1);
    return g_hash_table_lookup(draft->source->sets, first);
}

HonePlace hone_draft_param_place(const HoneDraft *draft, const guint *choice, const char *below, bool name)
{
    const HoneSet *set = find_set(draft, below);
    if (set != NULL)
        return (HonePlace){.file = set->text};
    g_autofree char *pointer = param_pointer(draft, choice, below);
    /* The name of a value in the matrix is that of its axis. */
    g_autofree char *axis = name && strstr(pointer, "/matrix/") != NULL ? g_path_get_dirname(pointer) : NULL;
    const HoneJsonText *text = draft->source->file->text;
    if (name)
        return hone_json_text_name(text, axis != NULL ? axis : pointer);
    return hone_json_text_value(text, pointer);
}

/* ` (from "${rank}")` where the file has a variable there, or "". Caller frees. */
static char *origin_text(const HoneDraft *draft, const char *below)
{
    JsonNode *params = json_object_get_member(json_node_get_object(draft->source->value), "params");
    if (params == NULL || !JSON_NODE_HOLDS_OBJECT(params) || find_set(draft, below) != NULL)
        return g_strdup("");
    const char *end = strchr(below + 1, '/');
    g_autofree char *first = end != NULL ? g_strndup(below + 1, (gsize)(end - below - 1)) : g_strdup(below + 1);
    JsonNode *value = json_object_get_member(json_node_get_object(params), first);
    if (value == NULL || !hone_json_is_string(value) || strstr(json_node_get_string(value), "${") == NULL)
        return g_strdup("");
    return g_strdup_printf(" (from \"%s\")", json_node_get_string(value));
}

typedef struct {
    const HoneRegistry *registry;
    const HonePipelineOptions *options;
    HoneMistakes *mistakes;
} ParamCheck;

/* Every string of a parameter that names metrics must name one. */
static void check_metrics(HoneDraft *draft, const guint *choice, JsonObject *params, const ParamCheck *check)
{
    size_t group = 0, index = 0;
    const HoneParam *param;
    while ((param = hone_component_next_param(draft->entry->component, &group, &index, NULL)) != NULL) {
        if ((param->flags & HONE_PARAM_NAMES_METRICS) == 0)
            continue;
        g_autoptr(JsonNode) fallback =
            param->fallback != NULL ? hone_json_parse(param->fallback, strlen(param->fallback), NULL, NULL) : NULL;
        JsonNode *value =
            json_object_has_member(params, param->name) ? json_object_get_member(params, param->name) : fallback;
        if (value == NULL || !JSON_NODE_HOLDS_ARRAY(value))
            continue;
        JsonArray *names = json_node_get_array(value);
        for (guint i = 0; i < json_array_get_length(names); i++) {
            g_autoptr(GError) error = NULL;
            JsonNode *name = json_array_get_element(names, i);
            if (!hone_json_is_string(name) ||
                hone_registry_find(check->registry, HONE_METRIC, json_node_get_string(name), &error) != NULL)
                continue;
            g_autofree char *below = g_strdup_printf("/%s/%u", param->name, i);
            hone_mistakes_add(check->mistakes, hone_draft_param_place(draft, choice, below, false), "%s",
                              error->message);
            draft->faulty = true;
        }
    }
}

static void reward_mistake(HoneDraft *draft, const guint *choice, const ParamCheck *check, const char *below,
                           const char *message)
{
    hone_mistakes_add(check->mistakes, hone_draft_param_place(draft, choice, below, false), "%s", message);
    draft->faulty = true;
}

/* One element of a list of rewards, at `below`: its form, its name, its own parameters. */
static void check_reward(HoneDraft *draft, const guint *choice, JsonNode *element, const char *below,
                         const ParamCheck *check)
{
    g_autoptr(GError) error = NULL;
    HoneRewardUse use;
    const HoneEntry *entry = hone_reward_use_read(element, &use, &error)
                                 ? hone_registry_find(check->registry, HONE_REWARD, use.name, &error)
                                 : NULL;
    if (entry == NULL) {
        reward_mistake(draft, choice, check, below, error->message);
        return;
    }
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func((GDestroyNotify)hone_problem_free);
    bool look = check->options == NULL || !check->options->skip_files;
    hone_params_check(entry->component, use.params, look ? draft->source->file->folder : NULL, problems);
    for (guint i = 0; i < problems->len; i++) {
        const HoneProblem *problem = problems->pdata[i];
        g_autofree char *message = g_strdup_printf("reward \"%s\": %s", use.name, problem->message);
        g_autofree char *at = use.params != NULL && json_object_has_member(use.params, problem->pointer + 1)
                                  ? g_strdup_printf("%s/params%s", below, problem->pointer)
                                  : g_strdup(below);
        reward_mistake(draft, choice, check, at, message);
    }
}

static void check_rewards(HoneDraft *draft, const guint *choice, JsonObject *params, const ParamCheck *check)
{
    size_t group = 0, index = 0;
    const HoneParam *param;
    while ((param = hone_component_next_param(draft->entry->component, &group, &index, NULL)) != NULL) {
        JsonNode *value =
            json_object_has_member(params, param->name) ? json_object_get_member(params, param->name) : NULL;
        if ((param->flags & HONE_PARAM_NAMES_REWARDS) == 0 || value == NULL)
            continue;
        g_autofree char *own = g_strdup_printf("/%s", param->name);
        if (!JSON_NODE_HOLDS_ARRAY(value) || json_array_get_length(json_node_get_array(value)) == 0) {
            g_autofree char *message = g_strdup_printf("\"%s\" must be a list of rewards: [\"length\"]", param->name);
            reward_mistake(draft, choice, check, own, message);
            continue;
        }
        JsonArray *list = json_node_get_array(value);
        for (guint i = 0; i < json_array_get_length(list); i++) {
            g_autofree char *below = g_strdup_printf("%s/%u", own, i);
            check_reward(draft, choice, json_array_get_element(list, i), below, check);
        }
    }
}

static bool is_broken(const HoneDraft *draft, const guint *choice, const char *below)
{
    g_autofree char *pointer = param_pointer(draft, choice, below);
    return g_hash_table_contains(draft->broken, pointer);
}

static void check_params(HoneDraft *draft, const guint *choice, void *data)
{
    const ParamCheck *check = data;
    const HoneComponent *component = draft->entry->component;
    if (hone_mistakes_full(check->mistakes))
        return;
    g_autoptr(JsonObject) params = hone_draft_params(draft, choice);
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func((GDestroyNotify)hone_problem_free);
    bool has_params = json_object_has_member(draft->object, "params");
    bool look = check->options == NULL || !check->options->skip_files;
    hone_params_check(component, params, look ? draft->source->file->folder : NULL, problems);
    for (guint i = 0; i < problems->len; i++) {
        const HoneProblem *problem = problems->pdata[i];
        draft->faulty = true;
        if (is_broken(draft, choice, problem->pointer))
            continue;
        g_autofree char *origin = origin_text(draft, problem->pointer);
        bool unknown = strchr(problem->pointer + 1, '/') == NULL &&
                       hone_component_find_param(component, problem->pointer + 1) == NULL;
        HonePlace place = hone_draft_param_place(draft, choice, problem->pointer, unknown);
        if (!unknown && !json_object_has_member(params, problem->pointer + 1) && !has_params)
            place = hone_draft_place(draft); /* required, and there is no "params" to point at */
        hone_mistakes_add(check->mistakes, place, "%s%s", problem->message, origin);
    }
    check_metrics(draft, choice, params, check);
    check_rewards(draft, choice, params, check);
}

void hone_draft_check_params(HoneDraft *draft, const HoneRegistry *registry, const HonePipelineOptions *options,
                             HoneMistakes *mistakes)
{
    ParamCheck check = {.registry = registry, .options = options, .mistakes = mistakes};
    hone_draft_variants(draft, check_params, &check);
}

/* SPDX-License-Identifier: Apache-2.0
 * key.c: ingredients of a node's key, and what differs between two of them.
 */
#include "key.h"
#include <errno.h>
#include <hone/file.h>
#include <hone/reward.h>
#include <hone/stage.h>
#include <string.h>
#include <sys/stat.h>

#define FOLDER_FILES 100000
#define FOLDER_DEPTH 32
#define SHOWN_VALUE 60

static int by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Adds "RELATIVE HASH" for each file below, in the order of names. */
static bool list_folder(const char *path, const char *relative, const char *hash_folder, unsigned depth,
                        GPtrArray *lines, GError **error)
{
    g_autoptr(GError) unreadable = NULL;
    g_autoptr(GDir) dir = g_dir_open(path, 0, &unreadable);
    if (!dir) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s", unreadable->message);
        return false;
    }
    for (const char *name = g_dir_read_name(dir); name; name = g_dir_read_name(dir)) {
        g_autofree char *below = g_build_filename(path, name, NULL);
        g_autofree char *shown = relative[0] ? g_build_filename(relative, name, NULL) : g_strdup(name);
        struct stat st;
        if (lstat(below, &st) == 0 && S_ISLNK(st.st_mode) && (stat(below, &st) != 0 || !S_ISREG(st.st_mode)))
            continue; /* a link to a folder may lead in a circle */
        if (S_ISDIR(st.st_mode)) {
            if (depth == FOLDER_DEPTH) {
                g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: folders nested too deep", below);
                return false;
            }
            if (!list_folder(below, shown, hash_folder, depth + 1, lines, error))
                return false;
        } else if (S_ISREG(st.st_mode)) {
            if (lines->len == FOLDER_FILES) {
                g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: more than %d files in this folder", path,
                            FOLDER_FILES);
                return false;
            }
            g_autofree char *hash = hone_file_hash_cached(below, hash_folder, error);
            if (!hash)
                return false;
            g_ptr_array_add(lines, g_strdup_printf("%s %s\n", shown, hash));
        }
    }
    return true;
}

/* Names what is at `path` by its content. NULL without an error: nothing is there. */
static char *hash_path(const char *path, const char *hash_folder, GError **error)
{
    struct stat st;
    if (stat(path, &st) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return NULL;
    if (!g_file_test(path, G_FILE_TEST_IS_DIR))
        return hone_file_hash_cached(path, hash_folder, error);
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    if (!list_folder(path, "", hash_folder, 0, lines, error))
        return NULL;
    g_ptr_array_sort(lines, by_text);
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    for (guint i = 0; i < lines->len; i++)
        g_checksum_update(checksum, lines->pdata[i], -1);
    return g_strdup(g_checksum_get_string(checksum));
}

/* Files that a JSON parameter names somewhere inside ("metric_params": {"json_schema": {"schema": "x.json"}}). Nothing
 * says which of its texts are paths, so each that names a file counts: too many are better than a stale result. */
static bool add_inner_files(const HonePipelineNode *node, JsonNode *value, const char *where, JsonObject *files,
                            const char *hash_folder, GError **error)
{
    if (JSON_NODE_HOLDS_OBJECT(value)) {
        g_autoptr(GList) names = json_object_get_members(json_node_get_object(value));
        for (GList *l = names; l; l = l->next) {
            g_autofree char *below = g_strdup_printf("%s/%s", where, (char *)l->data);
            JsonNode *member = json_object_get_member(json_node_get_object(value), l->data);
            if (!add_inner_files(node, member, below, files, hash_folder, error))
                return false;
        }
    } else if (JSON_NODE_HOLDS_ARRAY(value)) {
        JsonArray *array = json_node_get_array(value);
        for (guint i = 0; i < json_array_get_length(array); i++) {
            g_autofree char *below = g_strdup_printf("%s/%u", where, i);
            if (!add_inner_files(node, json_array_get_element(array, i), below, files, hash_folder, error))
                return false;
        }
    } else if (JSON_NODE_HOLDS_VALUE(value) && json_node_get_value_type(value) == G_TYPE_STRING) {
        g_autofree char *path = g_canonicalize_filename(json_node_get_string(value), node->folder);
        if (!g_file_test(path, G_FILE_TEST_IS_REGULAR))
            return true;
        g_autofree char *hash = hone_file_hash_cached(path, hash_folder, error);
        if (!hash) {
            g_prefix_error(error, "%s: parameter \"%s\": ", node->name, where);
            return false;
        }
        json_object_set_string_member(files, where, hash);
    }
    return true;
}

/* Paths become absolute in `params`, and `files` gets the hash of what they name. */
static bool add_files(const HonePipelineNode *node, JsonObject *params, JsonObject *files,
                      const HoneKeyContext *context, HoneResolution *found, GError **error)
{
    const char *hash_folder = context->hash_folder;
    const HoneParam *of_hub = hone_resolve_param(node->component, params, node->folder);
    if (of_hub) {
        if (!hone_resolve_ask(node, context->program, context->plugin_path, found, error))
            return false;
        json_object_set_string_member(files, of_hub->name, found->exact);
    }
    size_t group = 0, index = 0, base;
    const HoneParam *param;
    while ((param = hone_component_next_param(node->component, &group, &index, &base))) {
        JsonNode *value = json_object_get_member(params, param->name);
        if (param->type == HONE_PARAM_JSON && value &&
            !add_inner_files(node, value, param->name, files, hash_folder, error))
            return false;
        if (param->type != HONE_PARAM_PATH || param == of_hub || !value ||
            json_node_get_value_type(value) != G_TYPE_STRING)
            continue;
        g_autofree char *path = g_canonicalize_filename(json_node_get_string(value), node->folder);
        g_autoptr(GError) problem = NULL;
        g_autofree char *hash = hash_path(path, hash_folder, &problem);
        if (problem) {
            g_propagate_prefixed_error(error, g_steal_pointer(&problem), "%s: parameter \"%s\": ", node->name,
                                       param->name);
            return false;
        }
        if (!hash && !(param->flags & HONE_PARAM_MAY_BE_ABSENT)) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "%s: parameter \"%s\": %s is not there", node->name,
                        param->name, path);
            return false;
        }
        json_object_set_string_member(params, param->name, path);
        if (hash)
            json_object_set_string_member(files, param->name, hash);
        else
            json_object_set_null_member(files, param->name);
    }
    return true;
}

/* The versions of the metrics that parameters name: their code makes the result as much as the stage's does. */
static bool add_metrics(const HonePipelineNode *node, const HoneRegistry *registry, JsonObject *params,
                        JsonObject *metrics, GError **error)
{
    size_t group = 0, index = 0, base;
    const HoneParam *param;
    while ((param = hone_component_next_param(node->component, &group, &index, &base))) {
        JsonNode *value = json_object_get_member(params, param->name);
        if (!(param->flags & HONE_PARAM_NAMES_METRICS) || !value || !JSON_NODE_HOLDS_ARRAY(value))
            continue;
        JsonArray *names = json_node_get_array(value);
        for (guint i = 0; i < json_array_get_length(names); i++) {
            const char *name = json_array_get_string_element(names, i);
            const HoneEntry *entry = hone_registry_find(registry, HONE_METRIC, name, error);
            if (!entry)
                return false;
            json_object_set_string_member(metrics, name, entry->component->version);
        }
    }
    return true;
}

/* Those of the rewards, as of the metrics. */
static bool add_rewards(const HonePipelineNode *node, const HoneRegistry *registry, JsonObject *params,
                        JsonObject *rewards, GError **error)
{
    size_t group = 0, index = 0, base;
    const HoneParam *param;
    while ((param = hone_component_next_param(node->component, &group, &index, &base))) {
        JsonNode *value = json_object_get_member(params, param->name);
        if (!(param->flags & HONE_PARAM_NAMES_REWARDS) || !value || !JSON_NODE_HOLDS_ARRAY(value))
            continue;
        JsonArray *list = json_node_get_array(value);
        for (guint i = 0; i < json_array_get_length(list); i++) {
            HoneRewardUse use;
            const HoneEntry *entry = hone_reward_use_read(json_array_get_element(list, i), &use, error)
                                         ? hone_registry_find(registry, HONE_REWARD, use.name, error)
                                         : NULL;
            if (!entry)
                return false;
            json_object_set_string_member(rewards, use.name, entry->component->version);
        }
    }
    return true;
}

JsonObject *hone_key_own_ingredients(const HonePipelineNode *node, const HoneKeyContext *context, HoneResolution *found,
                                     GError **error)
{
    *found = (HoneResolution){.size = sizeof *found};
    const HoneComponent *component = node->component;
    const HoneStageOps *ops = component->ops;
    g_autoptr(JsonObject) params = hone_params_resolve(component, node->params, true);
    g_autoptr(JsonObject) files = json_object_new(), metrics = json_object_new();
    g_autoptr(JsonObject) rewards = json_object_new();
    if (!add_metrics(node, context->registry, params, metrics, error) ||
        !add_rewards(node, context->registry, params, rewards, error) ||
        !add_files(node, params, files, context, found, error))
        return NULL;
    JsonObject *ingredients = json_object_new();
    json_object_set_int_member(ingredients, "abi", HONE_ABI_MAJOR);
    json_object_set_string_member(ingredients, "stage", component->name);
    json_object_set_string_member(ingredients, "plugin", node->plugin->plugin->name);
    json_object_set_string_member(ingredients, "version", component->version);
    json_object_set_object_member(ingredients, "params", g_steal_pointer(&params));
    json_object_set_object_member(ingredients, "files", g_steal_pointer(&files));
    if (json_object_get_size(metrics) > 0)
        json_object_set_object_member(ingredients, "metrics", g_steal_pointer(&metrics));
    if (json_object_get_size(rewards) > 0)
        json_object_set_object_member(ingredients, "rewards", g_steal_pointer(&rewards));
    if (ops->flags & HONE_STAGE_USES_BACKEND)
        json_object_set_string_member(ingredients, "numerics", context->numerics ? context->numerics : "");
    json_object_set_object_member(ingredients, "inputs", json_object_new());
    return ingredients;
}

void hone_key_add_input(JsonObject *ingredients, const char *port, const char *hash)
{
    JsonObject *inputs = json_object_get_object_member(ingredients, "inputs");
    if (!json_object_has_member(inputs, port))
        json_object_set_array_member(inputs, port, json_array_new());
    json_array_add_string_element(json_object_get_array_member(inputs, port), hash);
}

char *hone_key_hash(JsonObject *ingredients)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    json_node_set_object(node, ingredients);
    g_autofree char *text = hone_json_canonical(node);
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

/* ---- What changed. ---- */

static char *value_text(JsonNode *value)
{
    g_autofree char *text = value ? hone_json_canonical(value) : g_strdup("absent");
    if (g_utf8_strlen(text, -1) <= SHOWN_VALUE)
        return g_steal_pointer(&text);
    g_autofree char *start = g_utf8_substring(text, 0, SHOWN_VALUE);
    return g_strdup_printf("%s…", start);
}

static bool same(JsonNode *a, JsonNode *b)
{
    if (!a || !b)
        return a == b;
    g_autofree char *x = hone_json_canonical(a), *y = hone_json_canonical(b);
    return g_str_equal(x, y);
}

static JsonObject *member_object(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

/* Names of members that differ between two objects (either may be NULL), sorted. */
static GPtrArray *differing(JsonObject *before, JsonObject *now)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    JsonObject *const both[] = {now, before};
    for (int side = 0; side < 2; side++) {
        g_autoptr(GList) members = both[side] ? json_object_get_members(both[side]) : NULL;
        for (GList *l = members; l; l = l->next) {
            JsonNode *old = before ? json_object_get_member(before, l->data) : NULL;
            JsonNode *new = now ? json_object_get_member(now, l->data) : NULL;
            if (!same(old, new) && !g_ptr_array_find_with_equal_func(names, l->data, g_str_equal, NULL))
                g_ptr_array_add(names, g_strdup(l->data));
        }
    }
    g_ptr_array_sort(names, by_text);
    return names;
}

static char *changed_value(const char *name, JsonNode *before, JsonNode *now, guint more)
{
    g_autofree char *old = value_text(before), *new = value_text(now);
    g_autofree char *rest = more > 0 ? g_strdup_printf(" (and %u more)", more) : g_strdup("");
    return g_strdup_printf("%s: %s -> %s%s", name, old, new, rest);
}

/* What a hub's name stands for, rather than a hash. */
static bool is_name(JsonNode *value)
{
    return value && json_node_get_value_type(value) == G_TYPE_STRING && strchr(json_node_get_string(value), '/');
}

char *hone_key_difference(JsonObject *before, JsonObject *now)
{
    static const char *const plain[] = {"stage", "plugin", "version", "abi"};
    for (size_t i = 0; i < G_N_ELEMENTS(plain); i++) {
        JsonNode *old = json_object_get_member(before, plain[i]), *new = json_object_get_member(now, plain[i]);
        if (!same(old, new))
            return changed_value(plain[i], old, new, 0);
    }
    JsonObject *old_params = member_object(before, "params"), *new_params = member_object(now, "params");
    g_autoptr(GPtrArray) params = differing(old_params, new_params);
    if (params->len > 0) {
        const char *name = params->pdata[0];
        return changed_value(name, old_params ? json_object_get_member(old_params, name) : NULL,
                             new_params ? json_object_get_member(new_params, name) : NULL, params->len - 1);
    }
    g_autoptr(GPtrArray) files = differing(member_object(before, "files"), member_object(now, "files"));
    if (files->len > 0) {
        JsonObject *old_files = member_object(before, "files"), *new_files = member_object(now, "files");
        JsonNode *old = old_files ? json_object_get_member(old_files, files->pdata[0]) : NULL;
        JsonNode *new = new_files ? json_object_get_member(new_files, files->pdata[0]) : NULL;
        if (is_name(old) && is_name(new))
            return changed_value(files->pdata[0], old, new, 0);
        const char *path =
            new_params ? json_object_get_string_member_with_default(new_params, files->pdata[0], NULL) : NULL;
        g_autofree char *base = path ? g_path_get_basename(path) : NULL;
        return g_strdup_printf("%s: the content of %s changed", (char *)files->pdata[0], base ? base : "the file");
    }
    static const char *const used[][2] = {{"metrics", "metric"}, {"rewards", "reward"}};
    for (size_t i = 0; i < G_N_ELEMENTS(used); i++) {
        JsonObject *was = member_object(before, used[i][0]), *is = member_object(now, used[i][0]);
        g_autoptr(GPtrArray) names = differing(was, is);
        if (names->len == 0)
            continue;
        g_autofree char *name = g_strdup_printf("version of %s %s", used[i][1], (char *)names->pdata[0]);
        return changed_value(name, was ? json_object_get_member(was, names->pdata[0]) : NULL,
                             is ? json_object_get_member(is, names->pdata[0]) : NULL, names->len - 1);
    }
    JsonNode *old = json_object_get_member(before, "numerics"), *new = json_object_get_member(now, "numerics");
    if (!same(old, new))
        return changed_value("backend numerics", old, new, 0);
    g_autoptr(GPtrArray) inputs = differing(member_object(before, "inputs"), member_object(now, "inputs"));
    if (inputs->len > 0)
        return g_strdup_printf("input %s changed", (char *)inputs->pdata[0]);
    return NULL;
}

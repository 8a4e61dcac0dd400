/* SPDX-License-Identifier: Apache-2.0
 * locate.c: from a node's name to its newest result.
 */
#include "locate.h"
#include <string.h>

/* All names of nodes that some run finished, for a suggestion. */
static GPtrArray *known_names(HoneStore *store)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) ids = hone_run_list(store);
    for (guint i = 0; i < ids->len && i < 50; i++) {
        g_autoptr(JsonObject) run = hone_run_read(store, ids->pdata[i], NULL);
        g_autoptr(GList) members = run ? json_object_get_members(json_object_get_object_member(run, "nodes")) : NULL;
        for (GList *l = members; l; l = l->next) {
            if (!g_ptr_array_find_with_equal_func(names, l->data, g_str_equal, NULL))
                g_ptr_array_add(names, g_strdup(l->data));
        }
    }
    return names;
}

static JsonObject *find_record(HoneStore *store, const char *node, const char *run, GError **error)
{
    if (!run)
        return hone_run_newest_node(store, NULL, node, NULL, NULL);
    g_autoptr(JsonObject) record = hone_run_read(store, run, error);
    if (!record)
        return NULL;
    JsonNode *found = json_object_get_member(json_object_get_object_member(record, "nodes"), node);
    return found && JSON_NODE_HOLDS_OBJECT(found) ? json_node_dup_object(found) : NULL;
}

HoneStored *hone_locate_node(HoneStore *store, const char *node, const char *run, JsonObject **record, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(JsonObject) found = find_record(store, node, run, &problem);
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return NULL;
    }
    const char *key = found ? json_object_get_string_member_with_default(found, "key", NULL) : NULL;
    if (!key || strlen(key) != 64 || strspn(key, "0123456789abcdef") != 64) {
        g_autoptr(GPtrArray) names = known_names(store);
        const char *nearest = hone_nearest(node, (const char *const *)names->pdata, names->len);
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "no finished result of a node \"%s\" in %s%s%s%s%s", node,
                    run ? "run " : "", run ? run : hone_store_folder(store), nearest ? "; did you mean \"" : "",
                    nearest ? nearest : "", nearest ? "\"?" : "");
        return NULL;
    }
    HoneStored *stored = hone_store_get(store, key, false, error);
    if (stored && record)
        *record = g_steal_pointer(&found);
    if (!stored)
        g_prefix_error(error, "node \"%s\": ", node);
    return stored;
}

char *hone_store_locate(HoneStore *store, const char *label, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(HoneStored) stored = hone_locate_node(store, label, NULL, NULL, &problem);
    const char *dot = strrchr(label, '.');
    if (stored && stored->outputs->len > 0)
        return g_strdup(((const HoneStoredOutput *)stored->outputs->pdata[0])->folder);
    if (!stored && dot && dot > label) {
        g_autofree char *node = g_strndup(label, (gsize)(dot - label));
        g_autoptr(HoneStored) whole = hone_locate_node(store, node, NULL, NULL, NULL);
        const HoneStoredOutput *output = whole ? hone_stored_output(whole, dot + 1) : NULL;
        if (output)
            return g_strdup(output->folder);
    }
    if (problem)
        g_propagate_error(error, g_steal_pointer(&problem));
    else
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "node \"%s\" has no output", label);
    return NULL;
}

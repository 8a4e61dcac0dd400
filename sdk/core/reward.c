/* SPDX-License-Identifier: Apache-2.0
 * reward.c: what a parameter that lists rewards says of one of them.
 */
#include <hone/json.h>
#include <hone/reward.h>
#include <math.h>
#include <string.h>

static bool is_string(JsonNode *node)
{
    return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING;
}

static bool refuse(GError **error, const char *why)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "%s; a reward is a name or {\"name\": \"rouge\", \"weight\": 0.5, \"params\": {}}", why);
    return false;
}

static bool read_object(JsonObject *object, HoneRewardUse *use, GError **error)
{
    static const char *const known[] = {"name", "weight", "params"};
    g_autoptr(GList) names = json_object_get_members(object);
    for (GList *l = names; l; l = l->next) {
        bool found = false;
        for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
            found = found || strcmp(l->data, known[i]) == 0;
        if (!found) {
            const char *nearest = hone_nearest(l->data, known, G_N_ELEMENTS(known));
            g_autofree char *why =
                nearest ? g_strdup_printf("unknown member \"%s\", did you mean \"%s\"?", (char *)l->data, nearest)
                        : g_strdup_printf("unknown member \"%s\"", (char *)l->data);
            return refuse(error, why);
        }
    }
    JsonNode *name = json_object_get_member(object, "name"), *weight = json_object_get_member(object, "weight");
    JsonNode *params = json_object_get_member(object, "params");
    if (!is_string(name))
        return refuse(error, "\"name\" must be the name of a reward");
    GType type = weight && JSON_NODE_HOLDS_VALUE(weight) ? json_node_get_value_type(weight) : G_TYPE_INVALID;
    if (weight && type != G_TYPE_INT64 && type != G_TYPE_DOUBLE)
        return refuse(error, "\"weight\" must be a number");
    if (params && !JSON_NODE_HOLDS_OBJECT(params))
        return refuse(error, "\"params\" must be an object");
    use->name = json_node_get_string(name);
    use->weight = weight ? json_node_get_double(weight) : 1;
    use->params = params ? json_node_get_object(params) : NULL;
    return (fabs(use->weight) > 0 && fabs(use->weight) <= 1e6) || /* NaN is refused, too */
           refuse(error, "\"weight\" must be from -1000000 to 1000000 and not 0");
}

bool hone_reward_use_read(JsonNode *element, HoneRewardUse *use, GError **error)
{
    *use = (HoneRewardUse){.weight = 1};
    if (is_string(element)) {
        use->name = json_node_get_string(element);
        return true;
    }
    if (!element || !JSON_NODE_HOLDS_OBJECT(element))
        return refuse(error, "this is neither a name nor an object");
    return read_object(json_node_get_object(element), use, error);
}

/* SPDX-License-Identifier: Apache-2.0
 * config_keys.c: reading a JSON object so that no member is passed over: a key that nobody takes is an error.
 */
#include "config-read.h"

#include <hone/json.h>
#include <math.h>

void keys_init(ConfigKeys *k, const ConfigReader *reader, const char *prefix, JsonObject *object)
{
    *k = (ConfigKeys){.reader = reader, .prefix = prefix, .object = object};
    k->taken = g_hash_table_new(g_str_hash, g_str_equal);
}

void keys_clear(ConfigKeys *k)
{
    g_clear_pointer(&k->taken, g_hash_table_unref);
}

bool keys_present(const ConfigKeys *k, const char *name)
{
    return json_object_has_member(k->object, name);
}

JsonNode *keys_take(ConfigKeys *k, const char *name)
{
    g_hash_table_add(k->taken, (char *)name);
    return json_object_get_member(k->object, name);
}

/* A value as text, cut where it is long. */
static char *shown(JsonNode *node)
{
    g_autofree char *text = hone_json_text(node);
    if (g_utf8_strlen(text, -1) <= 60)
        return g_steal_pointer(&text);
    g_autofree char *start = g_utf8_substring(text, 0, 57);
    return g_strconcat(start, "...", NULL);
}

bool keys_refuse(const ConfigKeys *k, const char *name, HoneError code, const char *what)
{
    g_autofree char *value = shown(json_object_get_member(k->object, name));
    return config_fail(k->reader, code, "\"%s%s\" is %s; %s", k->prefix, name, value, what);
}

static bool is_integer(JsonNode *node)
{
    return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_INT64;
}

static bool is_number(JsonNode *node)
{
    return is_integer(node) || (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_DOUBLE);
}

/* The member where it is there and not null. */
static JsonNode *given(ConfigKeys *k, const char *name)
{
    JsonNode *node = keys_take(k, name);
    return node != NULL && !JSON_NODE_HOLDS_NULL(node) ? node : NULL;
}

bool keys_size(ConfigKeys *k, const char *name, size_t most, size_t *value)
{
    JsonNode *node = given(k, name);
    if (node == NULL)
        return true;
    gint64 number = is_integer(node) ? json_node_get_int(node) : 0;
    if (number < 1 || (guint64)number > most) {
        g_autofree char *what = g_strdup_printf("an integer in 1 .. %zu is needed", most);
        return keys_refuse(k, name, HONE_ERROR_INVALID, what);
    }
    *value = (size_t)number;
    return true;
}

bool keys_number(ConfigKeys *k, const char *name, double low, double high, double *value)
{
    JsonNode *node = given(k, name);
    if (node == NULL)
        return true;
    double number = is_number(node) ? json_node_get_double(node) : NAN;
    if (!(number > low && number <= high)) {
        g_autofree char *what = g_strdup_printf("a number above %g, up to %g, is needed", low, high);
        return keys_refuse(k, name, HONE_ERROR_INVALID, what);
    }
    *value = number;
    return true;
}

bool keys_bool(ConfigKeys *k, const char *name, bool *value)
{
    JsonNode *node = given(k, name);
    if (node == NULL)
        return true;
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_BOOLEAN)
        return keys_refuse(k, name, HONE_ERROR_INVALID, "true or false is needed");
    *value = json_node_get_boolean(node);
    return true;
}

bool keys_string(ConfigKeys *k, const char *name, const char **value)
{
    JsonNode *node = given(k, name);
    if (node == NULL)
        return true;
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING)
        return keys_refuse(k, name, HONE_ERROR_INVALID, "a string is needed");
    *value = json_node_get_string(node);
    return true;
}

bool keys_array(ConfigKeys *k, const char *name, JsonArray **value)
{
    JsonNode *node = given(k, name);
    *value = NULL;
    if (node == NULL)
        return true;
    if (!JSON_NODE_HOLDS_ARRAY(node))
        return keys_refuse(k, name, HONE_ERROR_INVALID, "a list is needed");
    *value = json_node_get_array(node);
    return true;
}

bool keys_object(ConfigKeys *k, const char *name, JsonObject **value)
{
    JsonNode *node = given(k, name);
    *value = NULL;
    if (node == NULL)
        return true;
    if (!JSON_NODE_HOLDS_OBJECT(node))
        return keys_refuse(k, name, HONE_ERROR_INVALID, "an object is needed");
    *value = json_node_get_object(node);
    return true;
}

static bool is_off(JsonNode *node)
{
    if (JSON_NODE_HOLDS_NULL(node))
        return true;
    if (JSON_NODE_HOLDS_ARRAY(node))
        return json_array_get_length(json_node_get_array(node)) == 0;
    if (JSON_NODE_HOLDS_OBJECT(node))
        return json_object_get_size(json_node_get_object(node)) == 0;
    if (is_number(node))
        return json_node_get_double(node) == 0;
    return json_node_get_value_type(node) == G_TYPE_BOOLEAN && !json_node_get_boolean(node);
}

bool keys_finish(ConfigKeys *k, const char *const *known, const char *const *off)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;
    json_object_iter_init(&iter, k->object);
    while (json_object_iter_next(&iter, &name, &node)) {
        if (g_hash_table_contains(k->taken, name) || g_strv_contains(known, name))
            continue;
        if (!g_strv_contains(off, name))
            return keys_refuse(k, name, HONE_ERROR_UNSUPPORTED,
                               "Hone does not know that key, and leaving it out could change the model");
        if (!is_off(node))
            return keys_refuse(k, name, HONE_ERROR_UNSUPPORTED, "Hone has no support for it in this family");
    }
    return true;
}

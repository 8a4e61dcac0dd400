/* SPDX-License-Identifier: Apache-2.0
 * json_members.c: a member is what it should be, or absent.
 */
#include "json_members.h"
#include <math.h>

static JsonNode *member(JsonObject *object, const char *name, JsonNodeType type)
{
    JsonNode *node = object ? json_object_get_member(object, name) : NULL;

    return node && json_node_get_node_type(node) == type ? node : NULL;
}

static const char *text(JsonNode *node)
{
    return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
               ? json_node_get_string(node)
               : NULL;
}

const char *json_text_member(JsonObject *object, const char *name)
{
    return text(member(object, name, JSON_NODE_VALUE));
}

const char *json_text_element(JsonArray *array, guint i)
{
    return text(json_array_get_element(array, i));
}

bool json_true_member(JsonObject *object, const char *name)
{
    JsonNode *node = member(object, name, JSON_NODE_VALUE);

    return node && json_node_get_value_type(node) == G_TYPE_BOOLEAN && json_node_get_boolean(node);
}

static double number(JsonNode *node)
{
    GType type = node ? json_node_get_value_type(node) : G_TYPE_NONE;

    return type == G_TYPE_INT64 || type == G_TYPE_DOUBLE ? json_node_get_double(node) : NAN;
}

double json_number_member(JsonObject *object, const char *name)
{
    return number(member(object, name, JSON_NODE_VALUE));
}

JsonArray *json_array_member(JsonObject *object, const char *name)
{
    JsonNode *node = member(object, name, JSON_NODE_ARRAY);

    return node ? json_node_get_array(node) : NULL;
}

JsonObject *json_object_member(JsonObject *object, const char *name)
{
    JsonNode *node = member(object, name, JSON_NODE_OBJECT);

    return node ? json_node_get_object(node) : NULL;
}

JsonObject *json_object_element(JsonArray *array, guint i)
{
    JsonNode *node = json_array_get_element(array, i);

    return JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

double json_number_element(JsonArray *array, guint i)
{
    JsonNode *node = json_array_get_element(array, i);

    return JSON_NODE_HOLDS_VALUE(node) ? number(node) : NAN;
}

guint json_length(JsonArray *array)
{
    return array ? json_array_get_length(array) : 0;
}

void json_set_number(JsonObject *object, const char *name, double value)
{
    if (isfinite(value)) {
        json_object_set_double_member(object, name, value);
    } else {
        json_object_set_null_member(object, name);
    }
}

void json_set_text(JsonObject *object, const char *name, const char *value)
{
    if (value) {
        json_object_set_string_member(object, name, value);
    } else {
        json_object_set_null_member(object, name);
    }
}

JsonNode *json_own_object(JsonObject *object)
{
    JsonNode *node = json_node_init_object(json_node_alloc(), object);

    json_object_unref(object);
    return node;
}

/* SPDX-License-Identifier: Apache-2.0
 * message.c: a message, and the members that it may have beside role, content and weight.
 */
#include "dataset_private.h"
#include <string.h>

typedef enum { FIELD_TEXT, FIELD_CALLS } FieldKind;

static const struct {
    const char *name;
    FieldKind kind;
} fields[] = {
    {"tool_calls", FIELD_CALLS},       {"tool_call_id", FIELD_TEXT}, {"name", FIELD_TEXT},
    {"reasoning_content", FIELD_TEXT}, {"reasoning", FIELD_TEXT},    {"thinking", FIELD_TEXT},
};

double hone_message_default_weight(const char *role)
{
    return strcmp(role, "assistant") == 0 || strcmp(role, "text") == 0 ? 1 : 0;
}

HoneMessage *hone_message_new(const char *role, const char *content, double weight)
{
    HoneMessage *message = g_new0(HoneMessage, 1);
    message->role = g_strdup(role);
    message->content = g_strdup(content);
    message->weight = weight;
    return message;
}

HoneMessage *hone_message_copy(const HoneMessage *message, double weight)
{
    HoneMessage *copy = hone_message_new(message->role, message->content, weight);
    copy->fields = message->fields != NULL ? json_object_ref(message->fields) : NULL;
    copy->no_content = message->no_content;
    return copy;
}

void hone_message_free(HoneMessage *message)
{
    if (message == NULL)
        return;
    g_free(message->role);
    g_free(message->content);
    g_clear_pointer(&message->fields, json_object_unref);
    g_free(message);
}

static guint count_fields(const HoneMessage *message)
{
    return message->fields != NULL ? json_object_get_size(message->fields) : 0;
}

bool hone_message_equal(const HoneMessage *a, const HoneMessage *b)
{
    if (strcmp(a->role, b->role) != 0 || strcmp(a->content, b->content) != 0 || a->no_content != b->no_content ||
        count_fields(a) != count_fields(b))
        return false;
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;
    bool equal = true;
    if (a->fields == NULL)
        return true;
    json_object_iter_init(&iter, a->fields);
    while (equal && json_object_iter_next(&iter, &name, &value)) {
        JsonNode *other = json_object_get_member(b->fields, name);
        equal = other != NULL && json_node_equal(value, other);
    }
    return equal;
}

/* ---- Further members. ---- */

static bool is_text(JsonNode *node)
{
    return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING;
}

static const char *calls_problem(JsonNode *value)
{
    JsonArray *calls = JSON_NODE_HOLDS_ARRAY(value) ? json_node_get_array(value) : NULL;
    for (guint i = 0; calls != NULL && i < json_array_get_length(calls); i++)
        if (!JSON_NODE_HOLDS_OBJECT(json_array_get_element(calls, i)))
            calls = NULL;
    return calls != NULL && json_array_get_length(calls) > 0
               ? NULL
               : "must be a list of calls, each {\"type\": \"function\", \"function\": {\"name\", \"arguments\"}}";
}

const char *hone_message_field_problem(const char *name, JsonNode *value)
{
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (strcmp(name, fields[i].name) != 0)
            continue;
        return fields[i].kind == FIELD_CALLS ? calls_problem(value) : is_text(value) ? NULL : "must be a text";
    }
    return "is not known";
}

const char *hone_row_tools_problem(JsonNode *tools)
{
    JsonArray *list = JSON_NODE_HOLDS_ARRAY(tools) ? json_node_get_array(tools) : NULL;
    for (guint i = 0; list != NULL && i < json_array_get_length(list); i++)
        if (!JSON_NODE_HOLDS_OBJECT(json_array_get_element(list, i)))
            list = NULL;
    return list != NULL ? NULL : "must be a list of JSON schemas (objects)";
}

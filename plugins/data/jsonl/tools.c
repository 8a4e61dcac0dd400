/* SPDX-License-Identifier: Apache-2.0
 * tools.c: tool calls and tools in the form that chat templates want.
 *
 * OpenAI's API gives the arguments of a call as a text that holds JSON; templates want the object (most: they write a
 * text as a JSON string within JSON) or the text (some, like DeepSeek's).
 */
#include "tools.h"
#include "messages.h"
#include <string.h>

/* The arguments in the form wanted, or NULL where they are in it already or cannot be. */
static JsonNode *convert_arguments(JsonNode *arguments, bool as_text)
{
    if (as_text && JSON_NODE_HOLDS_OBJECT(arguments)) {
        g_autofree char *text = hone_json_text(arguments);
        return json_node_init_string(json_node_alloc(), text);
    }
    if (as_text || !node_is_text(arguments))
        return NULL;
    const char *text = json_node_get_string(arguments);
    g_autoptr(JsonNode) parsed = hone_json_parse(text, strlen(text), NULL, NULL);
    return parsed != NULL && JSON_NODE_HOLDS_OBJECT(parsed) ? g_steal_pointer(&parsed) : NULL;
}

/* A call, or the "function" in it, with its arguments converted; NULL where nothing changes. */
static JsonObject *convert_call(JsonObject *call, bool as_text)
{
    JsonNode *arguments = json_object_get_member(call, "arguments"),
             *function = json_object_get_member(call, "function");
    JsonObject *inner = arguments == NULL && function != NULL && JSON_NODE_HOLDS_OBJECT(function)
                            ? convert_call(json_node_get_object(function), as_text)
                            : NULL;
    JsonNode *converted = arguments != NULL ? convert_arguments(arguments, as_text) : NULL;
    if (converted == NULL && inner != NULL)
        converted = json_node_init_object(json_node_alloc(), inner);
    g_clear_pointer(&inner, json_object_unref);
    if (converted == NULL)
        return NULL;
    JsonObject *out = json_object_new();
    const char *changed = arguments != NULL ? "arguments" : "function";
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;
    json_object_iter_init_ordered(&iter, call);
    while (json_object_iter_next_ordered(&iter, &name, &value))
        json_object_set_member(out, name, strcmp(name, changed) == 0 ? json_node_ref(converted) : json_node_ref(value));
    json_node_unref(converted);
    return out;
}

JsonNode *tools_convert_calls(JsonNode *calls, bool as_text, size_t *converted)
{
    JsonArray *from = json_node_get_array(calls), *to = json_array_new();
    for (guint i = 0; i < json_array_get_length(from); i++) {
        JsonNode *node = json_array_get_element(from, i);
        JsonObject *call = JSON_NODE_HOLDS_OBJECT(node) ? convert_call(json_node_get_object(node), as_text) : NULL;
        *converted += call != NULL;
        if (call != NULL)
            json_array_add_object_element(to, call);
        else
            json_array_add_element(to, json_node_ref(node));
    }
    JsonNode *out = json_node_alloc();
    json_node_init_array(out, to);
    json_array_unref(to);
    return out;
}

bool tools_read(JsonNode *node, const char *column, const char *where, JsonArray **tools, GError **error)
{
    g_autoptr(JsonNode) parsed = NULL;
    *tools = NULL;
    if (node_is_text(node)) {
        const char *text = json_node_get_string(node);
        g_autofree char *place = g_strdup_printf("%s: column \"%s\"", where, column);
        if (text[strspn(text, " \t\r\n")] == 0)
            return true;
        node = parsed = hone_json_parse(text, strlen(text), place, error);
        if (parsed == NULL)
            return false;
    }
    if (node == NULL || JSON_NODE_HOLDS_NULL(node))
        return true;
    const char *problem = hone_row_tools_problem(node);
    if (problem != NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: column \"%s\" %s, or such a list as JSON text", where,
                    column, problem);
        return false;
    }
    if (json_array_get_length(json_node_get_array(node)) > 0)
        *tools = json_array_ref(json_node_get_array(node));
    return true;
}

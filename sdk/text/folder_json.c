/* SPDX-License-Identifier: Apache-2.0
 * folder_json.c: members of a tokenizer file's objects, each checked for its type.
 */
#include "folder.h"

#include <string.h>

const char *text_json_string(JsonNode *node)
{
    return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
               ? json_node_get_string(node)
               : NULL;
}

int32_t text_json_id(JsonNode *node)
{
    if (!node || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_INT64)
        return -1;
    gint64 value = json_node_get_int(node);
    return value >= 0 && value < INT32_MAX ? (int32_t)value : -1;
}

JsonNode *text_json_member(JsonObject *object, const char *name)
{
    JsonNode *node = object ? json_object_get_member(object, name) : NULL;
    return node && !JSON_NODE_HOLDS_NULL(node) ? node : NULL;
}

TextStepReader text_step_open(HoneTokenizer *t, const char *place, const char *where, JsonNode *node)
{
    TextStepReader step = {.t = t, .place = place, .where = where};
    if (node && JSON_NODE_HOLDS_OBJECT(node))
        step.object = json_node_get_object(node);
    step.type = text_json_string(text_json_member(step.object, "type"));
    if (!step.type)
        text_step_fail(&step, "%s has no type", where);
    return step;
}

void text_step_fail(TextStepReader *step, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    if (!step->problem)
        text_invalid(step->place, &step->problem, "%s", what);
}

void text_step_unsupported(TextStepReader *step, const char *what)
{
    if (!step->problem)
        g_set_error(
            &step->problem, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
            "%s: %s is of the kind \"%.64s\"%s%s, which Hone does not run; use the model as a GGUF if there is one",
            step->place, step->where, step->type, what ? " " : "", what ? what : "");
}

bool text_step_is(const TextStepReader *step, const char *type)
{
    return g_strcmp0(step->type, type) == 0;
}

JsonNode *text_step_member(const TextStepReader *step, const char *name)
{
    return text_json_member(step->object, name);
}

bool text_step_bool(TextStepReader *step, const char *name, bool otherwise)
{
    JsonNode *node = text_step_member(step, name);
    if (!node)
        return otherwise;
    if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_BOOLEAN)
        return json_node_get_boolean(node);
    text_step_fail(step, "%s/%s is neither true nor false", step->where, name);
    return otherwise;
}

const char *text_step_string(TextStepReader *step, const char *name, bool optional)
{
    JsonNode *node = text_step_member(step, name);
    const char *text = text_json_string(node);
    if (!text && (node || !optional))
        text_step_fail(step, "%s/%s is no text", step->where, name);
    return text || optional ? text : "";
}

int32_t text_step_id(TextStepReader *step, const char *name, int32_t otherwise)
{
    JsonNode *node = text_step_member(step, name);
    int32_t id = node ? text_json_id(node) : otherwise;
    if (node && id < 0)
        text_step_fail(step, "%s/%s is no whole number from 0 on", step->where, name);
    return id;
}

JsonArray *text_step_array(TextStepReader *step, const char *name)
{
    JsonNode *node = text_step_member(step, name);
    if (node && JSON_NODE_HOLDS_ARRAY(node))
        return json_node_get_array(node);
    text_step_fail(step, "%s/%s is no list", step->where, name);
    return NULL;
}

void text_step_only(TextStepReader *step, const char *const *names)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;
    if (!step->object)
        return;
    json_object_iter_init_ordered(&iter, step->object);
    while (json_object_iter_next_ordered(&iter, &name, &node))
        if (strcmp(name, "type") != 0 && !g_strv_contains(names, name) && !step->problem)
            g_set_error(&step->problem, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                        "%s: %s has \"%.64s\", which Hone does not know", step->place, step->where, name);
}

bool text_step_close(TextStepReader *step, GError **error)
{
    if (!step->problem)
        return true;
    g_propagate_error(error, step->problem);
    step->problem = NULL;
    return false;
}

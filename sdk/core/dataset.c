/* SPDX-License-Identifier: Apache-2.0
 * dataset.c: rows of messages and their canonical JSON form.
 */
#include "dataset_private.h"
#include <math.h>
#include <string.h>

static const char *const roles[] = {"system", "user", "assistant", "tool"};

static GPtrArray *new_messages(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)hone_message_free);
}

HoneRow *hone_row_new(const char *id)
{
    HoneRow *row = g_new0(HoneRow, 1);
    row->id = g_strdup(id);
    row->messages = new_messages();
    return row;
}

void hone_row_free(HoneRow *row)
{
    if (row == NULL)
        return;
    g_free(row->id);
    g_clear_pointer(&row->messages, g_ptr_array_unref);
    g_clear_pointer(&row->chosen, g_ptr_array_unref);
    g_clear_pointer(&row->rejected, g_ptr_array_unref);
    g_clear_pointer(&row->tools, json_array_unref);
    g_clear_pointer(&row->extra, json_object_unref);
    g_free(row);
}

static bool is_text(const HoneMessage *message)
{
    return g_strcmp0(message->role, "text") == 0;
}

const char *hone_messages_text(const GPtrArray *messages)
{
    return messages->len == 1 && is_text(messages->pdata[0]) ? ((HoneMessage *)messages->pdata[0])->content : NULL;
}

const char *hone_row_text(const HoneRow *row)
{
    return hone_messages_text(row->messages);
}

const char *hone_row_reference(const HoneRow *row)
{
    if (hone_row_text(row) != NULL)
        return hone_row_text(row);
    const GPtrArray *messages = row->chosen != NULL ? row->chosen : row->rejected != NULL ? NULL : row->messages;
    for (guint i = messages != NULL ? messages->len : 0; i > 0; i--) {
        const HoneMessage *message = messages->pdata[i - 1];
        if (strcmp(message->role, "assistant") == 0)
            return message->content;
    }
    return NULL;
}

/* ---- What a row must be. ---- */

/* The first of a message's further members that may not be; *name is its. */
static const char *fields_problem(const HoneMessage *message, const char **name)
{
    JsonObjectIter iter;
    JsonNode *value;
    const char *problem = NULL;
    if (message->fields == NULL)
        return NULL;
    json_object_iter_init_ordered(&iter, message->fields);
    while (problem == NULL && json_object_iter_next_ordered(&iter, name, &value))
        problem = hone_message_field_problem(*name, value);
    return problem;
}

static bool check_message(const HoneMessage *message, const char *where, const char *list, guint i, GError **error)
{
    bool known = false;
    for (size_t r = 0; r < G_N_ELEMENTS(roles); r++)
        known = known || g_strcmp0(message->role, roles[r]) == 0;
    const char *problem = NULL;
    if (message->role == NULL || message->content == NULL)
        problem = "lacks its role or its content";
    else if (!g_utf8_validate(message->role, -1, NULL) || !g_utf8_validate(message->content, -1, NULL))
        problem = "is not valid UTF-8";
    else if (!isfinite(message->weight) || message->weight < 0)
        problem = "has a weight that is not a number of 0 or more";
    else if (message->no_content && (message->fields == NULL || !json_object_has_member(message->fields, "tool_calls")))
        problem = "has null for its content, which only a message with \"tool_calls\" may have";
    if (problem != NULL)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: %s[%u] %s", where, list, i, problem);
    else if (!known)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: %s[%u] has the role \"%s\"; roles are system, user, assistant and tool", where, list, i,
                    message->role);
    const char *name = NULL, *field = problem == NULL && known ? fields_problem(message, &name) : NULL;
    if (field != NULL)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: %s[%u].%s %s", where, list, i, name, field);
    return problem == NULL && known && field == NULL;
}

static bool check_messages(const GPtrArray *messages, const char *where, const char *list, GError **error)
{
    if (messages != NULL && strcmp(list, "messages") == 0 && hone_messages_text(messages) != NULL) {
        const HoneMessage *text = messages->pdata[0];
        HoneMessage as_turn = *text;
        as_turn.role = (char *)"assistant"; /* what else holds for a document holds for a turn */
        return check_message(&as_turn, where, list, 0, error);
    }
    for (guint i = 0; messages != NULL && i < messages->len; i++)
        if (!check_message(messages->pdata[i], where, list, i, error))
            return false;
    return true;
}

bool hone_row_check(const HoneRow *row, const char *where, GError **error)
{
    if (row->id == NULL || *row->id == 0 || !g_utf8_validate(row->id, -1, NULL)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: the row lacks an id (a text that is not empty)", where);
        return false;
    }
    return check_messages(row->messages, where, "messages", error) &&
           check_messages(row->chosen, where, "chosen", error) &&
           check_messages(row->rejected, where, "rejected", error);
}

/* ---- From JSON. ---- */

static bool fail_row(const char *where, GError **error, const char *what)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: %s", where, what);
    return false;
}

static bool node_is_string(JsonNode *node)
{
    return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING;
}

static bool node_is_number(JsonNode *node)
{
    return JSON_NODE_HOLDS_VALUE(node) &&
           (json_node_get_value_type(node) == G_TYPE_INT64 || json_node_get_value_type(node) == G_TYPE_DOUBLE);
}

/* What a message's member must be; "..." stands for its name. */
static bool fail_member(const char *where, const char *name, const char *problem, GError **error)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "%s: \"%s\" in a message %s; a message has \"role\" and \"content\" (texts), \"weight\" (a number), "
                "and perhaps \"tool_calls\", \"tool_call_id\", \"name\" and \"reasoning_content\"",
                where, name, problem);
    return false;
}

/* A member beside role, content and weight. */
static bool read_field(HoneMessage *message, const char *name, JsonNode *value, const char *where, GError **error)
{
    const char *problem = hone_message_field_problem(name, value);
    if (problem != NULL)
        return fail_member(where, name, problem, error);
    if (message->fields == NULL)
        message->fields = json_object_new();
    json_object_set_member(message->fields, name, json_node_ref(value));
    return true;
}

static bool read_message_member(HoneMessage *message, const char *name, JsonNode *value, JsonNode **weight,
                                const char *where, GError **error)
{
    bool text = node_is_string(value);
    if (strcmp(name, "role") == 0 && text) {
        message->role = g_strdup(json_node_get_string(value));
    } else if (strcmp(name, "content") == 0 && (text || JSON_NODE_HOLDS_NULL(value))) {
        message->content = g_strdup(text ? json_node_get_string(value) : "");
        message->no_content = !text;
    } else if (strcmp(name, "weight") == 0 && node_is_number(value)) {
        *weight = value;
    } else if (strcmp(name, "role") == 0 || strcmp(name, "content") == 0 || strcmp(name, "weight") == 0) {
        return fail_member(where, name, "is of the wrong type", error);
    } else {
        return read_field(message, name, value, where, error);
    }
    return true;
}

static HoneMessage *read_message(JsonNode *node, const char *where, GError **error)
{
    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        fail_row(where, error, "a message must be an object with \"role\" and \"content\"");
        return NULL;
    }
    JsonNode *weight = NULL;
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;
    HoneMessage *message = hone_message_new(NULL, NULL, 0);
    bool fine = true;
    json_object_iter_init_ordered(&iter, json_node_get_object(node));
    while (fine && json_object_iter_next_ordered(&iter, &name, &value))
        fine = read_message_member(message, name, value, &weight, where, error);
    if (fine && (message->role == NULL || message->content == NULL))
        fine = fail_row(where, error,
                        message->role == NULL ? "a message lacks its \"role\"" : "a message lacks its \"content\"");
    if (!fine) {
        hone_message_free(message);
        return NULL;
    }
    message->weight = weight != NULL ? json_node_get_double(weight) : hone_message_default_weight(message->role);
    return message;
}

static GPtrArray *read_messages(JsonNode *node, const char *where, GError **error)
{
    if (!JSON_NODE_HOLDS_ARRAY(node)) {
        fail_row(where, error, "\"messages\", \"chosen\" and \"rejected\" are lists of messages");
        return NULL;
    }
    JsonArray *array = json_node_get_array(node);
    g_autoptr(GPtrArray) messages = new_messages();
    for (guint i = 0; i < json_array_get_length(array); i++) {
        HoneMessage *message = read_message(json_array_get_element(array, i), where, error);
        if (message == NULL)
            return NULL;
        g_ptr_array_add(messages, message);
    }
    return g_steal_pointer(&messages);
}

static bool read_member(HoneRow *row, const char *name, JsonNode *value, const char *where, GError **error)
{
    GPtrArray **list = strcmp(name, "messages") == 0   ? &row->messages
                       : strcmp(name, "chosen") == 0   ? &row->chosen
                       : strcmp(name, "rejected") == 0 ? &row->rejected
                                                       : NULL;
    if (list != NULL) {
        g_clear_pointer(list, g_ptr_array_unref);
        *list = read_messages(value, where, error);
        return *list != NULL;
    }
    if (strcmp(name, "id") == 0 && node_is_string(value)) {
        row->id = g_strdup(json_node_get_string(value));
        return true;
    }
    if (strcmp(name, "tools") == 0 && hone_row_tools_problem(value) == NULL) {
        row->tools = json_array_ref(json_node_get_array(value));
        return true;
    }
    if (strcmp(name, "extra") == 0 && JSON_NODE_HOLDS_OBJECT(value)) {
        row->extra = json_object_ref(json_node_get_object(value));
        return true;
    }
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "%s: \"%s\" is unknown or of the wrong type; a row has \"id\", \"messages\", \"chosen\", "
                "\"rejected\", \"tools\" (a list of JSON schemas) and \"extra\"",
                where, name);
    return false;
}

HoneRow *hone_row_from_json(JsonNode *node, const char *where, GError **error)
{
    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        fail_row(where, error, "a row must be a JSON object");
        return NULL;
    }
    g_autoptr(HoneRow) row = g_new0(HoneRow, 1); /* its messages stay NULL until read */
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;
    json_object_iter_init_ordered(&iter, json_node_get_object(node));
    while (json_object_iter_next_ordered(&iter, &name, &value))
        if (!read_member(row, name, value, where, error))
            return NULL;
    if (row->messages == NULL) {
        fail_row(where, error, "the row lacks \"messages\"");
        return NULL;
    }
    return hone_row_check(row, where, error) ? g_steal_pointer(&row) : NULL;
}

/* ---- To JSON. ---- */

static void write_fields(JsonObject *item, JsonObject *fields)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;
    if (fields == NULL)
        return;
    json_object_iter_init_ordered(&iter, fields);
    while (json_object_iter_next_ordered(&iter, &name, &value))
        json_object_set_member(item, name, json_node_ref(value));
}

static void write_messages(JsonObject *object, const char *name, const GPtrArray *messages)
{
    JsonArray *array = json_array_sized_new(messages->len);
    for (guint i = 0; i < messages->len; i++) {
        const HoneMessage *message = messages->pdata[i];
        JsonObject *item = json_object_new();
        json_object_set_string_member(item, "role", message->role);
        if (message->no_content)
            json_object_set_null_member(item, "content");
        else
            json_object_set_string_member(item, "content", message->content);
        write_fields(item, message->fields);
        if (message->weight != hone_message_default_weight(message->role))
            json_object_set_double_member(item, "weight", message->weight);
        json_array_add_object_element(array, item);
    }
    json_object_set_array_member(object, name, array);
}

JsonNode *hone_row_to_json(const HoneRow *row)
{
    JsonObject *object = json_object_new();
    json_object_set_string_member(object, "id", row->id);
    write_messages(object, "messages", row->messages);
    if (row->chosen != NULL)
        write_messages(object, "chosen", row->chosen);
    if (row->rejected != NULL)
        write_messages(object, "rejected", row->rejected);
    if (row->tools != NULL)
        json_object_set_array_member(object, "tools", json_array_ref(row->tools));
    if (row->extra != NULL && json_object_get_size(row->extra) > 0)
        json_object_set_object_member(object, "extra", json_object_ref(row->extra));
    JsonNode *node = json_node_alloc();
    json_node_init(node, JSON_NODE_OBJECT);
    json_node_take_object(node, object);
    return node;
}

/* SPDX-License-Identifier: Apache-2.0
 * messages.c: reads a message of the OpenAI, ShareGPT and LLaMA-Factory kinds.
 */
#include "messages.h"
#include "tools.h"
#include <math.h>
#include <string.h>

static const struct {
    const char *theirs, *ours;
} roles[] = {
    {"system", "system"},
    {"user", "user"},
    {"assistant", "assistant"},
    {"tool", "tool"},
    {"developer", "system"},
    {"human", "user"},
    {"gpt", "assistant"},
    {"model", "assistant"},
    {"bot", "assistant"},
    {"chatgpt", "assistant"},
    {"observation", "tool"},
    {"function", "tool"},
    {"function_response", "tool"},
    {"tool_response", "tool"},
    /* What the model writes when it calls a function: its own turn, to be learned. */
    {"function_call", "assistant"},
    {"tool_call", "assistant"},
};

bool node_is_text(JsonNode *node)
{
    return node != NULL && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING;
}

const char *node_kind(JsonNode *node)
{
    if (node == NULL)
        return "missing";
    if (JSON_NODE_HOLDS_OBJECT(node))
        return "an object";
    if (JSON_NODE_HOLDS_ARRAY(node))
        return "a list";
    if (JSON_NODE_HOLDS_NULL(node))
        return "null";
    GType type = json_node_get_value_type(node);
    return type == G_TYPE_STRING ? "a text" : type == G_TYPE_BOOLEAN ? "true or false" : "a number";
}

void count_name(GHashTable *counts, const char *name)
{
    guint count = GPOINTER_TO_UINT(g_hash_table_lookup(counts, name));
    g_hash_table_insert(counts, g_strdup(name), GUINT_TO_POINTER(count + 1));
}

/* Where a message stands, for its errors. */
typedef struct {
    const char *where, *column;
    guint index;
    bool listed;
} Place;

static bool refuse(const Place *place, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);
static bool refuse(const Place *place, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    if (place->listed)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: %s[%u] %s", place->where, place->column, place->index,
                    what);
    else
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: %s %s", place->where, place->column, what);
    return false;
}

static const char *find_role(const char *theirs)
{
    g_autofree char *lower = g_ascii_strdown(theirs, -1);
    for (size_t i = 0; i < G_N_ELEMENTS(roles); i++)
        if (strcmp(lower, roles[i].theirs) == 0)
            return roles[i].ours;
    return NULL;
}

/* A text, or a list of parts {"type": "text", "text" or "value": "..."} and plain texts. Caller frees. */
static char *read_content(JsonNode *node, const Place *place, GError **error)
{
    if (node_is_text(node))
        return g_strdup(json_node_get_string(node));
    if (node == NULL || !JSON_NODE_HOLDS_ARRAY(node)) {
        refuse(place, error, "has a content that is %s; it must be a text or a list of text parts", node_kind(node));
        return NULL;
    }
    JsonArray *parts = json_node_get_array(node);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < json_array_get_length(parts); i++) {
        JsonNode *part = json_array_get_element(parts, i), *value = NULL;
        const char *type = NULL;
        if (node_is_text(part)) {
            value = part;
        } else if (JSON_NODE_HOLDS_OBJECT(part)) {
            JsonObject *object = json_node_get_object(part);
            JsonNode *named = json_object_get_member(object, "type");
            type = node_is_text(named) ? json_node_get_string(named) : NULL;
            value = json_object_get_member(object, json_object_has_member(object, "text") ? "text" : "value");
        }
        if (!node_is_text(value) || (type != NULL && strcmp(type, "text") != 0)) {
            refuse(place, error, "has a content part of type \"%s\"; only text parts are read",
                   type != NULL ? type : node_kind(part));
            g_string_free(text, TRUE);
            return NULL;
        }
        g_string_append(text, json_node_get_string(value));
    }
    return g_string_free(text, FALSE);
}

static bool node_is_empty(JsonNode *node)
{
    return JSON_NODE_HOLDS_NULL(node) ||
           (JSON_NODE_HOLDS_ARRAY(node) && json_array_get_length(json_node_get_array(node)) == 0);
}

typedef struct {
    JsonNode *role, *content, *weight;
    JsonObject *fields; /* further members, owned */
} Parts;

static void parts_clear(Parts *parts)
{
    g_clear_pointer(&parts->fields, json_object_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Parts, parts_clear)

/* A member that the chat template is given as it is, or one that is passed over. */
static bool take_field(const char *name, JsonNode *value, const Place *place, const MessageOptions *options,
                       Parts *parts, GError **error)
{
    if (node_is_empty(value))
        return true;
    if (strcmp(name, "function_call") == 0)
        return refuse(place, error, "holds \"function_call\", which is not read; write it as \"tool_calls\"");
    const char *problem = hone_message_field_problem(name, value);
    bool calls = strcmp(name, "tool_calls") == 0;
    if (problem != NULL && calls)
        return refuse(place, error, "has \"tool_calls\" that are not read: it %s", problem);
    if (problem != NULL) {
        count_name(options->ignored, name);
        return true;
    }
    if (parts->fields == NULL)
        parts->fields = json_object_new();
    json_object_set_member(parts->fields, name,
                           calls ? tools_convert_calls(value, options->arguments_as_text, options->converted)
                                 : json_node_ref(value));
    return true;
}

/* Sorts a message's members; false when it holds one that would be lost and matters. */
static bool sort_members(JsonObject *object, const Place *place, const MessageOptions *options, Parts *parts,
                         GError **error)
{
    static const struct {
        const char *name;
        size_t field;
    } known[] = {
        {"role", offsetof(Parts, role)},          {"from", offsetof(Parts, role)},
        {"content", offsetof(Parts, content)},    {"value", offsetof(Parts, content)},
        {"text", offsetof(Parts, content)},       {"weight", offsetof(Parts, weight)},
        {"loss_weight", offsetof(Parts, weight)},
    };
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;
    json_object_iter_init_ordered(&iter, object);
    while (json_object_iter_next_ordered(&iter, &name, &value)) {
        JsonNode **field = NULL;
        for (size_t i = 0; i < G_N_ELEMENTS(known) && field == NULL; i++)
            if (strcmp(name, known[i].name) == 0)
                field = (JsonNode **)(gpointer)((char *)parts + known[i].field);
        if (field != NULL) {
            if (*field != NULL)
                return refuse(place, error, "gives its %s twice (\"%s\" is the second)",
                              field == &parts->role      ? "role"
                              : field == &parts->content ? "content"
                                                         : "weight",
                              name);
            *field = value;
        } else if (!take_field(name, value, place, options, parts, error)) {
            return false;
        }
    }
    return true;
}

static HoneMessage *read_message(JsonNode *node, const Place *place, const MessageOptions *options, GError **error)
{
    if (node == NULL || !JSON_NODE_HOLDS_OBJECT(node)) {
        refuse(place, error, "is %s; a message is an object with \"role\" and \"content\"", node_kind(node));
        return NULL;
    }
    g_auto(Parts) parts = {0};
    if (!sort_members(json_node_get_object(node), place, options, &parts, error))
        return NULL;
    if (!node_is_text(parts.role)) {
        refuse(place, error, "has a role that is %s; \"role\" (or \"from\") must be a text", node_kind(parts.role));
        return NULL;
    }
    const char *role = find_role(json_node_get_string(parts.role));
    if (role == NULL) {
        refuse(place, error, "has the unknown role \"%s\"; roles are system, user, assistant and tool",
               json_node_get_string(parts.role));
        return NULL;
    }
    bool calls = parts.fields != NULL && json_object_has_member(parts.fields, "tool_calls");
    bool silent = calls && (parts.content == NULL || JSON_NODE_HOLDS_NULL(parts.content));
    g_autofree char *content = silent ? g_strdup("") : read_content(parts.content, place, error);
    if (content == NULL)
        return NULL;
    double weight = hone_message_default_weight(role);
    if (parts.weight != NULL && !JSON_NODE_HOLDS_NULL(parts.weight)) {
        bool number = JSON_NODE_HOLDS_VALUE(parts.weight) && !node_is_text(parts.weight) &&
                      json_node_get_value_type(parts.weight) != G_TYPE_BOOLEAN;
        weight = number ? json_node_get_double(parts.weight) : -1;
        if (!(weight >= 0)) {
            refuse(place, error, "has a loss weight that is not a number of 0 or more");
            return NULL;
        }
    }
    HoneMessage *message = hone_message_new(role, content, weight);
    message->fields = g_steal_pointer(&parts.fields);
    message->no_content = silent;
    return message;
}

bool read_messages(JsonNode *node, const char *column, const char *where, const MessageOptions *options,
                   GPtrArray *messages, GError **error)
{
    Place place = {.where = where, .column = column};
    JsonArray *list = node != NULL && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
    if (list == NULL && (node == NULL || !JSON_NODE_HOLDS_OBJECT(node)))
        return refuse(&place, error, "is %s; it must be a list of messages", node_kind(node));
    guint n = list != NULL ? json_array_get_length(list) : 1;
    if (n == 0)
        return refuse(&place, error, "is an empty list; a row needs at least one message");
    place.listed = list != NULL;
    for (guint i = 0; i < n; i++) {
        place.index = i;
        HoneMessage *message =
            read_message(list != NULL ? json_array_get_element(list, i) : node, &place, options, error);
        if (message == NULL)
            return false;
        g_ptr_array_add(messages, message);
    }
    return true;
}

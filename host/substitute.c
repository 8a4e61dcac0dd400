/* SPDX-License-Identifier: Apache-2.0
 * substitute.c: ${variables} and their values.
 */
#include "source.h"
#include <hone/json.h>
#include <string.h>

/* Variables may name variables; a hostile chain of doublings would grow without end. Counted: bytes of text, and one
 * for every value. */
#define MOST_WEIGHT (16u << 20)

typedef struct {
    HoneSource *source;
    const HoneSourceFile *file; /* NULL: inside a variable, whose place is `place` */
    HonePlace place;
    GHashTable *broken;
    gsize weight;
    bool failed;
} Context;

static JsonNode *substitute(Context *c, const char *pointer, JsonNode *value);

static void complain(Context *c, const char *pointer, const char *message)
{
    HonePlace place = c->file != NULL ? hone_json_text_value(c->file->text, pointer) : c->place;
    hone_mistakes_add(c->source->mistakes, place, "%s", message);
    c->failed = true;
    if (c->broken != NULL)
        g_hash_table_add(c->broken, g_strdup(pointer));
}

static HoneVariable *find_variable(Context *c, const char *pointer, const char *name)
{
    HoneVariable *variable = hone_source_find_variable(c->source, name);
    if (variable != NULL)
        return variable;
    g_autofree char *hint = hone_source_variable_hint(c->source, name);
    g_autofree char *message = g_strdup_printf("no variable \"%.80s\" in \"vars\"%s", name, hint);
    complain(c, pointer, message);
    return NULL;
}

/* The final value of a variable, or NULL where it has none (which has been reported). */
static JsonNode *variable_value(Context *c, const char *pointer, HoneVariable *variable)
{
    variable->used = true;
    if (variable->state == VARIABLE_OPEN) {
        g_autofree char *message = g_strdup_printf("the variable \"%s\" is made of itself", variable->name);
        complain(c, pointer, message);
        return NULL;
    }
    if (variable->state == VARIABLE_RAW) {
        variable->state = VARIABLE_OPEN;
        /* What the command line gives is taken as it stands. */
        JsonNode *final = NULL;
        Context inner = {.source = c->source, .place = variable->place};
        if (variable->origin == NULL)
            final = substitute(&inner, "", variable->value);
        if (final != NULL) {
            json_node_unref(variable->value);
            variable->value = final;
        }
        variable->weight = inner.weight;
        variable->state = inner.failed ? VARIABLE_BROKEN : VARIABLE_DONE;
    }
    if (variable->state == VARIABLE_BROKEN) {
        c->failed = true;
        if (c->broken != NULL)
            g_hash_table_add(c->broken, g_strdup(pointer));
        return NULL;
    }
    c->weight += variable->weight;
    if (c->weight > MOST_WEIGHT) {
        complain(c, pointer, "the variables make the pipeline larger than 16 MiB");
        return NULL;
    }
    return variable->value;
}

/* At "${": the variable's name, and the text moved past '}'. */
static char *take_name(Context *c, const char *pointer, const char **text)
{
    const char *close = strchr(*text, '}');
    if (close == NULL) {
        complain(c, pointer, "\"${\" without \"}\"; write $${ where the text itself is meant");
        return NULL;
    }
    g_autofree char *name = g_strndup(*text + 2, (gsize)(close - *text - 2));
    if (!hone_source_name_valid(name, false)) {
        g_autofree char *message =
            g_strdup_printf("\"${%.80s}\" names no variable; write $${ where the text itself is meant", name);
        complain(c, pointer, message);
        return NULL;
    }
    *text = close + 1;
    return g_steal_pointer(&name);
}

static bool append_value(Context *c, const char *pointer, GString *out, const HoneVariable *variable, JsonNode *value)
{
    bool scalar = JSON_NODE_HOLDS_VALUE(value);
    if (scalar && json_node_get_value_type(value) == G_TYPE_STRING) {
        g_string_append(out, json_node_get_string(value));
    } else if (scalar) {
        g_autofree char *text = hone_json_text(value);
        g_string_append(out, text);
    } else {
        g_autofree char *message = g_strdup_printf("the variable \"%s\" holds no text or number: \"${%s}\" must stand "
                                                   "alone in its string",
                                                   variable->name, variable->name);
        complain(c, pointer, message);
    }
    return !c->failed;
}

static JsonNode *substitute_string(Context *c, const char *pointer, const char *text)
{
    c->weight += strlen(text);
    if (strstr(text, "${") == NULL)
        return json_node_init_string(json_node_alloc(), text);
    bool outer = c->failed;
    c->failed = false;
    GString *out = g_string_new(NULL);
    JsonNode *alone = NULL;
    for (const char *at = text; *at != 0 && !c->failed && alone == NULL;) {
        if (g_str_has_prefix(at, "$${")) {
            g_string_append(out, "${");
            at += 3;
        } else if (g_str_has_prefix(at, "${")) {
            bool first = at == text;
            g_autofree char *name = take_name(c, pointer, &at);
            HoneVariable *variable = name != NULL ? find_variable(c, pointer, name) : NULL;
            JsonNode *value = variable != NULL ? variable_value(c, pointer, variable) : NULL;
            if (value != NULL && first && *at == 0)
                alone = json_node_copy(value);
            else if (value != NULL)
                append_value(c, pointer, out, variable, value);
        } else {
            g_string_append_c(out, *at++);
        }
    }
    bool failed = c->failed;
    c->failed = outer || failed;
    g_autofree char *result = g_string_free(out, FALSE);
    if (failed)
        return json_node_init_null(json_node_alloc());
    return alone != NULL ? alone : json_node_init_string(json_node_alloc(), result);
}

static JsonNode *substitute(Context *c, const char *pointer, JsonNode *value)
{
    c->weight++;
    if (JSON_NODE_HOLDS_OBJECT(value)) {
        JsonObject *from = json_node_get_object(value);
        g_autoptr(JsonObject) to = json_object_new();
        g_autoptr(GList) names = json_object_get_members(from);
        for (GList *l = names; l != NULL; l = l->next) {
            g_autofree char *below = hone_json_pointer(pointer, l->data);
            json_object_set_member(to, l->data, substitute(c, below, json_object_get_member(from, l->data)));
        }
        return json_node_init_object(json_node_alloc(), to);
    }
    if (JSON_NODE_HOLDS_ARRAY(value)) {
        JsonArray *from = json_node_get_array(value);
        g_autoptr(JsonArray) to = json_array_new();
        for (guint i = 0; i < json_array_get_length(from); i++) {
            g_autofree char *below = hone_json_pointer_index(pointer, i);
            json_array_add_element(to, substitute(c, below, json_array_get_element(from, i)));
        }
        return json_node_init_array(json_node_alloc(), to);
    }
    if (hone_json_is_string(value))
        return substitute_string(c, pointer, json_node_get_string(value));
    return json_node_copy(value);
}

JsonNode *hone_source_substitute(HoneSource *source, const HoneSourceFile *file, const char *pointer, JsonNode *value,
                                 GHashTable *broken)
{
    Context c = {.source = source, .file = file, .broken = broken, .weight = source->weight};
    JsonNode *result = substitute(&c, pointer, value);
    source->weight = c.weight;
    return result;
}

void hone_source_finish(HoneSource *source)
{
    for (guint i = 0; i < source->vars->len; i++) {
        HoneVariable *variable = source->vars->pdata[i];
        bool used = variable->used;
        Context c = {.source = source, .place = variable->place};
        variable_value(&c, "", variable);
        variable->used = used;
    }
    for (guint i = 0; i < source->vars->len; i++) {
        HoneVariable *variable = source->vars->pdata[i];
        if (!variable->used && variable->main)
            hone_mistakes_warn(source->mistakes, variable->name_at, "nothing uses the variable \"%s\"", variable->name);
    }
}

/* SPDX-License-Identifier: Apache-2.0
 * keywords.c: the keywords of a JSON schema, one small function for each. A new one is a function and a row in the
 * table.
 */
#include "compile.h"
#include <math.h>
#include <string.h>

typedef bool (*KeywordFunc)(SchemaCompiler *c, const char *keyword, JsonNode *value);

static bool complain(SchemaCompiler *c, const char *keyword, const char *wants)
{
    g_set_error(c->error, HONE_ERROR, HONE_ERROR_INVALID, "%s: #%s/%s: must be %s", c->set->where, c->place, keyword,
                wants);
    return false;
}

static bool is_text(JsonNode *node)
{
    return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING;
}

static bool read_number(SchemaCompiler *c, const char *keyword, JsonNode *node, double *value)
{
    GType type = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_NONE;

    if (type != G_TYPE_INT64 && type != G_TYPE_DOUBLE) {
        return complain(c, keyword, "a number");
    }
    *value = json_node_get_double(node);
    return true;
}

static bool read_count(SchemaCompiler *c, const char *keyword, JsonNode *node, int64_t *value)
{
    double number = -1;

    if (!read_number(c, keyword, node, &number) || number < 0 || number != floor(number) || number > 1e15) {
        g_clear_error(c->error);
        return complain(c, keyword, "a whole number, 0 or more");
    }
    *value = (int64_t)number;
    return true;
}

/* A name as one step of a JSON pointer (RFC 6901). Caller frees. */
static char *pointer_step(const char *place, const char *name)
{
    GString *pointer = g_string_new(place);

    g_string_append_c(pointer, '/');
    for (; *name; name++) {
        if (*name == '~' || *name == '/') {
            g_string_append(pointer, *name == '~' ? "~0" : "~1");
        } else {
            g_string_append_c(pointer, *name);
        }
    }
    return g_string_free(pointer, FALSE);
}

static bool sub_schema(SchemaCompiler *c, const char *keyword, JsonNode *node, Schema **out)
{
    g_autofree char *place = pointer_step(c->place, keyword);

    *out = schema_compile_at(c->set, node, place, c->error);
    return *out != NULL;
}

static bool keyword_annotation(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    return true;
}

static bool keyword_type(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    static const struct {
        const char *name;
        uint32_t type;
    } types[] = {{"null", SCHEMA_NULL},     {"boolean", SCHEMA_BOOLEAN}, {"integer", SCHEMA_INTEGER},
                 {"number", SCHEMA_NUMBER}, {"string", SCHEMA_STRING},   {"array", SCHEMA_ARRAY},
                 {"object", SCHEMA_OBJECT}};
    bool list = JSON_NODE_HOLDS_ARRAY(value);
    guint n = list ? json_array_get_length(json_node_get_array(value)) : 1;

    for (guint i = 0; i < n; i++) {
        JsonNode *name = list ? json_array_get_element(json_node_get_array(value), i) : value;
        uint32_t found = 0;

        for (size_t k = 0; is_text(name) && k < G_N_ELEMENTS(types); k++) {
            found |= g_str_equal(json_node_get_string(name), types[k].name) ? types[k].type : 0;
        }
        if (!found) {
            return complain(c, keyword,
                            "one of null, boolean, integer, number, string, array, object, or a list of them");
        }
        c->schema->types |= found;
    }
    return n > 0 || complain(c, keyword, "a type or a list of at least one");
}

static bool keyword_enum(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    if (!JSON_NODE_HOLDS_ARRAY(value)) {
        return complain(c, keyword, "a list of values");
    }
    c->schema->values = json_array_ref(json_node_get_array(value));
    return true;
}

static bool keyword_const(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    c->schema->constant = json_node_ref(value);
    return true;
}

static bool keyword_required(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    JsonArray *names = JSON_NODE_HOLDS_ARRAY(value) ? json_node_get_array(value) : NULL;

    c->schema->required = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; names && i < json_array_get_length(names); i++) {
        JsonNode *name = json_array_get_element(names, i);

        if (!is_text(name)) {
            return complain(c, keyword, "a list of names");
        }
        g_ptr_array_add(c->schema->required, g_strdup(json_node_get_string(name)));
    }
    return names || complain(c, keyword, "a list of names");
}

static bool keyword_properties(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    g_autofree char *place = pointer_step(c->place, keyword);
    JsonObjectIter iter;
    const char *name;
    JsonNode *member;

    if (!JSON_NODE_HOLDS_OBJECT(value)) {
        return complain(c, keyword, "an object of schemas");
    }
    c->schema->properties = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    json_object_iter_init(&iter, json_node_get_object(value));
    while (json_object_iter_next(&iter, &name, &member)) {
        g_autofree char *at = pointer_step(place, name);
        Schema *property = schema_compile_at(c->set, member, at, c->error);

        if (!property) {
            return false;
        }
        g_hash_table_insert(c->schema->properties, g_strdup(name), property);
    }
    return true;
}

/* Schemas that only a $ref applies; compiled here too, so that a mistake in an unused one is seen. */
static bool keyword_defs(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    GHashTable *own = g_steal_pointer(&c->schema->properties);
    bool ok = keyword_properties(c, keyword, value);

    g_clear_pointer(&c->schema->properties, g_hash_table_unref);
    c->schema->properties = own;
    return ok;
}

static bool keyword_additional(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    return sub_schema(c, keyword, value, &c->schema->additional);
}

static bool keyword_items(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    return sub_schema(c, keyword, value, &c->schema->items);
}

static bool keyword_not(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    return sub_schema(c, keyword, value, &c->schema->not );
}

static bool keyword_combination(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    GPtrArray **list = keyword[1] == 'l'                        ? &c->schema->all_of
                       : keyword[1] == 'n' && keyword[0] == 'a' ? &c->schema->any_of
                                                                : &c->schema->one_of;
    g_autofree char *place = pointer_step(c->place, keyword);
    JsonArray *schemas = JSON_NODE_HOLDS_ARRAY(value) ? json_node_get_array(value) : NULL;

    if (!schemas || json_array_get_length(schemas) == 0) {
        return complain(c, keyword, "a list of at least one schema");
    }
    *list = g_ptr_array_new();
    for (guint i = 0; i < json_array_get_length(schemas); i++) {
        g_autofree char *at = g_strdup_printf("%s/%u", place, i);
        Schema *schema = schema_compile_at(c->set, json_array_get_element(schemas, i), at, c->error);

        if (!schema) {
            return false;
        }
        g_ptr_array_add(*list, schema);
    }
    return true;
}

static bool keyword_min_items(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    return read_count(c, keyword, value, &c->schema->min_items);
}

static bool keyword_max_items(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    return read_count(c, keyword, value, &c->schema->max_items);
}

static bool keyword_min_length(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    return read_count(c, keyword, value, &c->schema->min_length);
}

static bool keyword_max_length(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    return read_count(c, keyword, value, &c->schema->max_length);
}

static bool keyword_minimum(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    return read_number(c, keyword, value, &c->schema->minimum);
}

static bool keyword_maximum(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    return read_number(c, keyword, value, &c->schema->maximum);
}

static bool keyword_above(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    return read_number(c, keyword, value, &c->schema->above);
}

static bool keyword_below(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    return read_number(c, keyword, value, &c->schema->below);
}

/* The specification asks for ECMAScript's expressions: $ is the very end, \uXXXX is a character. */
static bool keyword_pattern(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    int code;
    PCRE2_SIZE offset;
    PCRE2_UCHAR message[128];

    if (!is_text(value)) {
        return complain(c, keyword, "a regular expression");
    }
    c->schema->pattern = pcre2_compile((PCRE2_SPTR)json_node_get_string(value), PCRE2_ZERO_TERMINATED,
                                       PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX | PCRE2_NEVER_BACKSLASH_C,
                                       &code, &offset, NULL);
    if (c->schema->pattern) {
        return true;
    }
    pcre2_get_error_message(code, message, sizeof message);
    g_set_error(c->error, HONE_ERROR, HONE_ERROR_INVALID,
                "%s: #%s/pattern: not a regular expression at character %zu: %s", c->set->where, c->place,
                (size_t)offset, (const char *)message);
    return false;
}

/* The node at a JSON pointer, or NULL. */
static JsonNode *find_place(JsonNode *node, const char *pointer)
{
    g_auto(GStrv) steps = g_strsplit(pointer, "/", -1);

    for (size_t i = 1; node && steps[0] && steps[i]; i++) {
        g_autoptr(GString) name = g_string_new(steps[i]);

        g_string_replace(name, "~1", "/", 0);
        g_string_replace(name, "~0", "~", 0);
        if (JSON_NODE_HOLDS_OBJECT(node)) {
            node = json_object_get_member(json_node_get_object(node), name->str);
        } else if (JSON_NODE_HOLDS_ARRAY(node)) {
            guint64 index = 0;
            bool number = g_ascii_string_to_unsigned(name->str, 10, 0, G_MAXUINT, &index, NULL);
            JsonArray *array = json_node_get_array(node);

            node = number && index < json_array_get_length(array) ? json_array_get_element(array, (guint)index) : NULL;
        } else {
            node = NULL;
        }
    }
    return node;
}

static bool keyword_ref(SchemaCompiler *c, const char *keyword, JsonNode *value)
{
    const char *text = is_text(value) ? json_node_get_string(value) : "";
    g_autofree char *pointer = *text == '#' ? g_uri_unescape_string(text + 1, NULL) : NULL;
    JsonNode *target = pointer && (*pointer == '\0' || *pointer == '/') ? find_place(c->set->document, pointer) : NULL;

    if (!target) {
        g_set_error(c->error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: #%s/$ref: \"%s\" names no place in this file; write it as \"#/$defs/NAME\"", c->set->where,
                    c->place, text);
        return false;
    }
    c->schema->ref = schema_compile_at(c->set, target, pointer, c->error);
    return c->schema->ref != NULL;
}

static const struct {
    const char *name;
    KeywordFunc compile;
} keywords[] = {
    {"$comment", keyword_annotation},
    {"$defs", keyword_defs},
    {"$ref", keyword_ref},
    {"$schema", keyword_annotation},
    {"additionalProperties", keyword_additional},
    {"allOf", keyword_combination},
    {"anyOf", keyword_combination},
    {"const", keyword_const},
    {"default", keyword_annotation},
    {"deprecated", keyword_annotation},
    {"description", keyword_annotation},
    {"enum", keyword_enum},
    {"examples", keyword_annotation},
    {"exclusiveMaximum", keyword_below},
    {"exclusiveMinimum", keyword_above},
    {"items", keyword_items},
    {"maxItems", keyword_max_items},
    {"maxLength", keyword_max_length},
    {"maximum", keyword_maximum},
    {"minItems", keyword_min_items},
    {"minLength", keyword_min_length},
    {"minimum", keyword_minimum},
    {"not", keyword_not},
    {"oneOf", keyword_combination},
    {"pattern", keyword_pattern},
    {"properties", keyword_properties},
    {"required", keyword_required},
    {"title", keyword_annotation},
    {"type", keyword_type},
};

bool schema_keyword(SchemaCompiler *c, const char *name, JsonNode *value)
{
    const char *names[G_N_ELEMENTS(keywords)];
    const char *nearest;

    for (size_t i = 0; i < G_N_ELEMENTS(keywords); i++) {
        if (g_str_equal(name, keywords[i].name)) {
            return keywords[i].compile(c, name, value);
        }
        names[i] = keywords[i].name;
    }
    nearest = hone_nearest(name, names, G_N_ELEMENTS(names));
    g_set_error(c->error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                "%s: #%s: the schema keyword \"%s\" is not supported%s%s%s; docs/metrics.md lists those that are",
                c->set->where, c->place, name, nearest ? " (did you mean \"" : "", nearest ? nearest : "",
                nearest ? "\"?)" : "");
    return false;
}

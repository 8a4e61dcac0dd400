/* SPDX-License-Identifier: Apache-2.0
 * validate.c: does a value match a compiled schema? Keyword by keyword, as JSON Schema draft 2020-12 says (core and
 * validation vocabularies).
 */
#include "../common/json_same.h"
#include "schema.h"
#include <math.h>
#include <string.h>

static bool is_number(JsonNode *value)
{
    GType type = json_node_get_value_type(value);

    return JSON_NODE_HOLDS_VALUE(value) && (type == G_TYPE_INT64 || type == G_TYPE_DOUBLE);
}

static uint32_t types_of(JsonNode *value)
{
    switch (json_node_get_node_type(value)) {
    case JSON_NODE_OBJECT:
        return SCHEMA_OBJECT;
    case JSON_NODE_ARRAY:
        return SCHEMA_ARRAY;
    case JSON_NODE_NULL:
        return SCHEMA_NULL;
    case JSON_NODE_VALUE:
        break;
    }
    if (is_number(value)) {
        double number = json_node_get_double(value);

        return SCHEMA_NUMBER | (number == floor(number) ? SCHEMA_INTEGER : 0);
    }
    return json_node_get_value_type(value) == G_TYPE_BOOLEAN ? SCHEMA_BOOLEAN : SCHEMA_STRING;
}

static bool among(JsonArray *values, JsonNode *value)
{
    for (guint i = 0; i < json_array_get_length(values); i++) {
        if (json_same(json_array_get_element(values, i), value)) {
            return true;
        }
    }
    return false;
}

static bool number_matches(const Schema *schema, double number)
{
    return number >= schema->minimum && number <= schema->maximum && number > schema->above && number < schema->below;
}

static bool string_matches(const Schema *schema, const char *text, bool *valid, GError **error)
{
    int64_t length = g_utf8_strlen(text, -1);
    pcre2_match_data *match;
    int found;

    *valid = length >= schema->min_length && length <= schema->max_length;
    if (!*valid || !schema->pattern) {
        return true;
    }
    match = pcre2_match_data_create_from_pattern(schema->pattern, NULL);
    found = pcre2_match(schema->pattern, (PCRE2_SPTR)text, strlen(text), 0, PCRE2_NO_UTF_CHECK, match, NULL);
    pcre2_match_data_free(match);
    *valid = found >= 0;
    if (found < 0 && found != PCRE2_ERROR_NOMATCH) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "a pattern of the JSON schema takes too long on a text of %zu bytes; write it without nested "
                    "repetition",
                    strlen(text));
        return false;
    }
    return true;
}

static bool array_matches(const Schema *schema, JsonArray *array, bool *valid, GError **error)
{
    guint n = json_array_get_length(array);

    *valid = n >= schema->min_items && n <= schema->max_items;
    for (guint i = 0; *valid && schema->items && i < n; i++) {
        if (!schema_matches(schema->items, json_array_get_element(array, i), valid, error)) {
            return false;
        }
    }
    return true;
}

static bool object_matches(const Schema *schema, JsonObject *object, bool *valid, GError **error)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *member;

    for (guint i = 0; schema->required && i < schema->required->len; i++) {
        if (!json_object_has_member(object, schema->required->pdata[i])) {
            *valid = false;
            return true;
        }
    }
    json_object_iter_init(&iter, object);
    while (*valid && json_object_iter_next(&iter, &name, &member)) {
        const Schema *property = schema->properties ? g_hash_table_lookup(schema->properties, name) : NULL;

        property = property ? property : schema->additional;
        if (property && !schema_matches(property, member, valid, error)) {
            return false;
        }
    }
    return true;
}

/* How many of `schemas` match. */
static bool count_matches(const GPtrArray *schemas, JsonNode *value, guint *count, GError **error)
{
    *count = 0;
    for (guint i = 0; i < schemas->len; i++) {
        bool valid;

        if (!schema_matches(schemas->pdata[i], value, &valid, error)) {
            return false;
        }
        *count += valid;
    }
    return true;
}

static bool combinations_match(const Schema *schema, JsonNode *value, bool *valid, GError **error)
{
    guint count;
    bool matched;

    if (schema->ref && !schema_matches(schema->ref, value, valid, error)) {
        return false;
    }
    if (*valid && schema->not ) {
        if (!schema_matches(schema->not, value, &matched, error)) {
            return false;
        }
        *valid = !matched;
    }
    if (*valid && schema->all_of) {
        if (!count_matches(schema->all_of, value, &count, error)) {
            return false;
        }
        *valid = count == schema->all_of->len;
    }
    if (*valid && schema->any_of) {
        if (!count_matches(schema->any_of, value, &count, error)) {
            return false;
        }
        *valid = count > 0;
    }
    if (*valid && schema->one_of) {
        if (!count_matches(schema->one_of, value, &count, error)) {
            return false;
        }
        *valid = count == 1;
    }
    return true;
}

static bool content_matches(const Schema *schema, JsonNode *value, bool *valid, GError **error)
{
    switch (json_node_get_node_type(value)) {
    case JSON_NODE_OBJECT:
        return object_matches(schema, json_node_get_object(value), valid, error);
    case JSON_NODE_ARRAY:
        return array_matches(schema, json_node_get_array(value), valid, error);
    case JSON_NODE_VALUE:
        if (is_number(value)) {
            *valid = number_matches(schema, json_node_get_double(value));
        } else if (json_node_get_value_type(value) == G_TYPE_STRING) {
            return string_matches(schema, json_node_get_string(value), valid, error);
        }
        return true;
    case JSON_NODE_NULL:
        break;
    }
    return true;
}

bool schema_matches(const Schema *schema, JsonNode *value, bool *valid, GError **error)
{
    *valid = !schema->never && (!schema->types || (schema->types & types_of(value))) &&
             (!schema->values || among(schema->values, value)) &&
             (!schema->constant || json_same(schema->constant, value));
    if (*valid && !content_matches(schema, value, valid, error)) {
        return false;
    }
    return !*valid || combinations_match(schema, value, valid, error);
}

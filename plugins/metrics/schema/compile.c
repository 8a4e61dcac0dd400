/* SPDX-License-Identifier: Apache-2.0
 * compile.c: a JSON schema's text to what validate.c applies.
 *
 * A schema is known by its place in the file (a JSON pointer), so a $ref to a place that was compiled before gives the
 * same one and recursion in a schema is a loop of pointers. A loop that goes through no member or element would never
 * end on any value, and is refused.
 */
#include "compile.h"
#include <math.h>

static void schema_clear(Schema *schema)
{
    g_clear_pointer(&schema->values, json_array_unref);
    g_clear_pointer(&schema->constant, json_node_unref);
    g_clear_pointer(&schema->required, g_ptr_array_unref);
    g_clear_pointer(&schema->properties, g_hash_table_unref);
    g_clear_pointer(&schema->pattern, pcre2_code_free);
    g_clear_pointer(&schema->all_of, g_ptr_array_unref);
    g_clear_pointer(&schema->any_of, g_ptr_array_unref);
    g_clear_pointer(&schema->one_of, g_ptr_array_unref);
    g_free(schema);
}

Schema *schema_compile_at(SchemaSet *set, JsonNode *node, const char *place, GError **error)
{
    Schema *schema = g_hash_table_lookup(set->by_place, place);
    SchemaCompiler c = {.set = set, .place = place, .error = error};
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;

    if (schema) {
        return schema;
    }
    schema = g_new0(Schema, 1);
    schema->max_items = schema->max_length = INT64_MAX;
    schema->minimum = schema->above = -INFINITY;
    schema->maximum = schema->below = INFINITY;
    g_hash_table_insert(set->by_place, g_strdup(place), schema);
    c.schema = schema;

    if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_BOOLEAN) {
        schema->never = !json_node_get_boolean(node);
        return schema;
    }
    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: #%s: a schema is an object, true or false", set->where,
                    place);
        return NULL;
    }
    json_object_iter_init(&iter, json_node_get_object(node));
    while (json_object_iter_next(&iter, &name, &value)) {
        if (!schema_keyword(&c, name, value)) {
            return NULL;
        }
    }
    return schema;
}

typedef enum {
    VISIT_OPEN = 1,
    VISIT_DONE,
} Visit;

static bool loops(Schema *schema, GHashTable *visits);

static bool list_loops(const GPtrArray *schemas, GHashTable *visits)
{
    for (guint i = 0; schemas && i < schemas->len; i++) {
        if (loops(schemas->pdata[i], visits)) {
            return true;
        }
    }
    return false;
}

/* Follows only what applies to the same value. */
static bool loops(Schema *schema, GHashTable *visits)
{
    Visit visit = schema ? GPOINTER_TO_UINT(g_hash_table_lookup(visits, schema)) : VISIT_DONE;
    bool found;

    if (visit) {
        return visit == VISIT_OPEN;
    }
    g_hash_table_insert(visits, schema, GUINT_TO_POINTER(VISIT_OPEN));
    found = loops(schema->ref, visits) || loops(schema->not, visits) || list_loops(schema->all_of, visits) ||
            list_loops(schema->any_of, visits) || list_loops(schema->one_of, visits);
    g_hash_table_insert(visits, schema, GUINT_TO_POINTER(VISIT_DONE));
    return found;
}

static bool check_loops(SchemaSet *set, GError **error)
{
    g_autoptr(GHashTable) visits = g_hash_table_new(NULL, NULL);
    GHashTableIter iter;
    void *place, *schema;

    g_hash_table_iter_init(&iter, set->by_place);
    while (g_hash_table_iter_next(&iter, &place, &schema)) {
        if (loops(schema, visits)) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                        "%s: #%s: this schema refers to itself without going into a member or an element; it would "
                        "never end",
                        set->where, (const char *)place);
            return false;
        }
    }
    return true;
}

SchemaSet *schema_compile(JsonNode *root, const char *where, GError **error)
{
    g_autoptr(SchemaSet) set = g_new0(SchemaSet, 1);

    set->document = json_node_ref(root);
    set->where = where;
    set->by_place = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)schema_clear);
    set->root = schema_compile_at(set, root, "", error);
    if (!set->root || !check_loops(set, error)) {
        return NULL;
    }
    set->where = NULL;
    return g_steal_pointer(&set);
}

void schema_free(SchemaSet *set)
{
    if (set) {
        g_hash_table_unref(set->by_place);
        json_node_unref(set->document);
        g_free(set);
    }
}

const Schema *schema_root(const SchemaSet *set)
{
    return set->root;
}

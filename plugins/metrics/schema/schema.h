/* SPDX-License-Identifier: Apache-2.0
 * schema.h: a JSON schema, compiled once, applied to many values.
 *
 * The subset of draft 2020-12 that describes a record: type, enum, const, required, properties, additionalProperties,
 * items, minItems, maxItems, minLength, maxLength, pattern, minimum, maximum, exclusiveMinimum, exclusiveMaximum,
 * anyOf, oneOf, allOf, not, $ref to a place in the same file, $defs. Annotations ($schema, $comment, title,
 * description, default, examples, deprecated) say nothing about validity. Any other keyword is an error that names it,
 * so no rule of a schema is passed over in silence.
 */
#ifndef HONE_METRICS_SCHEMA_H
#define HONE_METRICS_SCHEMA_H

#include <hone/error.h>
#include <stdbool.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

typedef enum {
    SCHEMA_NULL = 1 << 0,
    SCHEMA_BOOLEAN = 1 << 1,
    SCHEMA_INTEGER = 1 << 2, /* a number without fraction: 1.0 is one */
    SCHEMA_NUMBER = 1 << 3,
    SCHEMA_STRING = 1 << 4,
    SCHEMA_ARRAY = 1 << 5,
    SCHEMA_OBJECT = 1 << 6,
} SchemaTypes;

/* One schema; what is absent restricts nothing. Sub-schemas belong to the SchemaSet. */
typedef struct Schema {
    bool never;                /* the schema `false` */
    uint32_t types;            /* SchemaTypes; 0: any */
    JsonArray *values;         /* enum, or NULL */
    JsonNode *constant;        /* const, or NULL */
    GPtrArray *required;       /* of char *, or NULL */
    GHashTable *properties;    /* char * -> Schema *, or NULL */
    struct Schema *additional; /* of members that properties does not name, or NULL */
    struct Schema *items;
    int64_t min_items, max_items, min_length, max_length; /* max: INT64_MAX when absent */
    pcre2_code *pattern;
    double minimum, maximum;             /* infinite when absent */
    double above, below;                 /* exclusive bounds */
    GPtrArray *all_of, *any_of, *one_of; /* of Schema *, or NULL */
    struct Schema * not ;
    struct Schema *ref;
} Schema;

typedef struct SchemaSet SchemaSet;

/* Compiles the schema at `root`. where: the file, for messages. */
SchemaSet *schema_compile(JsonNode *root, const char *where, GError **error);
void schema_free(SchemaSet *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SchemaSet, schema_free)
const Schema *schema_root(const SchemaSet *set);

/* *valid: whether the value matches. False with an error only where it cannot be told: a pattern ran too long. */
bool schema_matches(const Schema *schema, JsonNode *value, bool *valid, GError **error);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * compile.h: between compile.c, which walks a schema's file, and keywords.c, which knows the keywords.
 */
#ifndef HONE_METRICS_SCHEMA_COMPILE_H
#define HONE_METRICS_SCHEMA_COMPILE_H

#include "schema.h"

struct SchemaSet {
    JsonNode *document;
    const char *where;
    GHashTable *by_place; /* JSON pointer -> Schema *; owns both */
    Schema *root;
};

typedef struct SchemaCompiler {
    SchemaSet *set;
    Schema *schema;
    const char *place; /* of the schema that is being compiled */
    GError **error;
} SchemaCompiler;

/* The schema at a place of the file, compiled now unless it was before. */
Schema *schema_compile_at(SchemaSet *set, JsonNode *node, const char *place, GError **error);
/* Puts one member of a schema into c->schema. */
bool schema_keyword(SchemaCompiler *c, const char *name, JsonNode *value);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * json_schema.c: the share of answers that match a JSON schema. An answer that is no JSON (strictly: see json_valid)
 * does not match. Which keywords: schema/schema.h.
 */
#include "schema/schema.h"
#include <hone/file.h>
#include <hone/json.h>
#include <hone/metric.h>
#include <string.h>

#define SCHEMA_LIMIT ((size_t)4 << 20) /* bytes; a schema above it is no schema that a person wrote */

typedef struct JsonSchema {
    char *schema;
} JsonSchema;

static const HoneParam params_table[] = {
    HONE_PATH(JsonSchema, schema, NULL, "file with the schema (a subset of draft 2020-12)"),
    {0},
};
static const HoneParamGroup params_groups[] = {HONE_OWN_PARAMS(params_table), {0}};

static void *prepare(const void *params, GError **error)
{
    const JsonSchema *own = params;
    g_autoptr(JsonObject) object = hone_file_read_json(own->schema, SCHEMA_LIMIT, error);
    g_autoptr(JsonNode) root = NULL;

    if (!object) {
        return NULL;
    }
    root = json_node_init_object(json_node_alloc(), object);
    return schema_compile(root, own->schema, error);
}

static void finish(void *prepared)
{
    schema_free(prepared);
}

static bool score_row(const void *params, void *prepared, const HoneScored *scored, HoneMetricValue *values,
                      GError **error)
{
    const char *text = scored->prediction ? scored->prediction : "";
    g_autoptr(JsonNode) value = hone_json_parse(text, strlen(text), NULL, NULL);
    bool valid = false;

    if (value && !schema_matches(schema_root(prepared), value, &valid, error)) {
        return false;
    }
    values[0] = (HoneMetricValue){valid, 1};
    return true;
}

static const HoneFigureInfo figures[] = {
    {.name = "json_schema",
     .label = "Matches the schema",
     .help = "share of answers that match the JSON schema (draft 2020-12, a subset)",
     .unit = "%",
     .role = HONE_FIGURE_FORMAT},
    {0},
};

static const HoneMetricOps ops = {
    .size = sizeof(HoneMetricOps),
    .flags = HONE_METRIC_NEEDS_TEXT,
    .figures = figures,
    .figure_size = sizeof(HoneFigureInfo),
    .prepare = prepare,
    .score = score_row,
    .finish = finish,
};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_METRIC,
    .name = "json_schema",
    .version = "1",
    .summary = "Share of answers that match a JSON schema",
    .help = "Keywords: type, enum, const, required, properties, additionalProperties, items, minItems, maxItems, "
            "minLength, maxLength, pattern, minimum, maximum, exclusiveMinimum, exclusiveMaximum, anyOf, oneOf, allOf, "
            "not, $defs, $ref within the file. Any other keyword that restricts is an error that names it.",
    .params = params_groups,
    .instance_size = sizeof(JsonSchema),
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("json_schema", "1", "Apache-2.0", "JSON schema match", &component)

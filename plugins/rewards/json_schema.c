/* SPDX-License-Identifier: Apache-2.0
 * json_schema.c: 1 where an answer is JSON that matches a schema, `partial` where it is other JSON, else 0. Which
 * keywords a schema may have: ../metrics/schema/schema.h.
 */
#include "../metrics/schema/schema.h"
#include <hone/file.h>
#include <hone/json.h>
#include <hone/reward.h>
#include <string.h>

#define SCHEMA_LIMIT ((size_t)4 << 20) /* bytes; a schema above it is no schema that a person wrote */

typedef struct JsonSchema {
    char *schema;
    double partial;
} JsonSchema;

static const HoneParam params_table[] = {
    HONE_PATH(JsonSchema, schema, NULL, "file with the schema (a subset of draft 2020-12)"),
    HONE_NUMBER(JsonSchema, partial, "0.2", 0, 1, "reward of an answer that is JSON but does not match"),
    {0},
};
static const HoneParamGroup params_groups[] = {HONE_OWN_PARAMS(params_table), {0}};

static void *prepare(const void *params, HoneStage *stage, GError **error)
{
    const JsonSchema *own = params;
    g_autoptr(JsonObject) object = hone_file_read_json(own->schema, SCHEMA_LIMIT, error);
    if (!object)
        return NULL;
    g_autoptr(JsonNode) root = json_node_init_object(json_node_alloc(), object);
    return schema_compile(root, own->schema, error);
}

static void finish(void *prepared)
{
    schema_free(prepared);
}

static bool score(const void *params, void *prepared, const HoneAnswers *answers, double *rewards, GError **error)
{
    const JsonSchema *own = params;
    for (size_t i = 0; i < answers->n; i++) {
        const char *text = answers->texts[i];
        g_autoptr(JsonNode) value = hone_json_parse(text, strlen(text), NULL, NULL);
        bool valid = false;
        if (value && !schema_matches(schema_root(prepared), value, &valid, error))
            return false;
        rewards[i] = valid ? 1 : value ? own->partial : 0;
    }
    return true;
}

static const HoneRewardOps ops = {.size = sizeof(HoneRewardOps), .prepare = prepare, .score = score, .finish = finish};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_REWARD,
    .name = "json_schema",
    .version = "1",
    .summary = "1 where the answer matches a JSON schema, less for other JSON, else 0",
    .help = "The answer must be JSON and nothing else. Keywords of the schema: as for the metric json_schema.",
    .params = params_groups,
    .instance_size = sizeof(JsonSchema),
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("reward_json_schema", "1", "Apache-2.0", "a JSON schema as a reward", &component)

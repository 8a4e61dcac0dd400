/* SPDX-License-Identifier: Apache-2.0
 * field_accuracy.c: how much of a wanted JSON object an answer got right.
 *
 *     field accuracy   = Σ fields with the wanted value / Σ fields wanted
 *     all fields right = rows where each wanted field has its value / rows
 *
 * A field is a member of the reference object; its value is compared as JSON (1 equals 1.0, members in any order). An
 * answer that is not one JSON object (strictly: see json_valid) has no field right. Members that nobody asked for cost
 * nothing here; json_schema with additionalProperties false sees those. A row whose reference is no object does not
 * count. Each field is also a figure of its own.
 */
#include "common/json_same.h"
#include <hone/json.h>
#include <hone/metric.h>
#include <string.h>

typedef struct FieldAccuracy {
    char **fields;
} FieldAccuracy;

static const HoneParam params_table[] = {
    HONE_STRINGS(FieldAccuracy, fields, "[]", "only these fields of the reference count; empty: all of them"),
    {0},
};
static const HoneParamGroup params_groups[] = {HONE_OWN_PARAMS(params_table), {0}};

static bool counts(const FieldAccuracy *params, const char *field)
{
    return !params->fields[0] || g_strv_contains((const char *const *)params->fields, field);
}

static JsonNode *read_object(const char *text)
{
    g_autoptr(JsonNode) node = text ? hone_json_parse(text, strlen(text), NULL, NULL) : NULL;

    return node && JSON_NODE_HOLDS_OBJECT(node) ? g_steal_pointer(&node) : NULL;
}

/* Calls add (if given) for each field that counts; the sums go to *right and *wanted. */
static void compare_fields(const FieldAccuracy *params, const HoneScored *scored, HoneMetricPartFunc add, void *data,
                           size_t *right, size_t *wanted)
{
    g_autoptr(JsonNode) reference = read_object(scored->reference);
    g_autoptr(JsonNode) prediction = read_object(scored->prediction);
    JsonObjectIter iter;
    const char *field;
    JsonNode *value;

    *right = *wanted = 0;
    if (!reference) {
        return;
    }
    json_object_iter_init_ordered(&iter, json_node_get_object(reference));
    while (json_object_iter_next_ordered(&iter, &field, &value)) {
        JsonNode *got = prediction ? json_object_get_member(json_node_get_object(prediction), field) : NULL;
        bool same = got && json_same(value, got);

        if (!counts(params, field)) {
            continue;
        }
        *wanted += 1;
        *right += same;
        if (add) {
            add(field, (HoneMetricValue){same, 1}, data);
        }
    }
}

static bool score_row(const void *params, void *prepared, const HoneScored *scored, HoneMetricValue *values,
                      GError **error)
{
    size_t right, wanted;

    compare_fields(params, scored, NULL, NULL, &right, &wanted);
    values[0] = (HoneMetricValue){(double)right, (double)wanted};
    values[1] = wanted ? (HoneMetricValue){right == wanted, 1} : (HoneMetricValue){0, 0};
    return true;
}

static bool score_parts(const void *params, void *prepared, const HoneScored *scored, HoneMetricPartFunc add,
                        void *data, GError **error)
{
    size_t right, wanted;

    compare_fields(params, scored, add, data, &right, &wanted);
    return true;
}

static const HoneFigureInfo figures[] = {
    {.name = "field_accuracy",
     .label = "Fields right",
     .help = "share of the wanted JSON object's fields whose value the answer has",
     .unit = "%",
     .role = HONE_FIGURE_TASK},
    {.name = "all_fields",
     .label = "All fields right",
     .help = "share of answers with every wanted field right",
     .unit = "%",
     .role = HONE_FIGURE_TASK},
    {0},
};

static const HoneMetricOps ops = {
    .size = sizeof(HoneMetricOps),
    .flags = HONE_METRIC_NEEDS_TEXT,
    .figures = figures,
    .figure_size = sizeof(HoneFigureInfo),
    .score = score_row,
    .parts = score_parts,
};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_METRIC,
    .name = "field_accuracy",
    .version = "1",
    .summary = "Share of a wanted JSON object's fields that the answer got right",
    .help = "Fields are the members of the reference object; values are compared as JSON. An answer that is not one "
            "JSON object has none right; members beyond the wanted ones cost nothing. Each field is shown by itself "
            "too.",
    .params = params_groups,
    .instance_size = sizeof(FieldAccuracy),
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("field_accuracy", "1", "Apache-2.0", "Field accuracy of JSON answers", &component)

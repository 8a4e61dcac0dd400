/* SPDX-License-Identifier: Apache-2.0
 * The metric `json_schema` against python's jsonschema on a table of schemas and instances
 * (tests/oracle/json_schema.py), and what it says of schemas that it cannot follow.
 */
#include "fixture.h"
#include <glib/gstdio.h>
#include <hone/json.h>
#include <string.h>

static char *folder;

/* A metric over the schema. */
static bool open_schema(TestMetric *metric, const char *schema, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "schema.json", NULL);
    g_autofree char *params = g_strdup_printf("{\"schema\": \"%s\"}", path);

    g_assert_true(g_file_set_contents(path, schema, -1, NULL));
    return test_metric_init(metric, "json_schema", params, error);
}

static bool matches(TestMetric *metric, const char *instance)
{
    HoneMetricValue value;

    test_metric_score(metric, NULL, instance, &value);
    g_assert_cmpfloat(value.denominator, ==, 1);
    return value.numerator == 1;
}

static void test_table(void)
{
    g_autofree char *path = test_data("json_schema.jsonl");
    g_autoptr(HoneLines) lines = hone_lines_open(path, 1 << 20, NULL);
    g_autoptr(GError) error = NULL;
    const char *line;
    size_t answers[2] = {0, 0};

    while ((line = hone_lines_next(lines, NULL, &error))) {
        g_autoptr(JsonNode) node = test_json(line);
        JsonObject *row = json_node_get_object(node);
        g_autofree char *schema = hone_json_text(json_object_get_member(row, "schema"));
        JsonArray *cases = json_object_get_array_member(row, "cases");
        TestMetric metric;

        open_schema(&metric, schema, NULL);
        for (guint i = 0; i < json_array_get_length(cases); i++) {
            JsonArray *pair = json_array_get_array_element(cases, i);
            g_autofree char *instance = hone_json_text(json_array_get_element(pair, 0));
            bool expected = json_array_get_boolean_element(pair, 1);

            if (matches(&metric, instance) != expected) {
                g_error("%s on %s: expected %s", schema, instance, expected ? "a match" : "none");
            }
            answers[expected]++;
        }
        test_metric_clear(&metric);
    }
    g_assert_no_error(error);
    g_assert_cmpuint(answers[0], >, 500);
    g_assert_cmpuint(answers[1], >, 500);
}

static void test_no_json(void)
{
    static const char *const texts[] = {"", "{", "{} {}", "```json\n{}\n```", "Here it is: {}", "{'a': 1}", "NaN"};
    TestMetric metric;

    open_schema(&metric, "{}", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_assert_false(matches(&metric, texts[i]));
    }
    g_assert_true(matches(&metric, " \n{}\t"));
    test_metric_clear(&metric);
}

/* ECMA-262: without the m flag, $ is the end of the text and nothing else. */
static void test_pattern_end(void)
{
    TestMetric metric;

    open_schema(&metric, "{\"pattern\": \"^a$\"}", NULL);
    g_assert_true(matches(&metric, "\"a\""));
    g_assert_false(matches(&metric, "\"a\\n\""));
    test_metric_clear(&metric);
}

static void test_refused(void)
{
    static const struct {
        const char *schema, *says;
    } table[] = {
        {"{\"properties\": {\"a\": {\"format\": \"email\"}}}", "#/properties/a: the schema keyword \"format\""},
        {"{\"propertys\": {}}", "did you mean \"properties\""},
        {"{\"items\": {\"minItem\": 1}}", "#/items: the schema keyword \"minItem\""},
        {"{\"type\": \"strin\"}", "#/type: must be one of"},
        {"{\"type\": []}", "#/type: must be"},
        {"{\"minItems\": -1}", "#/minItems: must be a whole number"},
        {"{\"minItems\": \"1\"}", "#/minItems: must be a whole number"},
        {"{\"minimum\": \"1\"}", "#/minimum: must be a number"},
        {"{\"pattern\": \"(\"}", "#/pattern: not a regular expression"},
        {"{\"pattern\": 3}", "#/pattern: must be a regular expression"},
        {"{\"required\": \"a\"}", "#/required: must be a list"},
        {"{\"required\": [1]}", "#/required: must be a list"},
        {"{\"properties\": []}", "#/properties: must be an object"},
        {"{\"items\": 3}", "#/items: a schema is an object"},
        {"{\"anyOf\": []}", "#/anyOf: must be a list of at least one"},
        {"{\"enum\": 1}", "#/enum: must be a list"},
        {"{\"$ref\": \"#/$defs/a\"}", "names no place"},
        {"{\"$ref\": \"other.json\"}", "names no place"},
        {"{\"$ref\": \"#/anyOf/9\", \"anyOf\": [{}]}", "names no place"},
        {"{\"$ref\": \"#\"}", "never end"},
        {"{\"$defs\": {\"a\": {\"not\": {\"$ref\": \"#/$defs/b\"}}, \"b\": {\"oneOf\": [{\"$ref\": \"#/$defs/a\"}]}}}",
         "never end"},
        {"{\"$defs\": {\"unused\": {\"tpye\": 1}}}", "#/$defs/unused"},
        {"[]", "schema.json"},
        {"{\"type\": ", "schema.json"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(GError) error = NULL;
        TestMetric metric;

        if (open_schema(&metric, table[i].schema, &error)) {
            g_error("accepted: %s", table[i].schema);
        }
        if (!strstr(error->message, table[i].says) || !strstr(error->message, "schema.json")) {
            g_error("%s: says \"%s\", not \"%s\"", table[i].schema, error->message, table[i].says);
        }
    }
}

/* A pattern that explodes is an error, not a hang and not a mismatch. */
static void test_slow_pattern(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneRow) row = hone_row_new("t");
    g_autofree char *as = g_strnfill(60, 'a');
    g_autofree char *text = g_strdup_printf("\"%s!\"", as);
    HoneScored scored = {.size = sizeof scored, .row = row, .prediction = text};
    HoneMetricValue value;
    TestMetric metric;

    open_schema(&metric, "{\"pattern\": \"^(([a-z])+.)+[A-Z]([a-z])+$\"}", NULL);
    g_assert_false(metric.ops->score(metric.params, metric.prepared, &scored, &value, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED);
    test_metric_clear(&metric);
}

int main(int argc, char **argv)
{
    int status;
    g_autofree char *path = NULL;

    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("hone-schema-XXXXXX", NULL);
    g_test_add_func("/metrics/json-schema/table", test_table);
    g_test_add_func("/metrics/json-schema/no-json", test_no_json);
    g_test_add_func("/metrics/json-schema/pattern-end", test_pattern_end);
    g_test_add_func("/metrics/json-schema/refused", test_refused);
    g_test_add_func("/metrics/json-schema/slow-pattern", test_slow_pattern);
    status = g_test_run();
    path = g_build_filename(folder, "schema.json", NULL);
    g_unlink(path);
    g_rmdir(folder);
    g_free(folder);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0
 * The small metrics, on closed forms: perplexity, exact match, JSON validity, field accuracy.
 */
#include "fixture.h"
#include <math.h>
#include <string.h>

/* Sums and one exp of doubles of size 1: a few roundings. */
static const double tolerance = 1e-12;

static void assert_near(double value, double expected)
{
    if (!(fabs(value - expected) <= tolerance * fmax(1, fabs(expected)))) {
        g_error("%.17g, expected %.17g", value, expected);
    }
}

static void test_perplexity(void)
{
    /* A model that gives each token of row 0 (3 tokens, 8 bytes) the probability 1/4 and each of row 1 (1 token, 4
     * bytes) 1/16 needs 2 bits three times and 4 bits once: 10 bits over 4 tokens and 12 bytes. */
    HoneScored rows[2] = {
        {.size = sizeof(HoneScored), .logprob = -3 * log(4), .n_tokens = 3, .n_bytes = 8},
        {.size = sizeof(HoneScored), .logprob = -log(16), .n_tokens = 1, .n_bytes = 4},
    };
    HoneMetricValue values[2][2], column[2];
    HoneFigureInfo info;
    TestMetric metric;

    test_metric_init(&metric, "perplexity", "{}", NULL);
    for (int i = 0; i < 2; i++) {
        g_assert_true(metric.ops->score(metric.params, NULL, &rows[i], values[i], NULL));
    }
    for (size_t figure = 0; hone_metric_figure(metric.ops, figure, &info); figure++) {
        g_assert_true(info.lower_is_better);
        column[0] = values[0][figure];
        column[1] = values[1][figure];
        assert_near(hone_metric_aggregate(info.scale, column, NULL, 2), figure == 0 ? exp2(10.0 / 4) : 10.0 / 12);
    }
    test_metric_clear(&metric);
}

static void test_exact_match(void)
{
    static const struct {
        const char *params, *reference, *prediction;
        double value;
    } table[] = {
        {"{}", "yes", "yes", 1},
        {"{}", "yes", " yes\n", 1},
        {"{}", "yes", "Yes", 0},
        {"{}", "yes", "", 0},
        {"{}", "", "", 1},
        {"{\"trim\": false}", "yes", "yes\n", 0},
        {"{\"ignore_case\": true}", "Straße", "STRASSE", 1},
        {"{\"ignore_case\": true}", "yes", "yes.", 0},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        HoneMetricValue value;
        TestMetric metric;

        test_metric_init(&metric, "exact_match", table[i].params, NULL);
        test_metric_score(&metric, table[i].reference, table[i].prediction, &value);
        g_assert_cmpfloat(value.numerator, ==, table[i].value);
        g_assert_cmpfloat(value.denominator, ==, 1);
        test_metric_score(&metric, NULL, table[i].prediction, &value);
        g_assert_cmpfloat(value.denominator, ==, 0);
        test_metric_clear(&metric);
    }
}

static void test_json_valid(void)
{
    static const struct {
        const char *text;
        double value;
    } table[] = {
        {"{}", 1},
        {" [1, 2.5e3, \"\\u00e4\", null]\n", 1},
        {"3", 1},
        {"", 0},
        {NULL, 0},
        {"{\"a\": 1,}", 0},
        {"{\"a\": 1} // fine", 0},
        {"```json\n{}\n```", 0},
        {"{\"a\": 1}{\"b\": 2}", 0},
        {"{\"a\": 1", 0},
        {"{\"a\": NaN}", 0},
        {"{\"a\": 01}", 0},
        {"var a = {}", 0},
        {"Sure! {\"a\": 1}", 0},
    };
    TestMetric metric;

    test_metric_init(&metric, "json_valid", "{}", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        HoneMetricValue value;

        test_metric_score(&metric, "{}", table[i].text, &value);
        if (value.numerator != table[i].value || value.denominator != 1) {
            g_error("%s", table[i].text);
        }
    }
    test_metric_clear(&metric);
}

static void add_part(const char *part, HoneMetricValue value, void *data)
{
    g_string_append_printf(data, "%s=%g/%g ", part, value.numerator, value.denominator);
}

static void test_field_accuracy(void)
{
    static const struct {
        const char *params, *reference, *prediction;
        double right, wanted, all, counts;
        const char *parts;
    } table[] = {
        {"{}", "{\"a\": 1, \"b\": [1, 2], \"c\": {\"x\": null}}", "{\"c\": {\"x\": null}, \"b\": [2, 1], \"a\": 1.0}",
         2, 3, 0, 1, "a=1/1 b=0/1 c=1/1 "},
        {"{}", "{\"a\": 1, \"b\": 2}", "{\"a\": 1, \"b\": 2, \"z\": 3}", 2, 2, 1, 1, "a=1/1 b=1/1 "},
        {"{}", "{\"a\": null}", "{}", 0, 1, 0, 1, "a=0/1 "},
        {"{}", "{\"a\": \"x\"}", "{\"a\": \"X\"}", 0, 1, 0, 1, "a=0/1 "},
        {"{}", "{\"a\": 1, \"b\": 2}", "a is 1", 0, 2, 0, 1, "a=0/1 b=0/1 "},
        {"{}", "{\"a\": 1, \"b\": 2}", "[1, 2]", 0, 2, 0, 1, "a=0/1 b=0/1 "},
        {"{}", "{\"a\": 1, \"b\": 2}", "```{\"a\": 1, \"b\": 2}```", 0, 2, 0, 1, "a=0/1 b=0/1 "},
        {"{}", "{\"a\": 1, \"b\": 2}", NULL, 0, 2, 0, 1, "a=0/1 b=0/1 "},
        {"{\"fields\": [\"b\"]}", "{\"a\": 1, \"b\": 2}", "{\"b\": 2}", 1, 1, 1, 1, "b=1/1 "},
        {"{\"fields\": [\"q\"]}", "{\"a\": 1, \"b\": 2}", "{\"b\": 2}", 0, 0, 0, 0, ""},
        {"{}", "plain text", "{\"b\": 2}", 0, 0, 0, 0, ""},
        {"{}", NULL, "{\"b\": 2}", 0, 0, 0, 0, ""},
        {"{}", "{}", "{}", 0, 0, 0, 0, ""},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        HoneScored scored = {.size = sizeof scored, .reference = table[i].reference, .prediction = table[i].prediction};
        g_autoptr(GString) parts = g_string_new(NULL);
        HoneMetricValue values[2];
        TestMetric metric;

        test_metric_init(&metric, "field_accuracy", table[i].params, NULL);
        test_metric_score(&metric, table[i].reference, table[i].prediction, values);
        g_assert_cmpfloat(values[0].numerator, ==, table[i].right);
        g_assert_cmpfloat(values[0].denominator, ==, table[i].wanted);
        g_assert_cmpfloat(values[1].numerator, ==, table[i].all);
        g_assert_cmpfloat(values[1].denominator, ==, table[i].counts);
        g_assert_true(metric.ops->parts(metric.params, metric.prepared, &scored, add_part, parts, NULL));
        g_assert_cmpstr(parts->str, ==, table[i].parts);
        test_metric_clear(&metric);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/metrics/perplexity", test_perplexity);
    g_test_add_func("/metrics/exact-match", test_exact_match);
    g_test_add_func("/metrics/json-valid", test_json_valid);
    g_test_add_func("/metrics/field-accuracy", test_field_accuracy);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0
 * The metric `rouge` against Google's rouge-score, and its stemmer against NLTK's (tests/oracle/rouge.py).
 */
#include "../../../plugins/metrics/rouge/porter.h"
#include "fixture.h"
#include <math.h>
#include <string.h>

/* Both divide the same whole numbers and combine the quotients in the same way; what is left is a rounding or two. */
static const double tolerance = 1e-12;

static void check_scores(const char *member, const char *params)
{
    static const char *const names[] = {"rouge1", "rouge2", "rougeL", "rougeLsum"};
    g_autofree char *path = test_data("rouge.jsonl");
    g_autoptr(HoneLines) lines = hone_lines_open(path, 1 << 20, NULL);
    g_autoptr(GError) error = NULL;
    TestMetric metric;
    const char *line;
    size_t pairs = 0, between = 0;

    test_metric_init(&metric, "rouge", params, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        HoneFigureInfo info;

        g_assert_true(hone_metric_figure(metric.ops, i, &info));
        g_assert_cmpstr(info.name, ==, names[i]);
    }
    while ((line = hone_lines_next(lines, NULL, &error))) {
        g_autoptr(JsonNode) node = test_json(line);
        JsonObject *row = json_node_get_object(node);
        JsonArray *want = json_object_get_array_member(row, member);
        HoneMetricValue values[4];

        test_metric_score(&metric, json_object_get_string_member(row, "reference"),
                          json_object_get_string_member(row, "prediction"), values);
        for (guint i = 0; i < 4; i++) {
            double expected = json_array_get_double_element(want, i);

            g_assert_cmpfloat(values[i].denominator, ==, 1);
            if (!(fabs(values[i].numerator - expected) <= tolerance)) {
                g_error("pair %zu, %s %s: %.17g, expected %.17g", pairs, member, names[i], values[i].numerator,
                        expected);
            }
            between += expected > 0 && expected < 1;
        }
        pairs++;
    }
    g_assert_no_error(error);
    g_assert_cmpuint(pairs, >=, 180);
    g_assert_cmpuint(between, >=, 400); /* the pairs are no trivial ones */
    test_metric_clear(&metric);
}

static void test_plain(void)
{
    check_scores("plain", "{}");
}

static void test_stemmed(void)
{
    check_scores("stemmed", "{\"stemmer\": true}");
}

static void test_stems(void)
{
    g_autofree char *path = test_data("stems.txt");
    g_autoptr(HoneLines) lines = hone_lines_open(path, 1 << 20, NULL);
    g_autoptr(GError) error = NULL;
    const char *line;
    size_t words = 0, changed = 0;

    while ((line = hone_lines_next(lines, NULL, &error))) {
        g_auto(GStrv) pair = g_strsplit(line, " ", 2);
        g_autoptr(GString) word = g_string_new(pair[0]);

        porter_stem(word);
        if (!g_str_equal(word->str, pair[1])) {
            g_error("%s: %s, expected %s", pair[0], word->str, pair[1]);
        }
        words++;
        changed += !g_str_equal(pair[0], pair[1]);
    }
    g_assert_no_error(error);
    g_assert_cmpuint(words, >, 5000);
    g_assert_cmpuint(changed, >, words / 3);
}

/* A model can answer with one letter for ever. */
static void test_long(void)
{
    g_autofree char *ys = g_strnfill(200000, 'y');
    g_autofree char *text = g_strconcat(ys, "ing", NULL);
    HoneMetricValue values[4];
    TestMetric metric;

    test_metric_init(&metric, "rouge", "{\"stemmer\": true}", NULL);
    test_metric_score(&metric, text, text, values);
    g_assert_cmpfloat(values[0].numerator, ==, 1);
    test_metric_score(&metric, NULL, text, values);
    g_assert_cmpfloat(values[0].denominator, ==, 0);
    test_metric_score(&metric, text, NULL, values);
    g_assert_cmpfloat(values[0].numerator, ==, 0);
    g_assert_cmpfloat(values[0].denominator, ==, 1);
    test_metric_clear(&metric);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/metrics/rouge/plain", test_plain);
    g_test_add_func("/metrics/rouge/stemmed", test_stemmed);
    g_test_add_func("/metrics/rouge/stems", test_stems);
    g_test_add_func("/metrics/rouge/long", test_long);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0
 * The stage `compare` on made-up scores whose outcome is known, and its refusals.
 */
#include "fixture.h"
#include "scratch.h"
#include <hone/random.h>
#include <math.h>
#include <string.h>

/* What the rows of a side are like: probability that a row's JSON parses, that its field is right, its mean NLL. */
typedef struct Side {
    double format, task, similarity, nll;
} Side;

#define ROWS 120

/* Whether row i has the property, given the side's probability: the same draw on both sides, so only a change in the
 * probability changes rows. */
static bool has(int property, int i, double probability)
{
    return hone_random_unit(77, HONE_STREAM_USER + (uint64_t)property, (uint64_t)i) < probability;
}

static void add_row(GString *rows, int i, const Side *side)
{
    double nll = side->nll + 0.3 * hone_random_normal(78, HONE_STREAM_USER, (uint64_t)i);

    g_string_append_printf(rows,
                           "{\"id\": \"r%d\", \"prompt\": [{\"role\": \"user\", \"content\": \"q%d\"}], \"reference\": "
                           "\"w\", \"prediction\": \"p\", \"finished\": true, \"values\": {",
                           i, i);
    if (side->format >= 0) {
        g_string_append_printf(rows, "\"json_valid\": [%d, 1], ", has(1, i, side->format));
    }
    if (side->task >= 0) {
        g_string_append_printf(rows, "\"field_accuracy\": [%d, 1], ", has(2, i, side->task));
    }
    if (side->similarity >= 0) {
        g_string_append_printf(rows, "\"rouge1\": [%d, 1], ", has(3, i, side->similarity));
    }
    g_string_append_printf(rows, "\"perplexity\": [%.6f, 10]}}\n", 10 * nll);
}

static HoneArtifact *make_scores(const char *folder, const char *name, const Side *side, const char *dataset, int first,
                                 int end)
{
    g_autoptr(GString) rows = g_string_new(NULL), scores = g_string_new("{\"figures\": [");

    for (int i = first; i < end; i++) {
        add_row(rows, i, side);
    }
    if (side->format >= 0) {
        g_string_append(scores, "{\"metric\": \"json_valid\", \"name\": \"json_valid\", \"label\": \"Valid JSON\", "
                                "\"unit\": \"%\", \"role\": \"format\"}, ");
    }
    if (side->task >= 0) {
        g_string_append(scores, "{\"metric\": \"field_accuracy\", \"name\": \"field_accuracy\", \"label\": \"Fields "
                                "right\", \"unit\": \"%\", \"role\": \"task\"}, ");
    }
    if (side->similarity >= 0) {
        g_string_append(scores, "{\"metric\": \"rouge\", \"name\": \"rouge1\", \"label\": \"ROUGE-1\", \"unit\": "
                                "\"%\", \"role\": \"similarity\"}, ");
    }
    g_string_append_printf(scores,
                           "{\"metric\": \"perplexity\", \"name\": \"perplexity\", \"label\": \"Perplexity\", "
                           "\"scale\": \"exp\", \"lower_is_better\": true, \"role\": \"likelihood\"}], \"rows\": %d, "
                           "\"dataset\": {\"hash\": \"%s\"}}",
                           end - first, dataset);
    return scratch_artifact(folder, name, HONE_SCORES, NULL, "scores.json", scores->str, "rows.jsonl", rows->str, NULL);
}

static JsonObject *compare(const char *folder, const Side *before, const Side *after)
{
    g_autoptr(GError) error = NULL;
    ScratchInput inputs[] = {{"before", "base", make_scores(folder, "base", before, "d", 0, ROWS)},
                             {"after", "tuned", make_scores(folder, "tuned", after, "d", 0, ROWS)},
                             {0}};

    scratch_run(folder, test_component("compare"), "{}", inputs, NULL, &error);
    g_assert_no_error(error);
    return scratch_json(folder, "out-compare/report/compare.json");
}

static void test_outcomes(void)
{
    static const struct {
        Side before, after;
        const char *outcome, *says;
    } table[] = {
        {{.3, .2, .2, 2}, {.9, .8, .7, 1}, "helped", "Tuning helped: Fields right rose from "},
        {{.3, .2, .2, 2}, {.9, .2, .7, 1}, "format_only", "Tuning taught the format and not the task: Valid JSON rose"},
        {{.3, .2, .2, 2}, {.3, .2, .2, 2}, "none", "No measurable effect: Fields right went from "},
        {{.9, .8, .7, 1}, {.9, .4, .7, 1}, "harmed", "Tuning harmed: Fields right fell from "},
        /* Without a figure of the task, similarity decides; without that, likelihood. */
        {{-1, -1, .2, 2}, {-1, -1, .8, 1}, "helped", "Tuning helped: ROUGE-1 rose"},
        {{-1, -1, -1, 2}, {-1, -1, -1, 1}, "helped", "Tuning helped: Perplexity fell"},
        {{-1, -1, -1, 1}, {-1, -1, -1, 2}, "harmed", "Tuning harmed: Perplexity rose"},
        /* A task that got better counts whatever happens to the likelihood. */
        {{.3, .2, -1, 1}, {.9, .8, -1, 2}, "helped", "Tuning helped: Fields right rose"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(char) folder = scratch_new();
        g_autoptr(JsonObject) result = compare(folder, &table[i].before, &table[i].after);
        JsonObject *verdict = json_object_get_object_member(result, "verdict");
        const char *text = json_object_get_string_member(verdict, "text");

        g_assert_cmpstr(json_object_get_string_member(verdict, "outcome"), ==, table[i].outcome);
        if (!g_str_has_prefix(text, table[i].says)) {
            g_error("case %zu: \"%s\" does not begin with \"%s\"", i, text, table[i].says);
        }
        g_assert_nonnull(strstr(text, "on 120 rows"));
    }
}

static bool warns(JsonObject *result, const char *text)
{
    JsonArray *warnings = json_object_get_array_member(json_object_get_object_member(result, "verdict"), "warnings");

    for (guint i = 0; i < json_array_get_length(warnings); i++) {
        if (strstr(json_array_get_string_element(warnings, i), text)) {
            return true;
        }
    }
    return false;
}

static void test_warnings(void)
{
    static const Side base = {.3, .2, .2, 1}, format = {.9, .2, .2, 1}, confident = {.9, .8, .2, 2},
                      helped = {.9, .8, .8, .5}, similar = {-1, -1, .9, 1}, plain = {-1, -1, .2, 1};
    g_autoptr(char) a = scratch_new(), b = scratch_new(), c = scratch_new(), d = scratch_new();
    g_autoptr(JsonObject) only_format = compare(a, &base, &format);
    g_autoptr(JsonObject) side_effect = compare(b, &base, &confident);
    g_autoptr(JsonObject) clean = compare(c, &base, &helped);
    g_autoptr(JsonObject) untold = compare(d, &plain, &similar);

    g_assert_true(warns(only_format, "The format of answers improved, what they say did not"));
    g_assert_true(warns(side_effect, "Got worse beside the figures that decide: Perplexity rose"));
    g_assert_true(warns(untold, "No figure of the task itself was measured"));
    g_assert_cmpuint(json_array_get_length(
                         json_object_get_array_member(json_object_get_object_member(clean, "verdict"), "warnings")),
                     ==, 0);
}

/* Identical scores: every difference is exactly 0 with an interval that is a point. */
static void test_same(void)
{
    static const Side side = {.5, .5, .5, 1};
    g_autoptr(char) folder = scratch_new();
    g_autoptr(JsonObject) result = compare(folder, &side, &side);
    JsonArray *figures = json_object_get_array_member(result, "figures");

    g_assert_cmpuint(json_array_get_length(figures), ==, 4);
    for (guint i = 0; i < json_array_get_length(figures); i++) {
        JsonObject *figure = json_array_get_object_element(figures, i);
        JsonObject *difference = json_object_get_object_member(figure, "difference");

        g_assert_cmpfloat(json_object_get_double_member(difference, "value"), ==, 0);
        g_assert_cmpfloat(json_object_get_double_member(difference, "low"), ==, 0);
        g_assert_cmpfloat(json_object_get_double_member(difference, "high"), ==, 0);
        g_assert_cmpstr(json_object_get_string_member(figure, "change"), ==, "none");
    }
}

/* rows.jsonl: as many rows as there are, worst first, and the counts agree with it. */
static void test_rows(void)
{
    static const Side before = {.5, .5, .5, 1}, after = {.5, .4, .8, 1};
    g_autoptr(char) folder = scratch_new();
    g_autoptr(JsonObject) result = compare(folder, &before, &after);
    g_autofree char *text = scratch_text(folder, "out-compare/report/rows.jsonl");
    g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
    JsonObject *counts = json_object_get_object_member(result, "rows_by_change");
    double last = -INFINITY;
    gint64 worse = 0, better = 0;

    g_assert_cmpuint(g_strv_length(lines), ==, ROWS);
    for (char **line = lines; *line; line++) {
        g_autoptr(JsonNode) node = test_json(*line);
        double gain = json_object_get_double_member(json_node_get_object(node), "gain");

        g_assert_cmpfloat(gain, >=, last);
        last = gain;
        worse += gain < 0;
        better += gain > 0;
    }
    /* The task fell and nothing else decides: rows got worse or stayed. */
    g_assert_cmpint(worse, >, 0);
    g_assert_cmpint(better, ==, 0);
    g_assert_cmpint(json_object_get_int_member(counts, "worse"), ==, worse);
    g_assert_cmpint(json_object_get_int_member(counts, "same"), ==, ROWS - worse);
}

static void test_refused(void)
{
    static const Side side = {.5, .5, .5, 1};
    static const struct {
        const char *dataset;
        int first, end;
        const char *says;
    } table[] = {{"other", 0, 5, "different data"}, {"d", 5, 9, "no row in common"}};

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(char) folder = scratch_new();
        g_autoptr(GError) error = NULL;
        ScratchInput inputs[] = {
            {"before", "base", make_scores(folder, "base", &side, "d", 0, 5)},
            {"after", "tuned", make_scores(folder, "tuned", &side, table[i].dataset, table[i].first, table[i].end)},
            {0}};

        g_assert_false(scratch_run(folder, test_component("compare"), "{}", inputs, NULL, &error));
        g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, table[i].says));
        g_assert_nonnull(strstr(error->message, "tuned"));
    }
}

/* Rows of one side only are left out and told; few rows are called few. */
static void test_partial(void)
{
    static const Side side = {.5, .5, .5, 1};
    g_autoptr(char) folder = scratch_new();
    g_autoptr(GError) error = NULL;
    ScratchInput inputs[] = {{"before", "base", make_scores(folder, "base", &side, "d", 0, 8)},
                             {"after", "tuned", make_scores(folder, "tuned", &side, "d", 3, 12)},
                             {0}};
    g_autoptr(JsonObject) result = NULL;

    scratch_run(folder, test_component("compare"), "{}", inputs, NULL, &error);
    g_assert_no_error(error);
    result = scratch_json(folder, "out-compare/report/compare.json");
    g_assert_cmpint(json_object_get_int_member(result, "rows"), ==, 5);
    g_assert_true(warns(result, "7 rows are on one side only"));
    g_assert_true(warns(result, "Only 5 rows"));
}

static void test_hostile(void)
{
    static const char *const scores[] = {"{",
                                         "[]",
                                         "{}",
                                         "{\"figures\": 3}",
                                         "{\"figures\": [], \"dataset\": {}}",
                                         "{\"figures\": [3], \"dataset\": {\"hash\": \"d\"}}",
                                         "{\"figures\": [{\"name\": 3}], \"dataset\": {\"hash\": \"d\"}}",
                                         "{\"figures\": [], \"dataset\": {\"hash\": \"d\"}}"};
    static const char *const rows[] = {"",
                                       "{",
                                       "[]\n",
                                       "{\"id\": 3}\n",
                                       "{\"id\": \"a\", \"values\": []}\n",
                                       "{\"id\": \"a\", \"values\": {\"x\": [1, \"b\"]}}\n"};

    for (size_t i = 0; i < G_N_ELEMENTS(scores); i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(rows); k++) {
            g_autoptr(char) folder = scratch_new();
            g_autoptr(GError) error = NULL;
            ScratchInput inputs[3] = {{"before", "a", NULL}, {"after", "b", NULL}, {0}};

            for (int side = 0; side < 2; side++) {
                inputs[side].artifact = scratch_artifact(folder, inputs[side].label, HONE_SCORES, NULL, "scores.json",
                                                         scores[i], "rows.jsonl", rows[k], NULL);
            }
            g_assert_false(scratch_run(folder, test_component("compare"), "{}", inputs, NULL, &error));
            g_assert_nonnull(error);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/compare/outcomes", test_outcomes);
    g_test_add_func("/compare/warnings", test_warnings);
    g_test_add_func("/compare/same", test_same);
    g_test_add_func("/compare/rows", test_rows);
    g_test_add_func("/compare/refused", test_refused);
    g_test_add_func("/compare/partial", test_partial);
    g_test_add_func("/compare/hostile", test_hostile);
    return g_test_run();
}

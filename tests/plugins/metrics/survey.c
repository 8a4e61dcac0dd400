/* SPDX-License-Identifier: Apache-2.0
 * The stage `survey` on two tiny models: its figures are those that `evaluate` gives for the same rows, its rank
 * follows from them, and a dataset without examples is refused. And the rank alone, on scores whose order is known.
 */
#include "../../../plugins/metrics/survey/survey.h"
#include "fixture.h"
#include "scratch.h"
#include <hone/file.h>
#include <math.h>
#include <string.h>

/* ---- The rank. ---- */

#define ROWS 40

/* A score of `value` in each row, give or take `noise` by the row's number. */
static SurveyScore *score(double value, double noise, bool lower_is_better)
{
    SurveyScore *made = g_new0(SurveyScore, 1);
    HoneMetricValue values[ROWS];

    made->name = g_strdup("figure");
    made->label = g_strdup("Figure");
    made->unit = g_strdup("%");
    made->lower_is_better = lower_is_better;
    made->rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (int i = 0; i < ROWS; i++) {
        values[i] = (HoneMetricValue){value + noise * (i % 5 - 2), 1};
        g_hash_table_insert(made->rows, g_strdup_printf("r%d", i), g_memdup2(&values[i], sizeof values[i]));
    }
    made->interval = hone_bootstrap(HONE_SCALE_IDENTITY, values, ROWS, 200, 1);
    return made;
}

static SurveyModel *model(const char *label, double bits, double zero, double few, double speed)
{
    SurveyModel *made = g_new0(SurveyModel, 1);

    made->label = g_strdup(label);
    made->bits_per_byte = score(bits, 0.001, true);
    made->zero = score(zero, 0.05, false);
    made->few = isnan(few) ? NULL : score(few, 0.05, false);
    made->prompt_speed = speed;
    made->rows = ROWS;
    made->fits = true;
    made->others = g_ptr_array_new();
    made->reasons = g_ptr_array_new_with_free_func(g_free);
    return made;
}

static bool says(const SurveyModel *model, const char *what)
{
    for (guint i = 0; i < model->reasons->len; i++) {
        if (strstr(model->reasons->pdata[i], what)) {
            return true;
        }
    }
    return false;
}

static const SurveyParams rank_params = {.eval = {.draws = 500, .seed = 3, .shots = 2}};

static GPtrArray *ranked(SurveyModel *const *list, size_t n)
{
    GPtrArray *models = g_ptr_array_new_with_free_func((GDestroyNotify)survey_model_free);

    for (size_t i = 0; i < n; i++) {
        g_ptr_array_add(models, list[i]);
    }
    survey_rank(models, &rank_params);
    return models;
}

static const char *label_at(const GPtrArray *models, guint i)
{
    return ((const SurveyModel *)models->pdata[i])->label;
}

static void test_rank_by_losses(void)
{
    SurveyModel *list[] = {model("bad", 0.9, 0.1, 0.2, 900), model("good", 0.5, 0.6, 0.95, 100),
                           model("mid", 0.7, 0.3, 0.4, 500)};
    g_autoptr(GPtrArray) models = ranked(list, 3);

    g_assert_cmpstr(label_at(models, 0), ==, "good");
    g_assert_cmpstr(label_at(models, 1), ==, "mid");
    g_assert_cmpstr(label_at(models, 2), ==, "bad");
    g_assert_cmpuint(list[1]->beaten, ==, 0);
    g_assert_cmpuint(list[2]->beaten, ==, 3); /* by one model on three criteria */
    g_assert_cmpuint(list[0]->beaten, ==, 6);
    g_assert_true(says(list[1], "clearly better than bad, mid"));
    g_assert_true(says(list[1], "a better prompt may be all you need"));
    g_assert_false(says(list[2], "a better prompt may be all you need"));
}

/* Where the scores are the same, speed decides, and memory before it. */
static void test_rank_of_equals(void)
{
    SurveyModel *list[] = {model("slow", 0.5, 0.5, NAN, 100), model("huge", 0.5, 0.5, NAN, 900),
                           model("quick", 0.5, 0.5, NAN, 200)};
    g_autoptr(GPtrArray) models = NULL;

    list[1]->fits = false;
    models = ranked(list, 3);
    g_assert_cmpstr(label_at(models, 0), ==, "quick");
    g_assert_cmpstr(label_at(models, 1), ==, "slow");
    g_assert_cmpstr(label_at(models, 2), ==, "huge");
    g_assert_true(says(list[0], "no clear difference"));
    g_assert_true(says(list[1], "memory limit"));
}

/* ---- The stage. ---- */

static char *rows_text(const char *prefix, int n)
{
    GString *rows = g_string_new(NULL);

    for (int i = 0; i < n; i++) {
        g_string_append_printf(
            rows,
            "{\"id\": \"%s%d\", \"messages\": [{\"role\": \"user\", \"content\": \"h%d\"}, {\"role\": "
            "\"assistant\", \"content\": \"%c%d\"}]}\n",
            prefix, i, i, 'a' + i % 5, i);
    }
    return g_string_free(rows, FALSE);
}

static HoneArtifact *model_artifact(const char *folder, const char *name)
{
    g_autofree char *file = g_strconcat(name, ".gguf", NULL);
    g_autofree char *path = g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests/model/data", file, NULL);
    g_autofree char *hash = hone_file_hash(path, NULL);
    g_autofree char *meta = g_strdup_printf("{\"path\": \"%s\", \"sha256\": \"%s\", \"parameters\": 1000, \"licence\": "
                                            "\"mit\"}",
                                            path, hash);
    g_autofree char *label = g_strdup_printf("%s-%u", name, g_random_int());
    HoneArtifact *artifact = scratch_artifact(folder, label, HONE_MODEL, meta, NULL);

    hone_artifact_set_label(artifact, name);
    return artifact;
}

static HoneArtifact *dataset(const char *folder, const char *prefix, int n)
{
    g_autofree char *rows = rows_text(prefix, n);
    g_autofree char *name = g_strdup_printf("d%u", g_random_int());

    return scratch_artifact(folder, name, HONE_DATASET, NULL, "rows.jsonl", rows, NULL);
}

static JsonObject *named(JsonArray *list, const char *member, const char *name)
{
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *one = json_array_get_object_element(list, i);

        if (g_str_equal(json_object_get_string_member(one, member), name)) {
            return one;
        }
    }
    g_error("no %s", name);
}

static void same_figure(JsonObject *survey, const char *which, JsonObject *scores, const char *figure)
{
    JsonObject *got = json_object_get_object_member(survey, which);
    JsonObject *want = named(json_object_get_array_member(scores, "figures"), "name", figure);

    /* The same code on the same rows: the same bits. */
    g_assert_cmpstr(json_object_get_string_member(got, "name"), ==, figure);
    g_assert_cmpfloat(json_object_get_double_member(got, "value"), ==, json_object_get_double_member(want, "value"));
    g_assert_cmpfloat(json_object_get_double_member(got, "low"), ==, json_object_get_double_member(want, "low"));
}

static JsonObject *evaluated(const char *folder, const char *name, int shots)
{
    g_autofree char *params = g_strdup_printf(
        "{\"metrics\": [\"rouge\", \"perplexity\"], \"max_tokens\": 4, \"draws\": 100, \"shots\": %d}", shots);
    ScratchInput inputs[] = {{"model", name, model_artifact(folder, name)},
                             {"dataset", "test", dataset(folder, "t", 6)},
                             {"examples", "train", dataset(folder, "e", 4)},
                             {0}};
    g_autoptr(GError) error = NULL;

    scratch_run(folder, test_component("evaluate"), params, inputs, NULL, &error);
    g_assert_no_error(error);
    return scratch_json(folder, "out-evaluate/scores/scores.json");
}

static void test_stage(void)
{
    static const char *const names[] = {"tiny", "tiny3"};
    g_autoptr(char) folder = scratch_new();
    g_autoptr(JsonObject) survey = NULL;
    g_autoptr(GError) error = NULL;
    JsonArray *models;
    ScratchInput inputs[] = {{"models", "tiny", model_artifact(folder, "tiny")},
                             {"models", "tiny3", model_artifact(folder, "tiny3")},
                             {"dataset", "test", dataset(folder, "t", 6)},
                             {"examples", "train", dataset(folder, "e", 4)},
                             {0}};

    scratch_run(folder, test_component("survey"),
                "{\"metrics\": [\"rouge\"], \"max_tokens\": 4, \"shots\": 1, \"draws\": 100, \"tune_rows\": 2, "
                "\"tune_length\": 16}",
                inputs, NULL, &error);
    g_assert_no_error(error);
    survey = scratch_json(folder, "out-survey/report/survey.json");
    models = json_object_get_array_member(survey, "models");
    g_assert_cmpuint(json_array_get_length(models), ==, 2);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        JsonObject *found = named(models, "label", names[i]);
        g_autoptr(JsonObject) zero = evaluated(folder, names[i], 0);
        g_autoptr(JsonObject) few = evaluated(folder, names[i], 1);

        same_figure(found, "without_examples", zero, "rouge1");
        same_figure(found, "bits_per_byte", zero, "bits_per_byte");
        same_figure(found, "with_examples", few, "rouge1");
        g_assert_cmpstr(json_object_get_string_member(found, "licence"), ==, "mit");
        g_assert_cmpint(json_object_get_int_member(found, "rows"), ==, 6);
        g_assert_cmpfloat(json_object_get_double_member(found, "tokens_per_row"), >, 1);
        g_assert_cmpfloat(json_object_get_double_member(found, "lora_bytes"), >, 0);
        g_assert_cmpfloat(json_object_get_double_member(found, "full_bytes"), >=, 16 * 1000);
        g_assert_cmpuint(json_array_get_length(json_object_get_array_member(found, "reasons")), >, 0);
    }
    g_assert_cmpint(json_object_get_int_member(json_array_get_object_element(models, 0), "beaten"), <=,
                    json_object_get_int_member(json_array_get_object_element(models, 1), "beaten"));
}

static void test_no_examples(void)
{
    g_autoptr(char) folder = scratch_new();
    g_autoptr(GError) error = NULL;
    ScratchInput inputs[] = {
        {"models", "tiny", model_artifact(folder, "tiny")}, {"dataset", "test", dataset(folder, "t", 3)}, {0}};

    g_assert_false(scratch_run(folder, test_component("survey"), "{\"metrics\": [\"rouge\"], \"max_tokens\": 2}",
                               inputs, NULL, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "tiny: "));
    g_assert_nonnull(strstr(error->message, "port \"examples\""));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/survey/rank/by-losses", test_rank_by_losses);
    g_test_add_func("/survey/rank/of-equals", test_rank_of_equals);
    g_test_add_func("/survey/stage", test_stage);
    g_test_add_func("/survey/no-examples", test_no_examples);
    return g_test_run();
}

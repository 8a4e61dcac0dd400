/* SPDX-License-Identifier: Apache-2.0
 * quality: sound data passes every check; each defect, planted in it, is found by its check alone, with the right rows;
 * actions do what they say; the near-duplicate threshold is the share of common word triples.
 */
#include "stage_run.h"
#include <hone/dataset.h>
#include <hone/file.h>
#include <hone/json.h>
#include <hone/random.h>
#include <string.h>

enum { SOUND_ROWS = 60 };

/* n words that look like words; the same for the same seed. Caller frees. */
static char *words(uint64_t seed, size_t n)
{
    static const char *const syllables[] = {"ba", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "zu", "do", "fe"};
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            g_string_append_c(text, ' ');
        for (uint64_t k = 0; k < 3; k++)
            g_string_append(text, syllables[hone_random_below(seed, HONE_STREAM_USER, i * 3 + k, 12)]);
    }
    return g_string_free(text, FALSE);
}

static void add_row(GString *rows, const char *id, const char *prompt, const char *answer)
{
    g_autoptr(HoneRow) row = hone_row_new(id);
    g_ptr_array_add(row->messages, hone_message_new("system", "be brief", 0));
    if (prompt != NULL)
        g_ptr_array_add(row->messages, hone_message_new("user", prompt, 0));
    if (answer != NULL)
        g_ptr_array_add(row->messages, hone_message_new("assistant", answer, 1));
    g_autoptr(JsonNode) node = hone_row_to_json(row);
    g_autofree char *text = hone_json_text(node);
    g_string_append_printf(rows, "%s\n", text);
}

/* Rows without a defect: prompts of 8 to 19 words, answers of 5 to 9. */
static GString *sound_rows(void)
{
    GString *rows = g_string_new(NULL);
    for (uint64_t i = 0; i < SOUND_ROWS; i++) {
        g_autofree char *id = g_strdup_printf("s%d", (int)i);
        g_autofree char *prompt = words(i * 2 + 1, 8 + i % 12), *answer = words(i * 2 + 2, 5 + i % 5);
        add_row(rows, id, prompt, answer);
    }
    return rows;
}

static JsonObject *run_quality(StageRun *s, const GString *rows, const char *params)
{
    g_autoptr(GError) error = NULL;
    stage_run_input(s, "dataset", HONE_DATASET, rows->str);
    stage_run(s, params, &error);
    g_assert_no_error(error);
    g_autoptr(HoneArtifact) report = stage_run_output(s, "report");
    g_autofree char *path = hone_artifact_file(report, "quality.json");
    JsonObject *found = hone_file_read_json(path, 1 << 20, &error);
    g_assert_no_error(error);
    return found;
}

/* "check:action:id,id;..." of all findings. Caller frees. */
static char *summary(JsonObject *report)
{
    GString *text = g_string_new(NULL);
    JsonArray *findings = json_object_get_array_member(report, "findings");
    for (guint i = 0; i < json_array_get_length(findings); i++) {
        JsonObject *finding = json_array_get_object_element(findings, i);
        g_string_append_printf(text, "%s%s:%s:", i > 0 ? ";" : "", json_object_get_string_member(finding, "check"),
                               json_object_get_string_member(finding, "action"));
        JsonArray *ids = json_object_get_array_member(finding, "rows");
        for (guint k = 0; k < json_array_get_length(ids); k++)
            g_string_append_printf(text, "%s%s", k > 0 ? "," : "", json_array_get_string_element(ids, k));
    }
    return g_string_free(text, FALSE);
}

static void assert_found(const GString *rows, const char *params, const char *wanted, int kept)
{
    g_auto(StageRun) s;
    stage_run_init(&s, "quality");
    g_autoptr(JsonObject) report = run_quality(&s, rows, params);
    g_autofree char *got = summary(report);
    g_assert_cmpstr(got, ==, wanted);
    g_assert_cmpint(json_object_get_int_member(report, "rows_out"), ==, kept);
    g_autoptr(HoneArtifact) out = stage_run_output(&s, "dataset");
    g_assert_cmpint(json_object_get_int_member(hone_artifact_meta(out), "rows"), ==, kept);
}

static void test_sound(void)
{
    GString *rows = sound_rows();
    g_auto(StageRun) s;
    stage_run_init(&s, "quality");
    g_autoptr(JsonObject) report = run_quality(&s, rows, "{}");
    g_autofree char *got = summary(report);
    g_assert_cmpstr(got, ==, "");
    g_assert_cmpuint(json_array_get_length(json_object_get_array_member(report, "passed")), ==, 10);
    /* Nothing dropped: the same bytes come out. */
    g_autofree char *out = stage_run_rows(&s, "dataset");
    g_assert_cmpstr(out, ==, rows->str);
    /* Each histogram counts every row, within its edges. */
    JsonArray *histograms = json_object_get_array_member(report, "histograms");
    g_assert_cmpuint(json_array_get_length(histograms), ==, 4);
    for (guint i = 0; i < 4; i++) {
        JsonObject *h = json_array_get_object_element(histograms, i);
        JsonArray *counts = json_object_get_array_member(h, "counts"),
                  *edges = json_object_get_array_member(h, "edges");
        gint64 sum = 0;
        for (guint k = 0; k < json_array_get_length(counts); k++)
            sum += json_array_get_int_element(counts, k);
        g_assert_cmpint(sum, ==, SOUND_ROWS);
        g_assert_cmpuint(json_array_get_length(edges), ==, json_array_get_length(counts) + 1);
        g_assert_cmpint(json_array_get_int_element(edges, 0), ==, json_object_get_int_member(h, "min"));
        g_assert_cmpint(json_array_get_int_element(edges, json_array_get_length(counts)), >,
                        json_object_get_int_member(h, "max"));
    }
    JsonObject *prompts = json_array_get_object_element(histograms, 0);
    g_assert_cmpint(json_object_get_int_member(prompts, "min"), ==, 8);
    g_assert_cmpint(json_object_get_int_member(prompts, "max"), ==, 19);
    g_string_free(rows, TRUE);
}

static void test_duplicates(void)
{
    GString *rows = sound_rows();
    g_autofree char *prompt = words(900, 30), *answer = words(901, 8);
    add_row(rows, "a", prompt, answer);
    add_row(rows, "copy", prompt, answer);
    add_row(rows, "copy2", prompt, answer);
    assert_found(rows, "{}", "exact_duplicates:dropped:copy,copy2", SOUND_ROWS + 1);
    assert_found(rows, "{\"exact_duplicates\":\"keep\"}", "exact_duplicates:kept:copy,copy2", SOUND_ROWS + 3);
    assert_found(rows, "{\"examples\":1}", "exact_duplicates:dropped:copy", SOUND_ROWS + 1);
    g_string_free(rows, TRUE);
}

/* 30 + 8 words have 36 triples; another last word changes one of them: 35 of 37 in common, 0.9459. */
static void test_near_duplicates(void)
{
    GString *rows = sound_rows();
    g_autofree char *prompt = words(900, 30), *answer = words(901, 7);
    g_autofree char *first = g_strconcat(answer, " yes", NULL), *second = g_strconcat(answer, " no", NULL);
    g_autofree char *loud = g_utf8_strup(prompt, -1), *spelled = g_strconcat(loud, "!!", NULL);
    add_row(rows, "a", prompt, first);
    add_row(rows, "b", spelled, second);
    const char *both = "contradictions:kept:a,b;near_duplicates:dropped:b";
    assert_found(rows, "{\"near_threshold\":0.945}", both, SOUND_ROWS + 1);
    assert_found(rows, "{\"near_threshold\":0.946}", "contradictions:kept:a,b", SOUND_ROWS + 2);
    /* Numbers say something else each time. */
    GString *numbers = sound_rows();
    g_autofree char *one = g_strconcat(prompt, " 101", NULL), *two = g_strconcat(prompt, " 102", NULL);
    add_row(numbers, "a", one, first);
    add_row(numbers, "b", two, first);
    assert_found(numbers, "{\"near_threshold\":0.5}", "", SOUND_ROWS + 2);
    g_string_free(numbers, TRUE);
    g_string_free(rows, TRUE);
}

static void test_contradictions(void)
{
    GString *rows = sound_rows();
    add_row(rows, "a", "Is the shop open on Sunday?", "yes");
    add_row(rows, "b", "is the shop open, on sunday", "no");
    add_row(rows, "c", "Is the shop open on Sunday?", "Yes.");
    /* JSON answers are compared as values: the order of members and spaces do not matter. */
    add_row(rows, "d", "Where is it?", "{\"a\":1,\"b\":2}");
    add_row(rows, "e", "Where is it?", "{\"b\": 2, \"a\": 1}");
    /* Short answers are unusual here, and c is a near duplicate of a once case and full stop are set aside. */
#define ALONE "\"outlier_factor\":100,\"near_duplicates\":\"keep\""
    assert_found(rows, "{" ALONE "}", "contradictions:kept:a,b,c;near_duplicates:kept:c", SOUND_ROWS + 5);
    assert_found(rows, "{" ALONE ",\"contradictions\":\"drop\"}", "contradictions:dropped:a,b,c", SOUND_ROWS + 2);
    g_string_free(rows, TRUE);
}

static void test_empty(void)
{
    GString *rows = sound_rows();
    add_row(rows, "none", "what is this about", NULL);
    add_row(rows, "empty", "what is that about", "");
    add_row(rows, "blank", "what are those about", " \n\u00a0\t");
    assert_found(rows, "{}", "empty_answers:dropped:none,empty,blank", SOUND_ROWS);
    g_string_free(rows, TRUE);
}

/* Good text of many scripts is not touched; the same text read as Windows-1252 or Latin-1 is found. */
static void test_encoding(void)
{
    static const char *const texts[] = {
        "Où est mon café crème, s'il vous plaît? L’été…",
        "Straße, Ärger, Größe und Übermut – „Wörter“",
        "SÃO PAULO, NÃO",
        "日本語のテキスト and emoji 😀🎉",
        "Ελληνικά, Кириллица, עברית",
        "price: 5 € — “quoted” 20°C ±2 ©®™",
        "Âge légal «Âme»",
    };
    GString *good = sound_rows();
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *id = g_strdup_printf("g%zu", i), *prompt = g_strdup_printf("%s please tell me", texts[i]);
        add_row(good, id, prompt, "it is as it is and so on");
    }
    assert_found(good, "{}", "", SOUND_ROWS + (int)G_N_ELEMENTS(texts));
    g_string_free(good, TRUE);
    GString *bad = sound_rows();
    GString *wanted = g_string_new("broken_encoding:dropped:");
    static const char *const latin[] = {"Où est mon café crème", "5 € — “quoted”", "emoji 😀", "L’été"};
    for (size_t i = 0; i < G_N_ELEMENTS(latin); i++) {
        g_autofree char *id = g_strdup_printf("b%zu", i);
        g_autofree char *damaged =
            g_convert(latin[i], -1, "UTF-8", i % 2 == 0 ? "ISO-8859-1" : "WINDOWS-1252", NULL, NULL, NULL);
        if (damaged == NULL)
            continue; /* a byte that Windows-1252 does not have */
        add_row(bad, id, damaged, "it is as it is and so on");
        g_string_append_printf(wanted, "%s,", id);
    }
    add_row(bad, "lost", "what does caf\uFFFD mean", "it is as it is and so on");
    add_row(bad, "bell", "what does \a mean", "it is as it is and so on");
    g_string_append(wanted, "lost,bell");
    assert_found(bad, "{}", wanted->str, SOUND_ROWS);
    g_string_free(wanted, TRUE);
    g_string_free(bad, TRUE);
}

static void test_outliers(void)
{
    GString *rows = sound_rows();
    g_autofree char *longest = words(77, 5000), *shorter = words(78, 3000), *prompt = words(79, 10);
    add_row(rows, "prompt", longest, "it is as it is and so on");
    add_row(rows, "answer", prompt, shorter);
    assert_found(rows, "{}", "length_outliers:kept:prompt,answer", SOUND_ROWS + 2);
    assert_found(rows, "{\"length_outliers\":\"drop\"}", "length_outliers:dropped:prompt,answer", SOUND_ROWS);
    g_string_free(rows, TRUE);
}

static void test_answer_format(void)
{
    GString *rows = g_string_new(NULL);
    for (uint64_t i = 0; i < 100; i++) {
        g_autofree char *id = g_strdup_printf("r%d", (int)i), *prompt = words(i + 1, 8 + i % 12);
        g_autofree char *json = g_strdup_printf("{\"kind\":\"k%d\",\"n\":%d}", (int)(i % 7), (int)i);
        const char *answer = i == 10 ? "kind k3" : i == 20 ? "{\"kind\":\"k6\"}" : i == 30 ? "[1]" : json;
        add_row(rows, id, prompt, answer);
    }
    assert_found(rows, "{}", "answer_format:kept:r10,r20,r30", 100);
    /* Were 97 of 100 too few to be the usual form, nothing would be told. */
    assert_found(rows, "{\"format_share\":0.99}", "", 100);
    g_string_free(rows, TRUE);
}

static void test_template(void)
{
    GString *rows = g_string_new(NULL);
    for (uint64_t i = 0; i < 100; i++) {
        g_autofree char *id = g_strdup_printf("r%d", (int)i), *prompt = words(i + 1, i < 4 ? 20 : 8 + i % 12);
        g_autofree char *framed = g_strdup_printf("Sort this né ticket: %s\nAnswer in one word né.", prompt);
        g_autofree char *answer = words(i + 500, 5);
        add_row(rows, id, i < 4 ? prompt : framed, answer);
    }
    g_auto(StageRun) s;
    stage_run_init(&s, "quality");
    g_autoptr(JsonObject) report = run_quality(&s, rows, "{}");
    g_autofree char *got = summary(report);
    g_assert_cmpstr(got, ==, "prompt_template:kept:");
    JsonObject *finding = json_array_get_object_element(json_object_get_array_member(report, "findings"), 0);
    g_assert_cmpstr(json_object_get_string_member(finding, "detail"), ==,
                    "they begin with \"Sort this né ticket:\" and end with \"Answer in one word né.\"");
    /* 96 of 100 are not 97 %. */
    assert_found(rows, "{\"template_share\":0.97}", "", 100);
    g_string_free(rows, TRUE);
}

static void test_imbalance(void)
{
    GString *rows = g_string_new(NULL);
    for (uint64_t i = 0; i < 200; i++) {
        g_autofree char *id = g_strdup_printf("r%d", (int)i), *prompt = words(i + 1, 8 + i % 12);
        /* "kind" is even, "rare" has one value in 1 of 200 rows, "id" is no label. */
        g_autofree char *answer = g_strdup_printf("{\"kind\":\"k%d\",\"rare\":%s,\"id\":%d}", (int)(i % 4),
                                                  i == 7       ? "\"odd\""
                                                  : i % 2 == 0 ? "1"
                                                               : "null",
                                                  (int)i);
        add_row(rows, id, prompt, answer);
    }
    g_auto(StageRun) s;
    stage_run_init(&s, "quality");
    g_autoptr(JsonObject) report = run_quality(&s, rows, "{}");
    g_autofree char *got = summary(report);
    g_assert_cmpstr(got, ==, "imbalance:kept:");
    JsonObject *finding = json_array_get_object_element(json_object_get_array_member(report, "findings"), 0);
    g_assert_cmpstr(json_object_get_string_member(finding, "detail"), ==, "rare \"odd\" in 1 of 200");
    g_string_free(rows, TRUE);
}

static void test_actions(void)
{
    GString *rows = sound_rows();
    add_row(rows, "empty", "what is that about", "");
    g_auto(StageRun) s;
    stage_run_init(&s, "quality");
    stage_run_input(&s, "dataset", HONE_DATASET, rows->str);
    stage_run_assert_error(&s, "{\"empty_answers\":\"fail\"}", HONE_ERROR_INVALID,
                           "empty_answers (1 rows, the first empty)");
    stage_run_assert_error(&s, "{\"imbalance\":\"drop\"}", HONE_ERROR_INVALID, "one of \"keep\", \"fail\"");
    stage_run_input(&s, "dataset", HONE_DATASET, "");
    stage_run_assert_error(&s, "{}", HONE_ERROR_INVALID, "the dataset is empty");
    GString *hollow = g_string_new(NULL);
    add_row(hollow, "a", "x", "");
    stage_run_input(&s, "dataset", HONE_DATASET, hollow->str);
    stage_run_assert_error(&s, "{}", HONE_ERROR_INVALID, "all 1 rows were dropped");
    GString *one = g_string_new(NULL);
    add_row(one, "a", "x", "y");
    assert_found(one, "{}", "", 1);
    g_string_free(one, TRUE);
    g_string_free(hollow, TRUE);
    g_string_free(rows, TRUE);
}

static void test_preferences(void)
{
    g_auto(StageRun) s;
    stage_run_init(&s, "quality");
    static const char rows[] =
        "{\"id\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"q\"}],\"chosen\":[{\"role\":\"assistant\","
        "\"content\":\"x\"}],\"rejected\":[{\"role\":\"assistant\",\"content\":\"y\"}]}\n"
        "{\"id\":\"b\",\"messages\":[{\"role\":\"user\",\"content\":\"p\"}],\"chosen\":[{\"role\":\"assistant\","
        "\"content\":\"x\"}],\"rejected\":[{\"role\":\"assistant\",\"content\":\"x\"}]}\n";
    stage_run_input(&s, "dataset", HONE_PREFERENCES, rows);
    g_autoptr(GError) error = NULL;
    g_assert_true(stage_run(&s, "{}", &error));
    g_autoptr(HoneArtifact) out = stage_run_output(&s, "dataset");
    g_assert_cmpint((int)hone_artifact_type(out), ==, HONE_PREFERENCES);
    g_autofree char *kept = stage_run_rows(&s, "dataset");
    g_assert_true(g_str_has_prefix(kept, "{\"id\":\"a\"") && strstr(kept, "\"id\":\"b\"") == NULL);
    stage_run_assert_note(&s, "chosen and rejected are equal: 1 rows dropped (b)");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/quality/sound", test_sound);
    g_test_add_func("/quality/duplicates", test_duplicates);
    g_test_add_func("/quality/near-duplicates", test_near_duplicates);
    g_test_add_func("/quality/contradictions", test_contradictions);
    g_test_add_func("/quality/empty", test_empty);
    g_test_add_func("/quality/encoding", test_encoding);
    g_test_add_func("/quality/outliers", test_outliers);
    g_test_add_func("/quality/answer-format", test_answer_format);
    g_test_add_func("/quality/template", test_template);
    g_test_add_func("/quality/imbalance", test_imbalance);
    g_test_add_func("/quality/actions", test_actions);
    g_test_add_func("/quality/preferences", test_preferences);
    return g_test_run();
}

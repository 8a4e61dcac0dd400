/* SPDX-License-Identifier: Apache-2.0
 * The stage `report`: the page is well-formed, shows what it was given, and whatever a model or a data set says in it
 * stays text. With HONE_TEST_KEEP=FOLDER the realistic page is left there, to be looked at.
 */
#include "fixture.h"
#include "scratch.h"
#include <hone/file.h>
#include <hone/json.h>
#include <hone/random.h>
#include <math.h>
#include <string.h>

/* ---- Reading a page: GMarkup takes it only where it is well-formed. ---- */

typedef struct Page {
    GString *text;        /* of all elements but style */
    GHashTable *elements; /* name -> count */
    GHashTable *ids;
    bool in_style;
} Page;

static void on_start(GMarkupParseContext *context, const char *element, const char **names, const char **values,
                     gpointer data, GError **error)
{
    static const char *const forbidden[] = {"script", "img", "iframe", "object", "embed", "link", "base", "form", "b1"};
    Page *page = data;

    for (size_t i = 0; i < G_N_ELEMENTS(forbidden); i++) {
        g_assert_cmpstr(element, !=, forbidden[i]);
    }
    for (size_t i = 0; names[i]; i++) {
        g_assert_false(g_str_has_prefix(names[i], "on"));
        g_assert_cmpstr(names[i], !=, "src");
        if (g_str_equal(names[i], "href")) {
            g_assert_true(values[i][0] == '#');
        }
        if (g_str_equal(names[i], "id")) {
            g_assert_true(g_hash_table_add(page->ids, g_strdup(values[i])));
        }
        if (g_str_equal(names[i], "style")) {
            g_assert_true(g_str_has_prefix(values[i], "max-width:"));
        }
    }
    g_hash_table_insert(page->elements, g_strdup(element),
                        GINT_TO_POINTER(GPOINTER_TO_INT(g_hash_table_lookup(page->elements, element)) + 1));
    page->in_style = g_str_equal(element, "style");
}

static void on_text(GMarkupParseContext *context, const char *text, gsize length, gpointer data, GError **error)
{
    Page *page = data;

    if (!page->in_style) {
        g_string_append_len(page->text, text, (gssize)length);
        g_string_append_c(page->text, ' ');
    }
    page->in_style = false;
}

static void page_read(Page *page, const char *html)
{
    static const GMarkupParser parser = {.start_element = on_start, .text = on_text};
    g_autoptr(GMarkupParseContext) context = NULL;
    g_autoptr(GError) error = NULL;

    page->text = g_string_new(NULL);
    page->elements = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    page->ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    context = g_markup_parse_context_new(&parser, 0, page, NULL);
    g_markup_parse_context_parse(context, html, -1, &error);
    g_assert_no_error(error);
    g_markup_parse_context_end_parse(context, &error);
    g_assert_no_error(error);
}

static void page_clear(Page *page)
{
    g_string_free(page->text, TRUE);
    g_hash_table_unref(page->elements);
    g_hash_table_unref(page->ids);
}

static int count(const Page *page, const char *element)
{
    return GPOINTER_TO_INT(g_hash_table_lookup(page->elements, element));
}

/* ---- Made-up inputs. ---- */

static const char ticket_prompt[] = "Hi, I was charged twice for order AB-2291 last Friday and nobody answers the "
                                    "phone. I need the second payment back "
                                    "before the end of the month, otherwise I will close my account.";
static const char ticket_wanted[] =
    "{\"category\": \"billing\", \"priority\": \"high\", \"order\": \"AB-2291\", \"sentiment\": \"angry\", \"action\": "
    "\"refund\"}";

typedef struct FakeFigure {
    const char *metric, *name, *label, *unit, *role;
    double before, after;
} FakeFigure;

static const FakeFigure fake_figures[] = {
    {"field_accuracy", "field_accuracy", "Fields right", "%", "task", .02, .81},
    {"field_accuracy", "all_fields", "All fields right", "%", "task", 0, .47},
    {"json_valid", "json_valid", "Valid JSON", "%", "format", .03, .99},
    {"json_schema", "json_schema", "Matches the schema", "%", "format", 0, .97},
    {"rouge", "rouge1", "ROUGE-1 F1", "%", "similarity", .17, .92},
    {"rouge", "rougeL", "ROUGE-L F1", "%", "similarity", .13, .91},
    {"field_accuracy", "field_accuracy/category", "category", "%", "part", .03, .93},
    {"field_accuracy", "field_accuracy/priority", "priority", "%", "part", .02, .66},
    {"field_accuracy", "field_accuracy/order", "order", "%", "part", .01, .98},
    {"field_accuracy", "field_accuracy/sentiment", "sentiment", "%", "part", .02, .71},
    {"field_accuracy", "field_accuracy/action", "action", "%", "part", .01, .77},
};

static HoneArtifact *fake_scores(const char *folder, const char *name, bool after)
{
    g_autoptr(GString) rows = g_string_new(NULL), scores = g_string_new("{\"figures\": [");
    g_autoptr(JsonNode) prompt = json_node_init_string(json_node_alloc(), ticket_prompt);
    g_autoptr(JsonNode) wanted = json_node_init_string(json_node_alloc(), ticket_wanted);
    g_autofree char *prompt_json = hone_json_text(prompt), *wanted_json = hone_json_text(wanted);

    for (size_t k = 0; k < G_N_ELEMENTS(fake_figures); k++) {
        const FakeFigure *f = &fake_figures[k];
        bool part = g_str_equal(f->role, "part");

        g_string_append_printf(scores, "{\"metric\": \"%s\", \"name\": \"%s\", \"label\": \"%s\", \"unit\": \"%s\", ",
                               f->metric, f->name, f->label, f->unit);
        g_string_append_printf(scores, part ? "\"part\": \"%s\", \"role\": \"task\"}, " : "\"role\": \"%s\"}, ",
                               part ? f->label : f->role);
    }
    g_string_append(scores,
                    "{\"metric\": \"perplexity\", \"name\": \"perplexity\", \"label\": \"Perplexity\", \"scale\": "
                    "\"exp\", \"lower_is_better\": true, \"role\": \"likelihood\"}, {\"metric\": "
                    "\"perplexity\", \"name\": \"bits_per_byte\", \"label\": \"Bits per byte\", \"unit\": "
                    "\"bits\", \"lower_is_better\": true, \"role\": \"likelihood\"}], \"rows\": 90, "
                    "\"dataset\": {\"hash\": \"d\"}}");
    for (int i = 0; i < 90; i++) {
        double nll = (after ? 0.08 : 1.9) + 0.05 * hone_random_normal(5, HONE_STREAM_USER, (uint64_t)i);

        g_string_append_printf(
            rows,
            "{\"id\": \"ticket-%03d\", \"prompt\": [{\"role\": \"system\", \"content\": \"Answer with JSON.\"}, "
            "{\"role\": "
            "\"user\", \"content\": %s}], \"reference\": %s, \"prediction\": %s, \"finished\": true, \"values\": {",
            i, prompt_json, wanted_json,
            after ? wanted_json
                  : "\"I am sorry to hear about the double charge on your order. I will be happy to help you with your "
                    "refund.\\n\\nPlease send me your account number so that I can look into this for you.\"");
        for (size_t k = 0; k < G_N_ELEMENTS(fake_figures); k++) {
            const FakeFigure *f = &fake_figures[k];
            double draw = hone_random_unit(6, HONE_STREAM_USER + k, (uint64_t)i);

            g_string_append_printf(rows, "\"%s\": [%d, 1], ", f->name, draw < (after ? f->after : f->before));
        }
        g_string_append_printf(rows, "\"perplexity\": [%.6f, 40], \"bits_per_byte\": [%.6f, 120]}}\n", 40 * nll,
                               40 * nll / G_LN2);
    }
    return scratch_artifact(folder, name, HONE_SCORES, NULL, "scores.json", scores->str, "rows.jsonl", rows->str, NULL);
}

static HoneArtifact *fake_comparison(const char *folder)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(folder, "out-compare", "report", NULL);
    ScratchInput inputs[] = {{"before", "before", fake_scores(folder, "before", false)},
                             {"after", "after", fake_scores(folder, "after", true)},
                             {0}};
    HoneArtifact *artifact;

    scratch_run(folder, test_component("compare"), "{}", inputs, NULL, &error);
    g_assert_no_error(error);
    artifact = hone_artifact_open(path, true, &error);
    g_assert_no_error(error);
    return artifact;
}

static void fake_events(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, "tuned.events.jsonl", NULL);
    g_autoptr(GString) text = g_string_new(NULL);

    for (int i = 1; i <= 140; i++) {
        double loss = 0.12 + 2.1 * exp(-i / 22.0) + 0.06 * hone_random_normal(9, HONE_STREAM_USER, (uint64_t)i);
        double rate = 2e-4 * (i < 10 ? i / 10.0 : (150.0 - i) / 140);
        double speed = 880 + 40 * hone_random_normal(10, HONE_STREAM_USER, (uint64_t)i);

        g_string_append_printf(text,
                               "{\"event\":\"progress\",\"t\":%.1f,\"step\":%d,\"total\":140,\"unit\":\"steps\","
                               "\"figures\":{\"loss\":%.4f,\"learning_rate\":%.8f,\"tokens_per_s\":%.1f,"
                               "\"memory_bytes\":%.0f}}\n",
                               i * 1.3, i, fmax(loss, 0.02), rate, speed, 1.05e9 + 6e5 * i);
    }
    g_string_append(text,
                    "{\"event\":\"note\",\"t\":1.0,\"level\":\"warning\",\"text\":\"3 of 600 rows dropped: longer "
                    "than 512 tokens\"}\n{\"event\":\"fact\",\"t\":182,\"name\":\"peak_memory_bytes\",\"value\":"
                    "1134000000}\n{\"event\":\"progr");
    g_assert_true(g_file_set_contents(path, text->str, -1, NULL));
}

static JsonObject *fake_run(const char *folder)
{
    g_autofree char *text = g_strdup_printf(
        "{\"run\": \"2026-11-24-081500-3f\", \"command\": [\"hone\", \"run\", \"my tickets.json\", \"--backend\", "
        "\"cpu\"], "
        "\"versions\": {\"hone\": \"0.1.0\", \"backend\": \"cpu (OpenBLAS 0.3.21, SkylakeX)\"}, \"pipeline\": "
        "{\"hone\": 1, "
        "\"name\": \"Support tickets to JSON\", \"description\": \"LoRA on SmolLM2-135M-Instruct, 600 made-up "
        "tickets.\", "
        "\"nodes\": {\"raw\": {\"stage\": \"jsonl\"}}}, \"nodes\": {"
        "\"raw\": {\"stage\": \"jsonl\", \"params\": {\"path\": \"tickets.jsonl\", \"format\": \"messages\"}, \"key\": "
        "\"0a1b2c3d4e5f60718293a4b5c6d7e8f9\", \"inputs\": {}, \"seconds\": 0.12, \"peak_memory_bytes\": 21000000},"
        "\"clean\": {\"stage\": \"quality\", \"params\": {\"near\": 0.9}, \"key\": \"1f1b2c3d4e5f\", \"inputs\": "
        "{\"dataset\": [\"raw\"]}, \"seconds\": 0.9, \"peak_memory_bytes\": 33000000},"
        "\"parts\": {\"stage\": \"split\", \"params\": {\"test\": 0.15, \"seed\": 7}, \"key\": \"2f1b2c3d4e5f\", "
        "\"inputs\": {\"dataset\": [\"clean.dataset\"]}, \"seconds\": 0.1, \"peak_memory_bytes\": 22000000},"
        "\"base\": {\"stage\": \"model\", \"params\": {\"path\": \"models/SmolLM2-135M-Instruct.gguf\"}, \"key\": "
        "\"3f1b2c3d4e5f\", \"inputs\": {}, \"seconds\": 0.4, \"cached\": true},"
        "\"tuned\": {\"stage\": \"sft\", \"params\": {\"tuner\": \"lora\", \"rank\": 8, \"epochs\": 2, "
        "\"learning_rate\": "
        "0.0002, \"targets\": [\"all-linear\"]}, \"key\": \"4f1b2c3d4e5f\", \"inputs\": {\"model\": [\"base\"], "
        "\"dataset\": "
        "[\"parts.train\"]}, \"events\": \"%s/tuned.events.jsonl\"},"
        "\"before\": {\"stage\": \"evaluate\", \"params\": {}, \"key\": \"5f\", \"inputs\": {\"model\": [\"base\"], "
        "\"dataset\": [\"parts.test\"]}, \"seconds\": 71, \"peak_memory_bytes\": 800000000},"
        "\"after\": {\"stage\": \"evaluate\", \"params\": {}, \"key\": \"6f\", \"inputs\": {\"model\": [\"tuned\"], "
        "\"dataset\": [\"parts.test\"]}, \"seconds\": 48, \"peak_memory_bytes\": 810000000},"
        "\"verdict\": {\"stage\": \"compare\", \"params\": {}, \"key\": \"7f\", \"inputs\": {\"before\": [\"before\"], "
        "\"after\": [\"after\"]}, \"seconds\": 0.3},"
        "\"page\": {\"stage\": \"report\", \"params\": {}, \"key\": \"8f\", \"inputs\": {\"any\": [\"verdict\", "
        "\"clean.report\"]}}}}",
        folder);
    g_autoptr(JsonNode) node = test_json(text);

    return json_object_ref(json_node_get_object(node));
}

static HoneArtifact *fake_quality(const char *folder)
{
    return scratch_artifact(
        folder, "quality", HONE_REPORT, NULL, "quality.json",
        "{\"rows_in\": 612, \"rows_out\": 600, \"findings\": [{\"check\": \"exact_duplicates\", \"title\": \"exact "
        "duplicate\", \"severity\": \"problem\", \"count\": 12, \"action\": \"dropped\", \"rows\": [\"ticket-014\", "
        "\"ticket-201\"], \"advice\": \"Keep one of each: a doubled row counts twice.\"}, {\"check\": \"imbalance\", "
        "\"title\": \"values of very uneven frequency\", \"severity\": \"warning\", \"count\": 9, \"action\": "
        "\"kept\", \"rows\": [], \"detail\": \"priority low: 9 of 600\", \"advice\": \"Add rows of the rare "
        "kinds.\"}], "
        "\"passed\": [\"empty_answers\", \"contradictions\"], \"histograms\": [{\"name\": \"prompt_words\", \"label\": "
        "\"Length of prompts\", \"unit\": \"words\", \"edges\": [8, 16, 24, 32, 40, 48], \"counts\": [31, 190, 241, "
        "120, 18]}, {\"name\": \"prompt_bytes\", \"label\": \"Length of prompts\", \"unit\": \"bytes\", \"edges\": "
        "[40, 300], \"counts\": [600]}]}",
        NULL);
}

static HoneArtifact *fake_survey(const char *folder)
{
    return scratch_artifact(
        folder, "survey", HONE_REPORT, NULL, "survey.json",
        "{\"verdict\": \"Tune small: clearly better than large.\", \"shots\": 3, \"models\": [{\"label\": \"small\", "
        "\"parameters\": 134515008, \"tokens_per_row\": 107.4, \"licence\": \"apache-2.0\", \"bits_per_byte\": "
        "{\"label\": "
        "\"Bits per byte\", \"unit\": \"bits\", \"value\": 0.751, \"low\": 0.7, \"high\": 0.8}, \"without_examples\": "
        "{\"label\": \"Exactly right\", \"unit\": \"%\", \"value\": 0.125, \"low\": 0.1, \"high\": 0.15}, "
        "\"with_examples\": {\"label\": \"Exactly right\", \"unit\": \"%\", \"value\": 0.267, \"low\": 0.2, \"high\": "
        "0.3}, \"prompt_tokens_per_s\": 353, \"answer_tokens_per_s\": 23, \"lora_bytes\": 2070000000, \"full_bytes\": "
        "3650000000, \"reasons\": [\"clearly better than large\"]}, {\"label\": \"large\", \"lora_bytes\": null, "
        "\"reasons\": []}]}",
        NULL);
}

static char *make_report(const char *folder, const ScratchInput *inputs, JsonObject *run)
{
    g_autoptr(GError) error = NULL;

    scratch_run(folder, test_component("report"), "{}", inputs, run, &error);
    g_assert_no_error(error);
    return scratch_text(folder, "out-report/report/report.html");
}

static void test_realistic(void)
{
    static const char *const shown[] = {"Support tickets to JSON",
                                        "Tuning helped",
                                        "Fields right rose from",
                                        "priority",
                                        "ticket-0",
                                        "exact duplicate",
                                        "Peak memory",
                                        "not right: ",
                                        "1.1\xC2\xA0GB",
                                        "hone run 'my tickets.json' --backend cpu",
                                        "longer than 512 tokens",
                                        "parts.train",
                                        "SkylakeX",
                                        "Base models",
                                        "12.5\xC2\xA0%",
                                        "26.7\xC2\xA0%",
                                        "2.1\xC2\xA0GB",
                                        "does not fit",
                                        "clearly better than large"};
    g_autoptr(char) folder = scratch_new();
    g_autoptr(JsonObject) run = NULL, data = NULL, meta = NULL;
    g_autofree char *html = NULL;
    const char *keep = g_getenv("HONE_TEST_KEEP");
    ScratchInput inputs[] = {{"any", "verdict", fake_comparison(folder)},
                             {"any", "clean.report", fake_quality(folder)},
                             {"any", "choice.report", fake_survey(folder)},
                             {0}};
    Page page = {0};

    fake_events(folder);
    run = fake_run(folder);
    html = make_report(folder, inputs, run);
    page_read(&page, html);
    for (size_t i = 0; i < G_N_ELEMENTS(shown); i++) {
        if (!strstr(page.text->str, shown[i])) {
            g_error("the page does not show \"%s\"", shown[i]);
        }
    }
    g_assert_cmpint(count(&page, "h1"), ==, 1);
    g_assert_cmpint(count(&page, "figure"), ==, 5); /* loss, learning rate, speed, memory, lengths in words */
    /* Every chart says what it shows. */
    g_assert_cmpint(count(&page, "svg"), ==, count(&page, "title") - 1);
    data = scratch_json(folder, "out-report/report/report.json");
    g_assert_cmpuint(json_array_get_length(json_object_get_array_member(data, "nodes")), ==, 9);
    g_assert_cmpuint(json_array_get_length(json_object_get_array_member(data, "training")), ==, 1);
    meta = scratch_json(folder, "out-report/report/artifact.json");
    g_assert_cmpstr(json_object_get_string_member(json_object_get_object_member(meta, "meta"), "page"), ==,
                    "report.html");
    if (keep) {
        g_autofree char *path = g_build_filename(keep, "report.html", NULL);

        g_assert_true(g_file_set_contents(path, html, -1, NULL));
    }
    page_clear(&page);
}

/* Text that would do something if it were not text. */
static const char *const hostile[] = {
    "<script>alert(1)</script>",
    "\" onmouseover=\"alert(1)",
    "' onload='alert(1)",
    "</pre></article></section><img src=x onerror=alert(1)>",
    "</title></svg><iframe src=//evil>",
    "]]><!-- --><?php ?>",
    "&lt;script&gt;&#60;b1&#62;",
    "javascript:alert(1)",
    "</style><b1>",
    "\u202Egnp.exe",
    "\x01\x1B[31m",
    "%s%n%r",
};

/* A copy of a value in which every string is that text, and so are the names of nodes, parameters and versions. */
static JsonNode *poisoned(JsonNode *node, const char *text, bool rename)
{
    if (JSON_NODE_HOLDS_OBJECT(node)) {
        JsonObject *from = json_node_get_object(node), *to = json_object_new();
        g_autoptr(GList) names = json_object_get_members(from);
        int i = 0;

        for (GList *l = names; l; l = l->next, i++) {
            const char *name = l->data;
            bool below = g_str_equal(name, "nodes") || g_str_equal(name, "params") || g_str_equal(name, "versions");
            g_autofree char *new_name = rename ? g_strdup_printf("%s %d", text, i) : g_strdup(name);

            json_object_set_member(to, new_name, poisoned(json_object_get_member(from, name), text, below));
        }
        node = json_node_init_object(json_node_alloc(), to);
        json_object_unref(to);
        return node;
    }
    if (JSON_NODE_HOLDS_ARRAY(node)) {
        JsonArray *from = json_node_get_array(node), *to = json_array_new();

        for (guint i = 0; i < json_array_get_length(from); i++) {
            json_array_add_element(to, poisoned(json_array_get_element(from, i), text, false));
        }
        node = json_node_init_array(json_node_alloc(), to);
        json_array_unref(to);
        return node;
    }
    if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING) {
        return json_node_init_string(json_node_alloc(), text);
    }
    return json_node_copy(node);
}

/* The poisoned text of a file that holds one JSON value a line, or one in all. */
static char *poisoned_file(const char *folder, const char *path, const char *text, bool lines)
{
    g_autofree char *content = scratch_text(folder, path);
    g_auto(GStrv) parts = lines ? g_strsplit(g_strchomp(content), "\n", -1) : g_new0(char *, 2);
    GString *out = g_string_new(NULL);

    if (!lines) {
        parts[0] = g_strdup(content);
    }
    for (char **part = parts; *part; part++) {
        g_autoptr(JsonNode) node = test_json(*part), bad = poisoned(node, text, false);
        g_autofree char *line = hone_json_text(bad);

        g_string_append_printf(out, "%s\n", line);
    }
    return g_string_free(out, FALSE);
}

static void test_hostile(void)
{
    g_autoptr(char) source = scratch_new();
    g_autoptr(JsonObject) run = fake_run(source);
    g_autoptr(JsonNode) run_node = json_node_init_object(json_node_alloc(), run);

    hone_artifact_free(fake_comparison(source));
    hone_artifact_free(fake_quality(source));
    hone_artifact_free(fake_survey(source));
    for (size_t i = 0; i < G_N_ELEMENTS(hostile); i++) {
        g_autoptr(char) folder = scratch_new();
        g_autofree char *compare = poisoned_file(source, "out-compare/report/compare.json", hostile[i], false);
        g_autofree char *rows = poisoned_file(source, "out-compare/report/rows.jsonl", hostile[i], true);
        g_autofree char *quality = poisoned_file(source, "quality/quality.json", hostile[i], false);
        g_autofree char *survey = poisoned_file(source, "survey/survey.json", hostile[i], false);
        g_autofree char *scores = poisoned_file(source, "after/scores.json", hostile[i], false);
        g_autoptr(JsonNode) bad_run = poisoned(run_node, hostile[i], false);
        ScratchInput inputs[] = {
            {"any", hostile[i],
             scratch_artifact(folder, "c", HONE_REPORT, NULL, "compare.json", compare, "rows.jsonl", rows, NULL)},
            {"any", hostile[i], scratch_artifact(folder, "q", HONE_REPORT, NULL, "quality.json", quality, NULL)},
            {"any", hostile[i], scratch_artifact(folder, "v", HONE_REPORT, NULL, "survey.json", survey, NULL)},
            {"any", "other", scratch_artifact(folder, "s", HONE_SCORES, NULL, "scores.json", scores, NULL)},
            {0}};
        g_autofree char *html = make_report(folder, inputs, json_node_get_object(bad_run));
        Page page = {0};

        page_read(&page, html);
        g_assert_cmpint(count(&page, "section"), >=, 9);
        if (!strpbrk(hostile[i], "\x01\x1B") && !strstr(page.text->str, hostile[i])) {
            g_error("the page does not show \"%s\"", hostile[i]);
        }
        page_clear(&page);
    }
}

/* Members of wrong types, and none at all. */
static void test_crooked(void)
{
    static const char *const files[] = {
        "{}",
        "{\"verdict\": 3, \"figures\": {}, \"rows_by_change\": [], \"before\": null}",
        "{\"verdict\": {\"warnings\": [1, null, {}]}, \"figures\": [null, 3, {}, {\"before\": 1, \"unit\": 5}], "
        "\"rows_by_change\": {\"better\": \"x\", \"worse\": 1e300}}",
        "{\"figures\": [{\"label\": \"a\", \"unit\": \"%\", \"before\": {\"value\": -1e308, \"low\": 1e308, "
        "\"high\": null}, \"after\": {\"value\": 1e308}}], \"findings\": [{}, 3, {\"rows\": [1, [], \"x\"]}], "
        "\"passed\": [1, null], \"histograms\": [3, {\"edges\": [1], \"counts\": [1]}, {\"edges\": [1, null], "
        "\"counts\": "
        "[\"x\"]}, {\"edges\": [1e308, -1e308], \"counts\": [1e308]}], "
        "\"rows_in\": 1e300}",
        "{\"models\": [3, {}, {\"label\": [], \"bits_per_byte\": 1, \"without_examples\": {\"value\": \"x\"}, "
        "\"parameters\": 1e300, \"lora_bytes\": -1, \"reasons\": [1, null]}], \"shots\": \"many\"}",
    };
    static const char *const rows[] = {"", "3\n", "{}\n",
                                       "{\"id\": 1, \"gain\": -1, \"prompt\": [3, {\"role\": 1}], \"figures\": "
                                       "{\"a\": 3, \"b\": [1]}, \"before\": \"\", \"after\": 3}\n"};
    static const char *const runs[] = {
        "{}", "{\"nodes\": 3, \"pipeline\": 3, \"command\": {}}",
        "{\"nodes\": {\"a\": 3, \"b\": {\"inputs\": {\"x\": {\"y\": 1}, \"z\": [[\"b\"], \"c.d\"]}, "
        "\"params\": [], \"seconds\": -1, \"events\": \"/nowhere\"}, \"c\": {\"inputs\": {\"x\": "
        "[\"b\"]}}}}"};

    for (size_t i = 0; i < G_N_ELEMENTS(files) * G_N_ELEMENTS(rows) * G_N_ELEMENTS(runs); i++) {
        g_autoptr(char) folder = scratch_new();
        const char *file = files[i % G_N_ELEMENTS(files)];
        const char *row = rows[i / G_N_ELEMENTS(files) % G_N_ELEMENTS(rows)];
        g_autoptr(JsonNode) run = test_json(runs[i / G_N_ELEMENTS(files) / G_N_ELEMENTS(rows)]);
        ScratchInput inputs[] = {
            {"any", "c",
             scratch_artifact(folder, "c", HONE_REPORT, NULL, "compare.json", file, "rows.jsonl", row, "quality.json",
                              file, "scores.json", file, "survey.json", file, NULL)},
            {0}};
        g_autofree char *html = make_report(folder, inputs, json_node_get_object(run));
        Page page = {0};

        page_read(&page, html);
        page_clear(&page);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/report/realistic", test_realistic);
    g_test_add_func("/report/hostile", test_hostile);
    g_test_add_func("/report/crooked", test_crooked);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0
 * jsonl: every format to the messages its own documentation describes, what is refused and how it is said, files of
 * every kind.
 */
#include "stage_run.h"
#include <hone/dataset.h>
#include <hone/random.h>
#include <string.h>

typedef struct {
    const char *name, *row, *wanted; /* one row of the file, and as the dataset holds it (without its id) */
} FormatCase;

#define TURN(role, text) "{\"role\":\"" role "\",\"content\":\"" text "\"}"
#define MESSAGES(turns) "\"messages\":[" turns "]"

static const FormatCase cases[] = {
    {"messages", "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"yo\"}]}",
     MESSAGES(TURN("user", "hi") "," TURN("assistant", "yo"))},
    /* LLaMA-Factory's v1: parts, and a weight on each message. */
    {"messages",
     "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"value\":\"a\"},{\"type\":\"text\","
     "\"text\":\"b\"},\"c\"],\"loss_weight\":0.0},{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"value\":"
     "\"d\"}],\"loss_weight\":0.5},{\"role\":\"assistant\",\"content\":\"e\",\"weight\":0}]}",
     MESSAGES(TURN("user", "abc") ",{\"role\":\"assistant\",\"content\":\"d\",\"weight\":0.5},{\"role\":\"assistant\","
                                  "\"content\":\"e\",\"weight\":0.0}")},
    {"messages",
     "{\"system\":\"be kind\",\"messages\":[{\"role\":\"Developer\",\"content\":\"x\"},{\"role\":\"user\","
     "\"content\":\"hi\"}],\"topic\":\"t\",\"n\":1.5}",
     MESSAGES(TURN("system", "be kind") "," TURN("system", "x") "," TURN("user", "hi")) ",\"extra\":{\"topic\":\"t\","
                                                                                        "\"n\":1.5}"},
    {"sharegpt",
     "{\"conversations\":[{\"from\":\"human\",\"value\":\"q\"},{\"from\":\"function_call\",\"value\":\"f()\"},"
     "{\"from\":\"observation\",\"value\":\"7\"},{\"from\":\"gpt\",\"value\":\"seven\"}],\"tools\":\"[]\"}",
     MESSAGES(TURN("user", "q") "," TURN("assistant", "f()") "," TURN("tool", "7") "," TURN("assistant", "seven"))},
    {"alpaca", "{\"instruction\":\"do\",\"input\":\"\",\"output\":\"done\"}",
     MESSAGES(TURN("user", "do") "," TURN("assistant", "done"))},
    {"alpaca",
     "{\"instruction\":\"do\",\"input\":\"this\",\"output\":\"done\",\"system\":null,\"history\":[[\"a\","
     "\"b\"]]}",
     MESSAGES(
         TURN("user", "a") "," TURN("assistant", "b") "," TURN("user", "do\\nthis") "," TURN("assistant", "done"))},
    {"prompt_completion", "{\"prompt\":\"p\",\"completion\":\" c\"}",
     MESSAGES(TURN("user", "p") "," TURN("assistant", " c"))},
    {"prompt_completion",
     "{\"prompt\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"p\"}],\"completion\":"
     "[{\"role\":\"assistant\",\"content\":\"c\"}]}",
     MESSAGES(TURN("system", "s") "," TURN("user", "p") "," TURN("assistant", "c"))},
    {"question_answer", "{\"question\":\"q\",\"answer\":\"a\"}",
     MESSAGES(TURN("user", "q") "," TURN("assistant", "a"))},
    {"input_output", "{\"input\":\"q\",\"output\":\"a\"}", MESSAGES(TURN("user", "q") "," TURN("assistant", "a"))},
    {"text", "{\"text\":\"once\"}", MESSAGES(TURN("text", "once"))},
    {"preference", "{\"prompt\":\"p\",\"chosen\":\"c\",\"rejected\":\"r\"}",
     MESSAGES(TURN("user", "p")) ",\"chosen\":[" TURN("assistant", "c") "],\"rejected\":[" TURN("assistant", "r") "]"},
    {"preference",
     "{\"conversations\":[{\"from\":\"human\",\"value\":\"p\"}],\"chosen\":{\"from\":\"gpt\",\"value\":\"c\"},"
     "\"rejected\":{\"from\":\"gpt\",\"value\":\"r\"}}",
     MESSAGES(TURN("user", "p")) ",\"chosen\":[" TURN("assistant", "c") "],\"rejected\":[" TURN("assistant", "r") "]"},
    {"judged", "{\"prompt\":\"p\",\"completion\":\"c\",\"label\":true}",
     MESSAGES(TURN("user", "p")) ",\"chosen\":[" TURN("assistant", "c") "]"},
    {"judged",
     "{\"messages\":[{\"role\":\"user\",\"content\":\"p\"},{\"role\":\"assistant\",\"content\":\"c\"}],\"label\":"
     "false}",
     MESSAGES(TURN("user", "p")) ",\"rejected\":[" TURN("assistant", "c") "]"},
    /* A label of another kind judges nothing. */
    {"messages",
     "{\"messages\":[{\"role\":\"user\",\"content\":\"p\"},{\"role\":\"assistant\",\"content\":\"c\"}],\"label\":"
     "\"spam\"}",
     MESSAGES(TURN("user", "p") "," TURN("assistant", "c")) ",\"extra\":{\"label\":\"spam\"}"},
    /* The prompt is what both lists begin with. */
    {"preference",
     "{\"chosen\":[{\"role\":\"user\",\"content\":\"p\"},{\"role\":\"assistant\",\"content\":\"c\"}],\"rejected\":"
     "[{\"role\":\"user\",\"content\":\"p\"},{\"role\":\"assistant\",\"content\":\"r\"}]}",
     MESSAGES(TURN("user", "p")) ",\"chosen\":[" TURN("assistant", "c") "],\"rejected\":[" TURN("assistant", "r") "]"},
};

static void test_formats(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(StageRun) s;
        stage_run_init(&s, "jsonl");
        g_autofree char *path = stage_run_file(&s, "rows.jsonl", cases[i].row, -1);
        g_autoptr(GError) error = NULL;
        g_assert_true(stage_run(&s, "{\"path\":\"rows.jsonl\"}", &error) || error != NULL);
        g_assert_no_error(error);
        g_autofree char *rows = stage_run_rows(&s, "dataset");
        g_autofree char *wanted = g_strdup_printf("{\"id\":\"rows-1\",%s}\n", cases[i].wanted);
        g_assert_cmpstr(rows, ==, wanted);
        g_autofree char *note = g_strdup_printf("1 rows, format %s: ", cases[i].name);
        stage_run_assert_note(&s, note);
        g_autoptr(HoneArtifact) out = stage_run_output(&s, "dataset");
        bool preference = g_str_equal(cases[i].name, "preference") || g_str_equal(cases[i].name, "judged");
        g_assert_cmpint((int)hone_artifact_type(out), ==, (int)(preference ? HONE_PREFERENCES : HONE_DATASET));
        g_assert_true(stage_run_check(&s, "{\"path\":\"rows.jsonl\"}", &error));
    }
}

/* The same rows as one pretty-printed array with a byte order mark and white space everywhere. */
static void test_array(void)
{
    g_auto(StageRun) s;
    stage_run_init(&s, "jsonl");
    g_autofree char *path = stage_run_file(&s, "rows.json",
                                           "\xEF\xBB\xBF\n [\n {\"question\" : \"q, ]}\\\" 1\",\r\n \"answer\":\"[{\"}"
                                           " ,\n\n\t{\"question\":\"q2\",\"answer\":\"a2\",\"k\":[1,[2]]}\n]\n\n",
                                           -1);
    g_autoptr(GError) error = NULL;
    g_assert_true(stage_run(&s, "{\"path\":\"rows.json\"}", &error));
    g_autofree char *rows = stage_run_rows(&s, "dataset");
    g_assert_cmpstr(rows, ==,
                    "{\"id\":\"rows-3\",\"messages\":[" TURN("user", "q, ]}\\\" 1") "," TURN(
                        "assistant", "[{") "]}\n"
                                           "{\"id\":\"rows-6\",\"messages\":[" TURN("user", "q2") "," TURN(
                                               "assistant", "a2") "],\"extra\":{\"k\":[1,[2]]}}\n");
}

/* Calls, their results and the tools, as OpenAI and as datasets write them. */
static void test_tools(void)
{
#define CALL(arguments)                                                                                                \
    "{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":" arguments "}}"
    static const char row[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"q\",\"tool_calls\":null},{\"role\":"
                              "\"assistant\",\"content\":null,"
                              "\"tool_calls\":[" CALL("\"{\\\"b\\\": 1, \\\"a\\\": [2]}\"") "," CALL(
                                  "{\"x\":\"y\"}") "],\"refusal\":\"r\"},"
                                                   "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"name\":\"f\","
                                                   "\"content\":\"3\"},{\"role\":\"assistant\",\"content\":\"a\","
                                                   "\"reasoning_content\":\"r\"}],\"tools\":%s}\n";
    static const char *const tools[] = {"[{\"name\":\"f\",\"a\":1}]", "\"[{\\\"name\\\": \\\"f\\\", \\\"a\\\": 1}]\""};
    for (size_t i = 0; i < G_N_ELEMENTS(tools) * 2; i++) {
        bool as_text = i % 2;
        g_auto(StageRun) s;
        stage_run_init(&s, "jsonl");
        g_autofree char *file = g_strdup_printf(row, tools[i / 2]), *path = stage_run_file(&s, "rows.jsonl", file, -1);
        g_autoptr(GError) error = NULL;
        g_assert_true(stage_run(
            &s, as_text ? "{\"path\":\"rows.jsonl\",\"tool_arguments\":\"text\"}" : "{\"path\":\"rows.jsonl\"}",
            &error));
        g_autofree char *rows = stage_run_rows(&s, "dataset");
        g_autofree char *wanted =
            g_strdup_printf("{\"id\":\"rows-1\",\"messages\":[" TURN(
                                "user", "q") ",{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[%s]},"
                                             "{\"role\":\"tool\",\"content\":\"3\",\"tool_call_id\":\"c1\",\"name\":"
                                             "\"f\"},{\"role\":\"assistant\",\"content\":\"a\","
                                             "\"reasoning_content\":\"r\"}],\"tools\":[{\"name\":\"f\",\"a\":1}]}\n",
                            as_text ? CALL("\"{\\\"b\\\": 1, \\\"a\\\": [2]}\"") "," CALL("\"{\\\"x\\\":\\\"y\\\"}\"")
                                    : CALL("{\"b\":1,\"a\":[2]}") "," CALL("{\"x\":\"y\"}"));
        g_assert_cmpstr(rows, ==, wanted);
        stage_run_assert_note(&s, "passed over in messages: refusal");
        stage_run_assert_note(&s, as_text ? "arguments of 1 tool calls read as text"
                                          : "arguments of 1 tool calls read as objects");
    }
#undef CALL
}

static void test_columns(void)
{
    g_auto(StageRun) s;
    stage_run_init(&s, "jsonl");
    g_autofree char *path =
        stage_run_file(&s, "t.jsonl", "{\"ticket\":\"help\",\"answer\":\"sure\",\"question\":\"x\",\"ref\":7}\n", -1);
    g_autoptr(GError) error = NULL;
    g_assert_true(stage_run(
        &s, "{\"path\":\"t.jsonl\",\"columns\":{\"prompt\":\"ticket\",\"completion\":\"answer\",\"id\":\"ref\"}}",
        &error));
    g_autofree char *rows = stage_run_rows(&s, "dataset");
    g_assert_cmpstr(rows, ==,
                    "{\"id\":\"7\",\"messages\":[" TURN("user", "help") "," TURN("assistant", "sure") "],\"extra\":{"
                                                                                                      "\"question\":"
                                                                                                      "\"x\"}}\n");
    stage_run_assert_note(&s, "kept in extra: question");
    stage_run_assert_error(&s, "{\"path\":\"t.jsonl\",\"columns\":{\"promt\":\"ticket\"}}", HONE_ERROR_INVALID,
                           "did you mean \"prompt\"?");
    stage_run_assert_error(&s, "{\"path\":\"t.jsonl\",\"columns\":{\"prompt\":\"a\",\"completion\":\"a\"}}",
                           HONE_ERROR_INVALID, "two meanings");
    stage_run_assert_error(&s, "{\"path\":\"t.jsonl\",\"columns\":[1]}", HONE_ERROR_INVALID, "must be an object");
    /* "answer" stands for the completion now, so no question_answer is seen, and the error names what was looked for.
     */
    stage_run_assert_error(&s, "{\"path\":\"t.jsonl\",\"columns\":{\"completion\":\"answer\"}}", HONE_ERROR_INVALID,
                           "\"prompt\" and \"answer\" (prompt_completion)");
}

typedef struct {
    const char *content;
    gssize length;
    const char *says;
    HoneError code;
} BrokenCase;

#define TEXT(literal) literal, sizeof literal - 1
#define GOOD "{\"question\":\"q\",\"answer\":\"a\"}\n"

static const BrokenCase broken[] = {
    {TEXT(""), "holds no rows", HONE_ERROR_INVALID},
    {TEXT("\n\n \n"), "holds no rows", HONE_ERROR_INVALID},
    {TEXT("[]"), "holds no rows", HONE_ERROR_INVALID},
    {TEXT("[ ]\n"), "holds no rows", HONE_ERROR_INVALID},
    {TEXT(GOOD "{\"question\":\n"), "t.jsonl:2: not valid JSON at column", HONE_ERROR_INVALID},
    {TEXT(GOOD "\n7\n"), "t.jsonl:3: a row must be a JSON object", HONE_ERROR_INVALID},
    {TEXT(GOOD "\xFF\n"), "t.jsonl:2: not valid UTF-8", HONE_ERROR_INVALID},
    {TEXT(GOOD "\0\n"), "t.jsonl:2: NUL byte", HONE_ERROR_INVALID},
    {TEXT(GOOD "{\"question\":\"q\\u0000\",\"answer\":\"a\"}"), "t.jsonl:2: not valid JSON at column 15: \\u0000",
     HONE_ERROR_INVALID},
    {TEXT(GOOD "{\"question\":\"q\"}"),
     "t.jsonl:2: found the column \"question\"; expected \"question\" and \"answer\" (question_answer)",
     HONE_ERROR_INVALID},
    {TEXT("{\"foo\":1,\"bar\":2}"), "t.jsonl:1: unknown format: found the columns \"foo\", \"bar\"; expected",
     HONE_ERROR_INVALID},
    {TEXT("{}"), "t.jsonl:1: unknown format: found no columns", HONE_ERROR_INVALID},
    {TEXT(GOOD "{\"question\":\"q\",\"answer\":3}"), "t.jsonl:2: answer is a number", HONE_ERROR_INVALID},
    {TEXT(GOOD "{\"question\":\"q\",\"answer\":null}"), "t.jsonl:2: answer is missing", HONE_ERROR_INVALID},
    {TEXT("{\"messages\":[]}"), "t.jsonl:1: messages is an empty list", HONE_ERROR_INVALID},
    {TEXT("{\"messages\":\"x\"}"), "t.jsonl:1: messages is a text", HONE_ERROR_INVALID},
    {TEXT("{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"alien\",\"content\":\"x\"}]}"),
     "t.jsonl:1: messages[1] has the unknown role \"alien\"", HONE_ERROR_INVALID},
    {TEXT("{\"messages\":[{\"role\":\"user\"}]}"), "messages[0] has a content that is missing", HONE_ERROR_INVALID},
    {TEXT("{\"messages\":[{\"content\":\"x\"}]}"), "messages[0] has a role that is missing", HONE_ERROR_INVALID},
    {TEXT("{\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"value\":\"y\"}]}"), "gives its content twice",
     HONE_ERROR_INVALID},
    {TEXT("{\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"weight\":-1}]}"), "loss weight", HONE_ERROR_INVALID},
    {TEXT("{\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"weight\":\"1\"}]}"), "loss weight",
     HONE_ERROR_INVALID},
    {TEXT("{\"messages\":[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[3]}]}"), "a list of calls",
     HONE_ERROR_INVALID},
    {TEXT("{\"messages\":[{\"role\":\"assistant\",\"content\":\"\",\"function_call\":{\"name\":\"f\"}}]}"),
     "holds \"function_call\"", HONE_ERROR_INVALID},
    {TEXT("{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[3]}"), "column \"tools\" must be a list",
     HONE_ERROR_INVALID},
    {TEXT("{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":\"[{\"}"), "column \"tools\"",
     HONE_ERROR_INVALID},
    {TEXT("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}}]}]}"),
     "content part of type \"image_url\"", HONE_ERROR_INVALID},
    {TEXT("{\"instruction\":\"i\",\"output\":\"o\",\"history\":[[\"a\"]]}"), "[question, answer] pairs",
     HONE_ERROR_INVALID},
    {TEXT("{\"chosen\":\"c\",\"rejected\":\"r\"}"), "no prompt", HONE_ERROR_INVALID},
    {TEXT("{\"label\":true}"), "nothing to judge", HONE_ERROR_INVALID},
    {TEXT("{\"messages\":[{\"role\":\"assistant\",\"content\":\"c\"},{\"role\":\"user\",\"content\":\"x\"}],\"label\":"
          "true}"),
     "must end with the assistant's answer", HONE_ERROR_INVALID},
    {TEXT("[{\"question\":\"q\",\"answer\":\"a\"}"), "t.jsonl:1: the array has no ']'", HONE_ERROR_INVALID},
    {TEXT("[\n{\"question\":\"q\",\"answer\":\"a\"},\n"), "t.jsonl:3: the array has no ']'", HONE_ERROR_INVALID},
    {TEXT("[\n{\"question\":\"q\",\"answer\":\"a\"},\n]"), "element 2 (line 3)", HONE_ERROR_INVALID},
    {TEXT("[{\"question\":\"q\",\"answer\":\"a\"}] x"), "text after the array", HONE_ERROR_INVALID},
    {TEXT("[{\"question\":\"q\",\"answer\":\"a\"}\n{\"question\":\"q\",\"answer\":\"a\"}]"),
     "element 1 (line 1): not valid JSON at line 2", HONE_ERROR_INVALID},
};

static void test_broken(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
        g_auto(StageRun) s;
        stage_run_init(&s, "jsonl");
        g_autofree char *path = stage_run_file(&s, "t.jsonl", broken[i].content, broken[i].length);
        stage_run_assert_error(&s, "{\"path\":\"t.jsonl\"}", broken[i].code, broken[i].says);
        g_autoptr(GError) error = NULL;
        g_assert_false(stage_run_check(&s, "{\"path\":\"t.jsonl\"}", &error));
        g_assert_nonnull(strstr(error->message, broken[i].says));
    }
}

static void test_drop(void)
{
    g_auto(StageRun) s;
    stage_run_init(&s, "jsonl");
    g_autofree char *path = stage_run_file(
        &s, "t.jsonl",
        TEXT("nonsense\n" GOOD "\xFF\n[1]\n" GOOD "\r\n{\"question\":\"q\"}\n" GOOD "{\"question\":\"q"));
    g_autoptr(GError) error = NULL;
    g_assert_true(stage_run(&s, "{\"path\":\"t.jsonl\",\"on_error\":\"drop\"}", &error));
    g_autofree char *rows = stage_run_rows(&s, "dataset");
    g_auto(GStrv) lines = g_strsplit(rows, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 4); /* three rows and what follows the last newline */
    g_assert_true(g_str_has_prefix(lines[0], "{\"id\":\"t-2\""));
    g_assert_true(g_str_has_prefix(lines[1], "{\"id\":\"t-5\""));
    g_assert_true(g_str_has_prefix(lines[2], "{\"id\":\"t-8\""));
    stage_run_assert_note(&s, "5 broken rows dropped (lines 1, 3, 4, 7, 9); the first: ");
    stage_run_assert_note(&s, "1 blank lines");
    g_autofree char *all = stage_run_file(&s, "all.jsonl", TEXT(GOOD "x\n"));
    g_autofree char *none = stage_run_file(&s, "none.jsonl", TEXT("x\ny\n"));
    stage_run_assert_error(&s, "{\"path\":\"none.jsonl\",\"on_error\":\"drop\"}", HONE_ERROR_INVALID,
                           "all 2 rows are broken; the first: ");
    /* A wrong format is not a matter of dropping every row. */
    stage_run_assert_error(&s, "{\"path\":\"all.jsonl\",\"on_error\":\"drop\",\"format\":\"text\"}", HONE_ERROR_INVALID,
                           "all 2 rows are broken");
}

static void test_ids(void)
{
    g_auto(StageRun) s;
    stage_run_init(&s, "jsonl");
    g_autofree char *path =
        stage_run_file(&s, "t.jsonl",
                       "{\"id\":\"a\",\"text\":\"1\"}\n{\"id\":\"a\",\"text\":\"2\"}\n{\"id\":\"t-4\",\"text\":\"3\"}\n"
                       "{\"text\":\"4\"}\n{\"id\":[5],\"text\":\"5\"}\n",
                       -1);
    g_autoptr(GError) error = NULL;
    g_assert_true(stage_run(&s, "{\"path\":\"t.jsonl\"}", &error));
    g_autoptr(HoneArtifact) out = stage_run_output(&s, "dataset");
    g_autoptr(GPtrArray) rows = hone_rows_read(out, &error);
    g_assert_cmpuint(rows->len, ==, 5);
    g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < rows->len; i++)
        g_assert_true(g_hash_table_add(ids, ((HoneRow *)rows->pdata[i])->id));
    g_assert_cmpstr(((HoneRow *)rows->pdata[0])->id, ==, "a");
    g_assert_true(json_object_has_member(((HoneRow *)rows->pdata[4])->extra, "id"));
    stage_run_assert_note(&s, "2 repeated ids");
}

static void test_limit(void)
{
    g_auto(StageRun) s;
    stage_run_init(&s, "jsonl");
    g_autofree char *path = stage_run_file(&s, "t.jsonl", GOOD GOOD GOOD "broken\n", -1);
    g_autoptr(GError) error = NULL;
    g_assert_true(stage_run(&s, "{\"path\":\"t.jsonl\",\"limit\":2}", &error));
    g_autoptr(HoneArtifact) out = stage_run_output(&s, "dataset");
    g_assert_cmpint(json_object_get_int_member(hone_artifact_meta(out), "rows"), ==, 2);
}

/* Whatever a byte is changed to, rows come out whole or an error names the file. */
static void test_mutations(void)
{
    static const char *const files[] = {
        GOOD GOOD "{\"question\":\"q\\u00e9\\ud83d\\ude00\",\"answer\":\"a\",\"n\":[1,2.5e3,{\"x\":null}]}\n",
        "[{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"b\"}],\"weight\":0.5}]},\n"
        "{\"messages\":[{\"from\":\"gpt\",\"value\":\"c\"}]}]",
        "{\"prompt\":\"p\",\"chosen\":\"c\",\"rejected\":{\"role\":\"assistant\",\"content\":\"r\"}}\n",
    };
    static const char bytes[] = "\0\"\\{}[],:\n\r u1-\xFF\xC3";
    g_auto(StageRun) s;
    stage_run_init(&s, "jsonl");
    size_t good = 0, bad = 0;
    for (uint64_t i = 0; i < 600; i++) {
        const char *file = files[i % G_N_ELEMENTS(files)];
        size_t length = strlen(file);
        g_autofree char *text = g_strdup(file);
        for (uint64_t k = 0; k <= i % 3; k++)
            text[hone_random_below(5, HONE_STREAM_USER, i * 8 + k * 2, length)] =
                bytes[hone_random_below(5, HONE_STREAM_USER, i * 8 + k * 2 + 1, sizeof bytes - 1)];
        if (i % 5 == 0)
            length = hone_random_below(5, HONE_STREAM_USER, i * 8 + 7, length + 1);
        g_autofree char *path = stage_run_file(&s, "m.jsonl", text, (gssize)length);
        g_autoptr(GError) error = NULL;
        if (stage_run(&s, i % 2 == 0 ? "{\"path\":\"m.jsonl\",\"on_error\":\"drop\"}" : "{\"path\":\"m.jsonl\"}",
                      &error)) {
            g_autoptr(HoneArtifact) out = stage_run_output(&s, "dataset");
            g_autoptr(GPtrArray) rows = hone_rows_read(out, &error);
            g_assert_no_error(error);
            g_assert_cmpuint(rows->len, >, 0);
            good++;
        } else {
            g_assert_nonnull(strstr(error->message, "m.jsonl"));
            bad++;
        }
    }
    g_assert_cmpuint(good, >, 50);
    g_assert_cmpuint(bad, >, 50);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/jsonl/formats", test_formats);
    g_test_add_func("/jsonl/array", test_array);
    g_test_add_func("/jsonl/tools", test_tools);
    g_test_add_func("/jsonl/columns", test_columns);
    g_test_add_func("/jsonl/broken", test_broken);
    g_test_add_func("/jsonl/drop", test_drop);
    g_test_add_func("/jsonl/ids", test_ids);
    g_test_add_func("/jsonl/limit", test_limit);
    g_test_add_func("/jsonl/mutations", test_mutations);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0
 * speak.c (test): hone generate, hone chat and hone show --tokens as a user meets them, on a tiny random model.
 *
 * Its words mean nothing; what is held here is what goes where, that greedy text repeats, that the conversation is
 * kept, and that marks stand exactly around what bears loss.
 */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>

static char *folder, *program, *model;

typedef struct {
    int status;
    char *out, *err;
} Result;

static void result_clear(Result *result)
{
    g_free(result->out);
    g_free(result->err);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Result, result_clear)

/* Never NULL: bytes without content have no data. */
static const char *text_of(GBytes *bytes)
{
    const char *data = g_bytes_get_data(bytes, NULL);
    return data ? data : "";
}

static void run(Result *result, const char *input, const char *const *arguments)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, program);
    for (gsize i = 0; arguments[i] != NULL; i++)
        g_ptr_array_add(argv, (gpointer)arguments[i]);
    g_ptr_array_add(argv, NULL);
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(
        G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
    g_subprocess_launcher_set_cwd(launcher, folder);
    g_autoptr(GSubprocess) child = g_subprocess_launcher_spawnv(launcher, (const char *const *)argv->pdata, &error);
    g_assert_no_error(error);
    g_autoptr(GBytes) in = g_bytes_new(input, strlen(input)), out = NULL, err = NULL;
    g_subprocess_communicate(child, in, NULL, &out, &err, &error);
    g_assert_no_error(error);
    g_assert_true(g_subprocess_get_if_exited(child));
    result->status = g_subprocess_get_exit_status(child);
    result->out = g_strdup_printf("%.*s", (int)g_bytes_get_size(out), text_of(out));
    result->err = g_strdup_printf("%.*s", (int)g_bytes_get_size(err), text_of(err));
    g_test_message("status %d\n%s\n%s", result->status, result->out, result->err);
}

/* Declares `name` and fills it. */
#define RUN(name, input, ...)                                                                                          \
    g_auto(Result) name = {0};                                                                                         \
    run(&name, input, (const char *const[]){__VA_ARGS__, NULL})

#define HAS(text, fragment) g_assert_nonnull(strstr((text), (fragment)))

static void test_generate(void)
{
    RUN(first, "", "generate", model, "--prompt", "hello there", "--max-tokens", "12");
    RUN(again, "", "generate", model, "--prompt", "hello there", "--max-tokens", "12");
    RUN(piped, "hello there", "generate", model, "--max-tokens", "12");
    RUN(sampled, "", "generate", model, "--prompt", "hello there", "--max-tokens", "12", "--temperature", "5", "--seed",
        "3");
    g_assert_cmpint(first.status, ==, 0);
    g_assert_cmpuint(strlen(first.out), >, 1);
    g_assert_cmpstr(first.out, ==, again.out);
    g_assert_cmpstr(first.out, ==, piped.out);
    g_assert_cmpint(sampled.status, ==, 0);
    g_assert_cmpstr(first.out, !=, sampled.out);
    HAS(first.err, "tokens/s"); /* not among the text */
    g_assert_null(strstr(first.out, "tokens/s"));
}

static void test_generate_rows(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *rows = g_build_filename(folder, "rows.jsonl", NULL);
    g_file_set_contents(rows,
                        "{\"messages\":[{\"role\":\"user\",\"content\":\"one\"}]}\n"
                        "{\"messages\":[{\"role\":\"user\",\"content\":\"two\"},"
                        "{\"role\":\"assistant\",\"content\":\"2\"}]}\n",
                        -1, &error);
    g_assert_no_error(error);
    RUN(r, "", "generate", model, "--file", rows, "--json", "--max-tokens", "6");
    g_assert_cmpint(r.status, ==, 0);
    g_auto(GStrv) lines = g_strsplit(r.out, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 3);
    /* Each is answered as it would be by itself, its own answer left out. */
    RUN(one, "", "generate", model, "--prompt", "one", "--json", "--max-tokens", "6");
    RUN(two, "", "generate", model, "--prompt", "two", "--json", "--max-tokens", "6");
    const char *const alone[] = {one.out, two.out}, *const ids[] = {"1", "2"};
    for (int i = 0; i < 2; i++) {
        g_autoptr(JsonNode) node = json_from_string(lines[i], &error), wanted = json_from_string(alone[i], NULL);
        g_assert_no_error(error);
        JsonObject *object = json_node_get_object(node), *same = json_node_get_object(wanted);
        g_assert_cmpstr(json_object_get_string_member(object, "id"), ==, ids[i]);
        g_assert_cmpstr(json_object_get_string_member(object, "text"), ==, json_object_get_string_member(same, "text"));
        g_assert_cmpint(json_object_get_int_member(object, "tokens"), <=, 6);
    }
    RUN(plain, "", "generate", model, "--file", rows, "--max-tokens", "6");
    g_assert_true(g_str_has_prefix(plain.out, "## 1\n"));
    HAS(plain.out, "\n## 2\n");
    HAS(plain.err, "2 rows");
}

/* A node of a run in place of a file; what is no model, and what is no dataset, is refused. */
static void test_node(void)
{
    g_autofree char *file = g_build_filename(folder, "pipeline.json", NULL);
    g_autofree char *text =
        g_strdup_printf("{\"hone\": 1, \"name\": \"speak\", \"nodes\": {"
                        "\"base\": {\"stage\": \"model\", \"params\": {\"path\": \"%s\"}}, "
                        "\"rows\": {\"stage\": \"jsonl\", \"params\": {\"path\": \"node.jsonl\"}}}}",
                        model);
    g_autofree char *rows = g_build_filename(folder, "node.jsonl", NULL);
    g_assert_true(g_file_set_contents(file, text, -1, NULL));
    g_assert_true(g_file_set_contents(rows,
                                      "{\"messages\":[{\"role\":\"user\",\"content\":\"q\"},"
                                      "{\"role\":\"assistant\",\"content\":\"a\"}]}\n",
                                      -1, NULL));
    RUN(made, "", "run", file);
    g_assert_cmpint(made.status, ==, 0);
    RUN(node, "", "generate", "base", "--prompt", "hi", "--max-tokens", "6");
    RUN(path, "", "generate", model, "--prompt", "hi", "--max-tokens", "6");
    g_assert_cmpint(node.status, ==, 0);
    g_assert_cmpstr(node.out, ==, path.out);
    RUN(tokens, "", "show", "--tokens", "rows", "--model", "base");
    g_assert_cmpint(tokens.status, ==, 0);
    HAS(tokens.out, "«a<|im_end|>»");
    RUN(dataset, "", "generate", "rows", "--prompt", "hi");
    g_assert_cmpint(dataset.status, ==, 1);
    HAS(dataset.err, "is a dataset");
    RUN(no_rows, "", "show", "--tokens", "base", "--model", "base");
    g_assert_cmpint(no_rows.status, ==, 1);
    HAS(no_rows.err, "is a model");
    RUN(unknown, "", "generate", "bsae", "--prompt", "hi");
    g_assert_cmpint(unknown.status, ==, 1);
    HAS(unknown.err, "did you mean \"base\"");
}

static void test_generate_mistakes(void)
{
    RUN(nothing, "", "generate");
    g_assert_cmpint(nothing.status, ==, 2);
    RUN(absent, "", "generate", "nowhere", "--prompt", "x");
    g_assert_cmpint(absent.status, ==, 1);
    HAS(absent.err, "nowhere");
    static const struct {
        const char *option, *value, *says;
    } usage[] = {
        {"--top-p", "2", "--top-p"},
        {"--top-p", "nan", "--top-p"},
        {"--temperature", "-1", "--temperature"},
        {"--repetition-penalty", "0", "--repetition-penalty"},
        {"--max-tokens", "0", "--max-tokens"},
        {"--stop", "", "--stop"},
        {"--file", "rows.jsonl", "--prompt and --file"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(usage); i++) {
        RUN(r, "", "generate", model, "--prompt", "x", usage[i].option, usage[i].value);
        g_assert_cmpint(r.status, ==, 2);
        HAS(r.err, usage[i].says);
    }
    RUN(raw, "", "generate", model, "--prompt", "x", "--raw", "--system", "y");
    g_assert_cmpint(raw.status, ==, 2);
    RUN(empty, "", "generate", model, "--prompt", "", "--raw");
    g_assert_cmpint(empty.status, ==, 1);
    HAS(empty.err, "0 tokens");
    RUN(bytes, "\xff", "generate", model);
    g_assert_cmpint(bytes.status, ==, 1);
    HAS(bytes.err, "UTF-8");
    RUN(backend, "", "generate", model, "--prompt", "x", "--backend", "referense");
    g_assert_cmpint(backend.status, ==, 1);
    HAS(backend.err, "reference");
    g_autofree char *rows = g_build_filename(folder, "wrong.jsonl", NULL);
    g_assert_true(g_file_set_contents(rows, "{\"prompt\": \"x\"}\n{\"prompt\": 7}\n", -1, NULL));
    RUN(line, "", "generate", model, "--file", rows, "--max-tokens", "4");
    g_assert_cmpint(line.status, ==, 1);
    HAS(line.err, "wrong.jsonl:2");
    RUN(whose, "", "show", "--tokens", rows);
    g_assert_cmpint(whose.status, ==, 2);
    HAS(whose.err, "--model");
    g_autofree char *broken = g_build_filename(folder, "broken.gguf", NULL);
    g_assert_true(g_file_set_contents(broken, "GGUF\3\0\0\0", 8, NULL));
    RUN(cut, "", "generate", broken, "--prompt", "x");
    g_assert_cmpint(cut.status, ==, 1);
    HAS(cut.err, "broken.gguf");
    g_assert_cmpstr(cut.out, ==, "");
}

static void test_chat(void)
{
    RUN(two, "hello\nand again\n", "chat", model, "--temperature", "0", "--max-tokens", "8");
    g_assert_cmpint(two.status, ==, 0);
    RUN(reset, "hello\n/reset\nhello\n/quit\nnever read\n", "chat", model, "--temperature", "0", "--max-tokens", "8");
    g_assert_cmpint(reset.status, ==, 0);
    RUN(one, "hello\n", "chat", model, "--temperature", "0", "--max-tokens", "8");
    g_assert_cmpint(one.status, ==, 0);
    /* After /reset the same words get the same answer; the text after /quit gets none. */
    g_autofree char *twice = g_strconcat(one.out, one.out, NULL);
    g_assert_cmpstr(reset.out, ==, twice);
    g_assert_true(g_str_has_prefix(two.out, one.out));
    g_assert_cmpstr(two.out, !=, twice);
}

static void test_tokens(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *rows = g_build_filename(folder, "turns.jsonl", NULL);
    g_file_set_contents(rows,
                        "{\"messages\":[{\"role\":\"user\",\"content\":\"ask me\"},"
                        "{\"role\":\"assistant\",\"content\":\"told you\"}]}\n"
                        "{\"messages\":[{\"role\":\"user\",\"content\":\"no answer\"}]}\n",
                        -1, &error);
    g_assert_no_error(error);
    RUN(r, "", "show", "--tokens", rows, "--model", model);
    g_assert_cmpint(r.status, ==, 0);
    HAS(r.out, "«told you<|im_end|>»");
    HAS(r.out, "<|im_start|>user\nask me<|im_end|>\n<|im_start|>assistant\n«");
    HAS(r.out, "0 bear loss: nothing is learned from it");
    HAS(r.out, "2 rows:");
    g_assert_null(strchr(r.out, '\x1b')); /* no colour in a pipe */
    g_assert_true(g_file_set_contents(rows, "{\"prompt\":\"q\",\"completion\":\"\\u00e9\\n\\u001b[0m\"}\n", -1, NULL));
    RUN(control, "", "show", "--tokens", rows, "--model", model);
    HAS(control.out, "«\xc3\xa9\n\xe2\x90\x9b[0m<|im_end|>»"); /* U+241B, the picture of ESC */
    RUN(as_json, "", "show", "--tokens", rows, "--model", model, "--json", "--row", "1");
    g_autoptr(JsonNode) node = json_from_string(as_json.out, &error);
    g_assert_no_error(error);
    JsonArray *list = json_object_get_array_member(json_node_get_object(node), "tokens");
    gint64 trained = 0;
    for (guint i = 0; i < json_array_get_length(list); i++)
        trained += json_object_get_double_member(json_array_get_object_element(list, i), "weight") > 0;
    g_assert_cmpint(trained, ==, json_object_get_int_member(json_node_get_object(node), "trained"));
    g_assert_cmpint(trained, >, 1);
    RUN(far, "", "show", "--tokens", rows, "--model", model, "--row", "7");
    g_assert_cmpint(far.status, ==, 1);
    HAS(far.err, "no row 7");
}

static void remove_tree(const char *path)
{
    g_autoptr(GDir) dir =
        g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL); /* NULL for a file as well */
    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        remove_tree(inner);
    }
    g_remove(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    program = g_build_filename(g_getenv("HONE_TEST_BUILD"), "host", "hone", NULL);
    model = g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "model", "data", "tiny.gguf", NULL);
    folder = g_dir_make_tmp("hone-speak-XXXXXX", NULL);
    g_test_add_func("/speak/generate", test_generate);
    g_test_add_func("/speak/generate/rows", test_generate_rows);
    g_test_add_func("/speak/generate/node", test_node);
    g_test_add_func("/speak/generate/mistakes", test_generate_mistakes);
    g_test_add_func("/speak/chat", test_chat);
    g_test_add_func("/speak/tokens", test_tokens);
    int status = g_test_run();
    remove_tree(folder);
    g_free(folder);
    g_free(program);
    g_free(model);
    return status;
}

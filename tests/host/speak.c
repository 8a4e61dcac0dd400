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
    for (int i = 0; i < 2; i++) {
        g_autoptr(JsonNode) node = json_from_string(lines[i], &error);
        g_assert_no_error(error);
        g_assert_true(JSON_NODE_HOLDS_OBJECT(node));
    }
}

static void test_generate_mistakes(void)
{
    RUN(nothing, "", "generate");
    g_assert_cmpint(nothing.status, ==, 2);
    RUN(absent, "", "generate", "nowhere", "--prompt", "x");
    g_assert_cmpint(absent.status, ==, 1);
    HAS(absent.err, "nowhere");
    RUN(share, "", "generate", model, "--prompt", "x", "--top-p", "2");
    g_assert_cmpint(share.status, ==, 2);
    HAS(share.err, "--top-p");
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
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    program = g_build_filename(g_getenv("HONE_TEST_BUILD"), "host", "hone", NULL);
    model = g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "model", "data", "tiny.gguf", NULL);
    folder = g_dir_make_tmp("hone-speak-XXXXXX", NULL);
    g_test_add_func("/speak/generate", test_generate);
    g_test_add_func("/speak/generate/rows", test_generate_rows);
    g_test_add_func("/speak/generate/mistakes", test_generate_mistakes);
    g_test_add_func("/speak/chat", test_chat);
    g_test_add_func("/speak/tokens", test_tokens);
    int status = g_test_run();
    for (const char *const *name = (const char *const[]){"rows.jsonl", "turns.jsonl", "broken.gguf", NULL}; *name;
         name++) {
        g_autofree char *path = g_build_filename(folder, *name, NULL);
        g_unlink(path);
    }
    g_rmdir(folder);
    g_free(folder);
    g_free(program);
    g_free(model);
    return status;
}

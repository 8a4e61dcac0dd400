/* SPDX-License-Identifier: Apache-2.0
 * rewards.c: each reward on answers whose reward follows from its definition; the external program, good and bad.
 */
#include <dlfcn.h>
#include <glib/gstdio.h>
#include <hone/json.h>
#include <hone/reward.h>
#include <math.h>
#include <string.h>

static const HoneComponent *find(const char *name)
{
    g_autofree char *path = g_strdup_printf("%s/reward_%s.so", g_getenv("HONE_PLUGIN_PATH"), name);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    HonePluginFunc function;
    if (!handle)
        g_error("%s", dlerror());
    *(void **)&function = dlsym(handle, HONE_PLUGIN_SYMBOL);
    for (const HoneComponent *const *c = function()->components; *c; c++)
        if ((*c)->kind == HONE_REWARD && strcmp((*c)->name, name) == 0)
            return *c;
    g_error("no reward %s", name);
}

typedef struct Answer {
    const char *reference, *text;
    bool finished;
} Answer;

/* Scores n answers; false with an error. */
static bool score(const char *name, const char *params, const Answer *answers, size_t n, double *rewards,
                  GError **error)
{
    const HoneComponent *component = find(name);
    const HoneRewardOps *ops = component->ops;
    g_autoptr(JsonNode) node = hone_json_parse(params, strlen(params), "test", error);
    g_assert_nonnull(node);
    g_autofree char *instance = g_malloc0(component->instance_size + 1);
    if (!hone_params_fill(component, json_node_get_object(node), "/", instance, error))
        return false;
    void *prepared = ops->prepare ? ops->prepare(instance, NULL, error) : NULL;
    bool ok = !ops->prepare || prepared;
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)hone_row_free);
    g_autofree const char **texts = g_new0(const char *, n);
    g_autofree bool *finished = g_new0(bool, n);
    g_autofree size_t *tokens = g_new0(size_t, n);
    for (size_t i = 0; i < n; i++) {
        g_autofree char *id = g_strdup_printf("r%zu", i);
        HoneRow *row = hone_row_new(id);
        g_ptr_array_add(row->messages, hone_message_new("user", "q \"1\"\n", 0));
        if (answers[i].reference)
            g_ptr_array_add(row->messages, hone_message_new("assistant", answers[i].reference, 1));
        g_ptr_array_add(rows, row);
        texts[i] = answers[i].text;
        finished[i] = answers[i].finished;
        tokens[i] = strlen(texts[i]);
        rewards[i] = NAN;
    }
    const HoneAnswers all = {.size = sizeof all,
                             .n = n,
                             .rows = (const HoneRow *const *)rows->pdata,
                             .texts = texts,
                             .finished = finished,
                             .n_tokens = tokens};
    ok = ok && ops->score(instance, prepared, &all, rewards, error);
    if (prepared && ops->finish)
        ops->finish(prepared);
    hone_params_clear(component, instance);
    return ok;
}

static void expect(const char *name, const char *params, const char *reference, const char *text, double wanted)
{
    const Answer answer = {reference, text, true};
    double got;
    g_autoptr(GError) error = NULL;
    bool ok = score(name, params, &answer, 1, &got, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
    g_test_message("%s %s: \"%s\" gets %g, %g is wanted", name, params, text, got, wanted);
    g_assert_true(fabs(got - wanted) <= 1e-12); /* a few operations on small numbers, in f64 */
}

static void refuse(const char *name, const char *params, const char *reference, const char *part)
{
    const Answer answer = {reference, "a", true};
    double got;
    g_autoptr(GError) error = NULL;
    g_assert_false(score(name, params, &answer, 1, &got, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, part));
}

static void test_exact_answer(void)
{
    static const char reference[] = "Natalia sold 48/2 = 24 clips.\n#### 1,024";
    expect("exact_answer", "{}", reference, "#### 1024", 1);
    expect("exact_answer", "{}", reference, "It is 7 and then $1,024.00", 1);
    expect("exact_answer", "{}", reference, "1024 or 3", 0);
    expect("exact_answer", "{}", reference, "#### 3\n#### 1024 clips", 1);
    expect("exact_answer", "{}", reference, "", 0);
    expect("exact_answer", "{}", reference, "-1024", 0);
    expect("exact_answer", "{}", "#### -5", "x = -5.", 1);
    expect("exact_answer", "{}", "#### 5", "pages 3-5", 1);
    expect("exact_answer", "{\"needs_marker\": true}", reference, "1024", 0);
    expect("exact_answer", "{\"needs_marker\": true}", reference, "so #### 1024", 1);
    expect("exact_answer", "{}", "yes", " yes\n", 1);
    expect("exact_answer", "{}", "yes", "yes, it is", 0);
    expect("exact_answer", "{\"marker\": \"\"}", "a #### b", "a #### b", 1);
    refuse("exact_answer", "{}", NULL, "row \"r0\" has no answer to compare with");
}

static void test_length(void)
{
    expect("length", "{\"target\": 2, \"limit\": 6}", NULL, "", 0);
    expect("length", "{\"target\": 2, \"limit\": 6}", NULL, " one  two ", 1);
    expect("length", "{\"target\": 2, \"limit\": 6}", NULL, "one two three", 0.75);
    expect("length", "{\"target\": 2, \"limit\": 6}", NULL, "1 2 3 4 5 6 7 8", 0);
    expect("length", "{\"unit\": \"characters\", \"target\": 4, \"limit\": 8}", NULL, "äöüßé", 0.75);
    expect("length", "{\"unit\": \"tokens\", \"target\": 4, \"limit\": 8}", NULL, "abcdef", 0.5);
    const Answer cut = {NULL, "word", false};
    double got;
    g_assert_true(score("length", "{}", &cut, 1, &got, NULL));
    g_assert_true(got == 0);
    g_assert_true(score("length", "{\"needs_end\": false}", &cut, 1, &got, NULL));
    g_assert_true(got == 1);
    refuse("length", "{\"target\": 9, \"limit\": 9}", NULL, "limit above target");
}

static void test_format(void)
{
    expect("format", "{\"pattern\": \"^<think>.*</think>\"}", NULL, "<think>a\nb</think> c", 1);
    expect("format", "{\"pattern\": \"^<think>.*</think>\", \"dot_all\": false}", NULL, "<think>a\nb</think> c", 0);
    expect("format", "{\"pattern\": \"YES\", \"ignore_case\": true}", NULL, "oh yes", 1);
    /* Exponential without a limit of steps. */
    expect("format", "{\"pattern\": \"^(a+)+$\"}", NULL, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", 0);
    refuse("format", "{\"pattern\": \"(\"}", NULL, "pattern:");
}

static void test_rouge(void)
{
    /* F1 of 2 words shared of 3 and of 2: 2·(2/2)·(2/3)/(2/2 + 2/3). */
    expect("rouge", "{\"figure\": \"rouge1\"}", "the black cat", "black cat", 0.8);
    expect("rouge", "{}", "the black cat", "cat black", 0.4); /* one word in order: 2·(1/2)·(1/3)/(5/6) */
    refuse("rouge", "{}", NULL, "has no answer to compare with");
}

static void test_json_schema(void)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("hone-schema-XXXXXX", &path, NULL);
    g_assert_cmpint(fd, >=, 0);
    g_assert_true(g_close(fd, NULL));
    g_assert_true(g_file_set_contents(path, "{\"type\": \"object\", \"required\": [\"a\"]}", -1, NULL));
    g_autofree char *params = g_strdup_printf("{\"schema\": \"%s\", \"partial\": 0.25}", path);
    expect("json_schema", params, NULL, "{\"a\": 1}", 1);
    expect("json_schema", params, NULL, "{\"b\": 1}", 0.25);
    expect("json_schema", params, NULL, "Here: {\"a\": 1}", 0);
    g_unlink(path);
    refuse("json_schema", params, NULL, "hone-schema");
}

/* ---- The external program. ---- */

static char *script(const char *body)
{
    char *path = NULL;
    int fd = g_file_open_tmp("hone-reward-XXXXXX", &path, NULL);
    g_autofree char *text = g_strdup_printf("#!/bin/sh\n%s\n", body);
    g_assert_cmpint(fd, >=, 0);
    g_assert_true(g_close(fd, NULL));
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_assert_cmpint(g_chmod(path, 0755), ==, 0);
    return path;
}

#define MANY 300

/* Runs the body over MANY long answers. The error's message, or NULL. */
static char *command(const char *body, const char *timeout, double *rewards)
{
    g_autofree char *path = script(body), *params = NULL, *text = g_strnfill(2000, 'x');
    g_autoptr(GError) error = NULL;
    Answer answers[MANY];
    for (size_t i = 0; i < MANY; i++)
        answers[i] = (Answer){"wanted", text, true};
    params = g_strdup_printf("{\"program\": \"%s\", \"arguments\": [\"one arg\"], \"timeout\": %s}", path, timeout);
    bool ok = score("command", params, answers, MANY, rewards, &error);
    g_assert_true(ok == (error == NULL));
    g_unlink(path);
    return ok ? NULL : g_strdup(error->message);
}

static void test_command(void)
{
    double rewards[MANY];
    /* 600 kB in, answered line by line; each line's own number comes back. */
    g_autofree char *good =
        command("i=0; while read -r line; do echo \"{\\\"reward\\\": $i.5}\"; i=$((i+1)); done", "50", rewards);
    g_assert_cmpstr(good, ==, NULL);
    for (size_t i = 0; i < MANY; i++)
        g_assert_true(rewards[i] == (double)i + 0.5);
    /* Everything is read before anything is written, and the other way round. */
    g_autofree char *late =
        command("n=0; while read -r line && [ $n -lt 299 ]; do n=$((n+1)); done; i=0; while [ $i -lt "
                "300 ]; do echo '{\"reward\": 1}'; i=$((i+1)); done; exec sleep 5",
                "50", rewards);
    g_assert_cmpstr(late, ==, NULL);
    g_autofree char *early = command(
        "i=0; while [ $i -lt 300 ]; do echo '{\"reward\": -2}'; i=$((i+1)); done; exec cat >/dev/null", "50", rewards);
    g_assert_cmpstr(early, ==, NULL);
    g_assert_true(rewards[MANY - 1] == -2);
    /* What it reads is one line of JSON with the answer in it, and the arguments arrive. */
    g_autofree char *seen =
        command("[ \"$1\" = 'one arg' ] || exit 1; while read -r line; do case \"$line\" in "
                "'{\"id\":\"r'*'\"reference\":\"wanted\"'*'\"answer\":\"xxx'*'\"finished\":true'*'}') echo "
                "'{\"reward\": 3}';; *) echo '{\"reward\": 4}';; esac; done",
                "50", rewards);
    g_assert_cmpstr(seen, ==, NULL);
    g_assert_true(rewards[0] == 3 && rewards[MANY - 1] == 3);
}

static void test_command_broken(void)
{
    static const struct {
        const char *body, *timeout, *part;
    } cases[] = {
        {"exit 3", "50", "after 0 of 300 answers"},
        {"read -r line; echo '{\"reward\": 1}'", "50", "after 1 of 300 answers"},
        {"exec sleep 20", "0.2", "gave 0 of 300 answers within 0.2 seconds"},
        {"echo nonsense; exec cat >/dev/null", "50", "answer 1 is \"nonsense\""},
        {"echo '{\"reward\": \"high\"}'; exec cat >/dev/null", "50", "{\"reward\": NUMBER} is wanted"},
        {"echo '{\"reward\": 1e999}'; exec cat >/dev/null", "50", "is wanted"},
        /* One write, so that what is too much comes with the rest. */
        {"text=; i=0; while [ $i -lt 301 ]; do text=\"$text{\\\"reward\\\":1}\\n\"; i=$((i+1)); done; printf "
         "\"$text\"; cat "
         ">/dev/null",
         "50", "more lines than the 300"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        double rewards[MANY];
        g_autofree char *message = command(cases[i].body, cases[i].timeout, rewards);
        g_test_message("%s", message ? message : "no error");
        g_assert_nonnull(message);
        g_assert_nonnull(strstr(message, cases[i].part));
    }
    refuse("command", "{\"program\": \"/dev/null\"}", NULL, "cannot be started");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rewards/exact_answer", test_exact_answer);
    g_test_add_func("/rewards/length", test_length);
    g_test_add_func("/rewards/format", test_format);
    g_test_add_func("/rewards/rouge", test_rouge);
    g_test_add_func("/rewards/json_schema", test_json_schema);
    g_test_add_func("/rewards/command", test_command);
    g_test_add_func("/rewards/command_broken", test_command_broken);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0
 * rollout.c: whole trainings of a tiny model on its own answers: a reward rises, a killed run ends in the same bytes,
 * and what cannot be trained says why.
 *
 * A training that is to be killed runs in a child: this program with --train.
 */
#include "harness.h"
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <hone/json.h>
#include <math.h>
#include <signal.h>
#include <string.h>

static char *self, *model_folder, *dataset_folder;

typedef struct Place {
    char *folder, *output, *work, *adapter;
    const char *backend;
} Place;

static void set_up(Place *p, gconstpointer backend)
{
    p->folder = g_dir_make_tmp("hone-rollout-XXXXXX", NULL);
    p->output = g_build_filename(p->folder, "out", NULL);
    p->work = g_build_filename(p->folder, "work", NULL);
    p->adapter = g_build_filename(p->output, "adapter", NULL);
    p->backend = backend;
    if (!test_has_plugin(p->backend))
        g_test_skip("this backend was not built");
}

static void tear_down(Place *p, gconstpointer backend)
{
    test_remove_folder(p->folder);
    g_free(p->folder);
    g_free(p->output);
    g_free(p->work);
    g_free(p->adapter);
}

static HoneStage *stage_of(const char *folder, const char *backend, const char *params, int events_fd)
{
    g_autofree char *output = g_build_filename(folder, "out", NULL), *work = g_build_filename(folder, "work", NULL);
    const TestTraining training = {.component = test_find(NULL, HONE_STAGE, "grpo", NULL),
                                   .model = model_folder,
                                   .dataset = dataset_folder,
                                   .output = output,
                                   .work = work,
                                   .backend = backend,
                                   .params = params,
                                   .events_fd = events_fd};
    return test_training(&training);
}

/* NULL, or the error's message. */
static char *train(Place *p, const char *params)
{
    g_autoptr(HoneStage) stage = stage_of(p->folder, p->backend, params, -1);
    g_autoptr(GError) error = NULL;
    bool ok = hone_stage_execute(stage, &error);
    g_assert_true(ok == (error == NULL));
    return ok ? NULL : g_strdup(error->message);
}

/* A figure of each step, as training.jsonl has it. Caller frees. */
static double *figures_of(Place *p, const char *name, guint *n)
{
    g_autofree char *log = g_build_filename(p->adapter, "training.jsonl", NULL), *text = NULL;
    g_assert_true(g_file_get_contents(log, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
    double *values = g_new(double, g_strv_length(lines));
    for (*n = 0; lines[*n]; ++*n) {
        g_autoptr(JsonNode) node = hone_json_parse(lines[*n], strlen(lines[*n]), log, NULL);
        JsonObject *figures = json_object_get_object_member(json_node_get_object(node), "figures");
        g_assert_true(json_object_has_member(figures, name));
        values[*n] = json_object_get_double_member(figures, name);
    }
    return values;
}

static double mean(const double *values, guint n)
{
    double sum = 0;
    for (guint i = 0; i < n; i++)
        sum += values[i] / n;
    return sum;
}

/* A random model ends an answer once in some 260 tokens; the reward pays for ending early. */
#define SHORT                                                                                                          \
    "\"rewards\": [{\"name\": \"length\", \"params\": {\"unit\": \"tokens\", \"target\": 2, \"limit\": 12, "           \
    "\"needs_end\": false}}], \"max_tokens\": 12, \"group\": 4, \"batch_size\": 8, \"schedule\": \"constant\""

static void test_learns(Place *p, gconstpointer data)
{
    if (!test_has_plugin(p->backend))
        return;
    g_autofree char *message = train(p, "{" SHORT ", \"learning_rate\": 0.03, \"max_steps\": 60, \"accumulate\": 2}");
    g_assert_cmpstr(message, ==, NULL);
    guint n;
    g_autofree double *rewards = figures_of(p, "reward", &n), *lengths = figures_of(p, "answer_tokens", &n);
    g_assert_cmpuint(n, ==, 60);
    double before = mean(rewards, 5), after = mean(rewards + n - 5, 5);
    g_test_message("mean reward %g, then %g; tokens %g, then %g", before, after, mean(lengths, 5),
                   mean(lengths + n - 5, 5));
    /* 80 answers on either side, each reward in [0, 1]: a mean of them is off by less than 0.06 once in three. */
    g_assert_true(after > before + 0.25);
    g_assert_true(mean(lengths + n - 5, 5) < mean(lengths, 5));
}

/* On the same answers a second time the policy is another one, so the ratio and the divergence move. */
static void test_iterations(Place *p, gconstpointer data)
{
    if (!test_has_plugin(p->backend))
        return;
    g_autofree char *message = train(
        p, "{" SHORT ", \"learning_rate\": 0.05, \"warmup\": 0, \"max_steps\": 6, \"iterations\": 3, \"beta\": 0.1,"
           " \"clip\": 0.01}");
    g_assert_cmpstr(message, ==, NULL);
    guint n;
    g_autofree double *rewards = figures_of(p, "reward", &n), *clipped = figures_of(p, "clipped", &n);
    g_autofree double *kl = figures_of(p, "kl", &n), *tokens = figures_of(p, "tokens", &n);
    g_assert_cmpuint(n, ==, 6);
    g_assert_true(rewards[0] == rewards[1] && rewards[1] == rewards[2] && rewards[3] == rewards[5]);
    g_assert_true(tokens[1] - tokens[0] == tokens[0]);
    g_assert_true(clipped[0] == 0 && clipped[1] > 0 && clipped[3] == 0);
    g_assert_true(fabs(kl[0]) <= 1e-9 && kl[1] > 0 && kl[3] > 0); /* B is zero at first: model and reference agree */
}

/* ---- Killed and resumed. ---- */

/* Trains in a child; once it reports step `at`, it gets `number`. Returns its exit status, -1 when killed. */
static int train_child(Place *p, const char *params, guint at, int number)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GSubprocess) child =
        g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | (number ? G_SUBPROCESS_FLAGS_STDERR_SILENCE : 0), &error,
                         self, "--train", p->folder, p->backend, params, model_folder, dataset_folder, NULL);
    g_assert_no_error(error);
    g_autoptr(GDataInputStream) events = g_data_input_stream_new(g_subprocess_get_stdout_pipe(child));
    g_autofree char *mark = g_strdup_printf("\"step\":%u,", at);
    for (;;) {
        g_autofree char *line = g_data_input_stream_read_line(events, NULL, NULL, NULL);
        if (!line)
            break;
        if (number && strstr(line, "\"loss\"") && strstr(line, mark))
            g_subprocess_send_signal(child, number);
    }
    g_assert_true(g_subprocess_wait(child, NULL, &error));
    return g_subprocess_get_if_exited(child) ? g_subprocess_get_exit_status(child) : -1;
}

static char *artifact_hash(Place *p)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneArtifact) artifact = hone_artifact_open(p->adapter, true, &error);
    g_assert_no_error(error);
    return g_strdup(hone_artifact_hash(artifact));
}

static void test_resume(Place *p, gconstpointer data)
{
    if (!test_has_plugin(p->backend))
        return;
    static const char *const ways[] = {
        "{" SHORT ", \"learning_rate\": 0.02, \"max_steps\": 14, \"save_every\": 1, \"dropout\": 0.1}",
        "{" SHORT
        ", \"learning_rate\": 0.02, \"max_steps\": 14, \"save_every\": 2, \"iterations\": 3, \"beta\": 0.05}"};
    static const struct {
        int number, status;
    } ends[] = {{SIGKILL, -1}, {SIGTERM, 130}};
    for (size_t w = 0; w < G_N_ELEMENTS(ways); w++) {
        test_remove_folder(p->output);
        test_remove_folder(p->work);
        g_assert_cmpint(train_child(p, ways[w], 0, 0), ==, 0);
        g_autofree char *whole = artifact_hash(p);
        for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
            test_remove_folder(p->output);
            test_remove_folder(p->work);
            static const guint stops[] = {4, 8};
            for (size_t k = 0; k < G_N_ELEMENTS(stops); k++)
                g_assert_cmpint(train_child(p, ways[w], stops[k], ends[i].number), ==, ends[i].status);
            g_assert_cmpint(train_child(p, ways[w], 0, 0), ==, 0);
            g_autofree char *resumed = artifact_hash(p);
            g_assert_cmpstr(resumed, ==, whole);
        }
    }
}

/* ---- What cannot be trained. ---- */

static void expect(Place *p, const char *params, const char *part)
{
    g_autofree char *message = train(p, params);
    g_test_message("%s", message ? message : "trained");
    g_assert_nonnull(message);
    g_assert_nonnull(strstr(message, part));
    test_remove_folder(p->output);
    test_remove_folder(p->work);
}

static void test_refused(Place *p, gconstpointer data)
{
    if (!test_has_plugin(p->backend))
        return;
    expect(p, "{\"rewards\": []}", "give a list of 1 to 16 rewards");
    expect(p, "{\"rewards\": \"length\"}", "give a list of 1 to 16 rewards");
    expect(p, "{\"rewards\": [7]}", "number 1: this is neither a name nor an object");
    expect(p, "{\"rewards\": [{\"name\": \"length\", \"wieght\": 2}]}", "did you mean \"weight\"?");
    expect(p, "{\"rewards\": [{\"name\": \"length\", \"weight\": 0}]}", "and not 0");
    expect(p, "{\"rewards\": [{\"name\": \"length\", \"params\": {\"least\": 9, \"target\": 2}}]}", "in this order");
    expect(p, "{\"rewards\": [{\"name\": \"length\", \"params\": {\"targte\": 2}}]}", "target");
    expect(p, "{\"rewards\": [\"length\"], \"group\": 3}", "make group a divisor of it");
    expect(p, "{\"rewards\": [\"length\"], \"max_tokens\": 255}", "prompts above");
    expect(p, "{\"rewards\": [\"length\"], \"max_tokens\": 256}", "no room for a prompt");
    expect(p, "{\"rewards\": [\"length\"], \"over_length\": \"truncate\"}", "take drop or fail");
    expect(p, "{\"rewards\": [\"length\"], \"ratio\": \"sequence\"}", "set loss to grpo");
    expect(p, "{\"rewards\": [\"length\"], \"delta\": 1.1}", "above 1 + clip_high");
    expect(p, "{\"rewards\": [\"length\"], \"max_tokens\": 250, \"over_length\": \"fail\"}", "row \"r0\": its prompt");
}

/* ---- The child. ---- */

static HoneStage *running;

static void on_term(int number)
{
    hone_stage_cancel(running);
}

/* --train FOLDER BACKEND PARAMS MODEL DATASET */
static int child(char **argv)
{
    model_folder = argv[5];
    dataset_folder = argv[6];
    g_autoptr(HoneStage) stage = running = stage_of(argv[2], argv[3], argv[4], 1);
    g_autoptr(GError) error = NULL;
    signal(SIGTERM, on_term);
    bool ok = hone_stage_execute(stage, &error);
    signal(SIGTERM, SIG_DFL);
    if (!ok)
        g_printerr("%s\n", error->message);
    return ok ? 0 : g_error_matches(error, HONE_ERROR, HONE_ERROR_CANCELLED) ? 130 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 7 && strcmp(argv[1], "--train") == 0)
        return child(argv);
    self = g_file_read_link("/proc/self/exe", NULL);
    g_test_init(&argc, &argv, NULL);
    g_autofree char *shared = g_dir_make_tmp("hone-rollout-XXXXXX", NULL), *rows = NULL;
    g_autofree char *gguf = test_data("tiny.gguf"), *rows_path = test_data("rows.jsonl");
    model_folder = g_build_filename(shared, "model", NULL);
    dataset_folder = g_build_filename(shared, "dataset", NULL);
    g_assert_true(g_file_get_contents(rows_path, &rows, NULL, NULL));
    test_make_model(model_folder, gguf);
    test_make_dataset(dataset_folder, rows);
    static const struct {
        const char *name;
        void (*test)(Place *, gconstpointer);
    } tests[] = {
        {"learns", test_learns}, {"iterations", test_iterations}, {"resume", test_resume}, {"refused", test_refused}};
    static const char *const backends[] = {"reference", "cpu"};
    for (size_t b = 0; b < G_N_ELEMENTS(backends); b++)
        for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
            g_autofree char *path = g_strdup_printf("/train/rollout/%s/%s", backends[b], tests[i].name);
            g_test_add(path, Place, backends[b], set_up, tests[i].test, tear_down);
        }
    int status = g_test_run();
    test_remove_folder(shared);
    g_free(model_folder);
    g_free(dataset_folder);
    g_free(self);
    return status;
}

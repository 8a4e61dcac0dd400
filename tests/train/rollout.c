/* SPDX-License-Identifier: Apache-2.0
 * rollout.c: whole trainings of a tiny model on its own answers: a reward rises, a killed run ends in the same bytes,
 * and what cannot be trained says why.
 */
#include "harness.h"
#include "killed.h"
#include <glib/gstdio.h>
#include <hone/json.h>
#include <math.h>
#include <string.h>

static char *model_folder, *dataset_folder;

static TestTraining training_of(const TestPlace *p, const char *params)
{
    return (TestTraining){.stage = "grpo",
                          .model = model_folder,
                          .dataset = dataset_folder,
                          .output = p->output,
                          .work = p->work,
                          .backend = p->backend,
                          .params = params,
                          .events_fd = -1};
}

/* NULL, or the error's message. */
static char *train(TestPlace *p, const char *params)
{
    const TestTraining training = training_of(p, params);
    g_autoptr(HoneStage) stage = test_training(&training);
    g_autoptr(GError) error = NULL;
    bool ok = hone_stage_execute(stage, &error);
    g_assert_true(ok == (error == NULL));
    return ok ? NULL : g_strdup(error->message);
}

/* A figure of each step, as training.jsonl has it. Caller frees. */
static double *figures_of(TestPlace *p, const char *name, guint *n)
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

static void test_learns(TestPlace *p, gconstpointer data)
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
static void test_iterations(TestPlace *p, gconstpointer data)
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

static void test_resume(TestPlace *p, gconstpointer data)
{
    if (!test_has_plugin(p->backend))
        return;
    static const char *const ways[] = {
        "{" SHORT ", \"learning_rate\": 0.02, \"max_steps\": 14, \"save_every\": 1, \"dropout\": 0.1}",
        "{" SHORT
        ", \"learning_rate\": 0.02, \"max_steps\": 14, \"save_every\": 2, \"iterations\": 3, \"beta\": 0.05}"};
    static const unsigned stops[] = {4, 8};
    for (size_t w = 0; w < G_N_ELEMENTS(ways); w++) {
        test_remove_folder(p->output);
        test_remove_folder(p->work);
        const TestTraining training = training_of(p, ways[w]);
        test_kill_and_resume(&training, stops, G_N_ELEMENTS(stops));
    }
}

/* ---- What cannot be trained. ---- */

static void expect(TestPlace *p, const char *params, const char *part)
{
    g_autofree char *message = train(p, params);
    g_test_message("%s", message ? message : "trained");
    g_assert_nonnull(message);
    g_assert_nonnull(strstr(message, part));
    test_remove_folder(p->output);
    test_remove_folder(p->work);
}

static void test_refused(TestPlace *p, gconstpointer data)
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

int main(int argc, char **argv)
{
    if (test_is_child(argc, argv))
        return test_child(argv);
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
        void (*test)(TestPlace *, gconstpointer);
    } tests[] = {
        {"learns", test_learns}, {"iterations", test_iterations}, {"resume", test_resume}, {"refused", test_refused}};
    static const char *const backends[] = {"reference", "cpu"};
    for (size_t b = 0; b < G_N_ELEMENTS(backends); b++)
        for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
            g_autofree char *path = g_strdup_printf("/train/rollout/%s/%s", backends[b], tests[i].name);
            g_test_add(path, TestPlace, backends[b], test_place_set_up, tests[i].test, test_place_tear_down);
        }
    int status = g_test_run();
    test_remove_folder(shared);
    g_free(model_folder);
    g_free(dataset_folder);
    return status;
}

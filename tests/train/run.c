/* SPDX-License-Identifier: Apache-2.0
 * run.c: whole trainings of a tiny model (tests/oracle/trajectory.py): against torch, against one another, killed and
 * resumed, and on data that cannot be trained on.
 */
#include "follow.h"
#include "harness.h"
#include "killed.h"
#include <glib/gstdio.h>
#include <hone/json.h>
#include <hone/safetensors.h>
#include <hone/train.h>
#include <math.h>
#include <string.h>

static char *model_folder, *dataset_folder;

/* Trains here. NULL, or the error's message. */
static char *train_with(TestPlace *p, const HoneComponent *component, const char *dataset, const char *params,
                        bool cancel)
{
    const TestTraining training = {.component = component,
                                   .model = model_folder,
                                   .dataset = dataset ? dataset : dataset_folder,
                                   .output = p->output,
                                   .work = p->work,
                                   .backend = p->backend,
                                   .params = params,
                                   .events_fd = -1};
    g_autoptr(HoneStage) stage = test_training(&training);
    g_autoptr(GError) error = NULL;
    if (cancel)
        hone_stage_cancel(stage);
    bool ok = hone_stage_execute(stage, &error);
    g_assert_true(ok == (error == NULL));
    if (cancel)
        g_assert_error(error, HONE_ERROR, HONE_ERROR_CANCELLED);
    return ok ? NULL : g_strdup(error->message);
}

static void train(TestPlace *p, const char *params)
{
    g_autofree char *message = train_with(p, NULL, NULL, params, false);
    g_assert_cmpstr(message, ==, NULL);
}

static HoneSafetensors *open_adapter(TestPlace *p)
{
    g_autofree char *path = g_build_filename(p->adapter, "adapter_model.safetensors", NULL);
    return test_open_tensors(path);
}

/* The largest difference over all tensors of two adapters. */
static double difference(HoneSafetensors *a, HoneSafetensors *b)
{
    double worst = 0;
    g_assert_cmpuint(hone_safetensors_count(a), ==, hone_safetensors_count(b));
    for (size_t i = 0; i < hone_safetensors_count(a); i++) {
        const HoneSafetensor *x = hone_safetensors_get(a, i), *y = hone_safetensors_find(b, x->name);
        g_assert_true(y && x->type == HONE_F32 && y->type == HONE_F32 && x->bytes == y->bytes);
        size_t n = x->bytes / sizeof(float);
        g_autofree float *u = g_new(float, n), *v = g_new(float, n);
        memcpy(u, x->data, x->bytes);
        memcpy(v, y->data, y->bytes);
        for (size_t k = 0; k < n; k++) {
            double d = fabs((double)u[k] - (double)v[k]);
            if (!(d <= worst))
                worst = d;
        }
    }
    return worst;
}

/* ---- Against torch. ---- */

static void test_trajectory(TestPlace *p, gconstpointer data)
{
    if (!test_has_plugin(p->backend))
        return;
    static const char params[] =
        "{\"rank\": 4, \"alpha\": 12, \"learning_rate\": 0.02, \"schedule\": \"cosine\", \"warmup\": 2,"
        " \"weight_decay\": 0.1, \"max_grad_norm\": 1, \"epochs\": 10, \"batch_size\": 3, \"accumulate\": 3}";
    g_autofree char *stopped = train_with(p, NULL, NULL, params, true);
    test_put_start(p->work);
    test_remove_folder(p->output);
    train(p, params);

    g_autofree char *wanted_path = test_data("trajectory.json"), *end_path = test_data("end.safetensors");
    g_autoptr(JsonObject) wanted = test_read_object(wanted_path);
    /* f32 against f64: a log-probability of size 6 has an error of 5e-7 and more, the norm that of many products; a
     * wrong factor anywhere is off by far more from the second step on. */
    test_follow(p->adapter, json_object_get_array_member(wanted, "log"), 3e-6, 2e-5);
    g_autoptr(HoneSafetensors) end = test_open_tensors(end_path), adapter = open_adapter(p);
    double worst = difference(adapter, end);
    g_test_message("adapter: largest difference %.3g", worst);
    /* Adam divides by the gradient's own size, so where that is near zero an error of 1e-6 in it is a far larger share
     * of the step (0.02): a thousandth of the step is allowed. */
    g_assert_true(worst <= 2e-5);
}

/* ---- Against one another. ---- */

static void test_accumulation(TestPlace *p, gconstpointer data)
{
    if (!test_has_plugin(p->backend))
        return;
    train(p, "{\"batch_size\": 8, \"accumulate\": 1, \"epochs\": 5, \"learning_rate\": 0.01}");
    g_autoptr(HoneSafetensors) large = open_adapter(p); /* stays mapped */
    test_remove_folder(p->output);
    test_remove_folder(p->work);
    train(p, "{\"batch_size\": 1, \"accumulate\": 8, \"epochs\": 5, \"learning_rate\": 0.01}");
    g_autoptr(HoneSafetensors) small = open_adapter(p);
    double worst = difference(large, small);
    g_test_message("largest difference %.3g", worst);
    /* The sums over the window are in another order: 1e-6 of the gradient, which Adam's division can make larger
     * where a gradient is near zero: a thousandth of a step (0.01) is allowed. */
    g_assert_true(worst <= 1e-5);
    g_assert_true(worst > 0); /* else one of the two did not do what it says */
}

static bool as_general(const void *params, const HoneObjectiveBatch *batch, double *loss, float *derivative,
                       double *figures, GError **error)
{
    const HoneObjectiveOps *sft = test_find(NULL, HONE_OBJECTIVE, "sft", NULL)->ops;
    figures[0] = (double)batch->n_targets / batch->window_weight;
    figures[1] = 0;
    for (size_t k = 0; batch->reference && k < batch->n_targets; k++)
        figures[1] += (double)(batch->reference[k] - batch->logprob[k]) / batch->window_weight;
    return sft->evaluate(params, batch, loss, derivative, NULL, error);
}

static int calls;

static bool not_a_number(const void *params, const HoneObjectiveBatch *batch, double *loss, float *derivative,
                         double *figures, GError **error)
{
    as_general(params, batch, loss, derivative, figures, error);
    if (++calls == 4) /* the rehearsal, two steps, then this */
        *loss = NAN;
    return true;
}

static float explosion; /* its square is still a number, times that of the gradient */

static bool explode(const void *params, const HoneObjectiveBatch *batch, double *loss, float *derivative,
                    double *figures, GError **error)
{
    as_general(params, batch, loss, derivative, figures, error);
    bool now = ++calls == 4; /* step 3 */
    for (size_t k = 0; now && k < batch->n_targets; k++)
        derivative[k] *= explosion;
    return true;
}

static const char *const figure_names[] = {"share", "gap", NULL};
static const HoneObjectiveOps general = {.size = sizeof general, .evaluate = as_general, .figure_names = figure_names};
static const HoneObjectiveOps referenced = {.size = sizeof referenced,
                                            .flags = HONE_OBJECTIVE_NEEDS_REFERENCE,
                                            .evaluate = as_general,
                                            .figure_names = figure_names};
static const HoneObjectiveOps broken = {.size = sizeof broken, .evaluate = not_a_number, .figure_names = figure_names};
static const HoneObjectiveOps exploding = {.size = sizeof exploding, .evaluate = explode, .figure_names = figure_names};
static const HoneObjectiveOps *chosen;

static bool run_chosen(HoneStage *stage, void *params, GError **error)
{
    return hone_train(stage, params, chosen, NULL, error);
}

/* The stage `sft` with another objective. */
static HoneComponent stage_with(const HoneObjectiveOps *objective)
{
    static HoneStageOps ops;
    ops = (HoneStageOps){.size = sizeof ops, .flags = HONE_STAGE_USES_BACKEND, .run = run_chosen};
    HoneComponent component = *test_find(NULL, HONE_STAGE, "sft", NULL);
    component.ops = &ops;
    chosen = objective;
    return component;
}

/* An objective that does not say that it is linear takes the long way, to the same adapter. */
static void test_general_objective(TestPlace *p, gconstpointer data)
{
    if (!test_has_plugin(p->backend))
        return;
    static const char params[] = "{\"batch_size\": 4, \"epochs\": 3, \"learning_rate\": 0.01}";
    train(p, params);
    g_autoptr(HoneSafetensors) known = open_adapter(p);
    static const HoneObjectiveOps *const others[] = {&general, &referenced};
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        test_remove_folder(p->output);
        test_remove_folder(p->work);
        HoneComponent component = stage_with(others[i]);
        g_autofree char *message = train_with(p, &component, NULL, params, false);
        g_assert_cmpstr(message, ==, NULL);
        g_autoptr(HoneSafetensors) adapter = open_adapter(p);
        double worst = difference(known, adapter);
        g_test_message("largest difference %.3g", worst);
        g_assert_true(worst <= 1e-5); /* as for accumulation: the head's products may be in another order */
        g_autofree char *log = g_build_filename(p->adapter, "training.jsonl", NULL), *text = NULL;
        g_assert_true(g_file_get_contents(log, &text, NULL, NULL));
        /* Before the first step B is zero, so the model is its own reference. */
        g_assert_nonnull(strstr(text, "\"gap\":0,"));
        g_assert_nonnull(strstr(text, "\"share\":"));
    }
}

static void test_checkpointing(TestPlace *p, gconstpointer data)
{
    if (!test_has_plugin(p->backend))
        return;
    train(p, "{\"epochs\": 3, \"batch_size\": 4, \"dropout\": 0.2}");
    g_autoptr(HoneSafetensors) plain = open_adapter(p);
    test_remove_folder(p->output);
    test_remove_folder(p->work);
    train(p, "{\"epochs\": 3, \"batch_size\": 4, \"dropout\": 0.2, \"checkpointing\": true}");
    g_autoptr(HoneSafetensors) again = open_adapter(p);
    g_assert_cmpfloat(difference(plain, again), ==, 0); /* what is computed again is the same computation */
}

/* ---- Killed and resumed. ---- */

static size_t count_checkpoints(TestPlace *p)
{
    g_autoptr(GDir) dir = g_dir_open(p->work, 0, NULL);
    const char *name;
    size_t n = 0;
    while (dir && (name = g_dir_read_name(dir)))
        n += g_str_has_prefix(name, "checkpoint-");
    return n;
}

static void test_resume(TestPlace *p, gconstpointer data)
{
    if (!test_has_plugin(p->backend))
        return;
    static const char params[] =
        "{\"batch_size\": 2, \"accumulate\": 2, \"epochs\": 12, \"save_every\": 3, \"dropout\": "
        "0.1, \"learning_rate\": 0.01}";
    const TestTraining training = {.model = model_folder,
                                   .dataset = dataset_folder,
                                   .output = p->output,
                                   .work = p->work,
                                   .backend = p->backend,
                                   .params = params};
    static const guint stops[] = {5, 11, 20};
    test_kill_and_resume(&training, stops, G_N_ELEMENTS(stops));
}

/* ---- What cannot be trained. ---- */

static void expect(TestPlace *p, const char *lines, const char *params, const char *part)
{
    g_autofree char *dataset = g_build_filename(p->folder, "dataset", NULL);
    test_make_dataset(dataset, lines);
    g_autofree char *message = train_with(p, NULL, dataset, params, false);
    g_test_message("%s", message ? message : "trained");
    g_assert_nonnull(message);
    g_assert_nonnull(strstr(message, part));
    test_remove_folder(dataset);
    test_remove_folder(p->work);
}

#define ROW(id, answer) "{\"id\":\"" id "\",\"messages\":[{\"role\":\"user\",\"content\":\"q\"}" answer "]}\n"
#define ANSWER ",{\"role\":\"assistant\",\"content\":\"a\"}"

static void test_bad_data(TestPlace *p, gconstpointer data)
{
    if (!test_has_plugin(p->backend))
        return;
    expect(p, "", "{}", "the dataset has no rows");
    expect(p, ROW("a", "") ROW("b", ""), "{}", "2 have no token that bears loss");
    expect(p, ROW("a", ANSWER), "{\"max_length\": 8}", "1 are longer than 8 tokens");
    expect(p, ROW("a", ANSWER) ROW("long", ANSWER), "{\"max_length\": 8, \"over_length\": \"fail\"}", "row \"a\" has");
    expect(p, ROW("a", ANSWER), "{\"max_length\": 8, \"over_length\": \"truncate\"}",
           "1 have no token that bears loss");
    expect(p, ROW("a", ANSWER), "{\"targets\": [\"q_porj\"]}", "q_porj");
}

static void test_one_row(TestPlace *p, gconstpointer data)
{
    if (!test_has_plugin(p->backend))
        return;
    g_autofree char *dataset = g_build_filename(p->folder, "dataset", NULL);
    test_make_dataset(dataset, ROW("only", ANSWER));
    g_autofree char *message = train_with(p, NULL, dataset, "{\"epochs\": 2}", false);
    g_assert_cmpstr(message, ==, NULL);
    g_autoptr(HoneSafetensors) adapter = open_adapter(p);
    g_assert_cmpuint(hone_safetensors_count(adapter), ==, 2 * 2 * 7);
}

static void test_diverged(TestPlace *p, gconstpointer data)
{
    if (!test_has_plugin(p->backend))
        return;
    HoneComponent component = stage_with(&broken);
    calls = 0;
    g_autofree char *message =
        train_with(p, &component, NULL, "{\"batch_size\": 8, \"epochs\": 9, \"save_every\": 1}", false);
    g_assert_nonnull(message);
    g_assert_nonnull(strstr(message, "step 3 of 9: the loss is no finite number"));
    g_assert_nonnull(strstr(message, "the checkpoint of step 2 is kept"));
    g_assert_cmpuint(count_checkpoints(p), ==, 2);
    /* What is kept is whole: once the cause is gone, it leads to the undisturbed run's result. */
    component = stage_with(&general);
    static const char params[] = "{\"batch_size\": 8, \"epochs\": 9, \"save_every\": 1}";
    g_autofree char *resumed_error = train_with(p, &component, NULL, params, false);
    g_assert_cmpstr(resumed_error, ==, NULL);
    g_autofree char *resumed = test_result_hash(p->output);
    test_remove_folder(p->output);
    test_remove_folder(p->work);
    g_autofree char *whole_error = train_with(p, &component, NULL, params, false);
    g_assert_cmpstr(whole_error, ==, NULL);
    g_autofree char *whole = test_result_hash(p->output);
    g_assert_cmpstr(resumed, ==, whole);
}

/* One step so long that the next forward overflows: it names the step and the layer, and what is kept is from before.
 */
static void test_blown_up(TestPlace *p, gconstpointer data)
{
    if (!test_has_plugin(p->backend))
        return;
    HoneComponent component = stage_with(&exploding);
    calls = 0;
    explosion = 1e18f;
    g_autofree char *message =
        train_with(p, &component, NULL,
                   "{\"optimizer\": \"sgd\", \"learning_rate\": 1, \"max_grad_norm\": 0, \"schedule\": \"constant\", "
                   "\"warmup\": 0, \"batch_size\": 8, \"epochs\": 9, \"save_every\": 2}",
                   false);
    g_test_message("%s", message ? message : "trained");
    g_assert_nonnull(message);
    g_assert_true(g_str_has_prefix(message, "step 4 of 9: "));
    g_assert_nonnull(strstr(message, "comes from layer "));
    g_assert_nonnull(strstr(message, "the checkpoint of step 2 is kept"));
    g_assert_cmpuint(count_checkpoints(p), ==, 1);
    /* Where a checkpoint would be made of such values, there is none of them. */
    test_remove_folder(p->work);
    calls = 0;
    explosion = 3e19f; /* the gradient's norm is 0.2 by then */
    g_autofree char *saving =
        train_with(p, &component, NULL,
                   "{\"optimizer\": \"sgd\", \"learning_rate\": 10, \"max_grad_norm\": 0, \"schedule\": \"constant\", "
                   "\"warmup\": 0, \"batch_size\": 8, \"epochs\": 9, \"save_every\": 1}",
                   false);
    g_test_message("%s", saving ? saving : "trained");
    g_assert_nonnull(saving);
    g_assert_true(g_str_has_prefix(saving, "step 3 of 9: the trained values are no finite numbers"));
    g_assert_nonnull(strstr(saving, "the checkpoint of step 2 is kept"));
}

int main(int argc, char **argv)
{
    if (test_is_child(argc, argv))
        return test_child(argv);
    g_test_init(&argc, &argv, NULL);
    g_autofree char *shared = g_dir_make_tmp("hone-train-XXXXXX", NULL), *rows = NULL;
    g_autofree char *gguf = test_data("tiny.gguf"), *rows_path = test_data("rows.jsonl");
    model_folder = g_build_filename(shared, "model", NULL);
    dataset_folder = g_build_filename(shared, "dataset", NULL);
    g_assert_true(g_file_get_contents(rows_path, &rows, NULL, NULL));
    test_make_model(model_folder, gguf);
    test_make_dataset(dataset_folder, rows);
    static const struct {
        const char *name;
        void (*test)(TestPlace *, gconstpointer);
    } tests[] = {{"trajectory", test_trajectory},
                 {"accumulation", test_accumulation},
                 {"general_objective", test_general_objective},
                 {"checkpointing", test_checkpointing},
                 {"resume", test_resume},
                 {"bad_data", test_bad_data},
                 {"one_row", test_one_row},
                 {"diverged", test_diverged},
                 {"blown_up", test_blown_up}};
    static const char *const backends[] = {"reference", "cpu"};
    for (size_t b = 0; b < G_N_ELEMENTS(backends); b++)
        for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
            g_autofree char *path = g_strdup_printf("/train/run/%s/%s", backends[b], tests[i].name);
            g_test_add(path, TestPlace, backends[b], test_place_set_up, tests[i].test, test_place_tear_down);
        }
    int status = g_test_run();
    test_remove_folder(shared);
    g_free(model_folder);
    g_free(dataset_folder);
    return status;
}

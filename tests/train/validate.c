/* SPDX-License-Identifier: Apache-2.0
 * validate.c: the validation loss, what it decides, and the values' moving average, on the tiny model of
 * tests/oracle/trajectory.py; ended at any moment and gone on with, to the same bytes.
 */
#include "harness.h"
#include <glib/gstdio.h>
#include <hone/json.h>
#include <hone/objective.h>
#include <hone/safetensors.h>
#include <hone/train.h>
#include <math.h>
#include <string.h>

static char *shared, *model_folder, *dataset_folder, *validation_folder;

#define WHOLE "\"rank\": 4, \"schedule\": \"constant\", \"warmup\": 0"
#define BASE WHOLE ", \"batch_size\": 4"

/* ---- An objective that ends a run at a given call. ---- */

static enum { NEVER, CRASH, CANCEL } ending;
static int calls, end_at;
static HoneStage *running;

static bool ending_sft(const void *params, const HoneObjectiveBatch *batch, double *loss, float *derivative,
                       double *figures, GError **error)
{
    const HoneObjectiveOps *sft = test_find(NULL, HONE_OBJECTIVE, "sft", NULL)->ops;
    if (++calls == end_at && ending == CANCEL)
        hone_stage_cancel(running);
    if (calls == end_at && ending == CRASH) { /* nothing is saved, as after a kill */
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "killed");
        return false;
    }
    figures[0] = (double)batch->n_targets / batch->window_weight;
    return sft->evaluate(params, batch, loss, derivative, NULL, error);
}

static const char *const figure_names[] = {"share", NULL};
static const HoneObjectiveOps objective = {
    .size = sizeof objective, .evaluate = ending_sft, .figure_names = figure_names};

static bool run_stage(HoneStage *stage, void *params, GError **error)
{
    return hone_train(stage, params, &objective, NULL, error);
}

/* ---- One training. ---- */

typedef struct Place {
    char *folder, *output, *work, *adapter;
} Place;

static void set_up(Place *p, gconstpointer data)
{
    p->folder = g_dir_make_tmp("hone-validate-XXXXXX", NULL);
    p->output = g_build_filename(p->folder, "out", NULL);
    p->work = g_build_filename(p->folder, "work", NULL);
    p->adapter = g_build_filename(p->output, "adapter", NULL);
    ending = NEVER;
}

static void tear_down(Place *p, gconstpointer data)
{
    test_remove_folder(p->folder);
    g_free(p->folder);
    g_free(p->output);
    g_free(p->work);
    g_free(p->adapter);
}

/* Whether it came to its end. */
static bool train(Place *p, const char *dataset, const char *validation, const char *params)
{
    static HoneStageOps ops;
    ops = (HoneStageOps){.size = sizeof ops, .flags = HONE_STAGE_USES_BACKEND, .run = run_stage};
    HoneComponent component = *test_find(NULL, HONE_STAGE, "sft", NULL);
    component.ops = &ops;
    const TestTraining training = {.component = &component,
                                   .model = model_folder,
                                   .dataset = dataset,
                                   .port = validation ? "validation" : NULL,
                                   .input = validation,
                                   .output = p->output,
                                   .work = p->work,
                                   .backend = "cpu",
                                   .params = params,
                                   .events_fd = -1};
    test_remove_folder(p->output);
    g_autoptr(HoneStage) stage = running = test_training(&training);
    g_autoptr(GError) error = NULL;
    calls = 0;
    bool ok = hone_stage_execute(stage, &error);
    if (!ok && ending == NEVER)
        g_error("%s", error->message);
    return ok;
}

static void train_anew(Place *p, const char *validation, const char *params)
{
    test_remove_folder(p->work);
    g_assert_true(train(p, dataset_folder, validation, params));
}

/* All values of the adapter, in the file's order. */
static GArray *adapter_of(Place *p)
{
    g_autofree char *path = g_build_filename(p->adapter, "adapter_model.safetensors", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneSafetensors) file = hone_safetensors_open(path, &error);
    g_assert_no_error(error);
    GArray *all = g_array_new(false, false, sizeof(float));
    for (size_t i = 0; i < hone_safetensors_count(file); i++) {
        const HoneSafetensor *tensor = hone_safetensors_get(file, i);
        g_autofree float *values = g_malloc(tensor->bytes);
        memcpy(values, tensor->data, tensor->bytes);
        g_array_append_vals(all, values, (guint)(tensor->bytes / sizeof(float)));
    }
    return all;
}

static double difference(GArray *a, GArray *b)
{
    double worst = 0;
    g_assert_cmpuint(a->len, ==, b->len);
    for (guint i = 0; i < a->len; i++) {
        double d = fabs((double)g_array_index(a, float, i) - (double)g_array_index(b, float, i));
        if (!(d <= worst))
            worst = d;
    }
    return worst;
}

static char *log_of(Place *p)
{
    g_autofree char *path = g_build_filename(p->adapter, "training.jsonl", NULL);
    char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

/* The values of a figure, and the steps where it stands. */
static GArray *figure_of(Place *p, const char *name, GArray *steps)
{
    g_autofree char *text = log_of(p);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    GArray *values = g_array_new(false, false, sizeof(double));
    for (char **line = lines; *line && **line; line++) {
        g_autoptr(JsonNode) node = hone_json_parse(*line, strlen(*line), "log", NULL);
        JsonObject *event = json_node_get_object(node);
        if (!json_object_has_member(event, "figures"))
            continue;
        JsonObject *figures = json_object_get_object_member(event, "figures");
        if (!json_object_has_member(figures, name))
            continue;
        double value = json_object_get_double_member(figures, name);
        int step = (int)json_object_get_int_member(event, "step");
        g_array_append_val(values, value);
        if (steps)
            g_array_append_val(steps, step);
    }
    return values;
}

/* ---- The tests. ---- */

/* The validation loss is what the training loss of these rows would be, in one step. */
static void test_loss(Place *p, gconstpointer data)
{
    g_assert_true(train(p, validation_folder, NULL, "{" WHOLE ", \"batch_size\": 64, \"max_steps\": 1}"));
    g_autoptr(GArray) wanted = figure_of(p, "loss", NULL), shares = figure_of(p, "share", NULL);
    g_autoptr(GArray) steps = g_array_new(false, false, sizeof(int));
    train_anew(p, validation_folder,
               "{" BASE ", \"learning_rate\": 0, \"max_steps\": 5, \"validate_every\": 2, \"dropout\": 0.3}");
    g_autoptr(GArray) got = figure_of(p, "val_loss", steps), share = figure_of(p, "val_share", NULL);
    g_assert_cmpuint(got->len, ==, 3);
    static const int when[] = {2, 4, 5}; /* and at the end */
    for (guint i = 0; i < 3; i++) {
        double off = fabs(g_array_index(got, double, i) - g_array_index(wanted, double, 0));
        /* Other batches, the same rows: the sums of products of f32 may be in another order. */
        g_assert_true(off <= 2e-6);
        g_assert_cmpint(g_array_index(steps, int, i), ==, when[i]);
        off = fabs(g_array_index(share, double, i) - g_array_index(shares, double, 0));
        g_assert_true(off <= 1e-12); /* doubles */
    }
}

#define STEPS 16
#define HARD BASE ", \"learning_rate\": 0.1, \"max_steps\": 16, \"validate_every\": 2"

/* The step with the lowest validation loss, in a run that goes past it. */
static int best_of(GArray *losses, GArray *steps)
{
    guint best = 0;
    for (guint i = 1; i < losses->len; i++)
        if (g_array_index(losses, double, i) < g_array_index(losses, double, best))
            best = i;
    return g_array_index(steps, int, best);
}

static void test_best(Place *p, gconstpointer data)
{
    g_autoptr(GArray) steps = g_array_new(false, false, sizeof(int));
    train_anew(p, validation_folder, "{" HARD "}");
    g_autoptr(GArray) kept = adapter_of(p), losses = figure_of(p, "val_loss", steps);
    int best = best_of(losses, steps);
    for (guint i = 0; i < losses->len; i++)
        g_test_message("step %d: %.6f", g_array_index(steps, int, i), g_array_index(losses, double, i));
    g_test_message("the best step is %d", best);
    g_assert_cmpint(best, <, STEPS); /* else this shows nothing */
    g_autofree char *stopped =
        g_strdup_printf("{" BASE ", \"learning_rate\": 0.1, \"max_steps\": %d, \"keep\": \"last\"}", best);
    train_anew(p, NULL, stopped);
    g_autoptr(GArray) there = adapter_of(p);
    g_assert_cmpfloat(difference(kept, there), ==, 0); /* looking on changes nothing */
    train_anew(p, validation_folder, "{" HARD ", \"keep\": \"last\"}");
    g_autoptr(GArray) last = adapter_of(p);
    g_assert_cmpfloat(difference(kept, last), >, 0);
    train_anew(p, NULL, "{" HARD "}");
    g_autoptr(GArray) alone = adapter_of(p);
    g_assert_cmpfloat(difference(last, alone), ==, 0);
}

static void test_patience(Place *p, gconstpointer data)
{
    g_autoptr(GArray) steps = g_array_new(false, false, sizeof(int)), fewer = g_array_new(false, false, sizeof(int));
    train_anew(p, validation_folder, "{" HARD "}");
    g_autoptr(GArray) losses = figure_of(p, "val_loss", steps);
    g_autofree char *whole = log_of(p);
    train_anew(p, validation_folder, "{" HARD ", \"patience\": 1}");
    g_autoptr(GArray) cut = figure_of(p, "val_loss", fewer);
    g_autofree char *log = log_of(p);
    /* Where one is not below the lowest before it. */
    guint end = 0, worse = 0;
    double lowest = INFINITY;
    for (; end < losses->len && worse < 1; end++) {
        double loss = g_array_index(losses, double, end);
        worse = loss < lowest ? 0 : worse + 1;
        lowest = MIN(lowest, loss);
    }
    g_assert_cmpuint(worse, ==, 1); /* else this shows nothing */
    g_assert_cmpuint(cut->len, ==, end);
    g_assert_cmpuint(end, <, losses->len);
    g_assert_true(g_str_has_prefix(whole, log));
}

/* e = d·e + (1 - d)·v, d = min(ema, (1 + t)/(10 + t)), over the values that runs of 1, 2, ... steps end with. */
static void test_average(Place *p, gconstpointer data)
{
    enum { T = 4 };
    static const double ema = 0.25; /* above (1 + t)/(10 + t) for t = 1, below for more */
    train_anew(p, NULL, "{" BASE ", \"learning_rate\": 0, \"max_steps\": 1}");
    g_autoptr(GArray) average = adapter_of(p);
    for (int t = 1; t <= T; t++) {
        g_autofree char *params = g_strdup_printf("{" BASE ", \"learning_rate\": 0.02, \"max_steps\": %d}", t);
        train_anew(p, NULL, params);
        g_autoptr(GArray) values = adapter_of(p);
        double d = fmin(ema, (1.0 + t) / (10.0 + t));
        for (guint i = 0; i < average->len; i++)
            g_array_index(average, float, i) = (float)(d * (double)g_array_index(average, float, i) +
                                                       (1 - d) * (double)g_array_index(values, float, i));
    }
    static const char params[] = "{" BASE ", \"learning_rate\": 0.02, \"max_steps\": 4, \"ema\": 0.25}";
    train_anew(p, NULL, params);
    g_autoptr(GArray) got = adapter_of(p);
    /* Values below 1, a few roundings of 6e-8 each step. */
    g_assert_true(difference(average, got) <= 1e-6);
    /* The same is what is validated and kept. */
    train_anew(p, validation_folder, params);
    g_autoptr(GArray) validated = adapter_of(p);
    g_assert_cmpfloat(difference(validated, got), ==, 0);
}

/* Ended at every call of the objective in turn, training or validation, by a stop or a kill. */
static void test_resume(Place *p, gconstpointer data)
{
    static const char *const optimizers[] = {"adamw", "adamw_8bit", "adafactor"};
    for (size_t o = 0; o < G_N_ELEMENTS(optimizers); o++) {
        g_autofree char *params = g_strdup_printf("{" BASE ", \"learning_rate\": 0.05, \"max_steps\": 12, "
                                                  "\"validate_every\": 2, \"patience\": 2, \"save_every\": 2, "
                                                  "\"ema\": 0.2, \"optimizer\": \"%s\"}",
                                                  optimizers[o]);
        ending = NEVER;
        train_anew(p, validation_folder, params);
        g_autofree char *whole = test_result_hash(p->output);
        int all = calls;
        g_assert_cmpint(all, >, 12);
        for (int how = CRASH; how <= CANCEL; how++)
            for (int at = 1 + (int)o; at < all; at += 3) {
                test_remove_folder(p->work);
                ending = how;
                end_at = at;
                bool ended = !train(p, dataset_folder, validation_folder, params);
                g_assert_true(ended || how == CANCEL); /* asked to stop in its last call, it may just end */
                ending = NEVER;
                g_assert_true(train(p, dataset_folder, validation_folder, params));
                g_autofree char *resumed = test_result_hash(p->output);
                if (strcmp(resumed, whole) != 0)
                    g_error("%s: ended at call %d of %d (%s), another result", optimizers[o], at, all,
                            how == CRASH ? "killed" : "stopped");
            }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    shared = g_dir_make_tmp("hone-validate-XXXXXX", NULL);
    g_autofree char *gguf = test_data("tiny.gguf"), *rows_path = test_data("rows.jsonl"), *rows = NULL;
    model_folder = g_build_filename(shared, "model", NULL);
    dataset_folder = g_build_filename(shared, "dataset", NULL);
    validation_folder = g_build_filename(shared, "validation", NULL);
    g_assert_true(g_file_get_contents(rows_path, &rows, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(g_strchomp(rows), "\n", -1);
    guint n = g_strv_length(lines), cut = n - 3;
    g_autoptr(GString) first = g_string_new(NULL), rest = g_string_new(NULL);
    for (guint i = 0; i < n; i++)
        g_string_append_printf(i < cut ? first : rest, "%s\n", lines[i]);
    test_make_model(model_folder, gguf);
    test_make_dataset(dataset_folder, first->str);
    test_make_dataset(validation_folder, rest->str);
    g_test_add("/train/validate/loss", Place, NULL, set_up, test_loss, tear_down);
    g_test_add("/train/validate/best", Place, NULL, set_up, test_best, tear_down);
    g_test_add("/train/validate/patience", Place, NULL, set_up, test_patience, tear_down);
    g_test_add("/train/validate/average", Place, NULL, set_up, test_average, tear_down);
    g_test_add("/train/validate/resume", Place, NULL, set_up, test_resume, tear_down);
    int status = g_test_run();
    test_remove_folder(shared);
    g_free(shared);
    g_free(model_folder);
    g_free(dataset_folder);
    g_free(validation_folder);
    return status;
}

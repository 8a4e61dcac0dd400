/* SPDX-License-Identifier: Apache-2.0
 * supervised.c: the supervised methods on a tiny model, step by step beside torch (tests/oracle/supervised.py), and
 * killed and resumed.
 */
#include "follow.h"
#include "harness.h"
#include "killed.h"
#include <glib/gstdio.h>
#include <hone/file.h>
#include <math.h>
#include <string.h>

static char *shared, *model_folder;

typedef struct Case {
    const char *name, *stage; /* of the oracle's file; NULL: the same */
    const char *rows;
    const char *backend;
    const char *port, *more_rows; /* a third input, or NULL */
    const char *own_params;       /* of a run that is killed */
} Case;

typedef struct Place {
    char *folder, *dataset, *more, *output, *work, *adapter;
} Place;

static void make_dataset(const char *folder, const char *file)
{
    g_autofree char *name = g_build_filename("supervised", file, NULL), *path = test_data(name), *rows = NULL;
    g_assert_true(g_file_get_contents(path, &rows, NULL, NULL));
    test_make_dataset(folder, rows);
}

/* The base's likeliest tokens, with the oracle's settings. */
static void ask_teacher(const Place *p, const Case *c)
{
    g_autofree char *output = g_build_filename(p->folder, "teacher", NULL);
    g_autofree char *work = g_build_filename(p->folder, "teacher-work", NULL);
    g_autofree char *made = g_build_filename(output, "logprobs", NULL);
    const TestTraining teacher = {.stage = "teacher_logprobs",
                                  .model = model_folder,
                                  .dataset = p->dataset,
                                  .output = output,
                                  .work = work,
                                  .backend = c->backend,
                                  .params = "{\"top_k\": 6, \"temperature\": 2}",
                                  .events_fd = -1};
    g_autoptr(HoneStage) stage = test_training(&teacher);
    g_autoptr(GError) error = NULL;
    g_assert_true(hone_stage_execute(stage, &error));
    g_assert_no_error(error);
    g_assert_cmpint(g_rename(made, p->more), ==, 0);
}

static void set_up(Place *p, gconstpointer data)
{
    const Case *c = data;
    p->folder = g_dir_make_tmp("hone-supervised-XXXXXX", NULL);
    p->dataset = g_build_filename(p->folder, "dataset", NULL);
    p->output = g_build_filename(p->folder, "out", NULL);
    p->work = g_build_filename(p->folder, "work", NULL);
    p->adapter = g_build_filename(p->output, "adapter", NULL);
    p->more = g_build_filename(p->folder, "more", NULL);
    make_dataset(p->dataset, c->rows);
    if (g_strcmp0(c->port, "teacher") == 0)
        ask_teacher(p, c);
    else if (c->port)
        make_dataset(p->more, c->more_rows);
}

static void tear_down(Place *p, gconstpointer data)
{
    test_remove_folder(p->folder);
    g_free(p->folder);
    g_free(p->dataset);
    g_free(p->more);
    g_free(p->output);
    g_free(p->work);
    g_free(p->adapter);
}

static TestTraining training_of(const Place *p, const Case *c, const char *params)
{
    return (TestTraining){.stage = c->stage ? c->stage : c->name,
                          .model = model_folder,
                          .dataset = p->dataset,
                          .port = c->port,
                          .input = p->more,
                          .output = p->output,
                          .work = p->work,
                          .backend = c->backend,
                          .params = params,
                          .events_fd = -1};
}

/* NULL, or the error's message. */
static char *train(const TestTraining *training, bool stop_at_once)
{
    g_autoptr(HoneStage) stage = test_training(training);
    g_autoptr(GError) error = NULL;
    if (stop_at_once)
        hone_stage_cancel(stage);
    return hone_stage_execute(stage, &error) ? NULL : g_strdup(error->message);
}

static char *to_text(JsonObject *object)
{
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), object);
    return hone_json_canonical(node);
}

static void test_follows(Place *p, gconstpointer data)
{
    const Case *c = data;
    if (!test_has_plugin(c->backend)) {
        g_test_skip("this backend was not built");
        return;
    }
    g_autofree char *name = g_strdup_printf("supervised/%s.json", c->name), *path = test_data(name);
    g_autoptr(JsonObject) wanted = test_read_object(path);
    g_autofree char *params = to_text(json_object_get_object_member(wanted, "params"));
    TestTraining training = training_of(p, c, params);
    g_autofree char *stopped = train(&training, true);
    g_assert_nonnull(stopped);
    test_put_start(p->work);
    test_remove_folder(p->output);
    g_autofree char *message = train(&training, false);
    g_assert_cmpstr(message, ==, NULL);
    JsonArray *log = json_object_get_array_member(wanted, "log");
    g_assert_cmpuint(json_array_get_length(log), ==, 20);
    /* f32 against f64 through twenty steps: Adam divides by the gradient's size, so a step's rounding comes back in the
     * next step's loss many times over. A wrong factor is off by 1e-2 and more. */
    test_follow(p->adapter, log, 1e-4, 1e-3);
}

static void test_resumes(Place *p, gconstpointer data)
{
    const Case *c = data;
    if (!test_has_plugin(c->backend)) {
        g_test_skip("this backend was not built");
        return;
    }
    g_autofree char *params =
        g_strdup_printf("{\"batch_size\": 2, \"accumulate\": 2, \"max_steps\": 16, \"save_every\": 3, \"rank\": 4,"
                        " \"learning_rate\": 0.01, \"max_length\": 64, %s}",
                        c->own_params);
    TestTraining training = training_of(p, c, params);
    static const unsigned stops[] = {4, 10};
    test_kill_and_resume(&training, stops, G_N_ELEMENTS(stops));
}

/* ---- Noise. ---- */

static JsonObject *last_figures(const Place *p)
{
    g_autofree char *log = g_build_filename(p->adapter, "training.jsonl", NULL), *text = NULL;
    g_assert_true(g_file_get_contents(log, &text, NULL, NULL));
    const char *line = strrchr(g_strchomp(text), '\n');
    line = line ? line + 1 : text;
    g_autoptr(JsonNode) node = hone_json_parse(line, strlen(line), log, NULL);
    return json_object_ref(json_object_get_object_member(json_node_get_object(node), "figures"));
}

/* Noise goes with the example, not with the batch: a window that is cut into other batches has the same loss. */
static void test_noise_and_batches(Place *p, gconstpointer data)
{
    const Case *c = data;
    double loss[3];
    static const char *const params[] = {
        "{\"batch_size\": 6, \"accumulate\": 1, \"max_steps\": 1, \"neftune_alpha\": 5}",
        "{\"batch_size\": 2, \"accumulate\": 3, \"max_steps\": 1, \"neftune_alpha\": 5}",
        "{\"batch_size\": 6, \"accumulate\": 1, \"max_steps\": 1}"};
    for (size_t i = 0; i < 3; i++) {
        TestTraining training = training_of(p, c, params[i]);
        g_autofree char *message = train(&training, false);
        g_assert_cmpstr(message, ==, NULL);
        g_autoptr(JsonObject) figures = last_figures(p);
        loss[i] = json_object_get_double_member(figures, "loss");
        test_remove_folder(p->output);
        test_remove_folder(p->work);
    }
    g_test_message("%.9g %.9g %.9g", loss[0], loss[1], loss[2]);
    /* Sums of f32 log-probabilities of size 6, by other products. */
    g_assert_true(fabs(loss[0] - loss[1]) <= 1e-5);
    g_assert_true(fabs(loss[0] - loss[2]) > 1e-3);
}

/* ---- What cannot be trained. ---- */

static void test_wrong_role(Place *p, gconstpointer data)
{
    TestTraining training = training_of(p, data, "{\"train_on\": [\"asistant\"]}");
    g_autofree char *message = train(&training, false);
    g_assert_nonnull(message);
    g_assert_nonnull(strstr(message, "did you mean \"assistant\"?"));
}

static void test_no_such_turn(Place *p, gconstpointer data)
{
    TestTraining training = training_of(p, data, "{\"train_on\": [\"tool\"]}");
    g_autofree char *message = train(&training, false);
    g_assert_nonnull(message);
    g_assert_nonnull(strstr(message, "6 have no token that bears loss"));
}

static void test_wrong_rows(Place *p, gconstpointer data)
{
    TestTraining training = training_of(p, data, "{}");
    test_remove_folder(p->dataset);
    make_dataset(p->dataset, "chat.jsonl");
    g_autofree char *message = train(&training, false);
    g_assert_nonnull(message);
    g_assert_nonnull(strstr(message, "row \"c0\" holds messages, where raw text is wanted"));
}

/* A teacher that was asked on other rows is no teacher of these. */
static void test_other_rows(Place *p, gconstpointer data)
{
    TestTraining training = training_of(p, data, "{}");
    test_remove_folder(p->dataset);
    make_dataset(p->dataset, "documents.jsonl");
    g_autofree char *message = train(&training, false);
    g_assert_nonnull(message);
    g_assert_nonnull(strstr(message, "the teacher has nothing to say on 6 of 6 rows"));
}

static void add(const Case *c, const char *what, void (*test)(Place *, gconstpointer))
{
    g_autofree char *path = g_strdup_printf("/train/%s/%s/%s", c->name, c->backend, what);
    g_test_add(path, Place, c, set_up, test, tear_down);
}

int main(int argc, char **argv)
{
    if (test_is_child(argc, argv))
        return test_child(argv);
    g_test_init(&argc, &argv, NULL);
    g_autofree char *gguf = test_data("tiny.gguf");
    shared = g_dir_make_tmp("hone-supervised-XXXXXX", NULL);
    model_folder = g_build_filename(shared, "model", NULL);
    test_make_model(model_folder, gguf);
    static const Case cases[] = {
        {"instruct", NULL, "chat.jsonl", "reference"},
        {"instruct", NULL, "chat.jsonl", "cpu", .own_params = "\"neftune_alpha\": 5"},
        {"instruct_last", "instruct", "chat.jsonl", "cpu"},
        {"instruct_roles", "instruct", "chat.jsonl", "cpu"},
        {"pretrain", NULL, "documents.jsonl", "reference"},
        {"pretrain", NULL, "documents.jsonl", "cpu"},
        {"pretrain_replay", "pretrain", "documents.jsonl", "cpu", "replay", "general.jsonl", "\"replay\": 0.3"},
        {"distill", NULL, "chat.jsonl", "reference", "teacher"},
        {"distill", NULL, "chat.jsonl", "cpu", "teacher", .own_params = "\"hard_weight\": 0.3"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        add(&cases[i], "follows", test_follows);
    add(&cases[1], "resumes", test_resumes);
    add(&cases[6], "resumes", test_resumes);
    add(&cases[8], "resumes", test_resumes);
    add(&cases[8], "other_rows", test_other_rows);
    add(&cases[4], "wrong_rows", test_wrong_rows);
    add(&cases[0], "noise_and_batches", test_noise_and_batches);
    add(&cases[0], "wrong_role", test_wrong_role);
    add(&cases[0], "no_such_turn", test_no_such_turn);
    int status = g_test_run();
    test_remove_folder(shared);
    g_free(shared);
    g_free(model_folder);
    return status;
}

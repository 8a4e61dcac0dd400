/* SPDX-License-Identifier: Apache-2.0
 * tuners.c: twenty steps of every tuner against torch, peft and bitsandbytes (tests/oracle/tuners.py), killed and
 * resumed, and settings that exclude one another.
 */
#include "../../sdk/train/internal.h"
#include "harness.h"
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <hone/file.h>
#include <hone/json.h>
#include <hone/model.h>
#include <hone/safetensors.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *model_folder, *dataset_folder;

typedef struct Place {
    char *folder, *output, *work, *result;
    const char *backend;
} Place;

typedef struct Input {
    const char *backend;
    JsonObject *wanted; /* a case of tuners.json */
} Input;

static void place_init(Place *p, const char *backend)
{
    p->folder = g_dir_make_tmp("hone-tuners-XXXXXX", NULL);
    p->output = g_build_filename(p->folder, "out", NULL);
    p->work = g_build_filename(p->folder, "work", NULL);
    p->result = g_build_filename(p->output, "adapter", NULL);
    p->backend = backend;
}

static void place_clear(Place *p)
{
    test_remove_folder(p->folder);
    g_free(p->folder);
    g_free(p->output);
    g_free(p->work);
    g_free(p->result);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

/* Cancels a stage once it reports a step. */
typedef struct Watch {
    HoneStage *stage;
    int events;
    guint step; /* 0: only reads */
} Watch;

static gpointer watch(gpointer data)
{
    const Watch *w = data;
    FILE *pipe = fdopen(w->events, "r");
    g_autofree char *mark = g_strdup_printf("\"step\":%u,", w->step);
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, pipe) >= 0)
        if (strstr(line, "\"loss\"") && strstr(line, mark))
            hone_stage_cancel(w->stage);
    free(line);
    fclose(pipe);
    return NULL;
}

/* NULL, or the error's message. stop_at: the stage is told to stop once it reports that step; 0: never. */
static char *train(Place *p, const char *params, guint stop_at)
{
    int events[2];
    g_autoptr(GError) error = NULL;
    g_assert_true(g_unix_open_pipe(events, FD_CLOEXEC, NULL));
    const TestTraining training = {.model = model_folder,
                                   .dataset = dataset_folder,
                                   .output = p->output,
                                   .work = p->work,
                                   .backend = p->backend,
                                   .params = params,
                                   .events_fd = events[1]};
    g_autoptr(HoneStage) stage = test_training(&training);
    Watch w = {stage, events[0], stop_at};
    GThread *thread = g_thread_new("watch", watch, &w);
    bool ok = hone_stage_execute(stage, &error);
    close(events[1]);
    g_thread_join(thread);
    g_assert_true(ok == (error == NULL));
    return ok ? NULL : g_strdup(error->message);
}

/* The case's parameters with another number of steps; 0: its own. Caller frees. */
static char *params_of(JsonObject *wanted, gint64 steps)
{
    g_autofree char *own = hone_json_canonical(json_object_get_member(wanted, "params"));
    g_autoptr(JsonNode) node = hone_json_parse(own, strlen(own), "case", NULL);
    if (steps > 0)
        json_object_set_int_member(json_node_get_object(node), "max_steps", steps);
    return hone_json_canonical(node);
}

static void assert_near(const char *what, guint step, double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * MAX(1, fabs(want))))
        g_error("step %u: the %s is %.9g, not %.9g", step, what, got, want);
}

static JsonArray *events_of(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, "training.jsonl", NULL), *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
    JsonArray *events = json_array_new();
    for (guint i = 0; lines[i]; i++) {
        g_autoptr(JsonNode) node = hone_json_parse(lines[i], strlen(lines[i]), path, NULL);
        json_array_add_element(events, json_node_copy(json_object_get_member(json_node_get_object(node), "figures")));
    }
    return events;
}

/* f32 against f64: a step's error is about 1e-6, and Adam's division by the gradient's own size carries it on, more
 * where a gradient is near zero. The gradient's norm follows the weights' errors, the loss only their square. */
#define LOSS_TOLERANCE 2e-5
#define NORM_TOLERANCE 1e-4

static void check_steps(JsonObject *wanted, const char *folder, bool all)
{
    g_autoptr(JsonArray) events = events_of(folder);
    JsonArray *steps = json_object_get_array_member(wanted, "steps");
    double worst = 0;
    g_assert_cmpuint(json_array_get_length(events), ==, all ? json_array_get_length(steps) : 2);
    for (guint i = 0; i < json_array_get_length(events); i++) {
        JsonObject *got = json_array_get_object_element(events, i);
        JsonArray *want = json_array_get_array_element(steps, i);
        double loss = json_object_get_double_member(got, "loss"),
               norm = json_object_get_double_member(got, "grad_norm");
        double loss_wanted = json_array_get_double_element(want, 0),
               norm_wanted = json_array_get_double_element(want, 1);
        worst = MAX(worst, fabs(loss - loss_wanted) / MAX(1, loss_wanted));
        worst = MAX(worst, fabs(norm - norm_wanted) / MAX(1, norm_wanted));
        assert_near("loss", i + 1, loss, loss_wanted, LOSS_TOLERANCE);
        assert_near("gradient norm", i + 1, norm, norm_wanted, NORM_TOLERANCE);
    }
    g_test_message("largest error of loss and gradient norm: %.3g", worst);
}

/* The mean loss of the result, opened again, on the rows. */
static double loss_after(const Input *input, const char *result, bool with_adapter)
{
    g_autoptr(GError) error = NULL;
    const HoneBackendOptions options = {.size = sizeof options};
    g_autoptr(HoneArtifact) artifact = hone_artifact_open(result, true, &error);
    g_autoptr(HoneArtifact) dataset = hone_artifact_open(dataset_folder, true, &error);
    g_assert_no_error(error);
    HoneBackend *backend =
        hone_backend_open(test_find(NULL, HONE_BACKEND, input->backend, NULL), NULL, &options, &error);
    g_assert_no_error(error);
    g_autoptr(HoneModel) model = hone_model_open_artifact(artifact, backend, NULL, NULL, &error);
    g_assert_no_error(error);
    const HoneTrainParams params = {.max_length = 1000, .over_length = (char *)"fail"};
    const HoneObjectiveOps objective = {.size = sizeof objective};
    const HoneTraining training = {.size = sizeof training, .params = &params, .objective = &objective};
    g_autoptr(Examples) examples = examples_read(dataset, model, &training, NULL, &error);
    g_assert_no_error(error);
    Batch batch;
    batch_init(&batch);
    g_autofree uint32_t *which = g_new(uint32_t, examples->n);
    for (size_t i = 0; i < examples->n; i++)
        which[i] = (uint32_t)i;
    batch_pack(&batch, examples, which, examples->n, 0);
    const HoneForward forward = {.size = sizeof forward, .adapter_off = !with_adapter};
    float *logprob = (float *)(void *)batch.logprob->data;
    hone_model_forward(model, &batch.model, &forward, logprob, &error);
    g_assert_no_error(error);
    double loss = 0;
    for (size_t k = 0; k < batch.objective.n_targets; k++)
        loss -= (double)batch.objective.weight[k] * (double)logprob[k];
    loss /= batch_weight(examples, which, examples->n);
    batch_clear(&batch);
    g_clear_pointer(&model, hone_model_free);
    hone_backend_close(backend);
    return loss;
}

/* The adapter after the last step, tensor by tensor. */
static void check_tensors(const char *name, const char *folder)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *file = g_strdup_printf("tuners-%s.safetensors", name), *wanted_path = test_data(file);
    g_autofree char *path = g_build_filename(folder, "adapter_model.safetensors", NULL);
    if (!g_file_test(wanted_path, G_FILE_TEST_EXISTS))
        return;
    g_autoptr(HoneSafetensors) got = hone_safetensors_open(path, &error), want = NULL;
    g_assert_no_error(error);
    want = hone_safetensors_open(wanted_path, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(hone_safetensors_count(got), ==, hone_safetensors_count(want));
    double worst = 0;
    for (size_t i = 0; i < hone_safetensors_count(want); i++) {
        const HoneSafetensor *w = hone_safetensors_get(want, i), *g = hone_safetensors_find(got, w->name);
        if (!g || g->rank != w->rank || g->bytes != w->bytes)
            g_error("%s: not there, or of another shape", w->name);
        for (size_t k = 0; k < w->bytes / sizeof(float); k++) {
            float a, b;
            memcpy(&a, (const char *)g->data + k * sizeof a, sizeof a);
            memcpy(&b, (const char *)w->data + k * sizeof b, sizeof b);
            double d = fabs((double)a - (double)b);
            if (!(d <= worst))
                worst = d;
        }
    }
    g_test_message("largest difference of the adapter: %.3g", worst);
    /* Adam's step is 0.004 whatever the gradient's size: a hundredth of one step, after twenty of them. */
    g_assert_true(worst <= 4e-5);
}

static void test_steps(gconstpointer data)
{
    const Input *input = data;
    const char *name = json_object_get_string_member(input->wanted, "case");
    if (!test_has_plugin(input->backend)) {
        g_test_skip("this backend was not built");
        return;
    }
    g_auto(Place) p = {0};
    place_init(&p, input->backend);
    /* The reference is slow: its first steps tell. */
    bool all = strcmp(input->backend, "reference") != 0;
    g_autofree char *params = params_of(input->wanted, all ? 0 : 2), *message = train(&p, params, 0);
    g_assert_cmpstr(message, ==, NULL);
    check_steps(input->wanted, p.result, all);
    if (!all)
        return;
    check_tensors(name, p.result);
    double after = loss_after(input, p.result, true);
    assert_near("loss after the last", 20, after, json_object_get_double_member(input->wanted, "end"), LOSS_TOLERANCE);
}

static char *hash_of(const char *folder)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneArtifact) artifact = hone_artifact_open(folder, true, &error);
    g_assert_no_error(error);
    return g_strdup(hone_artifact_hash(artifact));
}

/* Stopped in the middle and taken up again, the result is the same to the byte. */
static void test_resume(gconstpointer data)
{
    const Input *input = data;
    if (!test_has_plugin(input->backend)) {
        g_test_skip("this backend was not built");
        return;
    }
    g_auto(Place) p = {0};
    place_init(&p, input->backend);
    g_autofree char *params = params_of(input->wanted, 6), *whole = NULL, *resumed = NULL;
    g_autofree char *first = train(&p, params, 0);
    g_assert_cmpstr(first, ==, NULL);
    whole = hash_of(p.result);
    test_remove_folder(p.output);
    test_remove_folder(p.work);
    for (guint stop = 2; stop <= 4; stop += 2) {
        g_autofree char *message = train(&p, params, stop);
        g_assert_nonnull(message);
    }
    g_autofree char *last = train(&p, params, 0);
    g_assert_cmpstr(last, ==, NULL);
    resumed = hash_of(p.result);
    g_assert_cmpstr(whole, ==, resumed);
}

static void test_refused(void)
{
    static const struct {
        const char *params, *says;
    } cases_refused[] = {
        {"{\"tuner\": \"partial\"}", "needs to know what to train"},
        {"{\"tuner\": \"partial\", \"trained\": [\"model.layer.*\"]}", "matches none of the model's 20 parameters"},
        {"{\"tuner\": \"partial\", \"trained\": [\"lm_head*\"]}", "output head is its embedding"},
        {"{\"trained\": [\"*\"]}", "`trained` is for tuner \"partial\""},
        {"{\"tuner\": \"full\", \"last_layers\": 2}", "`last_layers` is for tuner \"partial\""},
        {"{\"tuner\": \"full\", \"dora\": true}", "`dora` is an adapter's"},
        {"{\"tuner\": \"full\", \"dropout\": 0.1}", "`dropout` is an adapter's"},
        {"{\"tuner\": \"qlora\"}", "holds f16: set quantize to"},
        {"{\"quantize\": \"nf4\"}", "quantize is for tuner"},
        {"{\"dora\": true, \"dropout\": 0.1}", "set dropout to 0"},
        {"{\"dora\": true, \"start\": \"pissa\"}", "choose one"},
        {"{\"start\": \"pissa\", \"rank\": 33, \"targets\": [\"k_proj\"]}", "at most rank 32"},
        {"{\"rank_pattern\": 3}", "`rank_pattern` is an object"},
        {"{\"rank_pattern\": {\"q_porj\": 3}}", "\"q_porj\" matches the end of no module's name"},
        {"{\"rank_pattern\": {\"q_proj\": 0.5}}", "needs a whole number between 1 and 4096"},
        {"{\"alpha_pattern\": {\"(q_proj\": 2}}", "is no regular expression"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases_refused); i++) {
        g_auto(Place) p = {0};
        place_init(&p, "reference");
        g_autofree char *message = train(&p, cases_refused[i].params, 0);
        g_test_message("%s", message);
        g_assert_nonnull(message);
        g_assert_nonnull(strstr(message, cases_refused[i].says));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_autofree char *shared = g_dir_make_tmp("hone-tuners-XXXXXX", NULL), *rows = NULL, *text = NULL;
    g_autofree char *gguf = test_data("tuners.gguf"), *rows_path = test_data("rows.jsonl");
    g_autofree char *cases_path = test_data("tuners.json");
    model_folder = g_build_filename(shared, "model", NULL);
    dataset_folder = g_build_filename(shared, "dataset", NULL);
    g_assert_true(g_file_get_contents(rows_path, &rows, NULL, NULL));
    g_assert_true(g_file_get_contents(cases_path, &text, NULL, NULL));
    test_make_model(model_folder, gguf);
    test_make_dataset(dataset_folder, rows);
    g_autoptr(JsonNode) root = hone_json_parse(text, strlen(text), cases_path, NULL);
    JsonArray *cases = json_node_get_array(root);
    static const char *const backends[] = {"reference", "cpu"};
    guint n = json_array_get_length(cases);
    g_autofree Input *inputs = g_new(Input, 2 * n);
    for (guint i = 0; i < 2 * n; i++) {
        inputs[i] = (Input){backends[i / n], json_array_get_object_element(cases, i % n)};
        const char *name = json_object_get_string_member(inputs[i].wanted, "case");
        g_autofree char *steps = g_strdup_printf("/train/tuners/%s/%s/steps", inputs[i].backend, name);
        g_autofree char *resume = g_strdup_printf("/train/tuners/%s/%s/resume", inputs[i].backend, name);
        g_test_add_data_func(steps, &inputs[i], test_steps);
        if (strcmp(inputs[i].backend, "cpu") == 0)
            g_test_add_data_func(resume, &inputs[i], test_resume);
    }
    g_test_add_func("/train/tuners/refused", test_refused);
    int status = g_test_run();
    test_remove_folder(shared);
    g_free(model_folder);
    g_free(dataset_folder);
    return status;
}

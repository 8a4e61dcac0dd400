/* SPDX-License-Identifier: Apache-2.0
 * grpo.c: against trl (tests/oracle/reinforcement.py): the objective with its derivatives, the advantages, and twenty
 * steps on given answers of a tiny model.
 */
#include "../../sdk/train/rollout.h"
#include "harness.h"
#include <hone/json.h>
#include <hone/model.h>
#include <hone/safetensors.h>
#include <math.h>
#include <string.h>

static JsonObject *oracle(void)
{
    static JsonNode *root;
    g_autofree char *path = test_data("grpo.json"), *text = NULL;
    gsize length;
    if (!root) {
        g_assert_true(g_file_get_contents(path, &text, &length, NULL));
        root = hone_json_parse(text, length, path, NULL);
    }
    return json_node_get_object(root);
}

/* Numbers of an array, or NULL where the member is null. */
static double *numbers(JsonObject *object, const char *name, size_t *n)
{
    JsonNode *node = json_object_get_member(object, name);
    if (JSON_NODE_HOLDS_NULL(node))
        return NULL;
    JsonArray *array = json_node_get_array(node);
    *n = json_array_get_length(array);
    double *values = g_new(double, *n + 1);
    for (guint i = 0; i < *n; i++)
        values[i] = json_array_get_double_element(array, i);
    return values;
}

static float *floats(JsonObject *object, const char *name, size_t *n)
{
    g_autofree double *values = numbers(object, name, n);
    float *out = values ? g_new(float, *n + 1) : NULL;
    for (size_t i = 0; values && i < *n; i++)
        out[i] = (float)values[i];
    return out;
}

/* The objective's parameters, filled. Caller clears and frees. */
static void *fill(JsonObject *params)
{
    const HoneComponent *component = test_find(NULL, HONE_OBJECTIVE, "grpo", NULL);
    void *instance = g_malloc0(component->instance_size);
    g_autoptr(GError) error = NULL;
    hone_params_fill(component, params, NULL, instance, &error);
    g_assert_no_error(error);
    return instance;
}

static void release(void *instance)
{
    hone_params_clear(test_find(NULL, HONE_OBJECTIVE, "grpo", NULL), instance);
    g_free(instance);
}

static void test_objective(void)
{
    const HoneObjectiveOps *ops = test_find(NULL, HONE_OBJECTIVE, "grpo", NULL)->ops;
    JsonArray *cases = json_object_get_array_member(oracle(), "objective");
    for (guint c = 0; c < json_array_get_length(cases); c++) {
        JsonObject *one = json_array_get_object_element(cases, c);
        size_t n, k, m;
        g_autofree double *lengths = numbers(one, "lengths", &n), *wanted = numbers(one, "derivative", &k);
        g_autofree float *logprob = floats(one, "logprob", &k), *old = floats(one, "old", &m);
        g_autofree float *reference = floats(one, "reference", &m), *by_answer = floats(one, "advantage", &m);
        g_autofree float *advantage = g_new(float, k), *weight = g_new(float, k), *derivative = g_new(float, k);
        g_autofree size_t *start = g_new0(size_t, n + 1);
        JsonObject *params = json_object_get_object_member(one, "params");
        for (size_t s = 0; s < n; s++) {
            start[s + 1] = start[s] + (size_t)lengths[s];
            for (size_t t = start[s]; t < start[s + 1]; t++) {
                advantage[t] = by_answer[s];
                weight[t] = 1;
            }
        }
        /* As the stage: without beta there is no reference. */
        bool referenced = json_object_get_double_member(params, "beta") > 0;
        const HoneObjectiveBatch batch = {.size = sizeof batch,
                                          .n_sequences = n,
                                          .start = start,
                                          .n_targets = k,
                                          .weight = weight,
                                          .logprob = logprob,
                                          .reference = referenced ? reference : NULL,
                                          .window_weight = (double)k,
                                          .window_examples = n,
                                          .advantage = advantage,
                                          .old = old};
        double loss = NAN, figures[2] = {0};
        void *instance = fill(params);
        g_autoptr(GError) error = NULL;
        g_assert_true(ops->evaluate(instance, &batch, &loss, derivative, figures, &error));
        release(instance);
        double want = json_object_get_double_member(one, "loss");
        g_test_message("case %u: loss %.15g, trl has %.15g", c, loss, want);
        /* The inputs are the same f32 values and both sides compute in f64: what is left is the order of sums. The
         * derivative is f32. */
        g_assert_true(fabs(loss - want) <= 1e-12 * (1 + fabs(want)));
        for (size_t t = 0; t < k; t++)
            g_assert_true(fabs((double)derivative[t] - wanted[t]) <= 1e-7 * (1 + fabs(wanted[t])));
    }
    g_assert_cmpuint(json_array_get_length(cases), >=, 11);
}

static void test_advantages(void)
{
    JsonArray *cases = json_object_get_array_member(oracle(), "advantages");
    for (guint c = 0; c < json_array_get_length(cases); c++) {
        JsonObject *one = json_array_get_object_element(cases, c);
        size_t n;
        g_autofree double *rewards = numbers(one, "rewards", &n), *wanted = numbers(one, "advantage", &n);
        g_autofree double *got = g_new(double, n);
        double spread, flat;
        train_advantages(rewards, n, (size_t)json_object_get_int_member(one, "group"),
                         json_object_get_string_member(one, "scale"), got, &spread, &flat);
        /* trl's deviation has its n/(n - 1) in f32, so its root is off by 2^-25 of itself. */
        for (size_t i = 0; i < n; i++)
            g_assert_true(fabs(got[i] - wanted[i]) <= 1e-7 * (1 + fabs(wanted[i])));
        g_assert_true(fabs(flat - 1.0 / 3) <= 1e-12); /* the second of three groups has one reward throughout */
        g_assert_true(spread > 0);
    }
}

/* ---- Twenty steps. ---- */

/* The answers as one packed batch. */
typedef struct Packed {
    GArray *ids, *starts, *rows, *targets; /* int32_t */
    size_t start[16];
    float *advantage, *weight, *logprob, *old, *reference, *derivative;
    HoneBatch model;
    HoneObjectiveBatch objective;
} Packed;

static void pack(Packed *p, JsonObject *trajectory)
{
    size_t n, m;
    g_autofree double *prompts = numbers(trajectory, "prompts", &n);
    g_autofree double *advantages = numbers(trajectory, "advantage", &m);
    JsonArray *sequences = json_object_get_array_member(trajectory, "sequences");
    *p = (Packed){.ids = g_array_new(FALSE, FALSE, sizeof(int32_t)),
                  .starts = g_array_new(FALSE, TRUE, sizeof(int32_t)),
                  .rows = g_array_new(FALSE, FALSE, sizeof(int32_t)),
                  .targets = g_array_new(FALSE, FALSE, sizeof(int32_t)),
                  .advantage = g_new(float, 256),
                  .weight = g_new(float, 256),
                  .logprob = g_new(float, 256),
                  .old = g_new(float, 256),
                  .reference = g_new(float, 256),
                  .derivative = g_new(float, 256)};
    g_array_set_size(p->starts, 1);
    g_assert_cmpuint(n, <, G_N_ELEMENTS(p->start));
    for (guint s = 0; s < n; s++) {
        JsonArray *ids = json_array_get_array_element(sequences, s);
        int32_t base = (int32_t)p->ids->len;
        for (guint t = 0; t < json_array_get_length(ids); t++) {
            int32_t id = (int32_t)json_array_get_int_element(ids, t), row = base + (int32_t)t - 1;
            g_array_append_val(p->ids, id);
            if (t < (guint)prompts[s])
                continue;
            p->advantage[p->rows->len] = (float)advantages[s];
            p->weight[p->rows->len] = 1;
            g_array_append_val(p->rows, row);
            g_array_append_val(p->targets, id);
        }
        int32_t end = (int32_t)p->ids->len;
        g_array_append_val(p->starts, end);
        p->start[s + 1] = p->rows->len;
    }
    g_assert_cmpuint(p->rows->len, <=, 256);
    p->model = (HoneBatch){.size = sizeof p->model,
                           .n_tokens = p->ids->len,
                           .ids = (const int32_t *)(void *)p->ids->data,
                           .n_sequences = n,
                           .starts = (const int32_t *)(void *)p->starts->data,
                           .n_targets = p->rows->len,
                           .target_rows = (const int32_t *)(void *)p->rows->data,
                           .targets = (const int32_t *)(void *)p->targets->data};
    p->objective = (HoneObjectiveBatch){.size = sizeof p->objective,
                                        .n_sequences = n,
                                        .start = p->start,
                                        .n_targets = p->rows->len,
                                        .weight = p->weight,
                                        .logprob = p->logprob,
                                        .reference = p->reference,
                                        .window_weight = p->rows->len,
                                        .window_examples = n,
                                        .advantage = p->advantage,
                                        .old = p->old};
}

static void unpack(Packed *p)
{
    GArray *arrays[] = {p->ids, p->starts, p->rows, p->targets};
    float *values[] = {p->advantage, p->weight, p->logprob, p->old, p->reference, p->derivative};
    for (size_t i = 0; i < G_N_ELEMENTS(arrays); i++)
        g_array_unref(arrays[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++)
        g_free(values[i]);
}

/* The adapter that the other side started from. */
static void put_start(HoneModel *model)
{
    g_autofree char *path = test_data("start.safetensors");
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneSafetensors) file = hone_safetensors_open(path, &error);
    g_assert_no_error(error);
    size_t n;
    const HoneTrainable *trainables = hone_model_trainables(model, &n);
    for (size_t i = 0; i < n; i++) {
        const HoneSafetensor *tensor = hone_safetensors_find(file, trainables[i].name);
        g_assert_true(tensor && tensor->bytes == hone_tensor_bytes(trainables[i].value));
        hone_backend_upload(hone_model_backend(model), trainables[i].value, tensor->data, &error);
        g_assert_no_error(error);
    }
}

/* AdamW's moments of each trainable, zero, and one value for the norm, in one buffer. */
typedef struct Moments {
    HoneBuffer *buffer;
    size_t bytes, n;
    HoneTensor *m, *v, norm;
} Moments;

static void moments_init(Moments *o, HoneBackend *backend, const HoneTrainable *trainables, size_t n)
{
    *o = (Moments){.bytes = 64, .n = n, .m = g_new(HoneTensor, n), .v = g_new(HoneTensor, n)};
    for (size_t i = 0; i < 2 * n; i++) {
        HoneTensor t = trainables[i / 2].value;
        t.offset = o->bytes;
        *(i % 2 ? &o->v[i / 2] : &o->m[i / 2]) = t;
        o->bytes += (hone_tensor_bytes(t) + 63) / 64 * 64;
    }
    o->buffer = hone_backend_alloc(backend, o->bytes, "moments", NULL);
    o->norm = hone_tensor_1d(o->buffer, 0, HONE_F32, 1);
    for (size_t i = 0; i < n; i++) {
        o->m[i].buffer = o->v[i].buffer = o->buffer;
        backend->ops->fill(backend->stream, o->m[i], 0);
        backend->ops->fill(backend->stream, o->v[i], 0);
    }
}

/* Clips as torch does, steps. Returns the norm. */
static double update(Moments *o, HoneBackend *backend, const HoneTrainable *trainables, double rate, uint64_t step)
{
    float squares = 0;
    backend->ops->fill(backend->stream, o->norm, 0);
    for (size_t i = 0; i < o->n; i++)
        backend->ops->sum_squares(backend->stream, o->norm, trainables[i].gradient);
    g_assert_true(hone_backend_download(backend, &squares, o->norm, NULL));
    double norm = sqrt((double)squares);
    const HoneAdamW adamw = {.size = sizeof adamw,
                             .learning_rate = rate,
                             .beta1 = 0.9,
                             .beta2 = 0.999,
                             .epsilon = 1e-8,
                             .gradient_scale = MIN(1, 1 / (norm + 1e-6)),
                             .step = step};
    for (size_t i = 0; i < o->n; i++)
        backend->ops->adamw(backend->stream, trainables[i].value, trainables[i].gradient, o->m[i], o->v[i], &adamw);
    g_assert_true(backend->ops->sync(backend->stream, NULL));
    return norm;
}

static void test_trajectory(gconstpointer name)
{
    if (!test_has_plugin(name)) {
        g_test_skip("this backend was not built");
        return;
    }
    const HoneObjectiveOps *ops = test_find(NULL, HONE_OBJECTIVE, "grpo", NULL)->ops;
    JsonObject *trajectory = json_object_get_object_member(oracle(), "trajectory");
    JsonArray *log = json_object_get_array_member(trajectory, "log");
    const HoneBackendOptions options = {.size = sizeof options};
    static const char *const targets[] = {"all-linear", NULL};
    const HoneLora lora = {.size = sizeof lora, .rank = 4, .alpha = 12, .targets = targets};
    const HoneForward alone = {.size = sizeof alone}, base = {.size = sizeof base, .adapter_off = true};
    const HoneForward kept = {.size = sizeof kept, .keep = true};
    g_autoptr(GError) error = NULL;
    g_autofree char *path = test_data("tiny.gguf");
    HoneBackend *backend = hone_backend_open(test_find(NULL, HONE_BACKEND, name, NULL), NULL, &options, &error);
    g_assert_no_error(error);
    HoneModel *model = hone_model_open(path, backend, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(hone_model_add_lora(model, &lora, &error));
    put_start(model);
    size_t n;
    const HoneTrainable *trainables = hone_model_trainables(model, &n);
    Moments moments;
    moments_init(&moments, backend, trainables, n);
    Packed p;
    pack(&p, trajectory);
    void *instance = fill(json_object_get_object_member(trajectory, "params"));
    g_assert_true(hone_model_forward(model, &p.model, &alone, p.old, &error));
    g_assert_true(hone_model_forward(model, &p.model, &base, p.reference, &error));
    for (guint step = 0; step < json_array_get_length(log); step++) {
        JsonObject *want = json_array_get_object_element(log, step);
        double loss, figures[2] = {0};
        g_assert_true(hone_model_zero_gradients(model, &error));
        g_assert_true(hone_model_forward(model, &p.model, &kept, p.logprob, &error));
        g_assert_true(ops->evaluate(instance, &p.objective, &loss, p.derivative, figures, &error));
        g_assert_true(hone_model_backward(model, p.derivative, &error));
        double norm =
            update(&moments, backend, trainables, json_object_get_double_member(trajectory, "learning_rate"), step + 1);
        g_test_message("step %u: loss %.9g, torch has %.9g; norm %.9g, %.9g; clipped %g, kl %g", step + 1, loss,
                       json_object_get_double_member(want, "loss"), norm,
                       json_object_get_double_member(want, "grad_norm"), figures[0], figures[1]);
        /* The bound, for f32 against f64 over steps of AdamW, which divides by a gradient's own size. */
        g_assert_true(fabs(loss - json_object_get_double_member(want, "loss")) <= 1e-4);
        g_assert_true(step > 0 || fabs(norm - json_object_get_double_member(want, "grad_norm")) <= 1e-4 * norm);
    }
    g_assert_cmpuint(json_array_get_length(log), ==, 20);
    release(instance);
    unpack(&p);
    hone_backend_release(backend, moments.buffer, moments.bytes);
    g_free(moments.m);
    g_free(moments.v);
    hone_model_free(model);
    hone_backend_close(backend);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/train/grpo/objective", test_objective);
    g_test_add_func("/train/grpo/advantages", test_advantages);
    g_test_add_data_func("/train/grpo/trajectory/reference", "reference", test_trajectory);
    g_test_add_data_func("/train/grpo/trajectory/cpu", "cpu", test_trajectory);
    return g_test_run();
}

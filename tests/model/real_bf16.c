/* SPDX-License-Identifier: Apache-2.0
 * real_bf16.c (test): a real model on the onednn backend stays as near to transformers' float32 as transformers' own
 * bfloat16 does: logits, and losses over a few steps of LoRA.
 *
 * The model is named by HONE_TEST_MODEL. tests/oracle/real_llama.py gave the logits, tests/oracle/real_bf16.py the
 * losses and the errors allowed, both from the same file.
 */
#include "tiny.h"

#include <hone/file.h>
#include <math.h>

#define RANK 4
#define RATE 1e-3

/* NULL after a skip: no oneDNN, or no bf16 instructions. */
static Tiny *open_real(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) real = g_new0(Tiny, 1);
    real->backend = test_open_backend("onednn", NULL, 2, &error);
    if (real->backend == NULL) {
        g_test_skip(error->message);
        return NULL;
    }
    g_autofree char *expect = tiny_data("smollm2.expect.safetensors");
    real->expect = hone_safetensors_open(expect, &error);
    g_assert_no_error(error);
    real->model = hone_model_open(g_getenv("HONE_TEST_MODEL"), real->backend, NULL, &error);
    g_assert_no_error(error);
    return g_steal_pointer(&real);
}

static HoneSafetensors *open_errors(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = tiny_data("smollm2-bf16.expect.safetensors");
    g_autofree char *hash = hone_file_hash(g_getenv("HONE_TEST_MODEL"), &error);
    g_assert_no_error(error);
    HoneSafetensors *errors = hone_safetensors_open(path, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(hash, ==, hone_safetensors_meta(errors, "sha256"));
    return errors;
}

static const float *error_values(const HoneSafetensors *errors, const char *name, size_t n)
{
    const HoneSafetensor *tensor = hone_safetensors_find(errors, name);
    g_assert_nonnull(tensor);
    g_assert_cmpuint(tensor->bytes, ==, n * sizeof(float));
    return tensor->data;
}

static void read_sequences(const Tiny *real, HoneBatch *batch)
{
    *batch = (HoneBatch){.size = sizeof(*batch)};
    batch->ids = tiny_ints(real, "ids", &batch->n_tokens);
    batch->starts = tiny_ints(real, "starts", &batch->n_sequences);
    batch->n_sequences--;
}

static void test_logits(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) real = open_real();
    if (real == NULL)
        return;
    g_autoptr(HoneSafetensors) errors = open_errors();
    HoneBatch batch;
    read_sequences(real, &batch);
    size_t sampled, vocabulary = hone_model_config(real->model)->vocab;
    batch.target_rows = tiny_ints(real, "target_rows", &batch.n_targets);
    g_autofree int32_t *targets = g_new0(int32_t, batch.n_targets);
    batch.targets = targets;
    const int32_t *sample = tiny_ints(real, "sample", &sampled);
    const float *want = tiny_floats(real, "logits", NULL);
    g_autofree float *logits = g_new(float, batch.n_targets *vocabulary);
    hone_model_logits(real->model, &batch, logits, &error);
    g_assert_no_error(error);
    double worst = 0, sum = 0;
    for (size_t k = 0; k < batch.n_targets; k++)
        for (size_t i = 0; i < sampled; i++) {
            double off = fabs((double)logits[k * vocabulary + (size_t)sample[i]] - want[k * sampled + i]);
            worst = off <= worst ? worst : off; /* NaN is kept */
            sum += off;
        }
    double most = error_values(errors, "logits_max", 1)[0], mean = error_values(errors, "logits_mean", 1)[0];
    sum /= (double)(batch.n_targets * sampled);
    g_test_message("largest difference %.3g (transformers' bf16: %.3g), mean %.3g (%.3g)", worst, most, sum, mean);
    g_assert_true(worst <= most);
    g_assert_true(sum <= mean);
    g_assert_true(sum > 0); /* or it was not bf16 that ran */
}

typedef struct Moments {
    HoneTensor m, v;
} Moments;

static HoneTensor zeros(Tiny *real, size_t n)
{
    g_autoptr(GError) error = NULL;
    HoneTensor t = hone_tensor_1d(NULL, 0, HONE_F32, n);
    t.buffer = hone_backend_alloc(real->backend, n * sizeof(float), "moments", &error);
    g_assert_no_error(error);
    real->backend->ops->fill(real->backend->stream, t, 0);
    return t;
}

/* A is the oracle's sine of its index, B is zero. */
static void set_adapter(Tiny *real)
{
    g_autoptr(GError) error = NULL;
    const char *const targets[] = {"q_proj", "down_proj", NULL};
    const HoneLora lora = {.size = sizeof(lora), .rank = RANK, .alpha = 2 * RANK, .targets = targets};
    hone_model_add_lora(real->model, &lora, &error);
    g_assert_no_error(error);
    size_t n;
    const HoneTrainable *trainables = hone_model_trainables(real->model, &n);
    for (size_t i = 0; i < n; i++) {
        bool is_a = strstr(trainables[i].name, "lora_A") != NULL;
        HoneTensor t = trainables[i].value;
        size_t count = hone_tensor_count(t);
        g_autofree float *values = g_new(float, count);
        for (size_t j = 0; j < count; j++)
            values[j] = is_a ? (float)(sin((double)j * 0.7 + 0.3) / sqrt((double)t.shape[1])) : 0;
        hone_backend_upload(real->backend, t, values, &error);
        g_assert_no_error(error);
    }
}

static double train_step(Tiny *real, const HoneBatch *batch, Moments *moments, uint64_t step)
{
    g_autoptr(GError) error = NULL;
    size_t n, K = batch->n_targets;
    const HoneTrainable *trainables = hone_model_trainables(real->model, &n);
    g_autofree float *derivative = g_new(float, K), *logprob = g_new(float, K);
    for (size_t k = 0; k < K; k++)
        derivative[k] = (float)(-1 / (double)K);
    const HoneForward options = {.size = sizeof(options), .keep = true, .known_derivative = derivative};
    hone_model_zero_gradients(real->model, &error);
    g_assert_no_error(error);
    hone_model_forward(real->model, batch, &options, logprob, &error);
    g_assert_no_error(error);
    hone_model_backward(real->model, NULL, &error);
    g_assert_no_error(error);
    const HoneAdamW adam = {sizeof(adam), RATE, 0.9, 0.999, 1e-8, 0, 1, step};
    for (size_t i = 0; i < n; i++)
        real->backend->ops->adamw(real->backend->stream, trainables[i].value, trainables[i].gradient, moments[i].m,
                                  moments[i].v, &adam);
    double loss = 0;
    for (size_t k = 0; k < K; k++)
        loss -= logprob[k];
    return loss / (double)K;
}

static void test_losses(void)
{
    g_autoptr(Tiny) real = open_real();
    if (real == NULL)
        return;
    g_autoptr(HoneSafetensors) errors = open_errors();
    const HoneSafetensor *losses = hone_safetensors_find(errors, "losses");
    size_t steps = losses->bytes / sizeof(float), n;
    const float *want = losses->data, *off = error_values(errors, "losses_off", steps);
    double most = 0;
    for (size_t i = 0; i < steps; i++)
        most = fmax(most, off[i]);
    set_adapter(real);
    HoneBatch batch;
    read_sequences(real, &batch);
    g_autofree int32_t *rows = g_new(int32_t, batch.n_tokens), *targets = g_new(int32_t, batch.n_tokens);
    for (size_t s = 0; s < batch.n_sequences; s++)
        for (int32_t i = batch.starts[s]; i + 1 < batch.starts[s + 1]; i++) {
            rows[batch.n_targets] = i;
            targets[batch.n_targets++] = batch.ids[i + 1];
        }
    batch.target_rows = rows;
    batch.targets = targets;
    const HoneTrainable *trainables = hone_model_trainables(real->model, &n);
    g_autofree Moments *moments = g_new(Moments, n);
    for (size_t i = 0; i < n; i++)
        moments[i] = (Moments){zeros(real, hone_tensor_count(trainables[i].value)),
                               zeros(real, hone_tensor_count(trainables[i].value))};
    for (size_t i = 0; i < steps; i++) {
        double loss = train_step(real, &batch, moments, i + 1);
        g_test_message("step %zu: %.5f, f32 %.5f, off by %.2g (transformers' bf16: %.2g)", i + 1, loss, want[i],
                       fabs(loss - want[i]), off[i]);
        /* A step's own error is one draw; the largest of the run is what bf16 costs. */
        g_assert_true(fabs(loss - want[i]) <= most);
    }
    for (size_t i = 0; i < n; i++) {
        hone_backend_release(real->backend, moments[i].m.buffer, hone_tensor_bytes(moments[i].m));
        hone_backend_release(real->backend, moments[i].v.buffer, hone_tensor_bytes(moments[i].v));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (g_getenv("HONE_TEST_MODEL") == NULL) {
        g_print("1..0 # SKIP HONE_TEST_MODEL names no model (./test fetches it)\n");
        return 0;
    }
    g_test_add_func("/real-bf16/logits", test_logits);
    g_test_add_func("/real-bf16/losses", test_losses);
    return g_test_run();
}

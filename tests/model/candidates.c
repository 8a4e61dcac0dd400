/* SPDX-License-Identifier: Apache-2.0
 * candidates.c: log-probabilities of several ids at one row, and their gradients, with and without a cap and a
 * temperature.
 */
#include "tiny.h"

#include <math.h>
#include <string.h>

#define N 3 /* candidates of a row */

typedef struct Set {
    Tiny *tiny;
    size_t k, vocab;
    int32_t *candidates; /* [K,N] */
    float *derivative;   /* [K,N] */
    float *logprob, *of_target, *zeros;
    HoneForward options;
} Set;

/* The cap belongs to the model; here any model gets one. */
static void set_up(Set *s, const char *backend, double cap, double temperature)
{
    g_autoptr(GError) error = NULL;
    *s = (Set){.tiny = tiny_open("tiny3", backend)};
    HoneModelConfig *config = (HoneModelConfig *)(uintptr_t)hone_model_config(s->tiny->model);
    config->logit_cap = cap;
    s->k = s->tiny->batch.n_targets;
    s->vocab = config->vocab;
    s->candidates = g_new(int32_t, s->k * N);
    s->derivative = g_new(float, s->k *N);
    s->logprob = g_new(float, s->k *N);
    s->of_target = g_new(float, s->k);
    s->zeros = g_new0(float, s->k);
    for (size_t i = 0; i < s->k * N; i++) {
        s->candidates[i] = (int32_t)((i * 37 + 5) % s->vocab);
        s->derivative[i] = (float)sin((double)i);
    }
    s->candidates[1] = s->tiny->batch.targets[0]; /* one of them is the target itself */
    s->options = (HoneForward){
        .size = sizeof s->options, .keep = true, .temperature = temperature, .candidate_logprob = s->logprob};
    hone_model_load_adapter(s->tiny->model, s->tiny->adapter, &error);
    g_assert_no_error(error);
}

static void clear(Set *s)
{
    void *owned[] = {s->candidates, s->derivative, s->logprob, s->of_target, s->zeros};
    for (size_t i = 0; i < G_N_ELEMENTS(owned); i++)
        g_free(owned[i]);
    tiny_free(s->tiny);
}

static HoneBatch batch_of(const Set *s, size_t n)
{
    HoneBatch batch = s->tiny->batch;
    batch.size = sizeof batch;
    batch.n_candidates = n;
    batch.candidates = s->candidates;
    return batch;
}

static double forward(Set *s)
{
    g_autoptr(GError) error = NULL;
    HoneBatch batch = batch_of(s, N);
    hone_model_forward(s->tiny->model, &batch, &s->options, s->of_target, &error);
    g_assert_no_error(error);
    double loss = 0;
    for (size_t i = 0; i < s->k * N; i++)
        loss += (double)s->derivative[i] * (double)s->logprob[i];
    return loss;
}

static const struct {
    double cap, temperature;
} cases[] = {{0, 1}, {0, 2.5}, {3, 1}, {3, 0.5}};

static void test_values(gconstpointer backend)
{
    for (size_t c = 0; c < G_N_ELEMENTS(cases); c++) {
        g_autoptr(GError) error = NULL;
        Set s;
        set_up(&s, backend, cases[c].cap, cases[c].temperature);
        forward(&s);
        g_autofree float *logits = g_new(float, s.k *s.vocab), *want = g_new(float, s.k *N);
        hone_model_logits(s.tiny->model, &s.tiny->batch, logits, &error);
        g_assert_no_error(error);
        for (size_t k = 0; k < s.k; k++) {
            double sum = 0;
            for (size_t v = 0; v < s.vocab; v++)
                sum += exp((double)logits[k * s.vocab + v] / cases[c].temperature);
            for (size_t j = 0; j < N; j++)
                want[k * N + j] =
                    (float)((double)logits[k * s.vocab + (size_t)s.candidates[k * N + j]] / cases[c].temperature -
                            log(sum));
        }
        tiny_assert_close(s.logprob, want, s.k * N, 1e-5); /* f32, as in transformer.c */
        clear(&s);
    }
}

/* One step along the gradient g changes the loss by |g|² times its length. */
static void test_gradients(gconstpointer backend)
{
    for (size_t c = 0; c < G_N_ELEMENTS(cases); c++) {
        g_autoptr(GError) error = NULL;
        Set s;
        set_up(&s, backend, cases[c].cap, cases[c].temperature);
        hone_model_zero_gradients(s.tiny->model, &error);
        forward(&s);
        hone_model_backward_candidates(s.tiny->model, s.zeros, s.derivative, &error);
        g_assert_no_error(error);
        size_t n;
        const HoneTrainable *t = hone_model_trainables(s.tiny->model, &n);
        g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GPtrArray) gradients = g_ptr_array_new_with_free_func(g_free);
        double square = 0, loss[2];
        for (size_t i = 0; i < n; i++) {
            float *gradient = tiny_download(s.tiny, t[i].gradient);
            g_ptr_array_add(values, tiny_download(s.tiny, t[i].value));
            g_ptr_array_add(gradients, gradient);
            for (size_t e = 0; e < hone_tensor_count(t[i].value); e++)
                square += (double)gradient[e] * (double)gradient[e];
        }
        double step = 1e-3 / sqrt(square);
        for (int side = 0; side < 2; side++) {
            for (size_t i = 0; i < n; i++) {
                size_t count = hone_tensor_count(t[i].value);
                g_autofree float *moved = g_memdup2(values->pdata[i], count * sizeof(float));
                for (size_t e = 0; e < count; e++)
                    moved[e] += (float)((side ? -step : step) * (double)((float *)gradients->pdata[i])[e]);
                g_assert_true(hone_backend_upload(s.tiny->backend, t[i].value, moved, &error));
            }
            loss[side] = forward(&s);
        }
        double slope = (loss[0] - loss[1]) / (2 * step);
        g_test_message("slope %g, |g|^2 %g", slope, square);
        /* The losses differ by 2e-3·|g|, and each is a sum of f32 values with errors of 1e-6. */
        g_assert_true(fabs(slope - square) <= 1e-2 * square);
        clear(&s);
    }
}

/* One candidate at temperature 1 is another target: the same gradients as with that for a target. */
static void test_as_target(gconstpointer backend)
{
    g_autoptr(GError) error = NULL;
    Set s;
    set_up(&s, backend, 3, 1);
    HoneBatch batch = batch_of(&s, 1);
    hone_model_zero_gradients(s.tiny->model, &error);
    hone_model_forward(s.tiny->model, &batch, &s.options, s.of_target, &error);
    hone_model_backward_candidates(s.tiny->model, s.zeros, s.derivative, &error);
    g_assert_no_error(error);
    size_t n;
    const HoneTrainable *t = hone_model_trainables(s.tiny->model, &n);
    g_autoptr(GPtrArray) first = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < n; i++)
        g_ptr_array_add(first, tiny_download(s.tiny, t[i].gradient));
    HoneBatch plain = s.tiny->batch;
    plain.targets = s.candidates;
    HoneForward options = {.size = sizeof options, .keep = true};
    hone_model_zero_gradients(s.tiny->model, &error);
    hone_model_forward(s.tiny->model, &plain, &options, s.of_target, &error);
    hone_model_backward(s.tiny->model, s.derivative, &error);
    g_assert_no_error(error);
    for (size_t i = 0; i < n; i++) {
        g_autofree float *gradient = tiny_download(s.tiny, t[i].gradient);
        /* As transformer.c has it for gradients. */
        tiny_assert_close((float *)first->pdata[i], gradient, hone_tensor_count(t[i].gradient), 1e-4);
    }
    clear(&s);
}

static void test_refused(gconstpointer backend)
{
    g_autoptr(GError) error = NULL;
    Set s;
    set_up(&s, backend, 0, 1);
    s.candidates[4] = (int32_t)s.vocab;
    HoneBatch batch = batch_of(&s, N);
    g_assert_false(hone_model_forward(s.tiny->model, &batch, &s.options, s.of_target, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "candidate 4 is token"));
    clear(&s);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*test)(gconstpointer);
    } tests[] = {{"values", test_values},
                 {"gradients", test_gradients},
                 {"as_target", test_as_target},
                 {"refused", test_refused}};
    g_test_init(&argc, &argv, NULL);
    for (const char *const *b = tiny_backends; *b; b++)
        for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
            g_autofree char *path = g_strdup_printf("/model/candidates/%s/%s", *b, tests[i].name);
            g_test_add_data_func(path, *b, tests[i].test);
        }
    return g_test_run();
}

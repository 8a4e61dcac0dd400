/* SPDX-License-Identifier: Apache-2.0
 * optimizers.c: twenty steps of each optimizer against torch, transformers and bitsandbytes
 * (tests/oracle/optimizers.py), on every backend here; which tensors weight decay spares; factors of the rate.
 */
#include "../../sdk/train/internal.h"
#include "harness.h"
#include <hone/safetensors.h>
#include <math.h>
#include <string.h>

#define STEPS 20
#define RATE 0.01
#define ROWS 72
#define COLUMNS 80
#define MATRIX (ROWS * COLUMNS)
#define VECTOR 37

static HoneSafetensors *expected;

/* As `noise` of the oracle. */
static void noise(float *out, size_t n, uint32_t step)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t x = (uint32_t)i * 2654435761u + step * 40503u + 12345u;
        for (int k = 0; k < 2; k++) {
            x ^= x >> 16;
            x *= 0x45d9f3bu;
        }
        x ^= x >> 16;
        out[i] = ldexpf((float)(x >> 8) / 0x1p24f - 0.5f, -(int)(i % 7));
    }
}

typedef struct Bench {
    HoneBackend *backend;
    HoneBuffer *buffer;
    HoneTrainable trainables[2];
    HoneTrainParams params;
    Optimizer optimizer;
    States states;
} Bench;

#define BYTES ((2 * (MATRIX + 64)) * sizeof(float))

static char *patterns[] = {(char *)"*norm*", (char *)"*bias", NULL};

static void bench_init(Bench *b, const char *backend, const HoneTrainParams *params)
{
    g_autoptr(GError) error = NULL;
    const HoneBackendOptions options = {.size = sizeof options, .threads = 2};
    *b = (Bench){.params = *params};
    b->params.no_decay = patterns;
    b->backend = hone_backend_open(test_find(NULL, HONE_BACKEND, backend, NULL), NULL, &options, &error);
    g_assert_no_error(error);
    b->buffer = hone_backend_alloc(b->backend, BYTES, "test", &error);
    g_assert_no_error(error);
    size_t at = 0;
    for (int i = 0; i < 2; i++) {
        HoneTrainable *t = &b->trainables[i];
        t->name = i == 0 ? "layers.0.proj.weight" : "layers.0.norm.weight";
        for (int k = 0; k < 2; k++) {
            HoneTensor tensor = i == 0 ? hone_tensor_2d(b->buffer, at, HONE_F32, ROWS, COLUMNS)
                                       : hone_tensor_1d(b->buffer, at, HONE_F32, VECTOR);
            *(k == 0 ? &t->value : &t->gradient) = tensor;
            at += (hone_tensor_bytes(tensor) + 63) / 64 * 64;
        }
        g_autofree float *start = g_new(float, MATRIX);
        noise(start, hone_tensor_count(t->value), 1000);
        g_assert_true(hone_backend_upload(b->backend, t->value, start, &error));
    }
    states_init(&b->states, b->backend);
    g_assert_true(optimizer_init(&b->optimizer, b->backend, &b->params, b->trainables, 2, &b->states, &error));
}

static void bench_clear(Bench *b)
{
    optimizer_clear(&b->optimizer);
    states_clear(&b->states);
    hone_backend_release(b->backend, b->buffer, BYTES);
    g_assert_cmpuint(b->backend->allocated, ==, 0);
    hone_backend_close(b->backend);
}

/* Steps first .. last-1. The gradients come four times too large, and are scaled back as clipping would. */
static void bench_steps(Bench *b, uint32_t first, uint32_t last)
{
    g_autoptr(GError) error = NULL;
    g_autofree float *gradient = g_new(float, MATRIX);
    for (uint32_t step = first; step < last; step++) {
        for (int i = 0; i < 2; i++) {
            noise(gradient, hone_tensor_count(b->trainables[i].value), step);
            for (size_t k = 0; k < hone_tensor_count(b->trainables[i].value); k++)
                gradient[k] *= 4;
            g_assert_true(hone_backend_upload(b->backend, b->trainables[i].gradient, gradient, &error));
        }
        g_assert_true(optimizer_step(&b->optimizer, RATE * (1 - step / 40.0), 0.25, step + 1, &error));
    }
}

static float *values(Bench *b, HoneTensor tensor)
{
    g_autoptr(GError) error = NULL;
    float *out = g_malloc(hone_tensor_bytes(tensor));
    g_assert_true(hone_backend_download(b->backend, out, tensor, &error));
    return out;
}

static const void *wanted(const char *format, const char *name, const char *part)
{
    g_autofree char *full = g_strdup_printf(format, name, part);
    const HoneSafetensor *tensor = hone_safetensors_find(expected, full);
    g_assert_nonnull(tensor);
    return tensor->data;
}

typedef struct Case {
    const char *name; /* in the expected file */
    HoneTrainParams params;
    double tolerance; /* on values of size 1/2 and less */
    size_t flips;     /* values that may be further off */
} Case;

/* Against float64: 20 roundings of a value below 1, 3e-8 each, and steps that are right to a few 1e-7 of themselves.
 * AdamW divides by the gradient's own size, which costs a digit.
 * Lion in f32 against f32: two sums in another order may differ in sign where they cancel: a whole step of such a
 * value is another, in hardly any of 116,000.
 * 8-bit: a moment that lies halfway between two codes may take the other one: that value's next steps are off by the
 * distance of two codes, 1/64 of the block's largest moment at most. */
static const Case cases[] = {
    {"adamw",
     {.optimizer = (char *)"adamw", .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8, .weight_decay = 0.1},
     2e-6,
     0},
    {"sgd", {.optimizer = (char *)"sgd", .weight_decay = 0.1}, 1e-6, 0},
    {"sgd_momentum", {.optimizer = (char *)"sgd", .momentum = 0.9, .weight_decay = 0.1}, 1e-6, 0},
    {"sgd_nesterov", {.optimizer = (char *)"sgd", .momentum = 0.9, .nesterov = true, .weight_decay = 0.1}, 1e-6, 0},
    {"adafactor", {.optimizer = (char *)"adafactor", .weight_decay = 0.1}, 2e-6, 0},
    {"lion", {.optimizer = (char *)"lion", .beta1 = 0.9, .beta2 = 0.99, .weight_decay = 0.1}, 1e-6, 2},
    {"adamw_8bit",
     {.optimizer = (char *)"adamw_8bit", .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8, .weight_decay = 0.1},
     2e-6,
     12},
};

/* How many of n values are off by more than the tolerance. */
static size_t far_off(const char *what, const float *got, const float *right, size_t n, double tolerance)
{
    size_t count = 0;
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double off = fabs((double)got[i] - (double)right[i]);
        if (!(off <= tolerance))
            count++;
        if (!(off <= worst))
            worst = off;
    }
    g_test_message("%s: largest difference %.3g, %zu of %zu above %.3g", what, worst, count, n, tolerance);
    return count;
}

static void check_codes(Bench *b, const Case *c)
{
    static const char *const parts[] = {"m", "v"};
    for (int k = 0; k < 2; k++) {
        g_autofree float *codes = values(b, b->optimizer.states[k]), *scales = values(b, b->optimizer.states[2 + k]);
        const unsigned char *got = (const unsigned char *)codes, *right = wanted("codes/%s%s", parts[k], "");
        size_t differ = 0, blocks = (MATRIX + HONE_STATE_BLOCK - 1) / HONE_STATE_BLOCK;
        for (size_t i = 0; i < MATRIX; i++)
            differ += got[i] != right[i];
        g_test_message("%s: %zu of %d codes differ from bitsandbytes'", parts[k], differ, MATRIX);
        g_assert_cmpuint(differ, <=, c->flips);
        /* The largest of a block is never halfway. */
        g_assert_cmpuint(far_off("scales", scales, wanted("scales/%s%s", parts[k], ""), blocks, 1e-7), ==, 0);
    }
}

static void test_steps(gconstpointer data)
{
    const char *backend = data;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Bench b;
        bench_init(&b, backend, &cases[i].params);
        bench_steps(&b, 0, STEPS);
        g_autofree float *matrix = values(&b, b.trainables[0].value), *vector = values(&b, b.trainables[1].value);
        size_t far =
            far_off(cases[i].name, matrix, wanted("%s/%s", cases[i].name, "matrix"), MATRIX, cases[i].tolerance) +
            far_off(cases[i].name, vector, wanted("%s/%s", cases[i].name, "vector"), VECTOR, cases[i].tolerance);
        g_assert_cmpuint(far, <=, cases[i].flips);
        g_assert_cmpuint(b.optimizer.spared, ==, 1);
        if (strcmp(cases[i].name, "adamw_8bit") == 0)
            check_codes(&b, &cases[i]);
        bench_clear(&b);
    }
}

/* Stopped after any step and gone on with from its states: the same bytes. */
static void test_states(gconstpointer data)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        Bench whole, half;
        bench_init(&whole, data, &cases[i].params);
        bench_init(&half, data, &cases[i].params);
        g_autofree char *host = g_malloc(whole.states.bytes), *other = g_malloc(whole.states.bytes);
        bench_steps(&whole, 0, 7);
        g_assert_true(states_download(&whole.states, host, &error));
        g_assert_cmpuint(half.states.bytes, ==, whole.states.bytes);
        g_assert_true(states_upload(&half.states, host, &error));
        bench_steps(&whole, 7, 11);
        bench_steps(&half, 7, 11);
        g_assert_true(states_download(&whole.states, host, &error));
        g_assert_true(states_download(&half.states, other, &error));
        g_assert_cmpmem(host, whole.states.bytes, other, half.states.bytes);
        bench_clear(&whole);
        bench_clear(&half);
    }
}

/* Without a gradient, and with the states still zero, weight decay is all that happens: p·(1 - η·f·λ)^t for a factor f
 * of the rate, and nothing to what is spared. */
static void test_decay(gconstpointer data)
{
    const HoneTrainParams params = {
        .optimizer = (char *)"adamw", .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8, .weight_decay = 0.5};
    g_autoptr(GError) error = NULL;
    Bench b;
    bench_init(&b, data, &params);
    b.trainables[0].rate_scale = 4;
    g_autofree float *start = values(&b, b.trainables[0].value), *norm = values(&b, b.trainables[1].value);
    for (int i = 0; i < 2; i++)
        b.backend->ops->fill(b.backend->stream, b.trainables[i].gradient, 0);
    for (uint32_t step = 1; step <= 3; step++)
        g_assert_true(optimizer_step(&b.optimizer, RATE, 1, step, &error));
    g_autofree float *end = values(&b, b.trainables[0].value), *kept = values(&b, b.trainables[1].value);
    for (size_t i = 0; i < MATRIX; i++)
        start[i] *= (float)pow(1 - 4 * RATE * 0.5, 3);
    g_assert_cmpuint(far_off("decayed", end, start, MATRIX, 3e-7), ==, 0); /* of values below 1/2, three roundings */
    g_assert_cmpmem(kept, VECTOR * sizeof(float), norm, VECTOR * sizeof(float));
    double size;
    g_assert_true(optimizer_size(&b.optimizer, &size, &error));
    double squares = 0;
    for (size_t i = 0; i < MATRIX; i++)
        squares += (double)end[i] * (double)end[i];
    for (size_t i = 0; i < VECTOR; i++)
        squares += (double)kept[i] * (double)kept[i];
    g_assert_true(fabs(size - sqrt(squares)) <= 1e-6 * size); /* an f32 sum */
    bench_clear(&b);
}

/* The parameters' choices are the table's rows. */
static void test_names(void)
{
    for (const HoneParam *param = hone_train_params; param->name; param++)
        if (strcmp(param->name, "optimizer") == 0)
            for (const char *const *choice = param->choices; *choice; choice++)
                g_assert_nonnull(optimizer_rule(*choice));
    g_assert_null(optimizer_rule("adam"));
}

static void test_maps(void)
{
    g_assert_cmpmem(hone_state_map(true), 1024, wanted("map/%s%s", "signed", ""), 1024);
    g_assert_cmpmem(hone_state_map(false), 1024, wanted("map/%s%s", "unsigned", ""), 1024);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_autofree char *path = test_data("optimizers.safetensors");
    g_autoptr(GError) error = NULL;
    expected = hone_safetensors_open(path, &error);
    g_assert_no_error(error);
    static const char *const backends[] = {"reference", "cpu"};
    for (size_t i = 0; i < G_N_ELEMENTS(backends); i++) {
        if (!test_has_plugin(backends[i]))
            continue;
        g_autofree char *steps = g_strdup_printf("/train/optimizers/%s/steps", backends[i]);
        g_autofree char *states = g_strdup_printf("/train/optimizers/%s/states", backends[i]);
        g_autofree char *decay = g_strdup_printf("/train/optimizers/%s/decay", backends[i]);
        g_test_add_data_func(steps, backends[i], test_steps);
        g_test_add_data_func(states, backends[i], test_states);
        g_test_add_data_func(decay, backends[i], test_decay);
    }
    g_test_add_func("/train/optimizers/names", test_names);
    g_test_add_func("/train/optimizers/maps", test_maps);
    int status = g_test_run();
    hone_safetensors_free(expected);
    return status;
}

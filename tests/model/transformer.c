/* SPDX-License-Identifier: Apache-2.0
 * transformer.c (test): forward and backward against transformers and peft on tiny models, and the properties that
 * hold without an oracle.
 */
#include "tiny.h"

#include <math.h>
#include <string.h>

/* Float32 on both sides: sums of at most 64 terms in another order, through at most three layers. Rounding alone gives
 * a few 1e-7 of the largest value; the bound leaves room for another BLAS. */
#define TOLERANCE 1e-5
/* A gradient of q or k is a difference of nearly equal sums (a softmax's derivatives add up to nothing), which loses up
 * to two digits on either side. */
#define GRADIENT_TOLERANCE 1e-4

typedef struct Case {
    const char *name, *backend;
} Case;

static void load_adapter(Tiny *tiny)
{
    g_autoptr(GError) error = NULL;
    hone_model_load_adapter(tiny->model, tiny->adapter, &error);
    g_assert_no_error(error);
}

static void test_logits(const void *data)
{
    const Case *c = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = tiny_open(c->name, c->backend);
    for (int tuned = 0; tuned < 2; tuned++) {
        size_t n;
        const float *want = tiny_floats(tiny, tuned ? "adapter.logits" : "logits", &n);
        const float *want_logprob = tiny_floats(tiny, tuned ? "adapter.logprob" : "logprob", NULL);
        g_assert_cmpuint(n, ==, tiny->batch.n_targets * hone_model_config(tiny->model)->vocab);
        if (tuned)
            load_adapter(tiny);
        g_autofree float *got = g_new0(float, n), *logprob = g_new0(float, tiny->batch.n_targets);
        hone_model_logits(tiny->model, &tiny->batch, got, &error);
        g_assert_no_error(error);
        tiny_assert_close(got, want, n, TOLERANCE);
        HoneForward options = {.size = sizeof(options)};
        hone_model_forward(tiny->model, &tiny->batch, &options, logprob, &error);
        g_assert_no_error(error);
        tiny_assert_close(logprob, want_logprob, tiny->batch.n_targets, TOLERANCE);
        g_test_message("%s on %s: logits differ by %g, log-probabilities by %g of the largest", c->name, c->backend,
                       tiny_error(got, want, n), tiny_error(logprob, want_logprob, tiny->batch.n_targets));
        /* The base under the adapter is what it was. */
        options.adapter_off = true;
        hone_model_forward(tiny->model, &tiny->batch, &options, logprob, &error);
        g_assert_no_error(error);
        tiny_assert_close(logprob, tiny_floats(tiny, "logprob", NULL), tiny->batch.n_targets, TOLERANCE);
    }
}

static void test_gradients(const void *data)
{
    const Case *c = data;
    g_autoptr(Tiny) tiny = tiny_open(c->name, c->backend);
    load_adapter(tiny);
    g_autofree float *logprob = g_new0(float, tiny->batch.n_targets);
    tiny_step(tiny, (HoneForward){0}, false, logprob);
    tiny_assert_close(logprob, tiny_floats(tiny, "adapter.logprob", NULL), tiny->batch.n_targets, TOLERANCE);
    size_t n, wanted = 0;
    const HoneTrainable *t = hone_model_trainables(tiny->model, &n);
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        g_autofree char *name = g_strconcat("grad:", t[i].name, NULL);
        size_t count;
        const float *want = tiny_floats(tiny, name, &count);
        g_assert_cmpuint(count, ==, hone_tensor_count(t[i].gradient));
        g_autofree float *got = tiny_download(tiny, t[i].gradient);
        tiny_assert_close(got, want, count, GRADIENT_TOLERANCE);
        worst = MAX(worst, tiny_error(got, want, count));
    }
    for (size_t i = 0; i < hone_safetensors_count(tiny->expect); i++)
        wanted += g_str_has_prefix(hone_safetensors_get(tiny->expect, i)->name, "grad:");
    g_assert_cmpuint(n, ==, wanted);
    g_test_message("%s on %s: gradients differ by at most %g of the largest", c->name, c->backend, worst);
}

/* All gradients, one after the other. */
static float *all_gradients(const Tiny *tiny, size_t *total)
{
    size_t n;
    const HoneTrainable *t = hone_model_trainables(tiny->model, &n);
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(float));
    for (size_t i = 0; i < n; i++) {
        g_autofree float *values = tiny_download(tiny, t[i].gradient);
        g_array_append_vals(all, values, (guint)hone_tensor_count(t[i].gradient));
    }
    *total = all->len;
    return (float *)(void *)g_array_steal(all, NULL);
}

/* Checkpointing and a derivative that is known in advance change the order of the work, not one bit of the result. */
static void test_same_bits(const void *data)
{
    const Case *c = data;
    g_autoptr(Tiny) tiny = tiny_open(c->name, c->backend);
    load_adapter(tiny);
    size_t k = tiny->batch.n_targets, n;
    g_autofree float *logprob = g_new0(float, k), *again = g_new0(float, k);
    tiny_step(tiny, (HoneForward){0}, false, logprob);
    g_autofree float *plain = all_gradients(tiny, &n);
    g_assert_cmpfloat(tiny_error(plain, plain, n), ==, 0);
    for (int i = 1; i < 4; i++) {
        tiny_step(tiny, (HoneForward){.checkpointing = i & 1}, i & 2, again);
        g_autofree float *other = all_gradients(tiny, &n);
        g_assert_cmpmem(again, k * sizeof(float), logprob, k * sizeof(float));
        g_assert_cmpmem(other, n * sizeof(float), plain, n * sizeof(float));
    }
}

static void test_packing(const void *data)
{
    const Case *c = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = tiny_open(c->name, c->backend);
    load_adapter(tiny);
    const HoneBatch *all = &tiny->batch;
    g_autofree float *packed = g_new0(float, all->n_targets), *one = g_new0(float, all->n_targets);
    HoneForward options = {.size = sizeof(options)};
    hone_model_forward(tiny->model, all, &options, packed, &error);
    g_assert_no_error(error);
    size_t k = 0;
    for (size_t s = 0; s < all->n_sequences; s++) {
        int32_t first = all->starts[s], starts[] = {0, all->starts[s + 1] - first}, rows[64];
        size_t from = k;
        for (; k < all->n_targets && all->target_rows[k] < all->starts[s + 1]; k++)
            rows[k - from] = all->target_rows[k] - first;
        HoneBatch batch = {.size = sizeof(batch),
                           .n_tokens = (size_t)starts[1],
                           .ids = all->ids + first,
                           .n_sequences = 1,
                           .starts = starts,
                           .n_targets = k - from,
                           .target_rows = rows,
                           .targets = all->targets + from};
        if (batch.n_targets == 0)
            continue;
        hone_model_forward(tiny->model, &batch, &options, one + from, &error);
        g_assert_no_error(error);
    }
    g_assert_cmpuint(k, ==, all->n_targets);
    tiny_assert_close(packed, one, all->n_targets, TOLERANCE);
}

static HoneLora new_lora(double dropout)
{
    static const char *const targets[] = {"all-linear", NULL};
    return (HoneLora){
        .size = sizeof(HoneLora), .rank = 3, .alpha = 6, .dropout = dropout, .targets = targets, .seed = 5};
}

/* A new adapter changes nothing, its A lies within its bound and fills it, and only B has a gradient. */
static void test_new_adapter(const void *data)
{
    const Case *c = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = tiny_open(c->name, c->backend);
    size_t k = tiny->batch.n_targets, n;
    g_autofree float *before = g_new0(float, k), *after = g_new0(float, k);
    HoneForward options = {.size = sizeof(options)};
    hone_model_forward(tiny->model, &tiny->batch, &options, before, &error);
    g_assert_no_error(error);
    HoneLora lora = new_lora(0);
    hone_model_add_lora(tiny->model, &lora, &error);
    g_assert_no_error(error);
    tiny_step(tiny, (HoneForward){0}, true, after);
    g_assert_cmpmem(before, k * sizeof(float), after, k * sizeof(float));
    const HoneTrainable *t = hone_model_trainables(tiny->model, &n);
    g_assert_cmpuint(n, ==, hone_model_config(tiny->model)->layers * 14);
    for (size_t i = 0; i < n; i++) {
        bool is_a = strstr(t[i].name, "lora_A") != NULL;
        size_t count = hone_tensor_count(t[i].value);
        g_autofree float *value = tiny_download(tiny, t[i].value), *gradient = tiny_download(tiny, t[i].gradient);
        double largest = 0, slope = 0, bound = 1 / sqrt((double)t[i].value.shape[1]);
        for (size_t e = 0; e < count; e++) {
            largest = MAX(largest, fabs((double)value[e]));
            slope = MAX(slope, fabs((double)gradient[e]));
        }
        g_assert_true(is_a ? largest <= bound && largest > 0.8 * bound : largest == 0);
        g_assert_true(is_a ? slope == 0 : slope > 0);
    }
    g_assert_false(hone_model_add_lora(tiny->model, &lora, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED);
}

static double loss_of(Tiny *tiny, uint64_t dropout_seed)
{
    g_autoptr(GError) error = NULL;
    const float *derivative = tiny_floats(tiny, "derivative", NULL);
    g_autofree float *logprob = g_new0(float, tiny->batch.n_targets);
    HoneForward options = {.size = sizeof(options), .dropout_seed = dropout_seed};
    hone_model_forward(tiny->model, &tiny->batch, &options, logprob, &error);
    g_assert_no_error(error);
    double loss = 0;
    for (size_t i = 0; i < tiny->batch.n_targets; i++)
        loss += (double)derivative[i] * logprob[i];
    return loss;
}

/* Along random directions in all trained tensors: loss(v + e·u) - loss(v - e·u) = 2e·gradient·u, with dropout on. */
static void test_finite_differences(const void *data)
{
    const Case *c = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = tiny_open(c->name, c->backend);
    HoneLora lora = new_lora(0.25);
    hone_model_add_lora(tiny->model, &lora, &error);
    g_assert_no_error(error);
    size_t n;
    const HoneTrainable *t = hone_model_trainables(tiny->model, &n);
    g_autoptr(GRand) rand = g_rand_new_with_seed(3);
    for (size_t i = 0; i < n; i++) {
        size_t count = hone_tensor_count(t[i].value);
        g_autofree float *value = g_new(float, count);
        for (size_t e = 0; e < count; e++)
            value[e] = (float)g_rand_double_range(rand, -0.3, 0.3);
        hone_backend_upload(tiny->backend, t[i].value, value, &error);
        g_assert_no_error(error);
    }
    g_autofree float *logprob = g_new0(float, tiny->batch.n_targets);
    tiny_step(tiny, (HoneForward){.dropout_seed = 77, .checkpointing = true}, false, logprob);
    for (size_t i = 0; i < n; i++) {
        size_t count = hone_tensor_count(t[i].value);
        g_autofree float *value = tiny_download(tiny, t[i].value), *gradient = tiny_download(tiny, t[i].gradient);
        g_autofree float *moved = g_new(float, count), *direction = g_new(float, count);
        double want = 0, norm = 0, losses[2];
        for (size_t e = 0; e < count; e++) {
            direction[e] = (float)g_rand_double_range(rand, -1, 1);
            want += (double)gradient[e] * direction[e];
            norm += (double)gradient[e] * gradient[e];
        }
        const float size = 4e-3f;
        for (int side = 0; side < 2; side++) {
            for (size_t e = 0; e < count; e++)
                moved[e] = value[e] + (side == 0 ? size : -size) * direction[e];
            hone_backend_upload(tiny->backend, t[i].value, moved, &error);
            g_assert_no_error(error);
            losses[side] = loss_of(tiny, 77);
        }
        hone_backend_upload(tiny->backend, t[i].value, value, &error);
        g_assert_no_error(error);
        double got = (losses[0] - losses[1]) / (2 * (double)size);
        /* Log-probabilities of about 6 have an error of 5e-7 each: 5e-6 of loss over 2e = 8e-3 gives 6e-4; the cubic
         * term is of the order size²·|gradient|·√count. */
        g_assert_true(fabs(got - want) <= 2e-3 + 1e-2 * sqrt(norm));
    }
    g_assert_true(fabs(loss_of(tiny, 77) - loss_of(tiny, 78)) > 1e-3); /* another mask */
    g_assert_true(loss_of(tiny, 77) == loss_of(tiny, 77));
}

static void test_accumulation(const void *data)
{
    const Case *c = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = tiny_open(c->name, c->backend);
    load_adapter(tiny);
    g_autofree float *logprob = g_new0(float, tiny->batch.n_targets);
    size_t n;
    tiny_step(tiny, (HoneForward){0}, true, logprob);
    g_autofree float *once = all_gradients(tiny, &n);
    HoneForward options = {
        .size = sizeof(options), .keep = true, .known_derivative = tiny_floats(tiny, "derivative", NULL)};
    hone_model_forward(tiny->model, &tiny->batch, &options, logprob, &error);
    g_assert_no_error(error);
    /* A forward that keeps nothing, in between, does not disturb. */
    loss_of(tiny, 0);
    hone_model_backward(tiny->model, NULL, &error);
    g_assert_no_error(error);
    g_autofree float *twice = all_gradients(tiny, &n);
    for (size_t i = 0; i < n; i++)
        once[i] *= 2;
    tiny_assert_close(twice, once, n, 1e-6);
}

static void test_bad_batches(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = tiny_open("tiny", "reference");
    const HoneBatch good = {.size = sizeof(good),
                            .n_tokens = 3,
                            .ids = (const int32_t[]){5, 6, 7},
                            .n_sequences = 2,
                            .starts = (const int32_t[]){0, 2, 3},
                            .n_targets = 2,
                            .target_rows = (const int32_t[]){0, 2},
                            .targets = (const int32_t[]){6, 7}};
    int32_t long_ids[65], long_starts[] = {0, 65};
    for (int i = 0; i < 65; i++)
        long_ids[i] = 4;
    float logprob[3];
    HoneForward options = {.size = sizeof(options)};
    hone_model_forward(tiny->model, &good, &options, logprob, &error);
    g_assert_no_error(error);
#define REFUSED(change)                                                                                                \
    do {                                                                                                               \
        HoneBatch b = good;                                                                                            \
        change;                                                                                                        \
        g_assert_false(hone_model_forward(tiny->model, &b, &options, logprob, &error));                                \
        g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);                                                         \
        g_clear_error(&error);                                                                                         \
    } while (0)
    REFUSED(b.n_tokens = 0);
    REFUSED(b.n_targets = 0);
    REFUSED(b.ids = ((const int32_t[]){5, -1, 7}));
    REFUSED(b.ids = ((const int32_t[]){5, 269, 7}));
    REFUSED(b.starts = ((const int32_t[]){0, 2, 4}));
    REFUSED(b.starts = ((const int32_t[]){0, 3, 3}));
    REFUSED(b.starts = ((const int32_t[]){1, 2, 3}));
    REFUSED(b.target_rows = ((const int32_t[]){0, 3}));
    REFUSED(b.target_rows = ((const int32_t[]){2, 2}));
    REFUSED(b.targets = ((const int32_t[]){6, 300}));
    REFUSED(b.positions = ((const int32_t[]){0, 1, 64}));
    REFUSED((b.ids = long_ids, b.n_tokens = 65, b.n_sequences = 1, b.starts = long_starts));
#undef REFUSED
    options.keep = true;
    g_assert_false(hone_model_forward(tiny->model, &good, &options, logprob, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED); /* nothing to train */
}

static void test_divergence(const void *data)
{
    const Case *c = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = tiny_open("tiny3", c->backend);
    load_adapter(tiny);
    size_t n;
    const HoneTrainable *t = hone_model_trainables(tiny->model, &n);
    for (size_t i = 0; i < n; i++) {
        if (strstr(t[i].name, "layers.1.self_attn.v_proj.lora_B") == NULL)
            continue;
        g_autofree float *value = tiny_download(tiny, t[i].value);
        value[2] = NAN;
        hone_backend_upload(tiny->backend, t[i].value, value, &error);
        g_assert_no_error(error);
    }
    g_autofree float *logprob = g_new0(float, tiny->batch.n_targets);
    HoneForward options = {.size = sizeof(options), .keep = true};
    g_assert_false(hone_model_forward(tiny->model, &tiny->batch, &options, logprob, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_DIVERGED);
    g_assert_nonnull(strstr(error->message, "layer 1 of 3"));
}

/* The less memory, the more layers are computed again: the same bits, down to what checkpointing needs; below that an
 * error that says what to do, after which the model goes on working. */
static void test_memory_limit(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) free_tiny = tiny_open("tiny3", "reference"), small = tiny_open("tiny3", "reference");
    size_t k = small->batch.n_targets, n, steps = 0;
    g_autofree float *want = g_new0(float, k), *got = g_new0(float, k);
    load_adapter(free_tiny);
    tiny_step(free_tiny, (HoneForward){0}, true, want);
    g_autofree float *gradients = all_gradients(free_tiny, &n);
    uint64_t all = free_tiny->backend->peak;
    load_adapter(small);
    tiny_step(small, (HoneForward){.checkpointing = true}, true, got);
    uint64_t least = small->backend->peak, last = UINT64_MAX;
    g_assert_cmpuint(least, <, all);

    HoneForward options = {.size = sizeof(options), .keep = true};
    for (uint64_t limit = all; limit >= least; limit -= 512) {
        g_autoptr(Tiny) tiny = tiny_open("tiny3", "reference");
        load_adapter(tiny);
        tiny->backend->limit = limit;
        tiny_step(tiny, (HoneForward){0}, true, got);
        g_assert_cmpuint(tiny->backend->peak, <=, limit);
        if (tiny->backend->peak == last)
            continue;
        last = tiny->backend->peak;
        steps++;
        g_autofree float *other = all_gradients(tiny, &n);
        g_assert_cmpmem(other, n * sizeof(float), gradients, n * sizeof(float));
        g_assert_cmpmem(got, k * sizeof(float), want, k * sizeof(float));
    }
    g_assert_cmpuint(steps, >=, 3);
    g_assert_cmpuint(last, ==, least);

    g_autoptr(Tiny) tiny = tiny_open("tiny3", "reference");
    load_adapter(tiny);
    tiny->backend->limit = least - 64;
    g_assert_false(hone_model_forward(tiny->model, &tiny->batch, &options, got, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_MEMORY);
    g_clear_error(&error);
    tiny->backend->limit = 0;
    hone_model_forward(tiny->model, &tiny->batch, &options, got, &error);
    g_assert_no_error(error);
}

static void test_comparer(void)
{
    const float want[] = {1, -4}, nan[] = {1, NAN}, off[] = {1, -4.1f};
    g_assert_cmpfloat(tiny_error(want, want, 2), ==, 0);
    g_assert_true(isinf(tiny_error(nan, want, 2)));
    g_assert_true(isinf(tiny_error(want, nan, 2)));
    g_assert_cmpfloat_with_epsilon(tiny_error(off, want, 2), 0.025, 1e-6);
}

static void add(const char *what, const char *name, const char *backend, GTestDataFunc function)
{
    Case *c = g_new(Case, 1);
    *c = (Case){name, backend};
    g_autofree char *path = g_strdup_printf("/transformer/%s/%s/%s", what, name, backend);
    g_test_add_data_func_full(path, c, function, g_free);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/transformer/comparer", test_comparer);
    for (size_t b = 0; tiny_backends[b] != NULL; b++) {
        for (size_t m = 0; tiny_names[m] != NULL; m++) {
            add("logits", tiny_names[m], tiny_backends[b], test_logits);
            add("gradients", tiny_names[m], tiny_backends[b], test_gradients);
            add("same-bits", tiny_names[m], tiny_backends[b], test_same_bits);
            add("packing", tiny_names[m], tiny_backends[b], test_packing);
            add("new-adapter", tiny_names[m], tiny_backends[b], test_new_adapter);
            add("finite-differences", tiny_names[m], tiny_backends[b], test_finite_differences);
            add("accumulation", tiny_names[m], tiny_backends[b], test_accumulation);
        }
        add("divergence", "tiny3", tiny_backends[b], test_divergence);
    }
    g_test_add_func("/transformer/bad-batches", test_bad_batches);
    g_test_add_func("/transformer/memory-limit", test_memory_limit);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0
 * families.c (test): a small random model of every family, from a folder and from a GGUF, against what transformers
 * makes of it (tests/oracle/families.py): logits, log-probabilities, greedy tokens, the gradient of every parameter,
 * adapters on families with tensors and norms of their own; and how far bf16 is from that.
 */
#include "tiny.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

/* Float32 on both sides: sums of at most 96 terms in another order, through at most seven layers with up to five norms
 * each; the bound is relative to the largest logit. */
#define TOLERANCE 1e-5
/* Of a gradient's norm. Derivatives of scores are differences of nearly equal sums, which loses up to two digits on
 * either side; a wrong term is off by far more. */
#define GRADIENT_TOLERANCE 1e-4
/* Where the true gradient is zero but for rounding (a key's bias moves all scores of a row alike) its norm says
 * nothing: such are held against the largest norm of all the model's gradients. */
#define ROUNDING 1e-6

typedef struct Case {
    char *name, *backend;
    bool gguf;
} Case;

static char *family_path(const char *name, const char *suffix)
{
    g_autofree char *file = g_strconcat(name, suffix, NULL);
    return g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "model", "data", "families", file, NULL);
}

static Tiny *family_open_on(const Case *c, HoneBackend *backend)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = family_path(c->name, c->gguf ? ".gguf" : "");
    g_autofree char *expect = family_path(c->name, ".expect.safetensors");
    Tiny *tiny = g_new0(Tiny, 1);
    tiny->adapter = family_path(c->name, "-adapter");
    tiny->backend = backend;
    tiny->model = hone_model_open(path, tiny->backend, NULL, &error);
    g_assert_no_error(error);
    tiny->expect = hone_safetensors_open(expect, &error);
    g_assert_no_error(error);
    tiny_read_batch(tiny);
    return tiny;
}

static Tiny *family_open(const Case *c)
{
    g_autoptr(GError) error = NULL;
    HoneBackend *backend = test_open_backend(c->backend, NULL, 2, &error);
    g_assert_no_error(error);
    return family_open_on(c, backend);
}

static double norm(const float *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)values[i] * values[i];
    return sqrt(sum);
}

static double distance(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sqrt(sum);
}

/* Of every row. */
static float *all_logits(const Tiny *tiny, size_t n)
{
    g_autoptr(GError) error = NULL;
    HoneBatch all = tiny->batch;
    g_assert_cmpuint(n, ==, all.n_tokens * hone_model_config(tiny->model)->vocab);
    g_autofree int32_t *rows = g_new(int32_t, all.n_tokens);
    for (size_t i = 0; i < all.n_tokens; i++)
        rows[i] = (int32_t)i;
    all.n_targets = all.n_tokens;
    all.target_rows = rows;
    all.targets = NULL;
    float *logits = g_new0(float, n);
    hone_model_logits(tiny->model, &all, logits, &error);
    g_assert_no_error(error);
    return logits;
}

/* Logits of all rows, log-probabilities of the batch's. */
static void check_forward(const Tiny *tiny, const char *logits_name, const char *logprob_name)
{
    g_autoptr(GError) error = NULL;
    const HoneBatch *b = &tiny->batch;
    size_t n;
    const float *want = tiny_floats(tiny, logits_name, &n);
    g_autofree float *logits = all_logits(tiny, n), *logprob = g_new0(float, b->n_targets);
    tiny_assert_close(logits, want, n, TOLERANCE);
    HoneForward options = {.size = sizeof(options)};
    hone_model_forward(tiny->model, b, &options, logprob, &error);
    g_assert_no_error(error);
    tiny_assert_close(logprob, tiny_floats(tiny, logprob_name, NULL), b->n_targets, TOLERANCE);
    g_test_message("logits differ by %g, log-probabilities by %g of the largest", tiny_error(logits, want, n),
                   tiny_error(logprob, tiny_floats(tiny, logprob_name, NULL), b->n_targets));
}

static void test_forward(const void *data)
{
    g_autoptr(Tiny) tiny = family_open(data);
    check_forward(tiny, "logits", "logprob");
}

/* One prompt at a time and all of them at once. */
static void check_greedy(const Tiny *tiny, const char *name)
{
    g_autoptr(GError) error = NULL;
    size_t n, values;
    const int32_t *ids = tiny_ints(tiny, "prompt_ids", NULL), *starts = tiny_ints(tiny, "prompt_starts", &n);
    const int32_t *want = tiny_ints(tiny, name, &values);
    size_t limit = values / --n;
    for (size_t batch = 1; batch <= n; batch += n - 1) {
        g_autoptr(GPtrArray) prompts = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
        g_autofree HoneCompletion **out = g_new0(HoneCompletion *, n);
        for (size_t i = 0; i < n; i++) {
            GArray *prompt = g_array_new(FALSE, FALSE, sizeof(int32_t));
            g_array_append_vals(prompt, ids + starts[i], (guint)(starts[i + 1] - starts[i]));
            g_ptr_array_add(prompts, prompt);
        }
        HoneSampling sampling = {
            .size = sizeof(sampling), .top_p = 1, .repetition_penalty = 1, .max_tokens = (uint32_t)limit};
        hone_model_generate(tiny->model, (GArray *const *)(void *)prompts->pdata, n, batch, &sampling, NULL, NULL, out,
                            &error);
        g_assert_no_error(error);
        for (size_t i = 0; i < n; i++) {
            size_t length = 0;
            while (length < limit && want[i * limit + length] >= 0)
                length++;
            g_assert_cmpmem(out[i]->ids->data, out[i]->ids->len * sizeof(int32_t), want + i * limit,
                            length * sizeof(int32_t));
            g_assert_cmpint(out[i]->finished, ==, length < limit);
            hone_completion_free(out[i]);
        }
    }
}

static void test_greedy(const void *data)
{
    g_autoptr(Tiny) tiny = family_open(data);
    check_greedy(tiny, "greedy");
}

/* Each trainable's gradient is the oracle's of that name, and the oracle has no other. */
static void check_gradients(Tiny *tiny, const char *prefix, const char *logprob_name)
{
    g_autofree float *logprob = g_new0(float, tiny->batch.n_targets);
    tiny_step(tiny, (HoneForward){0}, false, logprob);
    tiny_assert_close(logprob, tiny_floats(tiny, logprob_name, NULL), tiny->batch.n_targets, TOLERANCE);
    size_t n, wanted = 0;
    double largest = 0, worst = 0;
    for (size_t i = 0; i < hone_safetensors_count(tiny->expect); i++) {
        const HoneSafetensor *tensor = hone_safetensors_get(tiny->expect, i);
        if (!g_str_has_prefix(tensor->name, prefix))
            continue;
        wanted++;
        largest = MAX(largest, norm(tensor->data, tensor->bytes / sizeof(float)));
    }
    const HoneTrainable *t = hone_model_trainables(tiny->model, &n);
    g_assert_cmpuint(n, ==, wanted);
    for (size_t i = 0; i < n; i++) {
        g_autofree char *name = g_strconcat(prefix, t[i].name, NULL);
        size_t count;
        const float *want = tiny_floats(tiny, name, &count);
        g_assert_cmpuint(count, ==, hone_tensor_count(t[i].gradient));
        g_autofree float *got = tiny_download(tiny, t[i].gradient);
        double size = MAX(norm(want, count), largest * ROUNDING / GRADIENT_TOLERANCE);
        double off = distance(got, want, count) / size;
        if (!(off <= GRADIENT_TOLERANCE))
            g_error("the gradient of %s is off by %g of its norm", t[i].name, off);
        worst = MAX(worst, off);
    }
    g_test_message("%zu gradients differ by at most %g of their norms", n, worst);
}

static void test_gradients(const void *data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = family_open(data);
    hone_model_train_weights(tiny->model, &error);
    g_assert_no_error(error);
    check_gradients(tiny, "grad:", "logprob");
    /* Computing layers again changes no bit. */
    size_t n, k = tiny->batch.n_targets;
    const HoneTrainable *t = hone_model_trainables(tiny->model, &n);
    g_autoptr(GPtrArray) first = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < n; i++)
        g_ptr_array_add(first, tiny_download(tiny, t[i].gradient));
    g_autofree float *logprob = g_new0(float, k);
    tiny_step(tiny, (HoneForward){.checkpointing = true}, true, logprob);
    for (size_t i = 0; i < n; i++) {
        g_autofree float *again = tiny_download(tiny, t[i].gradient);
        size_t bytes = hone_tensor_bytes(t[i].gradient);
        g_assert_cmpmem(again, bytes, first->pdata[i], bytes);
    }
}

static void test_adapter(const void *data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = family_open(data);
    hone_model_load_adapter(tiny->model, tiny->adapter, &error);
    g_assert_no_error(error);
    check_forward(tiny, "adapter.logits", "adapter.logprob");
    check_gradients(tiny, "adapter-grad:", "adapter.logprob");
    check_greedy(tiny, "adapter.greedy");
    /* What Hone writes of it is the same adapter. */
    g_autofree char *folder = g_dir_make_tmp("hone-families-XXXXXX", &error);
    g_assert_no_error(error);
    hone_model_save_adapter(tiny->model, folder, &error);
    g_assert_no_error(error);
    g_autoptr(Tiny) again = family_open(data);
    hone_model_load_adapter(again->model, folder, &error);
    g_assert_no_error(error);
    check_forward(again, "adapter.logits", "adapter.logprob");
    static const char *const files[] = {"adapter_config.json", "adapter_model.safetensors"};
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(folder, files[i], NULL);
        if (i == 0 && strcmp(((const Case *)data)->name, "gemma3-larger") == 0) {
            g_autofree char *text = NULL;
            g_file_get_contents(path, &text, NULL, &error);
            g_assert_no_error(error);
            /* By its whole name: the part that sees images has a q_proj too. */
            g_assert_nonnull(strstr(text, "\"model.language_model.layers.1.self_attn.q_proj\""));
            g_assert_null(strstr(text, "\"q_proj\""));
        }
        g_remove(path);
    }
    g_rmdir(folder);
}

/* A backend that multiplies in bf16 is no further from float32 than transformers' own bf16, which rounds every
 * activation besides: of the logits, and of the gradients taken together. One gradient alone may be a few numbers,
 * whose roundings are a draw on either side: twice is room for that, and a wrong term is off by far more. */
#define ONE_GRADIENT 2.0

static void test_half(const void *data)
{
    const Case *c = data;
    g_autoptr(GError) error = NULL;
    HoneBackend *backend = test_open_backend_with(c->backend, "products", "all", 2, &error);
    if (backend == NULL) {
        g_test_skip(error->message);
        return;
    }
    g_autoptr(Tiny) tiny = family_open_on(c, backend);
    size_t n;
    const float *want = tiny_floats(tiny, "logits", &n);
    g_autofree float *logits = all_logits(tiny, n);
    double off = distance(logits, want, n) / norm(want, n) / tiny_floats(tiny, "bf16.logits", NULL)[0];
    if (!(off <= 1))
        g_error("the logits' error is %g of transformers' own in bf16", off);
    /* It did multiply in bf16: float32 is a thousand times nearer. */
    g_assert_cmpfloat(off, >, 0.01);

    hone_model_train_weights(tiny->model, &error);
    g_assert_no_error(error);
    g_autofree float *logprob = g_new0(float, tiny->batch.n_targets);
    tiny_step(tiny, (HoneForward){0}, false, logprob);
    const HoneTrainable *t = hone_model_trainables(tiny->model, &n);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        g_autofree char *name = g_strconcat("grad:", t[i].name, NULL), *half = g_strconcat("bf16-", name, NULL);
        size_t count;
        const float *gradient = tiny_floats(tiny, name, &count);
        g_autofree float *got = tiny_download(tiny, t[i].gradient);
        double ratio = distance(got, gradient, count) / norm(gradient, count) / tiny_floats(tiny, half, NULL)[0];
        if (!(ratio <= ONE_GRADIENT))
            g_error("the error of the gradient of %s is %g of transformers' own in bf16", t[i].name, ratio);
        sum += ratio * ratio;
    }
    g_test_message("of transformers' own error in bf16: logits %g, gradients %g", off, sqrt(sum / (double)n));
    g_assert_cmpfloat(sqrt(sum / (double)n), <=, 1);
}

static void case_free(void *data)
{
    Case *c = data;
    g_free(c->name);
    g_free(c->backend);
    g_free(c);
}

static void add(const char *name, const char *backend, bool gguf, const char *what, GTestDataFunc run)
{
    Case *c = g_new0(Case, 1);
    *c = (Case){g_strdup(name), g_strdup(backend), gguf};
    g_autofree char *path = g_strdup_printf("/families/%s/%s/%s/%s", name, gguf ? "gguf" : "folder", backend, what);
    g_test_add_data_func_full(path, c, run, case_free);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = family_path("", "");
    g_autoptr(GDir) dir = g_dir_open(folder, 0, &error);
    g_assert_no_error(error);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *file;
    while ((file = g_dir_read_name(dir)) != NULL)
        if (g_str_has_suffix(file, ".expect.safetensors"))
            g_ptr_array_add(names, g_strndup(file, strlen(file) - strlen(".expect.safetensors")));
    g_ptr_array_sort(names, by_name);
    /* Each of the eleven families at least once. */
    g_assert_cmpuint(names->len, >=, 11);
    for (guint i = 0; i < names->len; i++) {
        for (int gguf = 0; gguf < 2; gguf++) {
            g_autofree char *path = family_path(names->pdata[i], gguf ? ".gguf" : "");
            g_autofree char *adapter = family_path(names->pdata[i], "-adapter");
            if (!g_file_test(path, G_FILE_TEST_EXISTS))
                continue;
            for (size_t b = 0; tiny_backends[b] != NULL; b++) {
                add(names->pdata[i], tiny_backends[b], gguf, "forward", test_forward);
                add(names->pdata[i], tiny_backends[b], gguf, "greedy", test_greedy);
                add(names->pdata[i], tiny_backends[b], gguf, "gradients", test_gradients);
                if (b == 0)
                    add(names->pdata[i], "onednn", gguf, "half", test_half);
                if (g_file_test(adapter, G_FILE_TEST_EXISTS))
                    add(names->pdata[i], tiny_backends[b], gguf, "adapter", test_adapter);
            }
        }
    }
    return g_test_run();
}

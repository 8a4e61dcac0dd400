/* SPDX-License-Identifier: Apache-2.0
 * real.c (test): SmolLM2-135M-Instruct as transformers reads it: logits of the dequantised file, and greedy answers.
 *
 * The model is named by HONE_TEST_MODEL; tests/oracle/real_llama.py made the expected values from the same file, whose
 * hash they carry.
 */
#include "tiny.h"

#include <hone/file.h>
#include <math.h>

#define ANSWER 64

static Tiny *open_real(void)
{
    g_autoptr(GError) error = NULL;
    const char *path = g_getenv("HONE_TEST_MODEL");
    g_autoptr(Tiny) real = g_new0(Tiny, 1);
    g_autofree char *expect = tiny_data("smollm2.expect.safetensors");
    real->backend = test_open_backend("cpu", NULL, 2, &error);
    g_assert_no_error(error);
    real->expect = hone_safetensors_open(expect, &error);
    g_assert_no_error(error);
    real->model = hone_model_open(path, real->backend, NULL, &error);
    g_assert_no_error(error);
    g_autofree char *hash = hone_file_hash(path, &error);
    g_assert_cmpstr(hash, ==, hone_safetensors_meta(real->expect, "sha256"));
    return g_steal_pointer(&real);
}

/* 1e-3 is the aim: logits reach 30, products of up to 1536 terms are summed in another order than torch's, and thirty
 * layers pass the difference on. A wrong weight or position is off by whole units. */
static void test_logits(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) real = open_real();
    HoneBatch batch = {.size = sizeof(batch)};
    size_t sampled, vocabulary = hone_model_config(real->model)->vocab;
    batch.ids = tiny_ints(real, "ids", &batch.n_tokens);
    batch.starts = tiny_ints(real, "starts", &batch.n_sequences);
    batch.n_sequences--;
    batch.target_rows = tiny_ints(real, "target_rows", &batch.n_targets);
    g_autofree int32_t *targets = g_new0(int32_t, batch.n_targets);
    batch.targets = targets;
    const int32_t *sample = tiny_ints(real, "sample", &sampled), *best = tiny_ints(real, "best", NULL);
    const float *want = tiny_floats(real, "logits", NULL), *largest = tiny_floats(real, "largest", NULL);
    g_autofree float *logits = g_new(float, batch.n_targets *vocabulary);
    hone_model_logits(real->model, &batch, logits, &error);
    g_assert_no_error(error);

    double worst = 0;
    for (size_t k = 0; k < batch.n_targets; k++) {
        const float *row = logits + k * vocabulary;
        for (size_t i = 0; i < sampled; i++) {
            double off = fabs((double)row[sample[i]] - want[k * sampled + i]);
            worst = off <= worst ? worst : off; /* NaN is kept */
        }
        g_assert_cmpfloat(fabs((double)row[best[k]] - largest[k]), <=, 1e-3);
        for (size_t v = 0; v < vocabulary; v++)
            g_assert_true(row[v] <= row[best[k]]);
    }
    g_test_message("%zu positions, %zu logits each: largest difference %.2g", batch.n_targets, sampled, worst);
    g_assert_true(worst <= 1e-3);
}

static void test_greedy(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) real = open_real();
    size_t n;
    const int32_t *ids = tiny_ints(real, "prompt_ids", NULL), *starts = tiny_ints(real, "prompt_starts", &n);
    const int32_t *want = tiny_ints(real, "greedy", NULL);
    n--;
    g_autoptr(GPtrArray) prompts = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
    for (size_t i = 0; i < n; i++) {
        GArray *prompt = g_array_new(FALSE, FALSE, sizeof(int32_t));
        g_array_append_vals(prompt, ids + starts[i], (guint)(starts[i + 1] - starts[i]));
        g_ptr_array_add(prompts, prompt);
    }
    HoneSampling greedy = {.size = sizeof(greedy), .top_p = 1, .repetition_penalty = 1, .max_tokens = ANSWER};
    g_autofree HoneCompletion **out = g_new0(HoneCompletion *, n);
    hone_model_generate(real->model, (GArray *const *)prompts->pdata, n, 8, &greedy, NULL, NULL, out, &error);
    g_assert_no_error(error);
    for (size_t i = 0; i < n; i++) {
        size_t length = 0;
        while (length < ANSWER && want[i * ANSWER + length] >= 0)
            length++;
        g_assert_cmpmem(out[i]->ids->data, out[i]->ids->len * sizeof(int32_t), want + i * ANSWER,
                        length * sizeof(int32_t));
        hone_completion_free(out[i]);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (g_getenv("HONE_TEST_MODEL") == NULL) {
        g_print("1..0 # SKIP HONE_TEST_MODEL names no model (./test fetches it)\n");
        return 0;
    }
    g_test_add_func("/real/logits", test_logits);
    g_test_add_func("/real/greedy", test_greedy);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0
 * sample.c (test): draws against the probabilities that transformers' processors leave.
 */
#include "../../sdk/model/internal.h"

#include <math.h>
#include <string.h>

static HoneSafetensors *open_cases(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path =
        g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests/model/data/sampling.safetensors", NULL);
    HoneSafetensors *file = hone_safetensors_open(path, &error);
    g_assert_no_error(error);
    return file;
}

static void test_probabilities(void)
{
    g_autoptr(HoneSafetensors) file = open_cases();
    const HoneSafetensor *logits = hone_safetensors_find(file, "logits");
    size_t cases = logits->shape[0], vocab = logits->shape[1];
    const HoneSafetensor *history = hone_safetensors_find(file, "history");
    for (size_t c = 0; c < cases; c++) {
        const float *at = (const float *)logits->data + c * vocab;
        const float *set = (const float *)hone_safetensors_find(file, "settings")->data + c * 4;
        const float *want = (const float *)hone_safetensors_find(file, "probabilities")->data + c * vocab;
        const int32_t *seen = (const int32_t *)history->data + c * history->shape[1];
        HoneSampling sampling = {.size = sizeof(sampling),
                                 .temperature = set[0],
                                 .top_k = (uint32_t)set[1],
                                 .top_p = set[2],
                                 .repetition_penalty = set[3],
                                 .max_tokens = 1,
                                 .seed = 11};
        Sampler *sampler = sampler_new(&sampling, vocab);
        enum { DRAWS = 40000 };
        g_autofree size_t *count = g_new0(size_t, vocab);
        g_autofree float *row = g_new(float, vocab);
        for (size_t i = 0; i < DRAWS; i++) {
            memcpy(row, at, vocab * sizeof(float));
            int32_t id = sampler_next(sampler, row, seen, history->shape[1], c, i);
            g_assert_cmpint(id, >=, 0);
            count[id]++;
        }
        for (size_t v = 0; v < vocab; v++) {
            /* A token that a processor removed never comes; the others as often as they should, within five standard
             * deviations and one draw. */
            double mean = (double)want[v] * DRAWS, deviation = sqrt(mean * (1 - (double)want[v]));
            if (want[v] == 0)
                g_assert_cmpuint(count[v], ==, 0);
            else
                g_assert_true(fabs((double)count[v] - mean) <= 5 * deviation + 1);
        }
        sampler_free(sampler);
    }
}

static void test_greedy(void)
{
    HoneSampling sampling = {.size = sizeof(sampling), .top_p = 1, .repetition_penalty = 1, .max_tokens = 1};
    Sampler *sampler = sampler_new(&sampling, 5);
    /* The lowest of equals; what is not finite never wins. */
    g_assert_cmpint(sampler_next(sampler, (float[]){1, 3, 3, -1, 2}, NULL, 0, 0, 0), ==, 1);
    g_assert_cmpint(sampler_next(sampler, (float[]){NAN, -3, -4, INFINITY, -INFINITY}, NULL, 0, 0, 0), ==, 1);
    g_assert_cmpint(sampler_next(sampler, (float[]){NAN, NAN, NAN, INFINITY, -INFINITY}, NULL, 0, 0, 0), ==, -1);
    sampler_free(sampler);
    sampling.repetition_penalty = 2;
    sampler = sampler_new(&sampling, 5);
    /* 3/2 < 2; a token seen twice is penalised once. */
    g_assert_cmpint(sampler_next(sampler, (float[]){1, 3, 0, -1, 2}, (int32_t[]){1, 1}, 2, 0, 0), ==, 4);
    g_assert_cmpint(sampler_next(sampler, (float[]){-1, -3, -2, -9, -1.5f}, (int32_t[]){0}, 1, 0, 0), ==, 4);
    sampler_free(sampler);
}

/* The draw depends on seed, prompt and position, and on nothing that came before. */
static void test_stateless(void)
{
    g_autoptr(HoneSafetensors) file = open_cases();
    const float *at = hone_safetensors_find(file, "logits")->data;
    size_t vocab = hone_safetensors_find(file, "logits")->shape[1];
    HoneSampling sampling = {.size = sizeof(sampling),
                             .temperature = 1,
                             .top_k = 20,
                             .top_p = 0.99,
                             .repetition_penalty = 1,
                             .max_tokens = 1,
                             .seed = 3};
    Sampler *sampler = sampler_new(&sampling, vocab);
    g_autofree float *row = g_new(float, vocab);
    int32_t first[50];
    size_t other = 0;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 50; i++) {
            size_t at_i = round == 1 ? 49 - i : i;
            memcpy(row, at, vocab * sizeof(float));
            int32_t id = sampler_next(sampler, row, NULL, 0, round == 2 ? 1 : 0, at_i);
            if (round == 0)
                first[at_i] = id;
            else if (round == 1)
                g_assert_cmpint(id, ==, first[at_i]);
            else
                other += id != first[at_i];
        }
    }
    g_assert_cmpuint(other, >, 10);
    sampler_free(sampler);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sample/probabilities", test_probabilities);
    g_test_add_func("/sample/greedy", test_greedy);
    g_test_add_func("/sample/stateless", test_stateless);
    return g_test_run();
}

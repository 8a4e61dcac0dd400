/* SPDX-License-Identifier: Apache-2.0
 * generate.c (test): greedy answers equal transformers'; rows come and go; stop strings, limits and the callback.
 */
#include "tiny.h"

#include <math.h>
#include <string.h>

typedef struct Case {
    const char *name, *backend;
} Case;

static GArray **read_prompts(const Tiny *tiny, size_t *n)
{
    const int32_t *ids = tiny_ints(tiny, "prompt_ids", NULL), *starts = tiny_ints(tiny, "prompt_starts", n);
    --*n;
    GArray **prompts = g_new0(GArray *, *n);
    for (size_t i = 0; i < *n; i++) {
        prompts[i] = g_array_new(FALSE, FALSE, sizeof(int32_t));
        g_array_append_vals(prompts[i], ids + starts[i], (guint)(starts[i + 1] - starts[i]));
    }
    return prompts;
}

static void free_all(GArray **prompts, HoneCompletion **out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        g_array_unref(prompts[i]);
        hone_completion_free(out[i]);
    }
    g_free(prompts);
    g_free(out);
}

static HoneSampling greedy(uint32_t max_tokens)
{
    return (HoneSampling){.size = sizeof(HoneSampling), .top_p = 1, .repetition_penalty = 1, .max_tokens = max_tokens};
}

static bool join(size_t index, const char *piece, void *data)
{
    g_assert_true(g_utf8_validate(piece, -1, NULL));
    g_assert_cmpstr(piece, !=, "");
    g_string_append(((GString **)data)[index], piece);
    return true;
}

static void check_text(const Tiny *tiny, const HoneCompletion *completion, const GString *pieces)
{
    g_assert_cmpstr(completion->text, ==, pieces->str);
    const HoneTokenizer *tokenizer = hone_model_tokenizer(tiny->model);
    HoneTokenStream *stream = hone_token_stream_new(tokenizer);
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < completion->ids->len; i++)
        g_string_append(text, hone_token_stream_feed(stream, g_array_index(completion->ids, int32_t, i)));
    g_string_append(text, hone_token_stream_finish(stream));
    g_assert_cmpstr(completion->text, ==, text->str);
    hone_token_stream_free(stream);
}

static void test_greedy(const void *data)
{
    const Case *c = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = tiny_open(c->name, c->backend);
    const uint32_t limit = 16;
    for (int tuned = 0; tuned < 2; tuned++) {
        const int32_t *want = tiny_ints(tiny, tuned ? "adapter.greedy" : "greedy", NULL);
        if (tuned)
            hone_model_load_adapter(tiny->model, tiny->adapter, &error);
        g_assert_no_error(error);
        for (size_t batch = 1; batch <= 4; batch++) {
            size_t n;
            GArray **prompts = read_prompts(tiny, &n);
            HoneCompletion **out = g_new0(HoneCompletion *, n);
            g_autofree GString **pieces = g_new0(GString *, n);
            for (size_t i = 0; i < n; i++)
                pieces[i] = g_string_new(NULL);
            HoneSampling sampling = greedy(limit);
            hone_model_generate(tiny->model, prompts, n, batch, &sampling, join, pieces, out, &error);
            g_assert_no_error(error);
            for (size_t i = 0; i < n; i++) {
                size_t length = 0;
                while (length < limit && want[i * limit + length] >= 0)
                    length++;
                g_assert_cmpmem(out[i]->ids->data, out[i]->ids->len * sizeof(int32_t), want + i * limit,
                                length * sizeof(int32_t));
                g_assert_cmpint(out[i]->finished, ==, length < limit);
                check_text(tiny, out[i], pieces[i]);
                g_string_free(pieces[i], TRUE);
            }
            free_all(prompts, out, n);
        }
    }
}

/* A drawn text does not depend on the rows beside it. */
static void test_sampled(const void *data)
{
    const Case *c = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = tiny_open(c->name, c->backend);
    HoneSampling sampling = greedy(20);
    sampling.temperature = 1.5;
    sampling.top_k = 40;
    sampling.top_p = 0.95;
    sampling.repetition_penalty = 1.1;
    sampling.seed = 9;
    HoneCompletion *kept[3] = {NULL};
    for (size_t batch = 1; batch <= 3; batch++) {
        size_t n;
        GArray **prompts = read_prompts(tiny, &n);
        HoneCompletion **out = g_new0(HoneCompletion *, n);
        hone_model_generate(tiny->model, prompts, n, batch, &sampling, NULL, NULL, out, &error);
        g_assert_no_error(error);
        for (size_t i = 0; i < n; i++) {
            if (batch == 1)
                kept[i] = g_steal_pointer(&out[i]);
            else
                g_assert_cmpmem(out[i]->ids->data, out[i]->ids->len * sizeof(int32_t), kept[i]->ids->data,
                                kept[i]->ids->len * sizeof(int32_t));
        }
        free_all(prompts, out, n);
    }
    for (size_t i = 0; i < 3; i++)
        hone_completion_free(kept[i]);
}

static void test_stop_strings(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = tiny_open("tiny5", "reference");
    size_t n;
    GArray **prompts = read_prompts(tiny, &n);
    HoneCompletion **out = g_new0(HoneCompletion *, n);
    HoneSampling sampling = greedy(16);
    hone_model_generate(tiny->model, prompts, n, 3, &sampling, NULL, NULL, out, &error);
    g_assert_no_error(error);
    g_autofree char *whole = g_strdup(out[0]->text);
    glong characters = g_utf8_strlen(whole, -1);
    g_assert_cmpint(characters, >, 6);
    /* Every piece of two or three characters of the text, as a stop string: the text ends before its first place, and
     * no piece of it was sent. */
    for (glong at = 0; at + 3 < characters; at++) {
        for (glong length = 1; length <= 3; length++) {
            g_autofree char *stop = g_utf8_substring(whole, at, at + length);
            const char *const stops[] = {"never there", stop, NULL};
            HoneCompletion *one[1] = {NULL};
            GString *pieces[1] = {g_string_new(NULL)};
            sampling.stop = stops;
            hone_model_generate(tiny->model, prompts, 1, 1, &sampling, join, pieces, one, &error);
            g_assert_no_error(error);
            g_autofree char *want = g_strndup(whole, (gsize)(strstr(whole, stop) - whole));
            g_assert_cmpstr(one[0]->text, ==, want);
            g_assert_cmpstr(pieces[0]->str, ==, want);
            g_assert_true(one[0]->finished);
            g_string_free(pieces[0], TRUE);
            hone_completion_free(one[0]);
        }
    }
    free_all(prompts, out, n);
}

static bool stop_at_third(size_t index, const char *piece, void *data)
{
    return ++*(int *)data < 3;
}

static void test_callback_stops(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = tiny_open("tiny5", "reference");
    size_t n;
    GArray **prompts = read_prompts(tiny, &n);
    HoneCompletion **out = g_new0(HoneCompletion *, n);
    HoneSampling sampling = greedy(16);
    int calls = 0;
    hone_model_generate(tiny->model, prompts, n, 2, &sampling, stop_at_third, &calls, out, &error);
    g_assert_no_error(error);
    g_assert_cmpint(calls, ==, 3);
    for (size_t i = 0; i < n; i++) {
        g_assert_nonnull(out[i]);
        g_assert_false(out[i]->finished);
    }
    g_assert_cmpuint(out[2]->ids->len, ==, 0);
    free_all(prompts, out, n);
}

/* The context ends a text; a prompt that fills it is refused before anything runs. */
static void test_limits(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Tiny) tiny = tiny_open("tiny", "reference");
    GArray *prompts[2];
    HoneCompletion *out[2] = {NULL};
    size_t context = hone_model_config(tiny->model)->context;
    for (size_t i = 0; i < 2; i++) {
        prompts[i] = g_array_new(FALSE, FALSE, sizeof(int32_t));
        for (size_t t = 0; t < context - (i == 0 ? 2 : 1); t++) {
            int32_t id = 10 + (int32_t)t;
            g_array_append_val(prompts[i], id);
        }
    }
    HoneSampling sampling = greedy(UINT32_MAX);
    hone_model_generate(tiny->model, prompts, 2, 2, &sampling, NULL, NULL, out, &error);
    g_assert_no_error(error);
    for (size_t i = 0; i < 2; i++) {
        g_assert_true(out[i]->finished || out[i]->ids->len == 2 - i);
        hone_completion_free(out[i]);
    }
    int32_t one_more = 5;
    g_array_append_val(prompts[1], one_more);
    g_assert_false(hone_model_generate(tiny->model, prompts, 2, 2, &sampling, NULL, NULL, out, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "Prompt 1"));
    g_clear_error(&error);
    g_array_set_size(prompts[1], 0);
    g_assert_false(hone_model_generate(tiny->model, prompts, 2, 2, &sampling, NULL, NULL, out, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_clear_error(&error);
    one_more = 1 << 20; /* no such token */
    g_array_append_val(prompts[1], one_more);
    g_assert_false(hone_model_generate(tiny->model, prompts, 2, 2, &sampling, NULL, NULL, out, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_assert_null(out[0]);
    g_clear_error(&error);
    HoneSampling bad[] = {greedy(0), greedy(1), greedy(1), greedy(1), greedy(1), greedy(1)};
    bad[1].temperature = -1;
    bad[2].temperature = NAN;
    bad[3].top_p = 0;
    bad[4].repetition_penalty = 0;
    bad[5].stop = (const char *const[]){"", NULL};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(hone_model_generate(tiny->model, prompts, 1, 1, &bad[i], NULL, NULL, out, &error));
        g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
        g_clear_error(&error);
    }
    for (size_t i = 0; i < 2; i++)
        g_array_unref(prompts[i]);
}

static void add(const char *what, const char *name, const char *backend, GTestDataFunc function)
{
    Case *c = g_new(Case, 1);
    *c = (Case){name, backend};
    g_autofree char *path = g_strdup_printf("/generate/%s/%s/%s", what, name, backend);
    g_test_add_data_func_full(path, c, function, g_free);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t b = 0; tiny_backends[b] != NULL; b++) {
        for (size_t m = 0; tiny_names[m] != NULL; m++) {
            add("greedy", tiny_names[m], tiny_backends[b], test_greedy);
            add("sampled", tiny_names[m], tiny_backends[b], test_sampled);
        }
    }
    g_test_add_func("/generate/stop-strings", test_stop_strings);
    g_test_add_func("/generate/callback-stops", test_callback_stops);
    g_test_add_func("/generate/limits", test_limits);
    return g_test_run();
}

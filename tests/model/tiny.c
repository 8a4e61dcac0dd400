/* SPDX-License-Identifier: Apache-2.0
 * tiny.c: see tiny.h.
 */
#include "tiny.h"

#include <math.h>

const char *const tiny_names[] = {"tiny", "tiny3", "tiny5", "tinyq", NULL};
const char *const tiny_backends[] = {"reference", "cpu", NULL};

char *tiny_data(const char *name)
{
    return g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "model", "data", name, NULL);
}

const float *tiny_floats(const Tiny *tiny, const char *name, size_t *n)
{
    const HoneSafetensor *tensor = hone_safetensors_find(tiny->expect, name);
    if (tensor == NULL)
        g_error("the oracle has no \"%s\"", name);
    g_assert_cmpint(tensor->type, ==, HONE_F32);
    if (n != NULL)
        *n = tensor->bytes / sizeof(float);
    return tensor->data;
}

const int32_t *tiny_ints(const Tiny *tiny, const char *name, size_t *n)
{
    const HoneSafetensor *tensor = hone_safetensors_find(tiny->expect, name);
    if (tensor == NULL)
        g_error("the oracle has no \"%s\"", name);
    g_assert_cmpint(tensor->type, ==, HONE_I32);
    if (n != NULL)
        *n = tensor->bytes / sizeof(int32_t);
    return tensor->data;
}

Tiny *tiny_open(const char *name, const char *backend)
{
    g_autoptr(GError) error = NULL;
    Tiny *tiny = g_new0(Tiny, 1);
    g_autofree char *file = g_strconcat(name, ".gguf", NULL), *expect = g_strconcat(name, ".expect.safetensors", NULL);
    g_autofree char *adapter = g_strconcat(name, "-adapter", NULL);
    g_autofree char *path = tiny_data(file), *expect_path = tiny_data(expect);
    tiny->adapter = tiny_data(adapter);
    tiny->backend = test_open_backend(backend, NULL, 2, &error);
    g_assert_no_error(error);
    tiny->model = hone_model_open(path, tiny->backend, NULL, &error);
    g_assert_no_error(error);
    tiny->expect = hone_safetensors_open(expect_path, &error);
    g_assert_no_error(error);

    tiny_read_batch(tiny);
    return tiny;
}

void tiny_read_batch(Tiny *tiny)
{
    HoneBatch *b = &tiny->batch;
    b->size = sizeof(*b);
    b->ids = tiny_ints(tiny, "ids", &b->n_tokens);
    b->starts = tiny_ints(tiny, "starts", &b->n_sequences);
    b->n_sequences--;
    b->target_rows = tiny_ints(tiny, "target_rows", &b->n_targets);
    b->targets = tiny_ints(tiny, "targets", NULL);
}

void tiny_free(Tiny *tiny)
{
    if (tiny == NULL)
        return;
    hone_model_free(tiny->model);
    hone_safetensors_free(tiny->expect);
    /* Everything that the model took went back. */
    g_assert_cmpuint(tiny->backend->allocated, ==, 0);
    hone_backend_close(tiny->backend);
    g_free(tiny->adapter);
    g_free(tiny);
}

double tiny_error(const float *got, const float *want, size_t n)
{
    double largest = 0, off = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(got[i]) || !isfinite(want[i]))
            return INFINITY;
        largest = MAX(largest, fabs((double)want[i]));
        off = MAX(off, fabs((double)got[i] - want[i]));
    }
    return off == 0 ? 0 : off / largest;
}

float *tiny_download(const Tiny *tiny, HoneTensor tensor)
{
    g_autoptr(GError) error = NULL;
    float *values = g_new(float, hone_tensor_count(tensor));
    hone_backend_download(tiny->backend, values, tensor, &error);
    g_assert_no_error(error);
    return values;
}

void tiny_step(Tiny *tiny, HoneForward options, bool known, float *logprob)
{
    g_autoptr(GError) error = NULL;
    const float *derivative = tiny_floats(tiny, "derivative", NULL);
    options.size = sizeof(options);
    options.keep = true;
    options.known_derivative = known ? derivative : NULL;
    hone_model_zero_gradients(tiny->model, &error);
    g_assert_no_error(error);
    hone_model_forward(tiny->model, &tiny->batch, &options, logprob, &error);
    g_assert_no_error(error);
    hone_model_backward(tiny->model, known ? NULL : derivative, &error);
    g_assert_no_error(error);
}

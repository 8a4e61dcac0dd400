/* SPDX-License-Identifier: Apache-2.0
 * open: how a backend is opened and closed: the choice of OpenBLAS's kernels, the environment left as it was, limits of
 * memory, descriptors that are no backend.
 */
#include "plugin.h"

#include <string.h>

/* NULL after a skip: no OpenBLAS here. */
static HoneBackend *open_cpu(uint32_t threads)
{
    g_autoptr(GError) error = NULL;
    HoneBackend *backend = test_open_backend("cpu", NULL, threads, &error);
    if (backend == NULL && g_error_matches(error, HONE_ERROR, HONE_ERROR_NOT_FOUND)) {
        g_test_skip(error->message);
        return NULL;
    }
    g_assert_no_error(error);
    return backend;
}

static void test_environment(void)
{
    g_setenv("OPENBLAS_NUM_THREADS", "3", TRUE);
    g_unsetenv("OPENBLAS_CORETYPE");
    g_autoptr(HoneBackend) backend = open_cpu(2);
    if (backend == NULL)
        return;
    g_assert_cmpstr(g_getenv("OPENBLAS_NUM_THREADS"), ==, "3");
    g_assert_null(g_getenv("OPENBLAS_CORETYPE"));
    g_assert_true(g_str_has_prefix(backend->info.device_name, "2 threads, OpenBLAS "));
    g_assert_cmpstr(backend->info.numerics, ==, "f32");
    g_unsetenv("OPENBLAS_NUM_THREADS");
}

/* A core that the user names is taken, another one afterwards too: the library really leaves. */
static void test_core(void)
{
#ifdef __x86_64__
    static const char *const cores[] = {"Nehalem", "Prescott", "no such core"};
    for (size_t i = 0; i < G_N_ELEMENTS(cores); i++) {
        g_setenv("OPENBLAS_CORETYPE", cores[i], TRUE);
        g_autoptr(HoneBackend) backend = open_cpu(1);
        g_unsetenv("OPENBLAS_CORETYPE");
        if (backend == NULL)
            return;
        g_autofree char *named = g_strdup_printf("OpenBLAS %s,", cores[i]);
        bool taken = strstr(backend->info.device_name, named) != NULL;
        g_assert_true(taken == (i < 2));
    }
#else
    g_test_skip("names of x86 cores");
#endif
}

static void test_limit(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneBackend) backend = test_open_backend("reference", NULL, 1, &error);
    g_assert_no_error(error);
    backend->limit = 1000;
    HoneBuffer *a = hone_backend_alloc(backend, 600, "the first", &error);
    g_assert_no_error(error);
    g_assert_null(hone_backend_alloc(backend, 401, "the second", &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_MEMORY);
    g_assert_nonnull(strstr(error->message, "the second"));
    g_clear_error(&error);
    /* A limit lowered below what is in use leaves nothing. */
    backend->limit = 500;
    g_assert_null(hone_backend_alloc(backend, 1, "one byte", NULL));
    backend->limit = 1000;
    HoneBuffer *b = hone_backend_alloc(backend, 400, "the third", &error);
    g_assert_no_error(error);
    hone_backend_release(backend, a, 600);
    hone_backend_release(backend, b, 400);
    hone_backend_release(backend, NULL, 0);
    g_assert_cmpuint(backend->allocated, ==, 0);
    g_assert_cmpuint(backend->peak, ==, 1000);
}

static void test_too_much(gconstpointer plugin)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneBackend) backend = test_open_backend(plugin, NULL, 1, &error);
    if (backend == NULL) {
        g_test_skip(error->message);
        return;
    }
    g_assert_null(hone_backend_alloc(backend, SIZE_MAX - 10, "everything", &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_MEMORY);
    g_assert_cmpuint(backend->allocated, ==, 0);
}

/* A large buffer is a mapping of its own: whole, aligned, and writable to its last byte. */
static void test_large(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneBackend) backend = open_cpu(2);
    if (backend == NULL)
        return;
    static const size_t sizes[] = {0, 1, (4u << 20) - 4, 4u << 20, (6u << 20) + 12};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        HoneBuffer *buffer = hone_backend_alloc(backend, sizes[i], "a buffer", &error);
        g_assert_no_error(error);
        g_autofree float *values = g_new(float, sizes[i] / 4 + 1);
        backend->ops->fill(backend->stream, hone_tensor_1d(buffer, 0, HONE_F32, sizes[i] / 4), 2.5f);
        hone_backend_download(backend, values, hone_tensor_1d(buffer, 0, HONE_F32, sizes[i] / 4), &error);
        g_assert_no_error(error);
        for (size_t j = 0; j < sizes[i] / 4; j++)
            g_assert_true(values[j] == 2.5f);
        hone_backend_release(backend, buffer, sizes[i]);
    }
}

static void test_not_a_backend(void)
{
    g_autoptr(GError) error = NULL;
    const HoneComponent stage = {HONE_COMPONENT_HEADER, .kind = HONE_STAGE, .name = "stage"};
    g_assert_null(hone_backend_open(&stage, NULL, NULL, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_PLUGIN);
    g_clear_error(&error);
    const HoneBackendOps ops = {.size = 8};
    const HoneComponent old = {HONE_COMPONENT_HEADER, .kind = HONE_BACKEND, .name = "old", .ops = &ops};
    g_assert_null(hone_backend_open(&old, NULL, NULL, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_PLUGIN);
}

static void test_views(void)
{
    HoneTensor t = hone_tensor_2d(NULL, 64, HONE_F32, 5, 6);
    g_assert_cmpuint(hone_tensor_bytes(t), ==, 120);
    HoneTensor rows = hone_tensor_rows(t, 2, 3);
    g_assert_cmpuint(rows.offset, ==, 64 + 2 * 24);
    g_assert_cmpuint(hone_tensor_count(rows), ==, 18);
    t.row_stride = 10;
    g_assert_cmpuint(hone_tensor_rows(t, 2, 3).offset, ==, 64 + 2 * 40);
    HoneTensor packed = hone_tensor_2d(NULL, 0, HONE_Q4_1, 3, 64);
    g_assert_cmpuint(hone_tensor_bytes(packed), ==, 3 * 40);
    g_assert_cmpuint(hone_tensor_rows(packed, 1, 1).offset, ==, 40);
    HoneTensor again = hone_tensor_reshape(hone_tensor_3d(NULL, 8, HONE_F32, 2, 3, 4), 2, (const size_t[]){6, 4});
    g_assert_cmpuint(again.shape[0], ==, 6);
    g_assert_cmpuint(again.offset, ==, 8);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/open/environment", test_environment);
    g_test_add_func("/open/core", test_core);
    g_test_add_func("/open/limit", test_limit);
    g_test_add_data_func("/open/too-much/reference", "reference", test_too_much);
    g_test_add_data_func("/open/too-much/cpu", "cpu", test_too_much);
    g_test_add_func("/open/large", test_large);
    g_test_add_func("/open/not-a-backend", test_not_a_backend);
    g_test_add_func("/open/views", test_views);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0
 * @NAME@ opens, keeps what it is given, and adds. All its operators are compared with `reference` by
 * `hone check-plugin`.
 */
#include <hone/hone.h>

static void test_add(void)
{
    const float x[] = {1, 2, 3}, y[] = {10, 20, 30};
    float got[3] = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneBackend) backend = hone_backend_open(hone_plugin()->components[0], NULL, NULL, &error);
    g_assert_no_error(error);
    HoneBuffer *buffer = hone_backend_alloc(backend, 2 * sizeof x, "the test", &error);
    g_assert_no_error(error);
    HoneTensor a = hone_tensor_1d(buffer, 0, HONE_F32, 3), b = hone_tensor_1d(buffer, sizeof x, HONE_F32, 3);
    g_assert_true(hone_backend_upload(backend, a, x, &error));
    g_assert_true(hone_backend_upload(backend, b, y, &error));
    backend->ops->add(backend->stream, b, a, 0.5f);
    g_assert_true(hone_backend_download(backend, got, b, &error));
    for (int i = 0; i < 3; i++)
        g_assert_cmpfloat((double)got[i], ==, (double)(y[i] + 0.5f * x[i]));
    hone_backend_release(backend, buffer, 2 * sizeof x);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/@NAME@/add", test_add);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0
 * gguf_write.c: the GGUF writer against the gguf package's own file, against the reader, and interrupted.
 */
#include <glib/gstdio.h>
#include <hone/gguf_write.h>
#include <string.h>

static char *folder;

static char *path_of(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

static void assert_ok(bool ok, GError *error)
{
    g_assert_no_error(error);
    g_assert_true(ok);
}

/* Everything of the package's file copied over makes the package's file, byte for byte. */
static void test_copy(void)
{
    g_autofree char *source =
                        g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "model", "data", "small.gguf", NULL),
                    *path = path_of("copy.gguf"), *wanted = NULL, *made = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneGguf) gguf = hone_gguf_open(source, &error);
    g_assert_no_error(error);
    g_autoptr(HoneGgufWriter) writer = hone_gguf_writer_new();
    for (size_t i = 0; i < hone_gguf_n_keys(gguf); i++) {
        g_assert_false(hone_gguf_writer_has(writer, hone_gguf_key(gguf, i)));
        hone_gguf_writer_copy(writer, gguf, hone_gguf_key(gguf, i));
        g_assert_true(hone_gguf_writer_has(writer, hone_gguf_key(gguf, i)));
    }
    for (size_t i = 0; i < hone_gguf_n_tensors(gguf); i++) {
        const HoneGgufTensor *t = hone_gguf_tensor(gguf, i);
        hone_gguf_writer_tensor(writer, t->name, t->type, t->rank, t->shape);
    }
    assert_ok(hone_gguf_writer_begin(writer, path, &error), error);
    for (size_t i = 0; i < hone_gguf_n_tensors(gguf); i++) {
        const HoneGgufTensor *t = hone_gguf_tensor(gguf, i);
        size_t half = t->bytes / 2;
        assert_ok(hone_gguf_writer_put(writer, t->data, half, &error), error);
        assert_ok(hone_gguf_writer_put(writer, (const uint8_t *)t->data + half, t->bytes - half, &error), error);
    }
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    assert_ok(hone_gguf_writer_finish(writer, &error), error);
    gsize n_wanted, n_made;
    g_assert_true(g_file_get_contents(source, &wanted, &n_wanted, NULL));
    g_assert_true(g_file_get_contents(path, &made, &n_made, NULL));
    g_assert_cmpmem(made, n_made, wanted, n_wanted);
}

static void test_values(void)
{
    g_autofree char *path = path_of("values.gguf");
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneGgufWriter) writer = hone_gguf_writer_new();
    hone_gguf_writer_string(writer, "general.architecture", "llama");
    hone_gguf_writer_u32(writer, "a.u32", 4000000000u);
    hone_gguf_writer_f32(writer, "a.f32", 0.1f);
    hone_gguf_writer_bool(writer, "a.bool", true);
    hone_gguf_writer_strings(writer, "a.strings", (const char *const[]){"", "Ġa", "三"}, 3);
    hone_gguf_writer_strings(writer, "a.empty", NULL, 0);
    hone_gguf_writer_i32s(writer, "a.i32s", (const int32_t[]){-1, 7}, 2);
    hone_gguf_writer_f32s(writer, "a.f32s", (const float[]){0.5f, -2}, 2);
    hone_gguf_writer_bools(writer, "a.bools", (const bool[]){true, false, true}, 3);
    float row[5] = {1, 2, 3, 4, 5};
    hone_gguf_writer_tensor(writer, "t", HONE_F32, 1, (const size_t[]){5});
    hone_gguf_writer_tensor(writer, "u", HONE_F32, 2, (const size_t[]){1, 5});
    assert_ok(hone_gguf_writer_begin(writer, path, &error), error);
    for (int i = 0; i < 2; i++)
        assert_ok(hone_gguf_writer_put(writer, row, sizeof row, &error), error);
    assert_ok(hone_gguf_writer_finish(writer, &error), error);

    g_autoptr(HoneGguf) gguf = hone_gguf_open(path, &error);
    g_assert_no_error(error);
    uint64_t u;
    double f;
    bool b;
    size_t n;
    g_assert_cmpuint(hone_gguf_n_keys(gguf), ==, 9);
    g_assert_true(hone_gguf_u64(gguf, "a.u32", &u) && u == 4000000000u);
    g_assert_true(hone_gguf_f64(gguf, "a.f32", &f) && f == (double)0.1f);
    g_assert_true(hone_gguf_bool(gguf, "a.bool", &b) && b);
    const char *const *strings = hone_gguf_strings(gguf, "a.strings", &n);
    g_assert_cmpuint(n, ==, 3);
    g_assert_cmpstr(strings[1], ==, "Ġa");
    const int64_t *ints = hone_gguf_ints(gguf, "a.i32s", &n);
    g_assert_true(n == 2 && ints[0] == -1 && ints[1] == 7);
    const double *floats = hone_gguf_floats(gguf, "a.f32s", &n);
    g_assert_true(n == 2 && floats[1] == -2);
    const HoneGgufTensor *t = hone_gguf_find(gguf, "u");
    g_assert_true(t->rank == 2 && t->shape[0] == 1 && t->shape[1] == 5);
    g_assert_cmpmem(t->data, t->bytes, row, sizeof row);
}

/* Given up half way, nothing is there; neither is it where the folder is missing. */
static void test_unfinished(void)
{
    g_autofree char *path = path_of("half.gguf"), *nowhere = path_of("no/where.gguf");
    g_autoptr(GError) error = NULL;
    HoneGgufWriter *writer = hone_gguf_writer_new();
    hone_gguf_writer_tensor(writer, "t", HONE_F32, 1, (const size_t[]){5});
    assert_ok(hone_gguf_writer_begin(writer, path, &error), error);
    assert_ok(hone_gguf_writer_put(writer, "1234", 4, &error), error);
    hone_gguf_writer_free(writer);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(dir)))
        g_assert_null(strstr(name, "half"));
    g_autoptr(HoneGgufWriter) other = hone_gguf_writer_new();
    g_assert_false(hone_gguf_writer_begin(other, nowhere, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND);
    g_assert_nonnull(strstr(error->message, "where.gguf"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("hone-gguf-write-XXXXXX", NULL);
    g_test_add_func("/model/gguf-write/copy", test_copy);
    g_test_add_func("/model/gguf-write/values", test_values);
    g_test_add_func("/model/gguf-write/unfinished", test_unfinished);
    int result = g_test_run();
    static const char *const made[] = {"copy.gguf", "values.gguf"};
    for (size_t i = 0; i < G_N_ELEMENTS(made); i++) {
        g_autofree char *path = path_of(made[i]);
        g_remove(path);
    }
    g_rmdir(folder);
    g_free(folder);
    return result;
}

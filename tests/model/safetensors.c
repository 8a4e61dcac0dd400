/* SPDX-License-Identifier: Apache-2.0
 * safetensors.c: the reader on a file of the safetensors package (tests/oracle/formats.py), the writer against the
 * reader, and files that lie. tests/oracle/read_safetensors.py reads what the writer wrote.
 */
#include <glib/gstdio.h>
#include <hone/safetensors.h>
#include <string.h>

static char *folder;

static HoneSafetensors *open_bytes(const void *bytes, size_t size, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "case.safetensors", NULL);
    FILE *file = g_fopen(path, "wb");
    g_assert_nonnull(file);
    g_assert_cmpuint(fwrite(bytes, 1, size, file), ==, size);
    g_assert_cmpint(fclose(file), ==, 0);
    return hone_safetensors_open(path, error);
}

static char *package_file(gsize *size)
{
    g_autofree char *path =
        g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "model", "data", "small.safetensors", NULL);
    char *content = NULL;
    g_assert_true(g_file_get_contents(path, &content, size, NULL));
    return content;
}

static void assert_ramp(const HoneSafetensor *tensor)
{
    float values[15];
    g_assert_true(tensor->rank == 2 && tensor->shape[0] == 3 && tensor->shape[1] == 5);
    hone_type_to_f32(tensor->type, tensor->data, values, 15);
    for (int i = 0; i < 15; i++)
        g_assert_cmpfloat(values[i], ==, (float)(i - 7) / 4); /* quarters are exact in all three types */
}

static void test_package_file(void)
{
    gsize size;
    g_autofree char *content = package_file(&size);
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneSafetensors) file = open_bytes(content, size, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(hone_safetensors_count(file), ==, 6);
    g_assert_true(hone_safetensors_find(file, "f32")->type == HONE_F32);
    g_assert_true(hone_safetensors_find(file, "f16")->type == HONE_F16);
    g_assert_true(hone_safetensors_find(file, "bf16")->type == HONE_BF16);
    assert_ramp(hone_safetensors_find(file, "f32"));
    assert_ramp(hone_safetensors_find(file, "f16"));
    assert_ramp(hone_safetensors_find(file, "bf16"));
    const HoneSafetensor *ints = hone_safetensors_find(file, "i32"), *scalar = hone_safetensors_find(file, "scalar");
    g_assert_true(ints->type == HONE_I32 && ints->rank == 1 && ints->shape[0] == 6);
    int32_t last;
    memcpy(&last, (const char *)ints->data + 20, 4);
    g_assert_cmpint(last, ==, 5);
    float value;
    g_assert_true(scalar->rank == 0 && scalar->bytes == 4);
    memcpy(&value, scalar->data, 4);
    g_assert_cmpfloat(value, ==, 2.5f);
    const HoneSafetensor *empty = hone_safetensors_find(file, "empty");
    g_assert_true(empty->bytes == 0 && empty->rank == 2 && empty->shape[1] == 4);
    g_assert_cmpstr(hone_safetensors_meta(file, "format"), ==, "pt");
    g_assert_cmpstr(hone_safetensors_meta(file, "note"), ==, "ü");
    g_assert_null(hone_safetensors_meta(file, "absent"));
    g_assert_null(hone_safetensors_find(file, "absent"));
}

/* A file with this header text over `data` zero bytes. */
static HoneSafetensors *open_header(const char *header, size_t data, GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    uint64_t length = strlen(header);
    g_byte_array_append(bytes, (const guint8 *)&length, 8);
    g_byte_array_append(bytes, (const guint8 *)header, (guint)length);
    g_autofree guint8 *zeros = g_malloc0(data + 1);
    g_byte_array_append(bytes, zeros, (guint)data);
    return open_bytes(bytes->data, bytes->len, error);
}

#define ENTRY(dtype, shape, begin, end)                                                                                \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

static void test_lies(void)
{
    static const struct {
        const char *header, *message; /* message NULL: opens */
        size_t data;
    } cases[] = {
        {"{}", NULL, 0},
        {"{}      ", NULL, 0},
        {"{\"a\":" ENTRY("F32", "[2]", "0", "8") "}", NULL, 8},
        {" {}", "does not begin with '{'", 0},
        {"{]", "not valid JSON", 0},
        {"{\"a\":1}", "must be an object", 0},
        {"{\"a\":" ENTRY("F32", "[2]", "0", "8") "}", "cut short", 7},
        {"{\"a\":" ENTRY("F32", "[2]", "0", "8") "}", "belong to none", 9},
        {"{\"a\":" ENTRY("F32", "[3]", "0", "8") "}", "make 12", 8},
        {"{\"a\":" ENTRY("F32", "[2]", "8", "0") "}", "in order", 8},
        {"{\"a\":" ENTRY("F32", "[2]", "-8", "0") "}", "whole numbers", 8},
        {"{\"a\":" ENTRY("F32", "[2]", "0.0", "8") "}", "whole numbers", 8},
        {"{\"a\":" ENTRY("F32", "[-2]", "0", "8") "}", "no whole number", 8},
        {"{\"a\":" ENTRY("F32", "[2.0]", "0", "8") "}", "no whole number", 8},
        {"{\"a\":" ENTRY("F32", "[9223372036854775807,4]", "0", "8") "}", "too large", 8},
        {"{\"a\":" ENTRY("F32", "[9223372036854775807]", "0", "8") "}", "too large", 8},
        {"{\"a\":" ENTRY("F32", "[99999999999999999999]", "0", "8") "}", "no whole number", 8},
        {"{\"a\":" ENTRY("F32", "[1,1,1,1,2]", "0", "8") "}", "at most 4 dimensions", 8},
        {"{\"a\":" ENTRY("F64", "[1]", "0", "8") "}", "stored as F64", 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", "data_offsets", 8},
        {"{\"a\":{\"dtype\":3,\"shape\":[2]}}", "no \"dtype\"", 8},
        {"{\"a\":" ENTRY("F32", "[1]", "0", "4") ",\"b\":" ENTRY("F32", "[2]", "0", "8") "}", "overlaps", 8},
        {"{\"a\":" ENTRY("F32", "[1]", "0", "4") ",\"b\":" ENTRY("F32", "[1]", "8", "12") "}", "hole", 12},
        {"{\"a\":" ENTRY("F32", "[1]", "0", "4") ",\"a\":" ENTRY("F32", "[1]", "4", "8") "}", "there already", 8},
        {"{\"__metadata__\":{\"a\":1}}", "must be a string", 0},
        {"{\"__metadata__\":[]}", "object of strings", 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(HoneSafetensors) file = open_header(cases[i].header, cases[i].data, &error);
        g_test_message("%s: %s", cases[i].header, error ? error->message : "opens");
        if (!cases[i].message) {
            g_assert_no_error(error);
            continue;
        }
        g_assert_null(file);
        g_assert_nonnull(strstr(error->message, "case.safetensors"));
        g_assert_nonnull(strstr(error->message, cases[i].message));
    }
    static const uint64_t lengths[] = {0, 1, UINT64_MAX, UINT64_MAX - 8, 1ull << 63, 100};
    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        char bytes[12] = "........{}";
        g_autoptr(GError) error = NULL;
        memcpy(bytes, &lengths[i], 8);
        g_assert_null(open_bytes(bytes, 10, &error));
        g_assert_nonnull(strstr(error->message, "the header's length"));
    }
}

static void test_truncated_and_flipped(void)
{
    gsize size;
    g_autofree char *content = package_file(&size);
    for (size_t n = 0; n < size; n++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(open_bytes(content, n, &error));
        g_assert_nonnull(error);
    }
    for (size_t at = 0; at < size; at++) {
        g_autoptr(GError) error = NULL;
        content[at] ^= 5;
        g_autoptr(HoneSafetensors) file = open_bytes(content, size, &error);
        content[at] ^= 5;
        g_assert_true((file == NULL) == (error != NULL));
        unsigned sum = 0;
        for (size_t i = 0; file && i < hone_safetensors_count(file); i++)
            for (size_t k = 0; k < hone_safetensors_get(file, i)->bytes; k++)
                sum += ((const uint8_t *)hone_safetensors_get(file, i)->data)[k];
        g_assert_cmpuint(sum, <, UINT_MAX);
    }
}

static void test_round_trip(void)
{
    static const float f32[6] = {0, -1.5f, 3e-39f, 65504, 1e30f, -0.0f};
    static const uint16_t bf16[2] = {0x3f80, 0x7f80};
    static const int32_t i32[1] = {-7};
    const HoneSafetensor tensors[] = {
        {.name = "z \"quoted\" ü", .type = HONE_F32, .rank = 2, .shape = {2, 3}, .data = f32, .bytes = sizeof f32},
        {.name = "b", .type = HONE_BF16, .rank = 1, .shape = {2}, .data = bf16, .bytes = sizeof bf16},
        {.name = "a", .type = HONE_I32, .rank = 0, .data = i32, .bytes = sizeof i32},
        {.name = "none", .type = HONE_F16, .rank = 2, .shape = {0, 5}, .data = NULL, .bytes = 0},
    };
    g_autoptr(JsonObject) meta = json_object_new();
    json_object_set_string_member(meta, "format", "pt");
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(folder, "case.safetensors", NULL), *first = NULL, *second = NULL;
    gsize n1, n2;
    g_assert_true(hone_safetensors_write(path, tensors, G_N_ELEMENTS(tensors), meta, &error));
    g_assert_true(g_file_get_contents(path, &first, &n1, NULL));
    g_assert_true(hone_safetensors_write(path, tensors, G_N_ELEMENTS(tensors), meta, &error));
    g_assert_true(g_file_get_contents(path, &second, &n2, NULL));
    g_assert_cmpmem(first, n1, second, n2);
    uint64_t header;
    memcpy(&header, first, 8);
    g_assert_cmpuint(header % 8, ==, 0);

    g_autoptr(HoneSafetensors) file = hone_safetensors_open(path, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(hone_safetensors_count(file), ==, G_N_ELEMENTS(tensors));
    for (size_t i = 0; i < G_N_ELEMENTS(tensors); i++) {
        const HoneSafetensor *back = hone_safetensors_find(file, tensors[i].name);
        g_assert_nonnull(back);
        g_assert_true(back->type == tensors[i].type && back->rank == tensors[i].rank);
        g_assert_cmpmem(back->shape, sizeof back->shape, tensors[i].shape, sizeof tensors[i].shape);
        g_assert_cmpmem(back->data, back->bytes, tensors[i].data, tensors[i].bytes);
    }
    g_assert_cmpstr(hone_safetensors_meta(file, "format"), ==, "pt");

    g_autofree char *nowhere = g_build_filename(folder, "absent", "x.safetensors", NULL);
    g_assert_false(hone_safetensors_write(nowhere, tensors, 1, NULL, &error));
    g_assert_nonnull(error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("hone-safetensors-XXXXXX", NULL);
    g_test_add_func("/model/safetensors/package_file", test_package_file);
    g_test_add_func("/model/safetensors/lies", test_lies);
    g_test_add_func("/model/safetensors/truncated_and_flipped", test_truncated_and_flipped);
    g_test_add_func("/model/safetensors/round_trip", test_round_trip);
    int status = g_test_run();
    g_autofree char *path = g_build_filename(folder, "case.safetensors", NULL);
    const char *keep = g_getenv("HONE_TEST_KEEP"); /* where to leave the last written file, for read_safetensors.py */
    if (!keep || g_rename(path, keep) != 0)
        g_unlink(path);
    g_rmdir(folder);
    g_free(folder);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0
 * gguf.c: the GGUF reader on a file of the gguf package (tests/oracle/formats.py) and on files that lie.
 */
#include <glib/gstdio.h>
#include <hone/gguf.h>
#include <math.h>
#include <string.h>

static char *folder;

static char *data_path(const char *name)
{
    return g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "model", "data", name, NULL);
}

/* Opens these bytes as a file. */
static HoneGguf *open_bytes(const void *bytes, size_t size, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "case.gguf", NULL);
    FILE *file = g_fopen(path, "wb");
    g_assert_nonnull(file);
    g_assert_cmpuint(fwrite(bytes, 1, size, file), ==, size);
    g_assert_cmpint(fclose(file), ==, 0);
    return hone_gguf_open(path, error);
}

/* ---- A file that the gguf package wrote. ---- */

static void assert_ramp(const HoneGgufTensor *tensor, double tolerance)
{
    size_t n = 1;
    for (uint32_t i = 0; i < tensor->rank; i++)
        n *= tensor->shape[i];
    g_autofree float *values = g_new(float, n);
    hone_type_to_f32(tensor->type, tensor->data, values, n);
    for (size_t i = 0; i < n; i++)
        g_assert_true(fabs(values[i] - ((double)i - 7) / 4) <= tolerance);
}

static void test_package_file(void)
{
    g_autofree char *path = data_path("small.gguf");
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneGguf) gguf = hone_gguf_open(path, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(hone_gguf_path(gguf), ==, path);
    uint64_t u;
    double f;
    bool b;
    size_t n;
    g_assert_true(hone_gguf_u64(gguf, "t.u8", &u) && u == 200);
    g_assert_true(hone_gguf_u64(gguf, "t.u16", &u) && u == 60000);
    g_assert_true(hone_gguf_u64(gguf, "t.u32", &u) && u == 4000000000);
    g_assert_true(hone_gguf_u64(gguf, "t.u64", &u) && u == UINT64_MAX);
    g_assert_false(hone_gguf_u64(gguf, "t.i8", &u)); /* negative */
    g_assert_false(hone_gguf_u64(gguf, "t.f32", &u));
    g_assert_false(hone_gguf_u64(gguf, "t.absent", &u));
    g_assert_true(hone_gguf_f64(gguf, "t.i8", &f) && f == -100);
    g_assert_true(hone_gguf_f64(gguf, "t.i16", &f) && f == -30000);
    g_assert_true(hone_gguf_f64(gguf, "t.i32", &f) && f == -2e9);
    g_assert_true(hone_gguf_f64(gguf, "t.i64", &f) && f == -0x1p62);
    g_assert_true(hone_gguf_f64(gguf, "t.u64", &f) && f == 0x1p64);
    g_assert_true(hone_gguf_f64(gguf, "t.f32", &f) && f == 0.5);
    g_assert_true(hone_gguf_f64(gguf, "t.f64", &f) && f == 0.1);
    g_assert_true(hone_gguf_bool(gguf, "t.yes", &b) && b);
    g_assert_true(hone_gguf_bool(gguf, "t.no", &b) && !b);
    g_assert_false(hone_gguf_bool(gguf, "t.u8", &b));
    g_assert_cmpstr(hone_gguf_string(gguf, "t.text"), ==, "grüße ✓");
    g_assert_null(hone_gguf_string(gguf, "t.u8"));
    const char *const *strings = hone_gguf_strings(gguf, "t.strings", &n);
    g_assert_cmpuint(n, ==, 4);
    g_assert_cmpstr(strings[0], ==, "");
    g_assert_cmpstr(strings[2], ==, "Ġtwo");
    g_assert_cmpstr(strings[3], ==, "三");
    g_assert_true(hone_gguf_strings(gguf, "t.strings", &n) == strings); /* made once */
    const int64_t *ints = hone_gguf_ints(gguf, "t.ints", &n);
    g_assert_true(n == 3 && ints[0] == 1 && ints[1] == -2 && ints[2] == 3);
    const double *floats = hone_gguf_floats(gguf, "t.floats", &n);
    g_assert_true(n == 2 && floats[0] == 0.25 && floats[1] == -1.5);
    g_assert_null(hone_gguf_floats(gguf, "t.ints", &n));
    g_assert_cmpuint(n, ==, 0);
    g_assert_null(hone_gguf_ints(gguf, "t.strings", &n));

    g_assert_cmpuint(hone_gguf_n_tensors(gguf), ==, 4);
    const HoneGgufTensor *plain = hone_gguf_find(gguf, "plain"), *half = hone_gguf_find(gguf, "half");
    g_assert_true(plain->type == HONE_F32 && plain->rank == 2 && plain->shape[0] == 3 && plain->shape[1] == 5);
    g_assert_cmpuint(plain->bytes, ==, 60);
    g_assert_true(half->type == HONE_F16 && half->rank == 3 && half->shape[0] == 2 && half->shape[2] == 4);
    assert_ramp(plain, 0); /* quarters are exact in f32 and f16 */
    assert_ramp(half, 0);
    const HoneGgufTensor *blocks = hone_gguf_find(gguf, "blocks");
    g_assert_true(blocks->type == HONE_Q8_0 && blocks->shape[1] == 32);
    /* Half of Q8_0's step, the largest value 14 over 127, and 2^-11 of 14 for the step's own rounding to f16. */
    assert_ramp(blocks, 14.0 / 127 / 2 + 14.0 / 2048);
    g_assert_true(hone_gguf_find(gguf, "index")->type == HONE_I32);
    g_assert_null(hone_gguf_find(gguf, "absent"));
    hone_gguf_drop(gguf, plain);
    assert_ramp(plain, 0);
}

/* ---- Files made here, so that each field can lie. ---- */

typedef struct Lie {
    const char *label, *message; /* part of the message that must come; NULL: the file opens */
    const char *magic;
    uint32_t version, rank, type, kind, element;
    uint64_t n_tensors, n_entries, key_length, string_length, array_count, dim, offset;
    uint32_t alignment;
    int nesting;
    bool twice_key, twice_name, overlap, bad_key;
} Lie;

static const Lie honest = {.label = "honest",
                           .magic = "GGUF",
                           .version = 3,
                           .rank = 2,
                           .type = 0,
                           .kind = 8,
                           .element = 4,
                           .n_tensors = 2,
                           .n_entries = 4,
                           .key_length = 5,
                           .string_length = 5,
                           .array_count = 3,
                           .dim = 8,
                           .offset = 64,
                           .alignment = 32};

static void put(GByteArray *out, const void *data, size_t size)
{
    g_byte_array_append(out, data, (guint)size);
}

static void put32(GByteArray *out, uint32_t value)
{
    put(out, &value, 4); /* tests run on little-endian machines, as Hone does */
}

static void put64(GByteArray *out, uint64_t value)
{
    put(out, &value, 8);
}

static void put_text(GByteArray *out, const char *text)
{
    put64(out, strlen(text));
    put(out, text, strlen(text));
}

static GByteArray *build(const Lie *lie)
{
    GByteArray *out = g_byte_array_new();
    put(out, lie->magic, 4);
    put32(out, lie->version);
    put64(out, lie->n_tensors);
    put64(out, lie->n_entries);

    put64(out, lie->key_length);
    put(out, lie->bad_key ? "a\xff.cd" : "a.str", 5);
    put32(out, lie->kind);
    put64(out, lie->string_length);
    put(out, "value", 5);

    put_text(out, "general.alignment");
    put32(out, 4);
    put32(out, lie->alignment);

    put_text(out, lie->twice_key ? "a.str" : "a.arr");
    put32(out, 9);
    put32(out, lie->element);
    put64(out, lie->array_count);
    for (uint32_t i = 0; i < 3; i++)
        put32(out, i);

    put_text(out, "a.deep");
    put32(out, 9);
    for (int i = 0; i < lie->nesting; i++) {
        put32(out, 9);
        put64(out, 1);
    }
    put32(out, 0);
    put64(out, 1);
    put(out, "x", 1);

    put_text(out, "first");
    put32(out, lie->rank);
    put64(out, lie->dim);
    put64(out, 2);
    put32(out, lie->type);
    put64(out, 0);
    put_text(out, lie->twice_name ? "first" : "second");
    put32(out, 1);
    put64(out, 16);
    put32(out, 0);
    put64(out, lie->overlap ? 32 : lie->offset);

    while (out->len % 32 != 0)
        put(out, "", 1);
    for (int i = 0; i < 32; i++) { /* 64 bytes of each tensor */
        float value = (float)i;
        put(out, &value, 4);
    }
    return out;
}

#define LIE(text, wanted, ...)                                                                                         \
    {                                                                                                                  \
        .label = text, .message = wanted, __VA_ARGS__                                                                  \
    }

/* Only the fields named differ from the honest file: zero means "as there", so a zero to be told is spelt ZERO. */
#define ZERO64 0xdead00000000dead
#define ZERO32 0xdead0000

static const Lie lies[] = {
    LIE("no magic", "not a GGUF file", .magic = "GGML"),
    LIE("version 1", "GGUF version 1", .version = 1),
    LIE("version 4", "GGUF version 4", .version = 4),
    LIE("big endian", "big-endian", .version = 0x03000000),
    LIE("tensor count", "the header claims", .n_tensors = UINT64_MAX),
    LIE("one tensor more", "a tensor's name", .n_tensors = 3),
    LIE("entry count", "the header claims", .n_entries = UINT64_MAX / 13),
    LIE("empty key", "length of 0 bytes", .key_length = ZERO64),
    LIE("long key", "a metadata key at byte 24 has a length", .key_length = 1ull << 63),
    LIE("key past the end", "ends inside a metadata key", .key_length = 5000),
    LIE("key not UTF-8", "not valid UTF-8", .bad_key = true),
    LIE("unknown kind", "type 13", .kind = 13),
    LIE("string past the end", "the file ends inside metadata 'a.str'", .string_length = UINT64_MAX),
    LIE("alignment 0", "'general.alignment' must be", .alignment = ZERO32),
    LIE("alignment 3", "'general.alignment' must be", .alignment = 3),
    LIE("alignment huge", "'general.alignment' must be", .alignment = 1u << 31),
    LIE("key twice", "metadata 'a.str' is there twice", .twice_key = true),
    LIE("array of unknown", "type 77", .element = 77),
    LIE("array count", "metadata 'a.arr' claims", .array_count = 1ull << 62),
    LIE("array count wraps", "metadata 'a.arr' claims", .array_count = (1ull << 62) + 3),
    LIE("array of strings count", "metadata 'a.arr' claims", .element = 8, .array_count = 1ull << 61),
    LIE("nested", NULL, .nesting = 3),
    LIE("nested too deep", "nests arrays deeper", .nesting = 4),
    LIE("rank 0", "has 0 dimensions", .rank = ZERO32),
    LIE("rank 5", "has 5 dimensions", .rank = 5),
    LIE("dimension 0", "dimension 0 of tensor 'first' is 0", .dim = ZERO64),
    LIE("dimension huge", "too large", .dim = UINT64_MAX),
    LIE("product wraps", "too large", .dim = 1ull << 63),
    LIE("bytes wrap", "too large", .dim = 1ull << 61),
    LIE("past the end", "runs past the end", .dim = 1ull << 40),
    LIE("broken rows", "no multiple of the 32 in a block of q4_0", .type = 2),
    LIE("known, not read", "tensor 'first' is stored as IQ2_XS (type number 17)", .type = 17),
    LIE("unknown type", "an unknown type (type number 999)", .type = 999),
    LIE("offset past the end", "'second'", .offset = UINT64_MAX - 31),
    LIE("offset just past", "runs past the end", .offset = 96),
    LIE("offset unaligned", "no multiple of the alignment", .offset = 65),
    LIE("overlap", "tensors 'first' and 'second' overlap", .overlap = true),
    LIE("name twice", "tensor 'first' is there twice", .twice_name = true),
};

/* The honest file with the fields that `lie` names. */
static Lie told(const Lie *lie)
{
    Lie result = honest;
#define TAKE(field, zero)                                                                                              \
    if (lie->field)                                                                                                    \
    result.field = lie->field == (zero) ? 0 : lie->field
    TAKE(version, ZERO32);
    TAKE(rank, ZERO32);
    TAKE(type, ZERO32);
    TAKE(kind, ZERO32);
    TAKE(element, ZERO32);
    TAKE(alignment, ZERO32);
    TAKE(n_tensors, ZERO64);
    TAKE(n_entries, ZERO64);
    TAKE(key_length, ZERO64);
    TAKE(string_length, ZERO64);
    TAKE(array_count, ZERO64);
    TAKE(dim, ZERO64);
    TAKE(offset, ZERO64);
#undef TAKE
    result.magic = lie->magic ? lie->magic : honest.magic;
    result.nesting = lie->nesting;
    result.twice_key = lie->twice_key;
    result.twice_name = lie->twice_name;
    result.overlap = lie->overlap;
    result.bad_key = lie->bad_key;
    return result;
}

static void test_lies(void)
{
    g_autoptr(GByteArray) file = build(&honest);
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneGguf) gguf = open_bytes(file->data, file->len, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(hone_gguf_string(gguf, "a.str"), ==, "value");
    const float *second = hone_gguf_find(gguf, "second")->data;
    g_assert_cmpfloat(second[0], ==, 16);
    for (size_t i = 0; i < G_N_ELEMENTS(lies); i++) {
        Lie lie = told(&lies[i]);
        g_autoptr(GByteArray) bytes = build(&lie);
        g_autoptr(GError) said = NULL;
        g_autoptr(HoneGguf) opened = open_bytes(bytes->data, bytes->len, &said);
        g_test_message("%s: %s", lies[i].label, said ? said->message : "opens");
        if (!lies[i].message) {
            g_assert_no_error(said);
            continue;
        }
        g_assert_null(opened);
        g_assert_true(said->domain == HONE_ERROR);
        g_assert_nonnull(strstr(said->message, "case.gguf"));
        g_assert_nonnull(strstr(said->message, lies[i].message));
    }
}

static void test_truncated(void)
{
    g_autoptr(GByteArray) file = build(&honest);
    for (size_t size = 0; size < file->len; size++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(HoneGguf) gguf = open_bytes(file->data, size, &error);
        g_assert_null(gguf);
        g_assert_nonnull(strstr(error->message, "case.gguf"));
    }
    /* The package pads its last tensor, so its file may lose a few bytes and stay whole. */
    g_autofree char *path = data_path("small.gguf"), *content = NULL;
    gsize length;
    g_assert_true(g_file_get_contents(path, &content, &length, NULL));
    for (size_t size = 0; size < length - 32; size++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(HoneGguf) gguf = open_bytes(content, size, &error);
        g_assert_null(gguf);
        g_assert_nonnull(error);
    }
}

/* Whatever a flipped byte claims, all that the reader hands out lies in the file (the sanitizer looks on). */
static void touch(const HoneGguf *gguf)
{
    unsigned sum = 0;
    for (size_t i = 0; i < hone_gguf_n_tensors(gguf); i++) {
        const HoneGgufTensor *tensor = hone_gguf_tensor(gguf, i);
        for (size_t k = 0; k < tensor->bytes; k++)
            sum += ((const uint8_t *)tensor->data)[k];
        g_assert_true(hone_gguf_find(gguf, tensor->name) == tensor);
    }
    size_t n;
    hone_gguf_string(gguf, "a.str");
    hone_gguf_strings(gguf, "a.arr", &n);
    hone_gguf_ints(gguf, "a.arr", &n);
    hone_gguf_floats(gguf, "a.arr", &n);
    g_assert_cmpuint(sum, !=, UINT_MAX);
}

static void test_flipped(void)
{
    g_autoptr(GByteArray) file = build(&honest);
    size_t opened = 0, refused = 0;
    for (size_t at = 0; at < file->len - 128; at++)
        for (int bit = 0; bit < 8; bit++) {
            g_autoptr(GError) error = NULL;
            file->data[at] ^= (uint8_t)(1 << bit);
            g_autoptr(HoneGguf) gguf = open_bytes(file->data, file->len, &error);
            file->data[at] ^= (uint8_t)(1 << bit);
            g_assert_true((gguf == NULL) == (error != NULL));
            if (gguf)
                touch(gguf);
            opened += gguf != NULL;
            refused += gguf == NULL;
        }
    g_assert_cmpuint(opened, >, 0); /* letters of names */
    g_assert_cmpuint(refused, >, opened);
}

static void test_not_files(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(hone_gguf_open(folder, &error));
    g_assert_nonnull(strstr(error->message, "not a regular file"));
    g_clear_error(&error);
    g_autofree char *absent = g_build_filename(folder, "absent.gguf", NULL);
    g_assert_null(hone_gguf_open(absent, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND);
    g_clear_error(&error);
    g_assert_null(open_bytes("", 0, &error));
    g_assert_nonnull(strstr(error->message, "empty"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("hone-gguf-XXXXXX", NULL);
    g_test_add_func("/model/gguf/package_file", test_package_file);
    g_test_add_func("/model/gguf/lies", test_lies);
    g_test_add_func("/model/gguf/truncated", test_truncated);
    g_test_add_func("/model/gguf/flipped", test_flipped);
    g_test_add_func("/model/gguf/not_files", test_not_files);
    int status = g_test_run();
    g_autofree char *path = g_build_filename(folder, "case.gguf", NULL);
    g_unlink(path);
    g_rmdir(folder);
    g_free(folder);
    return status;
}

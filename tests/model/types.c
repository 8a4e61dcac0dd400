/* SPDX-License-Identifier: Apache-2.0
 * types.c: element types against the gguf package, numpy and torch (tests/oracle/quants.py, halves.py).
 *
 * Equality is exact: the conversions are roundings that the standards fix, and the dequantisers' reference does the
 * same f32 operations in the same order.
 */
#include <hone/tensor.h>
#include <math.h>
#include <string.h>

static char *data_file(const char *name, gsize *size)
{
    g_autofree char *path = g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "model", "data", name, NULL);
    g_autoptr(GError) error = NULL;
    char *content = NULL;
    g_file_get_contents(path, &content, size, &error);
    g_assert_no_error(error);
    return content;
}

static HoneType type_by_name(const char *name)
{
    for (int t = 1; t < HONE_TYPE_END_; t++)
        if (g_ascii_strcasecmp(hone_type_name(t), name) == 0)
            return t;
    g_error("no type %s", name);
}

static void test_blocks(void)
{
    gsize size = 0;
    g_autofree char *content = data_file("quants.bin", &size);
    size_t at = 0, seen = 0;
    for (; at < size; seen++) {
        char name[9] = "";
        uint32_t n, bytes;
        memcpy(name, content + at, 8);
        memcpy(&n, content + at + 8, 4);
        memcpy(&bytes, content + at + 12, 4);
        const char *raw = content + at + 16, *wanted = raw + bytes;
        HoneType type = type_by_name(name);
        size_t own;
        g_assert_true(hone_type_bytes(type, n, &own));
        g_assert_cmpuint(own, ==, bytes);
        g_autofree float *values = g_new(float, n);
        hone_type_to_f32(type, raw, values, n);
        g_assert_cmpmem(values, n * sizeof(float), wanted, n * sizeof(float));
        /* The same from an odd address: files promise no alignment of rows. */
        g_autofree char *shifted = g_malloc(bytes + 1);
        memcpy(shifted + 1, raw, bytes);
        memset(values, 0, n * sizeof(float));
        hone_type_to_f32(type, shifted + 1, values, n);
        g_assert_cmpmem(values, n * sizeof(float), wanted, n * sizeof(float));
        at += 16 + bytes + n * sizeof(float);
    }
    g_assert_cmpuint(at, ==, size);
    g_assert_cmpuint(seen, ==, HONE_TYPE_END_ - 3); /* every type but i32, and nf4: nf4.c */
}

/* What is written holds the very bytes of the reference quantisers, and is read back within the step that they took. */
static void test_written(void)
{
    gsize size = 0;
    g_autofree char *content = data_file("quantize.bin", &size);
    size_t at = 0, seen = 0;
    for (; at < size; seen++) {
        char name[9] = "";
        uint32_t n, bytes;
        memcpy(name, content + at, 8);
        memcpy(&n, content + at + 8, 4);
        memcpy(&bytes, content + at + 12, 4);
        HoneType type = type_by_name(name);
        g_assert_true(hone_type_is_written(type));
        g_autofree float *values = g_memdup2(content + at + 16 + bytes, n * sizeof(float));
        g_autofree uint8_t *blocks = g_malloc(bytes);
        hone_type_from_f32(type, values, blocks, n);
        g_assert_cmpmem(blocks, bytes, content + at + 16, bytes);
        at += 16 + bytes + n * sizeof(float);
    }
    g_assert_cmpuint(at, ==, size);
    g_assert_cmpuint(seen, ==, 5); /* every type that is written but f32 */
    g_assert_false(hone_type_is_written(HONE_Q6_K));
}

/* Zeros and one value everywhere are exact in every type up to the rounding of the step to f16. */
static void test_written_constants(void)
{
    static const HoneType types[] = {HONE_F32, HONE_F16, HONE_BF16, HONE_Q8_0, HONE_Q4_0, HONE_Q4_K};
    static const float constants[] = {0, 1, -2.5f};
    for (size_t t = 0; t < G_N_ELEMENTS(types); t++)
        for (size_t c = 0; c < G_N_ELEMENTS(constants); c++) {
            float values[256], back[256];
            uint8_t blocks[256 * 4];
            for (int i = 0; i < 256; i++)
                values[i] = constants[c];
            hone_type_from_f32(types[t], values, blocks, 256);
            hone_type_to_f32(types[t], blocks, back, 256);
            for (int i = 0; i < 256; i++)
                g_assert_true(fabsf(back[i] - constants[c]) <= fabsf(constants[c]) * 0x1p-10f);
        }
}

/* Values so small that no step of f16 reaches them become zeros, not garbage. */
static void test_written_tiny(void)
{
    static const HoneType types[] = {HONE_Q8_0, HONE_Q4_0, HONE_Q4_K};
    static const float sizes[] = {1e-12f, 1e-30f, 1e-38f, 1e-44f};
    for (size_t t = 0; t < G_N_ELEMENTS(types); t++)
        for (size_t s = 0; s < G_N_ELEMENTS(sizes); s++) {
            float values[256], back[256];
            uint8_t blocks[256 * 2];
            for (int i = 0; i < 256; i++)
                values[i] = (i % 3 == 0 ? -1 : 1) * sizes[s] * (float)(i % 7);
            hone_type_from_f32(types[t], values, blocks, 256);
            hone_type_to_f32(types[t], blocks, back, 256);
            for (int i = 0; i < 256; i++)
                g_assert_cmpfloat(back[i], ==, 0);
        }
}

static void test_halves(void)
{
    gsize size = 0;
    g_autofree char *content = data_file("halves.bin", &size);
    for (size_t at = 0; at < size; at += 8) {
        float x;
        uint16_t half, brain;
        memcpy(&x, content + at, 4);
        memcpy(&half, content + at + 4, 2);
        memcpy(&brain, content + at + 6, 2);
        g_assert_cmphex(hone_f32_to_f16(x), ==, half);
        g_assert_cmphex(hone_f32_to_bf16(x), ==, brain);
    }
    /* Widening is exact, so every 16-bit value comes back, and a NaN stays one. */
    for (uint32_t v = 0; v <= 0xffff; v++) {
        float h = hone_f16_to_f32((uint16_t)v), b = hone_bf16_to_f32((uint16_t)v);
        if (h == h)
            g_assert_cmphex(hone_f32_to_f16(h), ==, v);
        else
            g_assert_cmphex(hone_f32_to_f16(h) & 0x7fff, >, 0x7c00);
        if (b == b)
            g_assert_cmphex(hone_f32_to_bf16(b), ==, v);
        else
            g_assert_cmphex(hone_f32_to_bf16(b) & 0x7fff, >, 0x7f80);
    }
    /* A NaN whose payload lies only in the bits that are cut off. */
    uint32_t bits = 0x7f800001;
    float nan;
    memcpy(&nan, &bits, 4);
    g_assert_cmphex(hone_f32_to_f16(nan) & 0x7fff, >, 0x7c00);
    g_assert_cmphex(hone_f32_to_bf16(nan) & 0x7fff, >, 0x7f80);
}

static void test_sizes(void)
{
    size_t bytes;
    g_assert_false(hone_type_bytes(HONE_Q4_K, 255, &bytes));
    g_assert_false(hone_type_bytes(HONE_F32, SIZE_MAX / 2, &bytes));
    g_assert_true(hone_type_bytes(HONE_Q4_1, SIZE_MAX / 32 * 32, &bytes)); /* blocks shrink what they hold */
    g_assert_true(hone_type_bytes(HONE_I32, 0, &bytes));
    g_assert_cmpuint(bytes, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/model/types/blocks", test_blocks);
    g_test_add_func("/model/types/written", test_written);
    g_test_add_func("/model/types/written-constants", test_written_constants);
    g_test_add_func("/model/types/written-tiny", test_written_tiny);
    g_test_add_func("/model/types/halves", test_halves);
    g_test_add_func("/model/types/sizes", test_sizes);
    return g_test_run();
}

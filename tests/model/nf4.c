/* SPDX-License-Identifier: Apache-2.0
 * nf4.c (test): NF4 with double quantisation against bitsandbytes (tests/oracle/nf4.py), byte for byte.
 */
#include "../../sdk/model/nf4.h"

#include <hone/safetensors.h>
#include <string.h>

static const HoneSafetensor *find(const HoneSafetensors *file, size_t i, const char *what)
{
    g_autofree char *name = g_strdup_printf("%zu.%s", i, what);
    return hone_safetensors_find(file, name);
}

static void assert_same(const HoneSafetensors *file, size_t i, const char *what, const void *got, size_t bytes)
{
    const HoneSafetensor *want = find(file, i, what);
    g_assert_cmpuint(want->bytes, >=, bytes);
    g_assert_cmpuint(want->bytes, <, bytes + 4); /* padded to whole words */
    const uint8_t *a = got, *b = want->data;
    for (size_t k = 0; k < bytes; k++)
        if (a[k] != b[k])
            g_error("case %zu: byte %zu of %zu of the %s is %02x, not %02x", i, k, bytes, what, a[k], b[k]);
}

static void test_bytes(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path =
        g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "model", "data", "nf4.safetensors", NULL);
    g_autoptr(HoneSafetensors) file = hone_safetensors_open(path, &error);
    g_assert_no_error(error);
    size_t i = 0;
    for (const HoneSafetensor *values; (values = find(file, i, "values")) != NULL; i++) {
        size_t n = values->shape[0], bytes;
        g_autofree float *x = g_new(float, n), *y = g_new(float, n);
        hone_type_to_f32(values->type, values->data, x, n);
        Nf4 nf4;
        nf4_quantize(&nf4, x, n);
        assert_same(file, i, "codes", nf4.codes, n / 2);
        assert_same(file, i, "scales", nf4.scales, nf4.blocks);
        assert_same(file, i, "scale_scales", nf4.scale_scales,
                    (nf4.blocks + NF4_SCALE_BLOCK - 1) / NF4_SCALE_BLOCK * sizeof(float));
        assert_same(file, i, "offset", &nf4.offset, sizeof nf4.offset);
        /* And what the blocks stand for. */
        g_assert_true(hone_type_bytes(HONE_NF4, n, &bytes));
        g_autofree uint8_t *blocks = g_malloc(bytes + 1);
        nf4_blocks(&nf4, blocks + 1); /* no alignment is asked for */
        hone_type_to_f32(HONE_NF4, blocks + 1, y, n);
        if (find(file, i, "dequantised") != NULL)
            assert_same(file, i, "dequantised", y, n * sizeof(float));
        nf4_clear(&nf4);
    }
    g_assert_cmpuint(i, ==, 6);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/model/nf4/bytes", test_bytes);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0
 * pack: operands of the onednn backend's products: every type that b may have, from any place in it, laid out as pack.h
 * says, with the very bits of hone_type_to_f32 rounded to bf16.
 */
#include "../../plugins/backends/onednn/pack.h"

#include <float.h>
#include <hone/random.h>
#include <math.h>
#include <string.h>

extern const CpuKernels cpu_kernels_avx512;

static bool runs_here(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("f16c");
}

/* The processor's rounding takes f32 values below the least normal one for zeros; bf16 is copied. */
static bool is_rounded(HoneType type, uint16_t got, float value)
{
    if (isnan(value))
        return isnan(hone_bf16_to_f32(got));
    bool zero = type != HONE_BF16 && fabsf(value) < FLT_MIN;
    return got == hone_f32_to_bf16(zero ? copysignf(0, value) : value);
}

/* b: [K, N], or [N, K] when turned. */
typedef struct Cut {
    size_t n, n_count, k, k_count;
} Cut;

static void check(const PackSource *b, const float *values, size_t row_values, Cut cut)
{
    size_t columns = (cut.n_count + PANEL - 1) / PANEL * PANEL, depth = (cut.k_count + K_UNIT - 1) / K_UNIT * K_UNIT;
    size_t panel = depth * PANEL + 32; /* with room between panels, which is not theirs */
    g_autofree uint16_t *to = g_new(uint16_t, columns / PANEL * panel);
    memset(to, 0xab, columns / PANEL * panel * sizeof(*to));
    pack_columns(b, to, panel, cut.n, cut.n_count, cut.k, cut.k_count);
    for (size_t i = 0; i < columns; i++)
        for (size_t j = 0; j < depth; j++) {
            uint16_t got = to[i / PANEL * panel + j / 2 * 2 * PANEL + i % PANEL * 2 + j % 2];
            size_t row = b->turned ? cut.n + i : cut.k + j, column = b->turned ? cut.k + j : cut.n + i;
            bool there = i < cut.n_count && j < cut.k_count;
            if (there ? !is_rounded(b->type, got, values[row * row_values + column]) : got != 0)
                g_error("%s%s: column %zu of %zu, k %zu of %zu is %04x", hone_type_name(b->type),
                        b->turned ? " turned" : "", i, cut.n_count, j, cut.k_count, got);
        }
    for (size_t p = 0; p < columns / PANEL; p++)
        for (size_t i = 0; i < 32; i++)
            g_assert_cmphex(to[p * panel + depth * PANEL + i], ==, 0xabab);
}

static void test_types(gconstpointer data)
{
    enum { ROWS = 160, COLUMNS = 1024 };
    bool turned = data != NULL;
    if (!runs_here()) {
        g_test_skip("this processor has no AVX512-BF16");
        return;
    }
    g_autofree float *values = g_new(float, ROWS *COLUMNS);
    for (HoneType type = HONE_F32; type < HONE_TYPE_END_; type++) {
        if (type == HONE_I32)
            continue;
        size_t block = hone_type_block(type), row;
        g_assert_true(hone_type_bytes(type, COLUMNS, &row));
        g_autofree unsigned char *stored = g_malloc(ROWS * row);
        /* Random bits are a value of every type. In every other row infinite scales are few: high bits are cleared. */
        for (size_t i = 0; i < ROWS * row; i++)
            stored[i] = (unsigned char)hone_random_below(type, HONE_STREAM_USER, i, i / row % 2 == 0 ? 256 : 64);
        for (size_t r = 0; r < ROWS; r++)
            hone_type_to_f32(type, stored + r * row, values + r * COLUMNS, COLUMNS);
        PackSource b = {.kernels = &cpu_kernels_avx512, .type = type, .data = stored, .row = row, .turned = turned};
        size_t odd = block == 1 ? 27 : 0; /* of the side along a row, a multiple of the block for the others */
        const Cut cuts[] = {{0, 128, 0, 128},
                            {64, turned ? 75 : 256, turned ? 256 : 96, turned ? 512 : 37},
                            {turned ? 64 : 256, turned ? 1 : 512 + odd, turned ? 512 : 32, turned ? 256 + odd : 1},
                            {0, 96, 0, 64 + odd}};
        for (size_t i = 0; i < G_N_ELEMENTS(cuts); i++) {
            Cut cut = cuts[i];
            size_t *along = turned ? &cut.k_count : &cut.n_count, *from = turned ? &cut.k : &cut.n;
            *along = (*along + block - 1) / block * block;
            *from = *from / block * block;
            if (!turned)
                *from = *from / PANEL * PANEL;
            check(&b, values, COLUMNS, cut);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/pack/by-columns", NULL, test_types);
    g_test_add_data_func("/pack/turned", "turned", test_types);
    return g_test_run();
}

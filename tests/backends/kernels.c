/* SPDX-License-Identifier: Apache-2.0
 * kernels: the cpu backend's own exp and tanh against libm in double, for each set of instructions that runs here,
 * within the bounds that vector_math.h states; stored types unpacked to the very bits of hone_type_to_f32; and its
 * threads, which must run every item once.
 */
#include "../../plugins/backends/cpu/cpu.h"

#include <hone/random.h>
#include <math.h>
#include <string.h>

static const CpuKernels *const sets[] = {
    &cpu_kernels_portable,
#ifdef __x86_64__
    &cpu_kernels_avx2,
    &cpu_kernels_avx512,
#endif
};

static bool runs_here(const CpuKernels *kernels)
{
#ifdef __x86_64__
    if (kernels == &cpu_kernels_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    if (kernels == &cpu_kernels_avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("f16c");
#endif
    return true;
}

#define POINTS 200003

/* x: POINTS values from low to high. */
static void sweep(float *x, double low, double high)
{
    for (size_t i = 0; i < POINTS; i++)
        x[i] = (float)(low + (high - low) * (double)i / (POINTS - 1));
}

static void test_exp(gconstpointer data)
{
    const CpuKernels *kernels = data;
    if (!runs_here(kernels)) {
        g_test_skip("this processor does not have the instructions");
        return;
    }
    g_autofree float *x = g_new(float, POINTS), *y = g_new(float, POINTS);
    sweep(x, -87.3, 88.3);
    kernels->exp(y, x, POINTS);
    for (size_t i = 0; i < POINTS; i++)
        g_assert_true(fabs(y[i] / exp((double)x[i]) - 1) <= 2.5e-7);
    const float edges[] = {0, -0.0f, -88, -1000, -INFINITY, 1000, NAN};
    kernels->exp(y, edges, G_N_ELEMENTS(edges));
    g_assert_true(y[0] == 1 && y[1] == 1 && y[2] == 0 && y[3] == 0 && y[4] == 0);
    g_assert_true(y[5] > 2e38f && isnan(y[6]));
}

static void test_tanh(gconstpointer data)
{
    const CpuKernels *kernels = data;
    if (!runs_here(kernels)) {
        g_test_skip("this processor does not have the instructions");
        return;
    }
    g_autofree float *x = g_new(float, POINTS), *y = g_new(float, POINTS);
    static const double ranges[] = {12, 1, 1e-3, 1e-30};
    for (size_t r = 0; r < G_N_ELEMENTS(ranges); r++) {
        sweep(x, -ranges[r], ranges[r]);
        kernels->tanh(y, x, POINTS);
        for (size_t i = 0; i < POINTS; i++)
            g_assert_true(fabs(y[i] - tanh((double)x[i])) <= 4e-7 * fabs(tanh((double)x[i])));
    }
    const float edges[] = {0, 1000, -1000, INFINITY, -INFINITY, NAN};
    kernels->tanh(y, edges, G_N_ELEMENTS(edges));
    g_assert_true(y[0] == 0 && y[1] == 1 && y[2] == -1 && y[3] == 1 && y[4] == -1 && isnan(y[5]));
}

/* Random bits are a value of every type: all scales, infinite and NaN ones too. */
static void random_bits(uint8_t *bytes, size_t n, uint64_t key)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)hone_random_below(key, HONE_STREAM_USER, i, 256);
}

static void test_unpack(gconstpointer data)
{
    const CpuKernels *kernels = data;
    if (!runs_here(kernels)) {
        g_test_skip("this processor does not have the instructions");
        return;
    }
    for (HoneType type = HONE_F32; type < HONE_TYPE_END_; type++) {
        if (type == HONE_I32)
            continue;
        size_t block = hone_type_block(type), bytes;
        /* Plain types with what is left of a vector, the others by blocks; at every alignment. */
        for (size_t round = 0; round < 9; round++) {
            size_t n = block == 1 ? 1000 + 37 * round : block * (round + 1), shift = round % 5;
            g_assert_true(hone_type_bytes(type, n, &bytes));
            g_autofree uint8_t *stored = g_malloc(bytes + shift);
            random_bits(stored + shift, bytes, type * 100 + round);
            g_autofree float *want = g_new(float, n), *got = g_new(float, n + 1);
            g_autofree uint16_t *half = g_new(uint16_t, n + 1);
            hone_type_to_f32(type, stored + shift, want, n);
            got[n] = 12.5f;
            half[n] = 0x1234;
            kernels->unpack(type, stored + shift, got, n);
            kernels->unpack_bf16(type, stored + shift, half, n);
            for (size_t i = 0; i < n; i++) {
                /* The bits of a NaN are nobody's concern, but it must stay one. */
                bool same = isnan(want[i]) ? isnan(got[i]) : memcmp(&want[i], &got[i], sizeof(float)) == 0;
                bool same_half =
                    isnan(want[i]) ? isnan(hone_bf16_to_f32(half[i])) : half[i] == hone_f32_to_bf16(want[i]);
                if (!same || !same_half)
                    g_error("%s, value %zu of %zu: %a and bf16 %04x, where %a and %04x are right", hone_type_name(type),
                            i, n, got[i], half[i], want[i], hone_f32_to_bf16(want[i]));
            }
            g_assert_true(got[n] == 12.5f && half[n] == 0x1234);
        }
    }
}

/* Every f16 there is, and f32 around every tie of bf16. */
static void test_unpack_edges(gconstpointer data)
{
    const CpuKernels *kernels = data;
    if (!runs_here(kernels)) {
        g_test_skip("this processor does not have the instructions");
        return;
    }
    enum { ALL = 65536 };
    g_autofree uint16_t *halves = g_new(uint16_t, ALL);
    g_autofree float *got = g_new(float, ALL);
    for (size_t i = 0; i < ALL; i++)
        halves[i] = (uint16_t)i;
    kernels->unpack(HONE_F16, halves, got, ALL);
    for (size_t i = 0; i < ALL; i++) {
        float want = hone_f16_to_f32(halves[i]);
        g_assert_true(isnan(want) ? isnan(got[i]) : memcmp(&want, &got[i], sizeof(float)) == 0);
    }
    for (uint32_t low = 0x7fff; low <= 0x8001; low++) {
        for (size_t i = 0; i < ALL; i++) {
            uint32_t bits = (uint32_t)i << 16 | low;
            memcpy(&got[i], &bits, sizeof(bits));
        }
        kernels->unpack_bf16(HONE_F32, got, halves, ALL);
        for (size_t i = 0; i < ALL; i++)
            g_assert_cmphex(halves[i], ==, hone_f32_to_bf16(got[i]));
    }
}

typedef struct Count {
    uint8_t *times;
    uint32_t threads;
} Count;

static void count_item(void *data, size_t item, uint32_t thread)
{
    Count *c = data;
    g_assert_cmpuint(thread, <, c->threads);
    c->times[item]++;
    /* Uneven work, so that threads finish in any order. */
    for (volatile size_t spin = item % 7 * 20; spin > 0;)
        spin = spin - 1;
}

static void test_pool(void)
{
    for (uint32_t threads = 1; threads <= 5; threads += 2) {
        CpuPool *pool = cpu_pool_new(threads);
        g_assert_cmpuint(cpu_pool_threads(pool), ==, threads);
        for (size_t job = 0; job < 3000; job++) {
            size_t n = job % 23;
            uint8_t times[23] = {0};
            Count c = {.times = times, .threads = threads};
            cpu_pool_run(pool, n, count_item, &c);
            for (size_t i = 0; i < 23; i++)
                g_assert_cmpuint(times[i], ==, i < n);
            if (job % 500 == 499)
                g_usleep(2000); /* long enough for the workers to fall asleep */
        }
        cpu_pool_free(pool);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(sets); i++) {
        g_autofree char *exp_path = g_strdup_printf("/kernels/exp/%s", sets[i]->name);
        g_autofree char *tanh_path = g_strdup_printf("/kernels/tanh/%s", sets[i]->name);
        g_test_add_data_func(exp_path, sets[i], test_exp);
        g_test_add_data_func(tanh_path, sets[i], test_tanh);
        g_autofree char *unpack_path = g_strdup_printf("/kernels/unpack/%s", sets[i]->name);
        g_autofree char *edges_path = g_strdup_printf("/kernels/unpack-edges/%s", sets[i]->name);
        g_test_add_data_func(unpack_path, sets[i], test_unpack);
        g_test_add_data_func(edges_path, sets[i], test_unpack_edges);
    }
    g_test_add_func("/kernels/pool", test_pool);
    return g_test_run();
}

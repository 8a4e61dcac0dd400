/* SPDX-License-Identifier: Apache-2.0
 * processor.c: loops that do nothing but multiply, copy or read.
 */
#include "processor.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif
#include <string.h>
#include <time.h>

static volatile float sink;

#define ROUNDS 4000000
#define CHAINS 12 /* independent sums: latency times throughput of any processor so far */

/* x·0.999 + 0.001 in every lane, over and over; gives the operations done. */
#define FMA_LOOP(name, options, vector, lanes, set, multiply_add)                                                      \
    options static double name(void)                                                                                   \
    {                                                                                                                  \
        vector sum[CHAINS], factor = set(0.999f), rest = set(0.001f);                                                  \
        for (int c = 0; c < CHAINS; c++)                                                                               \
            sum[c] = set((float)c);                                                                                    \
        for (int r = 0; r < ROUNDS; r++)                                                                               \
            _Pragma("GCC unroll 12") for (int c = 0; c < CHAINS; c++) sum[c] = multiply_add(sum[c], factor, rest);     \
        for (int c = 0; c < CHAINS; c++)                                                                               \
            sink += *(const float *)&sum[c];                                                                           \
        return 2.0 * (lanes)*CHAINS * ROUNDS;                                                                          \
    }
#define PLAIN_SET(x) (x)
#define PLAIN_MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
FMA_LOOP(fma_portable, , float, 1, PLAIN_SET, PLAIN_MULTIPLY_ADD)
#ifdef __x86_64__
FMA_LOOP(fma_avx512, __attribute__((target("avx512f"))), __m512, 16, _mm512_set1_ps, _mm512_fmadd_ps)
FMA_LOOP(fma_avx2, __attribute__((target("avx2,fma"))), __m256, 8, _mm256_set1_ps, _mm256_fmadd_ps)
#endif

static double fma_loop(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f"))
        return fma_avx512();
    if (__builtin_cpu_supports("avx2"))
        return fma_avx2();
#endif
    return fma_portable();
}

/* As fma_loop with pairs of bf16, 0 where the processor has no instruction for them. */
#ifdef __x86_64__
__attribute__((target("avx512f,avx512bf16"))) static double bf16_avx512(void)
{
    __m512 sum[CHAINS];
    __m512bh pairs = (__m512bh)_mm512_set1_epi32(0x3f803f80);
    for (int c = 0; c < CHAINS; c++)
        sum[c] = _mm512_set1_ps((float)c);
    for (int r = 0; r < ROUNDS; r++)
        _Pragma("GCC unroll 12") for (int c = 0; c < CHAINS; c++) sum[c] = _mm512_dpbf16_ps(sum[c], pairs, pairs);
    for (int c = 0; c < CHAINS; c++)
        sink += *(const float *)&sum[c];
    return 64.0 * CHAINS * ROUNDS;
}
#endif

static double bf16_loop(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512bf16"))
        return bf16_avx512();
#endif
    return 0;
}

#define COPY_BYTES ((size_t)128 << 20)

static double own_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void *rate_of_fma(void *data)
{
    double *best = data;
    for (int round = 0; round < 3; round++) {
        double start = own_seconds(), work = fma_loop();
        *best = MAX(*best, work / (own_seconds() - start) * 1e-9);
    }
    return NULL;
}

static void *rate_of_bf16(void *data)
{
    double *best = data;
    for (int round = 0; round < 3; round++) {
        double start = own_seconds(), work = bf16_loop();
        *best = MAX(*best, work / (own_seconds() - start) * 1e-9);
    }
    return NULL;
}

static void *rate_of_copy(void *data)
{
    double *best = data;
    char *memory = g_malloc(2 * COPY_BYTES);
    memset(memory, 1, 2 * COPY_BYTES);
    for (int round = 0; round < 5; round++) {
        double start = own_seconds();
        memcpy(memory, memory + COPY_BYTES, COPY_BYTES);
        *best = MAX(*best, 2.0 * (double)COPY_BYTES / (own_seconds() - start) * 1e-9);
    }
    g_free(memory);
    return NULL;
}

/* Eight sums of eight lanes: enough loads in flight. */
typedef uint64_t Lanes __attribute__((vector_size(64)));

static void *rate_of_read(void *data)
{
    double *best = data;
    char *memory = g_aligned_alloc(1, COPY_BYTES, 64);
    memset(memory, 1, COPY_BYTES);
    for (int round = 0; round < 5; round++) {
        double start = own_seconds();
        Lanes sum[8] = {0};
        for (size_t i = 0; i < COPY_BYTES / sizeof(Lanes); i += 8)
            for (size_t k = 0; k < 8; k++)
                sum[k] += ((const Lanes *)memory)[i + k];
        for (size_t k = 1; k < 8; k++)
            sum[0] += sum[k];
        sink += (float)sum[0][0];
        *best = MAX(*best, (double)COPY_BYTES / (own_seconds() - start) * 1e-9);
    }
    g_aligned_free(memory);
    return NULL;
}

/* The sum over threads that run side by side, each against its own processor time. */
static double limit(uint32_t threads, GThreadFunc body)
{
    g_autofree GThread **thread = g_new(GThread *, threads);
    g_autofree double *rate = g_new0(double, threads);
    double all = 0;
    for (uint32_t t = 0; t < threads; t++)
        thread[t] = g_thread_new("limit", body, &rate[t]);
    for (uint32_t t = 0; t < threads; t++) {
        g_thread_join(thread[t]);
        all += rate[t];
    }
    return all;
}

double limit_gflops(uint32_t threads)
{
    return limit(threads, rate_of_fma);
}

double limit_bf16_gflops(uint32_t threads)
{
    return limit(threads, rate_of_bf16);
}

double limit_copy(uint32_t threads)
{
    return limit(threads, rate_of_copy);
}

double limit_read(uint32_t threads)
{
    return limit(threads, rate_of_read);
}

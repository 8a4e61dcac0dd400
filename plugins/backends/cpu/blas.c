/* SPDX-License-Identifier: Apache-2.0
 * blas.c: OpenBLAS, loaded at run time with the kernels that suit the processor.
 *
 * OpenBLAS picks its kernels while it is being loaded, by a table of processors as old as the library: Debian 12's
 * 0.3.21 takes its Haswell kernels for a Zen 5, at half the speed. So the choice is made here, in this order, and
 * handed over in OPENBLAS_CORETYPE for the moment of loading:
 *   1. the backend's parameter `blas_core`;
 *   2. OPENBLAS_CORETYPE as the user has set it;
 *   3. SkylakeX where the processor has AVX-512 at full width; Haswell for Zen 4, whose AVX-512 runs in halves
 * (measured: Haswell's kernels are 5 % faster there);
 *   4. whatever OpenBLAS itself picks, for all others.
 * A choice that needs AVX-512 where there is none is passed over. Small products are then checked against plain loops;
 * a library that computes wrongly is unloaded and the next choice tried.
 */
#include "cpu.h"

#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>

#define LIBRARY "libopenblas.so.0"

enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 }; /* of CBLAS */

static bool has_avx512(void)
{
#ifdef __x86_64__
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512cd");
#else
    return false;
#endif
}

/* NULL: OpenBLAS's own choice. */
static const char *core_for_processor(void)
{
    if (!has_avx512())
        return NULL;
#ifdef __x86_64__
    /* Family 19h with AVX-512 is Zen 4. */
    if (__builtin_cpu_is("amdfam19h"))
        return "Haswell";
#endif
    return "SkylakeX";
}

static bool runs_here(const char *core)
{
    static const char *const need_avx512[] = {"SkylakeX", "Cooperlake", "SapphireRapids"};
    for (size_t i = 0; i < G_N_ELEMENTS(need_avx512); i++)
        if (g_ascii_strcasecmp(core, need_avx512[i]) == 0)
            return has_avx512();
    return true;
}

/* Sets a variable (NULL: unsets) and gives back what was there. */
static char *swap_variable(const char *name, const char *value)
{
    char *old = g_strdup(getenv(name));
    if (value != NULL)
        setenv(name, value, 1);
    else
        unsetenv(name);
    return old;
}

/* Products of odd sizes in both layouts against plain loops: what a kernel for another processor gets wrong. */
static bool computes_rightly(const CpuBlas *blas)
{
    enum { M = 37, N = 53, K = 71 };
    g_autofree float *a = g_new(float, M *K), *b = g_new(float, K *N), *y = g_new(float, M *N);
    for (size_t i = 0; i < M * K; i++)
        a[i] = (float)(i * 7 % 31) / 31 - 0.5f;
    for (size_t i = 0; i < K * N; i++)
        b[i] = (float)(i * 11 % 29) / 29 - 0.5f;
    for (int turned = 0; turned < 4; turned++) {
        bool ta = turned & 1, tb = turned & 2;
        blas->sgemm(ROW_MAJOR, ta ? TRANS : NO_TRANS, tb ? TRANS : NO_TRANS, M, N, K, 2, a, ta ? M : K, b, tb ? K : N,
                    0, y, N);
        for (size_t m = 0; m < M; m++) {
            for (size_t n = 0; n < N; n++) {
                double sum = 0;
                for (size_t k = 0; k < K; k++)
                    sum += 2.0 * a[ta ? k * M + m : m * K + k] * b[tb ? n * K + k : k * N + n];
                /* Each of K additions of terms up to 1/2 may err by half a unit in the last place of the sum. */
                if (!(fabs(y[m * N + n] - sum) <= K * 0.5 * K * 0x1p-24))
                    return false;
            }
        }
    }
    return true;
}

static bool load(CpuBlas *blas, const char *core, GError **error)
{
    /* One thread each: ours call it side by side. Set while it loads, it starts none of its own. */
    g_autofree char *old_core = swap_variable("OPENBLAS_CORETYPE", core);
    g_autofree char *old_threads = swap_variable("OPENBLAS_NUM_THREADS", "1");
    blas->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    g_autofree char *reason = blas->library == NULL ? g_strdup(dlerror()) : NULL;
    g_free(swap_variable("OPENBLAS_CORETYPE", old_core));
    g_free(swap_variable("OPENBLAS_NUM_THREADS", old_threads));
    if (blas->library == NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND,
                    "The cpu backend needs OpenBLAS, which does not load (%s). Install it (Debian: apt install "
                    "libopenblas0-pthread) or choose --backend reference.",
                    reason);
        return false;
    }
    blas->sgemm = (__typeof__(blas->sgemm))dlsym(blas->library, "cblas_sgemm");
    void (*set_threads)(int) = (void (*)(int))dlsym(blas->library, "openblas_set_num_threads");
    char *(*core_name)(void) = (char *(*)(void))dlsym(blas->library, "openblas_get_corename");
    if (blas->sgemm == NULL || set_threads == NULL || core_name == NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "%s is not an OpenBLAS with CBLAS functions. Install Debian's libopenblas0-pthread.", LIBRARY);
        cpu_blas_close(blas);
        return false;
    }
    set_threads(1);
    g_strlcpy(blas->core, core_name(), sizeof(blas->core));
    return true;
}

bool cpu_blas_open(CpuBlas *blas, const char *core, GError **error)
{
    const char *choices[] = {core, getenv("OPENBLAS_CORETYPE"), core_for_processor(), NULL};
    for (size_t i = 0; i < G_N_ELEMENTS(choices); i++) {
        bool last = i + 1 == G_N_ELEMENTS(choices);
        if (!last && (choices[i] == NULL || choices[i][0] == '\0'))
            continue;
        if (!last && !runs_here(choices[i])) {
            g_message("The %s kernels of OpenBLAS need AVX-512, which this processor lacks: not used.", choices[i]);
            continue;
        }
        if (!load(blas, choices[i], error))
            return false;
        if (computes_rightly(blas))
            return true;
        g_message("OpenBLAS computes wrong products with its %s kernels: not used.", blas->core);
        cpu_blas_close(blas);
    }
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                "OpenBLAS computes wrong products on this processor with every choice of its kernels. Install another "
                "version of it, or choose --backend reference.");
    return false;
}

void cpu_blas_close(CpuBlas *blas)
{
    if (blas->library != NULL)
        dlclose(blas->library);
    *blas = (CpuBlas){0};
}

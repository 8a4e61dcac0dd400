/* SPDX-License-Identifier: Apache-2.0
 * onednn.c: the plugin: opening, what it says of itself, the descriptor.
 */
#include "onednn.h"
#include "attend.h"

#include <string.h>

#define SPEED 200 /* for `auto`; cpu says 100 */

typedef struct OneParams {
    char *products;
} OneParams;

static const char *const choices[] = {"large", "all", NULL};

static const HoneParam params[] = {
    HONE_CHOICE(OneParams, products, "\"large\"", choices,
                "Which matrix products are done in bf16; all: those too that are faster in f32, to test small models"),
    {0},
};

/* oneDNN's products in f32, for the few that the shared code would give to a BLAS. */
static const DnnlApi *sgemm_api;

static void sgemm(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda,
                  const float *b, int ldb, float beta, float *c, int ldc)
{
    enum { TRANS = 112 }; /* of CBLAS; `order` is always by rows */
    /* It leaves c as it is where there is nothing to add up. */
    for (int i = 0; k == 0 && i < m; i++)
        for (int j = 0; j < n; j++)
            c[(size_t)i * (size_t)ldc + (size_t)j] = beta == 0 ? 0 : beta * c[(size_t)i * (size_t)ldc + (size_t)j];
    if (k == 0)
        return;
    if (sgemm_api->omp_get_max_threads() != 1)
        sgemm_api->omp_set_num_threads(1);
    sgemm_api->sgemm(trans_a == TRANS ? 'T' : 'N', trans_b == TRANS ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta,
                     c, ldc);
}

/* The instructions that oneDNN uses here, NULL without bf16 products. It may be told to use fewer than there are
 * (DNNL_MAX_CPU_ISA). Without them it would convert in f32 kernels, slower than f32 itself. */
static const char *bf16_instructions(const DnnlApi *api)
{
    int isa = api->get_effective_cpu_isa();
    bool here = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512bf16");
    if (!here || (isa & dnnl_cpu_isa_avx512_core_bf16) != dnnl_cpu_isa_avx512_core_bf16)
        return NULL;
    return (isa & dnnl_cpu_isa_avx512_core_amx) == dnnl_cpu_isa_avx512_core_amx ? "AMX" : "AVX512-BF16";
}

static void one_close(void *data)
{
    OneDevice *d = data;
    one_library_close(d);
    cpu_device_free(&d->cpu);
}

static void *one_open(const void *instance, const HoneBackendOptions *options, GError **error)
{
    const DnnlApi *api = dnnl_api(error);
    if (api == NULL)
        return NULL;
    const char *instructions = bf16_instructions(api);
    if (instructions == NULL) {
        g_set_error_literal(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                            "The onednn backend needs a processor with AVX512-BF16 or AMX (and DNNL_MAX_CPU_ISA, where "
                            "it is set, has to allow them); use --backend cpu here.");
        return NULL;
    }
    sgemm_api = api;
    const OneParams *p = instance;
    OneDevice *d = (OneDevice *)cpu_device_new(sizeof(OneDevice), cpu_choose_kernels("auto"), options->threads);
    d->every = strcmp(p->products, "all") == 0;
    d->kernels = *d->cpu.kernels;
    attend_in_pairs(&d->kernels);
    d->cpu.kernels = &d->kernels;
    d->api = api;
    d->cpu.blas.sgemm = sgemm;
    if (!one_library_open(d, error)) {
        one_close(d);
        return NULL;
    }
    const dnnl_version_t *version = api->version();
    g_autofree char *library =
        g_strdup_printf("oneDNN %d.%d.%d %s", version->major, version->minor, version->patch, instructions);
    cpu_device_name(&d->cpu, library);
    return d;
}

static void one_describe(void *data, HoneBackendInfo *info)
{
    const OneDevice *d = data;
    g_strlcpy(info->numerics, "bf16", sizeof(info->numerics));
    g_strlcpy(info->device_name, d->cpu.name, sizeof(info->device_name));
    info->compute_type = HONE_BF16;
    cpu_device_memory(info);
    info->speed = SPEED;
}

static const HoneBackendOps ops = {
    CPU_SHARED_OPS,           .open = one_open, .close = one_close,
    .describe = one_describe, .gemm = one_gemm, .gemm_low_rank = one_gemm_low_rank,
};

static const HoneParamGroup groups[] = {HONE_OWN_PARAMS(params), {0}};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_BACKEND,
    .name = "onednn",
    .version = "1",
    .summary = "Matrix products in bf16 by oneDNN, on processors with AVX512-BF16 or AMX",
    .help =
        "Matrix products, and those inside attention, read both operands rounded to bf16 and add up in f32; products "
        "with one side up to 32 and all other operators are the cpu backend's, in f32. Weights, gradients and the "
        "optimizer stay as they are. The same call gives the same bytes for the same number of threads. "
        "HONE_PROFILE=1 prints the time by operator at the end.",
    .instance_size = sizeof(OneParams),
    .params = groups,
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("onednn", "1", "Apache-2.0", "The onednn backend", &component)

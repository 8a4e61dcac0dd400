/* SPDX-License-Identifier: Apache-2.0
 * cpu.c: the plugin: life of the device, the table of operators, the descriptor.
 */
#include "cpu.h"

#include <stdlib.h>
#include <unistd.h>

typedef struct CpuParams {
    char *blas_core;
    char *instructions;
} CpuParams;

static const char *const instruction_sets[] = {"auto", "avx512", "avx2", "portable", NULL};

static const HoneParam params[] = {
    HONE_STRING(CpuParams, blas_core, "\"\"",
                "OpenBLAS kernels (SkylakeX, Haswell, ...); empty: OPENBLAS_CORETYPE where set, else by processor"),
    HONE_CHOICE(CpuParams, instructions, "\"auto\"", instruction_sets,
                "Vector instructions of Hone's own kernels; auto: the widest that the processor has"),
    {0},
};

/* The kernels asked for, NULL where the processor cannot run them. */
static const CpuKernels *choose_kernels(const char *wanted)
{
    bool any = g_str_equal(wanted, "auto");
#ifdef __x86_64__
    if ((any || g_str_equal(wanted, "avx512")) && __builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("f16c"))
        return &cpu_kernels_avx512;
    if ((any || g_str_equal(wanted, "avx2")) && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("f16c"))
        return &cpu_kernels_avx2;
#endif
    return any || g_str_equal(wanted, "portable") ? &cpu_kernels_portable : NULL;
}

static void *cpu_open(const void *instance, const HoneBackendOptions *options, GError **error)
{
    const CpuParams *p = instance;
    const CpuKernels *kernels = choose_kernels(p->instructions);
    if (kernels == NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "This processor does not have the instructions \"%s\" that the cpu backend is told to use.",
                    p->instructions);
        return NULL;
    }
    CpuDevice *device = g_new0(CpuDevice, 1);
    if (!cpu_blas_open(&device->blas, p->blas_core, error)) {
        g_free(device);
        return NULL;
    }
    device->kernels = kernels;
    device->pool = cpu_pool_new(options->threads);
    device->profile = cpu_profile_new();
    uint32_t threads = cpu_pool_threads(device->pool);
    g_snprintf(device->name, sizeof(device->name), "%u thread%s, OpenBLAS %s, %s", threads, threads == 1 ? "" : "s",
               device->blas.core, kernels->name);
    return device;
}

static void cpu_close(void *data)
{
    CpuDevice *device = data;
    cpu_profile_free(device->profile);
    cpu_pool_free(device->pool);
    cpu_blas_close(&device->blas);
    free(device->scratch);
    g_free(device);
}

static void cpu_describe(void *data, HoneBackendInfo *info)
{
    const CpuDevice *device = data;
    g_strlcpy(info->numerics, "f32", sizeof(info->numerics));
    g_strlcpy(info->device_name, device->name, sizeof(info->device_name));
    info->compute_type = HONE_F32;
    long pages = sysconf(_SC_PHYS_PAGES), available = sysconf(_SC_AVPHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    info->memory_total = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
    info->memory_free = available > 0 && page > 0 ? (uint64_t)available * (uint64_t)page : 0;
    info->speed = 100;
}

static HoneStream *cpu_stream_new(void *device, GError **error)
{
    HoneStream *s = g_new0(HoneStream, 1);
    s->device = device;
    return s;
}

static void cpu_stream_free(HoneStream *s)
{
    g_free(s);
}

/* Operators are done when they return. */
static bool cpu_sync(HoneStream *s, GError **error)
{
    return true;
}

static const HoneBackendOps ops = {
    .size = sizeof(HoneBackendOps),
    .open = cpu_open,
    .close = cpu_close,
    .describe = cpu_describe,
    .stream_new = cpu_stream_new,
    .stream_free = cpu_stream_free,
    .sync = cpu_sync,
    .alloc = cpu_alloc,
    .free = cpu_free,
    .wrap = cpu_wrap,
    .upload = cpu_upload,
    .download = cpu_download,
    .copy = cpu_copy,
    .fill = cpu_fill,
    .convert = cpu_convert,
    .gemm = cpu_gemm,
    .add = cpu_add,
    .scale = cpu_scale,
    .add_bias = cpu_add_bias,
    .add_bias_bwd = cpu_add_bias_bwd,
    .soft_cap = cpu_soft_cap,
    .glu = cpu_glu,
    .glu_bwd = cpu_glu_bwd,
    .dropout = cpu_dropout,
    .gather_rows = cpu_gather_rows,
    .scatter_rows = cpu_scatter_rows,
    .rmsnorm = cpu_rmsnorm,
    .rmsnorm_bwd = cpu_rmsnorm_bwd,
    .rope = cpu_rope,
    .attention = cpu_attention,
    .attention_bwd = cpu_attention_bwd,
    .attention_cached = cpu_attention_cached,
    .logprob = cpu_logprob,
    .logprob_bwd = cpu_logprob_bwd,
    .sum_squares = cpu_sum_squares,
    .adamw = cpu_adamw,
};

static const HoneParamGroup groups[] = {HONE_OWN_PARAMS(params), {0}};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_BACKEND,
    .name = "cpu",
    .version = "1",
    .summary = "OpenBLAS and vectorised kernels on the processor's cores, in f32",
    .help =
        "Matrix products by OpenBLAS, loaded with the kernels that suit the processor; products with one short side, "
        "norms, attention, softmax and the optimizer by kernels for AVX-512, AVX2 or plain C. The same call gives "
        "the same bytes for the same number of threads. HONE_PROFILE=1 prints the time by operator at the end.",
    .params = groups,
    .instance_size = sizeof(CpuParams),
    .ops = &ops,
};

static const HoneComponent *const components[] = {&component, NULL};

static const HonePlugin plugin = {
    HONE_PLUGIN_HEADER,       .name = "cpu", .version = "1", .licence = "Apache-2.0", .summary = "The cpu backend",
    .components = components,
};

const HonePlugin *hone_plugin(void)
{
    return &plugin;
}

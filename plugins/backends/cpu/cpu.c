/* SPDX-License-Identifier: Apache-2.0
 * cpu.c: the plugin: parameters, opening with OpenBLAS, the descriptor.
 */
#include "cpu.h"

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

static void *cpu_open(const void *instance, const HoneBackendOptions *options, GError **error)
{
    const CpuParams *p = instance;
    const CpuKernels *kernels = cpu_choose_kernels(p->instructions);
    if (kernels == NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "This processor does not have the instructions \"%s\" that the cpu backend is told to use.",
                    p->instructions);
        return NULL;
    }
    CpuBlas blas;
    if (!cpu_blas_open(&blas, p->blas_core, error))
        return NULL;
    CpuDevice *device = cpu_device_new(sizeof(CpuDevice), kernels, options->threads);
    device->blas = blas;
    g_autofree char *library = g_strdup_printf("OpenBLAS %s", blas.core);
    cpu_device_name(device, library);
    return device;
}

static void cpu_close(void *data)
{
    CpuDevice *device = data;
    CpuBlas blas = device->blas;
    cpu_device_free(device);
    cpu_blas_close(&blas);
}

static void cpu_describe(void *data, HoneBackendInfo *info)
{
    const CpuDevice *device = data;
    g_strlcpy(info->numerics, "f32", sizeof(info->numerics));
    g_strlcpy(info->device_name, device->name, sizeof(info->device_name));
    info->compute_type = HONE_F32;
    cpu_device_memory(info);
    info->speed = 100;
}

static const HoneBackendOps ops = {
    CPU_SHARED_OPS, .open = cpu_open, .close = cpu_close, .describe = cpu_describe, .gemm = cpu_gemm,
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

HONE_DEFINE_PLUGIN("cpu", "1", "Apache-2.0", "The cpu backend", &component)

/* SPDX-License-Identifier: Apache-2.0
 * reference.c: the plugin: life of the device, the table of operators, the descriptor.
 */
#include "reference.h"

#include <unistd.h>

struct HoneStream {
    void *device;
};

static void *reference_open(const void *params, const HoneBackendOptions *options, GError **error)
{
    return g_new0(char, 1);
}

static void reference_close(void *device)
{
    g_free(device);
}

static void reference_describe(void *device, HoneBackendInfo *info)
{
    g_strlcpy(info->numerics, "f32", sizeof(info->numerics));
    g_strlcpy(info->device_name, "scalar C, 1 thread, sums in double", sizeof(info->device_name));
    info->compute_type = HONE_F32;
    long pages = sysconf(_SC_PHYS_PAGES), available = sysconf(_SC_AVPHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    info->memory_total = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
    info->memory_free = available > 0 && page > 0 ? (uint64_t)available * (uint64_t)page : 0;
    info->speed = 1;
}

static HoneStream *reference_stream_new(void *device, GError **error)
{
    HoneStream *s = g_new0(HoneStream, 1);
    s->device = device;
    return s;
}

static void reference_stream_free(HoneStream *s)
{
    g_free(s);
}

static bool reference_sync(HoneStream *s, GError **error)
{
    return true;
}

static const HoneBackendOps ops = {
    .size = sizeof(HoneBackendOps),
    .open = reference_open,
    .close = reference_close,
    .describe = reference_describe,
    .stream_new = reference_stream_new,
    .stream_free = reference_stream_free,
    .sync = reference_sync,
    .alloc = ref_alloc,
    .free = ref_free,
    .wrap = ref_wrap,
    .upload = ref_upload,
    .download = ref_download,
    .copy = ref_copy,
    .fill = ref_fill,
    .convert = ref_convert,
    .gemm = ref_gemm,
    .add = ref_add,
    .scale = ref_scale,
    .add_bias = ref_add_bias,
    .add_bias_bwd = ref_add_bias_bwd,
    .soft_cap = ref_soft_cap,
    .glu = ref_glu,
    .glu_bwd = ref_glu_bwd,
    .dropout = ref_dropout,
    .gather_rows = ref_gather_rows,
    .scatter_rows = ref_scatter_rows,
    .rmsnorm = ref_rmsnorm,
    .rmsnorm_bwd = ref_rmsnorm_bwd,
    .rope = ref_rope,
    .attention = ref_attention,
    .attention_bwd = ref_attention_bwd,
    .attention_cached = ref_attention_cached,
    .logprob = ref_logprob,
    .logprob_bwd = ref_logprob_bwd,
    .sum_squares = ref_sum_squares,
    .adamw = ref_adamw,
    .adamw_8bit = ref_adamw_8bit,
    .sgd = ref_sgd,
    .lion = ref_lion,
    .adafactor = ref_adafactor,
    .scale_columns = ref_scale_columns,
    .dot_columns = ref_dot_columns,
};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_BACKEND,
    .name = "reference",
    .version = "1",
    .summary = "Scalar C that defines every operator; for reading and for comparing, not for speed",
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("reference", "1", "Apache-2.0", "The reference backend", &component)

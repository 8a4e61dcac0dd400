/* SPDX-License-Identifier: Apache-2.0
 * device.c: life of the device: what every backend on these kernels shares, whatever multiplies its matrices.
 */
#include "cpu.h"

#include <stdlib.h>
#include <unistd.h>

const CpuKernels *cpu_choose_kernels(const char *wanted)
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

CpuDevice *cpu_device_new(size_t size, const CpuKernels *kernels, uint32_t threads)
{
    g_assert(size >= sizeof(CpuDevice));
    CpuDevice *device = g_malloc0(size);
    device->kernels = kernels;
    device->pool = cpu_pool_new(threads);
    device->profile = cpu_profile_new();
    return device;
}

void cpu_device_name(CpuDevice *device, const char *library)
{
    uint32_t threads = cpu_pool_threads(device->pool);
    g_snprintf(device->name, sizeof(device->name), "%u thread%s, %s, %s", threads, threads == 1 ? "" : "s", library,
               device->kernels->name);
}

void cpu_device_free(CpuDevice *device)
{
    cpu_profile_free(device->profile);
    cpu_pool_free(device->pool);
    free(device->scratch);
    g_free(device);
}

void cpu_device_memory(HoneBackendInfo *info)
{
    long pages = sysconf(_SC_PHYS_PAGES), available = sysconf(_SC_AVPHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    info->memory_total = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
    info->memory_free = available > 0 && page > 0 ? (uint64_t)available * (uint64_t)page : 0;
}

HoneStream *cpu_stream_new(void *device, GError **error)
{
    HoneStream *s = g_new0(HoneStream, 1);
    s->device = device;
    return s;
}

void cpu_stream_free(HoneStream *s)
{
    g_free(s);
}

/* Operators are done when they return. */
bool cpu_sync(HoneStream *s, GError **error)
{
    return true;
}

/* SPDX-License-Identifier: Apache-2.0
 * table.c: the kernels of one instruction set as a table.
 */
#include "vector_math.h"

#define ENTRY(kernel) .kernel = KERNEL(kernel),

const CpuKernels KERNEL(cpu_kernels) = {.name = KERNEL_NAME, CPU_KERNEL_LIST(ENTRY)};

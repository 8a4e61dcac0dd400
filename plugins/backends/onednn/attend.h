/* SPDX-License-Identifier: Apache-2.0
 * attend.h: attention in bf16, as kernels for the cpu backend's operators.
 */
#ifndef HONE_ONEDNN_ATTEND_H
#define HONE_ONEDNN_ATTEND_H

#include "../cpu/kernels/kernels.h"

/* Puts the forward and backward of packed attention into a copy of the table for AVX-512. */
void attend_in_pairs(CpuKernels *kernels);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * processor.h: what the processor can do at most, measured in the run that it is compared with.
 */
#ifndef HONE_BENCH_PROCESSOR_H
#define HONE_BENCH_PROCESSOR_H

#include <glib.h>
#include <stdint.h>

/* Sums over threads that run side by side, each against its own processor time: other load makes them no smaller. */
double limit_gflops(uint32_t threads);      /* multiply-adds of f32 from registers, two operations each */
double limit_bf16_gflops(uint32_t threads); /* of bf16 pairs into f32, four operations each lane; 0: no instruction */
double limit_copy(uint32_t threads);        /* GB/s read and written by a copy that no cache holds */
double limit_read(uint32_t threads);        /* GB/s read from memory that no cache holds */

#endif

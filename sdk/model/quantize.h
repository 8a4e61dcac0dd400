/* SPDX-License-Identifier: Apache-2.0
 * quantize.h: between quantize.c and quantize_k.c.
 */
#ifndef HONE_QUANTIZE_H
#define HONE_QUANTIZE_H

#include <hone/tensor.h>

void store_half(uint8_t *p, float value);
/* To a block of 144 bytes from 256 values. */
void quantize_q4_k(const float *x, uint8_t *block);

#endif

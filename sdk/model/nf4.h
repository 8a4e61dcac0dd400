/* SPDX-License-Identifier: Apache-2.0
 * nf4.h: weights as 4-bit normal floats with doubly quantised scales, as bitsandbytes makes them.
 */
#ifndef HONE_MODEL_NF4_H
#define HONE_MODEL_NF4_H

#include <hone/tensor.h>

#define NF4_BLOCK 64        /* values with one scale */
#define NF4_SCALE_BLOCK 256 /* scales with one scale of their own */

/* The parts as bitsandbytes' QuantState has them. */
typedef struct Nf4 {
    size_t n, blocks;    /* values; scales: n / NF4_BLOCK */
    uint8_t *codes;      /* [n/2], the earlier value in the upper half */
    uint8_t *scales;     /* [blocks] */
    float *scale_scales; /* [ceil(blocks / NF4_SCALE_BLOCK)] */
    float offset;        /* the scales' mean */
} Nf4;

/* n: a multiple of NF4_BLOCK, above 0. */
void nf4_quantize(Nf4 *nf4, const float *values, size_t n);
void nf4_clear(Nf4 *nf4);
/* Scale of a block. */
float nf4_scale(const Nf4 *nf4, size_t block);
/* The blocks of HONE_NF4: out [n / 64 · 36 bytes]. */
void nf4_blocks(const Nf4 *nf4, void *out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * simd_pairs.h: AVX-512's vectors of floats, but for products, which take each lane as a pair of bf16: a step adds the
 * products of both to an f32 sum.
 */
#ifndef HONE_ONEDNN_SIMD_PAIRS_H
#define HONE_ONEDNN_SIMD_PAIRS_H

#define KERNEL(name) name##_pairs
#include "../cpu/kernels/simd_avx512.h"

static inline vf v_pairs(vf a, vf b, vf sum)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}
#define PRODUCT_STEP v_pairs

#endif

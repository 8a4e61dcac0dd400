/* SPDX-License-Identifier: Apache-2.0
 * rope.c: rotary positions; formula in the reference backend's file of this name.
 */
#include "vector_math.h"

void KERNEL(rope)(float *x, const float *table, const int32_t *positions, size_t rows, size_t H, size_t D, size_t half,
                  float sign)
{
    /* Cosines and sines lie in pairs: part them once for all heads of a row. */
    enum { PART = 128 };
    float cosine[PART], sine[PART];
    for (size_t n = 0; n < rows; n++, x += H * D) {
        const float *angles = table + (size_t)positions[n] * half * 2;
        for (size_t i0 = 0; i0 < half; i0 += PART) {
            size_t count = half - i0 < PART ? half - i0 : PART;
            for (size_t i = 0; i < count; i++) {
                cosine[i] = angles[2 * (i0 + i)];
                sine[i] = sign * angles[2 * (i0 + i) + 1];
            }
            for (size_t h = 0; h < H; h++) {
                float *low = x + h * D + i0, *high = low + half;
                EACH_VECTOR(i, lanes, count)
                {
                    vf c = load_lanes(cosine + i, lanes), s = load_lanes(sine + i, lanes);
                    vf a = load_lanes(low + i, lanes), b = load_lanes(high + i, lanes);
                    store_lanes(low + i, a * c - b * s, lanes);
                    store_lanes(high + i, v_fma(b, c, a * s), lanes);
                }
            }
        }
    }
}

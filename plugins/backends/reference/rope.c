/* SPDX-License-Identifier: Apache-2.0
 * rope.c: rotary positions (Su et al. 2021), pairs (i, i + rot/2), in place.
 *
 *     x_i' = x_i·cos - x_j·sin       x_j' = x_j·cos + x_i·sin       j = i + rot/2
 *
 * The backward is the rotation by the negative angle: the sine changes sign.
 */
#include "reference.h"

void ref_rope(HoneStream *s, HoneTensor x, HoneTensor table, HoneTensor positions, int sign)
{
    size_t N = x.shape[0], H = x.shape[1], D = x.shape[2], P = table.shape[0], half = table.shape[1];
    g_assert(2 * half <= D && table.shape[2] == 2 && positions.shape[0] == N && (sign == 1 || sign == -1));
    float *X = ref_f32(x, 3);
    const float *T = ref_f32(table, 3);
    const int32_t *at = ref_i32(positions, 1);
    for (size_t n = 0; n < N; n++) {
        g_assert(at[n] >= 0 && (size_t)at[n] < P);
        for (size_t h = 0; h < H; h++) {
            float *head = X + (n * H + h) * D;
            for (size_t i = 0; i < half; i++) {
                const float *angle = T + ((size_t)at[n] * half + i) * 2;
                double cosine = angle[0], sine = sign * (double)angle[1];
                double x_i = head[i], x_j = head[i + half];
                head[i] = (float)(x_i * cosine - x_j * sine);
                head[i + half] = (float)(x_j * cosine + x_i * sine);
            }
        }
    }
}

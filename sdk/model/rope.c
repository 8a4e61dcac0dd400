/* SPDX-License-Identifier: Apache-2.0
 * rope.c: the table of rotary positions (Su et al., "RoFormer", 2021): for position p and pair i of D/2, the cosine
 * and sine of p·base^(-2i/D).
 *
 * Frequencies and angles are rounded to float on the way, as transformers does: at position 8191 the rounding of a
 * frequency moves an angle by up to 2e-4, and the weights were trained and are judged with those angles.
 */
#include "internal.h"

#include <math.h>

#define SMALLEST 1024 /* positions of the first table */

bool rope_reserve(HoneModel *model, size_t positions, GError **error)
{
    size_t have = model->rope.buffer != NULL ? model->rope.shape[0] : 0;
    if (positions <= have)
        return true;
    size_t rows = MAX(have, SMALLEST);
    while (rows < positions)
        rows *= 2;
    size_t pairs = model->config.head_dim / 2;
    model->rope = (HoneTensor){0};
    if (!arena_reserve(model->backend, &model->rope_memory, rows * pairs * 2 * sizeof(float), "rotary positions",
                       error))
        return false;

    g_autofree float *table = g_new(float, rows *pairs * 2);
    for (size_t i = 0; i < pairs; i++) {
        float frequency = 1.0f / (float)pow(model->config.rope_base, (float)(2 * i) / (float)model->config.head_dim);
        for (size_t p = 0; p < rows; p++) {
            float angle = (float)p * frequency;
            table[(p * pairs + i) * 2] = (float)cos((double)angle);
            table[(p * pairs + i) * 2 + 1] = (float)sin((double)angle);
        }
    }
    HoneTensor view = hone_tensor_3d(model->rope_memory.buffer, 0, HONE_F32, rows, pairs, 2);
    if (!hone_backend_upload(model->backend, view, table, error))
        return false;
    model->rope = view;
    return true;
}

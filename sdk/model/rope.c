/* SPDX-License-Identifier: Apache-2.0
 * rope.c: the tables of rotary positions on the backend, one for each of the model's forms: for each position and pair
 * the cosine and sine of position·frequency.
 */
#include "internal.h"

#define SMALLEST 1024 /* positions of the first table */

static bool reserve(HoneModel *model, size_t index, size_t positions, GError **error)
{
    const RopeForm *form = &model->ropes[index];
    HoneTensor *table = &model->rope[index];
    size_t have = table->buffer != NULL ? table->shape[0] : 0, pairs = form->rotated / 2;
    if (positions <= have)
        return true;
    size_t rows = MAX(have, SMALLEST);
    while (rows < positions)
        rows *= 2;
    *table = (HoneTensor){0};
    if (!arena_reserve(model->backend, &model->rope_memory[index], rows * pairs * 2 * sizeof(float), "rotary positions",
                       error))
        return false;

    g_autofree float *frequency = g_new(float, pairs), *values = g_new(float, rows *pairs * 2);
    rope_frequencies(form, positions, frequency);
    for (size_t p = 0; p < rows; p++)
        rope_row(form, frequency, p, values + p * pairs * 2);
    HoneTensor view = hone_tensor_3d(model->rope_memory[index].buffer, 0, HONE_F32, rows, pairs, 2);
    if (!hone_backend_upload(model->backend, view, values, error))
        return false;
    *table = view;
    return true;
}

bool rope_reserve(HoneModel *model, size_t positions, GError **error)
{
    for (size_t i = 0; i < model->n_ropes; i++)
        if (!rope_by_length(&model->ropes[i]) && !reserve(model, i, positions, error))
            return false;
    return true;
}

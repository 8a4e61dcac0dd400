/* SPDX-License-Identifier: Apache-2.0
 * batch.c: packs a micro-batch: no padding, positions begin anew with each sequence, none attends to another.
 */
#include "internal.h"
#include <string.h>

void batch_init(Batch *batch)
{
    *batch = (Batch){
        .ids = g_array_new(FALSE, FALSE, sizeof(int32_t)),
        .starts = g_array_new(FALSE, FALSE, sizeof(int32_t)),
        .target_rows = g_array_new(FALSE, FALSE, sizeof(int32_t)),
        .targets = g_array_new(FALSE, FALSE, sizeof(int32_t)),
        .weights = g_array_new(FALSE, FALSE, sizeof(float)),
        .objective_starts = g_array_new(FALSE, FALSE, sizeof(size_t)),
        .example = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
        .part = g_array_new(FALSE, TRUE, sizeof(uint8_t)),
        .logprob = g_array_new(FALSE, TRUE, sizeof(float)),
        .reference = g_array_new(FALSE, TRUE, sizeof(float)),
        .derivative = g_array_new(FALSE, TRUE, sizeof(float)),
        .advantage = g_array_new(FALSE, FALSE, sizeof(float)),
        .old = g_array_new(FALSE, FALSE, sizeof(float)),
        .candidates = g_array_new(FALSE, FALSE, sizeof(int32_t)),
        .teacher = g_array_new(FALSE, FALSE, sizeof(float)),
        .candidate_logprob = g_array_new(FALSE, TRUE, sizeof(float)),
        .candidate_derivative = g_array_new(FALSE, TRUE, sizeof(float)),
    };
}

static GArray **arrays_of(Batch *batch, size_t i)
{
    GArray **all[] = {&batch->ids,
                      &batch->starts,
                      &batch->target_rows,
                      &batch->targets,
                      &batch->weights,
                      &batch->objective_starts,
                      &batch->example,
                      &batch->part,
                      &batch->logprob,
                      &batch->reference,
                      &batch->derivative,
                      &batch->advantage,
                      &batch->old,
                      &batch->candidates,
                      &batch->teacher,
                      &batch->candidate_logprob,
                      &batch->candidate_derivative};
    return i < G_N_ELEMENTS(all) ? all[i] : NULL;
}

void batch_clear(Batch *batch)
{
    GArray **array;
    for (size_t i = 0; (array = arrays_of(batch, i)); i++)
        g_clear_pointer(array, g_array_unref);
}

/* Appends sequence i of example `number` of the window. */
static void append(Batch *batch, const Examples *examples, size_t i, uint32_t number)
{
    size_t from = g_array_index(examples->starts, size_t, i), end_id = g_array_index(examples->starts, size_t, i + 1);
    size_t target = g_array_index(examples->targets, size_t, i);
    size_t end = g_array_index(examples->targets, size_t, i + 1);
    int32_t base = (int32_t)batch->ids->len;
    const int32_t *ids = &g_array_index(examples->ids, int32_t, from);
    g_array_append_vals(batch->ids, ids, (guint)(end_id - from));
    for (size_t k = target; k < end; k++) {
        int32_t row = g_array_index(examples->rows, int32_t, k), placed = base + row;
        g_array_append_val(batch->target_rows, placed);
        g_array_append_val(batch->targets, ids[row + 1]);
    }
    g_array_append_vals(batch->weights, &g_array_index(examples->weights, float, target), (guint)(end - target));
    if (examples->advantage)
        g_array_append_vals(batch->advantage, &g_array_index(examples->advantage, float, target),
                            (guint)(end - target));
    if (examples->old)
        g_array_append_vals(batch->old, &g_array_index(examples->old, float, target), (guint)(end - target));
    if (examples->reference)
        g_array_append_vals(batch->reference, &g_array_index(examples->reference, float, target),
                            (guint)(end - target));
    size_t n = examples->n_candidates;
    if (n > 0) {
        g_array_append_vals(batch->candidates, &g_array_index(examples->candidates, int32_t, target * n),
                            (guint)((end - target) * n));
        g_array_append_vals(batch->teacher, &g_array_index(examples->teacher, float, target *n),
                            (guint)((end - target) * n));
    }
    int32_t next = (int32_t)batch->ids->len;
    size_t next_target = batch->targets->len;
    g_array_append_val(batch->starts, next);
    g_array_append_val(batch->objective_starts, next_target);
    g_array_append_val(batch->example, number);
    g_array_append_val(batch->part, g_array_index(examples->part, uint8_t, i));
}

void batch_pack(Batch *batch, const Examples *examples, const uint32_t *which, size_t count, size_t first)
{
    GArray **array;
    for (size_t i = 0; (array = arrays_of(batch, i)); i++)
        g_array_set_size(*array, 0);
    int32_t zero = 0;
    size_t zero_target = 0;
    g_array_append_val(batch->starts, zero);
    g_array_append_val(batch->objective_starts, zero_target);
    for (size_t i = 0; i < count; i++)
        for (size_t q = examples_first(examples, which[i]); q < examples_first(examples, which[i] + 1); q++)
            append(batch, examples, q, (uint32_t)(first + i));
    size_t sequences = batch->part->len;
    guint targets = batch->targets->len;
    g_array_set_size(batch->logprob, targets);
    g_array_set_size(batch->reference, targets);
    g_array_set_size(batch->derivative, targets);
    g_array_set_size(batch->candidate_logprob, batch->teacher->len);
    g_array_set_size(batch->candidate_derivative, batch->teacher->len);
    batch->model = (HoneBatch){
        .size = sizeof(HoneBatch),
        .n_tokens = batch->ids->len,
        .ids = (const int32_t *)(void *)batch->ids->data,
        .n_sequences = sequences,
        .starts = (const int32_t *)(void *)batch->starts->data,
        .n_targets = targets,
        .target_rows = (const int32_t *)(void *)batch->target_rows->data,
        .targets = (const int32_t *)(void *)batch->targets->data,
        .n_candidates = examples->n_candidates,
        .candidates = (const int32_t *)(void *)batch->candidates->data,
    };
    batch->objective = (HoneObjectiveBatch){
        .size = sizeof(HoneObjectiveBatch),
        .n_sequences = sequences,
        .start = (const size_t *)(void *)batch->objective_starts->data,
        .example = (const uint32_t *)(void *)batch->example->data,
        .part = (const uint8_t *)batch->part->data,
        .n_targets = targets,
        .weight = (const float *)(void *)batch->weights->data,
        .logprob = (const float *)(void *)batch->logprob->data,
        .advantage = examples->advantage ? (const float *)(void *)batch->advantage->data : NULL,
        .old = examples->old ? (const float *)(void *)batch->old->data : NULL,
        .reference = examples->reference ? (const float *)(void *)batch->reference->data : NULL,
        .n_candidates = examples->n_candidates,
        .temperature = examples->temperature,
        .candidate_logprob = (const float *)(void *)batch->candidate_logprob->data,
        .teacher = (const float *)(void *)batch->teacher->data,
        .candidate_derivative = (float *)(void *)batch->candidate_derivative->data,
    };
}

void batch_parts(const Examples *examples, const uint32_t *which, size_t count, double weights[HONE_PARTS],
                 size_t sequences[HONE_PARTS])
{
    for (size_t p = 0; p < HONE_PARTS; p++) {
        weights[p] = 0;
        sequences[p] = 0;
    }
    for (size_t i = 0; i < count; i++)
        for (size_t q = examples_first(examples, which[i]); q < examples_first(examples, which[i] + 1); q++) {
            uint8_t part = g_array_index(examples->part, uint8_t, q);
            sequences[part]++;
            for (size_t k = g_array_index(examples->targets, size_t, q);
                 k < g_array_index(examples->targets, size_t, q + 1); k++)
                weights[part] += (double)g_array_index(examples->weights, float, k);
        }
}

double batch_weight(const Examples *examples, const uint32_t *which, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = g_array_index(examples->targets, size_t, examples_first(examples, which[i]));
             k < g_array_index(examples->targets, size_t, examples_first(examples, which[i] + 1)); k++)
            sum += (double)g_array_index(examples->weights, float, k);
    return sum;
}

/* SPDX-License-Identifier: Apache-2.0
 * noise.c: uniform noise on the embeddings of a batch.
 *
 *     x' = x + ε,  ε ~ U(-1, 1)·α/sqrt(L·C)        for a sequence of L tokens of width C
 *
 * Jain et al., "NEFTune: Noisy Embeddings Improve Instruction Finetuning", 2023. L is the sequence's own length: there
 * is no padding here that could count.
 */
#include "run.h"
#include <hone/random.h>
#include <math.h>

/* noise [count]: values first .. of an example. */
static void fill(float *noise, size_t count, uint64_t first, float bound, uint64_t seed)
{
    const uint32_t key[] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t word[4];
    for (uint64_t j = first; j < first + count; j++) {
        uint64_t block = j / 4;
        if (j == first || j % 4 == 0)
            hone_philox4x32((const uint32_t[]){(uint32_t)block, (uint32_t)(block >> 32), HONE_STREAM_NOISE, 0}, key,
                            word);
        *noise++ = bound * ((float)word[j % 4] * 0x1p-31f - 1);
    }
}

const float *run_noise(Run *run)
{
    const HoneBatch *batch = &run->batch.model;
    const uint32_t *example = run->batch.objective.example;
    size_t width = hone_model_config(run->model)->width, from = 0;
    uint64_t first = run->state.step * (uint64_t)run->plan.window;
    g_array_set_size(run->noise, (guint)(batch->n_tokens * width));
    float *noise = (float *)(void *)run->noise->data;
    for (size_t s = 0; s < batch->n_sequences; s++) {
        size_t start = (size_t)batch->starts[s], length = (size_t)batch->starts[s + 1] - start;
        if (s == 0 || example[s] != example[s - 1])
            from = start;
        float bound = (float)(run->feed->neftune_alpha / sqrt((double)length * (double)width));
        fill(noise + start * width, length * width, (start - from) * width, bound,
             hone_random_u64(run->plan.seed, HONE_STREAM_NOISE, first + example[s]));
    }
    return noise;
}

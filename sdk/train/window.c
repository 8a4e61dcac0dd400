/* SPDX-License-Identifier: Apache-2.0
 * window.c: what an objective is told of a whole optimizer step, so that accumulation equals the large batch: sums of
 * weights, and what it measures itself before the first micro-batch.
 */
#include "run.h"
#include <string.h>

static void tell_batch(Run *run)
{
    const Window *window = &run->window;
    run->batch.objective.window_weight = window->weight;
    run->batch.objective.window_examples = window->count;
    run->batch.objective.window_part_weight = window->part_weight;
    run->batch.objective.window_part_sequences = window->part_sequences;
    run->batch.objective.window_sums = window->measured ? window->sums : NULL;
}

/* Every prompt of the window with another one's answer, as the model takes them now and as the reference does. */
static bool measure(Run *run, uint64_t step, GError **error)
{
    Window *window = &run->window;
    g_autoptr(Examples) mismatched = examples_mismatch(run->examples, window->which, window->count);
    if (run->mismatched_at != NULL) {
        /* A rehearsal's window is none of the plan: any values will do. */
        size_t at = step == UINT64_MAX ? 0 : g_array_index(run->mismatched_at, size_t, step);
        mismatched->reference = g_array_new(FALSE, TRUE, sizeof(float));
        g_array_set_size(mismatched->reference, mismatched->rows->len);
        if (step != UINT64_MAX)
            memcpy(mismatched->reference->data, &g_array_index(run->examples->reference, float, at),
                   mismatched->rows->len * sizeof(float));
    }
    g_autofree uint32_t *all = g_new(uint32_t, window->count);
    for (size_t i = 0; i < window->count; i++)
        all[i] = (uint32_t)i;
    for (size_t from = 0; from < window->count; from += run->plan.batch) {
        batch_pack(&run->batch, mismatched, all + from, MIN(run->plan.batch, window->count - from), from);
        tell_batch(run);
        if (run->batch.model.n_targets == 0) /* prompts so long that nothing follows them */
            continue;
        if (!run_reference(run, error))
            return false;
        const HoneForward policy = {.size = sizeof policy};
        if (!hone_model_forward(run->model, &run->batch.model, &policy, values_of(run->batch.logprob), error) ||
            !run->objective->measure(run->objective_params, &run->batch.objective, window->sums, error))
            return false;
    }
    return true;
}

bool run_window(Run *run, uint64_t step, const uint32_t *which, size_t count, GError **error)
{
    Window *window = &run->window;
    *window = (Window){.which = which, .count = count};
    batch_parts(run->examples, which, count, window->part_weight, window->part_sequences);
    window->weight = batch_weight(run->examples, which, count);
    if (run->objective->measure != NULL && !measure(run, step, error))
        return false;
    window->measured = run->objective->measure != NULL;
    return true;
}

void run_pack(Run *run, size_t from, size_t count)
{
    batch_pack(&run->batch, run->examples, run->window.which + from, count, from);
    tell_batch(run);
}

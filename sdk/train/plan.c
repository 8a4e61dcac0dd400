/* SPDX-License-Identifier: Apache-2.0
 * plan.c: which examples each step takes. A pure function of the parameters and the step, so that a resumed run needs
 * only its step.
 */
#include "internal.h"
#include <hone/random.h>
#include <math.h>
#include <string.h>

/* How many examples plan_largest looks at before it takes the rest of the epochs to be alike. */
#define LOOK_AHEAD 4000000

bool plan_init(Plan *plan, const HoneTrainParams *params, size_t n, GError **error)
{
    *plan = (Plan){.n = n, .batch = MIN((size_t)params->batch_size, n), .seed = (uint64_t)params->seed};
    plan->window = (size_t)params->batch_size * (size_t)params->accumulate;
    plan->steps_per_epoch = (n + plan->window - 1) / plan->window;
    double steps = ceil(params->epochs * (double)plan->steps_per_epoch);
    plan->total = params->max_steps > 0 ? (uint64_t)params->max_steps : (uint64_t)steps;
    if (params->max_steps == 0 && steps > 1e9) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%g epochs of %zu rows make %g steps; lower epochs",
                    params->epochs, n, steps);
        return false;
    }
    plan->order = g_new(uint32_t, n);
    plan->epoch = UINT64_MAX;
    return true;
}

void plan_clear(Plan *plan)
{
    g_clear_pointer(&plan->order, g_free);
}

const uint32_t *plan_window(Plan *plan, uint64_t step, size_t *count)
{
    uint64_t epoch = step / plan->steps_per_epoch;
    size_t first = (size_t)(step % plan->steps_per_epoch) * plan->window;
    if (epoch != plan->epoch) {
        hone_random_permutation(plan->seed, HONE_STREAM_SHUFFLE, epoch, plan->order, plan->n);
        plan->epoch = epoch;
    }
    *count = MIN(plan->window, plan->n - first);
    return plan->order + first;
}

size_t plan_largest(Plan *plan, const Examples *examples, uint32_t *largest, size_t *count)
{
    size_t most = 0, looked = 0;
    for (uint64_t step = 0; step < plan->total && looked < LOOK_AHEAD; step++) {
        size_t n;
        const uint32_t *window = plan_window(plan, step, &n);
        looked += n;
        for (size_t from = 0; from < n; from += plan->batch) {
            size_t tokens = 0, take = MIN(plan->batch, n - from);
            for (size_t i = 0; i < take; i++)
                tokens += examples_length(examples, window[from + i]);
            if (tokens <= most)
                continue;
            most = tokens;
            *count = take;
            memcpy(largest, window + from, take * sizeof *largest);
        }
    }
    return most;
}

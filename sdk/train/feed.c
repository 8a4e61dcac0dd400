/* SPDX-License-Identifier: Apache-2.0
 * feed.c: the feed of all methods that learn from given answers: the rows of a dataset, in windows of the plan.
 */
#include "run.h"

static bool open_dataset(Feed *feed, Run *run, GError **error)
{
    run->examples = examples_read(hone_stage_input(run->stage, "dataset"), run->model, run->params,
                                  run->objective->flags & HONE_OBJECTIVE_PAIRS, run->progress, error);
    return run->examples && plan_init(&run->plan, run->params, run->examples->n, error);
}

static const uint32_t *window(Feed *feed, Run *run, uint64_t at, size_t *count, GError **error)
{
    return plan_window(&run->plan, at, count);
}

static size_t largest(Feed *feed, Run *run, uint32_t *which, size_t *count)
{
    return plan_largest(&run->plan, run->examples, which, count);
}

Feed feed_of_dataset(void)
{
    return (Feed){.open = open_dataset, .window = window, .largest = largest, .hold = 1};
}

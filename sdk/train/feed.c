/* SPDX-License-Identifier: Apache-2.0
 * feed.c: the feed of all methods that learn from given answers: the rows of a dataset, in windows of the plan.
 */
#include "run.h"

static bool open_dataset(Feed *feed, Run *run, GError **error)
{
    const HoneTraining *training = ((DatasetFeed *)feed)->training;
    HoneArtifact *dataset = hone_stage_input(run->stage, "dataset");
    run->examples = training->rows == HONE_ROWS_BLOCKS
                        ? documents_read(dataset, hone_stage_input(run->stage, "replay"), run->model, training,
                                         run->progress, error)
                        : examples_read(dataset, run->model, training, run->progress, error);
    feed->rows = run->examples ? run->examples->n : 0;
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

DatasetFeed feed_of_dataset(const HoneTraining *training)
{
    return (DatasetFeed){.feed = {.open = open_dataset,
                                  .window = window,
                                  .largest = largest,
                                  .hold = 1,
                                  .fixed = true,
                                  .neftune_alpha = training->neftune_alpha},
                         .training = training};
}

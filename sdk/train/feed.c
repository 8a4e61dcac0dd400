/* SPDX-License-Identifier: Apache-2.0
 * feed.c: the feed of all methods that learn from given answers: the rows of a dataset, in windows of the plan.
 */
#include "run.h"

static Examples *read_rows(Feed *feed, Run *run, HoneArtifact *dataset, HoneArtifact *replay, GError **error)
{
    const HoneTraining *training = ((DatasetFeed *)feed)->training;
    return training->rows == HONE_ROWS_BLOCKS
               ? documents_read(dataset, replay, run->model, training, run->progress, error)
               : examples_read(dataset, run->model, training, run->progress, error);
}

static Examples *read_validation(Feed *feed, Run *run, HoneArtifact *dataset, GError **error)
{
    return read_rows(feed, run, dataset, NULL, error);
}

static bool open_dataset(Feed *feed, Run *run, GError **error)
{
    run->examples =
        read_rows(feed, run, hone_stage_input(run->stage, "dataset"), hone_stage_input(run->stage, "replay"), error);
    feed->rows = run->examples ? run->examples->n : 0;
    HoneArtifact *teacher = hone_stage_input(run->stage, "teacher");
    if (run->examples && teacher && !examples_learn(run->examples, teacher, run->model, error))
        return false;
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
                                  .read = read_validation,
                                  .window = window,
                                  .largest = largest,
                                  .hold = 1,
                                  .fixed = true,
                                  .neftune_alpha = training->neftune_alpha},
                         .training = training};
}

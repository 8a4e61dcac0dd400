/* SPDX-License-Identifier: Apache-2.0
 * run.h: a training run in work, and the parts of the loop over it.
 */
#ifndef HONE_TRAIN_RUN_H
#define HONE_TRAIN_RUN_H

#include "internal.h"

#define MAX_FIGURES 32 /* of an objective */
#define MAX_SUMS 8     /* that an objective measures */

/* The examples of one optimizer step, and what holds for all of its micro-batches. */
typedef struct Window {
    const uint32_t *which;
    size_t count;
    double weight, part_weight[HONE_PARTS];
    size_t part_sequences[HONE_PARTS];
    double sums[MAX_SUMS];
    bool measured; /* the sums are there */
} Window;

/* What is measured beside training, and the copies of the values that this needs; each may be absent. */
typedef struct Validation {
    Examples *examples;
    uint64_t every; /* steps */
    Snapshot average, best, aside;
} Validation;

typedef struct Run Run;

/* Where the examples of the steps come from: a dataset (feed.c), answers that the model gives (rollout.c). A feed of
 * more than a few functions keeps its own state behind this one. */
typedef struct Feed Feed;
struct Feed {
    /* Fills the run's examples and plan. The model is open, but nothing of it is trained yet. */
    bool (*open)(Feed *feed, Run *run, GError **error);
    /* A dataset's rows as these examples are, for validation. NULL: this feed's examples are no dataset's. */
    Examples *(*read)(Feed *feed, Run *run, HoneArtifact *dataset, GError **error);
    /* Makes ready the examples of step `at`: which [*count] of the run's. Valid until the next call. */
    const uint32_t *(*window)(Feed *feed, Run *run, uint64_t at, size_t *count, GError **error);
    /* The largest micro-batch to come, for a rehearsal: its examples [*count] in `which` (room for plan->batch), and
     * its tokens. */
    size_t (*largest)(Feed *feed, Run *run, uint32_t *which, size_t *count);
    bool fixed; /* all examples are there from the start */
    /* So many steps share what they are fed, and a run neither stops nor saves between them. */
    uint64_t hold;
    size_t rows; /* of the dataset, in use */
    /* Named numbers of the step's examples, told beside the objective's; n_figures of them. */
    const char *const *figure_names;
    const double *figures;
    size_t n_figures;
    double neftune_alpha; /* of noise on the embeddings (noise.c); 0: none */
};

struct Run {
    HoneStage *stage;
    Feed *feed;
    const HoneTrainParams *params;
    const HoneObjectiveOps *objective;
    const void *objective_params;
    HoneProgress *progress;
    HoneBackend *backend;
    HoneModel *model;
    Examples *examples;
    Plan plan;
    Window window;
    GArray *mismatched_at; /* size_t [steps + 1] into the examples' reference, or NULL */
    Validation validation;
    Batch batch;
    GArray *noise; /* float [N,C] of the batch */
    Optimizer optimizer;
    States states;
    JsonObject *settings;
    Checkpoint state;
    bool saved;                              /* the state's step is on disk */
    uint64_t saved_step;                     /* of the newest checkpoint; 0: there is none that helps */
    GArray *losses, *val_steps, *val_losses; /* double, uint64_t, double: what the warnings look at */
    bool warned[WATCH_END];
    GPtrArray *trackers;
    size_t n_figures;
};

/* What one step gave. */
typedef struct Step {
    double loss, norm, rate;
    double figures[MAX_FIGURES];
    size_t tokens;
    double seconds;
} Step;

static inline float *values_of(GArray *array)
{
    return (float *)(void *)array->data;
}

/* ---- loop.c ---- */

/* Whether the run is to stop, and is where it can be taken up again. */
bool run_must_stop(const Run *run);
/* Saves where that is not done yet, and ends the stage as one that was asked to stop. */
bool run_stop(Run *run, GError **error);
/* hone_train with examples from a feed. */
bool run_train(HoneStage *stage, const HoneTrainParams *params, const HoneObjectiveOps *objective,
               const void *objective_params, Feed *feed, GError **error);

/* ---- feed.c ---- */

/* The rows of port "dataset", in windows of the plan. */
typedef struct DatasetFeed {
    Feed feed;
    const HoneTraining *training;
} DatasetFeed;

DatasetFeed feed_of_dataset(const HoneTraining *training);

/* ---- window.c ---- */

/* Begins a step over the examples which [count], which must stay. A rehearsal is step UINT64_MAX. */
bool run_window(Run *run, uint64_t step, const uint32_t *which, size_t count, GError **error);
/* Packs examples [from, from + count) of the window. */
void run_pack(Run *run, size_t from, size_t count);

/* ---- noise.c ---- */

/* NEFTune's noise on each token of the packed batch, a function of the seed, the step, the example's number in its
 * window and the place in it: however the window is cut into batches, an example gets the same. */
const float *run_noise(Run *run);

/* ---- reference.c ---- */

/* The reference's log-probabilities of all that a fixed feed will give, where the objective wants them. Before anything
 * of the model is trained; the run's settings are known. */
bool run_compute_reference(Run *run, GError **error);
/* Those of the packed batch: as computed, or now, with the adapter off. */
bool run_reference(Run *run, GError **error);

/* ---- step.c ---- */

/* Adds to an error what is to be done about numbers that are not finite; false. */
bool run_diverged(Run *run, GError **error);
/* The objective over the packed batch, without a gradient. The step's loss and figures are added to. */
bool run_loss(Run *run, Step *step, GError **error);
/* Forward and backward over the packed batch. The step's loss and figures are added to. */
bool run_compute(Run *run, uint64_t dropout_seed, Step *step, GError **error);
/* One optimizer step over the next window. */
bool run_step(Run *run, Step *step, GError **error);

/* ---- tell.c ---- */

/* The step's figures, to the host and to the events that the result keeps. */
bool run_tell(Run *run, const Step *step, GError **error);
/* n_kept of the figures [n] become part of the result. */
bool run_tell_figures(Run *run, const char *const *names, const double *values, size_t n_kept, size_t n,
                      GError **error);

/* ---- track.c ---- */

/* Opens the trackers, and hands them the steps that a checkpoint brought. */
bool run_open_trackers(Run *run, GError **error);
bool run_track(Run *run, uint64_t step, JsonObject *figures, GError **error);
/* Their files are moved to `folder`. */
bool run_close_trackers(Run *run, const char *folder, GError **error);

/* ---- warn.c ---- */

/* Fills the history from the events that a checkpoint brought. */
void run_recall(Run *run);
/* Tells what is seen for the first time. */
void run_warn(Run *run);

/* ---- validate.c ---- */

/* Reads port "validation", where it is connected; then, with the tuner there, makes room for the copies. */
bool run_open_validation(Run *run, GError **error);
bool run_open_averages(Run *run, GError **error);
void run_clear_validation(Run *run);
/* After each step. */
void run_average(Run *run);
bool run_validation_due(const Run *run);
bool run_validate(Run *run, GError **error);
/* Whether patience is at its end. */
bool run_ends_early(const Run *run);
/* Puts the best values, or the average, in the place of the last ones. */
void run_choose_result(Run *run);

/* ---- tuner.c ---- */

/* For qlora: sees to it that the base is quantised. The reference is that base. */
bool run_quantize(Run *run, GError **error);
/* Makes the model's trained tensors, and the optimizer's state over them. */
bool run_add_tuner(Run *run, GError **error);
/* Whether the result is a model, not an adapter. */
bool tuner_trains_weights(const HoneTrainParams *params);
double tuner_alpha(const HoneTrainParams *params);

/* ---- result.c ---- */

/* Writes what was trained, with the events, to the stage's output. */
bool run_write(Run *run, GError **error);

#endif

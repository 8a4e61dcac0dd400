/* SPDX-License-Identifier: Apache-2.0
 * run.h: a training run in work, and the parts of the loop over it.
 */
#ifndef HONE_TRAIN_RUN_H
#define HONE_TRAIN_RUN_H

#include "internal.h"

#define MAX_FIGURES 32 /* of an objective */

typedef struct Run {
    HoneStage *stage;
    const HoneTrainParams *params;
    const HoneObjectiveOps *objective;
    const void *objective_params;
    HoneProgress *progress;
    HoneBackend *backend;
    HoneModel *model;
    Examples *examples;
    Plan plan;
    Batch batch;
    Optimizer optimizer;
    JsonObject *settings;
    Checkpoint state;
    bool saved; /* the state's step is on disk */
    size_t n_figures;
} Run;

/* What one step gave. */
typedef struct Step {
    double loss, norm, rate;
    double figures[MAX_FIGURES];
    size_t tokens;
    double seconds;
} Step;

/* ---- loop.c ---- */

/* Saves where that is not done yet, and ends the stage as one that was asked to stop. */
bool run_stop(Run *run, GError **error);

/* ---- step.c ---- */

/* Forward and backward over the packed batch. The step's loss and figures are added to. */
bool run_compute(Run *run, uint64_t dropout_seed, Step *step, GError **error);
/* One optimizer step over the next window. */
bool run_step(Run *run, Step *step, GError **error);

/* ---- tell.c ---- */

/* The step's figures, to the host and to the events that the result keeps. */
void run_tell(Run *run, const Step *step);

/* ---- tuner.c ---- */

/* Makes the model's trained tensors, and the optimizer's state over them. */
bool run_add_tuner(Run *run, GError **error);
/* Writes what was trained, with the events, to the stage's output. */
bool run_write(Run *run, GError **error);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * objective.h: from log-probabilities to a loss and its derivatives. An objective knows nothing of models.
 */
#ifndef HONE_OBJECTIVE_H
#define HONE_OBJECTIVE_H

#include <hone/plugin.h>

typedef enum {
    HONE_OBJECTIVE_LINEAR = 1 << 0,          /* the derivative does not depend on the log-probabilities */
    HONE_OBJECTIVE_NEEDS_REFERENCE = 1 << 1, /* wants the reference model's log-probabilities */
    HONE_OBJECTIVE_PAIRS = 1 << 2,           /* examples are (chosen, rejected) pairs, never split over batches */
    HONE_OBJECTIVE_ROLLOUTS = 1 << 3,        /* examples are answers that the model gave, with their advantages */
    HONE_OBJECTIVE_JUDGED = 1 << 4,          /* examples are single answers, each of them chosen or rejected */
} HoneObjectiveFlags;

typedef enum {
    HONE_PART_ANSWER = 0,
    HONE_PART_CHOSEN,
    HONE_PART_REJECTED,
    HONE_PART_MISMATCHED, /* an example's prompt with another one's answer; for `measure` alone */
    HONE_PARTS,
} HonePart;

/* The targets of a micro-batch, sequence after sequence. */
typedef struct HoneObjectiveBatch {
    uint32_t size;
    size_t n_sequences;      /* S */
    const size_t *start;     /* [S+1] into the arrays over targets */
    const uint32_t *example; /* [S] which example of the window a sequence belongs to */
    const uint8_t *part;     /* [S] HonePart */
    size_t n_targets;        /* K */
    const float *weight;     /* [K] loss weights, > 0 */
    const float *logprob;    /* [K] of the policy */
    const float *reference;  /* [K] of the reference, or NULL */
    /* Over the whole optimizer step, so that accumulation equals the large batch: */
    double window_weight;   /* sum of weights */
    size_t window_examples; /* number of examples */
    /* Of answers that the model gave (HONE_OBJECTIVE_ROLLOUTS), else NULL: */
    const float *advantage; /* [K] */
    const float *old;       /* [K] of the policy that gave the answer; NULL: that is the policy as it is now */
    /* Over the whole optimizer step, as above: */
    const double *window_part_weight;    /* [HONE_PARTS] sums of weights by the sequences' part */
    const size_t *window_part_sequences; /* [HONE_PARTS] numbers of sequences by part */
    const double *window_sums;           /* [n_sums] what `measure` gave; NULL before that, or without it */
    /* Where a teacher was asked: its n likeliest tokens at each target, else n = 0. At the temperature: */
    size_t n_candidates;
    double temperature;
    const float *candidate_logprob; /* [K,n] of the policy */
    const float *teacher;           /* [K,n] of the teacher */
    float *candidate_derivative;    /* [K,n] d(*loss)/d(candidate_logprob), which `evaluate` overwrites */
} HoneObjectiveBatch;

/* Named numbers to plot beside the loss; each is summed over the window's micro-batches. */
typedef struct HoneFigure {
    const char *name;
    double value;
} HoneFigure;

typedef struct HoneObjectiveOps {
    uint32_t size;
    uint32_t flags; /* HoneObjectiveFlags */
    /* *loss: this micro-batch's share of the window's loss (shares add up). derivative [K]: d(*loss)/d(logprob),
     * overwritten. figures [n_figures]: values of the names in `figure_names`, shares that add up. */
    bool (*evaluate)(const void *params, const HoneObjectiveBatch *batch, double *loss, float *derivative,
                     double *figures, GError **error);
    const char *const *figure_names; /* ends with NULL; NULL: none */
    /* Optional: what `evaluate` must know of the whole step before its first micro-batch, without a gradient. Called
     * for batches of HONE_PART_MISMATCHED sequences, one for each example of the window (example i's prompt with the
     * answer of example i - 1, the first one's with the last's), with the log-probabilities of the policy as the step
     * finds it. Adds this batch's share to sums [n_sums]. */
    bool (*measure)(const void *params, const HoneObjectiveBatch *batch, double *sums, GError **error);
    size_t n_sums;
} HoneObjectiveOps;

#endif

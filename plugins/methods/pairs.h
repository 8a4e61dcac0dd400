/* SPDX-License-Identifier: Apache-2.0
 * pairs.h: what objectives over pairs of answers share: each answer's log-probability as one number, and a derivative
 * by that number spread back over the answer's tokens.
 *
 *     sum = Σ w_k·log p(y_k)        mean = sum / Σ w_k        over the answer's tokens k
 */
#ifndef HONE_METHODS_PAIRS_H
#define HONE_METHODS_PAIRS_H

#include <hone/objective.h>

typedef struct PairAnswer {
    size_t sequence;
    double policy, reference; /* sums; reference 0 where the batch has none */
    double weight;            /* Σ w_k, > 0 */
} PairAnswer;

typedef struct Pair {
    PairAnswer chosen, rejected;
} Pair;

/* Pair i of the batch; false past the last. */
bool pair_get(const HoneObjectiveBatch *batch, size_t i, Pair *pair);
/* One answer of the batch, in a pair or not. */
PairAnswer pair_answer(const HoneObjectiveBatch *batch, size_t sequence);
/* derivative[k] += by_sum·w_k for the answer's tokens. */
void pair_spread(const HoneObjectiveBatch *batch, const PairAnswer *answer, double by_sum, float *derivative);

/* -log p over the chosen answers' tokens, the mean over the window's: adds alpha times this batch's share of it to the
 * derivative, and returns that share (without alpha). */
double pairs_likelihood(const HoneObjectiveBatch *batch, double alpha, float *derivative);

/* log σ(x) = -log(1 + exp(-x)), without overflow; and σ(x). */
double log_sigmoid(double x);
double sigmoid(double x);

/* -(1-e)·log σ(z) - e·log σ(-z), and its derivative by z: the preference z, with a share e of wrong labels. */
double preference_loss(double z, double e, double *by_z);

/* Figures that every one of these objectives tells, each an average over the window's pairs. */
#define PAIR_FIGURES "accuracy", "margin", "reward_chosen", "reward_rejected"
enum { N_PAIR_FIGURES = 4 };
/* Adds one pair's share: how often the chosen answer has the higher reward, and by how much. A reward is what the
 * objective takes an answer to be worth. */
void pair_figures(const HoneObjectiveBatch *batch, double reward_chosen, double reward_rejected, double *figures);

#endif

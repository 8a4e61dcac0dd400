/* SPDX-License-Identifier: Apache-2.0
 * pairs.c: see pairs.h. Sums are taken in double, in the order of the tokens.
 */
#include "pairs.h"
#include <math.h>

PairAnswer pair_answer(const HoneObjectiveBatch *batch, size_t sequence)
{
    PairAnswer answer = {.sequence = sequence};
    for (size_t k = batch->start[sequence]; k < batch->start[sequence + 1]; k++) {
        answer.policy += (double)batch->weight[k] * (double)batch->logprob[k];
        if (batch->reference != NULL)
            answer.reference += (double)batch->weight[k] * (double)batch->reference[k];
        answer.weight += (double)batch->weight[k];
    }
    return answer;
}

bool pair_get(const HoneObjectiveBatch *batch, size_t i, Pair *pair)
{
    size_t s = 2 * i;
    if (s + 1 >= batch->n_sequences)
        return false;
    g_assert(batch->part[s] == HONE_PART_CHOSEN && batch->part[s + 1] == HONE_PART_REJECTED &&
             batch->example[s] == batch->example[s + 1]);
    *pair = (Pair){pair_answer(batch, s), pair_answer(batch, s + 1)};
    return true;
}

void pair_spread(const HoneObjectiveBatch *batch, const PairAnswer *answer, double by_sum, float *derivative)
{
    for (size_t k = batch->start[answer->sequence]; k < batch->start[answer->sequence + 1]; k++)
        derivative[k] += (float)(by_sum * (double)batch->weight[k]);
}

double pairs_likelihood(const HoneObjectiveBatch *batch, double alpha, float *derivative)
{
    double all = batch->window_part_weight[HONE_PART_CHOSEN], loss = 0;
    for (size_t s = 0; s < batch->n_sequences; s++) {
        if (batch->part[s] != HONE_PART_CHOSEN)
            continue;
        PairAnswer answer = pair_answer(batch, s);
        loss -= answer.policy / all;
        pair_spread(batch, &answer, -alpha / all, derivative);
    }
    return loss;
}

double log_sigmoid(double x)
{
    return x >= 0 ? -log1p(exp(-x)) : x - log1p(exp(x));
}

double sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

double preference_loss(double z, double e, double *by_z)
{
    *by_z = -(1 - e) * sigmoid(-z) + e * sigmoid(z);
    return -(1 - e) * log_sigmoid(z) - e * log_sigmoid(-z);
}

void pair_figures(const HoneObjectiveBatch *batch, double reward_chosen, double reward_rejected, double *figures)
{
    double share = 1 / (double)batch->window_examples;
    figures[0] += reward_chosen > reward_rejected ? share : 0;
    figures[1] += share * (reward_chosen - reward_rejected);
    figures[2] += share * reward_chosen;
    figures[3] += share * reward_rejected;
}

/* SPDX-License-Identifier: Apache-2.0
 * likelihood.c: make the wanted tokens likely.
 *
 *     loss = -Σ w_k·log p(y_k | y_<k) / Σ w_k        over all target tokens k of an optimizer step
 *
 * with w_k the weight of the message (or text) that token k belongs to. The sums run over the whole step, so that a
 * step of many small batches equals that of one large batch. The derivative by log p is -w_k/Σw, whatever the model
 * says: the objective is linear.
 */
#include "likelihood.h"

static bool evaluate(const void *params, const HoneObjectiveBatch *batch, double *loss, float *derivative,
                     double *figures, GError **error)
{
    double sum = 0;
    for (size_t k = 0; k < batch->n_targets; k++) {
        double share = (double)batch->weight[k] / batch->window_weight;
        sum -= share * (double)batch->logprob[k];
        derivative[k] = (float)-share;
    }
    *loss = sum;
    return true;
}

const HoneObjectiveOps likelihood_ops = {
    .size = sizeof(HoneObjectiveOps),
    .flags = HONE_OBJECTIVE_LINEAR,
    .evaluate = evaluate,
};

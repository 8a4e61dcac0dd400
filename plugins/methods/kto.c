/* SPDX-License-Identifier: Apache-2.0
 * kto.c: Kahneman-Tversky optimisation: learn from single answers, each judged good or bad.
 *
 *     r(x,y) = log π(y|x) - log π_ref(y|x)
 *     z_0 = max(0, mean r(x_i, y_j)),  the answers y_j of other examples of the step
 *     v = λ_D·σ(β·(r(x,y) - z_0)) for a desirable answer,  λ_U·σ(β·(z_0 - r(x,y))) for an undesirable one
 *     loss = mean (λ_y - v)        Ethayarajh et al. 2024, equations 7 and 8
 * log π of an answer is the sum over its tokens. z_0 tells how far the policy has moved from the reference at large; no
 * gradient goes through it. Its mean is over the whole step: each prompt with the answer of the example before it, so
 * that the answers are those of the step. A step of one example has no other answer and takes its own.
 */
#include "pairs.h"
#include <hone/train.h>
#include <math.h>

typedef struct Kto {
    HoneTrainParams train;
    double beta, desirable_weight, undesirable_weight;
} Kto;

static const HoneParam own[] = {
    HONE_NUMBER(Kto, beta, "0.1", 1e-6, 1000, "how strongly the policy is held to the reference"),
    HONE_NUMBER(Kto, desirable_weight, "1", 0, 1000, "weight of the chosen answers; raise it where they are few"),
    HONE_NUMBER(Kto, undesirable_weight, "1", 0, 1000, "weight of the rejected answers; raise it where they are few"),
    {0},
};

static const HoneParamGroup groups[] = {
    HONE_OWN_PARAMS(own),
    HONE_PARAMS("Training", hone_train_params, Kto, train),
    {0},
};

static const HonePort ports[] = {
    {"model", HONE_PORT_IN, HONE_MODEL, 0, "the model to tune, which is the reference too"},
    {"dataset", HONE_PORT_IN, HONE_PREFERENCES, 0, "prompts with an answer that was judged; of a pair, both are taken"},
    HONE_TRAIN_VALIDATION(HONE_PREFERENCES),
    HONE_TRAIN_OUTPUT,
    {0},
};

/* sums[0] = mean r(x_i, y_j), not yet kept from falling below 0. */
static bool measure(const void *params, const HoneObjectiveBatch *batch, double *sums, GError **error)
{
    for (size_t s = 0; s < batch->n_sequences; s++) {
        PairAnswer answer = pair_answer(batch, s);
        sums[0] += (answer.policy - answer.reference) / (double)batch->window_examples;
    }
    return true;
}

static bool evaluate(const void *params, const HoneObjectiveBatch *batch, double *loss, float *derivative,
                     double *figures, GError **error)
{
    const Kto *kto = params;
    double share = 1 / (double)batch->window_examples, z_0 = fmax(0, batch->window_sums[0]);
    *loss = 0;
    for (size_t k = 0; k < batch->n_targets; k++)
        derivative[k] = 0;
    for (size_t s = 0; s < batch->n_sequences; s++) {
        PairAnswer answer = pair_answer(batch, s);
        bool desirable = batch->part[s] == HONE_PART_CHOSEN;
        double lambda = desirable ? kto->desirable_weight : kto->undesirable_weight, sign = desirable ? 1 : -1;
        double r = answer.policy - answer.reference, x = sign * kto->beta * (r - z_0);
        *loss += share * lambda * sigmoid(-x); /* 1 - σ(x) */
        pair_spread(batch, &answer, -share * lambda * sign * kto->beta * sigmoid(x) * sigmoid(-x), derivative);
        figures[0] += share * z_0;
        figures[desirable ? 1 : 2] += kto->beta * r / (double)batch->window_part_sequences[batch->part[s]];
    }
    return true;
}

static const char *const figure_names[] = {"kl", "reward_chosen", "reward_rejected", NULL};

static const HoneObjectiveOps objective_ops = {
    .size = sizeof(HoneObjectiveOps),
    .flags = HONE_OBJECTIVE_JUDGED | HONE_OBJECTIVE_NEEDS_REFERENCE,
    .evaluate = evaluate,
    .figure_names = figure_names,
    .measure = measure,
    .n_sums = 1,
};

static bool run(HoneStage *stage, void *params, GError **error)
{
    const Kto *kto = params;
    return hone_train(stage, &kto->train, &objective_ops, kto, error);
}

static const HoneStageOps stage_ops = {
    .size = sizeof(HoneStageOps),
    .flags = HONE_STAGE_USES_BACKEND,
    .run = run,
};

static const HoneComponent stage = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "kto",
    .version = "1",
    .summary = "Kahneman-Tversky optimisation: learn from answers judged good or bad",
    .help = "Makes good answers likelier and bad ones less likely, measured against the model before tuning. Answers "
            "need no partner: a thumb up or down is enough. A step should hold several examples: what they have in "
            "common is the baseline.",
    .params = groups,
    .instance_size = sizeof(Kto),
    .ports = ports,
    .ops = &stage_ops,
};

static const HoneComponent objective = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_OBJECTIVE,
    .name = "kto",
    .version = "1",
    .summary = "Kahneman-Tversky optimisation of judged answers",
    .help = "mean of lambda (1 - sigmoid(+-beta (log pi - log ref - z_0))), z_0 from mismatched prompts and answers",
    .params = groups,
    .instance_size = sizeof(Kto),
    .ops = &objective_ops,
};

HONE_DEFINE_PLUGIN("kto", "1", "Apache-2.0", "Kahneman-Tversky optimisation", &stage, &objective)

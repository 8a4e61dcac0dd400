/* SPDX-License-Identifier: Apache-2.0
 * simpo.c: simple preference optimisation: each answer is worth its mean log-probability; no reference model.
 *
 *     h = β/|y_c|·log π(y_c|x) - β/|y_r|·log π(y_r|x) - γ
 *     loss = -(1-ε)·log σ(h) - ε·log σ(-h) + α·nll        Meng et al. 2024, equation 6, where ε = α = 0
 * |y| is the number of the answer's tokens. nll is -log p, the mean over all tokens of the chosen answers in the step;
 * the rest is the mean over its pairs. ε is the share of pairs that are labelled wrongly. α is nll_weight.
 */
#include "pairs.h"
#include <hone/train.h>

typedef struct Simpo {
    HoneTrainParams train;
    double beta, gamma, nll_weight, label_smoothing;
} Simpo;

static const HoneParam own[] = {
    HONE_NUMBER(Simpo, beta, "2", 1e-6, 1000, "steepness of the preference"),
    HONE_NUMBER(Simpo, gamma, "1", 0, 1000, "how much more the chosen answer should be worth than the rejected one"),
    HONE_NUMBER(Simpo, nll_weight, "0", 0, 1000, "weight of the chosen answers' negative log-likelihood"),
    HONE_NUMBER(Simpo, label_smoothing, "0", 0, 0.499, "share of the pairs that are labelled wrongly"),
    {0},
};

static const HoneParamGroup groups[] = {
    HONE_OWN_PARAMS(own),
    HONE_PARAMS("Training", hone_train_params, Simpo, train),
    {0},
};

static const HonePort ports[] = {
    {"model", HONE_PORT_IN, HONE_MODEL, 0, "the model to tune"},
    {"dataset", HONE_PORT_IN, HONE_PREFERENCES, 0, "prompts with a chosen and a rejected answer"},
    HONE_TRAIN_VALIDATION(HONE_PREFERENCES),
    HONE_TRAIN_OUTPUT,
    {0},
};

static bool evaluate(const void *params, const HoneObjectiveBatch *batch, double *loss, float *derivative,
                     double *figures, GError **error)
{
    const Simpo *simpo = params;
    double share = 1 / (double)batch->window_examples;
    Pair pair;
    for (size_t k = 0; k < batch->n_targets; k++)
        derivative[k] = 0;
    double nll = pairs_likelihood(batch, simpo->nll_weight, derivative);
    *loss = simpo->nll_weight * nll;
    for (size_t p = 0; pair_get(batch, p, &pair); p++) {
        double per_c = simpo->beta / pair.chosen.weight, per_r = simpo->beta / pair.rejected.weight;
        double h = per_c * pair.chosen.policy - per_r * pair.rejected.policy - simpo->gamma, by_h;
        *loss += share * preference_loss(h, simpo->label_smoothing, &by_h);
        pair_spread(batch, &pair.chosen, share * by_h * per_c, derivative);
        pair_spread(batch, &pair.rejected, -share * by_h * per_r, derivative);
        pair_figures(batch, per_c * pair.chosen.policy, per_r * pair.rejected.policy, figures);
    }
    figures[N_PAIR_FIGURES] += nll;
    return true;
}

static const char *const figure_names[] = {PAIR_FIGURES, "nll", NULL};

static const HoneObjectiveOps objective_ops = {
    .size = sizeof(HoneObjectiveOps),
    .flags = HONE_OBJECTIVE_PAIRS,
    .evaluate = evaluate,
    .figure_names = figure_names,
};

static bool run(HoneStage *stage, void *params, GError **error)
{
    const Simpo *simpo = params;
    return hone_train(stage, &simpo->train, &objective_ops, simpo, error);
}

static const HoneStageOps stage_ops = {
    .size = sizeof(HoneStageOps),
    .flags = HONE_STAGE_USES_BACKEND,
    .run = run,
};

static const HoneComponent stage = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "simpo",
    .version = "1",
    .summary = "simple preference optimisation: learn from chosen and rejected answers",
    .help = "Makes the mean log-probability of the chosen answer's tokens higher than that of the rejected one's, by a "
            "margin. It needs no reference model.",
    .params = groups,
    .instance_size = sizeof(Simpo),
    .ports = ports,
    .ops = &stage_ops,
};

static const HoneComponent objective = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_OBJECTIVE,
    .name = "simpo",
    .version = "1",
    .summary = "simple preference optimisation of pairs of answers",
    .help = "-log sigmoid(beta (mean log pi(chosen) - mean log pi(rejected)) - gamma)",
    .params = groups,
    .instance_size = sizeof(Simpo),
    .ops = &objective_ops,
};

HONE_DEFINE_PLUGIN("simpo", "1", "Apache-2.0", "simple preference optimisation", &stage, &objective)

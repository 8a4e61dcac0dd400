/* SPDX-License-Identifier: Apache-2.0
 * cpo.c: contrastive preference optimisation: prefer the chosen answer, and keep it likely; no reference model.
 *
 *     h = log π(y_c|x) - log π(y_r|x)
 *     loss = -(1-ε)·log σ(βh) - ε·log σ(-βh) + α·nll        Xu et al. 2024, equations 3 and 5
 * log π of an answer is the sum over its tokens. nll is -log p, the mean over all tokens of the chosen answers in the
 * step; the rest is the mean over its pairs. ε is the share of pairs that are labelled wrongly. α is nll_weight.
 */
#include "pairs.h"
#include <hone/train.h>

typedef struct Cpo {
    HoneTrainParams train;
    double beta, nll_weight, label_smoothing;
} Cpo;

static const HoneParam own[] = {
    HONE_NUMBER(Cpo, beta, "0.1", 1e-6, 1000, "steepness of the preference"),
    HONE_NUMBER(Cpo, nll_weight, "1", 0, 1000, "weight of the chosen answers' negative log-likelihood"),
    HONE_NUMBER(Cpo, label_smoothing, "0", 0, 0.499, "share of the pairs that are labelled wrongly"),
    {0},
};

static const HoneParamGroup groups[] = {
    HONE_OWN_PARAMS(own),
    HONE_PARAMS("Training", hone_train_params, Cpo, train),
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
    const Cpo *cpo = params;
    double share = 1 / (double)batch->window_examples, beta = cpo->beta;
    Pair pair;
    for (size_t k = 0; k < batch->n_targets; k++)
        derivative[k] = 0;
    double nll = pairs_likelihood(batch, cpo->nll_weight, derivative);
    *loss = cpo->nll_weight * nll;
    for (size_t p = 0; pair_get(batch, p, &pair); p++) {
        double h = pair.chosen.policy - pair.rejected.policy, by_z;
        *loss += share * preference_loss(beta * h, cpo->label_smoothing, &by_z);
        pair_spread(batch, &pair.chosen, share * beta * by_z, derivative);
        pair_spread(batch, &pair.rejected, -share * beta * by_z, derivative);
        pair_figures(batch, beta * pair.chosen.policy, beta * pair.rejected.policy, figures);
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
    const Cpo *cpo = params;
    return hone_train(stage, &cpo->train, &objective_ops, cpo, error);
}

static const HoneStageOps stage_ops = {
    .size = sizeof(HoneStageOps),
    .flags = HONE_STAGE_USES_BACKEND,
    .run = run,
};

static const HoneComponent stage = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "cpo",
    .version = "1",
    .summary = "contrastive preference optimisation: learn from chosen and rejected answers",
    .help = "Prefers the chosen answer of each pair and keeps it likely. It needs no reference model.",
    .params = groups,
    .instance_size = sizeof(Cpo),
    .ports = ports,
    .ops = &stage_ops,
};

static const HoneComponent objective = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_OBJECTIVE,
    .name = "cpo",
    .version = "1",
    .summary = "contrastive preference optimisation of pairs of answers",
    .help = "-log sigmoid(beta (log pi(chosen) - log pi(rejected))) + nll_weight nll(chosen)",
    .params = groups,
    .instance_size = sizeof(Cpo),
    .ops = &objective_ops,
};

HONE_DEFINE_PLUGIN("cpo", "1", "Apache-2.0", "contrastive preference optimisation", &stage, &objective)

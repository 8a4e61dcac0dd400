/* SPDX-License-Identifier: Apache-2.0
 * orpo.c: odds ratio preference optimisation: learn the chosen answer, and prefer it, in one; no reference model.
 *
 *     log P(y|x) = 1/|y|·Σ log p(y_k | x, y_<k)
 *     odds(y|x) = P(y|x) / (1 - P(y|x))
 *     loss = nll - β·log σ(log odds(y_c|x) - log odds(y_r|x))        Hong et al. 2024, equations 4 to 7 (β is their λ)
 * nll is -log p, the mean over all tokens of the chosen answers in the step; the rest is the mean over its pairs.
 */
#include "pairs.h"
#include <hone/train.h>
#include <math.h>

typedef struct Orpo {
    HoneTrainParams train;
    double beta;
} Orpo;

static const HoneParam own[] = {
    HONE_NUMBER(Orpo, beta, "0.1", 0, 1000, "weight of the preference beside the likelihood of the chosen answer"),
    {0},
};

static const HoneParamGroup groups[] = {
    HONE_OWN_PARAMS(own),
    HONE_PARAMS("Training", hone_train_params, Orpo, train),
    {0},
};

static const HonePort ports[] = {
    {"model", HONE_PORT_IN, HONE_MODEL, 0, "the model to tune"},
    {"dataset", HONE_PORT_IN, HONE_PREFERENCES, 0, "prompts with a chosen and a rejected answer"},
    HONE_TRAIN_VALIDATION(HONE_PREFERENCES),
    HONE_TRAIN_OUTPUT,
    {0},
};

/* log odds of an answer of mean log-probability m, and their derivative by m: 1/(1 - exp m). An answer that is certain
 * has infinite odds; m stays below 0 by what f32 tells apart there. */
static double log_odds(double m, double *by_m)
{
    m = fmin(m, -1e-7);
    *by_m = -1 / expm1(m);
    return m - log(-expm1(m));
}

static bool evaluate(const void *params, const HoneObjectiveBatch *batch, double *loss, float *derivative,
                     double *figures, GError **error)
{
    const Orpo *orpo = params;
    double share = 1 / (double)batch->window_examples, beta = orpo->beta;
    Pair pair;
    for (size_t k = 0; k < batch->n_targets; k++)
        derivative[k] = 0;
    double nll = pairs_likelihood(batch, 1, derivative);
    *loss = nll;
    for (size_t p = 0; pair_get(batch, p, &pair); p++) {
        double mean_c = pair.chosen.policy / pair.chosen.weight, mean_r = pair.rejected.policy / pair.rejected.weight;
        double by_c, by_r, ratio = log_odds(mean_c, &by_c) - log_odds(mean_r, &by_r);
        double by_ratio = -beta * sigmoid(-ratio);
        *loss -= share * beta * log_sigmoid(ratio);
        pair_spread(batch, &pair.chosen, share * by_ratio * by_c / pair.chosen.weight, derivative);
        pair_spread(batch, &pair.rejected, -share * by_ratio * by_r / pair.rejected.weight, derivative);
        pair_figures(batch, beta * mean_c, beta * mean_r, figures);
        figures[N_PAIR_FIGURES + 1] += share * ratio;
    }
    figures[N_PAIR_FIGURES] += nll;
    return true;
}

static const char *const figure_names[] = {PAIR_FIGURES, "nll", "log_odds_ratio", NULL};

static const HoneObjectiveOps objective_ops = {
    .size = sizeof(HoneObjectiveOps),
    .flags = HONE_OBJECTIVE_PAIRS,
    .evaluate = evaluate,
    .figure_names = figure_names,
};

static bool run(HoneStage *stage, void *params, GError **error)
{
    const Orpo *orpo = params;
    return hone_train(stage, &orpo->train, &objective_ops, orpo, error);
}

static const HoneStageOps stage_ops = {
    .size = sizeof(HoneStageOps),
    .flags = HONE_STAGE_USES_BACKEND,
    .run = run,
};

static const HoneComponent stage = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "orpo",
    .version = "1",
    .summary = "odds ratio preference optimisation: learn from chosen and rejected answers",
    .help = "Learns the chosen answer as sft does and makes its odds higher than the rejected one's, in one training. "
            "It needs no reference model.",
    .params = groups,
    .instance_size = sizeof(Orpo),
    .ports = ports,
    .ops = &stage_ops,
};

static const HoneComponent objective = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_OBJECTIVE,
    .name = "orpo",
    .version = "1",
    .summary = "odds ratio preference optimisation of pairs of answers",
    .help = "nll(chosen) - beta log sigmoid(log odds(chosen) - log odds(rejected))",
    .params = groups,
    .instance_size = sizeof(Orpo),
    .ops = &objective_ops,
};

HONE_DEFINE_PLUGIN("orpo", "1", "Apache-2.0", "odds ratio preference optimisation", &stage, &objective)

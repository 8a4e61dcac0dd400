/* SPDX-License-Identifier: Apache-2.0
 * dpo.c: direct preference optimisation: make the chosen answer likelier than the rejected one, measured from where the
 * reference model stood.
 *
 *     h = (log π(y_c|x) - log π_ref(y_c|x)) - (log π(y_r|x) - log π_ref(y_r|x))
 *
 *     sigmoid        -(1-ε)·log σ(βh) - ε·log σ(-βh)               Rafailov 2023, eq. 7; with ε Mitchell 2023
 *     robust         (-(1-ε)·log σ(βh) + ε·log σ(-βh)) / (1-2ε)    Ray Chowdhury 2024
 *     hinge          max(0, 1 - βh)                                Zhao 2023 (SLiC)
 *     ipo            (h' - 1/(2β))²                                Azar 2024, eq. 17
 *     sigmoid_norm   as sigmoid, of h'
 *
 * The loss is the mean over the step's pairs. ε is the share of pairs that are labelled wrongly. log π of an answer is
 * the sum over its tokens; in h' each of the four is the mean over the answer's tokens. With an adapter the reference
 * is the same model with the adapter off; with reference_free log π_ref is 0.
 */
#include "pairs.h"
#include <hone/train.h>
#include <math.h>

typedef struct Dpo {
    HoneTrainParams train;
    char *loss;
    double beta, label_smoothing;
    bool reference_free;
} Dpo;

static const char *const losses[] = {"sigmoid", "robust", "hinge", "ipo", "sigmoid_norm", NULL};

static const HoneParam own[] = {
    HONE_CHOICE(Dpo, loss, "\"sigmoid\"", losses, "the loss of a pair"),
    HONE_NUMBER(Dpo, beta, "0.1", 1e-6, 1000, "how strongly the policy is held to the reference"),
    HONE_NUMBER(Dpo, label_smoothing, "0", 0, 0.499,
                "share of the pairs that are labelled wrongly; not with hinge and ipo"),
    HONE_BOOL(Dpo, reference_free, "false", "measure from nothing instead of the reference model"),
    {0},
};

static const HoneParamGroup groups[] = {
    HONE_OWN_PARAMS(own),
    HONE_PARAMS("Training", hone_train_params, Dpo, train),
    {0},
};

static const HonePort ports[] = {
    {"model", HONE_PORT_IN, HONE_MODEL, 0, "the model to tune, which is the reference too"},
    {"dataset", HONE_PORT_IN, HONE_PREFERENCES, 0, "prompts with a chosen and a rejected answer"},
    HONE_TRAIN_VALIDATION(HONE_PREFERENCES),
    HONE_TRAIN_OUTPUT,
    {0},
};

/* ---- The loss of a pair, and its derivative by h. ---- */

static double sigmoid_loss(const Dpo *dpo, double h, double *by_h)
{
    double by_z, loss = preference_loss(dpo->beta * h, dpo->label_smoothing, &by_z);
    *by_h = dpo->beta * by_z;
    return loss;
}

static double robust_loss(const Dpo *dpo, double h, double *by_h)
{
    double e = dpo->label_smoothing, beta = dpo->beta;
    *by_h = beta * (-(1 - e) * sigmoid(-beta * h) - e * sigmoid(beta * h)) / (1 - 2 * e);
    return (-(1 - e) * log_sigmoid(beta * h) + e * log_sigmoid(-beta * h)) / (1 - 2 * e);
}

static double hinge_loss(const Dpo *dpo, double h, double *by_h)
{
    *by_h = dpo->beta * h < 1 ? -dpo->beta : 0;
    return fmax(0, 1 - dpo->beta * h);
}

static double ipo_loss(const Dpo *dpo, double h, double *by_h)
{
    double error = h - 1 / (2 * dpo->beta);
    *by_h = 2 * error;
    return error * error;
}

static const struct {
    double (*of)(const Dpo *dpo, double h, double *by_h);
    bool mean; /* takes h' */
} table[] = {{sigmoid_loss, false}, {robust_loss, false}, {hinge_loss, false}, {ipo_loss, true}, {sigmoid_loss, true}};

static size_t loss_index(const Dpo *dpo)
{
    size_t i = 0;
    while (!g_str_equal(losses[i], dpo->loss))
        i++;
    return i;
}

static bool evaluate(const void *params, const HoneObjectiveBatch *batch, double *loss, float *derivative,
                     double *figures, GError **error)
{
    const Dpo *dpo = params;
    size_t i = loss_index(dpo);
    double share = 1 / (double)batch->window_examples;
    Pair pair;
    *loss = 0;
    for (size_t k = 0; k < batch->n_targets; k++)
        derivative[k] = 0;
    for (size_t p = 0; pair_get(batch, p, &pair); p++) {
        double n_c = table[i].mean ? pair.chosen.weight : 1, n_r = table[i].mean ? pair.rejected.weight : 1, by_h;
        double chosen = pair.chosen.policy - (dpo->reference_free ? 0 : pair.chosen.reference);
        double rejected = pair.rejected.policy - (dpo->reference_free ? 0 : pair.rejected.reference);
        *loss += share * table[i].of(dpo, chosen / n_c - rejected / n_r, &by_h);
        pair_spread(batch, &pair.chosen, share * by_h / n_c, derivative);
        pair_spread(batch, &pair.rejected, -share * by_h / n_r, derivative);
        pair_figures(batch, dpo->beta * chosen, dpo->beta * rejected, figures);
    }
    return true;
}

static const char *const figure_names[] = {PAIR_FIGURES, NULL};

static const HoneObjectiveOps with_reference = {
    .size = sizeof(HoneObjectiveOps),
    .flags = HONE_OBJECTIVE_PAIRS | HONE_OBJECTIVE_NEEDS_REFERENCE,
    .evaluate = evaluate,
    .figure_names = figure_names,
};

static const HoneObjectiveOps without_reference = {
    .size = sizeof(HoneObjectiveOps),
    .flags = HONE_OBJECTIVE_PAIRS,
    .evaluate = evaluate,
    .figure_names = figure_names,
};

/* ---- The stage. ---- */

static bool check(const void *params, GError **error)
{
    const Dpo *dpo = params;
    if (dpo->label_smoothing == 0 || (!g_str_equal(dpo->loss, "hinge") && !g_str_equal(dpo->loss, "ipo")))
        return true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "label_smoothing is not defined for the loss \"%s\": set it to 0, or take \"sigmoid\" or \"robust\"",
                dpo->loss);
    return false;
}

static bool run(HoneStage *stage, void *params, GError **error)
{
    const Dpo *dpo = params;
    return check(dpo, error) &&
           hone_train(stage, &dpo->train, dpo->reference_free ? &without_reference : &with_reference, dpo, error);
}

static const HoneStageOps stage_ops = {
    .size = sizeof(HoneStageOps),
    .flags = HONE_STAGE_USES_BACKEND,
    .run = run,
    .check = check,
};

static const HoneComponent stage = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "dpo",
    .version = "1",
    .summary = "direct preference optimisation: learn from chosen and rejected answers",
    .help = "Makes the chosen answer of each pair likelier than the rejected one, measured against the model before "
            "tuning. That the log-probability of both falls is common; the margin between them must grow.",
    .params = groups,
    .instance_size = sizeof(Dpo),
    .ports = ports,
    .ops = &stage_ops,
};

static const HoneComponent objective = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_OBJECTIVE,
    .name = "dpo",
    .version = "1",
    .summary = "direct preference optimisation of pairs of answers",
    .help = "-log sigmoid(beta ((log pi - log ref)(chosen) - (log pi - log ref)(rejected))), and its variants",
    .params = groups,
    .instance_size = sizeof(Dpo),
    .ops = &with_reference,
};

HONE_DEFINE_PLUGIN("dpo", "1", "Apache-2.0", "direct preference optimisation", &stage, &objective)

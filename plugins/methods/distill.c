/* SPDX-License-Identifier: Apache-2.0
 * distill.c: learn from a teacher: from what it finds likely, not from the one token that was written.
 *
 *     loss = Σ w·(α·hard + (1 - α)·T²·soft) / Σ w       over the target tokens of an optimizer step
 *     hard = -log p(y)
 *     soft = KL(q ‖ p) = Σ_j q_j·(log q_j - log p_j) + q_r·(log q_r - log p_r)
 *
 * q and p are the teacher's and the student's probabilities at temperature T, over the teacher's k likeliest tokens j
 * and one class r of all others: q_r = 1 - Σ q_j, p_r = 1 - Σ p_j. Nothing is renormalised, so what the teacher finds
 * unlikely is learned too, as a whole. The derivative by log p_j is -q_j + q_r·p_j/p_r.
 * Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015.
 */
#include <hone/train.h>
#include <math.h>

#define LEAST 1e-9 /* of a probability of all others: below, f32 says nothing of it */

typedef struct Distill {
    double hard_weight;
    HoneTrainParams train;
} Distill;

static const HoneParam own[] = {
    HONE_NUMBER(Distill, hard_weight, "0.5", 0, 1,
                "share of the loss on the written tokens (alpha); the rest is the teacher's"),
    {0},
};

static const HoneParamGroup groups[] = {
    HONE_OWN_PARAMS(own),
    HONE_PARAMS("Training", hone_train_params, Distill, train),
    {0},
};

static const HonePort ports[] = {
    {"model", HONE_PORT_IN, HONE_MODEL, 0, "the student"},
    {"dataset", HONE_PORT_IN, HONE_DATASET, 0, "the rows that the teacher was asked on"},
    {"teacher", HONE_PORT_IN, HONE_LOGPROBS, 0, "what the teacher finds likely there (teacher_logprobs)"},
    HONE_TRAIN_OUTPUT,
    {0},
};

/* ---- The loss. ---- */

/* KL over n candidates and the rest; by [n]: its derivative by each log p. */
static double divergence(const float *teacher, const float *student, size_t n, double *by)
{
    double q_rest = 1, p_rest = 1, sum = 0;
    for (size_t j = 0; j < n; j++) {
        double q = exp((double)teacher[j]);
        q_rest -= q;
        p_rest -= exp((double)student[j]);
        sum += q * ((double)teacher[j] - (double)student[j]);
        by[j] = -q;
    }
    if (n == 0 || q_rest < LEAST)
        return sum;
    sum += q_rest * (log(q_rest) - log(fmax(p_rest, LEAST)));
    for (size_t j = 0; j < n && p_rest > LEAST; j++)
        by[j] += q_rest * exp((double)student[j]) / p_rest;
    return sum;
}

static bool evaluate(const void *params, const HoneObjectiveBatch *batch, double *loss, float *derivative,
                     double *figures, GError **error)
{
    const Distill *distill = params;
    size_t n = batch->n_candidates;
    double alpha = distill->hard_weight, soft = (1 - alpha) * batch->temperature * batch->temperature;
    g_autofree double *by = g_new(double, n + 1);
    *loss = figures[0] = figures[1] = 0;
    for (size_t k = 0; k < batch->n_targets; k++) {
        double share = (double)batch->weight[k] / batch->window_weight;
        double kl = n > 0 ? divergence(batch->teacher + k * n, batch->candidate_logprob + k * n, n, by) : 0;
        for (size_t j = 0; j < n; j++)
            batch->candidate_derivative[k * n + j] = (float)(share * soft * by[j]);
        derivative[k] = (float)(-share * alpha);
        figures[0] -= share * (double)batch->logprob[k];
        figures[1] += share * kl;
    }
    *loss = alpha * figures[0] + soft * figures[1];
    return true;
}

static const char *const figure_names[] = {"hard_loss", "divergence", NULL};

static const HoneObjectiveOps objective_ops = {
    .size = sizeof(HoneObjectiveOps),
    .evaluate = evaluate,
    .figure_names = figure_names,
};

static const HoneComponent objective = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_OBJECTIVE,
    .name = "distill",
    .version = "1",
    .summary = "divergence from a teacher's likeliest tokens, and the written ones",
    .help =
        "loss = sum(w (alpha hard + (1 - alpha) T^2 KL(q || p))) / sum(w), KL over the teacher's k likeliest tokens "
        "and one class of all others (Hinton 2015)",
    .params = groups,
    .instance_size = sizeof(Distill),
    .ops = &objective_ops,
};

/* ---- The student. ---- */

static bool run(HoneStage *stage, void *params, GError **error)
{
    const Distill *distill = params;
    return hone_train(stage, &distill->train, &objective_ops, distill, error);
}

static const HoneStageOps stage_ops = {
    .size = sizeof(HoneStageOps),
    .flags = HONE_STAGE_USES_BACKEND,
    .run = run,
};

static const HoneComponent stage = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "distill",
    .version = "1",
    .summary = "distillation: trains an adapter to find likely what a teacher does",
    .help =
        "loss = sum(w (alpha hard + (1 - alpha) T^2 KL(q || p))) / sum(w): hard is -log p of the written token, q the "
        "teacher's probabilities and p the student's at the temperature of teacher_logprobs, over the teacher's "
        "likeliest tokens and one class of all others (Hinton, Vinyals, Dean 2015). Teacher and student have the "
        "same tokenizer. A killed run goes on from its last checkpoint.",
    .params = groups,
    .instance_size = sizeof(Distill),
    .ports = ports,
    .ops = &stage_ops,
};

HONE_DEFINE_PLUGIN("distill", "1", "Apache-2.0", "learning from a teacher", &stage, &objective)

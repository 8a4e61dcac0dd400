/* SPDX-License-Identifier: Apache-2.0
 * grpo.c: group relative policy optimisation: the model answers a prompt several times, and what was better than its
 * other answers becomes likelier. Shao et al., "DeepSeekMath", 2024, equation 3.
 *
 *     ratio_t = π(o_t) / π_old(o_t)
 *     l_t = -min(ratio_t·A, clip(ratio_t, 1-ε, 1+ε_high)·A) + β·kl_t
 *     kl_t = π_ref(o_t)/π(o_t) - log(π_ref(o_t)/π(o_t)) - 1                                (Schulman's k3)
 *
 * A: advantage.c. How the tokens of a step are averaged is `loss`:
 *     grpo     mean over answers of the mean over an answer's tokens                                  (DeepSeekMath)
 *     dapo     mean over all tokens of the step                                (Yu et al., "DAPO", 2025, equation 8)
 *     dr_grpo  sum over all tokens / (answers · longest possible answer)       (Liu et al., "Dr. GRPO", 2025)
 *     bnpo     mean over all tokens of a batch; a batch is the whole step here, so that it is dapo
 * `ratio` = sequence: one ratio for an answer, exp of the mean of log ratio_t      (Zheng et al., "GSPO", 2025)
 */
#include <hone/objective.h>
#include <hone/train.h>
#include <math.h>
#include <string.h>

typedef struct GrpoLoss {
    char *loss, *ratio;
    double beta, clip, clip_high, delta;
} GrpoLoss;

/* The objective by itself. */
typedef struct GrpoObjective {
    GrpoLoss loss;
    int64_t max_tokens;
} GrpoObjective;

/* The stage. */
typedef struct Grpo {
    GrpoLoss loss;
    HoneRolloutParams rollouts;
    HoneTrainParams train;
} Grpo;

static const char *const losses[] = {"dapo", "grpo", "dr_grpo", "bnpo", NULL};
static const char *const ratios[] = {"token", "sequence", NULL};

static const HoneParam loss_params[] = {
    HONE_CHOICE(GrpoLoss, loss, "\"dapo\"", losses, "how the tokens of a step are averaged"),
    HONE_CHOICE(GrpoLoss, ratio, "\"token\"", ratios, "a ratio for each token, or one for an answer (GSPO)"),
    HONE_NUMBER(GrpoLoss, beta, "0", 0, 100, "weight of the KL divergence from the untrained model; 0: none"),
    HONE_NUMBER(GrpoLoss, clip, "0.2", 0, 1, "a ratio counts down to 1 - clip"),
    HONE_NUMBER(GrpoLoss, clip_high, "0", 0, 10, "a ratio counts up to 1 + clip_high; 0: as clip"),
    HONE_NUMBER(GrpoLoss, delta, "0", 0, 1000, "a bound above 1 + clip_high for bad answers as well; 0: none"),
    {0},
};
static const HoneParam length_params[] = {
    HONE_INT(GrpoObjective, max_tokens, "256", 1, 1048576, "longest possible answer", .unit = "tokens"),
    {0},
};
static const HoneParamGroup objective_groups[] = {
    HONE_PARAMS("Loss", loss_params, GrpoObjective, loss),
    HONE_OWN_PARAMS(length_params),
    {0},
};
static const HoneParamGroup stage_groups[] = {
    HONE_PARAMS("Answers", hone_rollout_params, Grpo, rollouts),
    HONE_PARAMS("Loss", loss_params, Grpo, loss),
    HONE_PARAMS("Training", hone_train_params, Grpo, train),
    {0},
};

static const HonePort ports[] = {
    {"model", HONE_PORT_IN, HONE_MODEL, 0, "the model to tune"},
    {"dataset", HONE_PORT_IN, HONE_DATASET, 0, "rows whose prompts the model answers"},
    HONE_TRAIN_OUTPUT,
    {0},
};

/* Log of an answer's ratio, the mean of its tokens': targets [from, to). */
static double sequence_log(const HoneObjectiveBatch *b, size_t from, size_t to)
{
    double sum = 0, weight = 0;
    for (size_t k = from; k < to && b->old; k++) {
        sum += (double)b->weight[k] * ((double)b->logprob[k] - (double)b->old[k]);
        weight += (double)b->weight[k];
    }
    return weight > 0 ? sum / weight : 0;
}

/* What a token of weight 1 counts in the loss. */
static double share_of(const GrpoObjective *o, const HoneObjectiveBatch *b, size_t from, size_t to)
{
    double own = 0;
    if (strcmp(o->loss.loss, "dr_grpo") == 0)
        return 1 / ((double)b->window_examples * (double)o->max_tokens);
    if (strcmp(o->loss.loss, "grpo") != 0)
        return 1 / b->window_weight;
    for (size_t k = from; k < to; k++)
        own += (double)b->weight[k];
    return 1 / (own * (double)b->window_examples);
}

enum { CLIPPED, KL };

/* -min(...) at one ratio, and *slope: its derivative by the ratio's logarithm. */
static double clipped_loss(const GrpoLoss *loss, double ratio, double advantage, double *slope, bool *clipped)
{
    double high = loss->clip_high > 0 ? loss->clip_high : loss->clip;
    double bounded = loss->delta > 0 ? MIN(ratio, loss->delta) : ratio;
    double within = CLAMP(ratio, 1 - loss->clip, 1 + high);
    *clipped = (ratio < 1 - loss->clip && advantage < 0) || (ratio > 1 + high && advantage > 0);
    if (within * advantage < bounded * advantage) { /* the clipped one is taken, which does not move */
        *slope = 0;
        return -within * advantage;
    }
    *slope = bounded < ratio ? 0 : -ratio * advantage;
    return -bounded * advantage;
}

static bool evaluate(const void *params, const HoneObjectiveBatch *b, double *loss, float *derivative, double *figures,
                     GError **error)
{
    const GrpoObjective *o = params;
    bool by_sequence = strcmp(o->loss.ratio, "sequence") == 0;
    *loss = 0;
    for (size_t s = 0; s < b->n_sequences; s++) {
        size_t from = b->start[s], to = b->start[s + 1];
        double share = share_of(o, b, from, to), log_ratio = by_sequence ? sequence_log(b, from, to) : 0;
        double through_ratio = 0, weight = 0; /* of the sequence: Σ of what reaches its one ratio */
        for (size_t k = from; k < to; k++) {
            double w = (double)b->weight[k], p = (double)b->logprob[k], slope, kl_slope = 0;
            bool clipped;
            if (!by_sequence)
                log_ratio = b->old ? p - (double)b->old[k] : 0;
            double l = clipped_loss(&o->loss, exp(log_ratio), (double)b->advantage[k], &slope, &clipped);
            if (b->reference) {
                double d = (double)b->reference[k] - p, kl = exp(d) - d - 1;
                l += o->loss.beta * kl;
                kl_slope = o->loss.beta * (1 - exp(d));
                figures[KL] += w * kl / b->window_weight;
            }
            *loss += share * w * l;
            derivative[k] = (float)(share * w * (kl_slope + (by_sequence ? 0 : slope)));
            figures[CLIPPED] += clipped ? w / b->window_weight : 0;
            through_ratio += share * w * slope;
            weight += w;
        }
        for (size_t k = from; k < to && by_sequence; k++)
            derivative[k] = (float)((double)derivative[k] + through_ratio * (double)b->weight[k] / weight);
    }
    return true;
}

static const char *const figure_names[] = {"clipped", "kl", NULL};
static const char *const figure_names_alone[] = {"clipped", NULL};

static const HoneObjectiveOps objective_ops = {
    .size = sizeof(HoneObjectiveOps),
    .flags = HONE_OBJECTIVE_ROLLOUTS | HONE_OBJECTIVE_NEEDS_REFERENCE,
    .evaluate = evaluate,
    .figure_names = figure_names,
};
/* With beta 0 the reference is not computed. */
static const HoneObjectiveOps alone_ops = {
    .size = sizeof(HoneObjectiveOps),
    .flags = HONE_OBJECTIVE_ROLLOUTS,
    .evaluate = evaluate,
    .figure_names = figure_names_alone,
};

static const HoneComponent objective = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_OBJECTIVE,
    .name = "grpo",
    .version = "1",
    .summary = "clipped ratio times advantage, with a KL penalty",
    .help = "loss = mean of -min(ratio·A, clip(ratio)·A) + beta·kl over the tokens of the model's answers",
    .params = objective_groups,
    .instance_size = sizeof(GrpoObjective),
    .ops = &objective_ops,
};

/* What cannot go together. */
static bool check(const void *params, GError **error)
{
    const Grpo *grpo = params;
    double high = grpo->loss.clip_high > 0 ? grpo->loss.clip_high : grpo->loss.clip;
    g_autofree char *problem = hone_rollout_problem(&grpo->train, &grpo->rollouts);
    if (!problem && strcmp(grpo->loss.ratio, "sequence") == 0 && strcmp(grpo->loss.loss, "grpo") != 0)
        problem = g_strdup("ratio: with one ratio for an answer, each answer must count the same: set loss to grpo");
    if (!problem && grpo->loss.delta > 0 && grpo->loss.delta <= 1 + high)
        problem = g_strdup_printf("delta must be above 1 + clip_high = %g, or 0", 1 + high);
    if (problem)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s", problem);
    return problem == NULL;
}

static bool run(HoneStage *stage, void *params, GError **error)
{
    const Grpo *grpo = params;
    const GrpoObjective own = {.loss = grpo->loss, .max_tokens = grpo->rollouts.max_tokens};
    return check(params, error) && hone_train_rollouts(stage, &grpo->train, &grpo->rollouts,
                                                       grpo->loss.beta > 0 ? &objective_ops : &alone_ops, &own, error);
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
    .name = "grpo",
    .version = "1",
    .summary = "group relative policy optimisation: trains an adapter on the model's own answers, by rewards",
    .help = "Each step takes batch_size x accumulate answers: `group` of them to each prompt, sampled at temperature 1 "
            "from the model as it is. What a dataset's row has for an answer is never trained on; rewards may compare "
            "with it. A killed run goes on from its last checkpoint, and on the CPU backends its result is byte for "
            "byte that of an undisturbed run (a reward that gives the same answer the same number provided).",
    .params = stage_groups,
    .instance_size = sizeof(Grpo),
    .ports = ports,
    .ops = &stage_ops,
};

HONE_DEFINE_PLUGIN("grpo", "1", "Apache-2.0", "group relative policy optimisation", &stage, &objective)

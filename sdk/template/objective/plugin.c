/* SPDX-License-Identifier: Apache-2.0
 * @NAME@: the focal loss over target tokens: likely tokens count less.
 *
 *     loss = -Σ w_k·(1 - p_k)^γ·log p_k / Σ w_k        p_k = exp(log p_k)
 *     d loss / d log p_k = -w_k·(1 - p_k)^(γ-1)·((1 - p_k) - γ·p_k·log p_k) / Σ w_k
 *
 * Lin, Goyal, Girshick, He, Dollár, "Focal loss for dense object detection", ICCV 2017. With γ = 0 it is the usual
 * loss. An objective knows nothing of models: it gets log-probabilities and gives back a loss and its derivatives. Sums
 * are divided by what the whole optimizer step holds (window_weight), so that micro-batches add up to it.
 */
#include <hone/hone.h>
#include <math.h>

/* The parameters: a struct, and a table that says everything about each field. */
typedef struct {
    double gamma;
} Params;

static const HoneParam params[] = {
    HONE_NUMBER(Params, gamma, "2", 0, 10, "How much less a likely token counts"),
    {0},
};
static const HoneParamGroup groups[] = {HONE_OWN_PARAMS(params), {0}};

static const char *const figure_names[] = {"mean_probability", NULL};

static bool evaluate(const void *instance, const HoneObjectiveBatch *batch, double *loss, float *derivative,
                     double *figures, GError **error)
{
    const Params *own = instance;
    double sum = 0, probability = 0;
    for (size_t k = 0; k < batch->n_targets; k++) {
        double share = (double)batch->weight[k] / batch->window_weight;
        double log_p = (double)batch->logprob[k], p = exp(log_p), rest = 1 - p;
        double modulation = pow(rest, own->gamma);
        sum -= share * modulation * log_p;
        /* At p = 1 the power of gamma - 1 may be infinite where its product with log p is 0. */
        double slope = rest > 0 ? own->gamma * pow(rest, own->gamma - 1) * p * log_p : 0;
        derivative[k] = (float)(-share * (modulation - slope));
        probability += share * p;
    }
    *loss = sum;
    if (figures != NULL)
        figures[0] = probability;
    return true;
}

static const HoneObjectiveOps ops = {
    .size = sizeof(HoneObjectiveOps),
    .evaluate = evaluate,
    .figure_names = figure_names,
};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_OBJECTIVE,
    .name = "@NAME@",
    .version = "1", /* raise it when the same input gives another result: it is part of the cache key */
    .summary = "Focal loss: likely tokens count less",
    .params = groups,
    .instance_size = sizeof(Params),
    .ops = &ops,
};

/* The stage that trains with it: the shared training loop, and this objective. */
typedef struct {
    HoneTrainParams train;
    Params own;
} Stage;

static const HoneParamGroup stage_groups[] = {
    HONE_PARAMS(NULL, params, Stage, own),
    HONE_PARAMS("Training", hone_train_params, Stage, train),
    {0},
};

static const HonePort ports[] = {
    {.name = "model", .direction = HONE_PORT_IN, .types = HONE_MODEL, .help = "The model to tune"},
    {.name = "dataset", .direction = HONE_PORT_IN, .types = HONE_DATASET, .help = "Rows with the wanted answers"},
    HONE_TRAIN_OUTPUT,
    {0},
};

static bool run(HoneStage *stage, void *instance, GError **error)
{
    const Stage *own = instance;
    return hone_train(stage, &own->train, &ops, &own->own, error);
}

static const HoneStageOps stage_ops = {.size = sizeof(HoneStageOps), .flags = HONE_STAGE_USES_BACKEND, .run = run};

static const HoneComponent stage = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "@NAME@",
    .version = "1",
    .summary = "Trains an adapter with the focal loss",
    .params = stage_groups,
    .instance_size = sizeof(Stage),
    .ports = ports,
    .ops = &stage_ops,
};

/* The name is that of the file without .so. */
HONE_DEFINE_PLUGIN("@NAME@", "1", "Apache-2.0", "Focal loss: likely tokens count less", &component, &stage)

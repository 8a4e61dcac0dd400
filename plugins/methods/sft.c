/* SPDX-License-Identifier: Apache-2.0
 * sft.c: supervised fine-tuning on prompts and their answers.
 *
 *     loss = -Σ w_k·log p(y_k | y_<k) / Σ w_k        over all target tokens k of an optimizer step
 *
 * with w_k the weight of the message that token k belongs to: 1 for the assistant's, 0 for all others, unless the row
 * says otherwise. The computation is in likelihood.c.
 */
#include "likelihood.h"
#include <hone/train.h>

typedef struct Sft {
    HoneTrainParams train;
} Sft;

static const HoneParamGroup groups[] = {
    HONE_PARAMS("Training", hone_train_params, Sft, train),
    {0},
};

static const HonePort ports[] = {
    {"model", HONE_PORT_IN, HONE_MODEL, 0, "the model to tune"},
    {"dataset", HONE_PORT_IN, HONE_DATASET, 0, "rows with the wanted answers"},
    HONE_TRAIN_VALIDATION(HONE_DATASET),
    HONE_TRAIN_OUTPUT,
    {0},
};

static const HoneComponent objective = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_OBJECTIVE,
    .name = "sft",
    .version = "1",
    .summary = "mean negative log-probability of the wanted answers",
    .help = "loss = -sum(w log p) / sum(w) over the target tokens of an optimizer step",
    .ops = &likelihood_ops,
};

static bool check(const void *params, GError **error)
{
    const Sft *sft = params;
    return hone_train_check(&sft->train, error);
}

static bool run(HoneStage *stage, void *params, GError **error)
{
    const Sft *sft = params;
    return hone_train(stage, &sft->train, &likelihood_ops, NULL, error);
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
    .name = "sft",
    .version = "1",
    .summary = "supervised fine-tuning: trains a model, or an adapter on it, on the answers of a dataset",
    .help =
        "Loss falls on the assistant's messages alone, and on the token that ends each. A killed run goes on from its "
        "last checkpoint, and on the CPU backends its result is byte for byte that of an undisturbed run.",
    .params = groups,
    .instance_size = sizeof(Sft),
    .ports = ports,
    .ops = &stage_ops,
};

HONE_DEFINE_PLUGIN("sft", "1", "Apache-2.0", "supervised fine-tuning", &stage, &objective)

/* SPDX-License-Identifier: Apache-2.0
 * pretrain.c: going on with a model's pretraining, on the raw text of a domain.
 *
 *     loss = -Σ w_k·log p(y_k | y_<k) / Σ w_k        over all tokens k of an optimizer step but each piece's first
 *
 * Documents are put one after the other and cut into blocks (libhone's documents.c); no token attends to another
 * document. A share of general text among the blocks is replayed against forgetting.
 * Gururangan et al., "Don't Stop Pretraining", 2020; Ibrahim et al., "Simple and Scalable Strategies to Continually
 * Pre-train Large Language Models", 2024 (replay).
 */
#include "likelihood.h"
#include <hone/train.h>

typedef struct Pretrain {
    double replay;
    HoneTrainParams train;
} Pretrain;

static const HoneParam params_table[] = {
    HONE_NUMBER(Pretrain, replay, "0.1", 0, 0.95,
                "share of all tokens that comes from port replay, where that is connected"),
    {0},
};

static const HoneParamGroup groups[] = {
    HONE_OWN_PARAMS(params_table),
    HONE_PARAMS("Training", hone_train_params, Pretrain, train),
    {0},
};

static const HonePort ports[] = {
    {"model", HONE_PORT_IN, HONE_MODEL, 0, "the model to tune"},
    {"dataset", HONE_PORT_IN, HONE_DATASET, 0, "documents: rows of raw text"},
    HONE_TRAIN_VALIDATION(HONE_DATASET),
    {"replay", HONE_PORT_IN, HONE_DATASET, HONE_PORT_OPTIONAL, "documents of general text, against forgetting"},
    HONE_TRAIN_OUTPUT,
    {0},
};

static bool run(HoneStage *stage, void *params, GError **error)
{
    const Pretrain *pretrain = params;
    const HoneTraining training = {.size = sizeof training,
                                   .params = &pretrain->train,
                                   .objective = &likelihood_ops,
                                   .rows = HONE_ROWS_BLOCKS,
                                   .replay = pretrain->replay};
    return hone_train_with(stage, &training, error);
}

static const HoneStageOps stage_ops = {
    .size = sizeof(HoneStageOps),
    .flags = HONE_STAGE_USES_BACKEND,
    .run = run,
};

static const HoneComponent stage = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "pretrain",
    .version = "1",
    .summary = "domain adaptation: trains an adapter on raw text, with replay against forgetting",
    .help =
        "Documents are put one after the other and cut into blocks of max_length tokens; batch_size counts blocks. "
        "No token attends to another document, every token but a document's first is predicted once, and a document "
        "over the end of a block goes on in the next. over_length has no part in this. A killed run goes on from "
        "its last checkpoint, and on the CPU backends its result is byte for byte that of an undisturbed run.",
    .params = groups,
    .instance_size = sizeof(Pretrain),
    .ports = ports,
    .ops = &stage_ops,
};

HONE_DEFINE_PLUGIN("pretrain", "1", "Apache-2.0", "domain adaptation on raw text", &stage)

/* SPDX-License-Identifier: Apache-2.0
 * train.h: the training loop that every method shares: tuner, batching, packing, accumulation, optimizer, schedule,
 * checkpoints. A method's stage is its objective and one call to hone_train.
 */
#ifndef HONE_TRAIN_H
#define HONE_TRAIN_H

#include <hone/model.h>
#include <hone/objective.h>
#include <hone/stage.h>

typedef struct HoneTrainParams {
    /* What is trained. */
    char *tuner; /* lora, qlora, partial, full */
    int64_t rank;
    double alpha; /* 0: twice the rank */
    double dropout;
    bool rslora;
    char **targets;
    JsonNode *rank_pattern, *alpha_pattern; /* NULL, or objects: module -> number */
    bool dora;
    char *start;         /* of the adapter: lora, pissa */
    char *quantize;      /* qlora: keep, nf4 */
    double lora_plus;    /* B's learning rate is so many times A's */
    char **trained;      /* partial: patterns over the parameters' names */
    int64_t last_layers; /* partial */
    char *weights_type;  /* partial, full: of the result; auto, f32, f16, bf16 */
    /* How long and how fast. */
    double epochs;
    int64_t max_steps;              /* 0: by epochs */
    int64_t batch_size, accumulate; /* examples per micro-batch; micro-batches per step */
    double learning_rate;
    char *schedule; /* constant, linear, cosine, wsd */
    double warmup;  /* below 1: share of the steps; else steps */
    double decay;   /* of wsd, in the same way */
    char *decay_shape;
    char *optimizer; /* a row of sdk/train/rules.c */
    double weight_decay, beta1, beta2, epsilon, momentum, max_grad_norm;
    bool nesterov;
    char **no_decay; /* patterns over names */
    double ema;      /* 0: none */
    /* Validation. */
    int64_t validate_every; /* steps; 0: each epoch */
    int64_t patience;       /* 0: never ends early */
    char *keep;             /* best, last */
    /* Rows. */
    int64_t max_length;
    char *over_length; /* drop, fail, truncate */
    int64_t seed;
    /* Machine. */
    bool checkpointing;
    int64_t save_every; /* steps between checkpoints */
    char **trackers;    /* components that get the figures */
} HoneTrainParams;

/* How rows become examples. */
typedef enum {
    HONE_ROWS_TURNS = 0, /* a row is an example */
    HONE_ROWS_BLOCKS,    /* documents, one after the other, are cut into blocks of max_length tokens */
} HoneRowsForm;

/* A training that is more than its parameters and its objective. What is zero or NULL is left out. */
typedef struct HoneTraining {
    uint32_t size;
    const HoneTrainParams *params;
    const HoneObjectiveOps *objective;
    const void *objective_params;
    HoneRowsForm rows;
    /* Of all tokens, so many come from port "replay" where that is connected, [0, 1); with HONE_ROWS_BLOCKS. */
    double replay;
    /* Changes a row of the dataset before it is tokenized: its messages' weights, say. */
    bool (*prepare)(const void *data, HoneRow *row, GError **error);
    const void *prepare_data;
    /* Uniform noise in ±alpha/sqrt(L·C) on the embeddings of a sequence of L tokens, of the policy alone. Jain et al.,
     * "NEFTune: Noisy Embeddings Improve Instruction Finetuning", 2023. */
    double neftune_alpha;
} HoneTraining;

/* The table of those parameters, to be embedded: HONE_PARAMS("Training", hone_train_params, Instance, train). */
HONE_EXPORT extern const HoneParam hone_train_params[];

/* Answers that the model gives while it trains. */
typedef struct HoneRolloutParams {
    JsonNode *rewards;
    int64_t group, max_tokens, iterations, rollout_batch;
    char *scale_rewards; /* group, batch, none */
} HoneRolloutParams;

HONE_EXPORT extern const HoneParam hone_rollout_params[];

/* The input port that every stage that trains should have: rows that are not trained on. types: as of "dataset". */
#define HONE_TRAIN_VALIDATION(types)                                                                                   \
    {                                                                                                                  \
        "validation", HONE_PORT_IN, (types), HONE_PORT_OPTIONAL,                                                       \
            "rows that are not trained on: the loss over them may end the run, and chooses the result"                 \
    }

/* The output port of a stage that trains: with the tuners `full` and `partial` the result is a model. */
#define HONE_TRAIN_OUTPUT                                                                                              \
    {                                                                                                                  \
        .name = "adapter", .direction = HONE_PORT_OUT, .types = HONE_ADAPTER | HONE_MODEL,                             \
        .help = "what was trained: an adapter in PEFT's format; with the tuners full and partial a model"              \
    }

/* What no training can do with these parameters, whatever the model: for a stage's `check`. */
HONE_EXPORT bool hone_train_check(const HoneTrainParams *params, GError **error);

/* Trains on port "dataset" with the model of port "model" and writes port "adapter" (an artifact with the training
 * events in it, see HONE_TRAIN_OUTPUT). Resumes from the work folder; equal bytes either way on the CPU backends. */
HONE_EXPORT bool hone_train(HoneStage *stage, const HoneTrainParams *params, const HoneObjectiveOps *objective,
                            const void *objective_params, GError **error);
HONE_EXPORT bool hone_train_with(HoneStage *stage, const HoneTraining *training, GError **error);

/* As hone_train, but the dataset's rows are prompts: at each step (or every `iterations` of them) the model answers
 * each prompt of the window `group` times, the rewards score the answers, and the objective (HONE_OBJECTIVE_ROLLOUTS)
 * gets them with their advantages. A window is batch_size·accumulate answers. */
HONE_EXPORT bool hone_train_rollouts(HoneStage *stage, const HoneTrainParams *params, const HoneRolloutParams *rollouts,
                                     const HoneObjectiveOps *objective, const void *objective_params, GError **error);
/* What is wrong with the parameters together, for a stage's `check`; NULL: nothing. Caller frees. */
HONE_EXPORT char *hone_rollout_problem(const HoneTrainParams *params, const HoneRolloutParams *rollouts);

typedef struct HoneTeacherParams {
    int64_t top_k;
    double temperature;
    int64_t max_length; /* of a row; longer ones are left out */
} HoneTeacherParams;

/* Asks the model of port "model" for its likeliest tokens at each place of port "dataset" that bears loss, and writes
 * them to port "logprobs". A training whose port "teacher" is connected to those gives its objective both sides' log
 * probabilities of them. */
HONE_EXPORT bool hone_teach(HoneStage *stage, const HoneTeacherParams *params, GError **error);

#endif

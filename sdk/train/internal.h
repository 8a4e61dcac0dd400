/* SPDX-License-Identifier: Apache-2.0
 * internal.h: the parts of the training loop. Each is a file of its own, and can be tested without the others.
 */
#ifndef HONE_TRAIN_INTERNAL_H
#define HONE_TRAIN_INTERNAL_H

#include <hone/train.h>

/* ---- params.c ---- */

/* The parameters that decide the result, as a checkpoint keeps them: {"rank": 8, ...}. Caller unrefs. */
JsonObject *train_settings(const HoneTrainParams *params);

/* ---- schedule.c ---- */

/* The learning rate of step 0 .. total-1. */
double train_rate(const HoneTrainParams *params, uint64_t step, uint64_t total);

/* ---- examples.c ---- */

/* Tokenized rows, one after the other. Only tokens that bear loss are kept as targets. An example is one sequence, or
 * two for an objective over pairs: the chosen answer's and the rejected one's, each after the prompt. */
typedef struct Examples {
    GArray *ids;       /* int32_t */
    GArray *starts;    /* size_t [m+1] into ids, for m sequences */
    GArray *rows;      /* int32_t: the token of its sequence that predicts; the next one is predicted */
    GArray *weights;   /* float, > 0, one for each entry of rows */
    GArray *targets;   /* size_t [m+1] into rows and weights */
    GArray *part;      /* uint8_t [m] HonePart */
    GArray *first;     /* size_t [n+1] into the sequences */
    GArray *reference; /* float, one for each entry of rows (and more after them), or NULL: see reference.c */
    /* Of answers that the model gave, one for each entry of rows: float, else NULL. `old` may be NULL beside the other.
     */
    GArray *advantage, *old;
    size_t n;
    /* A teacher's likeliest tokens and their log-probabilities, n_candidates for each entry of rows; else 0. */
    size_t n_candidates;
    double temperature;
    GArray *candidates, *teacher; /* int32_t, float */
    size_t limit;                 /* tokens of a sequence at most */
    /* Rows that are not among them, or not whole. */
    size_t seen, over_length, truncated, untrained;
    size_t unlearned; /* answers, see HoneTokens */
} Examples;

typedef enum {
    OVER_DROP,
    OVER_FAIL,
    OVER_TRUNCATE,
} OverLength;

Examples *examples_new(void);
void examples_free(Examples *examples);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Examples, examples_free)
/* Adds a row of n sequences of more than one token each, or counts why not. false: one is longer than `limit`, and that
 * is to fail. */
bool examples_add(Examples *examples, HoneTokens *const *tokens, const HonePart *parts, size_t n, size_t limit,
                  OverLength over);
/* Tokens of example i, in all its sequences. */
size_t examples_length(const Examples *examples, size_t i);
/* Its first sequence; that of i + 1 ends it. */
size_t examples_first(const Examples *examples, size_t i);

/* ---- mismatch.c ---- */

/* For each of the examples which [count], all of one sequence, its prompt with the answer of the one before it, the
 * first one's with that of the last: cut to the limit. */
Examples *examples_mismatch(const Examples *examples, const uint32_t *which, size_t count);

/* ---- rows.c ---- */

/* Reads a dataset, tells what became of its rows and which text bears loss; an error where nothing is left. */
Examples *examples_read(HoneArtifact *dataset, HoneModel *model, const HoneTraining *training, HoneProgress *progress,
                        GError **error);

/* The first example's sequences, with the text that bears loss marked. */
void examples_show(const Examples *examples, const HoneTokenizer *tokenizer, HoneProgress *progress);
/* Tokens of a row that is a document, NULL with an error where it is none. */
HoneTokens *examples_document(const HoneRow *row, const HoneTokenizer *tokenizer, GError **error);

/* ---- documents.c ---- */

/* Reads documents, and those to be replayed (or NULL), into blocks: examples of many sequences, each a document or a
 * piece of one. */
Examples *documents_read(HoneArtifact *dataset, HoneArtifact *replay, HoneModel *model, const HoneTraining *training,
                         HoneProgress *progress, GError **error);

/* ---- teacher.c ---- */

/* Gives each target what the teacher said of it; an error where it was not asked on all of these sequences. */
bool examples_learn(Examples *examples, HoneArtifact *teacher, HoneModel *model, GError **error);

/* ---- plan.c ---- */

/* Which examples each step takes: windows of batch·accumulate, in a new order each epoch; the last window of an epoch
 * takes what is left. */
typedef struct Plan {
    size_t n, batch, window;
    uint64_t steps_per_epoch, total, seed;
    /* The order of the epoch last asked for. */
    uint32_t *order;
    uint64_t epoch;
} Plan;

bool plan_init(Plan *plan, const HoneTrainParams *params, size_t n, GError **error);
void plan_clear(Plan *plan);
/* The examples of step 0 .. total-1: *count of them, valid until the next call. */
const uint32_t *plan_window(Plan *plan, uint64_t step, size_t *count);
/* The largest micro-batch by tokens: its examples [*count] are copied to `largest` (room for plan->batch). */
size_t plan_largest(Plan *plan, const Examples *examples, uint32_t *largest, size_t *count);

/* ---- batch.c ---- */

/* One micro-batch, packed: sequences one after the other, as the model and as the objective want it. */
typedef struct Batch {
    HoneBatch model;
    HoneObjectiveBatch objective;
    GArray *ids, *starts, *target_rows, *targets, *weights; /* int32_t, ..., float */
    GArray *objective_starts, *example;                     /* size_t, uint32_t */
    GArray *part;                                           /* uint8_t */
    GArray *logprob, *reference, *derivative;               /* float [K] */
    GArray *advantage, *old;                                /* float [K]; as the examples have them, or empty */
    GArray *candidates, *teacher;                           /* int32_t, float [K,n] */
    GArray *candidate_logprob, *candidate_derivative;       /* float [K,n] */
} Batch;

void batch_init(Batch *batch);
void batch_clear(Batch *batch);
/* Packs examples which [count], the first of them being number `first` of its window. */
void batch_pack(Batch *batch, const Examples *examples, const uint32_t *which, size_t count, size_t first);
/* Sum of weights over examples which [count]. */
double batch_weight(const Examples *examples, const uint32_t *which, size_t count);
/* The same by the sequences' part, and the number of those. */
void batch_parts(const Examples *examples, const uint32_t *which, size_t count, double weights[HONE_PARTS],
                 size_t sequences[HONE_PARTS]);

/* ---- state.c ---- */

typedef struct StateTensor {
    char *name; /* "value/NAME", "adam_m/NAME" */
    HoneTensor tensor;
} StateTensor;

/* What a run needs to go on, in a fixed order. */
typedef struct States {
    HoneBackend *backend;
    GArray *all; /* StateTensor */
    size_t bytes;
} States;

void states_init(States *states, HoneBackend *backend);
void states_clear(States *states);
void states_add(States *states, const char *part, const char *name, HoneTensor tensor);
const StateTensor *states_get(const States *states, size_t i);
/* host [bytes]: all of them, one after the other. */
bool states_download(const States *states, char *host, GError **error);
bool states_upload(const States *states, const char *host, GError **error);

/* ---- rules.c ---- */

#define MAX_STATES 4 /* tensors that an optimizer keeps for each trained one */

typedef struct StateSpec {
    const char *name; /* "adam_m" */
    HoneType type;    /* f32, or i32 for bytes */
    uint32_t rank;
    size_t shape[HONE_MAX_RANK];
} StateSpec;

typedef struct UpdateArgs {
    const HoneTrainParams *params;
    double rate, decay, scale; /* of this tensor: learning rate, weight decay; the gradient is multiplied by scale */
    uint64_t step;             /* from 1 */
} UpdateArgs;

typedef struct OptimizerRule {
    const char *name;
    /* What is kept for a tensor; all begins as zeros. The number of them. */
    size_t (*states)(const HoneTrainParams *params, HoneTensor value, StateSpec *out);
    void (*update)(HoneBackend *backend, const HoneTrainable *trainable, const HoneTensor *states,
                   const UpdateArgs *args);
} OptimizerRule;

const OptimizerRule *optimizer_rule(const char *name);

/* ---- optimizer.c ---- */

typedef struct Optimizer {
    HoneBackend *backend;
    const HoneTrainParams *params;
    const OptimizerRule *rule;
    const HoneTrainable *trainables;
    size_t n, count;    /* tensors; values in all of them */
    size_t spared;      /* tensors that weight decay leaves alone */
    HoneBuffer *buffer; /* the states, and one value for the norm */
    size_t bytes;
    HoneTensor *states; /* [n][MAX_STATES] */
    HoneTensor norm;
    double *decay; /* [n] */
} Optimizer;

/* Adds what it changes to `states`: each trainable's value, then what is kept for it. */
bool optimizer_init(Optimizer *optimizer, HoneBackend *backend, const HoneTrainParams *params,
                    const HoneTrainable *trainables, size_t n, States *states, GError **error);
void optimizer_clear(Optimizer *optimizer);
/* The gradient's 2-norm over all trainables, and that of their values. */
bool optimizer_norm(Optimizer *optimizer, double *norm, GError **error);
bool optimizer_size(Optimizer *optimizer, double *norm, GError **error);
/* One step; `step` counts from 1. */
bool optimizer_step(Optimizer *optimizer, double rate, double scale, uint64_t step, GError **error);

/* ---- snapshot.c ---- */

/* A copy of the trained values on the backend. */
typedef struct Snapshot {
    HoneBackend *backend;
    HoneBuffer *buffer; /* NULL: there is none */
    size_t bytes, n;
    const HoneTrainable *trainables;
    HoneTensor *tensors; /* [n] */
} Snapshot;

/* Begins as what the values are now. */
bool snapshot_init(Snapshot *snapshot, HoneBackend *backend, const HoneTrainable *trainables, size_t n,
                   const char *what, GError **error);
void snapshot_clear(Snapshot *snapshot);
/* From the values, and back to them. */
void snapshot_take(Snapshot *snapshot);
void snapshot_put(const Snapshot *snapshot);
/* keep·snapshot + (1 - keep)·values. */
void snapshot_blend(Snapshot *snapshot, double keep);
void snapshot_states(const Snapshot *snapshot, States *states, const char *part);

/* ---- watch.c ---- */

typedef enum {
    WATCH_SPIKE,
    WATCH_DIVERGING,
    WATCH_STILL,
    WATCH_OVERFITTING,
    WATCH_END,
} WatchKind;

/* What a run has told so far. */
typedef struct WatchHistory {
    const double *loss; /* [n], of step 1 .. n */
    size_t n;
    uint64_t warmup;          /* steps in which the rate rises */
    const uint64_t *val_step; /* [n_val] rising */
    const double *val_loss;   /* [n_val] */
    size_t n_val;
} WatchHistory;

/* Whether that is to be seen at the end of the history. */
bool watch_sees(WatchKind kind, const WatchHistory *history);
/* Its name, and what a user should know and do, without the step. */
const char *watch_name(WatchKind kind);
const char *watch_text(WatchKind kind);
/* The kind of that name, or WATCH_END. */
WatchKind watch_kind(const char *name);

/* ---- checkpoint.c ---- */

/* Everything that a run needs to go on as if it had never stopped. */
typedef struct Checkpoint {
    uint64_t step;      /* steps done */
    uint64_t tokens;    /* seen so far */
    GString *events;    /* training.jsonl so far */
    uint64_t validated; /* the last step whose validation is done; 0: none */
    uint64_t best_step; /* with the lowest validation loss; 0: none */
    double best_loss;
    uint64_t worse; /* validations since then */
    char *host;     /* as states_download */
} Checkpoint;

/* Writes a new generation, then removes all but the newest two. */
bool checkpoint_save(const char *folder, JsonObject *settings, const States *states, const Checkpoint *checkpoint,
                     GError **error);
/* Loads the newest generation that is whole. Returns false, with nothing changed, where there is none, or where it was
 * made with other settings (a note names the first). */
bool checkpoint_load(const char *folder, JsonObject *settings, const States *states, Checkpoint *checkpoint,
                     HoneProgress *progress);

#endif

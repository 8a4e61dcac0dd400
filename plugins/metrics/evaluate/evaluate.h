/* SPDX-License-Identifier: Apache-2.0
 * evaluate.h: between the parts of the stage `evaluate`: rows in, their log-probabilities and answers, figures out.
 */
#ifndef HONE_EVALUATE_H
#define HONE_EVALUATE_H

#include <hone/metric.h>
#include <hone/model.h>
#include <hone/stage.h>

typedef struct EvaluateParams {
    char **metrics;
    JsonNode *metric_params;
    int64_t max_tokens, batch, limit, seed, draws, shots;
    double temperature;
} EvaluateParams;

/* One row that is evaluated. */
typedef struct EvalRow {
    HoneRow *row;
    HoneTokens *tokens; /* NULL: it has a rejected answer alone */
    double logprob;     /* of its loss-bearing tokens */
    size_t n_targets, n_bytes;
    HoneTokens *rejected; /* the same for the rejected answer of preferences, or NULL */
    double rejected_logprob;
    size_t n_rejected;
    char *prediction; /* NULL until generated */
    bool finished;
} EvalRow;

/* The rows of a dataset that can be evaluated, and how many cannot. */
typedef struct EvalRows {
    GPtrArray *rows; /* of EvalRow * */
    size_t without_answer, too_long, over_limit;
    size_t documents;   /* of rows: raw text, which asks for no answer */
    size_t preferences; /* of rows: answers that were judged */
} EvalRows;

void eval_rows_clear(EvalRows *rows);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EvalRows, eval_rows_clear)
bool eval_rows_read(EvalRows *rows, HoneStage *stage, HoneModel *model, const EvaluateParams *params, GError **error);

/* Tokens of the row, in all its sequences. */
size_t eval_row_length(const EvalRow *row);

/* The examples that `shots` asks for (and one to spare), of HoneRow *; empty where it is 0. */
GPtrArray *eval_shots_read(HoneStage *stage, const EvaluateParams *params, GError **error);
/* The row's messages with n of the shots, whose answers bear no loss, after its system messages. Caller unrefs. */
GPtrArray *eval_shots_before(const GPtrArray *shots, size_t n, const HoneRow *row);

/* What a killed run had done already: JSON lines that are whole. */
typedef struct Journal Journal;
/* Opens or starts WORK/name; what is there under another fingerprint is thrown away. */
Journal *journal_open(const char *folder, const char *name, const char *fingerprint, GError **error);
void journal_free(Journal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Journal, journal_free)
const GPtrArray *journal_records(const Journal *journal); /* of JsonObject *, in the order written */
/* Takes the record. It is on its way to disk when this returns. */
bool journal_add(Journal *journal, JsonObject *record, GError **error);

/* The two long loops. Each goes on from its journal and tells progress from `done` rows on, of `total`. */
typedef struct EvalWork {
    HoneStage *stage;
    HoneModel *model;
    const EvaluateParams *params;
    const char *fingerprint;
    const char *journal_prefix; /* of the journals' names; NULL: none */
    EvalRows *rows;
    size_t done, total;
} EvalWork;
Journal *eval_journal(const EvalWork *work, const char *name, GError **error);
bool eval_likelihood(EvalWork *work, GError **error);
bool eval_answers(EvalWork *work, GError **error);

/* One metric in use. */
typedef struct EvalMetric {
    const HoneComponent *component;
    const HoneMetricOps *ops;
    void *params, *prepared;
    size_t first, n_figures; /* its columns */
} EvalMetric;

/* A figure over the rows, or one named part of a metric. */
typedef struct EvalColumn {
    const EvalMetric *metric;
    char *name;
    char *part; /* or NULL */
    HoneFigureInfo info;
    HoneMetricValue *values; /* [rows] */
} EvalColumn;

typedef struct EvalFigures {
    GPtrArray *metrics; /* of EvalMetric * */
    GPtrArray *columns; /* of EvalColumn *: the figures, then the parts as they were met */
    uint32_t needs;     /* HoneMetricFlags */
    size_t n_figures;
} EvalFigures;

void eval_figures_clear(EvalFigures *figures);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EvalFigures, eval_figures_clear)
/* Finds and prepares the metrics before any model is opened, so that a wrong one costs no time. */
bool eval_figures_open(EvalFigures *figures, HoneStage *stage, const EvaluateParams *params, GError **error);
bool eval_figures_score(EvalFigures *figures, const EvalRows *rows, GError **error);

/* Writes rows.jsonl and scores.json. */
bool eval_write(HoneStage *stage, const EvaluateParams *params, const EvalRows *rows, const EvalFigures *figures,
                GError **error);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * scores.h: an evaluation read back from its artifact: scores.json and rows.jsonl (written by evaluate/output.c).
 */
#ifndef HONE_METRICS_SCORES_H
#define HONE_METRICS_SCORES_H

#include <hone/metric.h>

typedef struct ScoreFigure {
    char *metric, *name, *label;
    char *part, *help, *unit; /* or NULL */
    HoneScale scale;
    HoneFigureRole role;
    bool lower_is_better;
    HoneInterval interval; /* NaN where the file says null */
    int64_t rows;          /* rows that count */
} ScoreFigure;

typedef struct ScoreRow {
    char *id;
    JsonArray *prompt;            /* of {"role", "content"} */
    char *reference, *prediction; /* or NULL */
    bool finished;
    JsonObject *values; /* figure -> [numerator, denominator] */
} ScoreRow;

typedef struct Scores {
    JsonObject *root;   /* scores.json */
    char *label;        /* of the artifact */
    char *dataset_hash; /* never NULL */
    GPtrArray *figures; /* of ScoreFigure * */
    GPtrArray *rows;    /* of ScoreRow * */
} Scores;

/* "before" for "before.scores": a node with one output is named by itself. Caller frees. */
char *scores_short_label(const char *label);
Scores *scores_read(HoneArtifact *artifact, GError **error);
void scores_free(Scores *scores);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scores, scores_free)
/* The figure of that name, or NULL. */
const ScoreFigure *scores_figure(const Scores *scores, const char *name);
/* A row's share of a figure; {0, 0} where it does not count. */
HoneMetricValue score_row_value(const ScoreRow *row, const char *figure);

#endif

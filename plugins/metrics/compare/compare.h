/* SPDX-License-Identifier: Apache-2.0
 * compare.h: between the parts of the stage `compare`: the same rows before and after, and what to make of them.
 */
#ifndef HONE_COMPARE_H
#define HONE_COMPARE_H

#include "../common/scores.h"

typedef enum {
    CHANGE_UNKNOWN = 0, /* no figure on one side */
    CHANGE_NONE,        /* the interval of the difference holds 0 */
    CHANGE_BETTER,
    CHANGE_WORSE,
} Change;

/* One figure on both sides, over the rows that both have. */
typedef struct FigurePair {
    const ScoreFigure *figure; /* name, unit, direction */
    HoneInterval before, after, difference;
    int64_t rows; /* that count on both sides */
    Change change;
} FigurePair;

/* One row on both sides. */
typedef struct RowPair {
    const ScoreRow *before, *after;
    double gain;  /* > 0: better; of the figures that decide */
    double minor; /* the same over all shares: orders rows of equal gain */
    double level; /* of the tuned answer, mean of the deciding shares in [0, 1]; NaN where none decides */
} RowPair;

typedef struct Pairs {
    GPtrArray *figures; /* of FigurePair *: those that both sides have, in the order of `after` */
    GArray *rows;       /* of RowPair, in the order of `after`, until sorted */
    guint only_before, only_after;
} Pairs;

void pairs_clear(Pairs *pairs);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pairs, pairs_clear)
/* Refuses scores of different data. */
bool pairs_match(Pairs *pairs, const Scores *before, const Scores *after, size_t draws, uint64_t seed, GError **error);
/* Sets each row's gain and sorts: worst first. */
void pairs_rank(Pairs *pairs);

typedef enum {
    OUTCOME_HELPED = 1,
    OUTCOME_FORMAT_ONLY, /* the shape of answers got better, what they say did not */
    OUTCOME_MIXED,
    OUTCOME_NONE,
    OUTCOME_HARMED,
} Outcome;

typedef struct Verdict {
    Outcome outcome;
    char *text;          /* one or two sentences with their evidence */
    GPtrArray *warnings; /* of char * */
} Verdict;

void verdict_clear(Verdict *verdict);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Verdict, verdict_clear)
/* figures: of FigurePair *. */
void verdict_reach(Verdict *verdict, const GPtrArray *figures, guint rows);
const char *outcome_name(Outcome outcome); /* "helped", "format_only", "mixed", "none", "harmed" */
const char *change_name(Change change);    /* "unknown", "none", "better", "worse" */

/* compare.json, rows.jsonl and the artifact's metadata. */
bool compare_write(HoneArtifact *output, const Scores *before, const Scores *after, const Pairs *pairs,
                   const Verdict *verdict, GError **error);

#endif

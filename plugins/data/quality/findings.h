/* SPDX-License-Identifier: Apache-2.0
 * findings.h: what the checks found, as data for the report, notes for the terminal and a table after the run.
 */
#ifndef QUALITY_FINDINGS_H
#define QUALITY_FINDINGS_H

#include <hone/progress.h>

typedef enum {
    CHECK_EXACT_DUPLICATES,
    CHECK_NEAR_DUPLICATES,
    CHECK_CONTRADICTIONS,
    CHECK_EMPTY_ANSWERS,
    CHECK_BROKEN_ENCODING,
    CHECK_EQUAL_PAIRS,
    CHECK_LENGTH_OUTLIERS,
    CHECK_ANSWER_FORMAT,
    CHECK_PROMPT_TEMPLATE,
    CHECK_IMBALANCE,
    CHECK_COUNT,
} Check;

typedef enum {
    ACTION_KEEP,
    ACTION_DROP,
    ACTION_FAIL,
} Action;

typedef struct Finding {
    Check check;
    Action action;
    size_t count;   /* rows concerned */
    GPtrArray *ids; /* of the first of them */
    char *detail;   /* what was seen, or NULL */
} Finding;

/* The check's name: that of its parameter. */
const char *check_name(Check check);

Finding *finding_new(Check check, Action action);
void finding_free(Finding *finding);
/* Counts a row; its id is kept for the first `examples` rows. */
void finding_add(Finding *finding, const char *id, size_t examples);

/* {"check", "title", "severity", "count", "action", "rows", "detail", "advice"} */
JsonNode *finding_to_json(const Finding *finding);
void finding_note(const Finding *finding, HoneProgress *progress);
/* The cells of its line in the table. Caller frees. */
GStrv finding_cells(const Finding *finding);

#endif

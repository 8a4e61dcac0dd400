/* SPDX-License-Identifier: Apache-2.0
 * checks.h: the checks themselves. Each looks at the rows that are not dropped yet and says what it found.
 */
#ifndef QUALITY_CHECKS_H
#define QUALITY_CHECKS_H

#include "facts.h"
#include "findings.h"

typedef struct Quality {
    /* One action for each check, by the name of the check. */
    char *action[CHECK_COUNT];
    double near_threshold, outlier_factor, format_share, template_share;
    int64_t examples;
} Quality;

typedef struct Checking {
    const Quality *params;
    GPtrArray *rows;     /* of Facts, in the order of the dataset */
    GPtrArray *findings; /* of Finding */
} Checking;

/* The next row that is not dropped, from *index on; NULL at the end. */
Facts *checking_next(const Checking *c, guint *index);
size_t checking_count(const Checking *c);
/* Starts a finding with the user's action for that check. */
Finding *checking_find(const Checking *c, Check check);
/* Counts the row, and drops it where that is the action. */
void checking_mark(const Checking *c, Finding *finding, Facts *row);
/* Keeps the finding when it holds a row, else frees it. */
void checking_end(Checking *c, Finding *finding);

/* checks_rows.c: each row by itself */
void check_empty_answers(Checking *c);
void check_broken_encoding(Checking *c);
void check_equal_pairs(Checking *c);
/* checks_pairs.c: rows against one another */
void check_exact_duplicates(Checking *c);
void check_near_duplicates(Checking *c);
void check_contradictions(Checking *c);
/* checks_set.c: rows against what is usual in the set */
void check_length_outliers(Checking *c);
void check_answer_format(Checking *c);
void check_prompt_template(Checking *c);
/* checks_balance.c */
void check_imbalance(Checking *c);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * plan.h: which row goes to which part: groups, their random numbers, shares of strata.
 */
#ifndef SPLIT_PLAN_H
#define SPLIT_PLAN_H

#include "../row_text.h"

/* The stage's parameters. */
typedef struct Split {
    double test, validation;
    int64_t seed;
    char *group_by, *stratify;
} Split;

typedef enum {
    PART_TRAIN,
    PART_TEST,
    PART_VALIDATION,
    PART_COUNT,
} Part;

typedef struct Plan {
    GHashTable *groups;             /* key -> group */
    GPtrArray *row_keys;            /* of char *: row -> key, owned by groups */
    size_t ungrouped, unstratified; /* rows that lack the field of group_by, of stratify */
    GString *columns;               /* of the first row's extra, for a message */
} Plan;

void plan_init(Plan *plan);
void plan_clear(Plan *plan);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Plan, plan_clear)
/* The rows in their order, all of them, before plan_assign. */
void plan_add(Plan *plan, const Split *params, const HoneRow *row);
/* Gives each group its part, and the rows of each part; fails where a part would be empty. */
bool plan_assign(Plan *plan, const Split *params, size_t counts[PART_COUNT], GError **error);
Part plan_part(const Plan *plan, guint row);

#endif

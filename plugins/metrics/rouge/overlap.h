/* SPDX-License-Identifier: Apache-2.0
 * overlap.h: the ROUGE scores of two texts.
 */
#ifndef HONE_METRICS_OVERLAP_H
#define HONE_METRICS_OVERLAP_H

#include <hone/error.h>
#include <stdbool.h>

typedef struct RougeScores {
    double rouge1, rouge2, rougeL, rougeLsum; /* F1 */
} RougeScores;

/* An error where two texts are so long that their comparison would not fit in memory. */
bool rouge_score(const char *reference, const char *prediction, bool stem, RougeScores *scores, GError **error);

#endif

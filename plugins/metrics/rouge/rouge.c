/* SPDX-License-Identifier: Apache-2.0
 * rouge.c: the metric `rouge`: how far an answer shares its words with the wanted one. Formulas: overlap.c; which
 * words: words.c; stems: porter.c.
 *
 * Limits: an answer can say the same in other words and score low, or say the opposite and score high.
 */
#include "overlap.h"
#include <hone/metric.h>

typedef struct Rouge {
    bool stemmer;
} Rouge;

static const HoneParam params_table[] = {
    HONE_BOOL(Rouge, stemmer, "false", "compare stems (Porter) in place of words: \"asked\" matches \"asking\""),
    {0},
};
static const HoneParamGroup params_groups[] = {HONE_OWN_PARAMS(params_table), {0}};

static bool score_row(const void *params, void *prepared, const HoneScored *scored, HoneMetricValue *values,
                      GError **error)
{
    const Rouge *rouge = params;
    RougeScores scores;

    for (int i = 0; i < 4; i++) {
        values[i] = (HoneMetricValue){0, 0};
    }
    if (!scored->reference) {
        return true;
    }
    if (!rouge_score(scored->reference, scored->prediction ? scored->prediction : "", rouge->stemmer, &scores, error)) {
        return false;
    }
    values[0] = (HoneMetricValue){scores.rouge1, 1};
    values[1] = (HoneMetricValue){scores.rouge2, 1};
    values[2] = (HoneMetricValue){scores.rougeL, 1};
    values[3] = (HoneMetricValue){scores.rougeLsum, 1};
    return true;
}

static const HoneFigureInfo figures[] = {
    {.name = "rouge1",
     .label = "ROUGE-1 F1",
     .help = "words shared with the wanted answer (Lin 2004)",
     .unit = "%",
     .role = HONE_FIGURE_SIMILARITY},
    {.name = "rouge2",
     .label = "ROUGE-2 F1",
     .help = "pairs of adjacent words shared with the wanted answer (Lin 2004)",
     .unit = "%",
     .role = HONE_FIGURE_SIMILARITY},
    {.name = "rougeL",
     .label = "ROUGE-L F1",
     .help = "longest common subsequence of words (Lin 2004)",
     .unit = "%",
     .role = HONE_FIGURE_SIMILARITY},
    {.name = "rougeLsum",
     .label = "ROUGE-Lsum F1",
     .help = "longest common subsequences line by line, united (Lin 2004, section 3.2)",
     .unit = "%",
     .role = HONE_FIGURE_SIMILARITY},
    {0},
};

static const HoneMetricOps ops = {
    .size = sizeof(HoneMetricOps),
    .flags = HONE_METRIC_NEEDS_TEXT,
    .figures = figures,
    .figure_size = sizeof(HoneFigureInfo),
    .score = score_row,
};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_METRIC,
    .name = "rouge",
    .version = "1",
    .summary = "ROUGE-1, -2, -L and -Lsum: words shared with the wanted answer",
    .help =
        "F1 as Google's rouge-score computes it: lower case, words are runs of a-z and 0-9, lines are sentences for "
        "Lsum. Made for English: letters outside ASCII separate words.",
    .params = params_groups,
    .instance_size = sizeof(Rouge),
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("rouge", "1", "Apache-2.0", "ROUGE", &component)

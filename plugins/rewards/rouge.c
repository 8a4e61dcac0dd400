/* SPDX-License-Identifier: Apache-2.0
 * rouge.c: how far an answer shares its words with the wanted one, in [0, 1]. Formulas: ../metrics/rouge/overlap.c.
 */
#include "../metrics/rouge/overlap.h"
#include <hone/reward.h>
#include <string.h>

typedef struct Rouge {
    char *figure;
    bool stemmer;
} Rouge;

static const char *const figures[] = {"rouge1", "rouge2", "rougeL", "rougeLsum", NULL};

static const HoneParam params_table[] = {
    HONE_CHOICE(Rouge, figure, "\"rougeL\"", figures, "F1 of words, of pairs of words, of common subsequences"),
    HONE_BOOL(Rouge, stemmer, "false", "compare stems (Porter) in place of words: \"asked\" matches \"asking\""),
    {0},
};
static const HoneParamGroup params_groups[] = {HONE_OWN_PARAMS(params_table), {0}};

static bool score(const void *params, void *prepared, const HoneAnswers *answers, double *rewards, GError **error)
{
    const Rouge *rouge = params;
    for (size_t i = 0; i < answers->n; i++) {
        const char *wanted = hone_row_reference(answers->rows[i]);
        RougeScores s;
        if (!wanted) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                        "row \"%s\" has no answer to compare with: give it an assistant message", answers->rows[i]->id);
            return false;
        }
        if (!rouge_score(wanted, answers->texts[i], rouge->stemmer, &s, error))
            return false;
        rewards[i] = strcmp(rouge->figure, "rouge1") == 0   ? s.rouge1
                     : strcmp(rouge->figure, "rouge2") == 0 ? s.rouge2
                     : strcmp(rouge->figure, "rougeL") == 0 ? s.rougeL
                                                            : s.rougeLsum;
    }
    return true;
}

static const HoneRewardOps ops = {.size = sizeof(HoneRewardOps), .score = score};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_REWARD,
    .name = "rouge",
    .version = "1",
    .summary = "words shared with the wanted answer, from 0 to 1",
    .help = "ROUGE F1 as the metric of the same name computes it (Lin 2004).",
    .params = params_groups,
    .instance_size = sizeof(Rouge),
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("reward_rouge", "1", "Apache-2.0", "ROUGE as a reward", &component)

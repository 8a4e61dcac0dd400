/* SPDX-License-Identifier: Apache-2.0
 * rollout.h: training on the model's own answers: prompts, answers, rewards, advantages.
 */
#ifndef HONE_TRAIN_ROLLOUT_H
#define HONE_TRAIN_ROLLOUT_H

#include "run.h"
#include <hone/reward.h>

/* ---- advantage.c ---- */

/* rewards [n] in groups of `group`, one after the other -> advantage [n]; scale: "group", "batch", "none". *spread:
 * mean over groups of their deviation; *flat: share of the groups that have none. */
void train_advantages(const double *rewards, size_t n, size_t group, const char *scale, double *advantage,
                      double *spread, double *flat);

/* ---- rewards.c ---- */

/* The rewards in use. */
typedef struct Rewards {
    GPtrArray *list; /* of Reward * */
} Rewards;

typedef struct Reward {
    const HoneComponent *component;
    const HoneRewardOps *ops;
    void *params, *prepared;
    double weight;
    char *figure; /* "reward_rouge" */
    double mean;  /* over the answers scored last */
} Reward;

bool rewards_open(Rewards *rewards, HoneStage *stage, JsonNode *list, GError **error);
void rewards_clear(Rewards *rewards);
/* sums [answers->n]: of the weighted rewards. */
bool rewards_score(Rewards *rewards, const HoneAnswers *answers, double *sums, GError **error);

/* ---- prompts.c ---- */

typedef struct Prompt {
    HoneRow *row;
    GArray *ids; /* int32_t */
} Prompt;

/* The rows of port "dataset" as prompts, of Prompt *, none above `limit` tokens; tells what was left out. */
GPtrArray *prompts_read(Run *run, size_t limit, GError **error);

#endif

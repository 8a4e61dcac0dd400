/* SPDX-License-Identifier: Apache-2.0
 * reward.h: from a model's answers to numbers that training is to raise.
 *
 * A reward sees the row that an answer belongs to (its messages are the prompt, hone_row_reference() the wanted answer)
 * and the answer's text. It knows nothing of models, advantages or gradients.
 */
#ifndef HONE_REWARD_H
#define HONE_REWARD_H

#include <hone/dataset.h>
#include <hone/stage.h>

/* n answers, one entry in each array. */
typedef struct HoneAnswers {
    uint32_t size;
    size_t n;
    const HoneRow *const *rows; /* the same row for several answers to one prompt */
    const char *const *texts;   /* valid UTF-8, never NULL */
    const bool *finished;       /* the answer ended by itself, before the limit of tokens */
    const size_t *n_tokens;     /* the ending token included */
} HoneAnswers;

typedef struct HoneRewardOps {
    uint32_t size;
    uint32_t flags; /* none so far: 0 */
    /* Optional; then finish is there too. Called once with the filled parameters; what it returns is handed to score
     * and freed by finish. stage: whose ports, backend and folders it may use; NULL where there is none. */
    void *(*prepare)(const void *params, HoneStage *stage, GError **error);
    /* rewards [n]: a finite number for each answer, whatever its text. The same answers give the same numbers. */
    bool (*score)(const void *params, void *prepared, const HoneAnswers *answers, double *rewards, GError **error);
    void (*finish)(void *prepared);
} HoneRewardOps;

/* One element of a parameter that lists rewards (HONE_PARAM_NAMES_REWARDS): a name, or {"name": "rouge", "weight": 0.5,
 * "params": {...}}. The fields belong to the element. */
typedef struct HoneRewardUse {
    const char *name;
    double weight;      /* 1 where the element has none */
    JsonObject *params; /* or NULL */
} HoneRewardUse;
HONE_EXPORT bool hone_reward_use_read(JsonNode *element, HoneRewardUse *use, GError **error);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * instruct.c: instruction tuning on conversations: which of their turns are learned, and noise on what is read.
 *
 *     loss = -Σ w_k·log p(y_k | y_<k, x + ε) / Σ w_k        over all target tokens k of an optimizer step
 *     ε ~ U(-1, 1)·α/sqrt(L·C)                              on the embeddings x [L,C] of a sequence, NEFTune
 *
 * with w_k the weight of the message that token k belongs to, 0 for a turn that was not chosen. Without noise and with
 * the turns that the rows choose themselves this is `sft`.
 * Jain et al., "NEFTune: Noisy Embeddings Improve Instruction Finetuning", 2023.
 */
#include "likelihood.h"
#include <hone/train.h>
#include <string.h>

typedef struct Instruct {
    char **train_on;
    char *turns;
    double neftune_alpha;
    HoneTrainParams train;
} Instruct;

static const char *const turn_choices[] = {"all", "last", NULL};

static const HoneParam params_table[] = {
    HONE_STRINGS(Instruct, train_on, "[]",
                 "roles whose messages bear loss: assistant, user, system, tool; none named: as the rows' weights say"),
    HONE_CHOICE(Instruct, turns, "\"all\"", turn_choices,
                "all those messages of a row that bear loss, or its last one alone"),
    HONE_NUMBER(Instruct, neftune_alpha, "0", 0, 1000,
                "noise of ±alpha/sqrt(tokens·width) on the embeddings (Jain 2023: 5 to 15); 0: none"),
    {0},
};

static const HoneParamGroup groups[] = {
    HONE_OWN_PARAMS(params_table),
    HONE_PARAMS("Training", hone_train_params, Instruct, train),
    {0},
};

static const HonePort ports[] = {
    {"model", HONE_PORT_IN, HONE_MODEL, 0, "the model to tune"},
    {"dataset", HONE_PORT_IN, HONE_DATASET, 0, "conversations"},
    HONE_TRAIN_VALIDATION(HONE_DATASET),
    HONE_TRAIN_OUTPUT,
    {0},
};

/* ---- Which turns bear loss. ---- */

static const char *const roles[] = {"assistant", "user", "system", "tool"};

static bool check(const void *params, GError **error)
{
    const Instruct *instruct = params;
    for (char **name = instruct->train_on; *name; name++) {
        bool known = false;
        for (size_t i = 0; i < G_N_ELEMENTS(roles); i++)
            known = known || strcmp(*name, roles[i]) == 0;
        if (known)
            continue;
        const char *near = hone_nearest(*name, roles, G_N_ELEMENTS(roles));
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "train_on: \"%s\" is no role; roles are assistant, user, system and tool%s%s%s", *name,
                    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        return false;
    }
    return true;
}

/* A role that was named keeps the weights of its messages, but for one that has none of itself: 1 in place of 0. An
 * assistant's 0 is the row's own word, and stays. */
static double chosen_weight(const Instruct *instruct, const HoneMessage *message)
{
    if (!*instruct->train_on)
        return message->weight;
    if (!g_strv_contains((const char *const *)instruct->train_on, message->role))
        return 0;
    return message->weight > 0 ? message->weight : 1 - hone_message_default_weight(message->role);
}

static bool choose_turns(const void *params, HoneRow *row, GError **error)
{
    const Instruct *instruct = params;
    bool last_only = strcmp(instruct->turns, "last") == 0, seen = false;
    for (guint i = row->messages->len; i > 0; i--) {
        HoneMessage *message = row->messages->pdata[i - 1];
        message->weight = last_only && seen ? 0 : chosen_weight(instruct, message);
        seen = seen || message->weight > 0;
    }
    return true;
}

/* ---- The stage. ---- */

static bool run(HoneStage *stage, void *params, GError **error)
{
    const Instruct *instruct = params;
    const HoneTraining training = {.size = sizeof training,
                                   .params = &instruct->train,
                                   .objective = &likelihood_ops,
                                   .prepare = choose_turns,
                                   .prepare_data = instruct,
                                   .neftune_alpha = instruct->neftune_alpha};
    return check(instruct, error) && hone_train_with(stage, &training, error);
}

static const HoneStageOps stage_ops = {
    .size = sizeof(HoneStageOps),
    .flags = HONE_STAGE_USES_BACKEND,
    .run = run,
    .check = check,
};

static const HoneComponent stage = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "instruct",
    .version = "1",
    .summary = "instruction tuning: trains an adapter on chosen turns of conversations, with NEFTune",
    .help =
        "loss = -sum(w log p) / sum(w) over the tokens of the chosen messages of an optimizer step, w each message's "
        "weight; every other token is read but not learned. Noise on the embeddings (Jain et al., NEFTune, 2023) "
        "falls on training alone, and is a function of the seed. A killed run goes on from its last checkpoint, and "
        "on the CPU backends its result is byte for byte that of an undisturbed run.",
    .params = groups,
    .instance_size = sizeof(Instruct),
    .ports = ports,
    .ops = &stage_ops,
};

HONE_DEFINE_PLUGIN("instruct", "1", "Apache-2.0", "instruction tuning on conversations", &stage)

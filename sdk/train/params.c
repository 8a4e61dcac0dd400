/* SPDX-License-Identifier: Apache-2.0
 * params.c: the parameters that every training method shares.
 *
 * Defaults follow PEFT and transformers where these have one in common with practice; a row over the length limit is
 * dropped and counted, never cut without being asked to.
 */
#include "internal.h"
#include <float.h>

static const char *const tuners[] = {"lora", "qlora", "partial", "full", NULL};
static const char *const quantizes[] = {"keep", "nf4", NULL};
static const char *const schedules[] = {"constant", "linear", "cosine", "wsd", NULL};
static const char *const keeps[] = {"best", "last", NULL};
static const char *const shapes[] = {"cosine", "linear", "1-sqrt", NULL};
static const char *const optimizers[] = {"adamw", "adamw_8bit", "lion", "sgd", "adafactor", NULL};
static const char *const weights_types[] = {"auto", "f32", "f16", "bf16", NULL};
static const char *const starts[] = {"lora", "pissa", NULL};
static const char *const over_lengths[] = {"drop", "fail", "truncate", NULL};

const HoneParam hone_train_params[] = {
    HONE_CHOICE(
        HoneTrainParams, tuner, "\"lora\"", tuners,
        "what is trained: an adapter (lora), one on a quantised base (qlora), some of the weights (partial), all of "
        "them (full)"),
    HONE_CHOICE(
        HoneTrainParams, quantize, "\"keep\"", quantizes,
        "qlora: train on the base's own blocks (keep, a quantised GGUF), or make NF4 of its f32, f16 or bf16 (nf4)"),
    HONE_INT(HoneTrainParams, rank, "8", 1, 1024, "rank of the adapter's matrices"),
    HONE_NUMBER(HoneTrainParams, alpha, "0", 0, 65536, "the adapter counts alpha/rank; 0: twice the rank"),
    HONE_NUMBER(HoneTrainParams, dropout, "0", 0, 0.95, "share of the adapter's inputs that is left out"),
    HONE_BOOL(HoneTrainParams, rslora, "false", "scale by alpha/sqrt(rank) (Kalajdzievski 2023)"),
    HONE_STRINGS(
        HoneTrainParams, targets, "[\"all-linear\"]",
        "layers that get an adapter: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, all-linear"),
    HONE_JSON(HoneTrainParams, rank_pattern, "null",
              "other ranks by the end of a layer's name: {\"q_proj\": 4, \"layers.1.mlp.down_proj\": 16}"),
    HONE_JSON(HoneTrainParams, alpha_pattern, "null", "other alphas in the same way"),
    HONE_BOOL(HoneTrainParams, dora, "false", "learn magnitude and direction apart (Liu et al. 2024)"),
    HONE_CHOICE(HoneTrainParams, start, "\"lora\"", starts,
                "the adapter starts as no change (lora), or as the weights' largest part (pissa, Meng et al. 2024)"),
    HONE_NUMBER(HoneTrainParams, lora_plus, "1", 0.001, 1000,
                "the adapter's B learns so many times as fast as its A (LoRA+, Hayou et al. 2024: 16)"),
    HONE_STRINGS(HoneTrainParams, trained, "[]",
                 "partial: which weights, by patterns over transformers' names: model.layers.28.*, *norm.weight"),
    HONE_INT(HoneTrainParams, last_layers, "0", 0, 65536, "partial: all weights of so many layers at the end",
             .unit = "layers"),
    HONE_CHOICE(HoneTrainParams, weights_type, "\"auto\"", weights_types,
                "partial, full: type of the model that is written; auto: that of the base's files, else bf16"),
    HONE_NUMBER(HoneTrainParams, epochs, "2", 0.001, 10000, "passes over the dataset"),
    HONE_INT(HoneTrainParams, max_steps, "0", 0, 1e9, "optimizer steps, whatever epochs says; 0: by epochs",
             .unit = "steps"),
    HONE_INT(HoneTrainParams, batch_size, "8", 1, 4096, "examples computed at once", .unit = "rows"),
    HONE_INT(HoneTrainParams, accumulate, "1", 1, 4096, "batches that make one optimizer step", .unit = "batches"),
    HONE_NUMBER(HoneTrainParams, learning_rate, "0.0002", 0, 10, "the learning rate at its peak"),
    HONE_CHOICE(HoneTrainParams, schedule, "\"linear\"", schedules,
                "how the learning rate falls after warm-up; wsd: not before the end"),
    HONE_NUMBER(HoneTrainParams, warmup, "0.03", 0, 1e9,
                "the learning rate rises this long: below 1 a share of all steps, else steps"),
    HONE_NUMBER(HoneTrainParams, decay, "0.1", 0, 1e9,
                "with wsd the learning rate falls this long at the end: below 1 a share of all steps, else steps"),
    HONE_CHOICE(HoneTrainParams, decay_shape, "\"cosine\"", shapes, "how it falls with wsd"),
    HONE_CHOICE(HoneTrainParams, optimizer, "\"adamw\"", optimizers, "how a gradient becomes a step"),
    HONE_NUMBER(HoneTrainParams, weight_decay, "0", 0, 10,
                "decoupled weight decay; with sgd it is added to the gradient"),
    HONE_STRINGS(HoneTrainParams, no_decay, "[\"*norm*\", \"*bias\"]",
                 "tensors without weight decay, as patterns (* and ?) over their names"),
    HONE_NUMBER(HoneTrainParams, beta1, "0.9", 0, 0.999999, "decay of the mean gradient (adamw, lion)"),
    HONE_NUMBER(HoneTrainParams, beta2, "0.999", 0, 0.999999,
                "decay of the mean squared gradient (adamw); of lion's mean gradient, for which 0.99 is usual"),
    HONE_NUMBER(HoneTrainParams, epsilon, "1e-8", 1e-12, 1, "added to the root of the mean squared gradient (adamw)"),
    HONE_NUMBER(HoneTrainParams, momentum, "0.9", 0, 0.999999, "of sgd; 0: none"),
    HONE_BOOL(HoneTrainParams, nesterov, "false", "sgd looks one step ahead"),
    HONE_NUMBER(HoneTrainParams, ema, "0", 0, 0.999999,
                "the result is a moving average of the values, of which each step keeps this share; 0: the values"),
    HONE_INT(HoneTrainParams, validate_every, "0", 0, 1e9, "how often the validation rows are looked at; 0: each epoch",
             .unit = "steps"),
    HONE_INT(HoneTrainParams, patience, "0", 0, 1e9,
             "ends when so many validations in a row were not better than the best; 0: never", .unit = "validations"),
    HONE_CHOICE(HoneTrainParams, keep, "\"best\"", keeps, "with validation rows, the step that becomes the result"),
    HONE_NUMBER(HoneTrainParams, max_grad_norm, "1", 0, 1e9, "a longer gradient is scaled to this; 0: never"),
    HONE_INT(HoneTrainParams, max_length, "1024", 2, 1048576, "longest row", .unit = "tokens"),
    HONE_CHOICE(HoneTrainParams, over_length, "\"drop\"", over_lengths, "what becomes of a longer row"),
    HONE_STRINGS(HoneTrainParams, trackers, "[\"tensorboard\"]",
                 "what the figures are written for as well: tensorboard, jsonl"),
    HONE_INT(HoneTrainParams, seed, "42", 0, 9007199254740991, "of the order of rows, the adapter's start and dropout"),
    HONE_BOOL(HoneTrainParams, checkpointing, "false", "compute activations again to save memory",
              .flags = HONE_PARAM_NO_KEY),
    HONE_INT(HoneTrainParams, save_every, "50", 1, 1e9, "a killed run goes on from at most this many steps back",
             .unit = "steps", .flags = HONE_PARAM_NO_KEY),
    {0},
};

static JsonNode *value_node(const HoneParam *param, const void *field)
{
    JsonNode *node = json_node_alloc();
    switch (param->type) {
    case HONE_PARAM_BOOL:
        return json_node_init_boolean(node, *(const bool *)field);
    case HONE_PARAM_INT:
        return json_node_init_int(node, *(const int64_t *)field);
    case HONE_PARAM_NUMBER:
        return json_node_init_double(node, *(const double *)field);
    case HONE_PARAM_STRINGS: {
        g_autoptr(JsonArray) array = json_array_new();
        for (char **s = *(char **const *)field; s && *s; s++)
            json_array_add_string_element(array, *s);
        return json_node_init_array(node, array);
    }
    case HONE_PARAM_JSON: {
        JsonNode *json = *(JsonNode *const *)field;
        if (!json)
            return json_node_init_null(node);
        json_node_free(node);
        return json_node_copy(json);
    }
    default: /* the table has no others than choices */
        return json_node_init_string(node, *(char *const *)field);
    }
}

JsonObject *train_settings(const HoneTrainParams *params)
{
    JsonObject *settings = json_object_new();
    for (const HoneParam *param = hone_train_params; param->name; param++)
        if (!(param->flags & HONE_PARAM_NO_KEY))
            json_object_set_member(settings, param->name, value_node(param, (const char *)params + param->offset));
    return settings;
}

/* SPDX-License-Identifier: Apache-2.0
 * tuner.c: what of the model is trained.
 */
#include "run.h"
#include <string.h>

bool tuner_trains_weights(const HoneTrainParams *params)
{
    return strcmp(params->tuner, "full") == 0 || strcmp(params->tuner, "partial") == 0;
}

double tuner_alpha(const HoneTrainParams *params)
{
    return params->alpha > 0 ? params->alpha : 2 * (double)params->rank;
}

static JsonObject *pattern_of(JsonNode *node)
{
    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static bool add_lora(Run *run, GError **error)
{
    const HoneTrainParams *params = run->params;
    HoneLora lora = {.size = sizeof lora,
                     .rank = (uint32_t)params->rank,
                     .alpha = tuner_alpha(params),
                     .dropout = params->dropout,
                     .rslora = params->rslora,
                     .targets = (const char *const *)params->targets,
                     .seed = (uint64_t)params->seed,
                     .rank_pattern = pattern_of(params->rank_pattern),
                     .alpha_pattern = pattern_of(params->alpha_pattern),
                     .dora = params->dora,
                     .pissa = strcmp(params->start, "pissa") == 0,
                     .plus_rate = params->lora_plus};
    return hone_model_add_lora(run->model, &lora, error);
}

/* A base that is quantised already stays as it is. */
bool run_quantize(Run *run, GError **error)
{
    if (strcmp(run->params->tuner, "qlora") != 0)
        return true;
    if (strcmp(run->params->quantize, "nf4") == 0)
        return hone_model_quantize(run->model, HONE_NF4, run->progress, error);
    HoneType type = hone_model_weights_type(run->model);
    if (hone_type_block(type) > 1)
        return true;
    g_set_error(
        error, HONE_ERROR, HONE_ERROR_INVALID,
        "tuner \"qlora\" needs a quantised base, and %s holds %s: set quantize to \"nf4\", give a quantised GGUF, or "
        "take tuner \"lora\"",
        hone_model_path(run->model), hone_type_name(type));
    return false;
}

static bool add(Run *run, GError **error)
{
    const HoneTrainParams *params = run->params;
    if (strcmp(params->tuner, "full") == 0)
        return hone_model_train_weights(run->model, error);
    if (strcmp(params->tuner, "partial") == 0)
        return hone_model_train_parameters(run->model, (const char *const *)params->trained,
                                           (size_t)params->last_layers, error);
    return add_lora(run, error);
}

bool run_add_tuner(Run *run, GError **error)
{
    size_t n;
    if (!add(run, error))
        return false;
    const HoneTrainable *trainables = hone_model_trainables(run->model, &n);
    return optimizer_init(&run->optimizer, run->backend, run->params, trainables, n, &run->states, error);
}

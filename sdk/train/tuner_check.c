/* SPDX-License-Identifier: Apache-2.0
 * tuner_check.c: settings of the tuner that exclude one another, found before anything is opened.
 */
#include "run.h"
#include <string.h>

static bool refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool refuse(GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s", text);
    return false;
}

/* What belongs to an adapter and is set nevertheless, or NULL. */
static const char *adapter_setting(const HoneTrainParams *params)
{
    return params->dropout > 0                  ? "dropout"
           : params->rslora                     ? "rslora"
           : params->dora                       ? "dora"
           : params->rank_pattern               ? "rank_pattern"
           : params->alpha_pattern              ? "alpha_pattern"
           : params->lora_plus != 1             ? "lora_plus"
           : strcmp(params->start, "lora") != 0 ? "start"
                                                : NULL;
}

static bool check_weights(const HoneTrainParams *params, GError **error)
{
    const char *setting = adapter_setting(params);
    if (setting)
        return refuse(error, "`%s` is an adapter's, and tuner \"%s\" makes none: leave it out, or take tuner \"lora\"",
                      setting, params->tuner);
    return true;
}

static bool check_pattern(JsonNode *node, const char *name, GError **error)
{
    if (!node || JSON_NODE_HOLDS_OBJECT(node))
        return true;
    return refuse(error, "`%s` is an object of layers' names and numbers, such as {\"q_proj\": 4}", name);
}

static bool check_adapter(const HoneTrainParams *params, GError **error)
{
    bool pissa = strcmp(params->start, "pissa") == 0;
    if (params->dora && params->dropout > 0)
        return refuse(error, "dora with dropout is not supported: set dropout to 0, or dora to false");
    if (params->dora && pissa)
        return refuse(error, "dora with start \"pissa\" is not supported: choose one of the two");
    return check_pattern(params->rank_pattern, "rank_pattern", error) &&
           check_pattern(params->alpha_pattern, "alpha_pattern", error);
}

bool hone_train_check(const HoneTrainParams *params, GError **error)
{
    bool partial = strcmp(params->tuner, "partial") == 0, chosen = *params->trained || params->last_layers > 0;
    if (partial && !chosen)
        return refuse(error, "tuner \"partial\" needs to know what to train: give `last_layers`, or `trained` with "
                             "patterns such as \"model.layers.28.*\" or \"*norm.weight\"");
    if (!partial && chosen)
        return refuse(error,
                      "%s is for tuner \"partial\" and would change nothing with \"%s\": set tuner to "
                      "\"partial\", or leave it out",
                      *params->trained ? "`trained`" : "`last_layers`", params->tuner);
    if (strcmp(params->quantize, "nf4") == 0 && strcmp(params->tuner, "qlora") != 0)
        return refuse(error, "quantize is for tuner \"qlora\": set tuner to it, or leave quantize out");
    return tuner_trains_weights(params) ? check_weights(params, error) : check_adapter(params, error);
}

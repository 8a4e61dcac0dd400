/* SPDX-License-Identifier: Apache-2.0
 * tuner.c: what of the model is trained, and how the result is written.
 */
#include "run.h"
#include <hone/file.h>

#define LOG "training.jsonl"

bool run_add_tuner(Run *run, GError **error)
{
    const HoneTrainParams *params = run->params;
    HoneLora lora = {.size = sizeof lora,
                     .rank = (uint32_t)params->rank,
                     .alpha = params->alpha > 0 ? params->alpha : 2 * (double)params->rank,
                     .dropout = params->dropout,
                     .rslora = params->rslora,
                     .targets = (const char *const *)params->targets,
                     .seed = (uint64_t)params->seed};
    size_t n;
    if (!hone_model_add_lora(run->model, &lora, error))
        return false;
    const HoneTrainable *trainables = hone_model_trainables(run->model, &n);
    return optimizer_init(&run->optimizer, run->backend, params, trainables, n, &run->states, error);
}

static void copy_member(JsonObject *to, JsonObject *from, const char *name)
{
    if (json_object_has_member(from, name))
        json_object_set_member(to, name, json_node_copy(json_object_get_member(from, name)));
}

bool run_write(Run *run, GError **error)
{
    HoneArtifact *adapter = hone_stage_output(run->stage, "adapter", HONE_ADAPTER, error);
    const HoneChat *chat = hone_model_chat(run->model, NULL);
    if (!adapter || !hone_model_save_adapter(run->model, hone_artifact_folder(adapter), error))
        return false;
    g_autofree char *log = hone_artifact_file(adapter, LOG);
    if (!hone_file_write(log, run->state.events->str, run->state.events->len, error))
        return false;
    JsonObject *meta = hone_artifact_meta(adapter), *base = json_object_new();
    JsonObject *model = hone_artifact_meta(hone_stage_input(run->stage, "model"));
    static const char *const names[] = {"path", "sha256", "format", "family", "name", "parameters", "licence"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        copy_member(base, model, names[i]);
    /* A path within the model's artifact would mean nothing in this one. */
    g_autofree char *path = hone_artifact_model_path(hone_stage_input(run->stage, "model"), NULL);
    json_object_set_string_member(base, "path", path);
    json_object_set_object_member(meta, "base", base);
    g_autoptr(JsonObject) settings = train_settings(run->params);
    copy_member(meta, settings, "tuner");
    copy_member(meta, settings, "rank");
    copy_member(meta, settings, "targets");
    json_object_set_double_member(meta, "alpha",
                                  run->params->alpha > 0 ? run->params->alpha : 2 * (double)run->params->rank);
    json_object_set_string_member(meta, "tokenizer_hash", hone_tokenizer_hash(hone_model_tokenizer(run->model)));
    if (chat) /* a base model has none */
        json_object_set_string_member(meta, "template_hash", hone_chat_hash(chat));
    json_object_set_int_member(meta, "steps", (gint64)run->state.step);
    json_object_set_int_member(meta, "rows", (gint64)run->feed->rows);
    json_object_set_int_member(meta, "tokens", (gint64)run->state.tokens);
    return true;
}

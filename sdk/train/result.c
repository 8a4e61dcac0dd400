/* SPDX-License-Identifier: Apache-2.0
 * result.c: what was trained, as an artifact: an adapter that refers to its base, or a model of its own.
 */
#include "run.h"
#include <hone/file.h>
#include <string.h>

#define LOG "training.jsonl"

static void copy_member(JsonObject *to, JsonObject *from, const char *name)
{
    if (json_object_has_member(from, name))
        json_object_set_member(to, name, json_node_copy(json_object_get_member(from, name)));
}

/* What the base's artifact says of it. Caller unrefs. */
static JsonObject *base_facts(Run *run)
{
    HoneArtifact *input = hone_stage_input(run->stage, "model");
    JsonObject *base = json_object_new();
    static const char *const names[] = {"path", "sha256", "format", "family", "name", "parameters", "licence"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        copy_member(base, hone_artifact_meta(input), names[i]);
    /* A path within the model's artifact would mean nothing in this one. */
    g_autofree char *path = hone_artifact_model_path(input, NULL);
    json_object_set_string_member(base, "path", path);
    return base;
}

static bool save_adapter(Run *run, HoneArtifact *artifact, GError **error)
{
    if (!hone_model_save_adapter(run->model, hone_artifact_folder(artifact), error))
        return false;
    JsonObject *meta = hone_artifact_meta(artifact);
    g_autoptr(JsonObject) settings = train_settings(run->params);
    JsonObject *base = base_facts(run);
    if (strcmp(run->params->quantize, "keep") != 0)
        json_object_set_string_member(base, "quantized", run->params->quantize);
    json_object_set_object_member(meta, "base", base);
    copy_member(meta, settings, "rank");
    copy_member(meta, settings, "targets");
    json_object_set_double_member(meta, "alpha", tuner_alpha(run->params));
    return true;
}

/* The artifact is the model: the artifact's own folder is its path. */
static bool save_model(Run *run, HoneArtifact *artifact, GError **error)
{
    const char *wanted = run->params->weights_type, *folder = hone_artifact_folder(artifact);
    HoneType type = 0;
    for (HoneType t = HONE_F32; t <= HONE_BF16; t++)
        if (strcmp(wanted, hone_type_name(t)) == 0)
            type = t;
    if (!hone_model_save_weights(run->model, folder, type, error))
        return false;
    g_autoptr(HoneCheckpoint) checkpoint = hone_checkpoint_open(folder, error);
    g_autofree char *hash = checkpoint ? hone_checkpoint_hash(checkpoint, NULL, error) : NULL;
    if (!hash)
        return false;
    const HoneModelConfig *config = hone_model_config(run->model);
    JsonObject *meta = hone_artifact_meta(artifact), *base = base_facts(run);
    size_t bytes = 0;
    for (size_t i = 0; i < hone_checkpoint_n_tensors(checkpoint); i++)
        bytes += hone_checkpoint_tensor(checkpoint, i)->bytes;
    copy_member(meta, base, "name");
    copy_member(meta, base, "parameters");
    copy_member(meta, base, "licence");
    json_object_set_string_member(meta, "path", ".");
    json_object_set_string_member(meta, "sha256", hash);
    json_object_set_string_member(meta, "format", "folder");
    json_object_set_string_member(meta, "family", config->family);
    json_object_set_int_member(meta, "size", (gint64)bytes);
    json_object_set_int_member(meta, "context", (gint64)config->context);
    json_object_set_object_member(meta, "trained_from", base);
    return true;
}

bool run_write(Run *run, GError **error)
{
    bool weights = tuner_trains_weights(run->params);
    HoneArtifact *artifact = hone_stage_output(run->stage, "adapter", weights ? HONE_MODEL : HONE_ADAPTER, error);
    const HoneChat *chat = hone_model_chat(run->model, NULL);
    if (!artifact || !(weights ? save_model : save_adapter)(run, artifact, error))
        return false;
    g_autofree char *log = hone_artifact_file(artifact, LOG);
    if (!hone_file_write(log, run->state.events->str, run->state.events->len, error))
        return false;
    JsonObject *meta = hone_artifact_meta(artifact);
    g_autoptr(JsonObject) settings = train_settings(run->params);
    copy_member(meta, settings, "tuner");
    json_object_set_string_member(meta, "tokenizer_hash", hone_tokenizer_hash(hone_model_tokenizer(run->model)));
    if (chat) /* a base model has none */
        json_object_set_string_member(meta, "template_hash", hone_chat_hash(chat));
    json_object_set_int_member(meta, "steps", (gint64)run->state.step);
    json_object_set_int_member(meta, "rows", (gint64)run->feed->rows);
    json_object_set_int_member(meta, "tokens", (gint64)run->state.tokens);
    return true;
}

/* SPDX-License-Identifier: Apache-2.0
 * model.c: names a model, a GGUF or a Hugging Face folder, here or on a hub: the stage that begins most pipelines.
 *
 * The files stay where they are: the artifact holds their path and the hash of their content, which everything that
 * opens the artifact compares again.
 */
#include "hub/hub.h"
#include "licence.h"
#include <glib/gstdio.h>
#include <hone/stage.h>
#include <stdlib.h>
#include <string.h>

typedef struct Model {
    char *path; /* absolute; else the model's name on a hub */
    HubOptions hub;
} Model;

static const HoneParam own[] = {
    HONE_PATH(Model, path, NULL,
              "a GGUF file, a folder with config.json, safetensors and tokenizer.json, or a name on a hub: "
              "org/name@revision, org/name@revision:file.gguf",
              .flags = HONE_PARAM_MAY_BE_HUB),
    {0},
};

static const HoneParamGroup groups[] = {
    HONE_OWN_PARAMS(own),
    HONE_PARAMS("Models on a hub", hub_params, Model, hub),
    {0},
};

static const HonePort ports[] = {
    {"model", HONE_PORT_OUT, HONE_MODEL, 0, "the model's path and content hash"},
    {0},
};

/* ---- What the files say of themselves. ---- */

static JsonNode *config_member(const HoneCheckpoint *checkpoint, const char *name)
{
    JsonNode *node = json_object_get_member(hone_checkpoint_json(checkpoint, "config.json"), name);
    return node && JSON_NODE_HOLDS_VALUE(node) ? node : NULL;
}

static const char *config_string(const HoneCheckpoint *checkpoint, const char *name)
{
    JsonNode *node = config_member(checkpoint, name);
    return node ? json_node_get_string(node) : NULL;
}

/* general.architecture, or model_type; NULL with an error. */
static const char *family_of(const HoneCheckpoint *checkpoint, GError **error)
{
    const HoneGguf *gguf = hone_checkpoint_gguf(checkpoint);
    const char *family =
        gguf ? hone_gguf_string(gguf, "general.architecture") : config_string(checkpoint, "model_type");
    if (!family)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s%s is missing, so the model's family is not known; fetch or convert it again",
                    hone_checkpoint_path(checkpoint),
                    gguf ? ": metadata 'general.architecture'" : "/config.json: \"model_type\"");
    return family;
}

/* In the hub's cache a model's folder is .../models--ORG--NAME/snapshots/REVISION. */
static char *hub_name(const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    for (size_t i = 0; parts[i]; i++)
        if (g_str_has_prefix(parts[i], "models--") && g_strcmp0(parts[i + 1], "snapshots") == 0) {
            g_auto(GStrv) words = g_strsplit(parts[i] + strlen("models--"), "--", -1);
            return g_strjoinv("/", words);
        }
    return NULL;
}

/* What people call it. Caller frees. */
static char *name_of(const HoneCheckpoint *checkpoint, const char *path)
{
    const HoneGguf *gguf = hone_checkpoint_gguf(checkpoint);
    const char *own_name = gguf ? hone_gguf_string(gguf, "general.name") : NULL;
    if (own_name && *own_name)
        return g_strdup(own_name);
    char *name = hub_name(path);
    g_autofree char *plain = g_canonicalize_filename(path, NULL);
    return name ? name : g_path_get_basename(plain);
}

static bool context_of(const HoneCheckpoint *checkpoint, const char *family, gint64 *context)
{
    const HoneGguf *gguf = hone_checkpoint_gguf(checkpoint);
    if (gguf) {
        g_autofree char *key = g_strdup_printf("%s.context_length", family);
        uint64_t value;
        if (!hone_gguf_u64(gguf, key, &value) || value > G_MAXINT64)
            return false;
        *context = (gint64)value;
        return true;
    }
    JsonNode *node = config_member(checkpoint, "max_position_embeddings");
    if (!node || json_node_get_value_type(node) != G_TYPE_INT64)
        return false;
    *context = json_node_get_int(node);
    return true;
}

/* Values in all tensors. */
static double count_values(const HoneCheckpoint *checkpoint)
{
    double total = 0;
    for (size_t i = 0; i < hone_checkpoint_n_tensors(checkpoint); i++) {
        const HoneGgufTensor *tensor = hone_checkpoint_tensor(checkpoint, i);
        double values = 1;
        for (uint32_t k = 0; k < tensor->rank; k++)
            values *= (double)tensor->shape[k];
        total += values;
    }
    return total;
}

/* Bytes of all files, or -1 with an error. */
static gint64 count_bytes(const HoneCheckpoint *checkpoint, GError **error)
{
    const char *path = hone_checkpoint_path(checkpoint);
    g_autofree char *parent = g_path_get_dirname(path);
    const char *folder = hone_checkpoint_gguf(checkpoint) ? parent : path;
    gint64 total = 0;
    for (const char *const *name = hone_checkpoint_files(checkpoint); *name; name++) {
        g_autofree char *file = g_build_filename(folder, *name, NULL);
        GStatBuf info;
        if (g_stat(file, &info) != 0) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: was there a moment ago and is not now", file);
            return -1;
        }
        total += info.st_size;
    }
    return total;
}

/* ---- The stage. ---- */

static bool resolve(const void *params, uint32_t flags, HoneResolution *found, GError **error)
{
    const Model *model = params;
    return hub_resolve(model->path, &model->hub, flags, found, error);
}

static bool check(const void *params, GError **error)
{
    const Model *model = params;
    g_autofree char *path =
        g_path_is_absolute(model->path) ? g_strdup(model->path) : hub_find(model->path, &model->hub);
    if (!path)
        return true; /* resolve() says that it is not on this machine */
    g_autoptr(HoneCheckpoint) checkpoint = hone_checkpoint_open(path, error);
    return checkpoint && family_of(checkpoint, error) != NULL;
}

static bool cancelled(void *stage)
{
    return hone_stage_cancelled(stage);
}

/* Where the model is, on this machine at last. */
static char *fetch(HoneStage *stage, const Model *model, HubModel *hub, GError **error)
{
    if (g_path_is_absolute(model->path)) {
        /* A link may point elsewhere tomorrow. (realpath allocates with malloc, which is what g_free frees.) */
        g_autofree char *real = realpath(model->path, NULL);
        return g_strdup(real ? real : model->path);
    }
    const HubCaller caller = {.progress = hone_stage_progress(stage), .cancelled = cancelled, .data = stage};
    if (!hub_fetch(model->path, hone_stage_resolved(stage), &model->hub, &caller, hub, error))
        return NULL;
    /* The links below a commit's folder never change; what they point at has no name that says anything. */
    return g_strdup(hub->path);
}

static bool run(HoneStage *stage, void *params, GError **error)
{
    const Model *model = params;
    g_auto(HubModel) hub = {0};
    g_autofree char *path = fetch(stage, model, &hub, error);
    g_autoptr(HoneCheckpoint) checkpoint = path ? hone_checkpoint_open(path, error) : NULL;
    const char *family = checkpoint ? family_of(checkpoint, error) : NULL;
    if (!family)
        return false;
    hone_progress_step(hone_stage_progress(stage), 0, 0, "reading", NULL);
    g_autofree char *hash = hone_checkpoint_hash(checkpoint, hone_stage_hash_folder(stage), error);
    gint64 size = hash ? count_bytes(checkpoint, error) : -1, context;
    HoneArtifact *artifact = size >= 0 ? hone_stage_output(stage, "model", HONE_MODEL, error) : NULL;
    if (!artifact)
        return false;
    g_autofree char *name = name_of(checkpoint, hub.path ? hub.path : model->path), *licence = licence_of(checkpoint);
    JsonObject *meta = hone_artifact_meta(artifact);
    json_object_set_string_member(meta, "path", hone_checkpoint_path(checkpoint));
    json_object_set_string_member(meta, "sha256", hash);
    json_object_set_string_member(meta, "format",
                                  hone_checkpoint_format(checkpoint) == HONE_CHECKPOINT_GGUF ? "gguf" : "folder");
    json_object_set_string_member(meta, "family", family);
    json_object_set_string_member(meta, "name", name);
    json_object_set_int_member(meta, "parameters", (gint64)count_values(checkpoint));
    json_object_set_int_member(meta, "size", size);
    if (context_of(checkpoint, family, &context))
        json_object_set_int_member(meta, "context", context);
    if (licence)
        json_object_set_string_member(meta, "licence", licence);
    if (hub.commit) {
        JsonObject *origin = json_object_new();
        json_object_set_string_member(origin, "repository", hub.repository);
        json_object_set_string_member(origin, "commit", hub.commit);
        json_object_set_object_member(meta, "hub", origin);
    }
    return true;
}

static const HoneStageOps ops = {
    .size = sizeof(HoneStageOps),
    .run = run,
    .check = check,
    .resolve = resolve,
};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "model",
    .version = "1",
    .summary = "names a model by its path and content",
    .params = groups,
    .instance_size = sizeof(Model),
    .ports = ports,
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("model", "1", "Apache-2.0", "models as files", &component)

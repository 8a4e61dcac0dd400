/* SPDX-License-Identifier: Apache-2.0
 * open_artifact.c: the model that an artifact refers to: a base, or an adapter's base with the adapter on it.
 */
#include "internal.h"

#include <string.h>

static const char *member_string(JsonObject *object, const char *name)
{
    JsonNode *node = object != NULL ? json_object_get_member(object, name) : NULL;
    return node != NULL && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
               ? json_node_get_string(node)
               : NULL;
}

/* The metadata of the model itself, with its path and hash; NULL with an error. */
static JsonObject *base_meta(HoneArtifact *artifact, GError **error)
{
    const char *label = hone_artifact_label(artifact);
    HoneArtifactType type = hone_artifact_type(artifact);
    JsonObject *base = hone_artifact_meta(artifact);
    if (type == HONE_ADAPTER) {
        JsonNode *node = base != NULL ? json_object_get_member(base, "base") : NULL;
        base = node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    } else if (type != HONE_MODEL) {
        g_autofree char *name = hone_artifact_types_name(type);
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s is a %s, not a model or adapter.", label, name);
        return NULL;
    }
    if (member_string(base, "path") == NULL || member_string(base, "sha256") == NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s does not say which model it refers to (path and sha256 of its metadata).", label);
        return NULL;
    }
    return base;
}

char *hone_artifact_model_path(HoneArtifact *artifact, GError **error)
{
    g_return_val_if_fail(artifact != NULL, NULL);
    JsonObject *base = base_meta(artifact, error);
    return base != NULL ? g_canonicalize_filename(member_string(base, "path"), hone_artifact_folder(artifact)) : NULL;
}

HoneCheckpoint *hone_checkpoint_open_artifact(HoneArtifact *artifact, const char *hash_folder, GError **error)
{
    g_return_val_if_fail(artifact != NULL, NULL);
    g_autofree char *path = hone_artifact_model_path(artifact, error);
    g_autoptr(HoneCheckpoint) checkpoint = path != NULL ? hone_checkpoint_open(path, error) : NULL;
    g_autofree char *hash = checkpoint != NULL ? hone_checkpoint_hash(checkpoint, hash_folder, error) : NULL;
    if (hash == NULL)
        return NULL;
    const char *expected = member_string(base_meta(artifact, NULL), "sha256");
    if (strcmp(hash, expected) != 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s has changed since %s was made (SHA-256 %.12s..., expected %.12s...). Put the old files back, "
                    "or run the pipeline again.",
                    path, hone_artifact_label(artifact), hash, expected);
        return NULL;
    }
    return g_steal_pointer(&checkpoint);
}

HoneModel *hone_model_open_artifact(HoneArtifact *artifact, HoneBackend *backend, const char *hash_folder,
                                    HoneProgress *progress, GError **error)
{
    g_return_val_if_fail(artifact != NULL && backend != NULL, NULL);
    g_autoptr(HoneCheckpoint) checkpoint = hone_checkpoint_open_artifact(artifact, hash_folder, error);
    if (checkpoint == NULL)
        return NULL;
    g_autoptr(HoneModel) model = hone_model_open(hone_checkpoint_path(checkpoint), backend, progress, error);
    if (model == NULL)
        return NULL;
    /* An adapter belongs to the base as it was computed with. */
    const char *quantized = member_string(base_meta(artifact, NULL), "quantized");
    if (quantized != NULL && strcmp(quantized, "nf4") != 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "%s: \"quantized\" is \"%s\", which this Hone does not know.", hone_artifact_label(artifact),
                    quantized);
        return NULL;
    }
    if (quantized != NULL && !hone_model_quantize(model, HONE_NF4, progress, error))
        return NULL;
    if (hone_artifact_type(artifact) == HONE_ADAPTER &&
        !hone_model_load_adapter(model, hone_artifact_folder(artifact), error))
        return NULL;
    return g_steal_pointer(&model);
}

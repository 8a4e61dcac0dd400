/* SPDX-License-Identifier: Apache-2.0
 * open_artifact.c: the model that an artifact refers to: a base, or an adapter's base with the adapter on it.
 */
#include "internal.h"

#include <hone/file.h>
#include <string.h>

static const char *member_string(JsonObject *object, const char *name)
{
    JsonNode *node = object != NULL ? json_object_get_member(object, name) : NULL;
    return node != NULL && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
               ? json_node_get_string(node)
               : NULL;
}

HoneModel *hone_model_open_artifact(HoneArtifact *artifact, HoneBackend *backend, const char *hash_folder,
                                    HoneProgress *progress, GError **error)
{
    g_return_val_if_fail(artifact != NULL && backend != NULL, NULL);
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
    const char *path = member_string(base, "path"), *expected = member_string(base, "sha256");
    if (path == NULL || expected == NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s does not say which model file it refers to (path and sha256 of its metadata).", label);
        return NULL;
    }
    g_autofree char *hash = hone_file_hash_cached(path, hash_folder, error);
    if (hash == NULL)
        return NULL;
    if (strcmp(hash, expected) != 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s has changed since %s was made (SHA-256 %.12s..., expected %.12s...). Put the old file back, or "
                    "run the pipeline again.",
                    path, label, hash, expected);
        return NULL;
    }
    g_autoptr(HoneModel) model = hone_model_open(path, backend, progress, error);
    if (model == NULL)
        return NULL;
    if (type == HONE_ADAPTER && !hone_model_load_adapter(model, hone_artifact_folder(artifact), error))
        return NULL;
    return g_steal_pointer(&model);
}

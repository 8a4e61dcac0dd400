/* SPDX-License-Identifier: Apache-2.0
 * model_source.c: see model_source.h.
 */
#include "model_source.h"
#include "locate.h"
#include <string.h>

static JsonObject *object_member(JsonObject *object, const char *name)
{
    JsonNode *node = object ? json_object_get_member(object, name) : NULL;
    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

/* The GGUF that a model or an adapter refers to. */
static char *referred_path(HoneArtifact *artifact, const char *name, GError **error)
{
    HoneArtifactType type = hone_artifact_type(artifact);
    if (type != HONE_MODEL && type != HONE_ADAPTER) {
        g_autofree char *is = hone_artifact_types_name(type);
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "the result of \"%s\" is a %s; name a node that gives a model or an adapter, or a GGUF file", name,
                    is);
        return NULL;
    }
    JsonObject *meta = hone_artifact_meta(artifact);
    if (type == HONE_ADAPTER)
        meta = object_member(meta, "base");
    JsonNode *path = meta ? json_object_get_member(meta, "path") : NULL;
    if (!path || json_node_get_value_type(path) != G_TYPE_STRING) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "the result of \"%s\" does not say which model file it refers to", name);
        return NULL;
    }
    return json_node_dup_string(path);
}

bool hone_model_source_find(HoneModelSource *source, const char *name, const char *store, GError **error)
{
    *source = (HoneModelSource){0};
    if (g_file_test(name, G_FILE_TEST_IS_REGULAR)) {
        source->path = g_strdup(name);
        return true;
    }
    if (strchr(name, G_DIR_SEPARATOR) || g_str_has_suffix(name, ".gguf")) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "%s: no such file; name a GGUF file, or a node of a run",
                    name);
        return false;
    }
    g_autoptr(HoneStore) results = hone_store_open(store, false, error);
    g_autofree char *folder = results ? hone_store_locate(results, name, error) : NULL;
    if (!folder) {
        g_prefix_error(error, "\"%s\" is no file here, and as a node: ", name);
        return false;
    }
    source->hash_folder = g_strdup(hone_store_hash_folder(results));
    source->artifact = hone_artifact_open(folder, false, error);
    if (source->artifact) {
        hone_artifact_set_label(source->artifact, name);
        source->path = referred_path(source->artifact, name, error);
    }
    if (source->path)
        return true;
    hone_model_source_clear(source);
    return false;
}

void hone_model_source_clear(HoneModelSource *source)
{
    g_clear_pointer(&source->artifact, hone_artifact_free);
    g_clear_pointer(&source->path, g_free);
    g_clear_pointer(&source->hash_folder, g_free);
}

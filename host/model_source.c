/* SPDX-License-Identifier: Apache-2.0
 * model_source.c: see model_source.h.
 */
#include "model_source.h"
#include "locate.h"
#include "model_fetch.h"
#include <hone/hub.h>
#include <hone/model.h>
#include <string.h>

/* The model that a model or an adapter refers to. */
static char *referred_path(HoneArtifact *artifact, const char *name, GError **error)
{
    HoneArtifactType type = hone_artifact_type(artifact);
    if (type == HONE_MODEL || type == HONE_ADAPTER)
        return hone_artifact_model_path(artifact, error);
    g_autofree char *is = hone_artifact_types_name(type);
    g_set_error(
        error, HONE_ERROR, HONE_ERROR_INVALID,
        "the result of \"%s\" is a %s; name a node that gives a model or an adapter, or a model's file or folder", name,
        is);
    return NULL;
}

/* Takes `artifact`, which may be NULL with an error. */
static bool take_artifact(HoneModelSource *source, HoneArtifact *artifact, const char *name, GError **error)
{
    source->artifact = artifact;
    if (artifact) {
        hone_artifact_set_label(artifact, name);
        source->path = referred_path(artifact, name, error);
    }
    if (source->path)
        return true;
    hone_model_source_clear(source);
    return false;
}

bool hone_model_source_find(HoneModelSource *source, const char *name, const char *store,
                            const char *const *plugin_path, GError **error)
{
    *source = (HoneModelSource){0};
    g_autofree char *config = g_build_filename(name, "config.json", NULL);
    /* A folder that is no model must not hide a node of that name. */
    if (g_file_test(name, G_FILE_TEST_IS_REGULAR) || g_file_test(config, G_FILE_TEST_EXISTS)) {
        source->path = g_strdup(name);
        return true;
    }
    if (hone_hub_is_meant(name, name))
        return take_artifact(source, hone_model_fetch(name, plugin_path, &source->hash_folder, error), name, error);
    if (strchr(name, G_DIR_SEPARATOR) || g_str_has_suffix(name, ".gguf")) {
        const char *what = g_file_test(name, G_FILE_TEST_IS_DIR) ? "the folder has no config.json, so it holds no model"
                                                                 : "no such file";
        g_set_error(
            error, HONE_ERROR, HONE_ERROR_NOT_FOUND,
            "%s: %s; name a GGUF file, a folder with config.json, a model on a hub (org/name), or a node of a run",
            name, what);
        return false;
    }
    g_autoptr(HoneStore) results = hone_store_open(store, false, error);
    g_autofree char *folder = results ? hone_store_locate(results, name, error) : NULL;
    if (!folder) {
        g_prefix_error(error, "\"%s\" is no model's file or folder here, and as a node: ", name);
        return false;
    }
    source->hash_folder = g_strdup(hone_store_hash_folder(results));
    return take_artifact(source, hone_artifact_open(folder, false, error), name, error);
}

void hone_model_source_clear(HoneModelSource *source)
{
    g_clear_pointer(&source->artifact, hone_artifact_free);
    g_clear_pointer(&source->path, g_free);
    g_clear_pointer(&source->hash_folder, g_free);
}

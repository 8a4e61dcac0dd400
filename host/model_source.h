/* SPDX-License-Identifier: Apache-2.0
 * model_source.h: the model that a person names: a GGUF file, a Hugging Face folder, or a node whose result is a
 * model or an adapter.
 */
#ifndef HONE_HOST_MODEL_SOURCE_H
#define HONE_HOST_MODEL_SOURCE_H

#include <hone/artifact.h>

typedef struct HoneModelSource {
    char *path;             /* the GGUF or folder; an adapter's base */
    HoneArtifact *artifact; /* what the node made, or NULL: a path was named */
    char *hash_folder;      /* or NULL */
} HoneModelSource;

/* name: a path, a name on a hub, or a node ("tuned", "tuned.adapter") whose newest result is taken. store: as
 * hone_store_open. plugin_path: for the stage that asks a hub; may be NULL. */
bool hone_model_source_find(HoneModelSource *source, const char *name, const char *store,
                            const char *const *plugin_path, GError **error);
void hone_model_source_clear(HoneModelSource *source);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HoneModelSource, hone_model_source_clear)

#endif

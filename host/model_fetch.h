/* SPDX-License-Identifier: Apache-2.0
 * model_fetch.h: a model that a command names as on a hub: the `model` stage finds or downloads it, as in a pipeline.
 */
#ifndef HONE_HOST_MODEL_FETCH_H
#define HONE_HOST_MODEL_FETCH_H

#include <hone/artifact.h>

/* Runs a pipeline of this one stage in a store of the user's cache folder ($XDG_CACHE_HOME/hone/hub), so that the next
 * command finds its result. Bars and warnings go to the standard error. *hash_folder: where hashes of the model's files
 * are remembered; free it. plugin_path may be NULL. */
HoneArtifact *hone_model_fetch(const char *name, const char *const *plugin_path, char **hash_folder, GError **error);

#endif

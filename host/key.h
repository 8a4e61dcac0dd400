/* SPDX-License-Identifier: Apache-2.0
 * key.h: what a node's result depends on, and the key that names it.
 *
 * The key is the SHA-256 of the canonical JSON of the ingredients:
 *     {"abi", "stage", "plugin", "version", "params": {...}, "files": {param: hash}, "metrics": {name: version},
 *      "numerics", "inputs": {port: [hash...]}}
 * They are kept with the result and with each run, so that a later run can say what changed.
 */
#ifndef HONE_HOST_KEY_H
#define HONE_HOST_KEY_H

#include "resolve.h"

typedef struct HoneKeyContext {
    const HoneRegistry *registry;   /* to find the metrics that a parameter names */
    const char *numerics;           /* the backend's class of results, for stages that use one; or NULL */
    const char *hash_folder;        /* where hashes of large files are remembered, or NULL */
    const char *program;            /* asked what a hub's name stands for */
    const char *const *plugin_path; /* for it; may be NULL */
} HoneKeyContext;

/* The part that comes from the node alone: all but "inputs". Reads the files that parameters name, so it may take a
 * while for large ones: may be called in a thread. For a hub's name, "files" has what it stands for now, and `found`
 * gets all that is known of it (else it is cleared). Caller unrefs. */
JsonObject *hone_key_own_ingredients(const HonePipelineNode *node, const HoneKeyContext *context, HoneResolution *found,
                                     GError **error);
/* Appends the content hash of an input; in the order of the port's list. */
void hone_key_add_input(JsonObject *ingredients, const char *port, const char *hash);
/* Hex. Caller frees. */
char *hone_key_hash(JsonObject *ingredients);
/* The first field that differs, in words: "rank: 8 -> 16", "input dataset changed". NULL: none. Caller frees. */
char *hone_key_difference(JsonObject *before, JsonObject *now);

#endif

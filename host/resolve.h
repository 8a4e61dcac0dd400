/* SPDX-License-Identifier: Apache-2.0
 * resolve.h: what a hub's name in a node's parameters stands for now. The stage knows; it is asked in a process of its
 * own, which may go to the network, hang or crash.
 */
#ifndef HONE_HOST_RESOLVE_H
#define HONE_HOST_RESOLVE_H

#include "pipeline.h"
#include <hone/stage.h>

/* The parameter that holds a hub's name, or NULL: all name files. */
const HoneParam *hone_resolve_param(const HoneComponent *component, JsonObject *params, const char *folder);
/* Calls the stage's `resolve` in this process. */
bool hone_resolve_here(const HoneComponent *component, const void *instance, uint32_t flags, HoneResolution *found,
                       GError **error);
/* The same without flags, asked of `program node --resolve`; plugin_path may be NULL. */
bool hone_resolve_ask(const HonePipelineNode *node, const char *program, const char *const *plugin_path,
                      HoneResolution *found, GError **error);
/* What `hone node --resolve` does: the question comes on the standard input, the answer goes to the standard output. */
int hone_resolve_tell(const HoneRegistry *registry);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * backend_choice.h: which backend a run uses, and what it calls itself.
 *
 * Opening one loads drivers and libraries that may crash, so the host asks in a process of its own.
 */
#ifndef HONE_HOST_BACKEND_CHOICE_H
#define HONE_HOST_BACKEND_CHOICE_H

#include "registry.h"
#include <hone/backend.h>

/* Opens a backend ("auto": each, and takes the fastest) and describes it. In the calling process. */
const HoneComponent *hone_backend_choose(const HoneRegistry *registry, const char *name,
                                         const HoneBackendOptions *options, HoneBackendInfo *info, GError **error);

typedef struct HoneBackendChoice {
    char *name;     /* never "auto" */
    char *numerics; /* class of results: part of keys */
    char *device;
} HoneBackendChoice;

/* The same, asked of `program node --backend-info NAME`. */
HoneBackendChoice *hone_backend_ask(const char *program, const char *name, guint threads,
                                    const char *const *plugin_path, GError **error);
void hone_backend_choice_free(HoneBackendChoice *choice);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneBackendChoice, hone_backend_choice_free)

/* What `hone node --backend-info` prints. */
int hone_backend_tell(const HoneRegistry *registry, const char *name, guint threads);

#endif

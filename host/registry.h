/* SPDX-License-Identifier: Apache-2.0
 * registry.h: the plugins that this process has loaded, and why others were not.
 *
 * Folders are searched in this order, and the first component of a kind and name wins: --plugin-path,
 * $HONE_PLUGIN_PATH, the user's data folder (hone/plugins), the installed folder ($HONE_SYSTEM_PLUGINS in its place;
 * empty: none). A file that does not load is listed with its reason and stops nothing else.
 */
#ifndef HONE_HOST_REGISTRY_H
#define HONE_HOST_REGISTRY_H

#include <hone/plugin.h>

typedef struct HoneRegistry HoneRegistry;

/* A file that loaded. */
typedef struct HoneLoadedPlugin {
    char *path; /* absolute */
    const HonePlugin *plugin;
} HoneLoadedPlugin;

/* A file that did not. */
typedef struct HoneRefusedPlugin {
    char *path;
    char *reason;
} HoneRefusedPlugin;

typedef struct HoneEntry {
    const HoneComponent *component;
    const HoneLoadedPlugin *plugin;
    const struct HoneEntry *shadowed_by; /* the entry of the same kind and name that wins, or NULL: this one is used */
} HoneEntry;

/* Loads every *.so of the search path. plugin_path: values of --plugin-path, each one or more folders parted by ':';
 * may be NULL. Never fails: what does not load is among the refused. */
HoneRegistry *hone_registry_new(const char *const *plugin_path);
/* Forgets the list. Plugins stay mapped until the process ends: one of them may have started a thread. */
void hone_registry_free(HoneRegistry *registry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneRegistry, hone_registry_free)

/* Of HoneLoadedPlugin *, HoneRefusedPlugin *, HoneEntry * and char *, in the order in which they were found. */
const GPtrArray *hone_registry_plugins(const HoneRegistry *registry);
const GPtrArray *hone_registry_refused(const HoneRegistry *registry);
const GPtrArray *hone_registry_entries(const HoneRegistry *registry);
const GPtrArray *hone_registry_folders(const HoneRegistry *registry);

/* The entry in use of that kind and name. HONE_ERROR_NOT_FOUND names the nearest one, and a refused file of that name
 * with its reason. "auto" has no meaning here. */
const HoneEntry *hone_registry_find(const HoneRegistry *registry, HoneKind kind, const char *name, GError **error);
/* Entries in use of that kind, sorted by name, of const HoneEntry *. Caller unrefs. */
GPtrArray *hone_registry_list(const HoneRegistry *registry, HoneKind kind);

/* Loads one file by itself and validates it: RTLD_NOW | RTLD_LOCAL, the one symbol, the descriptor, the name. */
const HonePlugin *hone_plugin_load(const char *path, GError **error);

#endif

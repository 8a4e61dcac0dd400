/* SPDX-License-Identifier: Apache-2.0
 * harness.c: loads plugins by name. They stay loaded, as in the host.
 */
#include "harness.h"
#include <dlfcn.h>
#include <string.h>

const HoneComponent *test_find(void *host, HoneKind kind, const char *name, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/%s.so", g_getenv("HONE_PLUGIN_PATH"), name);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        g_error("%s", dlerror());
    HonePluginFunc function;
    *(void **)&function = dlsym(handle, HONE_PLUGIN_SYMBOL);
    g_assert_nonnull(function);
    for (const HoneComponent *const *c = function()->components; *c; c++)
        if ((*c)->kind == kind && strcmp((*c)->name, name) == 0)
            return *c;
    g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "no %s", name);
    return NULL;
}

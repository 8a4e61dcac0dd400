/* SPDX-License-Identifier: Apache-2.0
 * plugin.c: see plugin.h. Modules stay loaded until the end: their descriptors are constants of theirs.
 */
#include "plugin.h"

#include <dlfcn.h>

HoneBackend *test_open_backend(const char *plugin, const char *instructions, uint32_t threads, GError **error)
{
    return test_open_backend_with(plugin, instructions != NULL ? "instructions" : NULL, instructions, threads, error);
}

HoneBackend *test_open_backend_with(const char *plugin, const char *param, const char *value, uint32_t threads,
                                    GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/%s.so", g_getenv("HONE_PLUGIN_PATH"), plugin);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (module == NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN, "%s", dlerror());
        return NULL;
    }
    HonePluginFunc entry = (HonePluginFunc)dlsym(module, HONE_PLUGIN_SYMBOL);
    g_assert_nonnull(entry);
    if (!hone_plugin_validate(entry(), error))
        return NULL;
    g_autoptr(JsonObject) params = json_object_new();
    if (param != NULL)
        json_object_set_string_member(params, param, value);
    const HoneBackendOptions options = {.size = sizeof(HoneBackendOptions), .threads = threads};
    return hone_backend_open(entry()->components[0], params, &options, error);
}

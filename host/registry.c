/* SPDX-License-Identifier: Apache-2.0
 * registry.c: searches the plugin folders, loads what is there, remembers what is not.
 */
#include "registry.h"
#include "mistakes.h"
#include "shared_object.h"
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

struct HoneRegistry {
    GPtrArray *folders; /* of char * */
    GPtrArray *plugins; /* of HoneLoadedPlugin * */
    GPtrArray *refused; /* of HoneRefusedPlugin * */
    GPtrArray *entries; /* of HoneEntry * */
};

static void free_plugin(gpointer data)
{
    HoneLoadedPlugin *plugin = data;
    g_free(plugin->path);
    g_free(plugin);
}

static void free_refused(gpointer data)
{
    HoneRefusedPlugin *refused = data;
    g_free(refused->path);
    g_free(refused->reason);
    g_free(refused);
}

/* dlerror's text begins with the path, which the reader has seen already. */
static const char *loader_reason(const char *path)
{
    const char *text = dlerror();
    if (text == NULL)
        return "the dynamic linker gives no reason";
    if (g_str_has_prefix(text, path) && g_str_has_prefix(text + strlen(path), ": "))
        return text + strlen(path) + 2;
    return text;
}

const HonePlugin *hone_plugin_load(const char *path, GError **error)
{
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);
    if (!hone_shared_object_check(absolute, error))
        return NULL;
    void *handle = dlopen(absolute, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        g_set_error_literal(error, HONE_ERROR, HONE_ERROR_PLUGIN, loader_reason(absolute));
        return NULL;
    }
    HonePluginFunc describe;
    *(void **)&describe = dlsym(handle, HONE_PLUGIN_SYMBOL);
    /* dlsym also finds a symbol of a library that the plugin links. */
    Dl_info info;
    if (describe == NULL || dladdr(*(void **)&describe, &info) == 0 || g_strcmp0(info.dli_fname, absolute) != 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN, "does not export the symbol %s", HONE_PLUGIN_SYMBOL);
        dlclose(handle);
        return NULL;
    }
    const HonePlugin *plugin = describe();
    g_autofree char *base = g_path_get_basename(absolute);
    if (g_str_has_suffix(base, ".so"))
        base[strlen(base) - 3] = 0;
    bool good = hone_plugin_validate(plugin, error);
    if (good && strcmp(plugin->name, base) != 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN,
                    "the plugin calls itself \"%s\", the file is \"%s.so\": rename one of them", plugin->name, base);
        good = false;
    }
    if (!good) {
        dlclose(handle);
        return NULL;
    }
    return plugin;
}

static HoneEntry *find_entry(const HoneRegistry *registry, HoneKind kind, const char *name)
{
    for (guint i = 0; i < registry->entries->len; i++) {
        HoneEntry *entry = registry->entries->pdata[i];
        if (entry->shadowed_by == NULL && entry->component->kind == kind && strcmp(entry->component->name, name) == 0)
            return entry;
    }
    return NULL;
}

static void load_file(HoneRegistry *registry, const char *path)
{
    g_autoptr(GError) error = NULL;
    const HonePlugin *plugin = hone_plugin_load(path, &error);
    if (plugin == NULL) {
        HoneRefusedPlugin *refused = g_new(HoneRefusedPlugin, 1);
        refused->path = g_strdup(path);
        refused->reason = g_strdup(error->message);
        g_ptr_array_add(registry->refused, refused);
        return;
    }
    HoneLoadedPlugin *loaded = g_new(HoneLoadedPlugin, 1);
    loaded->path = g_strdup(path);
    loaded->plugin = plugin;
    g_ptr_array_add(registry->plugins, loaded);
    for (size_t i = 0; plugin->components[i] != NULL; i++) {
        HoneEntry *entry = g_new(HoneEntry, 1);
        entry->component = plugin->components[i];
        entry->plugin = loaded;
        entry->shadowed_by = find_entry(registry, entry->component->kind, entry->component->name);
        g_ptr_array_add(registry->entries, entry);
    }
}

static int compare_strings(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A folder that is not there holds no plugins: most of the search path usually is not. */
static void load_folder(HoneRegistry *registry, const char *folder)
{
    g_autofree char *absolute = g_canonicalize_filename(folder, NULL);
    if (g_ptr_array_find_with_equal_func(registry->folders, absolute, g_str_equal, NULL))
        return;
    g_ptr_array_add(registry->folders, g_strdup(absolute));
    g_autoptr(GDir) dir = g_dir_open(absolute, 0, NULL);
    if (dir == NULL)
        return;
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    const char *name;
    while ((name = g_dir_read_name(dir)) != NULL) {
        if (g_str_has_suffix(name, ".so") && name[0] != '.')
            g_ptr_array_add(files, g_build_filename(absolute, name, NULL));
    }
    g_ptr_array_sort(files, compare_strings);
    for (guint i = 0; i < files->len; i++)
        load_file(registry, files->pdata[i]);
}

static void load_path(HoneRegistry *registry, const char *path)
{
    g_auto(GStrv) folders = g_strsplit(path != NULL ? path : "", G_SEARCHPATH_SEPARATOR_S, -1);
    for (size_t i = 0; folders[i] != NULL; i++) {
        if (*folders[i] != 0)
            load_folder(registry, folders[i]);
    }
}

/* A program that still lies in its build folder takes the plugins built beside it. */
static void load_installed(HoneRegistry *registry)
{
    const char *instead = g_getenv("HONE_SYSTEM_PLUGINS");
    if (instead != NULL) {
        load_path(registry, instead);
        return;
    }
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = program != NULL ? g_path_get_dirname(program) : NULL;
    if (g_strcmp0(folder, HONE_BUILD_PROGRAM_FOLDER) == 0)
        load_folder(registry, HONE_BUILD_PLUGIN_FOLDER);
    else
        load_folder(registry, HONE_INSTALLED_PLUGIN_FOLDER);
}

HoneRegistry *hone_registry_new(const char *const *plugin_path)
{
    HoneRegistry *registry = g_new0(HoneRegistry, 1);
    registry->folders = g_ptr_array_new_with_free_func(g_free);
    registry->plugins = g_ptr_array_new_with_free_func(free_plugin);
    registry->refused = g_ptr_array_new_with_free_func(free_refused);
    registry->entries = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; plugin_path != NULL && plugin_path[i] != NULL; i++)
        load_path(registry, plugin_path[i]);
    load_path(registry, g_getenv("HONE_PLUGIN_PATH"));
    g_autofree char *own = g_build_filename(g_get_user_data_dir(), "hone", "plugins", NULL);
    load_folder(registry, own);
    load_installed(registry);
    return registry;
}

void hone_registry_free(HoneRegistry *registry)
{
    if (registry == NULL)
        return;
    g_ptr_array_unref(registry->entries);
    g_ptr_array_unref(registry->refused);
    g_ptr_array_unref(registry->plugins);
    g_ptr_array_unref(registry->folders);
    g_free(registry);
}

const GPtrArray *hone_registry_plugins(const HoneRegistry *registry)
{
    return registry->plugins;
}

const GPtrArray *hone_registry_refused(const HoneRegistry *registry)
{
    return registry->refused;
}

const GPtrArray *hone_registry_entries(const HoneRegistry *registry)
{
    return registry->entries;
}

const GPtrArray *hone_registry_folders(const HoneRegistry *registry)
{
    return registry->folders;
}

static int compare_entries(gconstpointer a, gconstpointer b)
{
    return strcmp((*(HoneEntry *const *)a)->component->name, (*(HoneEntry *const *)b)->component->name);
}

GPtrArray *hone_registry_list(const HoneRegistry *registry, HoneKind kind)
{
    GPtrArray *list = g_ptr_array_new();
    for (guint i = 0; i < registry->entries->len; i++) {
        HoneEntry *entry = registry->entries->pdata[i];
        if (entry->component->kind == kind && entry->shadowed_by == NULL)
            g_ptr_array_add(list, entry);
    }
    g_ptr_array_sort(list, compare_entries);
    return list;
}

/* A refused file of that name is most probably what the user means. */
static const HoneRefusedPlugin *find_refused(const HoneRegistry *registry, const char *name)
{
    g_autofree char *file = g_strconcat(name, ".so", NULL);
    for (guint i = 0; i < registry->refused->len; i++) {
        const HoneRefusedPlugin *refused = registry->refused->pdata[i];
        const char *base = strrchr(refused->path, '/');
        if (g_strcmp0(base != NULL ? base + 1 : refused->path, file) == 0)
            return refused;
    }
    return NULL;
}

const HoneEntry *hone_registry_find(const HoneRegistry *registry, HoneKind kind, const char *name, GError **error)
{
    const HoneEntry *entry = find_entry(registry, kind, name);
    if (entry != NULL)
        return entry;
    const HoneRefusedPlugin *refused = find_refused(registry, name);
    if (refused != NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "no %s \"%s\": %s does not load: %s", hone_kind_name(kind),
                    name, refused->path, refused->reason);
        return NULL;
    }
    g_autoptr(GPtrArray) entries = hone_registry_list(registry, kind);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < entries->len; i++)
        g_ptr_array_add(names, (gpointer)((HoneEntry *)entries->pdata[i])->component->name);
    g_autofree char *hint = hone_did_you_mean(name, (const char *const *)names->pdata, names->len);
    const char *advice = *hint != 0 ? hint : "; \"hone plugins\" lists what there is";
    g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "no %s \"%s\"%s", hone_kind_name(kind), name, advice);
    return NULL;
}

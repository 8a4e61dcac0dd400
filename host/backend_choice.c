/* SPDX-License-Identifier: Apache-2.0
 * backend_choice.c: `auto`, and the question to a child process.
 */
#include "backend_choice.h"
#include "command.h"
#include <hone/json.h>
#include <string.h>
#include <sys/wait.h>

static bool describe(const HoneComponent *component, const HoneBackendOptions *options, HoneBackendInfo *info,
                     GError **error)
{
    g_autoptr(HoneBackend) backend = hone_backend_open(component, NULL, options, error);
    if (!backend)
        return false;
    *info = backend->info;
    return true;
}

const HoneComponent *hone_backend_choose(const HoneRegistry *registry, const char *name,
                                         const HoneBackendOptions *options, HoneBackendInfo *info, GError **error)
{
    if (!g_str_equal(name, "auto")) {
        const HoneEntry *entry = hone_registry_find(registry, HONE_BACKEND, name, error);
        return entry && describe(entry->component, options, info, error) ? entry->component : NULL;
    }
    g_autoptr(GPtrArray) entries = hone_registry_list(registry, HONE_BACKEND);
    g_autoptr(GString) reasons = g_string_new(NULL);
    const HoneComponent *best = NULL;
    for (guint i = 0; i < entries->len; i++) {
        const HoneEntry *entry = entries->pdata[i];
        HoneBackendInfo found;
        g_autoptr(GError) refusal = NULL;
        if (!describe(entry->component, options, &found, &refusal)) {
            g_string_append_printf(reasons, "\n  %s: %s", entry->component->name, refusal->message);
        } else if (!best || found.speed > info->speed) {
            best = entry->component;
            *info = found;
        }
    }
    if (!best)
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "no backend opens%s%s",
                    entries->len == 0 ? ": none is among the plugins" : ":", reasons->str);
    return best;
}

int hone_backend_tell(const HoneRegistry *registry, const char *name, guint threads)
{
    HoneBackendOptions options = {.size = sizeof options, .threads = threads};
    HoneBackendInfo info = {.size = sizeof info};
    g_autoptr(GError) error = NULL;
    const HoneComponent *component = hone_backend_choose(registry, name, &options, &info, &error);
    if (!component) {
        fprintf(stderr, "%s\n", error->message);
        return HONE_EXIT_FAILED;
    }
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);
    json_node_take_object(node, json_object_new());
    JsonObject *object = json_node_get_object(node);
    json_object_set_string_member(object, "name", component->name);
    json_object_set_string_member(object, "numerics", info.numerics);
    json_object_set_string_member(object, "device", info.device_name);
    hone_print_json(node);
    return HONE_EXIT_OK;
}

static HoneBackendChoice *read_answer(const char *text, GError **error)
{
    g_autoptr(JsonNode) node = hone_json_parse(text, strlen(text), "backend", error);
    if (!node)
        return NULL;
    JsonObject *object = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    const char *name = object ? json_object_get_string_member_with_default(object, "name", NULL) : NULL;
    if (!name) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN, "a backend wrote to the standard output while it opened");
        return NULL;
    }
    HoneBackendChoice *choice = g_new0(HoneBackendChoice, 1);
    choice->name = g_strdup(name);
    choice->numerics = g_strdup(json_object_get_string_member_with_default(object, "numerics", ""));
    choice->device = g_strdup(json_object_get_string_member_with_default(object, "device", ""));
    return choice;
}

HoneBackendChoice *hone_backend_ask(const char *program, const char *name, guint threads,
                                    const char *const *plugin_path, GError **error)
{
    g_autofree char *count = g_strdup_printf("%u", threads);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    const char *const words[] = {program, "node", "--backend-info", name, "--threads", count};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        g_ptr_array_add(argv, (gpointer)words[i]);
    for (size_t i = 0; plugin_path && plugin_path[i]; i++) {
        g_ptr_array_add(argv, (gpointer) "--plugin-path");
        g_ptr_array_add(argv, (gpointer)plugin_path[i]);
    }
    g_ptr_array_add(argv, NULL);
    g_autofree char *out = NULL, *err = NULL;
    int status = 0;
    if (!g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, &err, &status, error))
        return NULL;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return read_answer(out, error);
    if (WIFSIGNALED(status))
        g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN,
                    "backend \"%s\" was killed by SIG%s while it opened; choose another with --backend", name,
                    sigabbrev_np(WTERMSIG(status)));
    else
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "%s", g_strchomp(err));
    return NULL;
}

void hone_backend_choice_free(HoneBackendChoice *choice)
{
    if (!choice)
        return;
    g_free(choice->name);
    g_free(choice->numerics);
    g_free(choice->device);
    g_free(choice);
}

/* SPDX-License-Identifier: Apache-2.0
 * plugins.c: `hone plugins` lists what loads, and why the rest does not.
 */
#include "command.h"
#include <string.h>

static const HoneKind kinds[] = {HONE_STAGE, HONE_METRIC, HONE_REWARD, HONE_OBJECTIVE, HONE_TRACKER, HONE_BACKEND};
static const char *const headings[] = {"Stages", "Metrics", "Rewards", "Objectives", "Trackers", "Backends"};

static JsonNode *describe(const HoneRegistry *registry)
{
    g_autoptr(JsonBuilder) b = json_builder_new();
    json_builder_begin_object(b);
    json_builder_set_member_name(b, "folders");
    json_builder_begin_array(b);
    const GPtrArray *folders = hone_registry_folders(registry);
    for (guint i = 0; i < folders->len; i++)
        json_builder_add_string_value(b, folders->pdata[i]);
    json_builder_end_array(b);
    json_builder_set_member_name(b, "plugins");
    json_builder_begin_array(b);
    const GPtrArray *plugins = hone_registry_plugins(registry), *entries = hone_registry_entries(registry);
    for (guint i = 0; i < plugins->len; i++) {
        const HoneLoadedPlugin *loaded = plugins->pdata[i];
        const char *facts[][2] = {{"name", loaded->plugin->name},
                                  {"version", loaded->plugin->version},
                                  {"licence", loaded->plugin->licence},
                                  {"summary", loaded->plugin->summary},
                                  {"path", loaded->path}};
        json_builder_begin_object(b);
        for (size_t k = 0; k < G_N_ELEMENTS(facts); k++) {
            json_builder_set_member_name(b, facts[k][0]);
            json_builder_add_string_value(b, facts[k][1]);
        }
        json_builder_set_member_name(b, "components");
        json_builder_begin_array(b);
        for (guint k = 0; k < entries->len; k++) {
            const HoneEntry *entry = entries->pdata[k];
            if (entry->plugin != loaded)
                continue;
            json_builder_begin_object(b);
            json_builder_set_member_name(b, "kind");
            json_builder_add_string_value(b, hone_kind_name(entry->component->kind));
            json_builder_set_member_name(b, "name");
            json_builder_add_string_value(b, entry->component->name);
            json_builder_set_member_name(b, "version");
            json_builder_add_string_value(b, entry->component->version);
            json_builder_set_member_name(b, "summary");
            json_builder_add_string_value(b, entry->component->summary);
            if (entry->shadowed_by != NULL) {
                json_builder_set_member_name(b, "shadowed_by");
                json_builder_add_string_value(b, entry->shadowed_by->plugin->path);
            }
            json_builder_end_object(b);
        }
        json_builder_end_array(b);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
    json_builder_set_member_name(b, "refused");
    json_builder_begin_array(b);
    const GPtrArray *refused = hone_registry_refused(registry);
    for (guint i = 0; i < refused->len; i++) {
        const HoneRefusedPlugin *r = refused->pdata[i];
        json_builder_begin_object(b);
        json_builder_set_member_name(b, "path");
        json_builder_add_string_value(b, r->path);
        json_builder_set_member_name(b, "reason");
        json_builder_add_string_value(b, r->reason);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
    json_builder_end_object(b);
    return json_builder_get_root(b);
}

static void print(const HoneRegistry *registry)
{
    const GPtrArray *entries = hone_registry_entries(registry), *refused = hone_registry_refused(registry);
    int width = 0;
    for (guint i = 0; i < entries->len; i++)
        width = MAX(width, (int)strlen(((const HoneEntry *)entries->pdata[i])->component->name));
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        g_autoptr(GPtrArray) list = hone_registry_list(registry, kinds[k]);
        if (list->len > 0)
            printf("%s\n", headings[k]);
        for (guint i = 0; i < list->len; i++) {
            const HoneEntry *entry = list->pdata[i];
            printf("  %-*s  %s\n", width, entry->component->name, entry->component->summary);
        }
    }
    if (entries->len == 0) {
        printf("No plugins in:\n");
        const GPtrArray *folders = hone_registry_folders(registry);
        for (guint i = 0; i < folders->len; i++)
            printf("  %s\n", (const char *)folders->pdata[i]);
    }
    bool any = false;
    for (guint i = 0; i < entries->len; i++) {
        const HoneEntry *entry = entries->pdata[i];
        if (entry->shadowed_by == NULL)
            continue;
        printf("%s  %s \"%s\" of %s: %s comes first\n", any ? "" : "Shadowed\n", hone_kind_name(entry->component->kind),
               entry->component->name, entry->plugin->path, entry->shadowed_by->plugin->path);
        any = true;
    }
    for (guint i = 0; i < refused->len; i++) {
        const HoneRefusedPlugin *r = refused->pdata[i];
        printf("%s  %s: %s\n", i == 0 ? "Not loaded\n" : "", r->path, r->reason);
    }
}

int hone_command_plugins(int argc, char **argv)
{
    g_auto(HoneCommandOptions) options = {0};
    gboolean as_json = FALSE;
    const GOptionEntry entries[] = {
        HONE_PLUGIN_PATH_OPTION(options), {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print JSON", NULL}, {NULL}};
    int status;
    if (!hone_command_parse(entries, 0, 0, &argc, &argv, &status))
        return status;
    g_autoptr(HoneRegistry) registry = hone_registry_new((const char *const *)options.plugin_path);
    if (as_json)
        hone_print_json(describe(registry));
    else
        print(registry);
    return HONE_EXIT_OK;
}

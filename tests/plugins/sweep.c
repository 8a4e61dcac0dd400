/* SPDX-License-Identifier: Apache-2.0
 * Every plugin that the build made loads, and every component of it keeps the SDK's rules. Backends' operators have a
 * test of their own (tests/backends); of them, only memory is looked at here.
 */
#include "conform.h"
#include <string.h>

static void report(void *data, const char *check, HoneConformResult result, const char *text)
{
    const HoneComponent *component = ((const HoneEntry *)data)->component;
    g_test_message("%s %s: %s: %s", hone_kind_name(component->kind), component->name, check, text);
    if (result == HONE_CONFORM_FAILED)
        g_test_fail_printf("%s: %s", check, text);
}

static HoneRegistry *registry;

static void test_component(gconstpointer data)
{
    const HoneEntry *entry = data;
    HoneConform conform = {
        .component = entry->component, .registry = registry, .quick = true, .report = report, .data = (void *)entry};
    g_assert_true(hone_conform_run(&conform));
}

static void test_loaded(void)
{
    const GPtrArray *refused = hone_registry_refused(registry), *entries = hone_registry_entries(registry);
    for (guint i = 0; i < refused->len; i++) {
        const HoneRefusedPlugin *r = refused->pdata[i];
        g_test_fail_printf("%s: %s", r->path, r->reason);
    }
    for (guint i = 0; i < entries->len; i++) {
        const HoneEntry *entry = entries->pdata[i];
        if (entry->shadowed_by != NULL)
            g_test_fail_printf("%s of %s is also in %s", entry->component->name, entry->plugin->path,
                               entry->shadowed_by->plugin->path);
    }
    g_assert_cmpuint(hone_registry_plugins(registry)->len, ==, PLUGIN_COUNT);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    registry = hone_registry_new(NULL);
    g_test_add_func("/plugins/loaded", test_loaded);
    const GPtrArray *entries = hone_registry_entries(registry);
    for (guint i = 0; i < entries->len; i++) {
        const HoneEntry *entry = entries->pdata[i];
        g_autofree char *path = g_strdup_printf("/plugins/%s/%s/%s", entry->plugin->plugin->name,
                                                hone_kind_name(entry->component->kind), entry->component->name);
        g_test_add_data_func(path, entry, test_component);
    }
    int status = g_test_run();
    hone_registry_free(registry);
    return status;
}

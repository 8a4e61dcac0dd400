/* SPDX-License-Identifier: Apache-2.0
 * What loads, what does not and why, and which of two wins.
 */
#include "registry.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const toy_path[] = {TOY_PLUGINS, NULL};

static const char *reason_of(const HoneRegistry *registry, const char *name)
{
    const GPtrArray *refused = hone_registry_refused(registry);
    for (guint i = 0; i < refused->len; i++) {
        const HoneRefusedPlugin *r = refused->pdata[i];
        g_autofree char *base = g_path_get_basename(r->path);
        if (strcmp(base, name) == 0)
            return r->reason;
    }
    return NULL;
}

static void assert_refused(const HoneRegistry *registry, const char *name, const char *fragment)
{
    const char *reason = reason_of(registry, name);
    g_test_message("%s: %s", name, reason != NULL ? reason : "loaded");
    g_assert_nonnull(reason);
    g_assert_nonnull(strstr(reason, fragment));
}

static void test_refused(void)
{
    g_autoptr(HoneRegistry) registry = hone_registry_new(toy_path);
    assert_refused(registry, "newer_major.so", "rebuild the plugin");
    assert_refused(registry, "newer_minor.so", "update Hone");
    assert_refused(registry, "other_name.so", "\"another\"");
    assert_refused(registry, "no_symbol.so", "does not export the symbol hone_plugin");
    assert_refused(registry, "undefined.so", "no_library_has_this");
    assert_refused(registry, "null_descriptor.so", "returned NULL");
    g_assert_cmpuint(hone_registry_refused(registry)->len, ==, 6);
    /* They stopped nothing. */
    g_assert_nonnull(hone_registry_find(registry, HONE_STAGE, "toy_source", NULL));
}

static void test_find(void)
{
    g_autoptr(HoneRegistry) registry = hone_registry_new(toy_path);
    g_autoptr(GError) error = NULL;
    const HoneEntry *entry = hone_registry_find(registry, HONE_METRIC, "toy_length", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(entry->component->name, ==, "toy_length");
    g_assert_cmpstr(entry->plugin->plugin->name, ==, "toys");
    g_assert_true(g_str_has_suffix(entry->plugin->path, "/toys.so"));
    g_assert_null(hone_registry_find(registry, HONE_METRIC, "toy_lenght", &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND);
    g_assert_nonnull(strstr(error->message, "did you mean \"toy_length\"?"));
    g_clear_error(&error);
    g_assert_null(hone_registry_find(registry, HONE_STAGE, "toy_length", &error)); /* another kind */
    g_clear_error(&error);
    /* A file of that name that does not load says why. */
    g_assert_null(hone_registry_find(registry, HONE_STAGE, "newer_major", &error));
    g_assert_nonnull(strstr(error->message, "rebuild the plugin"));
    g_autoptr(GPtrArray) stages = hone_registry_list(registry, HONE_STAGE);
    for (guint i = 1; i < stages->len; i++) {
        const HoneEntry *a = stages->pdata[i - 1], *b = stages->pdata[i];
        g_assert_cmpstr(a->component->name, <, b->component->name);
    }
}

static char *copy_into(const char *folder, const char *name, gsize most)
{
    g_autofree char *text = NULL, *from = g_build_filename(TOY_PLUGINS, "toys.so", NULL);
    gsize length = 0;
    g_assert_true(g_file_get_contents(from, &text, &length, NULL));
    char *to = g_build_filename(folder, name, NULL);
    g_assert_true(g_file_set_contents(to, text, (gssize)MIN(length, most), NULL));
    return to;
}

static void test_shadowed(void)
{
    g_autofree char *folder = g_dir_make_tmp("hone-test-XXXXXX", NULL);
    g_autofree char *copy = copy_into(folder, "toys.so", G_MAXSIZE);
    const char *path[] = {folder, TOY_PLUGINS, NULL};
    g_autoptr(HoneRegistry) registry = hone_registry_new(path);
    const HoneEntry *entry = hone_registry_find(registry, HONE_STAGE, "toy_source", NULL);
    g_assert_cmpstr(entry->plugin->path, ==, copy); /* the first folder wins */
    guint shadowed = 0, used = 0;
    const GPtrArray *entries = hone_registry_entries(registry);
    for (guint i = 0; i < entries->len; i++) {
        const HoneEntry *e = entries->pdata[i];
        shadowed += e->shadowed_by != NULL;
        used += e->shadowed_by == NULL;
        if (e->shadowed_by != NULL)
            g_assert_cmpstr(e->shadowed_by->plugin->path, ==, copy);
    }
    g_assert_cmpuint(shadowed, ==, used);
    g_remove(copy);
    g_rmdir(folder);
}

/* Files cut short, or no plugins at all, are refused; mapping them could kill the process. */
static void test_rubbish(void)
{
    g_autofree char *folder = g_dir_make_tmp("hone-test-XXXXXX", NULL);
    g_autofree char *text = g_build_filename(folder, "text.so", NULL),
                    *empty = g_build_filename(folder, "empty.so", NULL);
    g_autofree char *fifo = g_build_filename(folder, "fifo.so", NULL), *dir = g_build_filename(folder, "dir.so", NULL);
    g_autofree char *dangling = g_build_filename(folder, "dangling.so", NULL);
    g_assert_true(g_file_set_contents(text, "hello", -1, NULL));
    g_assert_true(g_file_set_contents(empty, "", 0, NULL));
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    g_assert_cmpint(g_mkdir(dir, 0700), ==, 0);
    g_assert_cmpint(symlink("/no/such/file", dangling), ==, 0);
    g_autoptr(GPtrArray) cuts = g_ptr_array_new_with_free_func(g_free);
    const gsize sizes[] = {3, 40, 64, 100, 1000, 4096, 8192, 12000, 16000};
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *name = g_strdup_printf("cut%zu.so", sizes[i]);
        g_ptr_array_add(cuts, copy_into(folder, name, sizes[i]));
    }
    const char *path[] = {folder, NULL};
    g_autoptr(HoneRegistry) registry = hone_registry_new(path);
    g_assert_cmpuint(hone_registry_plugins(registry)->len, ==, 0);
    g_assert_cmpuint(hone_registry_refused(registry)->len, ==, 5 + cuts->len);
    assert_refused(registry, "text.so", "not a shared object");
    assert_refused(registry, "empty.so", "not a shared object");
    assert_refused(registry, "fifo.so", "not a file");
    assert_refused(registry, "dir.so", "not a file");
    for (guint i = 0; i < cuts->len; i++)
        g_remove(cuts->pdata[i]);
    g_remove(text);
    g_remove(empty);
    g_remove(fifo);
    g_remove(dangling);
    g_rmdir(dir);
    g_rmdir(folder);
}

static void test_folders(void)
{
    /* Named twice, searched once; folders that are not there are none. */
    const char *path[] = {"/no/such/folder:" TOY_PLUGINS, TOY_PLUGINS "/../plugins", NULL};
    g_autoptr(HoneRegistry) registry = hone_registry_new(path);
    g_assert_cmpuint(hone_registry_refused(registry)->len, ==, 6);
    g_assert_cmpstr(hone_registry_folders(registry)->pdata[0], ==, "/no/such/folder");
    g_assert_cmpstr(hone_registry_folders(registry)->pdata[1], ==, TOY_PLUGINS);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_unsetenv("HONE_PLUGIN_PATH"); /* these tests bring their own */
    g_test_add_func("/registry/refused", test_refused);
    g_test_add_func("/registry/find", test_find);
    g_test_add_func("/registry/shadowed", test_shadowed);
    g_test_add_func("/registry/rubbish", test_rubbish);
    g_test_add_func("/registry/folders", test_folders);
    return g_test_run();
}

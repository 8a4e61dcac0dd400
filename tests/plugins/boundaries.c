/* SPDX-License-Identifier: Apache-2.0
 * The tree's one-way street: sdk/ knows neither the host nor a plugin, a plugin knows the SDK and its own folder, the
 * host knows no plugin. Read from the #include lines of every source file.
 */
#include <glib.h>
#include <stdbool.h>
#include <string.h>

static guint files_seen;

static void read_file(const char *file, const char *folder, void (*visit)(const char *, const char *, const char *))
{
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(file, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (gsize i = 0; lines[i] != NULL; i++) {
        const char *line = lines[i];
        if (!g_str_has_prefix(line, "#include"))
            continue;
        const char *open = strpbrk(line, "<\"");
        const char *close = open != NULL ? strpbrk(open + 1, ">\"") : NULL;
        if (close == NULL)
            continue; /* by a macro: the name stands elsewhere, in quotes */
        g_autofree char *name = g_strndup(open + 1, (gsize)(close - open - 1));
        visit(file, folder, name);
    }
    files_seen++;
}

static void walk(const char *folder, void (*visit)(const char *, const char *, const char *))
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_assert_nonnull(dir);
    const char *name;
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        if (g_file_test(path, G_FILE_TEST_IS_DIR))
            walk(path, visit);
        else if (g_str_has_suffix(name, ".c") || g_str_has_suffix(name, ".h"))
            read_file(path, folder, visit);
    }
}

/* The folder at the root of the source that an include names by its path, resolved from where it stands; NULL where it
 * is a system header or one of the SDK's public ones. */
static char *target_of(const char *folder, const char *include)
{
    const char *root = g_getenv("HONE_TEST_SOURCE");
    const char *const bases[] = {folder, "", "host", "sdk", "plugins"};
    for (gsize i = 0; i < G_N_ELEMENTS(bases); i++) {
        g_autofree char *base = i == 0 ? g_strdup(folder) : g_build_filename(root, bases[i], NULL);
        g_autofree char *path = g_canonicalize_filename(include, base);
        if (!g_file_test(path, G_FILE_TEST_EXISTS) || !g_str_has_prefix(path, root))
            continue;
        return g_strdup(path + strlen(root) + 1);
    }
    return NULL;
}

static void refuse(const char *file, const char *include, const char *why)
{
    g_test_fail_printf("%s includes \"%s\": %s", file, include, why);
}

static void visit_plugin(const char *file, const char *folder, const char *include)
{
    g_autofree char *target = target_of(folder, include);
    if (target == NULL || g_str_has_prefix(target, "sdk/hone/"))
        return;
    if (!g_str_has_prefix(target, "plugins/"))
        refuse(file, include, "a plugin sees the SDK's public headers and its own files only");
}

static void visit_sdk(const char *file, const char *folder, const char *include)
{
    g_autofree char *target = target_of(folder, include);
    if (target != NULL && !g_str_has_prefix(target, "sdk/"))
        refuse(file, include, "the SDK knows neither the host nor a plugin");
}

static void visit_host(const char *file, const char *folder, const char *include)
{
    g_autofree char *target = target_of(folder, include);
    if (target != NULL && !g_str_has_prefix(target, "host/") && !g_str_has_prefix(target, "sdk/hone/"))
        refuse(file, include, "the host sees its own files and the SDK's public headers only");
}

static void walk_part(const char *part, void (*visit)(const char *, const char *, const char *))
{
    files_seen = 0;
    g_autofree char *folder = g_build_filename(g_getenv("HONE_TEST_SOURCE"), part, NULL);
    walk(folder, visit);
    g_assert_cmpuint(files_seen, >, 5); /* it looked at something */
}

static void test_plugins(void)
{
    walk_part("plugins", visit_plugin);
}

static void test_sdk(void)
{
    walk_part("sdk/hone", visit_sdk);
    walk_part("sdk/core", visit_sdk);
    walk_part("sdk/model", visit_sdk);
}

static void test_host(void)
{
    walk_part("host", visit_host);
}

/* The reader can tell. */
static void test_reader(void)
{
    const char *root = g_getenv("HONE_TEST_SOURCE");
    g_autofree char *plugin = g_build_filename(root, "plugins", "data", NULL);
    g_autofree char *relative = target_of(plugin, "../../host/registry.h"), *bare = target_of(plugin, "registry.h");
    g_autofree char *public = target_of(plugin, "hone/plugin.h"), *system = target_of(plugin, "stdio.h");
    g_assert_cmpstr(relative, ==, "host/registry.h");
    g_assert_cmpstr(bare, ==, "host/registry.h");
    g_assert_cmpstr(public, ==, "sdk/hone/plugin.h");
    g_assert_null(system);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/boundaries/reader", test_reader);
    g_test_add_func("/boundaries/plugins", test_plugins);
    g_test_add_func("/boundaries/sdk", test_sdk);
    g_test_add_func("/boundaries/host", test_host);
    return g_test_run();
}

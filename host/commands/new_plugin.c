/* SPDX-License-Identifier: Apache-2.0
 * new_plugin.c: `hone new-plugin NAME --kind KIND` writes a project from the templates in sdk/template: it builds and
 * passes its test as it is.
 */
#include "command.h"
#include "template.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <hone/file.h>
#include <string.h>
#include <unistd.h>

static const char *const kinds[] = {"stage", "metric", "objective", "backend"};
static const char *const files[] = {"meson.build", "plugin.c", "test.c", "README.md"};

static bool is_name(const char *name)
{
    if (!g_ascii_islower(name[0]))
        return false;
    for (const char *c = name; *c != 0; c++) {
        if (!g_ascii_islower(*c) && !g_ascii_isdigit(*c) && *c != '_')
            return false;
    }
    return strlen(name) <= 64;
}

static bool write_one(const char *folder, const char *kind, const char *file, const char *name, GError **error)
{
    bool common = strcmp(file, "meson.build") == 0;
    g_autofree char *source = g_strdup_printf("/hone/template/%s/%s", common ? "common" : kind, file);
    g_autoptr(GBytes) bytes = g_resource_lookup_data(template_get_resource(), source, 0, error);
    if (bytes == NULL)
        return false;
    gsize size = 0;
    const char *data = g_bytes_get_data(bytes, &size);
    GString *text = g_string_new_len(data, (gssize)size);
    g_string_replace(text, "@NAME@", name, 0);
    g_autofree char *path = g_build_filename(folder, file, NULL);
    bool good = hone_file_write(path, text->str, text->len, error);
    g_string_free(text, TRUE);
    return good;
}

static void discard(const char *folder)
{
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(folder, files[i], NULL);
        g_remove(path);
    }
    g_rmdir(folder);
}

/* Written aside and renamed: there is a whole project, or none. */
static bool write_project(const char *target, const char *kind, const char *name, GError **error)
{
    g_autofree char *aside = g_strconcat(target, ".XXXXXX", NULL);
    if (g_mkdtemp_full(aside, 0755) == NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: %s", target, g_strerror(errno));
        return false;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        if (!write_one(aside, kind, files[i], name, error)) {
            discard(aside);
            return false;
        }
    }
    if (g_rename(aside, target) == 0)
        return true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: %s", target, g_strerror(errno));
    discard(aside);
    return false;
}

/* The option that lets meson find a Hone that is built but not installed, or "". Caller frees. */
static char *uninstalled_option(void)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = program != NULL ? g_path_get_dirname(program) : NULL;
    if (g_strcmp0(folder, HONE_BUILD_PROGRAM_FOLDER) != 0)
        return g_strdup("");
    g_autofree char *build = g_path_get_dirname(folder);
    g_autofree char *option = g_strdup_printf("-Dpkg_config_path=%s/meson-uninstalled", build);
    g_autofree char *quoted = g_shell_quote(option);
    return g_strconcat(" ", quoted, NULL);
}

int hone_command_new_plugin(int argc, char **argv)
{
    g_autofree char *kind = NULL, *dir = NULL;
    const GOptionEntry entries[] = {
        {"kind", 0, 0, G_OPTION_ARG_STRING, &kind, "stage, metric, objective or backend", "KIND"},
        {"dir", 0, 0, G_OPTION_ARG_FILENAME, &dir, "Folder to make the project's folder in", "FOLDER"},
        {NULL}};
    int status;
    if (!hone_command_parse(entries, 1, 1, &argc, &argv, &status))
        return status;
    const char *name = argv[1];
    if (!is_name(name)) {
        hone_complain("a plugin's name is made of small letters, digits and _, and begins with a letter; not \"%s\"",
                      name);
        return HONE_EXIT_USAGE;
    }
    bool known = false;
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        known = known || g_strcmp0(kind, kinds[i]) == 0;
    if (!known) {
        g_autofree char *hint = hone_did_you_mean(kind != NULL ? kind : "", kinds, G_N_ELEMENTS(kinds));
        hone_complain("--kind must be stage, metric, objective or backend%s", hint);
        return HONE_EXIT_USAGE;
    }
    g_autofree char *target = g_build_filename(dir != NULL ? dir : ".", name, NULL);
    if (g_file_test(target, G_FILE_TEST_EXISTS)) {
        hone_complain("%s is there already", target);
        return HONE_EXIT_FAILED;
    }
    g_autoptr(GError) error = NULL;
    if (!write_project(target, kind, name, &error)) {
        hone_complain("%s", error->message);
        return HONE_EXIT_FAILED;
    }
    g_autofree char *option = uninstalled_option();
    printf("Wrote %s: plugin.c, test.c, meson.build, README.md. Next:\n\n"
           "  cd %s\n  meson setup build%s\n  meson test -C build\n",
           target, target, option);
    return HONE_EXIT_OK;
}

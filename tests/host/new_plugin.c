/* SPDX-License-Identifier: Apache-2.0
 * `hone new-plugin` for each kind: the project builds out of the tree, passes its own test, and its component is found
 * by --plugin-path. Where nothing can be built (no meson, or a sanitizer that the project would not share), only the
 * files are looked at.
 */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

static char *folder, *program, *build_root;

static int run(const char *cwd, char **output, const char *const *argv)
{
    g_autofree char *out = NULL, *err = NULL;
    g_autoptr(GError) error = NULL;
    int status = 0;
    g_spawn_sync(cwd, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status, &error);
    g_assert_no_error(error);
    g_autofree char *command = g_strjoinv(" ", (char **)argv);
    if (status != 0)
        g_test_message("%s\n%s%s", command, out, err);
    if (output != NULL)
        *output = g_strconcat(out, err, NULL);
    return g_spawn_check_wait_status(status, NULL) ? 0 : WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define RUN(cwd, output, ...) run((cwd), (output), (const char *const[]){__VA_ARGS__, NULL})

/* Why the project cannot be built here, or NULL. */
static const char *cannot_build(void)
{
#ifdef __SANITIZE_ADDRESS__
    return "built with a sanitizer: a project outside would need the same";
#endif
    g_autofree char *meson = g_find_program_in_path("meson"), *pkg_config = g_find_program_in_path("pkg-config");
    return meson == NULL || pkg_config == NULL ? "meson or pkg-config is not on the path" : NULL;
}

static void test_kind(gconstpointer data)
{
    const char *kind = data;
    g_autofree char *name = g_strdup_printf("my_%s", kind);
    g_autofree char *project = g_build_filename(folder, name, NULL), *source = NULL;
    g_assert_cmpint(RUN(folder, NULL, program, "new-plugin", name, "--kind", kind, "--dir", folder), ==, 0);
    g_autofree char *file = g_build_filename(project, "plugin.c", NULL);
    g_assert_true(g_file_get_contents(file, &source, NULL, NULL));
    g_assert_null(strstr(source, "@NAME@"));
    g_assert_nonnull(strstr(source, name));
    /* A second time it is there already, and stays as it is. */
    g_assert_cmpint(RUN(folder, NULL, program, "new-plugin", name, "--kind", kind, "--dir", folder), ==, 1);
    const char *reason = cannot_build();
    if (reason != NULL) {
        g_test_skip(reason);
        return;
    }
    g_autofree char *option = g_strdup_printf("-Dpkg_config_path=%s/meson-uninstalled", build_root);
    g_assert_cmpint(RUN(project, NULL, "meson", "setup", "build", option, "-Dwerror=true"), ==, 0);
    g_assert_cmpint(RUN(project, NULL, "meson", "test", "-C", "build", "--print-errorlogs"), ==, 0);
    g_autofree char *inspect = NULL;
    g_assert_cmpint(RUN(project, &inspect, program, "inspect", name, "--plugin-path", "build"), ==, 0);
    g_assert_nonnull(strstr(inspect, name));
}

static void test_refusals(void)
{
    g_autofree char *hint = NULL;
    g_assert_cmpint(RUN(folder, NULL, program, "new-plugin", "Loud", "--kind", "stage"), ==, 2);
    g_assert_cmpint(RUN(folder, NULL, program, "new-plugin", "../loud", "--kind", "stage"), ==, 2);
    g_assert_cmpint(RUN(folder, NULL, program, "new-plugin", "loud"), ==, 2);
    g_assert_cmpint(RUN(folder, &hint, program, "new-plugin", "loud", "--kind", "stag"), ==, 2);
    g_assert_nonnull(strstr(hint, "did you mean \"stage\"?"));
    g_assert_cmpint(RUN(folder, NULL, program, "new-plugin", "loud", "--kind", "stage", "--dir", "no/such"), ==, 1);
    g_autofree char *loud = g_build_filename(folder, "loud", NULL);
    g_assert_false(g_file_test(loud, G_FILE_TEST_EXISTS));
}

static void remove_tree(const char *path)
{
    if (!g_file_test(path, G_FILE_TEST_IS_SYMLINK) && g_file_test(path, G_FILE_TEST_IS_DIR)) {
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
        const char *name;
        while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
            g_autofree char *below = g_build_filename(path, name, NULL);
            remove_tree(below);
        }
    }
    g_remove(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    build_root = g_strdup(g_getenv("HONE_TEST_BUILD"));
    program = g_build_filename(build_root, "host", "hone", NULL);
    folder = g_dir_make_tmp("hone-test-XXXXXX", NULL);
    static const char *const kinds[] = {"stage", "metric", "objective", "backend"};
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *path = g_strdup_printf("/new_plugin/%s", kinds[i]);
        g_test_add_data_func(path, kinds[i], test_kind);
    }
    g_test_add_func("/new_plugin/refusals", test_refusals);
    int status = g_test_run();
    remove_tree(folder);
    g_free(folder);
    g_free(program);
    g_free(build_root);
    return status;
}

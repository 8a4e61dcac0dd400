/* SPDX-License-Identifier: Apache-2.0
 * run_fixture.c: runs the program that was built.
 */
#include "run_fixture.h"
#include "store.h"
#include <glib/gstdio.h>
#include <hone/json.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static JsonNode *last_output;

void fixture_set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    f->folder = g_dir_make_tmp("hone-run-XXXXXX", &error);
    g_assert_no_error(error);
}

void fixture_tear_down(Fixture *f, gconstpointer data)
{
    hone_remove_tree(f->folder);
    g_free(f->folder);
    g_free(f->out);
    g_free(f->err);
    g_clear_pointer(&last_output, json_node_unref);
}

int fixture_main(int *argc, char ***argv)
{
    g_autofree char *path = g_strdup_printf("%s:%s/plugins", RUN_PLUGINS, g_getenv("HONE_TEST_BUILD"));
    g_setenv("HONE_PLUGIN_PATH", path, TRUE);
    g_setenv("HONE_SYSTEM_PLUGINS", "", TRUE);
    g_unsetenv("HONE_STORE");
    g_test_init(argc, argv, NULL);
    return 0;
}

char *fixture_path(Fixture *f, const char *name)
{
    return g_build_filename(f->folder, name, NULL);
}

void fixture_put(Fixture *f, const char *name, const char *content)
{
    g_autofree char *path = fixture_path(f, name);
    g_autoptr(GError) error = NULL;
    g_file_set_contents(path, content, -1, &error);
    g_assert_no_error(error);
}

void fixture_pipeline(Fixture *f, const char *nodes)
{
    g_autofree char *text = g_strdup_printf("{\"hone\": 1, \"name\": \"test\", \"nodes\": {%s}}", nodes);
    fixture_put(f, "p.json", text);
}

/* "hone" and the words. */
static GPtrArray *words(va_list args)
{
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(argv, g_build_filename(g_getenv("HONE_TEST_BUILD"), "host", "hone", NULL));
    for (const char *word = va_arg(args, const char *); word; word = va_arg(args, const char *))
        g_ptr_array_add(argv, g_strdup(word));
    g_ptr_array_add(argv, NULL);
    return argv;
}

static int exit_status(GSubprocess *process)
{
    if (g_subprocess_get_if_signaled(process))
        return 128 + g_subprocess_get_term_sig(process);
    return g_subprocess_get_exit_status(process);
}

void hone(Fixture *f, ...)
{
    va_list args;
    va_start(args, f);
    g_autoptr(GPtrArray) argv = words(args);
    va_end(args);
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
    g_subprocess_launcher_set_cwd(launcher, f->folder);
    g_autoptr(GError) error = NULL;
    g_autoptr(GSubprocess) process = g_subprocess_launcher_spawnv(launcher, (const char *const *)argv->pdata, &error);
    g_assert_no_error(error);
    g_clear_pointer(&f->out, g_free);
    g_clear_pointer(&f->err, g_free);
    g_clear_pointer(&last_output, json_node_unref);
    g_subprocess_communicate_utf8(process, NULL, NULL, &f->out, &f->err, &error);
    g_assert_no_error(error);
    f->status = exit_status(process);
}

GSubprocess *hone_start(Fixture *f, const char *name, ...)
{
    va_list args;
    va_start(args, name);
    g_autoptr(GPtrArray) argv = words(args);
    va_end(args);
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_NONE);
    g_autofree char *out = g_strconcat(f->folder, "/", name, ".out", NULL);
    g_autofree char *err = g_strconcat(f->folder, "/", name, ".err", NULL);
    g_subprocess_launcher_set_cwd(launcher, f->folder);
    g_subprocess_launcher_set_stdout_file_path(launcher, out);
    g_subprocess_launcher_set_stderr_file_path(launcher, err);
    g_autoptr(GError) error = NULL;
    GSubprocess *process = g_subprocess_launcher_spawnv(launcher, (const char *const *)argv->pdata, &error);
    g_assert_no_error(error);
    return process;
}

int hone_wait(GSubprocess *process)
{
    g_subprocess_wait(process, NULL, NULL);
    int status = exit_status(process);
    g_object_unref(process);
    return status;
}

pid_t hone_pid(GSubprocess *process)
{
    const char *text = g_subprocess_get_identifier(process);
    return text ? (pid_t)g_ascii_strtoll(text, NULL, 10) : 0;
}

GArray *children(pid_t parent)
{
    GArray *found = g_array_new(FALSE, FALSE, sizeof(pid_t));
    g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
    for (const char *name = g_dir_read_name(dir); name; name = g_dir_read_name(dir)) {
        g_autofree char *path = g_build_filename("/proc", name, "stat", NULL), *text = NULL;
        if (!g_ascii_isdigit(name[0]) || !g_file_get_contents(path, &text, NULL, NULL))
            continue;
        /* PID (NAME) STATE PPID */
        const char *after = strrchr(text, ')');
        if (after && strlen(after) > 4 && after[2] != 'Z' && g_ascii_strtoll(after + 4, NULL, 10) == parent) {
            pid_t pid = (pid_t)g_ascii_strtoll(name, NULL, 10);
            g_array_append_val(found, pid);
        }
    }
    return found;
}

void wait_until(bool (*f)(gconstpointer data), gconstpointer data, const char *what)
{
    for (int i = 0; i < 6000; i++) {
        if (f(data))
            return;
        g_usleep(10000);
    }
    g_error("waited a minute in vain: %s", what);
}

/* ---- What `hone run --json` said. ---- */

JsonObject *output_object(Fixture *f)
{
    if (!last_output) {
        g_autoptr(GError) error = NULL;
        last_output = hone_json_parse(f->out, strlen(f->out), "output", &error);
        if (error)
            g_error("%s\nout: %s\nerr: %s", error->message, f->out, f->err);
    }
    return json_node_get_object(last_output);
}

static JsonObject *node_object(Fixture *f, const char *node)
{
    JsonObject *nodes = json_object_get_object_member(output_object(f), "nodes");
    g_assert_true(json_object_has_member(nodes, node));
    return json_object_get_object_member(nodes, node);
}

char *node_text(Fixture *f, const char *node, const char *member)
{
    return g_strdup(json_object_get_string_member_with_default(node_object(f, node), member, NULL));
}

char *node_state(Fixture *f, const char *node)
{
    return node_text(f, node, "state");
}

static char *output_member(Fixture *f, const char *node, const char *port, const char *member)
{
    JsonObject *object = node_object(f, node);
    g_assert_true(json_object_has_member(object, "outputs"));
    JsonObject *output = json_object_get_object_member(json_object_get_object_member(object, "outputs"), port);
    g_assert_nonnull(output);
    return g_strdup(json_object_get_string_member(output, member));
}

char *output_hash(Fixture *f, const char *node, const char *port)
{
    return output_member(f, node, port, "hash");
}

char *output_folder(Fixture *f, const char *node, const char *port)
{
    return output_member(f, node, port, "folder");
}

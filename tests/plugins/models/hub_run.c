/* SPDX-License-Identifier: Apache-2.0
 * Models on a hub as a user meets them: in a pipeline that is checked, planned, run and run again, and by the commands
 * that take a model.
 */
#include "hub_server.h"
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <signal.h>
#include <string.h>

typedef struct Said {
    int status;
    char *out, *err;
} Said;

static void said_clear(Said *said)
{
    g_free(said->out);
    g_free(said->err);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Said, said_clear)

static GSubprocess *start(World *world, const char *const *words)
{
    g_autofree char *program = g_build_filename(g_getenv("HONE_TEST_BUILD"), "host", "hone", NULL);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, program);
    for (size_t i = 0; words[i]; i++)
        g_ptr_array_add(argv, (gpointer)words[i]);
    g_ptr_array_add(argv, NULL);
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
    g_subprocess_launcher_set_cwd(launcher, world->folder);
    g_subprocess_launcher_setenv(launcher, "XDG_CACHE_HOME", world->folder, TRUE);
    g_autoptr(GError) error = NULL;
    GSubprocess *child = g_subprocess_launcher_spawnv(launcher, (const char *const *)argv->pdata, &error);
    g_assert_no_error(error);
    return child;
}

static void finish(World *world, GSubprocess *child, Said *said)
{
    g_autoptr(GBytes) out = NULL, err = NULL;
    g_autoptr(GError) error = NULL;
    g_subprocess_communicate(child, NULL, NULL, &out, &err, &error);
    g_assert_no_error(error);
    g_assert_true(g_subprocess_get_if_exited(child));
    said->status = g_subprocess_get_exit_status(child);
    said->out = g_strndup(g_bytes_get_size(out) ? g_bytes_get_data(out, NULL) : "", g_bytes_get_size(out));
    said->err = g_strndup(g_bytes_get_size(err) ? g_bytes_get_data(err, NULL) : "", g_bytes_get_size(err));
    g_test_message("status %d\n%s\n%s", said->status, said->out, said->err);
    world_check_sound(world);
}

static void run(World *world, Said *said, const char *const *words)
{
    g_autoptr(GSubprocess) child = start(world, words);
    finish(world, child, said);
}

#define HONE(name, ...)                                                                                                \
    g_auto(Said) name = {0};                                                                                           \
    run(world, &name, (const char *const[]){__VA_ARGS__, NULL})

static void serve_file(World *world, const char *path, const char *name, bool large)
{
    g_autofree char *full = g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", path, NULL), *content = NULL;
    gsize size;
    g_autoptr(GError) error = NULL;
    g_file_get_contents(full, &content, &size, &error);
    g_assert_no_error(error);
    server_file(world->server, name, content, size, large);
}

static void serve_model(World *world)
{
    serve_file(world, "model/data/families/llama/config.json", "config.json", false);
    serve_file(world, "model/data/families/llama/model.safetensors", "model.safetensors", true);
    server_file(world->server, "README.md", "---\nlicense: apache-2.0\n---\n# Tiny\n", 34, false);
}

static void write_pipeline(World *world, const char *params)
{
    g_autofree char *path = g_build_filename(world->folder, "p.json", NULL);
    g_autofree char *text =
        g_strdup_printf("{\"hone\": 1, \"name\": \"p\", \"nodes\": {\"base\": {\"stage\": \"model\", "
                        "\"params\": {%s}}}}",
                        params);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

#define PATH "\"path\": \"" REPOSITORY "\""

static void test_pipeline(World *world, gconstpointer data)
{
    serve_model(world);
    write_pipeline(world, PATH);
    HONE(check, "check", "p.json");
    g_assert_cmpint(check.status, ==, 0);
    assert_holds(check.out, "warning");
    assert_holds(check.out, "a run downloads it");
    g_assert_cmpuint(server_count(world->server, "GET", ""), ==, 0); /* a check asks nobody */
    HONE(plan, "plan", "p.json");
    g_assert_cmpint(plan.status, ==, 0);
    assert_holds(plan.out, REPOSITORY "@" COMMIT " is to be downloaded");
    g_assert_cmpuint(server_count(world->server, "GET", "/resolve/"), ==, 0);
    HONE(first, "run", "p.json");
    g_assert_cmpint(first.status, ==, 0);
    assert_holds(first.err, "base: runs model (to be downloaded)");
    world_check_files(world, COMMIT, "README.md config.json model.safetensors");
    /* What the model's artifact says of where it is from. */
    HONE(show, "show", "base", "--json");
    assert_holds(show.out, "\"repository\" : \"" REPOSITORY "\"");
    assert_holds(show.out, "\"commit\" : \"" COMMIT "\"");
    assert_holds(show.out, "/snapshots/" COMMIT "\"");
    assert_holds(show.out, "\"licence\" : \"apache-2.0\"");
    HONE(again, "run", "p.json");
    assert_holds(again.err, "base: unchanged, taken from the store");
    HONE(good, "check", "p.json");
    g_assert_null(strstr(good.out, "warning"));
}

static void test_moved(World *world, gconstpointer data)
{
    serve_model(world);
    write_pipeline(world, PATH);
    HONE(first, "run", "p.json");
    g_assert_cmpint(first.status, ==, 0);
    server_set_commit(world->server, COMMIT2);
    g_setenv("HF_HUB_OFFLINE", "1", TRUE);
    HONE(offline, "run", "p.json"); /* as it was */
    g_unsetenv("HF_HUB_OFFLINE");
    g_assert_cmpint(offline.status, ==, 0);
    assert_holds(offline.err, "taken from the store");
    HONE(second, "run", "p.json");
    g_assert_cmpint(second.status, ==, 0);
    assert_holds(second.err, "base: runs model");
    HONE(pinned_first, "run", "p.json", "--set", "base.path=" REPOSITORY "@" COMMIT);
    g_assert_cmpint(pinned_first.status, ==, 0);
    HONE(third, "run", "p.json");
    assert_holds(third.err, "taken from the store");
}

/* The result is in the store, and the cache has been emptied. */
static void test_emptied(World *world, gconstpointer data)
{
    serve_model(world);
    write_pipeline(world, PATH);
    HONE(first, "run", "p.json");
    remove_tree(world->cache);
    HONE(again, "run", "p.json");
    g_assert_cmpint(again.status, ==, 0);
    assert_holds(again.err, "to be downloaded");
    world_check_files(world, COMMIT, "README.md config.json model.safetensors");
    remove_tree(world->cache);
    g_setenv("HF_HUB_OFFLINE", "1", TRUE);
    HONE(check, "check", "p.json");
    HONE(offline, "run", "p.json");
    g_unsetenv("HF_HUB_OFFLINE");
    g_assert_cmpint(check.status, ==, 2);
    assert_holds(check.out, "not in the hub's cache");
    g_assert_cmpint(offline.status, ==, 2);
    assert_holds(offline.err, "HF_HUB_OFFLINE");
}

static void test_away(World *world, gconstpointer data)
{
    serve_model(world);
    write_pipeline(world, PATH ", \"attempts\": 2, \"retry_delay\": 0.01");
    HONE(first, "run", "p.json");
    g_clear_pointer(&world->server, server_free);
    HONE(again, "run", "p.json");
    g_assert_cmpint(again.status, ==, 0);
    assert_holds(again.err, "taken from the cache, as it was when last downloaded");
    assert_holds(again.err, "taken from the store");
    HONE(other, "run", "p.json", "--set", "base.path=" REPOSITORY "@v2");
    g_assert_cmpint(other.status, ==, 1);
    assert_holds(other.err, "base: failed: " REPOSITORY " at http://127.0.0.1");
}

static void test_mistakes(World *world, gconstpointer data)
{
    write_pipeline(world, "\"path\": \"acme/absent\"");
    HONE(absent, "run", "p.json");
    g_assert_cmpint(absent.status, ==, 1);
    assert_holds(absent.err, "401 (not authorized): \"Repository not found\"; check the name acme/absent");
    write_pipeline(world, "\"path\": \"models/none.gguf\"");
    HONE(file, "check", "p.json");
    g_assert_cmpint(file.status, ==, 2);
    assert_holds(file.out, "no file \"models/none.gguf\"");
    g_assert_cmpuint(server_count(world->server, "GET", "none"), ==, 0);
}

static bool stall_on_weights(Request *request, gpointer data)
{
    if (!request->cdn)
        return false;
    gsize size;
    const guint8 *content = request_content(request, &size);
    request_print(request, "HTTP/1.1 200 OK\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n", size);
    request_send(request, content, 1000);
    *(gint *)data = 1;
    request_stall(request);
    return true;
}

static void test_interrupt(World *world, gconstpointer data)
{
    gint reached = 0;
    serve_model(world);
    write_pipeline(world, PATH);
    server_fault(world->server, stall_on_weights, &reached);
    const char *const words[] = {"run", "p.json", NULL};
    g_autoptr(GSubprocess) child = start(world, words);
    for (int i = 0; !g_atomic_int_get(&reached); i++) {
        g_assert_cmpint(i, <, 6000); /* a minute */
        g_usleep(10000);
    }
    g_subprocess_send_signal(child, SIGINT);
    gint64 began = g_get_monotonic_time();
    g_auto(Said) said = {0};
    finish(world, child, &said);
    g_assert_cmpint(said.status, ==, 130);
    g_assert_cmpint(g_get_monotonic_time() - began, <, 25 * G_USEC_PER_SEC); /* not the timeout of 30 s */
    server_fault(world->server, NULL, NULL);
    HONE(again, "run", "p.json");
    g_assert_cmpint(again.status, ==, 0);
    world_check_files(world, COMMIT, "README.md config.json model.safetensors");
}

static void test_generate(World *world, gconstpointer data)
{
    serve_file(world, "train/data/tiny.gguf", "tiny-F32.gguf", true);
    g_autofree char *local =
        g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "train", "data", "tiny.gguf", NULL);
    HONE(plain, "generate", local, "--prompt", "hello", "--max-tokens", "8");
    HONE(first, "generate", REPOSITORY, "--prompt", "hello", "--max-tokens", "8");
    g_assert_cmpint(first.status, ==, 0);
    g_assert_cmpstr(first.out, ==, plain.out);
    unsigned before = server_count(world->server, "GET", "/cdn/");
    HONE(again, "generate", REPOSITORY ":tiny-F32.gguf", "--prompt", "hello", "--max-tokens", "8");
    g_assert_cmpstr(again.out, ==, plain.out);
    g_assert_cmpuint(server_count(world->server, "GET", "/cdn/"), ==, before);
    g_setenv("HF_HUB_OFFLINE", "1", TRUE);
    HONE(offline, "generate", REPOSITORY, "--prompt", "hello", "--max-tokens", "8");
    HONE(missing, "generate", REPOSITORY "@v9", "--prompt", "hello");
    g_unsetenv("HF_HUB_OFFLINE");
    g_assert_cmpstr(offline.out, ==, plain.out);
    g_assert_cmpint(missing.status, ==, 1);
    assert_holds(missing.err, "not in the hub's cache");
    g_assert_null(strstr(first.err, "CRITICAL"));
    /* Nothing is left in the current folder, and no record of each command. */
    g_autofree char *store = g_build_filename(world->folder, ".hone", NULL);
    g_assert_false(g_file_test(store, G_FILE_TEST_EXISTS));
    HONE(none, "generate", "models/none.gguf", "--prompt", "hello");
    assert_holds(none.err, "no such file");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/hub-run/pipeline", test_pipeline);
    ADD("/hub-run/moved", test_moved);
    ADD("/hub-run/emptied", test_emptied);
    ADD("/hub-run/away", test_away);
    ADD("/hub-run/mistakes", test_mistakes);
    ADD("/hub-run/interrupt", test_interrupt);
    ADD("/hub-run/generate", test_generate);
    return g_test_run();
}

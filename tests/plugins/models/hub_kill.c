/* SPDX-License-Identifier: Apache-2.0
 * Downloads by processes that are killed in the middle, and by several at once: what has come is kept, nothing comes
 * twice, and the cache is sound at every moment.
 */
#include "hub_server.h"
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#define LARGE "model-00001-of-00003.safetensors"
#define LARGE_BYTES 700000

/* ---- The child. ---- */

static int fetch_and_end(const char *name)
{
    const HubOptions options = {.connections = 3, .attempts = 3, .timeout = 10, .retry_delay = 0.01};
    g_auto(HubModel) model = {0};
    g_autoptr(GError) error = NULL;
    if (hub_fetch(name, NULL, &options, NULL, &model, &error))
        return 0;
    g_printerr("%s\n", error->message);
    return 1;
}

static pid_t start(void)
{
    pid_t child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        execl("/proc/self/exe", "hub_kill", "--fetch", REPOSITORY, NULL);
        _exit(127);
    }
    return child;
}

static int wait_for(pid_t child)
{
    int status;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    return status;
}

/* ---- The hub: lets a number of bytes of the large file through, then waits for leave. ---- */

typedef struct Gate {
    atomic_size_t open; /* bytes of the file that may be sent, counted from its start */
} Gate;

static bool dole_out(Request *request, gpointer data)
{
    Gate *gate = data;
    gsize size;
    const guint8 *content = request_content(request, &size);
    if (!request->cdn || size != LARGE_BYTES)
        return false;
    gsize at = (gsize)request->from;
    if (at > 0)
        request_print(request,
                      "HTTP/1.1 206 Partial Content\r\nContent-Length: %" G_GSIZE_FORMAT
                      "\r\nContent-Range: bytes %" G_GSIZE_FORMAT "-%" G_GSIZE_FORMAT "/%" G_GSIZE_FORMAT "\r\n\r\n",
                      size - at, at, size - 1, size);
    else
        request_print(request, "HTTP/1.1 200 OK\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n", size);
    while (at < size && !server_stopped(request->server)) {
        gsize n = MIN(MIN((gsize)20000, size - at), gate->open > at ? gate->open - at : 0);
        if (n == 0) {
            g_usleep(2000);
            continue;
        }
        if (!request_send(request, content + at, n))
            return true;
        at += n;
    }
    return true;
}

static guint64 bytes_of(const World *world, const char *name, const char *ending)
{
    g_autofree char *path =
        g_strdup_printf("%s/models--acme--tiny/blobs/%s%s", world->cache, server_etag(world->server, name), ending);
    g_autoptr(GFile) file = g_file_new_for_path(path);
    g_autoptr(GFileInfo) info = g_file_query_info(file, "standard::size", G_FILE_QUERY_INFO_NONE, NULL, NULL);
    return info ? (guint64)g_file_info_get_size(info) : 0;
}

/* Until the child has written so much of the large file. */
static void wait_until_written(const World *world, guint64 bytes)
{
    for (int i = 0; bytes_of(world, LARGE, ".incomplete") < bytes; i++) {
        g_assert_cmpint(i, <, 15000); /* 30 s */
        g_usleep(2000);
    }
}

static void test_kill(World *world, gconstpointer data)
{
    static const gsize stops[] = {0, 1, 65536, 300001, 699999};
    Gate gate = {0};
    world_usual_files(world);
    server_fault(world->server, dole_out, &gate);
    for (size_t i = 0; i < G_N_ELEMENTS(stops); i++) {
        gate.open = stops[i];
        pid_t child = start();
        wait_until_written(world, stops[i]);
        if (stops[i] == 0)
            g_usleep(20000); /* wherever it is by then */
        world_check_sound(world);
        g_assert_cmpint(kill(child, SIGKILL), ==, 0);
        g_assert_true(WIFSIGNALED(wait_for(child)));
        world_check_sound(world);
        g_autofree char *found = hub_find(REPOSITORY, &world->options);
        g_assert_null(found);
    }
    gate.open = LARGE_BYTES;
    g_assert_cmpint(wait_for(start()), ==, 0);
    world_check_sound(world);
    world_check_files(world, COMMIT, USUAL);
    /* Each went on where the one before was killed. */
    g_autofree char *path = g_strconcat("/cdn/", server_etag(world->server, LARGE), NULL);
    g_autofree char *ranges = server_heard(world->server, true, path, "range");
    g_assert_cmpstr(ranges, ==, "bytes=1-|bytes=65536-|bytes=300001-|bytes=699999-");
}

/* Killed at moments that nobody chose, again and again until it is through. */
static void test_kill_anywhere(World *world, gconstpointer data)
{
    world_usual_files(world);
    int status = 1, killed = 0;
    for (gulong pause = 1000; status != 0; pause += pause / 3, killed++) {
        g_assert_cmpint(killed, <, 60);
        pid_t child = start();
        g_usleep(pause);
        kill(child, SIGKILL);
        status = wait_for(child);
        world_check_sound(world);
    }
    g_test_message("killed %d times", killed - 1);
    world_check_files(world, COMMIT, USUAL);
}

static void test_together(World *world, gconstpointer data)
{
    enum { PROCESSES = 4 };
    pid_t all[PROCESSES];
    Gate gate = {.open = 100000};
    world_usual_files(world);
    server_fault(world->server, dole_out, &gate);
    for (int i = 0; i < PROCESSES; i++) {
        all[i] = start();
        wait_until_written(world, 100000); /* the first has it before the second begins */
    }
    /* It is killed; another goes on where it was. */
    g_usleep(200000);
    kill(all[0], SIGKILL);
    wait_for(all[0]);
    gate.open = LARGE_BYTES;
    for (int i = 1; i < PROCESSES; i++)
        g_assert_cmpint(wait_for(all[i]), ==, 0);
    world_check_sound(world);
    world_check_files(world, COMMIT, USUAL);
    g_autofree char *path = g_strconcat("/cdn/", server_etag(world->server, LARGE), NULL);
    g_autofree char *ranges = server_heard(world->server, true, path, "range");
    g_assert_cmpuint(server_count(world->server, "GET", path), ==, 2);
    g_assert_cmpstr(ranges, ==, "bytes=100000-");
}

/* Somebody who holds a lock and does nothing is not waited for for ever. */
static void test_dead_lock(World *world, gconstpointer data)
{
    world_usual_files(world);
    g_autofree char *folder = g_build_filename(world->cache, ".locks", "models--acme--tiny", NULL);
    g_autofree char *path = g_strdup_printf("%s/%s.lock", folder, server_etag(world->server, LARGE));
    g_assert_cmpint(g_mkdir_with_parents(folder, 0777), ==, 0);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    g_assert_cmpint(flock(fd, LOCK_EX), ==, 0);
    world_refuse(world, REPOSITORY, "another process holds the lock");
    assert_holds(world->notes->str, "is being downloaded already");
    close(fd);
    g_auto(HubModel) model = {0};
    g_assert_true(world_fetch(world, REPOSITORY, &model, NULL));
}

int main(int argc, char **argv)
{
    if (argc == 3 && g_str_equal(argv[1], "--fetch"))
        return fetch_and_end(argv[2]);
    g_test_init(&argc, &argv, NULL);
    ADD("/hub-kill/kill", test_kill);
    ADD("/hub-kill/anywhere", test_kill_anywhere);
    ADD("/hub-kill/together", test_together);
    ADD("/hub-kill/dead-lock", test_dead_lock);
    return g_test_run();
}

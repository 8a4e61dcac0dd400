/* SPDX-License-Identifier: Apache-2.0
 * node_process.c: one child, three things to watch: its events, its end, its appetite.
 */
#include "node_process.h"
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <hone/json.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "table.h"

extern char **environ;

#define LINE_LIMIT ((gsize)64 << 10)
#define LOG_LIMIT ((goffset)256 << 20)
#define WATCH_MS 50
#define EVENTS_FD 3
#define LOCK_FD 4

struct HoneNodeProcess {
    HoneNodeSetup setup; /* strings are owned */
    pid_t pid;
    int events_fd, record_fd;
    guint events_source, end_source, watch_source;
    GString *pending; /* the start of a line */
    gint64 started;
    HoneMemoryUse memory;
    guint64 peak;
    char *verdict; /* why the host ended it */
    bool not_its_fault;
    bool has_result, ok, cancelled;
    bool asked;    /* to stop, by the user */
    char *message; /* the stage's own */
};

static void judge(HoneNodeProcess *process, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Ends the node for a reason of the host's; the first reason is the one that counts. */
static void judge(HoneNodeProcess *process, const char *format, ...)
{
    if (process->verdict)
        return;
    va_list args;
    va_start(args, format);
    process->verdict = g_strdup_vprintf(format, args);
    va_end(args);
    hone_node_process_kill(process);
}

/* ---- Events. ---- */

static bool is_event(JsonObject *event)
{
    static const char *const names[] = {"progress", "note", "fact", "result", NULL};
    JsonNode *name = json_object_get_member(event, "event");
    if (!name || json_node_get_value_type(name) != G_TYPE_STRING || !g_strv_contains(names, json_node_get_string(name)))
        return false;
    if (!g_str_equal(json_node_get_string(name), "progress"))
        return true;
    JsonNode *figures = json_object_get_member(event, "figures");
    return json_object_get_int_member_with_default(event, "step", -1) >= 0 &&
           json_object_get_int_member_with_default(event, "total", -1) >= 0 &&
           (!figures || JSON_NODE_HOLDS_OBJECT(figures));
}

static void record_line(HoneNodeProcess *process, const char *line, gsize length)
{
    g_autofree char *text = g_strdup_printf("%.*s\n", (int)length, line);
    gsize size = length + 1, done = 0;
    while (done < size) {
        ssize_t n = write(process->record_fd, text + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            process->not_its_fault = process->verdict == NULL;
            judge(process, "its events could not be kept: %s: %s", process->setup.events_path, g_strerror(errno));
            return;
        }
        done += (gsize)n;
    }
}

static void take_result(HoneNodeProcess *process, JsonObject *event)
{
    process->has_result = true;
    process->ok = json_object_get_boolean_member_with_default(event, "ok", FALSE);
    process->cancelled = json_object_get_boolean_member_with_default(event, "cancelled", FALSE);
    g_free(process->message);
    process->message = g_strdup(json_object_get_string_member_with_default(event, "message", NULL));
}

static void take_line(HoneNodeProcess *process, const char *line, gsize length)
{
    g_autoptr(JsonNode) node = length <= LINE_LIMIT ? hone_json_parse(line, length, NULL, NULL) : NULL;
    JsonObject *event = node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    if (!event || !is_event(event)) {
        g_autofree char *start = g_strndup(line, MIN(length, 60));
        g_autofree char *clean = hone_text_clean(start);
        judge(process, "wrote to the event descriptor something that is no event: \"%s\"", clean);
        return;
    }
    if (g_str_equal(json_object_get_string_member(event, "event"), "result")) {
        take_result(process, event);
        return;
    }
    record_line(process, line, length);
    if (g_str_equal(json_object_get_string_member(event, "event"), "fact") &&
        g_strcmp0(json_object_get_string_member_with_default(event, "name", NULL), "peak_memory_bytes") == 0) {
        double peak = json_object_get_double_member_with_default(event, "value", 0);
        if (peak > 0 && peak < 1e18)
            process->peak = MAX(process->peak, (guint64)peak);
    }
    if (process->setup.on_event)
        process->setup.on_event(process->setup.data, event);
}

/* Reads what is there. False at the end. */
static bool read_events(HoneNodeProcess *process)
{
    char buffer[16384];
    for (int blocks = 0; blocks < 64; blocks++) {
        ssize_t n = read(process->events_fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n <= 0)
            return false;
        g_string_append_len(process->pending, buffer, n);
        char *newline;
        gsize at = 0;
        while ((newline = memchr(process->pending->str + at, '\n', process->pending->len - at))) {
            gsize length = (gsize)(newline - process->pending->str) - at;
            if (!process->verdict)
                take_line(process, process->pending->str + at, length);
            at += length + 1;
        }
        g_string_erase(process->pending, 0, (gssize)at);
        if (process->pending->len > LINE_LIMIT) {
            take_line(process, process->pending->str, process->pending->len);
            g_string_truncate(process->pending, 0);
        }
    }
    return true;
}

static gboolean on_events(int fd, GIOCondition condition, gpointer data)
{
    HoneNodeProcess *process = data;
    if (read_events(process))
        return G_SOURCE_CONTINUE;
    process->events_source = 0;
    return G_SOURCE_REMOVE;
}

/* ---- Bounds. ---- */

static gboolean on_watch(gpointer data)
{
    HoneNodeProcess *process = data;
    if (hone_memory_use(process->pid, &process->memory)) {
        process->peak = MAX(process->peak, process->memory.peak);
        if (process->setup.memory > 0 && process->memory.own > process->setup.memory) {
            g_autofree char *used = hone_text_bytes(process->memory.own);
            g_autofree char *limit = hone_text_bytes(process->setup.memory);
            judge(process,
                  "exceeded its memory limit: %s used, %s allowed; raise \"memory\" of this node, or make it "
                  "need less",
                  used, limit);
        }
    }
    double seconds = (double)(g_get_monotonic_time() - process->started) / G_USEC_PER_SEC;
    if (process->setup.timeout > 0 && seconds > process->setup.timeout)
        judge(process,
              "did not finish within its timeout of %g seconds; raise \"timeout\" of this node if it was at "
              "work",
              process->setup.timeout);
    struct stat st;
    if (stat(process->setup.log_path, &st) == 0 && st.st_size > LOG_LIMIT)
        judge(process, "wrote more than %d MB to its log", (int)(LOG_LIMIT >> 20));
    return G_SOURCE_CONTINUE;
}

/* ---- The end. ---- */

char *hone_log_tail(const char *path, unsigned lines, const char *prefix)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return g_strdup("");
    char buffer[4097];
    off_t size = lseek(fd, 0, SEEK_END);
    ssize_t n = pread(fd, buffer, sizeof buffer - 1, MAX(size - (off_t)sizeof buffer + 1, 0));
    close(fd);
    if (n <= 0)
        return g_strdup("");
    for (ssize_t i = 0; i < n; i++)
        buffer[i] = buffer[i] == '\0' || buffer[i] == '\r' ? ' ' : buffer[i];
    buffer[n] = '\0';
    g_autofree char *clean = hone_text_clean(buffer);
    g_strchomp(clean);
    g_auto(GStrv) all = g_strsplit(clean, "\n", 0);
    guint count = g_strv_length(all);
    GString *out = g_string_new(NULL);
    for (guint i = count > lines ? count - lines : 0; i < count; i++)
        g_string_append_printf(out, "%s%s%s", out->len > 0 ? "\n" : "", prefix, all[i]);
    return g_string_free(out, FALSE);
}

/* What went wrong, or NULL. *crashed: the stage did not get to say it. */
static char *what_happened(const HoneNodeProcess *process, int status, bool *crashed)
{
    *crashed = !process->not_its_fault;
    if (process->not_its_fault)
        return g_strdup(process->verdict);
    if (process->verdict)
        return g_strdup_printf("plugin \"%s\" %s", process->setup.plugin, process->verdict);
    if (WIFSIGNALED(status)) {
        int number = WTERMSIG(status);
        return g_strdup_printf("plugin \"%s\" was killed by SIG%s (%s)%s", process->setup.plugin, sigabbrev_np(number),
                               sigdescr_np(number),
                               number == SIGKILL ? ", which Hone did not send: the system may have run out of memory"
                                                 : "");
    }
    if (!process->has_result)
        return g_strdup_printf("plugin \"%s\" ended the process with status %d before its stage returned",
                               process->setup.plugin, WEXITSTATUS(status));
    if (process->ok && WEXITSTATUS(status) != 0)
        return g_strdup_printf("plugin \"%s\" finished, but its process then ended with status %d",
                               process->setup.plugin, WEXITSTATUS(status));
    *crashed = false;
    return process->ok ? NULL : g_strdup(process->message ? process->message : "failed without a message");
}

static void on_exit_of_child(GPid pid, int status, gpointer data)
{
    HoneNodeProcess *process = data;
    process->end_source = 0;
    /* What it started ends with it; then nothing more can arrive than is in the pipe. */
    kill(-process->pid, SIGKILL);
    read_events(process);
    if (process->pending->len > 0 && !process->verdict && !WIFSIGNALED(status))
        take_line(process, process->pending->str, process->pending->len);
    process->pid = 0;
    /* Asked before it could listen, or ended at once at the user's wish. */
    bool stopped = process->asked && !process->verdict && WIFSIGNALED(status) &&
                   (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGKILL);
    bool crashed;
    g_autofree char *message = what_happened(process, status, &crashed);
    if (crashed) {
        g_autofree char *tail = hone_log_tail(process->setup.log_path, 10, "    ");
        g_autofree char *quoted = g_shell_quote(process->setup.spec_path);
        g_autofree char *first = g_steal_pointer(&message);
        message = g_strdup_printf("%s\n%s%s%s  to look closer: gdb --args %s node %s", first,
                                  tail[0] ? "  the last lines of its log:\n" : "", tail, tail[0] ? "\n" : "",
                                  process->setup.program, quoted);
    }
    HoneNodeEnd end = {
        .outcome = !message                                      ? HONE_NODE_FINISHED
                   : stopped || (!crashed && process->cancelled) ? HONE_NODE_CANCELLED
                                                                 : HONE_NODE_FAILED,
        .message = message,
        .seconds = (double)(g_get_monotonic_time() - process->started) / G_USEC_PER_SEC,
        .peak_memory = process->peak,
    };
    process->setup.on_end(process->setup.data, &end);
}

void hone_node_process_cancel(HoneNodeProcess *process)
{
    process->asked = true;
    if (process->pid > 0)
        kill(process->pid, SIGTERM);
}

void hone_node_process_kill(HoneNodeProcess *process)
{
    /* Its group, and itself for the moment before it has one. */
    if (process->pid > 0) {
        kill(-process->pid, SIGKILL);
        kill(process->pid, SIGKILL);
    }
}

guint64 hone_node_process_memory(const HoneNodeProcess *process)
{
    return process->memory.resident;
}

void hone_node_process_free(HoneNodeProcess *process)
{
    if (!process)
        return;
    if (process->events_source)
        g_source_remove(process->events_source);
    if (process->watch_source)
        g_source_remove(process->watch_source);
    if (process->end_source)
        g_source_remove(process->end_source);
    if (process->pid > 0) {
        hone_node_process_kill(process);
        waitpid(process->pid, NULL, 0);
    }
    if (process->events_fd >= 0)
        close(process->events_fd);
    if (process->record_fd >= 0)
        close(process->record_fd);
    g_string_free(process->pending, TRUE);
    HoneNodeSetup *own = &process->setup;
    g_free((char *)own->program);
    g_free((char *)own->name);
    g_free((char *)own->plugin);
    g_free((char *)own->spec_path);
    g_free((char *)own->log_path);
    g_free((char *)own->events_path);
    g_free(process->verdict);
    g_free(process->message);
    g_free(process);
}

/* ---- The start. ---- */

/* Starts `hone node` in a process group of its own; its output goes to the log. Returns 0 or an errno. */
static int spawn(HoneNodeProcess *process, int events_end, int lock_fd)
{
    const HoneNodeSetup *setup = &process->setup;
    g_autofree char *parent = g_strdup_printf("%d", (int)getpid());
    const char *argv[] = {setup->program,       "node",     "--events-fd", G_STRINGIFY(EVENTS_FD), "--lock-fd",
                          G_STRINGIFY(LOCK_FD), "--parent", parent,        setup->spec_path,       NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, setup->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawn_file_actions_adddup2(&actions, events_end, EVENTS_FD);
    posix_spawn_file_actions_adddup2(&actions, lock_fd, LOCK_FD);
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    int code = posix_spawn(&process->pid, setup->program, &actions, &attributes, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (code != 0)
        process->pid = 0;
    return code;
}

HoneNodeProcess *hone_node_process_start(const HoneNodeSetup *setup, GError **error)
{
    HoneNodeProcess *process = g_new0(HoneNodeProcess, 1);
    process->setup = *setup;
    process->setup.program = g_strdup(setup->program);
    process->setup.name = g_strdup(setup->name);
    process->setup.plugin = g_strdup(setup->plugin);
    process->setup.spec_path = g_strdup(setup->spec_path);
    process->setup.log_path = g_strdup(setup->log_path);
    process->setup.events_path = g_strdup(setup->events_path);
    process->pending = g_string_new(NULL);
    process->started = g_get_monotonic_time();
    process->events_fd = -1;
    process->record_fd = open(setup->events_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    int code = process->record_fd < 0 ? errno : 0;
    int ends[2] = {-1, -1}, events_end = -1, lock_fd = -1;
    if (code == 0 && pipe2(ends, O_CLOEXEC) != 0)
        code = errno;
    if (code == 0) {
        /* Above the numbers that they get in the child, so that one dup2 cannot overwrite the other's source. */
        events_end = fcntl(ends[1], F_DUPFD_CLOEXEC, 10);
        lock_fd = fcntl(setup->lock_fd, F_DUPFD_CLOEXEC, 10);
        code = events_end < 0 || lock_fd < 0 ? errno : spawn(process, events_end, lock_fd);
        close(ends[1]);
        if (events_end >= 0)
            close(events_end);
        if (lock_fd >= 0)
            close(lock_fd);
        process->events_fd = ends[0];
    }
    if (code != 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "the process for this node could not be started (%s)",
                    g_strerror(code));
        hone_node_process_free(process);
        return NULL;
    }
    fcntl(process->events_fd, F_SETFL, O_NONBLOCK);
    process->events_source = g_unix_fd_add(process->events_fd, G_IO_IN | G_IO_HUP, on_events, process);
    process->end_source = g_child_watch_add(process->pid, on_exit_of_child, process);
    process->watch_source = g_timeout_add(WATCH_MS, on_watch, process);
    return process;
}

/* SPDX-License-Identifier: Apache-2.0
 * command.c: an external program as a reward. It is started once. For each answer it reads one line of JSON,
 *     {"id": "r1", "messages": [...], "reference": "...", "answer": "...", "finished": true, "tokens": 12, "extra": {}}
 * and writes one, in the same order: {"reward": 0.5}. The program may read all lines before it writes, or none.
 *
 * Lines are written and read at once, so that neither side waits for the other's pipe to empty; sockets in place of
 * pipes, so that a program that died is an error here and no signal.
 */
#include <errno.h>
#include <hone/json.h>
#include <hone/reward.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_LIMIT (1u << 20) /* bytes of one line of the program */

typedef struct Command {
    char *program;
    char **arguments;
    double timeout;
} Command;

static const HoneParam params_table[] = {
    HONE_PATH(Command, program, NULL, "an executable file"),
    HONE_STRINGS(Command, arguments, "[]", "its arguments"),
    HONE_NUMBER(Command, timeout, "60", 0.01, 86400, "longest wait for its answers to one step's lines",
                .unit = "seconds"),
    {0},
};
static const HoneParamGroup params_groups[] = {HONE_OWN_PARAMS(params_table), {0}};

typedef struct Child {
    GPid pid;
    int to, from;     /* sockets; -1: closed */
    GString *pending; /* read and not yet a line */
    size_t asked;     /* answers, in the last call */
} Child;

static void finish(void *prepared)
{
    Child *child = prepared;
    close(child->to);
    close(child->from);
    kill(child->pid, SIGKILL); /* it has nothing left to do, and may not look at its input's end */
    waitpid(child->pid, NULL, 0);
    g_spawn_close_pid(child->pid);
    g_string_free(child->pending, TRUE);
    g_free(child);
}

static void *prepare(const void *params, HoneStage *stage, GError **error)
{
    const Command *own = params;
    int to[2] = {-1, -1}, from[2] = {-1, -1};
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GError) problem = NULL;
    GPid pid;
    g_ptr_array_add(argv, own->program);
    for (char **a = own->arguments; *a; a++)
        g_ptr_array_add(argv, *a);
    g_ptr_array_add(argv, NULL);
    bool ok = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, to) == 0 &&
              socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, from) == 0;
    if (!ok)
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "no sockets for %s: %s", own->program, g_strerror(errno));
    else if (!g_spawn_async_with_fds(stage ? hone_stage_folder(stage) : NULL, (char **)argv->pdata, NULL,
                                     G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, to[1], from[1], -1, &problem)) {
        ok = false;
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "%s cannot be started: %s", own->program,
                    problem->message);
    }
    Child *child = ok ? g_new0(Child, 1) : NULL;
    if (ok)
        *child = (Child){.pid = pid, .to = to[0], .from = from[0], .pending = g_string_new(NULL)};
    for (int i = ok ? 1 : 0; i < 2; i++) {
        if (to[i] >= 0)
            close(to[i]);
        if (from[i] >= 0)
            close(from[i]);
    }
    return child;
}

static void append_line(GString *text, const HoneAnswers *answers, size_t i)
{
    g_autoptr(JsonNode) row = hone_row_to_json(answers->rows[i]);
    JsonObject *from = json_node_get_object(row);
    g_autoptr(JsonObject) line = json_object_new();
    static const char *const kept[] = {"id", "messages", "extra"};
    for (size_t k = 0; k < G_N_ELEMENTS(kept); k++)
        if (json_object_has_member(from, kept[k]))
            json_object_set_member(line, kept[k], json_node_copy(json_object_get_member(from, kept[k])));
    const char *reference = hone_row_reference(answers->rows[i]);
    if (reference)
        json_object_set_string_member(line, "reference", reference);
    json_object_set_string_member(line, "answer", answers->texts[i]);
    json_object_set_boolean_member(line, "finished", answers->finished[i]);
    json_object_set_int_member(line, "tokens", (gint64)answers->n_tokens[i]);
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), line);
    g_autofree char *json = hone_json_text(node);
    g_string_append_printf(text, "%s\n", json);
}

/* One line of the program. */
static bool take_line(const Command *own, const char *line, size_t length, size_t number, double *reward,
                      GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(JsonNode) node = hone_json_parse(line, length, NULL, &problem);
    JsonNode *value =
        node && JSON_NODE_HOLDS_OBJECT(node) ? json_object_get_member(json_node_get_object(node), "reward") : NULL;
    GType type = value && JSON_NODE_HOLDS_VALUE(value) ? json_node_get_value_type(value) : G_TYPE_INVALID;
    if (type == G_TYPE_INT64 || type == G_TYPE_DOUBLE) {
        *reward = json_node_get_double(value);
        return true;
    }
    g_autofree char *valid = g_utf8_make_valid(line, (gssize)MIN(length, 120));
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "%s: answer %zu is \"%s\", and {\"reward\": NUMBER} is wanted%s%s", own->program, number, valid,
                problem ? ": " : "", problem ? problem->message : "");
    return false;
}

static bool too_many(const Command *own, size_t n, GError **error)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s wrote more lines than the %zu it was given", own->program,
                n);
    return false;
}

/* Whole lines of what was read. */
static bool take_lines(const Command *own, Child *child, size_t n, size_t *done, double *rewards, GError **error)
{
    char *end;
    while (*done < n && (end = memchr(child->pending->str, '\n', child->pending->len))) {
        size_t length = (size_t)(end - child->pending->str);
        if (!take_line(own, child->pending->str, length, *done + 1, &rewards[*done], error))
            return false;
        ++*done;
        g_string_erase(child->pending, 0, (gssize)length + 1);
    }
    if (*done == n && child->pending->len > 0)
        return too_many(own, n, error);
    if (child->pending->len <= LINE_LIMIT)
        return true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: answer %zu is a line of more than %u bytes", own->program,
                *done + 1, LINE_LIMIT);
    return false;
}

static bool died(const Command *own, size_t done, size_t n, GError **error)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_IO,
                "%s ended, or closed its input or output, after %zu of %zu answers; what it said is above",
                own->program, done, n);
    return false;
}

static bool score(const void *params, void *prepared, const HoneAnswers *answers, double *rewards, GError **error)
{
    const Command *own = params;
    Child *child = prepared;
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = 0; i < answers->n; i++)
        append_line(text, answers, i);
    size_t sent = 0, done = 0;
    char early;
    if (child->asked && recv(child->from, &early, 1, MSG_DONTWAIT) > 0) /* of the call before */
        return too_many(own, child->asked, error);
    child->asked = answers->n;
    gint64 end = g_get_monotonic_time() + (gint64)(own->timeout * G_USEC_PER_SEC);
    while (done < answers->n) {
        gint64 left = (end - g_get_monotonic_time()) / 1000;
        struct pollfd fds[] = {{.fd = child->from, .events = POLLIN},
                               {.fd = sent < text->len ? child->to : -1, .events = POLLOUT}};
        int ready = left > 0 ? poll(fds, 2, (int)MIN(left + 1, 1000)) : 0;
        if (left <= 0) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_IO,
                        "%s gave %zu of %zu answers within %g seconds; raise timeout, or mend it", own->program, done,
                        answers->n, own->timeout);
            return false;
        }
        if (ready < 0 && errno != EINTR)
            return died(own, done, answers->n, error);
        if (ready > 0 && fds[1].revents) {
            ssize_t n = send(child->to, text->str + sent, text->len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            /* It may have closed its input and still answer; where it died, its output says so. */
            if (n < 0 && errno != EAGAIN && errno != EINTR)
                sent = text->len;
            sent += n > 0 ? (size_t)n : 0;
        }
        if (ready > 0 && fds[0].revents) {
            char bytes[4096];
            ssize_t n = recv(child->from, bytes, sizeof bytes, MSG_DONTWAIT);
            if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
                return died(own, done, answers->n, error);
            if (n > 0)
                g_string_append_len(child->pending, bytes, n);
            if (!take_lines(own, child, answers->n, &done, rewards, error))
                return false;
        }
    }
    return true;
}

static const HoneRewardOps ops = {.size = sizeof(HoneRewardOps), .prepare = prepare, .score = score, .finish = finish};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_REWARD,
    .name = "command",
    .version = "1",
    .summary = "what an external program says, by lines of JSON",
    .help = "For each answer the program reads {\"id\", \"messages\", \"reference\", \"answer\", \"finished\", "
            "\"tokens\", \"extra\"} on a line and writes {\"reward\": NUMBER} on one, in the same order. It is started "
            "once, in the pipeline's folder, and must flush its output.",
    .params = params_groups,
    .instance_size = sizeof(Command),
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("reward_command", "1", "Apache-2.0", "an external program as a reward", &component)

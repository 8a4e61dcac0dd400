/* SPDX-License-Identifier: Apache-2.0
 * progress.c: events as JSON lines, each written in one piece.
 */
#include <errno.h>
#include <hone/json.h>
#include <hone/progress.h>
#include <math.h>
#include <unistd.h>

/* Steps without figures are for the eye alone; more than this many microseconds apart is often enough. */
#define STEP_INTERVAL 50000
#define NOTE_LIMIT 2000

struct HoneProgress {
    int fd;
    gint64 started;
    gint64 last_step;
    GMutex lock;
};

HoneProgress *hone_progress_new(int fd)
{
    HoneProgress *progress = g_new0(HoneProgress, 1);
    progress->fd = fd;
    progress->started = g_get_monotonic_time();
    g_mutex_init(&progress->lock);
    return progress;
}

void hone_progress_free(HoneProgress *progress)
{
    if (!progress)
        return;
    g_mutex_clear(&progress->lock);
    g_free(progress);
}

static JsonObject *event_new(HoneProgress *progress, const char *event)
{
    JsonObject *object = json_object_new();
    json_object_set_string_member(object, "event", event);
    double seconds = (double)(g_get_monotonic_time() - progress->started) / G_USEC_PER_SEC;
    json_object_set_double_member(object, "t", round(seconds * 1000) / 1000);
    return object;
}

static void set_number(JsonObject *object, const char *name, double value)
{
    if (isfinite(value))
        json_object_set_double_member(object, name, value);
    else
        json_object_set_null_member(object, name);
}

/* Takes the event. A reader that went away is not the stage's problem: its result is on disk. */
static void emit(HoneProgress *progress, JsonObject *event)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    json_node_take_object(node, event);
    g_autofree char *text = hone_json_text(node);
    g_autoptr(GString) line = g_string_new(text);
    g_string_append_c(line, '\n');
    g_mutex_lock(&progress->lock);
    size_t done = 0;
    while (done < line->len) {
        ssize_t n = write(progress->fd, line->str + done, line->len - done);
        if (n > 0)
            done += (size_t)n;
        else if (errno != EINTR)
            break;
    }
    g_mutex_unlock(&progress->lock);
}

/* Takes the figures, which may be NULL. */
static void step(HoneProgress *progress, uint64_t at, uint64_t total, const char *unit, JsonObject *figures)
{
    if (!figures && at != 0 && at != total) {
        gint64 now = g_get_monotonic_time();
        g_mutex_lock(&progress->lock);
        bool early = progress->last_step != 0 && now - progress->last_step < STEP_INTERVAL;
        if (!early)
            progress->last_step = now;
        g_mutex_unlock(&progress->lock);
        if (early)
            return;
    }
    JsonObject *event = event_new(progress, "progress");
    json_object_set_int_member(event, "step", (gint64)at);
    json_object_set_int_member(event, "total", (gint64)total);
    json_object_set_string_member(event, "unit", unit ? unit : "");
    if (figures)
        json_object_set_object_member(event, "figures", figures);
    emit(progress, event);
}

void hone_progress_step(HoneProgress *progress, uint64_t at, uint64_t total, const char *unit, ...)
{
    if (!progress || progress->fd < 0)
        return;
    va_list args;
    va_start(args, unit);
    JsonObject *figures = NULL;
    for (const char *name = va_arg(args, const char *); name; name = va_arg(args, const char *)) {
        if (!figures)
            figures = json_object_new();
        set_number(figures, name, va_arg(args, double));
    }
    va_end(args);
    step(progress, at, total, unit, figures);
}

void hone_progress_step_values(HoneProgress *progress, uint64_t at, uint64_t total, const char *unit,
                               const char *const *names, const double *values, size_t n)
{
    if (!progress || progress->fd < 0)
        return;
    JsonObject *figures = n > 0 ? json_object_new() : NULL;
    for (size_t i = 0; i < n; i++)
        set_number(figures, names[i], values[i]);
    step(progress, at, total, unit, figures);
}

void hone_progress_note(HoneProgress *progress, HoneNoteLevel level, const char *format, ...)
{
    if (!progress || progress->fd < 0)
        return;
    va_list args;
    va_start(args, format);
    g_autofree char *raw = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *valid = g_utf8_make_valid(raw, -1);
    g_autofree char *text = g_utf8_substring(valid, 0, MIN(g_utf8_strlen(valid, -1), NOTE_LIMIT));
    JsonObject *event = event_new(progress, "note");
    json_object_set_string_member(event, "level", level == HONE_NOTE_WARNING ? "warning" : "info");
    json_object_set_string_member(event, "text", text);
    emit(progress, event);
}

void hone_progress_fact(HoneProgress *progress, const char *name, double value)
{
    if (!progress || progress->fd < 0)
        return;
    JsonObject *event = event_new(progress, "fact");
    json_object_set_string_member(event, "name", name);
    set_number(event, "value", value);
    emit(progress, event);
}

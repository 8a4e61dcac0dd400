/* SPDX-License-Identifier: Apache-2.0
 * events.c: a node's progress events, as they were kept with the run. The last line may be half: the node may still be
 * running, or have been killed.
 */
#include "../common/json_members.h"
#include "gather.h"
#include <hone/dataset.h>
#include <hone/json.h>
#include <math.h>

#define LINE_LIMIT ((size_t)1 << 20)
#define MAX_STEPS 600
#define MAX_WARNINGS 50

void events_clear(Events *events)
{
    g_clear_pointer(&events->steps, json_array_unref);
    g_clear_pointer(&events->warnings, g_ptr_array_unref);
}

static void take_event(Events *events, GPtrArray *steps, JsonObject *event)
{
    const char *kind = json_text_member(event, "event");
    double t = json_number_member(event, "t");

    if (t > events->seconds || isnan(events->seconds)) {
        events->seconds = t;
    }
    if (g_strcmp0(kind, "progress") == 0) {
        JsonObject *figures = json_object_member(event, "figures");

        if (isfinite(json_number_member(figures, "loss"))) {
            g_ptr_array_add(steps, json_object_ref(event));
        }
    } else if (g_strcmp0(kind, "note") == 0 && g_strcmp0(json_text_member(event, "level"), "warning") == 0) {
        const char *text = json_text_member(event, "text");

        if (text && events->warnings->len < MAX_WARNINGS) {
            g_ptr_array_add(events->warnings, g_strdup(text));
        }
    } else if (g_strcmp0(kind, "fact") == 0 && g_strcmp0(json_text_member(event, "name"), "peak_memory_bytes") == 0) {
        events->memory = json_number_member(event, "value");
    }
}

/* A run that went on after a kill tells some steps again: the last telling counts. */
static void drop_repeated(GPtrArray *steps)
{
    double next = INFINITY;

    for (guint i = steps->len; i > 0; i--) {
        double step = json_number_member(steps->pdata[i - 1], "step");

        if (step < next) {
            next = step;
        } else {
            g_ptr_array_remove_index(steps, i - 1);
        }
    }
}

/* Every k-th step, the last one always. */
static void thin_out(JsonArray *out, GPtrArray *steps)
{
    guint stride = (steps->len + MAX_STEPS - 1) / MAX_STEPS;

    for (guint i = 0; i < steps->len; i++) {
        if (i % stride == 0 || i + 1 == steps->len) {
            JsonObject *step = json_object_new(), *event = steps->pdata[i];

            json_object_set_member(step, "step", json_object_dup_member(event, "step"));
            json_object_set_member(step, "figures", json_object_dup_member(event, "figures"));
            json_array_add_object_element(out, step);
        }
    }
}

void events_read(Events *events, const char *path)
{
    g_autoptr(GPtrArray) steps = g_ptr_array_new_with_free_func((GDestroyNotify)json_object_unref);
    g_autoptr(HoneLines) lines = path ? hone_lines_open(path, LINE_LIMIT, NULL) : NULL;
    const char *line;
    size_t length;

    events->steps = json_array_new();
    events->warnings = g_ptr_array_new_with_free_func(g_free);
    events->seconds = events->memory = NAN;
    while (lines && (line = hone_lines_next(lines, &length, NULL))) {
        g_autoptr(JsonNode) node = hone_json_parse(line, length, NULL, NULL);

        if (node && JSON_NODE_HOLDS_OBJECT(node) && json_object_has_member(json_node_get_object(node), "event")) {
            take_event(events, steps, json_node_get_object(node));
        }
    }
    drop_repeated(steps);
    thin_out(events->steps, steps);
}

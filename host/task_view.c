/* SPDX-License-Identifier: Apache-2.0
 * task_view.c: from a node's events to what its bar shows.
 */
#include "task.h"
#include <math.h>
#include <string.h>

#define SHOWN_NOTES 20

/* "loss 1.71, 812 tokens/s" */
static char *figures_text(JsonObject *figures)
{
    GString *out = g_string_new(NULL);
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;
    json_object_iter_init_ordered(&iter, figures);
    while (json_object_iter_next_ordered(&iter, &name, &value)) {
        /* The bar has the process's own. */
        if (g_str_equal(name, "memory"))
            continue;
        g_string_append(out, out->len > 0 ? ", " : "");
        bool rate = g_str_has_suffix(name, "_per_s");
        g_autofree char *words = g_strndup(name, strlen(name) - (rate ? strlen("_per_s") : 0));
        g_strdelimit(words, "_", ' ');
        bool number =
            json_node_get_value_type(value) == G_TYPE_DOUBLE || json_node_get_value_type(value) == G_TYPE_INT64;
        double figure = number ? json_node_get_double(value) : 0;
        g_autofree char *shown = !number                                     ? g_strdup("not finite")
                                 : fabs(figure) >= 1e4 && fabs(figure) < 1e9 ? g_strdup_printf("%.0f", figure)
                                                                             : g_strdup_printf("%.4g", figure);
        if (rate)
            g_string_append_printf(out, "%s %s/s", shown, words);
        else
            g_string_append_printf(out, "%s %s", words, shown);
    }
    return g_string_free(out, FALSE);
}

static void take_progress(HoneTaskView *view, JsonObject *event)
{
    view->step = (guint64)json_object_get_int_member(event, "step");
    view->total = (guint64)json_object_get_int_member(event, "total");
    view->last_t = json_object_get_double_member_with_default(event, "t", 0);
    g_free(view->unit);
    view->unit = g_strdup(json_object_get_string_member_with_default(event, "unit", ""));
    if (json_object_has_member(event, "figures")) {
        g_free(view->figures);
        view->figures = figures_text(json_object_get_object_member(event, "figures"));
    }
    /* A stage may count several things one after the other; each has a pace of its own. */
    if (!view->moving || view->step < view->first_step) {
        view->moving = true;
        view->first_step = view->step;
        view->first_t = view->last_t;
    }
}

void hone_task_event(HoneTask *task, JsonObject *event)
{
    HoneTerminal *terminal = task->scheduler->terminal;
    const char *kind = json_object_get_string_member(event, "event");
    if (g_str_equal(kind, "progress")) {
        take_progress(&task->view, event);
    } else if (g_str_equal(kind, "note")) {
        bool warning = g_strcmp0(json_object_get_string_member_with_default(event, "level", ""), "warning") == 0;
        const char *text = json_object_get_string_member_with_default(event, "text", "");
        task->view.notes++;
        if (task->view.notes <= SHOWN_NOTES)
            hone_terminal_print(terminal, warning ? HONE_TONE_WARNING : HONE_TONE_PLAIN, "%s: %s%s", task->node->name,
                                warning ? "warning: " : "", text);
        else if (task->view.notes == SHOWN_NOTES + 1)
            hone_terminal_print(terminal, HONE_TONE_DIM, "%s: further notes are kept with the run, not shown",
                                task->node->name);
    }
}

HoneBar hone_task_bar(const HoneTask *task)
{
    const HoneTaskView *view = &task->view;
    HoneBar bar = {
        .name = task->node->name,
        .stage = task->node->component->name,
        .state = task->state == HONE_TASK_HASHING ? "reads its files"
                 : task->waits_for_lock           ? "waits: another run is making this result"
                                                  : NULL,
        .step = view->step,
        .total = view->total,
        .unit = view->unit,
        .figures = view->figures,
        .seconds = (double)(g_get_monotonic_time() - task->began) / G_USEC_PER_SEC,
        .eta = -1,
        .memory = task->process ? hone_node_process_memory(task->process) : 0,
    };
    double spent = view->last_t - view->first_t;
    if (view->total > 0 && view->step > view->first_step && view->step <= view->total && spent > 0)
        bar.eta = spent / (double)(view->step - view->first_step) * (double)(view->total - view->step);
    return bar;
}

void hone_task_view_clear(HoneTaskView *view)
{
    g_free(view->unit);
    g_free(view->figures);
    memset(view, 0, sizeof *view);
}

/* SPDX-License-Identifier: Apache-2.0
 * tell.c: what a step tells the host, and what of it stays with the result.
 */
#include "run.h"
#include <hone/file.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

/* Bytes of the process that are in memory now, or 0. */
static double resident(void)
{
    g_autofree char *text = NULL;
    unsigned long pages = 0;
    if (!g_file_get_contents("/proc/self/statm", &text, NULL, NULL) || sscanf(text, "%*u %lu", &pages) != 1)
        return 0;
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Two tellings: the live one has the times in it, the artifact's has only what a resumed run gives again. */
bool run_tell_figures(Run *run, const char *const *names, const double *values, size_t n_kept, size_t n, GError **error)
{
    g_autoptr(JsonObject) figures = json_object_new(), event = json_object_new();
    for (size_t i = 0; i < n_kept; i++)
        json_object_set_double_member(figures, names[i], values[i]);
    json_object_set_string_member(event, "event", "progress");
    json_object_set_int_member(event, "step", (gint64)run->state.step);
    json_object_set_int_member(event, "total", (gint64)run->plan.total);
    json_object_set_string_member(event, "unit", "steps");
    json_object_set_object_member(event, "figures", json_object_ref(figures));
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), event);
    g_autofree char *line = hone_json_canonical(node);
    g_string_append_printf(run->state.events, "%s\n", line);
    hone_progress_step_values(run->progress, run->state.step, run->plan.total, "steps", names, values, n);
    return run_track(run, run->state.step, figures, error);
}

bool run_tell(Run *run, const Step *step, GError **error)
{
    const Feed *feed = run->feed;
    const char *names[2 * MAX_FIGURES + 8] = {"loss", "lr", "grad_norm", "epoch", "tokens"};
    double values[2 * MAX_FIGURES + 8] = {step->loss, step->rate, step->norm,
                                          (double)run->state.step / (double)run->plan.steps_per_epoch,
                                          (double)run->state.tokens};
    size_t n = 5;
    for (size_t i = 0; i < run->n_figures; i++, n++) {
        names[n] = run->objective->figure_names[i];
        values[n] = step->figures[i];
    }
    for (size_t i = 0; i < feed->n_figures; i++, n++) {
        names[n] = feed->figure_names[i];
        values[n] = feed->figures[i];
    }
    size_t kept = n;
    names[n] = "tokens_per_s";
    values[n++] = step->seconds > 0 ? (double)step->tokens / step->seconds : NAN;
    names[n] = "memory";
    values[n++] = resident();
    g_array_append_val(run->losses, step->loss);
    return run_tell_figures(run, names, values, kept, n, error);
}

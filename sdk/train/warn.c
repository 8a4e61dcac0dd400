/* SPDX-License-Identifier: Apache-2.0
 * warn.c: tells what watch.c sees, each kind once a run, with its step; to the host, and to the events of the result.
 * A resumed run recalls its history from those events, so it warns where the undisturbed run would.
 */
#include "run.h"
#include <hone/file.h>
#include <hone/json.h>
#include <string.h>

static void recall(Run *run, JsonObject *event)
{
    const char *kind = json_object_get_string_member_with_default(event, "event", "");
    JsonNode *node = json_object_get_member(event, "figures");
    JsonObject *figures = node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    if (figures && json_object_has_member(figures, "loss")) {
        double loss = json_object_get_double_member_with_default(figures, "loss", 0);
        g_array_append_val(run->losses, loss);
    } else if (figures && json_object_has_member(figures, "val_loss")) {
        uint64_t step = (uint64_t)json_object_get_int_member_with_default(event, "step", 0);
        double loss = json_object_get_double_member_with_default(figures, "val_loss", 0);
        g_array_append_val(run->val_steps, step);
        g_array_append_val(run->val_losses, loss);
    } else if (strcmp(kind, "note") == 0) {
        WatchKind seen = watch_kind(json_object_get_string_member_with_default(event, "kind", NULL));
        if (seen < WATCH_END)
            run->warned[seen] = true;
    }
}

void run_recall(Run *run)
{
    const char *at = run->state.events->str;
    for (const char *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        g_autoptr(JsonNode) node = hone_json_parse(at, (size_t)(end - at), NULL, NULL);
        if (node && JSON_NODE_HOLDS_OBJECT(node))
            recall(run, json_node_get_object(node));
    }
}

static void warn(Run *run, WatchKind kind)
{
    g_autofree char *text = g_strdup_printf("step %" G_GUINT64_FORMAT ": %s", run->state.step, watch_text(kind));
    g_autoptr(JsonObject) event = json_object_new();
    json_object_set_string_member(event, "event", "note");
    json_object_set_string_member(event, "kind", watch_name(kind));
    json_object_set_string_member(event, "level", "warning");
    json_object_set_int_member(event, "step", (gint64)run->state.step);
    json_object_set_string_member(event, "text", text);
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), event);
    g_autofree char *line = hone_json_canonical(node);
    g_string_append_printf(run->state.events, "%s\n", line);
    hone_progress_note(run->progress, HONE_NOTE_WARNING, "%s", text);
}

void run_warn(Run *run)
{
    if (run->feed->n_figures > 0) /* the loss of such a feed's objective is not what is to fall */
        return;
    const HoneTrainParams *params = run->params;
    double warmup = params->warmup < 1 ? params->warmup * (double)run->plan.total : params->warmup;
    const WatchHistory history = {.loss = (const double *)(void *)run->losses->data,
                                  .n = run->losses->len,
                                  .warmup = (uint64_t)warmup,
                                  .val_step = (const uint64_t *)(void *)run->val_steps->data,
                                  .val_loss = (const double *)(void *)run->val_losses->data,
                                  .n_val = run->val_steps->len};
    for (WatchKind kind = 0; kind < WATCH_END; kind++)
        if (!run->warned[kind] && watch_sees(kind, &history)) {
            run->warned[kind] = true;
            warn(run, kind);
        }
}

/* SPDX-License-Identifier: Apache-2.0
 * jsonl.c: a tracker that writes one JSON object a line into metrics.jsonl, {"step": 3, "loss": 1.7, ...}: what data
 * frames read without taking events apart.
 */
#include <errno.h>
#include <hone/error.h>
#include <hone/file.h>
#include <hone/tracker.h>
#include <json-glib/json-glib.h>
#include <stdio.h>

#define NAME "metrics.jsonl"

static bool failed(GError **error)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_IO, NAME ": %s", g_strerror(errno));
    return false;
}

static void *open_file(const void *params, const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(folder, NAME, NULL);
    FILE *file = fopen(path, "we");
    if (!file)
        failed(error);
    return file;
}

static bool log_figures(void *tracker, uint64_t step, const char *const *names, const double *values, size_t n,
                        GError **error)
{
    g_autoptr(JsonObject) object = json_object_new();
    json_object_set_int_member(object, "step", (gint64)step);
    for (size_t i = 0; i < n; i++)
        json_object_set_double_member(object, names[i], values[i]);
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), object);
    g_autofree char *line = hone_json_canonical(node);
    return (fprintf(tracker, "%s\n", line) > 0 && fflush(tracker) == 0) || failed(error);
}

static bool close_file(void *tracker, GError **error)
{
    return fclose(tracker) == 0 || failed(error);
}

static const HoneTrackerOps ops = {
    .size = sizeof(HoneTrackerOps), .open = open_file, .log = log_figures, .close = close_file};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_TRACKER,
    .name = "jsonl",
    .version = "1",
    .summary = "every figure of a step as one line of JSON",
    .help = "Writes metrics.jsonl into the result: {\"loss\": 1.7, \"step\": 3, ...} for each step.",
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("tracker-jsonl", "1", "Apache-2.0", "training figures as lines of JSON", &component)

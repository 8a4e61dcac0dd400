/* SPDX-License-Identifier: Apache-2.0
 * track.c: hands every figure to the trackers, and their files to the result. While the run lasts the files lie in its
 * work folder, WORK/trackers/NAME, where a program can watch them grow.
 */
#include "run.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <hone/file.h>
#include <hone/json.h>
#include <hone/tracker.h>
#include <math.h>
#include <string.h>

typedef struct Tracker {
    const HoneTrackerOps *ops;
    void *tracker;
    char *folder;
} Tracker;

static void tracker_free(gpointer data)
{
    Tracker *t = data;
    if (t->tracker)
        t->ops->close(t->tracker, NULL);
    g_free(t->folder);
    g_free(t);
}

/* Makes the folder, or empties it. */
static bool empty_folder(const char *folder, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_unlink(path);
    }
    if (g_mkdir_with_parents(folder, 0777) == 0)
        return true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: %s", folder, g_strerror(errno));
    return false;
}

static bool open_one(Run *run, const char *name, GError **error)
{
    const HoneComponent *component = hone_stage_component(run->stage, HONE_TRACKER, name, error);
    if (!component)
        return false;
    Tracker *t = g_new0(Tracker, 1);
    t->ops = component->ops;
    t->folder = g_build_filename(hone_stage_work_folder(run->stage), "trackers", name, NULL);
    g_ptr_array_add(run->trackers, t);
    if (!empty_folder(t->folder, error))
        return false;
    g_autofree void *instance = g_malloc0(MAX(component->instance_size, 1));
    if (!hone_params_fill(component, NULL, NULL, instance, error))
        return false;
    t->tracker = t->ops->open(instance, t->folder, error);
    hone_params_clear(component, instance);
    if (!t->tracker)
        g_prefix_error(error, "tracker \"%s\": ", name);
    return t->tracker != NULL;
}

static int by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

/* In the order of the names, so that a figure that was told and one that is recalled come to the same bytes. */
bool run_track(Run *run, uint64_t step, JsonObject *figures, GError **error)
{
    g_autoptr(GList) members = g_list_sort(json_object_get_members(figures), by_name);
    size_t n = 0;
    g_autofree const char **names = g_new(const char *, json_object_get_size(figures) + 1);
    g_autofree double *values = g_new(double, json_object_get_size(figures) + 1);
    for (GList *at = members; at; at = at->next) {
        JsonNode *node = json_object_get_member(figures, at->data);
        double value = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_double(node) : NAN; /* null: no finite number */
        if (!isfinite(value))
            continue;
        names[n] = at->data;
        values[n++] = value;
    }
    for (guint i = 0; i < run->trackers->len; i++) {
        Tracker *t = run->trackers->pdata[i];
        if (!t->ops->log(t->tracker, step, names, values, n, error))
            return false;
    }
    return true;
}

/* The steps that a checkpoint brought. */
static bool recall(Run *run, GError **error)
{
    const char *at = run->state.events->str;
    for (const char *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        g_autoptr(JsonNode) node = hone_json_parse(at, (size_t)(end - at), NULL, NULL);
        JsonObject *event = node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
        JsonNode *figures = event ? json_object_get_member(event, "figures") : NULL;
        gint64 step = event ? json_object_get_int_member_with_default(event, "step", 0) : 0;
        if (figures && JSON_NODE_HOLDS_OBJECT(figures) &&
            !run_track(run, (uint64_t)step, json_node_get_object(figures), error))
            return false;
    }
    return true;
}

bool run_open_trackers(Run *run, GError **error)
{
    run->trackers = g_ptr_array_new_with_free_func(tracker_free);
    for (char **name = run->params->trackers; name && *name; name++) {
        for (char **other = run->params->trackers; other < name; other++)
            if (strcmp(*other, *name) == 0) {
                g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "trackers: \"%s\" is there twice", *name);
                return false;
            }
        if (!open_one(run, *name, error))
            return false;
    }
    return recall(run, error);
}

static bool move_files(const char *from, const char *to, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(from, 0, error);
    if (!dir)
        return false;
    const char *name;
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *old = g_build_filename(from, name, NULL), *new = g_build_filename(to, name, NULL);
        if (g_file_test(new, G_FILE_TEST_EXISTS)) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN, "two trackers write a file named %s", name);
            return false;
        }
        if (g_rename(old, new) != 0) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: %s", new, g_strerror(errno));
            return false;
        }
    }
    return true;
}

bool run_close_trackers(Run *run, const char *folder, GError **error)
{
    for (guint i = 0; i < run->trackers->len; i++) {
        Tracker *t = run->trackers->pdata[i];
        void *tracker = g_steal_pointer(&t->tracker);
        if (!t->ops->close(tracker, error) || !move_files(t->folder, folder, error))
            return false;
    }
    return true;
}

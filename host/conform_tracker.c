/* SPDX-License-Identifier: Apache-2.0
 * conform_tracker.c: a tracker takes figures and leaves files, and the same figures leave the same files.
 */
#include "conform.h"
#include <glib/gstdio.h>
#include <hone/tracker.h>
#include <string.h>

static int by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Every file of the folder with its content, by name, in one text; the folder is removed. NULL: it holds a folder. */
static char *take_files(const char *folder)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    bool flat = true;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL), *content = NULL, *sum = NULL;
        gsize length;
        if (!g_file_get_contents(path, &content, &length, NULL)) {
            flat = false;
            continue;
        }
        sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)content, length);
        g_ptr_array_add(parts, g_strdup_printf("%s %" G_GSIZE_FORMAT " %s", name, length, sum));
        g_unlink(path);
    }
    g_rmdir(folder);
    g_ptr_array_sort(parts, by_text);
    g_ptr_array_add(parts, NULL);
    return flat ? g_strjoinv("\n", (char **)parts->pdata) : NULL;
}

/* One short training. NULL, or what is wrong; *files: what it left. */
static char *track(const HoneTrackerOps *ops, const void *params, char **files)
{
    static const char *const names[] = {"loss", "lr"};
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("hone-tracker-XXXXXX", &error);
    if (folder == NULL)
        return g_strdup(error->message);
    void *tracker = ops->open(params, folder, &error);
    bool ok = tracker != NULL;
    for (uint64_t step = 1; ok && step <= 300; step++) {
        const double values[] = {2 - (double)step / 300, 1e-4};
        ok = ops->log(tracker, step, names, values, 1 + step % 2, &error);
    }
    if (tracker != NULL)
        ok = ops->close(tracker, ok ? &error : NULL) && ok;
    *files = take_files(folder);
    if (!ok)
        return g_strdup(error != NULL ? error->message : "it failed and did not say why");
    return *files == NULL ? g_strdup("it made a folder: files only become part of a result") : NULL;
}

void hone_conform_tracker(HoneConform *conform)
{
    const HoneComponent *component = conform->component;
    const HoneTrackerOps *ops = component->ops;
    g_autofree char *instance = g_malloc0(component->instance_size + 1), *first = NULL, *second = NULL;
    g_autoptr(GError) error = NULL;
    hone_conform_begin(conform, "track");
    if (!hone_params_fill(component, NULL, NULL, instance, &error)) {
        hone_conform_result(conform, "track", HONE_CONFORM_SKIPPED, "not run: %s", error->message);
        return;
    }
    g_autofree char *problem = track(ops, instance, &first), *again = NULL;
    if (problem == NULL && strcmp(first, "") != 0)
        g_usleep(1100000); /* a time of day in whole seconds would be another one */
    if (problem == NULL)
        again = track(ops, instance, &second);
    if (problem != NULL || again != NULL)
        hone_conform_result(conform, "track", HONE_CONFORM_FAILED, "%s", problem != NULL ? problem : again);
    else if (strcmp(first, second) != 0)
        hone_conform_result(conform, "track", HONE_CONFORM_FAILED,
                            "the same figures leave other files: a resumed run would have another result");
    else
        hone_conform_result(conform, "track", HONE_CONFORM_PASSED, "300 steps: the same files twice");
    hone_params_clear(component, instance);
}

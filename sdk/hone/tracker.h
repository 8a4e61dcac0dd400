/* SPDX-License-Identifier: Apache-2.0
 * tracker.h: where a training's figures go beside its own log: a format that another program reads, a service.
 *
 * A run opens the trackers of its parameter `trackers`, hands each of them every figure of every step, and closes them;
 * the files that they left become part of its result. A run that goes on after a kill opens them anew on an empty
 * folder and hands them the steps so far once more, so that the files of a resumed run are those of an undisturbed one:
 * a tracker that writes files writes nothing into them that these calls do not tell it, the time of day above all.
 */
#ifndef HONE_TRACKER_H
#define HONE_TRACKER_H

#include <hone/plugin.h>

typedef struct HoneTrackerOps {
    uint32_t size;
    /* folder: empty, and the tracker's own. Files only: no folders in it. NULL: it cannot be opened. */
    void *(*open)(const void *params, const char *folder, GError **error);
    /* Figures [n] of a step, by name; one step may come more than once, with other names. */
    bool (*log)(void *tracker, uint64_t step, const char *const *names, const double *values, size_t n, GError **error);
    /* Whatever it returns, the tracker is gone. */
    bool (*close)(void *tracker, GError **error);
} HoneTrackerOps;

#endif

/* SPDX-License-Identifier: Apache-2.0
 * progress.h: what a running node tells: how far it is, its figures, its warnings. JSON lines to a file descriptor.
 *
 *     {"event":"progress","t":12.3,"step":40,"total":300,"unit":"steps","figures":{"loss":1.71,"tokens_per_s":812.0}}
 *     {"event":"note","t":0.2,"level":"warning","text":"3 of 600 rows dropped: longer than 512 tokens"}
 *
 * The host shows them live and keeps them with the run; the report reads them from the artifact's events file.
 */
#ifndef HONE_PROGRESS_H
#define HONE_PROGRESS_H

#include <hone/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct HoneProgress HoneProgress;

typedef enum {
    HONE_NOTE_INFO,
    HONE_NOTE_WARNING,
} HoneNoteLevel;

/* fd: where lines go, -1 for nowhere. Not closed. Each line is one write. */
HONE_EXPORT HoneProgress *hone_progress_new(int fd);
HONE_EXPORT void hone_progress_free(HoneProgress *progress);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneProgress, hone_progress_free)

/* step of total `unit`s (total 0: unknown), then pairs of name and double, ended by NULL:
 *     hone_progress_step(p, i, n, "steps", "loss", loss, "lr", rate, NULL);
 * Non-finite figures are written as null. progress may be NULL. */
HONE_EXPORT void hone_progress_step(HoneProgress *progress, uint64_t step, uint64_t total, const char *unit,
                                    ...) G_GNUC_NULL_TERMINATED;
/* The same with the figures in arrays [n]. */
HONE_EXPORT void hone_progress_step_values(HoneProgress *progress, uint64_t step, uint64_t total, const char *unit,
                                           const char *const *names, const double *values, size_t n);
HONE_EXPORT void hone_progress_note(HoneProgress *progress, HoneNoteLevel level, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* A fact for the report and for `hone show`, e.g. ("peak_memory_bytes", 1.1e9). */
HONE_EXPORT void hone_progress_fact(HoneProgress *progress, const char *name, double value);

#endif

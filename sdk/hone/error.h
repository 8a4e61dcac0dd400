/* SPDX-License-Identifier: Apache-2.0
 * error.h: the error domain of everything that a user, a file or a machine can cause.
 *
 * Messages are written for the tuner: one sentence that names the file and the place, then what to do.
 * Programming mistakes are assertions, never a GError.
 */
#ifndef HONE_ERROR_H
#define HONE_ERROR_H

#include <glib.h>
#include <json-glib/json-glib.h>

#define HONE_EXPORT __attribute__((visibility("default")))

#define HONE_ERROR (hone_error_quark())
HONE_EXPORT GQuark hone_error_quark(void);

typedef enum {
    HONE_ERROR_INVALID,     /* input that breaks its own format or the schema it must follow */
    HONE_ERROR_NOT_FOUND,   /* a file, a name or an artifact that is not there */
    HONE_ERROR_UNSUPPORTED, /* well-formed, but not something this version does */
    HONE_ERROR_IO,          /* the operating system refused: disk full, read-only, permission */
    HONE_ERROR_MEMORY,      /* not enough memory, on the host or on the device */
    HONE_ERROR_PLUGIN,      /* a plugin that breaks the ABI's rules */
    HONE_ERROR_CANCELLED,   /* stopped at the user's wish, at a point from which it can be resumed */
    HONE_ERROR_DIVERGED,    /* NaN or infinity where a number must be */
} HoneError;

/* The candidate nearest to `name` by edit distance (Damerau-Levenshtein with adjacent swaps), or NULL where none is
 * near enough to be worth suggesting (distance above a third of the name's length, at least 1). candidates [n]: NULL
 * entries are passed over. The result is one of the candidates. */
HONE_EXPORT const char *hone_nearest(const char *name, const char *const *candidates, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * nearest.c: the known name that a mistyped one most probably meant.
 *
 * Optimal string alignment distance: insertion, deletion, substitution and the swap of two neighbours cost 1 each, and
 * no piece is edited twice. Bytes are compared: names in Hone are ASCII.
 */
#include <hone/error.h>
#include <string.h>

/* Longer names are not typed by hand, and the tables below stay small. */
#define LONGEST 128

static unsigned min_of(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned edit_distance(const char *a, size_t n, const char *b, size_t m)
{
    unsigned rows[3][LONGEST + 1];
    unsigned *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= m; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);
            best = min_of(best, min_of(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = min_of(best, before[j - 2] + 1);
            now[j] = best;
        }
        unsigned *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[m];
}

const char *hone_nearest(const char *name, const char *const *candidates, size_t n)
{
    g_return_val_if_fail(name != NULL, NULL);
    size_t length = strlen(name);
    if (length == 0 || length > LONGEST)
        return NULL;
    unsigned limit = length < 3 ? 1 : (unsigned)(length / 3);
    const char *best = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t other = candidates[i] != NULL ? strlen(candidates[i]) : 0;
        if (other == 0 || other > LONGEST || (other > length ? other - length : length - other) > limit)
            continue;
        unsigned distance = edit_distance(name, length, candidates[i], other);
        if (distance > limit)
            continue;
        best = candidates[i];
        if (distance == 0)
            break;
        limit = distance - 1; /* only a nearer one replaces it: of equals, the first */
    }
    return best;
}

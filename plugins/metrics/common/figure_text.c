/* SPDX-License-Identifier: Apache-2.0
 * figure_text.c: one decimal for shares, three significant digits for all else.
 */
#include "figure_text.h"
#include <math.h>

#define MINUS "\xE2\x88\x92" /* U+2212, as wide as the plus */

static gboolean is_share(const char *unit)
{
    return g_strcmp0(unit, "%") == 0;
}

/* Digits alone. */
static char *digits(const char *unit, double value, gboolean sign)
{
    double shown = is_share(unit) ? 100 * value : value, size = fabs(shown);
    static const char *const formats[] = {"%.0f", "%.1f", "%.2f", "%.3f"};
    int decimals = is_share(unit) || size >= 100 ? 1 : size >= 10 ? 2 : 3;
    char text[64];
    gboolean zero;

    if (!isfinite(value)) {
        return g_strdup(isnan(value) ? "n/a" : value > 0 ? "infinite" : MINUS "infinite");
    }
    if (size >= 1e6 || (size > 0 && size < 1e-3 && !is_share(unit))) {
        g_ascii_formatd(text, sizeof text, "%.2e", size);
    } else {
        g_ascii_formatd(text, sizeof text, formats[decimals], size);
    }
    zero = g_ascii_strtod(text, NULL) == 0;
    return g_strconcat(zero ? (sign ? "\xC2\xB1" : "") : shown < 0 ? MINUS : sign ? "+" : "", text, NULL);
}

char *figure_text(const char *unit, double value)
{
    g_autofree char *number = digits(unit, value, FALSE);

    return unit && isfinite(value) ? g_strconcat(number, "\xC2\xA0", unit, NULL) : g_steal_pointer(&number);
}

char *figure_difference_text(const char *unit, double value)
{
    g_autofree char *number = digits(unit, value, TRUE);
    const char *of = is_share(unit) ? "points" : unit;

    return of && isfinite(value) ? g_strconcat(number, "\xC2\xA0", of, NULL) : g_steal_pointer(&number);
}

char *figure_interval_text(const char *unit, double low, double high, gboolean signs)
{
    g_autofree char *from = digits(unit, low, signs), *to = digits(unit, high, signs);

    return isnan(low) || isnan(high) ? g_strdup("n/a") : g_strconcat(from, " to ", to, NULL);
}

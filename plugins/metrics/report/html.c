/* SPDX-License-Identifier: Apache-2.0
 * html.c: escaping and small formats. All text of models, datasets and files goes through html_escape.
 */
#include "html.h"
#include <math.h>
#include <string.h>

static const char *entity(gunichar c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* Characters that no HTML text may hold, not even as a reference. */
static gboolean forbidden(gunichar c)
{
    return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || (c >= 0x7F && c < 0xA0) || (c & 0xFFFE) == 0xFFFE ||
           (c >= 0xFDD0 && c <= 0xFDEF);
}

void html_escape(GString *out, const char *text)
{
    g_autofree char *valid = text ? g_utf8_make_valid(text, -1) : g_strdup("");

    for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
        gunichar c = g_utf8_get_char(at);

        if (entity(c)) {
            g_string_append(out, entity(c));
        } else {
            g_string_append_unichar(out, forbidden(c) ? 0xFFFD : c);
        }
    }
}

static void append_double(GString *out, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    size_t end;

    if (!isfinite(value)) {
        value = 0; /* no coordinate is better than one that breaks the drawing */
    }
    g_ascii_formatd(text, sizeof text, "%.2f", value);
    for (end = strlen(text); end > 0 && text[end - 1] == '0'; end--) {
    }
    if (end > 0 && text[end - 1] == '.') {
        end--;
    }
    g_string_append_len(out, text, (gssize)end);
}

void html(GString *out, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    for (; *format; format++) {
        if (*format != '%') {
            g_string_append_c(out, *format);
            continue;
        }
        switch (*++format) {
        case 's':
            html_escape(out, va_arg(list, const char *));
            break;
        case 'r':
            g_string_append(out, va_arg(list, const char *));
            break;
        case 'd':
            g_string_append_printf(out, "%d", va_arg(list, int));
            break;
        case 'f':
            append_double(out, va_arg(list, double));
            break;
        case '%':
            g_string_append_c(out, '%');
            break;
        default:
            g_assert_not_reached();
        }
    }
    va_end(list);
}

char *text_bytes(double bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    char text[32];
    size_t unit = 0;

    if (!isfinite(bytes) || bytes < 0) {
        return g_strdup("");
    }
    for (; bytes >= 999.5 && unit + 1 < G_N_ELEMENTS(units); unit++) {
        bytes /= 1000;
    }
    g_ascii_formatd(text, sizeof text, bytes < 9.95 && unit > 0 ? "%.1f" : "%.0f", bytes);
    return g_strdup_printf("%s\xC2\xA0%s", text, units[unit]);
}

char *text_seconds(double seconds)
{
    char text[32];
    gint64 whole;

    if (!isfinite(seconds) || seconds < 0 || seconds > 1e9) {
        return g_strdup("");
    }
    if (seconds < 9.95) {
        g_ascii_formatd(text, sizeof text, "%.1f", seconds);
        return g_strdup_printf("%s\xC2\xA0s", text);
    }
    whole = (gint64)(seconds + 0.5);
    if (whole < 60) {
        return g_strdup_printf("%d\xC2\xA0s", (int)whole);
    }
    if (whole < 3600) {
        return g_strdup_printf("%d\xC2\xA0min %d\xC2\xA0s", (int)(whole / 60), (int)(whole % 60));
    }
    return g_strdup_printf("%d\xC2\xA0h %d\xC2\xA0min", (int)(whole / 3600), (int)(whole / 60 % 60));
}

char *text_count(double count)
{
    g_autofree char *plain = NULL;
    GString *text = g_string_new(NULL);
    size_t length;

    if (!isfinite(count) || fabs(count) > 1e15) {
        return g_string_free(text, FALSE);
    }
    plain = g_strdup_printf("%" G_GINT64_FORMAT, (gint64)(count < 0 ? -count + 0.5 : count + 0.5));
    length = strlen(plain);
    if (count <= -0.5) {
        g_string_append_c(text, '-');
    }
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            g_string_append_c(text, ',');
        }
        g_string_append_c(text, plain[i]);
    }
    return g_string_free(text, FALSE);
}

char *text_cut(const char *text, glong limit)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    glong length = g_utf8_strlen(valid, -1);
    g_autofree char *start = NULL;

    if (length <= limit) {
        return g_steal_pointer(&valid);
    }
    start = g_utf8_substring(valid, 0, limit);
    return g_strdup_printf("%s … (%ld more characters)", start, length - limit);
}

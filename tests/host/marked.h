/* SPDX-License-Identifier: Apache-2.0
 * marked.h: pipeline texts with an '@' wherever a mistake must be reported. The marks are taken out and their places
 * counted here, by the plainest of means, so that no test holds a line or a column typed by hand.
 */
#ifndef HONE_TEST_MARKED_H
#define HONE_TEST_MARKED_H

#include "pipeline.h"
#include <glib/gstdio.h>
#include <string.h>

typedef struct {
    guint line, column;
} Mark;

/* The text without its marks, and where they were. */
static inline char *unmark(const char *text, GArray *marks)
{
    GString *out = g_string_new(NULL);
    Mark at = {1, 1};
    for (const char *c = text; *c != 0; c++) {
        if (*c == '@') {
            g_array_append_val(marks, at);
            continue;
        }
        g_string_append_c(out, *c);
        if (*c == '\n') {
            at.line++;
            at.column = 1;
        } else if (((guchar)*c & 0xC0) != 0x80) { /* not a continuation byte of UTF-8 */
            at.column++;
        }
    }
    return g_string_free(out, FALSE);
}

static inline char *all_messages(HoneMistakes *mistakes)
{
    GString *out = g_string_new(NULL);
    const HoneMistake *m;
    for (guint i = 0; (m = hone_mistakes_get(mistakes, i)) != NULL; i++)
        g_string_append_printf(out, "%s:%u:%u: %s%s\n", m->file, m->line, m->column, m->warning ? "warning: " : "",
                               m->message);
    return g_string_free(out, FALSE);
}

/* The mistakes must be these and no others: one at every mark, in the order of the text, each message holding its
 * fragment. Fragments end with NULL; one that begins with "warning: " must be a warning. */
static inline void assert_mistakes(HoneMistakes *mistakes, const GArray *marks, const char *const *fragments)
{
    guint n = 0;
    while (fragments[n] != NULL)
        n++;
    g_autofree char *all = all_messages(mistakes);
    if (n != marks->len || n != hone_mistakes_count(mistakes))
        g_test_message("%u marks, %u fragments, %u mistakes:\n%s", marks->len, n, hone_mistakes_count(mistakes), all);
    g_assert_cmpuint(marks->len, ==, n);
    g_assert_cmpuint(hone_mistakes_count(mistakes), ==, n);
    for (guint i = 0; i < n; i++) {
        const HoneMistake *m = hone_mistakes_get(mistakes, i);
        Mark mark = g_array_index(marks, Mark, i);
        bool warning = g_str_has_prefix(fragments[i], "warning: ");
        const char *fragment = fragments[i] + (warning ? strlen("warning: ") : 0);
        if (m->line != mark.line || m->column != mark.column || strstr(m->message, fragment) == NULL ||
            m->warning != warning)
            g_test_message("wanted %u:%u: ...%s..., got:\n%s", mark.line, mark.column, fragments[i], all);
        g_assert_cmpuint(m->line, ==, mark.line);
        g_assert_cmpuint(m->column, ==, mark.column);
        g_assert_nonnull(strstr(m->message, fragment));
        g_assert_true(m->warning == warning);
    }
}

#endif

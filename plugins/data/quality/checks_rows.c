/* SPDX-License-Identifier: Apache-2.0
 * checks_rows.c: what can be said of a row by itself.
 */
#include "checks.h"

static bool is_empty(const Facts *row)
{
    return row->empty;
}

static bool is_equal(const Facts *row)
{
    return row->equal;
}

static void check_each(Checking *c, Check check, bool (*applies)(const Facts *row))
{
    Finding *finding = checking_find(c, check);
    Facts *row;
    for (guint i = 0; (row = checking_next(c, &i)) != NULL;)
        if (applies(row))
            checking_mark(c, finding, row);
    checking_end(c, finding);
}

void check_empty_answers(Checking *c)
{
    check_each(c, CHECK_EMPTY_ANSWERS, is_empty);
}

void check_equal_pairs(Checking *c)
{
    check_each(c, CHECK_EQUAL_PAIRS, is_equal);
}

void check_broken_encoding(Checking *c)
{
    static const char *const kinds[] = {
        [ENCODING_REPLACED] = "replacement characters (U+FFFD)",
        [ENCODING_MOJIBAKE] = "UTF-8 read as another encoding",
        [ENCODING_CONTROL] = "control characters",
    };
    Finding *finding = checking_find(c, CHECK_BROKEN_ENCODING);
    size_t seen[G_N_ELEMENTS(kinds)] = {0};
    Facts *row;
    for (guint i = 0; (row = checking_next(c, &i)) != NULL;) {
        if (row->encoding == ENCODING_FINE)
            continue;
        seen[row->encoding]++;
        checking_mark(c, finding, row);
    }
    GString *detail = g_string_new(NULL);
    for (size_t k = 1; k < G_N_ELEMENTS(kinds); k++)
        if (seen[k] > 0)
            g_string_append_printf(detail, "%s%s in %zu", detail->len > 0 ? ", " : "", kinds[k], seen[k]);
    finding->detail = g_string_free(detail, FALSE);
    checking_end(c, finding);
}

/* SPDX-License-Identifier: Apache-2.0
 * table.c: tables and the small texts that go into them.
 */
#include "table.h"
#include <stdbool.h>
#include <string.h>

struct HoneTable {
    GPtrArray *rows; /* of GPtrArray of char *; the first is the heading */
    guint columns;
};

static void free_row(gpointer row)
{
    g_ptr_array_unref(row);
}

HoneTable *hone_table_new(const char *const *columns)
{
    HoneTable *table = g_new0(HoneTable, 1);
    table->rows = g_ptr_array_new_with_free_func(free_row);
    table->columns = g_strv_length((GStrv)columns);
    hone_table_add(table, columns);
    return table;
}

void hone_table_free(HoneTable *table)
{
    if (!table)
        return;
    g_ptr_array_unref(table->rows);
    g_free(table);
}

void hone_table_add(HoneTable *table, const char *const *cells)
{
    GPtrArray *row = g_ptr_array_new_with_free_func(g_free);
    bool ended = false;
    for (guint i = 0; i < table->columns; i++) {
        ended = ended || !cells[i];
        g_autofree char *clean = hone_text_clean(ended ? "" : cells[i]);
        g_ptr_array_add(row, g_strdelimit(g_steal_pointer(&clean), "\n", ' '));
    }
    g_ptr_array_add(table->rows, row);
}

/* "-", "12", "+0.5", "92.1 %", "1.2 GB", "3 min 20 s": what reads better with its end under the others' ends. */
static bool looks_numeric(const char *cell)
{
    if (!cell[0] || g_str_equal(cell, "-"))
        return true;
    const char *p = cell + (cell[0] == '+' || cell[0] == '-');
    size_t digits = strspn(p, "0123456789., ");
    return g_ascii_isdigit(*p) && strlen(p + digits) <= 8 && !strpbrk(p + digits, "-:/_");
}

char *hone_table_text(const HoneTable *table, unsigned indent)
{
    g_autofree unsigned *widths = g_new0(unsigned, table->columns);
    g_autofree bool *right = g_new0(bool, table->columns);
    for (guint c = 0; c < table->columns; c++) {
        right[c] = table->rows->len > 1;
        for (guint r = 0; r < table->rows->len; r++) {
            const char *cell = ((GPtrArray *)table->rows->pdata[r])->pdata[c];
            widths[c] = MAX(widths[c], hone_text_width(cell));
            right[c] = right[c] && (r == 0 || looks_numeric(cell));
        }
    }
    GString *out = g_string_new(NULL);
    bool headed = false;
    for (guint c = 0; c < table->columns; c++)
        headed = headed || ((char *)((GPtrArray *)table->rows->pdata[0])->pdata[c])[0];
    for (guint r = headed ? 0 : 1; r < table->rows->len; r++) {
        gsize start = out->len;
        g_string_append_printf(out, "%*s", (int)indent, "");
        for (guint c = 0; c < table->columns; c++) {
            const char *cell = ((GPtrArray *)table->rows->pdata[r])->pdata[c];
            int gap = (int)(widths[c] - hone_text_width(cell));
            g_string_append_printf(out, "%*s%s%*s%s", right[c] ? gap : 0, "", cell, right[c] ? 0 : gap, "",
                                   c + 1 < table->columns ? "  " : "");
        }
        while (out->len > start && out->str[out->len - 1] == ' ')
            g_string_truncate(out, out->len - 1);
        g_string_append_c(out, '\n');
    }
    return g_string_free(out, FALSE);
}

unsigned hone_text_width(const char *text)
{
    unsigned width = 0;
    for (const char *p = text; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        if (!g_unichar_iszerowidth(c))
            width += g_unichar_iswide(c) ? 2 : 1;
    }
    return width;
}

char *hone_text_clean(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *out = g_string_new(NULL);
    for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        if (c == '\t')
            g_string_append_c(out, ' ');
        else if (c == '\n' || !g_unichar_iscntrl(c))
            g_string_append_unichar(out, c);
    }
    return g_string_free(out, FALSE);
}

char *hone_text_bytes(guint64 bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < G_N_ELEMENTS(units)) {
        value /= 1000;
        unit++;
    }
    return g_strdup_printf(unit == 0 || value >= 99.5 ? "%.0f %s"
                           : value >= 9.95            ? "%.1f %s"
                                                      : "%.2f %s",
                           value, units[unit]);
}

char *hone_text_seconds(double seconds)
{
    if (!(seconds >= 0) || seconds > 1e9)
        return g_strdup("?");
    if (seconds < 9.95)
        return g_strdup_printf("%.1f s", seconds);
    guint64 whole = (guint64)(seconds + 0.5);
    if (whole < 60)
        return g_strdup_printf("%u s", (unsigned)whole);
    if (whole < 3600)
        return g_strdup_printf("%u min %02u s", (unsigned)(whole / 60), (unsigned)(whole % 60));
    return g_strdup_printf("%" G_GUINT64_FORMAT " h %02u min", whole / 3600, (unsigned)(whole / 60 % 60));
}

/* SPDX-License-Identifier: Apache-2.0
 * table.h: columns of text that line up, whatever script they are written in.
 */
#ifndef HONE_HOST_TABLE_H
#define HONE_HOST_TABLE_H

#include <glib.h>

typedef struct HoneTable HoneTable;

/* columns: headings, ends with NULL. Where all are empty, no heading is printed. */
HoneTable *hone_table_new(const char *const *columns);
void hone_table_free(HoneTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneTable, hone_table_free)
/* One cell for each column; a NULL cell, and all cells after the first NULL, are empty. */
void hone_table_add(HoneTable *table, const char *const *cells);
/* As many spaces as `indent` before each line. Columns whose cells are all numbers stand to the right. Caller frees. */
char *hone_table_text(const HoneTable *table, unsigned indent);

/* Columns that a terminal needs for the text. */
unsigned hone_text_width(const char *text);
/* Valid UTF-8 without control characters but newline and tab (which becomes a space): a plugin's text cannot move the
 * cursor. Caller frees. */
char *hone_text_clean(const char *text);
/* "1.2 GB", "3 min 20 s". Caller frees. */
char *hone_text_bytes(guint64 bytes);
char *hone_text_seconds(double seconds);

#endif

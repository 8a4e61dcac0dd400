/* SPDX-License-Identifier: Apache-2.0
 * row_source.h: rows that a person names: a JSON lines file, or a node whose result is a dataset.
 *
 * A line of a file is a row as Hone writes it ({"messages": [...]}), or {"prompt": "...", "completion": "..."}, where
 * the completion may be absent. A row without id gets its line number.
 */
#ifndef HONE_HOST_ROW_SOURCE_H
#define HONE_HOST_ROW_SOURCE_H

#include <hone/dataset.h>

typedef struct HoneRowSource HoneRowSource;

/* name: a path, or a node ("clean", "parts.train") whose newest result is taken. store: as hone_store_open. */
HoneRowSource *hone_row_source_open(const char *name, const char *store, GError **error);
/* The next row, or NULL at the end (no error) or on a broken line (error). Caller frees. */
HoneRow *hone_row_source_next(HoneRowSource *source, GError **error);
void hone_row_source_free(HoneRowSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneRowSource, hone_row_source_free)

#endif

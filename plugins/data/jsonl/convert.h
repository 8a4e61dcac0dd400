/* SPDX-License-Identifier: Apache-2.0
 * convert.h: one JSON object of a known format to a row of messages.
 */
#ifndef JSONL_CONVERT_H
#define JSONL_CONVERT_H

#include "formats.h"
#include <hone/dataset.h>

/* What was seen and set aside, for the note at the end. Both: name -> number of rows (as pointer). */
typedef struct Seen {
    GHashTable *extra;        /* columns kept in the row's extra */
    GHashTable *message_keys; /* members of messages that were passed over */
    size_t converted;         /* tool calls whose arguments were of the other kind */
    bool arguments_as_text;   /* what is wanted of them */
} Seen;

void seen_init(Seen *seen);
void seen_clear(Seen *seen);

/* NULL with an error that begins with `where`. fallback_id is used where the row has no "id". */
HoneRow *convert_row(Format format, const Columns *columns, JsonObject *object, const char *fallback_id,
                     const char *where, Seen *seen, GError **error);

#endif

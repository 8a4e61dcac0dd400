/* SPDX-License-Identifier: Apache-2.0
 * json.h: a strict JSON reader, for text that strangers wrote (data rows, a model's answers).
 *
 * json-glib's own parser takes comments, cuts a string at \u0000 and recurses as deep as its input says.
 */
#ifndef HONE_JSON_H
#define HONE_JSON_H

#include <hone/error.h>
#include <stddef.h>

/* One value as RFC 8259 writes it, white space around it allowed, nothing else. Refused as well: a member named twice,
 * more than 128 levels, \u0000 and lone surrogates in strings, numbers beyond a double, invalid UTF-8. Integers that
 * fit are int64, all else is double. `where` ("rows.jsonl:17", or NULL) begins the error message, which gives the
 * column (and the line, past the first). The code is HONE_ERROR_INVALID. Caller unrefs. */
HONE_EXPORT JsonNode *hone_json_parse(const char *text, size_t length, const char *where, GError **error);
/* The value as compact text on one line, members in their order; hone_json_parse reads the same value back. Caller
 * frees. */
HONE_EXPORT char *hone_json_text(JsonNode *node);

#endif

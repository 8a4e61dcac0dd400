/* SPDX-License-Identifier: Apache-2.0
 * records.h: the JSON values of a file, one at a time, each with its place: lines of JSON, or one array of them.
 */
#ifndef JSONL_RECORDS_H
#define JSONL_RECORDS_H

#include <hone/json.h>
#include <stdbool.h>

typedef struct Records Records;

Records *records_open(const char *path, GError **error);
/* The next value, or NULL: at the end (no error), on a broken value (error; records_go_on tells whether the next call
 * has more). Caller unrefs. */
JsonNode *records_next(Records *records, GError **error);
/* False once nothing more can be read after an error: the disk failed, or an array's own structure is broken. */
bool records_go_on(const Records *records);
/* "tickets.jsonl:17", of the last value. Valid until the next call. */
const char *records_place(const Records *records);
size_t records_line(const Records *records);  /* line on which the last value begins */
size_t records_blank(const Records *records); /* blank lines passed over so far */
void records_free(Records *records);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Records, records_free)

#endif

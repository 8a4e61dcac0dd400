/* SPDX-License-Identifier: Apache-2.0
 * formats.h: the shapes of rows that the stage knows, told apart by their columns.
 */
#ifndef JSONL_FORMATS_H
#define JSONL_FORMATS_H

#include <hone/json.h>
#include <stdbool.h>

typedef enum {
    FORMAT_PREFERENCE,
    FORMAT_JUDGED,
    FORMAT_MESSAGES,
    FORMAT_SHAREGPT,
    FORMAT_ALPACA,
    FORMAT_PROMPT_COMPLETION,
    FORMAT_QUESTION_ANSWER,
    FORMAT_INPUT_OUTPUT,
    FORMAT_TEXT,
    FORMAT_COUNT,
} Format;

/* "auto", then the names in the order of the enum, then NULL: the choices of the parameter. */
extern const char *const format_choices[];
const char *format_name(Format format);
/* "question -> user, answer -> assistant" */
const char *format_meaning(Format format);
/* The columns a row of this format must have. At most two, then NULL. */
const char *const *format_columns(Format format);

/* Which column of the file stands for which of Hone's names. */
typedef struct Columns {
    GHashTable *theirs; /* ours -> theirs, as the parameter says */
    GHashTable *taken;  /* set of theirs */
} Columns;

/* From the parameter {"prompt": "q", ...}, or NULL for none. */
bool columns_init(Columns *columns, JsonNode *map, GError **error);
void columns_clear(Columns *columns);
/* The column of the file for one of our names: another one only where the map says so; NULL where the file's column of
 * that name stands for something else. */
const char *columns_name(const Columns *columns, const char *ours);
/* Its value, or NULL where the row lacks it or it is null. */
JsonNode *columns_get(const Columns *columns, JsonObject *row, const char *ours);
/* 0 or 1, or -1 where it is not true or false. */
int columns_get_bool(const Columns *columns, JsonObject *row, const char *ours);

bool format_fits(Format format, const Columns *columns, JsonObject *row);
/* The format that fits most rows [n], the first of the table among equals; -1 where none fits any. */
int format_recognise(const Columns *columns, const GPtrArray *rows);
/* "found the columns "a", "b"; expected ..." for a row that fits no format, or not the one wanted (-1: any). Caller
 * frees. */
char *format_mismatch(int wanted, const Columns *columns, JsonObject *row);

#endif

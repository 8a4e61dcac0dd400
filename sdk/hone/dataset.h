/* SPDX-License-Identifier: Apache-2.0
 * dataset.h: rows of messages, read and written one at a time.
 *
 * A dataset artifact holds rows.jsonl, one row a line:
 *     {"id": "t-17", "messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "...", "weight":
 * 1}], "chosen": [...], "rejected": [...], "tools": [...], "extra": {...}} `chosen` and `rejected` continue `messages`
 * in a preferences artifact; a row with one of them has a single answer that was judged good or bad. `weight` scales
 * the loss of a message; absent, it is 1 for the assistant's messages and 0 for all others. `tools` are the JSON
 * schemas of what may be called. `extra` keeps columns that Hone does not interpret. A row of raw text (a document,
 * without turns) is one message of the role "text", alone; its weight is 1 unless it says otherwise. A message may have
 * further members (tool_calls, tool_call_id, name, reasoning_content), which the chat template is given; one with
 * tool_calls may have null for its content.
 */
#ifndef HONE_DATASET_H
#define HONE_DATASET_H

#include <hone/artifact.h>

typedef struct HoneMessage {
    char *role;         /* system, user, assistant, tool; text */
    char *content;      /* UTF-8 */
    double weight;      /* loss weight, >= 0 */
    JsonObject *fields; /* further members in their order, or NULL; shared by copies, so never changed */
    bool no_content;    /* the message says null for its content, which is then "" */
} HoneMessage;

typedef struct HoneRow {
    char *id;            /* never NULL; unique within a dataset as written by Hone's sources */
    GPtrArray *messages; /* of HoneMessage *, never NULL */
    GPtrArray *chosen;   /* of HoneMessage *, or NULL */
    GPtrArray *rejected; /* of HoneMessage *, or NULL */
    JsonArray *tools;    /* or NULL */
    JsonObject *extra;   /* or NULL */
} HoneRow;

HONE_EXPORT HoneMessage *hone_message_new(const char *role, const char *content, double weight);
/* Everything of it but the weight. */
HONE_EXPORT HoneMessage *hone_message_copy(const HoneMessage *message, double weight);
HONE_EXPORT void hone_message_free(HoneMessage *message);
/* Role, content and further members are the same. */
HONE_EXPORT bool hone_message_equal(const HoneMessage *a, const HoneMessage *b);
/* NULL where the member of this name and value may be one of a message's further ones, else what is wrong with it. */
HONE_EXPORT const char *hone_message_field_problem(const char *name, JsonNode *value);
/* 1 for "assistant" and "text", else 0. */
HONE_EXPORT double hone_message_default_weight(const char *role);
HONE_EXPORT HoneRow *hone_row_new(const char *id);
HONE_EXPORT void hone_row_free(HoneRow *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneRow, hone_row_free)
/* The tools as they are to be: a list of objects. NULL where they are, else what is wrong. */
HONE_EXPORT const char *hone_row_tools_problem(JsonNode *tools);
/* The text where the row is a document (messages: where they are one), or NULL. */
HONE_EXPORT const char *hone_row_text(const HoneRow *row);
HONE_EXPORT const char *hone_messages_text(const GPtrArray *messages);
/* The last assistant message's content (what a metric compares with; of preferences the chosen answer's), a document's
 * text, or NULL. */
HONE_EXPORT const char *hone_row_reference(const HoneRow *row);

/* A row from its canonical JSON form above. `where` ("tickets.jsonl:17") begins every error message. */
HONE_EXPORT HoneRow *hone_row_from_json(JsonNode *node, const char *where, GError **error);
HONE_EXPORT JsonNode *hone_row_to_json(const HoneRow *row);

typedef struct HoneRowReader HoneRowReader;
HONE_EXPORT HoneRowReader *hone_row_reader_open(HoneArtifact *artifact, GError **error);
/* The next row, or NULL at the end (no error) or on a broken line (error). Caller frees. */
HONE_EXPORT HoneRow *hone_row_reader_next(HoneRowReader *reader, GError **error);
HONE_EXPORT void hone_row_reader_free(HoneRowReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneRowReader, hone_row_reader_free)
/* All rows, of HoneRow *. */
HONE_EXPORT GPtrArray *hone_rows_read(HoneArtifact *artifact, GError **error);

typedef struct HoneRowWriter HoneRowWriter;
HONE_EXPORT HoneRowWriter *hone_row_writer_open(HoneArtifact *artifact, GError **error);
HONE_EXPORT bool hone_row_writer_add(HoneRowWriter *writer, const HoneRow *row, GError **error);
/* Flushes, records the row count in the artifact's metadata ("rows"). */
HONE_EXPORT bool hone_row_writer_close(HoneRowWriter *writer, GError **error);
HONE_EXPORT void hone_row_writer_free(HoneRowWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneRowWriter, hone_row_writer_free)

/* Lines of a text file of any size in bounded memory. Refuses a line above `limit` bytes, a NUL byte, invalid UTF-8,
 * each with file and line number. Strips a byte order mark, "\n" and "\r\n". */
typedef struct HoneLines HoneLines;
HONE_EXPORT HoneLines *hone_lines_open(const char *path, size_t limit, GError **error);
/* The next line (valid until the next call), or NULL at the end (no error) or on a bad line (error; the next call goes
 * on with the line after it). */
HONE_EXPORT const char *hone_lines_next(HoneLines *lines, size_t *length, GError **error);
HONE_EXPORT size_t hone_lines_number(const HoneLines *lines); /* of the last line, from 1 */
HONE_EXPORT void hone_lines_free(HoneLines *lines);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneLines, hone_lines_free)

#endif

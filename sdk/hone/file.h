/* SPDX-License-Identifier: Apache-2.0
 * file.h: files written whole or not at all, read within bounds, and named by their content.
 */
#ifndef HONE_FILE_H
#define HONE_FILE_H

#include <hone/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes to a temporary file beside `path`, syncs it, renames it over `path`, syncs the folder. On error `path` is as
 * it was. */
HONE_EXPORT bool hone_file_write(const char *path, const void *data, size_t size, GError **error);
/* The same for a file in several pieces, one after the other. */
typedef struct HoneSpan {
    const void *data;
    size_t size;
} HoneSpan;
HONE_EXPORT bool hone_file_write_spans(const char *path, const HoneSpan *spans, size_t n, GError **error);
/* The same piece by piece, for what is larger than memory. Freed before it is finished, nothing is left behind. After a
 * piece that failed, finishing fails too. */
typedef struct HoneFileWriter HoneFileWriter;
HONE_EXPORT HoneFileWriter *hone_file_writer_new(const char *path, GError **error);
HONE_EXPORT bool hone_file_writer_put(HoneFileWriter *writer, const void *data, size_t size, GError **error);
HONE_EXPORT bool hone_file_writer_finish(HoneFileWriter *writer, GError **error);
HONE_EXPORT void hone_file_writer_free(HoneFileWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneFileWriter, hone_file_writer_free)
/* The same for a JSON value, indented by two spaces, with a final newline. */
HONE_EXPORT bool hone_file_write_json(const char *path, JsonNode *node, GError **error);
/* A regular file's content under another name, in the same way; the file system shares the blocks where it can. */
HONE_EXPORT bool hone_file_copy(const char *from, const char *to, GError **error);
/* Makes what was renamed into a folder last, as far as the file system can. */
HONE_EXPORT bool hone_file_sync_folder(const char *folder, GError **error);
/* Reads a JSON object; errors name the file and the place. Files above `limit` bytes are refused. Caller unrefs. */
HONE_EXPORT JsonObject *hone_file_read_json(const char *path, size_t limit, GError **error);
/* SHA-256 of a file's content in hex, or NULL. Caller frees. */
HONE_EXPORT char *hone_file_hash(const char *path, GError **error);
/* The same, but remembered in `cache_folder` (may be NULL) by device, inode, size and times, so that a large model is
 * hashed once. */
HONE_EXPORT char *hone_file_hash_cached(const char *path, const char *cache_folder, GError **error);
/* Canonical JSON text: members sorted, no white space, numbers in shortest round-trip form. Caller frees. */
HONE_EXPORT char *hone_json_canonical(JsonNode *node);

#endif

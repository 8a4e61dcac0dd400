/* SPDX-License-Identifier: Apache-2.0
 * row_io.c: rows.jsonl of a dataset artifact, read and written a row at a time.
 */
#include "dataset_private.h"
#include <errno.h>
#include <hone/json.h>
#include <stdio.h>
#include <string.h>

#define ROWS_FILE "rows.jsonl"
#define ROW_LIMIT ((size_t)256 << 20) /* bytes of one row: far above any text a model can read */

struct HoneRowReader {
    HoneLines *lines;
    char *label;
};

HoneRowReader *hone_row_reader_open(HoneArtifact *artifact, GError **error)
{
    HoneArtifactType type = hone_artifact_type(artifact);
    if ((type & (HONE_DATASET | HONE_PREFERENCES)) == 0) {
        g_autofree char *name = hone_artifact_types_name(type);
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s holds no rows: it is of type %s",
                    hone_artifact_label(artifact), name);
        return NULL;
    }
    g_autofree char *path = hone_artifact_file(artifact, ROWS_FILE);
    HoneLines *lines = hone_lines_open(path, ROW_LIMIT, error);
    if (lines == NULL)
        return NULL;
    HoneRowReader *reader = g_new0(HoneRowReader, 1);
    reader->lines = lines;
    reader->label = g_strdup(hone_artifact_label(artifact));
    return reader;
}

HoneRow *hone_row_reader_next(HoneRowReader *reader, GError **error)
{
    size_t length;
    const char *line = hone_lines_next(reader->lines, &length, error);
    if (line == NULL)
        return NULL;
    g_autofree char *where = g_strdup_printf("%s, %s:%zu", reader->label != NULL ? reader->label : "dataset", ROWS_FILE,
                                             hone_lines_number(reader->lines));
    g_autoptr(JsonNode) node = hone_json_parse(line, length, where, error);
    return node != NULL ? hone_row_from_json(node, where, error) : NULL;
}

void hone_row_reader_free(HoneRowReader *reader)
{
    if (reader == NULL)
        return;
    hone_lines_free(reader->lines);
    g_free(reader->label);
    g_free(reader);
}

GPtrArray *hone_rows_read(HoneArtifact *artifact, GError **error)
{
    g_autoptr(HoneRowReader) reader = hone_row_reader_open(artifact, error);
    if (reader == NULL)
        return NULL;
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)hone_row_free);
    for (;;) {
        GError *failure = NULL;
        HoneRow *row = hone_row_reader_next(reader, &failure);
        if (failure != NULL) {
            g_propagate_error(error, failure);
            return NULL;
        }
        if (row == NULL)
            return g_steal_pointer(&rows);
        g_ptr_array_add(rows, row);
    }
}

struct HoneRowWriter {
    HoneArtifact *artifact; /* not owned */
    FILE *file;             /* NULL once closed */
    char *path;
    gint64 rows;
};

HoneRowWriter *hone_row_writer_open(HoneArtifact *artifact, GError **error)
{
    g_autofree char *path = hone_artifact_file(artifact, ROWS_FILE);
    FILE *file = fopen(path, "wbxe");
    if (file == NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s cannot be written: %s", path, g_strerror(errno));
        return NULL;
    }
    HoneRowWriter *writer = g_new0(HoneRowWriter, 1);
    writer->artifact = artifact;
    writer->file = file;
    writer->path = g_steal_pointer(&path);
    return writer;
}

static bool fail_write(const HoneRowWriter *writer, GError **error)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: writing failed after %" G_GINT64_FORMAT " rows: %s",
                writer->path, writer->rows, g_strerror(errno));
    return false;
}

bool hone_row_writer_add(HoneRowWriter *writer, const HoneRow *row, GError **error)
{
    g_return_val_if_fail(writer->file != NULL, false);
    g_autofree char *where = g_strdup_printf("row %" G_GINT64_FORMAT, writer->rows + 1);
    if (!hone_row_check(row, where, error))
        return false;
    g_autoptr(JsonNode) node = hone_row_to_json(row);
    g_autofree char *text = hone_json_text(node);
    if (fputs(text, writer->file) < 0 || fputc('\n', writer->file) < 0)
        return fail_write(writer, error);
    writer->rows++;
    return true;
}

bool hone_row_writer_close(HoneRowWriter *writer, GError **error)
{
    g_return_val_if_fail(writer->file != NULL, false);
    FILE *file = g_steal_pointer(&writer->file);
    if (fclose(file) != 0)
        return fail_write(writer, error);
    json_object_set_int_member(hone_artifact_meta(writer->artifact), "rows", writer->rows);
    return true;
}

void hone_row_writer_free(HoneRowWriter *writer)
{
    if (writer == NULL)
        return;
    if (writer->file != NULL)
        fclose(writer->file);
    g_free(writer->path);
    g_free(writer);
}

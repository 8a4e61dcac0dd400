/* SPDX-License-Identifier: Apache-2.0
 * lines.c: lines of a text file, in memory bounded by the longest line allowed.
 */
#include <errno.h>
#include <hone/dataset.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct HoneLines {
    char *path;
    FILE *file; /* NULL once the end or a read error was met */
    size_t limit, number;
    char *chunk; /* [CHUNK_SIZE] bytes as read */
    size_t chunk_start, chunk_end;
    GString *line;
};

#define CHUNK_SIZE ((size_t)64 << 10)

HoneLines *hone_lines_open(const char *path, size_t limit, GError **error)
{
    g_assert(limit > 0 && limit < SIZE_MAX / 2);
    struct stat info;
    FILE *file = fopen(path, "rbe");
    if (file == NULL || fstat(fileno(file), &info) != 0) {
        int saved = errno;
        if (file != NULL)
            fclose(file);
        g_set_error(error, HONE_ERROR, saved == ENOENT ? HONE_ERROR_NOT_FOUND : HONE_ERROR_IO, "%s: %s", path,
                    g_strerror(saved));
        return NULL;
    }
    if (S_ISDIR(info.st_mode)) {
        fclose(file);
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s is a folder, not a file", path);
        return NULL;
    }
    HoneLines *lines = g_new0(HoneLines, 1);
    lines->path = g_strdup(path);
    lines->file = file;
    lines->limit = limit;
    lines->chunk = g_malloc(CHUNK_SIZE);
    lines->line = g_string_new(NULL);
    return lines;
}

void hone_lines_free(HoneLines *lines)
{
    if (lines == NULL)
        return;
    if (lines->file != NULL)
        fclose(lines->file);
    g_free(lines->path);
    g_free(lines->chunk);
    g_string_free(lines->line, TRUE);
    g_free(lines);
}

size_t hone_lines_number(const HoneLines *lines)
{
    return lines->number;
}

/* Moves bytes up to the next newline into `line`, at most limit + 5 of them (room for a byte order mark, "\r" and one
 * too many); the rest of an over-long line is passed over. False at the end of the file with nothing read, or on a read
 * error. */
static bool collect_line(HoneLines *lines, GError **error)
{
    g_string_truncate(lines->line, 0);
    bool any = false;
    for (;;) {
        if (lines->chunk_start == lines->chunk_end) {
            lines->chunk_start = 0;
            lines->chunk_end = fread(lines->chunk, 1, CHUNK_SIZE, lines->file);
            if (lines->chunk_end == 0) {
                int saved = errno;
                bool failed = ferror(lines->file) != 0;
                fclose(lines->file);
                lines->file = NULL;
                if (failed) {
                    g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s:%zu: reading failed: %s", lines->path,
                                lines->number + 1, g_strerror(saved));
                    return false;
                }
                return any;
            }
        }
        any = true;
        const char *from = lines->chunk + lines->chunk_start;
        size_t there = lines->chunk_end - lines->chunk_start;
        const char *newline = memchr(from, '\n', there);
        size_t take = newline != NULL ? (size_t)(newline - from) : there;
        size_t room = lines->limit + 5 - lines->line->len;
        g_string_append_len(lines->line, from, (gssize)MIN(take, room));
        lines->chunk_start += take + (newline != NULL);
        if (newline != NULL)
            return true;
    }
}

static const char *refuse_line(HoneLines *lines, GError **error, const char *what)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s:%zu: %s", lines->path, lines->number, what);
    return NULL;
}

const char *hone_lines_next(HoneLines *lines, size_t *length, GError **error)
{
    if (lines->file == NULL || !collect_line(lines, error))
        return NULL;
    lines->number++;
    GString *line = lines->line;
    if (lines->number == 1) {
        if (line->len >= 2 && (memcmp(line->str, "\xFF\xFE", 2) == 0 || memcmp(line->str, "\xFE\xFF", 2) == 0))
            return refuse_line(lines, error, "the file is UTF-16; save it as UTF-8");
        if (line->len >= 3 && memcmp(line->str, "\xEF\xBB\xBF", 3) == 0)
            g_string_erase(line, 0, 3);
    }
    if (line->len > 0 && line->str[line->len - 1] == '\r')
        g_string_truncate(line, line->len - 1);
    if (line->len > lines->limit) {
        g_autofree char *what = g_strdup_printf("the line is longer than %zu bytes", lines->limit);
        return refuse_line(lines, error, what);
    }
    const char *nul = memchr(line->str, 0, line->len);
    if (nul != NULL) {
        g_autofree char *what = g_strdup_printf("NUL byte at byte %zu of the line", (size_t)(nul - line->str) + 1);
        return refuse_line(lines, error, what);
    }
    const char *end;
    if (!g_utf8_validate_len(line->str, line->len, &end)) {
        g_autofree char *what = g_strdup_printf("not valid UTF-8 at byte %zu of the line (byte 0x%02X)",
                                                (size_t)(end - line->str) + 1, (unsigned char)*end);
        return refuse_line(lines, error, what);
    }
    if (length != NULL)
        *length = line->len;
    return line->str;
}

/* SPDX-License-Identifier: Apache-2.0
 * records.c: JSON Lines through the SDK's line reader; an array through a mapped file, cut into its elements without
 * parsing the whole, so that a large file needs the memory of one row.
 */
#include "records.h"
#include <hone/dataset.h>
#include <string.h>

#define LINE_LIMIT ((size_t)64 << 20)

struct Records {
    char *path, *place;
    size_t line, blank;
    bool broken;
    HoneLines *lines; /* JSON Lines, or NULL */
    /* An array. */
    GMappedFile *map;
    const char *at, *end;
    size_t element, at_line;
    bool closed; /* ']' was met */
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(Records *r)
{
    for (; r->at < r->end && is_space(*r->at); r->at++)
        r->at_line += *r->at == '\n';
}

/* Whether the first character that is no white space is '['. */
static bool begins_array(const char *path)
{
    g_autoptr(GMappedFile) map = g_mapped_file_new(path, FALSE, NULL);
    if (map == NULL || g_mapped_file_get_contents(map) == NULL)
        return false;
    const char *at = g_mapped_file_get_contents(map), *end = at + g_mapped_file_get_length(map);
    if (end - at >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0)
        at += 3;
    while (at < end && is_space(*at))
        at++;
    return at < end && *at == '[';
}

Records *records_open(const char *path, GError **error)
{
    g_autoptr(Records) r = g_new0(Records, 1);
    r->path = g_strdup(path);
    r->place = g_strdup(path);
    if (!begins_array(path)) {
        r->lines = hone_lines_open(path, LINE_LIMIT, error);
        return r->lines != NULL ? g_steal_pointer(&r) : NULL;
    }
    g_autoptr(GError) why = NULL;
    r->map = g_mapped_file_new(path, FALSE, &why);
    if (r->map == NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: %s", path, why->message);
        return NULL;
    }
    r->at = g_mapped_file_get_contents(r->map);
    r->end = r->at + g_mapped_file_get_length(r->map);
    r->at_line = 1;
    if (r->end - r->at >= 3 && memcmp(r->at, "\xEF\xBB\xBF", 3) == 0)
        r->at += 3;
    skip_space(r);
    r->at++; /* '[' */
    return g_steal_pointer(&r);
}

void records_free(Records *r)
{
    if (r == NULL)
        return;
    g_clear_pointer(&r->lines, hone_lines_free);
    g_clear_pointer(&r->map, g_mapped_file_unref);
    g_free(r->path);
    g_free(r->place);
    g_free(r);
}

bool records_go_on(const Records *records)
{
    return !records->broken;
}

const char *records_place(const Records *records)
{
    return records->place;
}

size_t records_line(const Records *records)
{
    return records->line;
}

size_t records_blank(const Records *records)
{
    return records->blank;
}

static JsonNode *next_line(Records *r, GError **error)
{
    for (;;) {
        size_t length;
        GError *why = NULL;
        const char *line = hone_lines_next(r->lines, &length, &why);
        r->line = hone_lines_number(r->lines);
        g_free(r->place);
        r->place = g_strdup_printf("%s:%zu", r->path, r->line);
        if (line == NULL) {
            r->broken = why != NULL && !g_error_matches(why, HONE_ERROR, HONE_ERROR_INVALID);
            if (why != NULL)
                g_propagate_error(error, why);
            return NULL;
        }
        size_t filled = 0;
        while (filled < length && is_space(line[filled]))
            filled++;
        if (filled < length)
            return hone_json_parse(line, length, r->place, error);
        r->blank++;
    }
}

static JsonNode *refuse_array(Records *r, const char *what, GError **error)
{
    r->broken = true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s:%zu: %s", r->path, r->at_line, what);
    return NULL;
}

/* Moves `at` to the ',' or ']' that ends the element it stands on; false at the end of the file. */
static bool find_element_end(Records *r)
{
    size_t depth = 0;
    bool quoted = false;
    for (; r->at < r->end; r->at++) {
        char c = *r->at;
        r->at_line += c == '\n';
        if (quoted) {
            if (c == '\\' && r->at + 1 < r->end)
                r->at++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (depth == 0 && (c == ',' || c == ']')) {
            return true;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

static JsonNode *next_element(Records *r, GError **error)
{
    if (r->closed)
        return NULL;
    skip_space(r);
    r->line = r->at_line;
    r->element++;
    if (r->at == r->end)
        return refuse_array(r, "the array has no ']'; is the file cut short?", error);
    if (*r->at == ']' && r->element == 1) {
        r->closed = true;
        r->at++;
        skip_space(r);
        return r->at == r->end ? NULL : refuse_array(r, "text after the array", error);
    }
    g_free(r->place);
    r->place = g_strdup_printf("%s: element %zu (line %zu)", r->path, r->element, r->line);
    const char *start = r->at;
    if (!find_element_end(r))
        return refuse_array(r, "the array has no ']'; is the file cut short?", error);
    size_t length = (size_t)(r->at - start);
    r->closed = *r->at == ']';
    r->at++;
    if (r->closed) {
        skip_space(r);
        if (r->at < r->end)
            return refuse_array(r, "text after the array", error);
    }
    return hone_json_parse(start, length, r->place, error);
}

JsonNode *records_next(Records *records, GError **error)
{
    if (records->broken)
        return NULL;
    return records->lines != NULL ? next_line(records, error) : next_element(records, error);
}

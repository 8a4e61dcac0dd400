/* SPDX-License-Identifier: Apache-2.0
 * gguf-read.c: the cursor over a GGUF file, and the walk over one metadata entry.
 *
 * Nothing is allocated by a count that the file states before the file is known to be long enough for it.
 */
#include "gguf-read.h"
#include <string.h>

#define MAX_NESTING 4 /* arrays of arrays are legal and unused: none is read, and no deeper one is walked */

bool gguf_fail(const GgufCursor *cursor, HoneError code, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, HONE_ERROR, code, "%s: %s", cursor->path, text);
    return false;
}

bool gguf_take(GgufCursor *cursor, size_t bytes, const char *what, const uint8_t **out, GError **error)
{
    if (bytes > cursor->size - cursor->at)
        return gguf_fail(cursor, HONE_ERROR_INVALID, error,
                         "the file ends inside %s (at byte %zu of %zu, %zu more needed); it is cut short or damaged: "
                         "fetch it again",
                         what, cursor->at, cursor->size, bytes);
    *out = cursor->data + cursor->at;
    cursor->at += bytes;
    return true;
}

bool gguf_u32(GgufCursor *cursor, const char *what, uint32_t *value, GError **error)
{
    const uint8_t *p = NULL;
    if (!gguf_take(cursor, sizeof *value, what, &p, error))
        return false;
    memcpy(value, p, sizeof *value);
    *value = GUINT32_FROM_LE(*value);
    return true;
}

bool gguf_u64(GgufCursor *cursor, const char *what, uint64_t *value, GError **error)
{
    const uint8_t *p = NULL;
    if (!gguf_take(cursor, sizeof *value, what, &p, error))
        return false;
    memcpy(value, p, sizeof *value);
    *value = GUINT64_FROM_LE(*value);
    return true;
}

char *gguf_name(GgufCursor *cursor, const char *what, size_t limit, GError **error)
{
    uint64_t length = 0;
    const uint8_t *p = NULL;
    size_t at = cursor->at;
    if (!gguf_u64(cursor, what, &length, error))
        return NULL;
    if (length == 0 || length > limit) {
        gguf_fail(cursor, HONE_ERROR_INVALID, error,
                  "%s at byte %zu has a length of %" G_GUINT64_FORMAT " bytes, where 1 to %zu are allowed; the file is "
                  "damaged: fetch it again",
                  what, at, length, limit);
        return NULL;
    }
    if (!gguf_take(cursor, length, what, &p, error))
        return NULL;
    /* g_utf8_validate refuses a NUL inside the length, too. */
    if (!g_utf8_validate((const char *)p, (gssize)length, NULL)) {
        gguf_fail(cursor, HONE_ERROR_INVALID, error,
                  "%s at byte %zu is not valid UTF-8 text; the file is damaged: fetch it again", what, at);
        return NULL;
    }
    return g_strndup((const char *)p, length);
}

/* Bytes of a value of fixed size, 0 for the others. */
static size_t kind_bytes(GgufKind kind)
{
    static const uint8_t bytes[GGUF_KIND_END_] = {
        [GGUF_U8] = 1,  [GGUF_I8] = 1,   [GGUF_U16] = 2, [GGUF_I16] = 2, [GGUF_U32] = 4, [GGUF_I32] = 4,
        [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
    };
    return bytes[kind];
}

static bool read_kind(GgufCursor *cursor, const char *key, GgufKind *kind, GError **error)
{
    uint32_t number = 0;
    g_autofree char *what = g_strdup_printf("the type of metadata '%s'", key);
    if (!gguf_u32(cursor, what, &number, error))
        return false;
    if (number >= GGUF_KIND_END_)
        return gguf_fail(
            cursor, HONE_ERROR_INVALID, error,
            "metadata '%s' has a value of type %u, which GGUF does not define; the file is damaged or of a "
            "newer format",
            key, number);
    *kind = (GgufKind)number;
    return true;
}

static bool skip_values(GgufCursor *cursor, const char *key, GgufKind kind, uint64_t count, int depth, GError **error);

static bool skip_array(GgufCursor *cursor, const char *key, int depth, GgufKind *element, uint64_t *count,
                       GError **error)
{
    g_autofree char *what = g_strdup_printf("metadata '%s'", key);
    return read_kind(cursor, key, element, error) && gguf_u64(cursor, what, count, error) &&
           skip_values(cursor, key, *element, *count, depth, error);
}

/* Steps over `count` values, checking each. */
static bool skip_values(GgufCursor *cursor, const char *key, GgufKind kind, uint64_t count, int depth, GError **error)
{
    /* The least that a value can take: a string is its length, an array its element type and length. */
    size_t least = kind == GGUF_STRING ? 8 : kind == GGUF_ARRAY ? 12 : kind_bytes(kind);
    size_t left = cursor->size - cursor->at;
    if (count > left / least)
        return gguf_fail(cursor, HONE_ERROR_INVALID, error,
                         "metadata '%s' claims %" G_GUINT64_FORMAT
                         " values at byte %zu, more than the rest of the file "
                         "(%zu bytes) can hold; it is cut short or damaged: fetch it again",
                         key, count, cursor->at, left);
    if (kind_bytes(kind) != 0) {
        cursor->at += count * least;
        return true;
    }
    if (kind == GGUF_ARRAY && depth >= MAX_NESTING)
        return gguf_fail(cursor, HONE_ERROR_UNSUPPORTED, error, "metadata '%s' nests arrays deeper than %d levels", key,
                         MAX_NESTING);
    g_autofree char *what = g_strdup_printf("metadata '%s'", key);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t length = 0;
        const uint8_t *p = NULL;
        GgufKind inner;
        if (kind == GGUF_ARRAY ? !skip_array(cursor, key, depth + 1, &inner, &length, error)
                               : !gguf_u64(cursor, what, &length, error) || !gguf_take(cursor, length, what, &p, error))
            return false;
    }
    return true;
}

bool gguf_entry_read(GgufCursor *cursor, GgufEntry *entry, GError **error)
{
    uint64_t count = 1;
    *entry = (GgufEntry){.key = gguf_name(cursor, "a metadata key", 65535, error)};
    if (!entry->key || !read_kind(cursor, entry->key, &entry->kind, error))
        return false;
    entry->at = entry->begin = cursor->at;
    if (entry->kind == GGUF_ARRAY) {
        if (!skip_array(cursor, entry->key, 1, &entry->element, &count, error))
            return false;
        entry->at += 12; /* element type and count, read above */
    } else if (!skip_values(cursor, entry->key, entry->kind, 1, 0, error)) {
        return false;
    }
    entry->count = count;
    entry->end = cursor->at;
    return true;
}

void gguf_entry_clear(GgufEntry *entry)
{
    g_free(entry->key);
    g_free(entry->made);
}

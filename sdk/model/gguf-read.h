/* SPDX-License-Identifier: Apache-2.0
 * gguf-read.h: inside the GGUF reader: a cursor that cannot leave the file, and the metadata it fills.
 */
#ifndef HONE_GGUF_READ_H
#define HONE_GGUF_READ_H

#include <hone/gguf.h>

/* Numbers of metadata value types, as in the GGUF specification. */
typedef enum {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_KIND_END_,
} GgufKind;

typedef struct GgufCursor {
    const char *path; /* for messages */
    const uint8_t *data;
    size_t size, at;
} GgufCursor;

/* One metadata entry. Its value stays in the mapping; what accessors hand out is made when first asked for. */
typedef struct GgufEntry {
    char *key;
    GgufKind kind, element; /* element: of an array */
    size_t count;           /* values: 1, or an array's length */
    size_t at;              /* where the first value lies in the file */
    size_t begin, end;      /* the whole value in the file; of an array, from its element type on */
    void *made;             /* char *, char ** (one block), int64_t * or double * */
    GgufKind made_as;       /* GGUF_STRING, GGUF_I64 or GGUF_F64 */
} GgufEntry;

/* Every reader: false with an error that names file, place and field when the file ends before the value. */
bool gguf_take(GgufCursor *cursor, size_t bytes, const char *what, const uint8_t **out, GError **error);
bool gguf_u32(GgufCursor *cursor, const char *what, uint32_t *value, GError **error);
bool gguf_u64(GgufCursor *cursor, const char *what, uint64_t *value, GError **error);
/* A length-prefixed string that must be UTF-8 without NUL, 1..limit bytes: a key or a name. Caller frees. */
char *gguf_name(GgufCursor *cursor, const char *what, size_t limit, GError **error);
/* Sets an error that begins with the file's name; returns false. */
bool gguf_fail(const GgufCursor *cursor, HoneError code, GError **error, const char *format, ...) G_GNUC_PRINTF(4, 5);

/* Reads one key and steps over its value, checking all of it. */
bool gguf_entry_read(GgufCursor *cursor, GgufEntry *entry, GError **error);
void gguf_entry_clear(GgufEntry *entry);

/* The entry of a key, or NULL (gguf.c). */
GgufEntry *gguf_lookup(const HoneGguf *gguf, const char *key);
const uint8_t *gguf_bytes(const HoneGguf *gguf);
GMutex *gguf_lock(const HoneGguf *gguf);
/* The format's number of a tensor type. */
uint32_t gguf_type_number(HoneType type);

#endif

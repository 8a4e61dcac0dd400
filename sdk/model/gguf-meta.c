/* SPDX-License-Identifier: Apache-2.0
 * gguf-meta.c: metadata values of an opened GGUF, converted when first asked for. All were checked at opening.
 */
#include "gguf-read.h"
#include <math.h>
#include <string.h>

static uint64_t load(const uint8_t *p, size_t bytes)
{
    uint64_t value = 0;
    memcpy(&value, p, bytes);
    return GUINT64_FROM_LE(value);
}

/* The integer at p; false for what is no integer, or does not fit an int64_t (`*high` then holds it as unsigned). */
static bool load_int(GgufKind kind, const uint8_t *p, int64_t *value, bool *above)
{
    *above = false;
    switch (kind) {
    case GGUF_U8:
        *value = (int64_t)load(p, 1);
        return true;
    case GGUF_I8:
        *value = (int8_t)load(p, 1);
        return true;
    case GGUF_U16:
        *value = (int64_t)load(p, 2);
        return true;
    case GGUF_I16:
        *value = (int16_t)load(p, 2);
        return true;
    case GGUF_U32:
        *value = (int64_t)load(p, 4);
        return true;
    case GGUF_I32:
        *value = (int32_t)load(p, 4);
        return true;
    case GGUF_U64:
    case GGUF_I64:
        *value = (int64_t)load(p, 8);
        *above = kind == GGUF_U64 && *value < 0;
        return true;
    default:
        return false;
    }
}

static bool load_float(GgufKind kind, const uint8_t *p, double *value)
{
    if (kind == GGUF_F32) {
        float narrow;
        uint32_t bits = (uint32_t)load(p, 4);
        memcpy(&narrow, &bits, sizeof narrow);
        *value = narrow;
        return true;
    }
    if (kind == GGUF_F64) {
        uint64_t bits = load(p, 8);
        memcpy(value, &bits, sizeof *value);
        return true;
    }
    int64_t integer;
    bool above;
    if (!load_int(kind, p, &integer, &above))
        return false;
    *value = above ? (double)(uint64_t)integer : (double)integer;
    return true;
}

static size_t int_bytes(GgufKind kind)
{
    return kind == GGUF_U8 || kind == GGUF_I8                         ? 1
           : kind == GGUF_U16 || kind == GGUF_I16                     ? 2
           : kind == GGUF_U32 || kind == GGUF_I32 || kind == GGUF_F32 ? 4
           : kind == GGUF_U64 || kind == GGUF_I64 || kind == GGUF_F64 ? 8
                                                                      : 0;
}

bool hone_gguf_u64(const HoneGguf *gguf, const char *key, uint64_t *value)
{
    const GgufEntry *entry = gguf_lookup(gguf, key);
    int64_t integer;
    bool above;
    if (!entry || !load_int(entry->kind, gguf_bytes(gguf) + entry->at, &integer, &above) || (integer < 0 && !above))
        return false;
    *value = (uint64_t)integer;
    return true;
}

bool hone_gguf_f64(const HoneGguf *gguf, const char *key, double *value)
{
    const GgufEntry *entry = gguf_lookup(gguf, key);
    return entry && load_float(entry->kind, gguf_bytes(gguf) + entry->at, value);
}

bool hone_gguf_bool(const HoneGguf *gguf, const char *key, bool *value)
{
    const GgufEntry *entry = gguf_lookup(gguf, key);
    if (!entry || entry->kind != GGUF_BOOL)
        return false;
    *value = gguf_bytes(gguf)[entry->at] != 0;
    return true;
}

/* ---- Values that are made: one block each, kept with the entry. Called with the lock held. ---- */

static void make_string(const HoneGguf *gguf, GgufEntry *entry)
{
    const uint8_t *p = gguf_bytes(gguf) + entry->at;
    size_t length = load(p, 8);
    /* Validation with a length stops at a NUL, so what passes is a C string. */
    if (g_utf8_validate((const char *)p + 8, (gssize)length, NULL))
        entry->made = g_strndup((const char *)p + 8, length);
    entry->made_as = GGUF_STRING;
}

/* A NULL-ended table of pointers, and after it the texts. */
static void make_strings(const HoneGguf *gguf, GgufEntry *entry)
{
    const uint8_t *first = gguf_bytes(gguf) + entry->at, *p = first;
    size_t text = 0;
    for (size_t i = 0; i < entry->count; i++) {
        size_t length = load(p, 8);
        text += length + 1;
        p += 8 + length;
    }
    size_t table = (entry->count + 1) * sizeof(char *);
    char **strings = g_malloc(table + text);
    char *out = (char *)strings + table;
    p = first;
    for (size_t i = 0; i < entry->count; i++) {
        size_t length = load(p, 8);
        strings[i] = out;
        memcpy(out, p + 8, length);
        out[length] = 0;
        out += length + 1;
        p += 8 + length;
    }
    strings[entry->count] = NULL;
    entry->made = strings;
    entry->made_as = GGUF_STRING;
}

static void make_ints(const HoneGguf *gguf, GgufEntry *entry)
{
    const uint8_t *p = gguf_bytes(gguf) + entry->at;
    size_t step = int_bytes(entry->element);
    int64_t *ints = g_new(int64_t, MAX(entry->count, 1));
    bool above;
    entry->made_as = GGUF_I64;
    for (size_t i = 0; i < entry->count; i++)
        if (!load_int(entry->element, p + i * step, &ints[i], &above) || above) {
            g_free(ints);
            return;
        }
    entry->made = ints;
}

static void make_floats(const HoneGguf *gguf, GgufEntry *entry)
{
    const uint8_t *p = gguf_bytes(gguf) + entry->at;
    size_t step = int_bytes(entry->element);
    double *floats = g_new(double, MAX(entry->count, 1));
    for (size_t i = 0; i < entry->count; i++)
        load_float(entry->element, p + i * step, &floats[i]);
    entry->made = floats;
    entry->made_as = GGUF_F64;
}

/* The value of an entry as `as`, made at most once; the same key is asked for as one kind only, since its element type
 * decides which. */
static const void *made(const HoneGguf *gguf, GgufEntry *entry, GgufKind as,
                        void (*make)(const HoneGguf *, GgufEntry *))
{
    g_mutex_lock(gguf_lock(gguf));
    if (entry->made_as != as)
        make(gguf, entry);
    g_mutex_unlock(gguf_lock(gguf));
    return entry->made;
}

static GgufEntry *array_of(const HoneGguf *gguf, const char *key, bool (*fits)(GgufKind))
{
    GgufEntry *entry = gguf_lookup(gguf, key);
    return entry && entry->kind == GGUF_ARRAY && fits(entry->element) ? entry : NULL;
}

static bool is_string(GgufKind kind)
{
    return kind == GGUF_STRING;
}

static bool is_float(GgufKind kind)
{
    return kind == GGUF_F32 || kind == GGUF_F64;
}

static bool is_int(GgufKind kind)
{
    return int_bytes(kind) != 0 && !is_float(kind);
}

const char *hone_gguf_string(const HoneGguf *gguf, const char *key)
{
    GgufEntry *entry = gguf_lookup(gguf, key);
    return entry && entry->kind == GGUF_STRING ? made(gguf, entry, GGUF_STRING, make_string) : NULL;
}

const char *const *hone_gguf_strings(const HoneGguf *gguf, const char *key, size_t *n)
{
    GgufEntry *entry = array_of(gguf, key, is_string);
    *n = entry ? entry->count : 0;
    return entry ? made(gguf, entry, GGUF_STRING, make_strings) : NULL;
}

const int64_t *hone_gguf_ints(const HoneGguf *gguf, const char *key, size_t *n)
{
    GgufEntry *entry = array_of(gguf, key, is_int);
    const int64_t *ints = entry ? made(gguf, entry, GGUF_I64, make_ints) : NULL;
    *n = ints ? entry->count : 0;
    return ints;
}

const double *hone_gguf_floats(const HoneGguf *gguf, const char *key, size_t *n)
{
    GgufEntry *entry = array_of(gguf, key, is_float);
    *n = entry ? entry->count : 0;
    return entry ? made(gguf, entry, GGUF_F64, make_floats) : NULL;
}

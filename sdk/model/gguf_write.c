/* SPDX-License-Identifier: Apache-2.0
 * gguf_write.c: see gguf_write.h. Metadata gather in one buffer and tensor descriptions in another; the counts, known
 * at the end, come before both.
 */
#include "gguf-read.h"
#include <hone/file.h>
#include <hone/gguf_write.h>
#include <string.h>

#define ALIGNMENT 32 /* the specification's default, so the file need not say it */

struct HoneGgufWriter {
    GByteArray *entries, *tensors;
    GHashTable *keys, *names;
    GArray *sizes;      /* size_t: bytes of each tensor */
    uint64_t data_size; /* of the tensors described so far, padding included */
    HoneFileWriter *file;
    guint current;  /* tensor being written */
    size_t written; /* bytes of it */
};

HoneGgufWriter *hone_gguf_writer_new(void)
{
    HoneGgufWriter *writer = g_new0(HoneGgufWriter, 1);
    writer->entries = g_byte_array_new();
    writer->tensors = g_byte_array_new();
    writer->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    writer->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    writer->sizes = g_array_new(FALSE, FALSE, sizeof(size_t));
    return writer;
}

void hone_gguf_writer_free(HoneGgufWriter *writer)
{
    if (!writer)
        return;
    hone_file_writer_free(writer->file);
    g_byte_array_unref(writer->entries);
    g_byte_array_unref(writer->tensors);
    g_hash_table_unref(writer->keys);
    g_hash_table_unref(writer->names);
    g_array_unref(writer->sizes);
    g_free(writer);
}

/* ---- Values: little endian, as every machine that Hone is built for. ---- */

static void put(GByteArray *out, const void *data, size_t size)
{
    /* GLib counts an array's bytes in 32 bits; a vocabulary of a million tokens takes some ten millions. */
    g_assert(size <= G_MAXUINT - out->len);
    if (size > 0)
        g_byte_array_append(out, data, (guint)size);
}

static void put_u32(GByteArray *out, uint32_t value)
{
    put(out, &value, sizeof value);
}

static void put_u64(GByteArray *out, uint64_t value)
{
    put(out, &value, sizeof value);
}

static void put_string(GByteArray *out, const char *text)
{
    put_u64(out, strlen(text));
    put(out, text, strlen(text));
}

/* ---- Metadata. ---- */

static void put_key(HoneGgufWriter *writer, const char *key, GgufKind kind)
{
    g_assert(!writer->file);
    bool fresh = g_hash_table_add(writer->keys, g_strdup(key));
    g_assert(fresh);
    put_string(writer->entries, key);
    put_u32(writer->entries, kind);
}

static void put_array(HoneGgufWriter *writer, const char *key, GgufKind element, size_t n)
{
    put_key(writer, key, GGUF_ARRAY);
    put_u32(writer->entries, element);
    put_u64(writer->entries, n);
}

void hone_gguf_writer_u32(HoneGgufWriter *writer, const char *key, uint32_t value)
{
    put_key(writer, key, GGUF_U32);
    put_u32(writer->entries, value);
}

void hone_gguf_writer_f32(HoneGgufWriter *writer, const char *key, float value)
{
    put_key(writer, key, GGUF_F32);
    put(writer->entries, &value, sizeof value);
}

void hone_gguf_writer_bool(HoneGgufWriter *writer, const char *key, bool value)
{
    put_key(writer, key, GGUF_BOOL);
    put(writer->entries, &(uint8_t){value}, 1);
}

void hone_gguf_writer_string(HoneGgufWriter *writer, const char *key, const char *value)
{
    put_key(writer, key, GGUF_STRING);
    put_string(writer->entries, value);
}

void hone_gguf_writer_strings(HoneGgufWriter *writer, const char *key, const char *const *values, size_t n)
{
    put_array(writer, key, GGUF_STRING, n);
    for (size_t i = 0; i < n; i++)
        put_string(writer->entries, values[i]);
}

void hone_gguf_writer_i32s(HoneGgufWriter *writer, const char *key, const int32_t *values, size_t n)
{
    put_array(writer, key, GGUF_I32, n);
    put(writer->entries, values, n * sizeof *values);
}

void hone_gguf_writer_f32s(HoneGgufWriter *writer, const char *key, const float *values, size_t n)
{
    put_array(writer, key, GGUF_F32, n);
    put(writer->entries, values, n * sizeof *values);
}

void hone_gguf_writer_bools(HoneGgufWriter *writer, const char *key, const bool *values, size_t n)
{
    put_array(writer, key, GGUF_BOOL, n);
    for (size_t i = 0; i < n; i++)
        put(writer->entries, &(uint8_t){values[i]}, 1);
}

void hone_gguf_writer_copy(HoneGgufWriter *writer, const HoneGguf *gguf, const char *key)
{
    const GgufEntry *entry = gguf_lookup(gguf, key);
    g_assert(entry);
    put_key(writer, key, entry->kind);
    put(writer->entries, gguf_bytes(gguf) + entry->begin, entry->end - entry->begin);
}

bool hone_gguf_writer_has(const HoneGgufWriter *writer, const char *key)
{
    return g_hash_table_contains(writer->keys, key);
}

/* ---- Tensors. ---- */

static size_t padding(uint64_t size)
{
    return (size_t)((ALIGNMENT - size % ALIGNMENT) % ALIGNMENT);
}

void hone_gguf_writer_tensor(HoneGgufWriter *writer, const char *name, HoneType type, uint32_t rank,
                             const size_t *shape)
{
    g_assert(!writer->file && rank >= 1 && rank <= HONE_MAX_RANK);
    bool fresh = g_hash_table_add(writer->names, g_strdup(name));
    size_t count = 1, bytes = 0;
    for (uint32_t i = 0; i < rank; i++)
        g_assert(!__builtin_mul_overflow(count, shape[i], &count));
    g_assert(fresh && shape[rank - 1] % hone_type_block(type) == 0 && hone_type_bytes(type, count, &bytes));
    put_string(writer->tensors, name);
    put_u32(writer->tensors, rank);
    for (uint32_t i = rank; i > 0; i--)
        put_u64(writer->tensors, shape[i - 1]);
    put_u32(writer->tensors, gguf_type_number(type));
    put_u64(writer->tensors, writer->data_size);
    writer->data_size += bytes + padding(bytes);
    g_array_append_val(writer->sizes, bytes);
}

bool hone_gguf_writer_begin(HoneGgufWriter *writer, const char *path, GError **error)
{
    g_assert(!writer->file);
    g_autoptr(GByteArray) head = g_byte_array_new();
    put(head, "GGUF", 4);
    put_u32(head, 3);
    put_u64(head, writer->sizes->len);
    put_u64(head, g_hash_table_size(writer->keys));
    static const uint8_t zeros[ALIGNMENT];
    uint64_t length = (uint64_t)head->len + writer->entries->len + writer->tensors->len;
    writer->file = hone_file_writer_new(path, error);
    return writer->file && hone_file_writer_put(writer->file, head->data, head->len, error) &&
           hone_file_writer_put(writer->file, writer->entries->data, writer->entries->len, error) &&
           hone_file_writer_put(writer->file, writer->tensors->data, writer->tensors->len, error) &&
           hone_file_writer_put(writer->file, zeros, padding(length), error);
}

bool hone_gguf_writer_put(HoneGgufWriter *writer, const void *data, size_t size, GError **error)
{
    static const uint8_t zeros[ALIGNMENT];
    g_assert(writer->file && writer->current < writer->sizes->len);
    size_t whole = g_array_index(writer->sizes, size_t, writer->current);
    g_assert(size <= whole - writer->written);
    if (!hone_file_writer_put(writer->file, data, size, error))
        return false;
    writer->written += size;
    if (writer->written < whole)
        return true;
    writer->current++;
    writer->written = 0;
    return hone_file_writer_put(writer->file, zeros, padding(whole), error);
}

bool hone_gguf_writer_finish(HoneGgufWriter *writer, GError **error)
{
    g_assert(writer->file && writer->current == writer->sizes->len);
    return hone_file_writer_finish(writer->file, error);
}

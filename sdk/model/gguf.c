/* SPDX-License-Identifier: Apache-2.0
 * gguf.c: opens a GGUF file: maps it, reads the metadata and the tensor table, checks every claim against the file.
 * Format: the ggml project's GGUF specification, versions 2 and 3.
 */
#include "gguf-read.h"
#include "mapped.h"
#include <string.h>

struct HoneGguf {
    char *path;
    const uint8_t *map;
    size_t size;
    GgufEntry *entries; /* [n_entries], in the file's order */
    size_t n_entries;
    HoneGgufTensor *tensors; /* [n_tensors], in the file's order; names are owned */
    size_t n_tensors;
    const GgufEntry **keys;       /* [n_entries] sorted by key */
    const HoneGgufTensor **names; /* [n_tensors] sorted by name */
    GMutex lock;                  /* over what accessors make */
};

/* ---- Tensor types: the file's number, its name, ours (0: not supported). ---- */

static const struct {
    const char *name;
    HoneType type;
} tensor_types[] = {
    [0] = {"F32", HONE_F32},
    [1] = {"F16", HONE_F16},
    [2] = {"Q4_0", HONE_Q4_0},
    [3] = {"Q4_1", HONE_Q4_1},
    [6] = {"Q5_0", HONE_Q5_0},
    [7] = {"Q5_1", HONE_Q5_1},
    [8] = {"Q8_0", HONE_Q8_0},
    [9] = {"Q8_1", 0},
    [10] = {"Q2_K", HONE_Q2_K},
    [11] = {"Q3_K", HONE_Q3_K},
    [12] = {"Q4_K", HONE_Q4_K},
    [13] = {"Q5_K", HONE_Q5_K},
    [14] = {"Q6_K", HONE_Q6_K},
    [15] = {"Q8_K", HONE_Q8_K},
    [16] = {"IQ2_XXS", 0},
    [17] = {"IQ2_XS", 0},
    [18] = {"IQ3_XXS", 0},
    [19] = {"IQ1_S", 0},
    [20] = {"IQ4_NL", HONE_IQ4_NL},
    [21] = {"IQ3_S", 0},
    [22] = {"IQ2_S", 0},
    [23] = {"IQ4_XS", HONE_IQ4_XS},
    [24] = {"I8", 0},
    [25] = {"I16", 0},
    [26] = {"I32", HONE_I32},
    [27] = {"I64", 0},
    [28] = {"F64", 0},
    [29] = {"IQ1_M", 0},
    [30] = {"BF16", HONE_BF16},
    [34] = {"TQ1_0", 0},
    [35] = {"TQ2_0", 0},
    [39] = {"MXFP4", 0},
    [40] = {"NVFP4", 0},
};

uint32_t gguf_type_number(HoneType type)
{
    for (uint32_t i = 0; i < G_N_ELEMENTS(tensor_types); i++)
        if (tensor_types[i].type == type)
            return i;
    g_assert_not_reached();
}

static bool tensor_type(const GgufCursor *cursor, const char *name, uint32_t number, HoneType *type, GError **error)
{
    const char *label = number < G_N_ELEMENTS(tensor_types) ? tensor_types[number].name : NULL;
    *type = label ? tensor_types[number].type : 0;
    if (*type)
        return true;
    return gguf_fail(cursor, HONE_ERROR_UNSUPPORTED, error,
                     "tensor '%s' is stored as %s (type number %u), which Hone does not read; use a file in F32, F16, "
                     "BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K to Q6_K, Q8_K, IQ4_NL or IQ4_XS",
                     name, label ? label : "an unknown type", number);
}

/* ---- Reading. ---- */

static bool read_header(GgufCursor *cursor, uint64_t *n_tensors, uint64_t *n_entries, GError **error)
{
    const uint8_t *magic = NULL;
    uint32_t version = 0;
    if (!gguf_take(cursor, 4, "the magic number", &magic, error))
        return false;
    if (memcmp(magic, "GGUF", 4) != 0)
        return gguf_fail(cursor, HONE_ERROR_INVALID, error,
                         "not a GGUF file (it does not begin with the letters GGUF); a model must be given as GGUF");
    if (!gguf_u32(cursor, "the version", &version, error))
        return false;
    if (version != 2 && version != 3) {
        if (version == 0x02000000 || version == 0x03000000)
            return gguf_fail(
                cursor, HONE_ERROR_UNSUPPORTED, error,
                "a big-endian GGUF file; Hone reads little-endian ones: convert it again for this machine");
        return gguf_fail(
            cursor, HONE_ERROR_UNSUPPORTED, error,
            "GGUF version %u, and Hone reads versions 2 and 3; convert the model again with a current tool", version);
    }
    if (!gguf_u64(cursor, "the number of tensors", n_tensors, error) ||
        !gguf_u64(cursor, "the number of metadata entries", n_entries, error))
        return false;
    size_t left = cursor->size - cursor->at;
    /* The least that an entry takes: length, one byte of key, type, one byte of value; a tensor: length, one byte of
     * name, rank, one dimension, type, offset. */
    if (*n_entries > left / 14 || *n_tensors > left / 33)
        return gguf_fail(cursor, HONE_ERROR_INVALID, error,
                         "the header claims %" G_GUINT64_FORMAT " metadata entries and %" G_GUINT64_FORMAT
                         " tensors, more than %zu bytes can hold; the file is cut short or damaged: fetch it again",
                         *n_entries, *n_tensors, cursor->size);
    return true;
}

static bool read_tensor(GgufCursor *cursor, HoneGgufTensor *tensor, uint64_t *offset, GError **error)
{
    uint32_t rank = 0, number = 0;
    const char *name = tensor->name = gguf_name(cursor, "a tensor's name", 65535, error);
    if (!name)
        return false;
    g_autofree char *what = g_strdup_printf("the description of tensor '%s'", name);
    if (!gguf_u32(cursor, what, &rank, error))
        return false;
    if (rank < 1 || rank > HONE_MAX_RANK)
        return gguf_fail(cursor, HONE_ERROR_INVALID, error, "tensor '%s' has %u dimensions, where 1 to %d are allowed",
                         name, rank, HONE_MAX_RANK);
    tensor->rank = rank;
    uint64_t dims[HONE_MAX_RANK], count = 1;
    for (uint32_t i = 0; i < rank; i++) {
        if (!gguf_u64(cursor, what, &dims[i], error))
            return false;
        if (dims[i] == 0 || __builtin_mul_overflow(count, dims[i], &count) || count > G_MAXSSIZE)
            return gguf_fail(cursor, HONE_ERROR_INVALID, error,
                             "dimension %u of tensor '%s' is %" G_GUINT64_FORMAT
                             ", which makes it empty or too large to address; the file is damaged: fetch it again",
                             i, name, dims[i]);
        tensor->shape[rank - 1 - i] = dims[i];
    }
    if (!gguf_u32(cursor, what, &number, error) || !tensor_type(cursor, name, number, &tensor->type, error) ||
        !gguf_u64(cursor, what, offset, error))
        return false;
    size_t block = hone_type_block(tensor->type);
    if (dims[0] % block != 0)
        return gguf_fail(cursor, HONE_ERROR_INVALID, error,
                         "rows of tensor '%s' have %" G_GUINT64_FORMAT
                         " values, no multiple of the %zu in a block of %s",
                         name, dims[0], block, hone_type_name(tensor->type));
    if (!hone_type_bytes(tensor->type, count, &tensor->bytes))
        return gguf_fail(cursor, HONE_ERROR_INVALID, error, "tensor '%s' is too large to address", name);
    return true;
}

/* The tensor's bytes must lie in the data section, aligned. */
static bool place_tensor(const GgufCursor *cursor, HoneGgufTensor *tensor, uint64_t offset, size_t data_start,
                         size_t alignment, GError **error)
{
    size_t room = cursor->size - data_start;
    if (offset % alignment != 0)
        return gguf_fail(cursor, HONE_ERROR_INVALID, error,
                         "the data of tensor '%s' begins at %" G_GUINT64_FORMAT ", no multiple of the alignment %zu",
                         tensor->name, offset, alignment);
    if (offset > room || tensor->bytes > room - offset)
        return gguf_fail(
            cursor, HONE_ERROR_INVALID, error,
            "the data of tensor '%s' (%zu bytes at %" G_GUINT64_FORMAT " of the data section) runs past the "
            "end of the file, whose data section has %zu bytes; it is cut short or damaged: fetch it again",
            tensor->name, tensor->bytes, offset, room);
    tensor->data = cursor->data + data_start + offset;
    return true;
}

static bool read_alignment(HoneGguf *gguf, const GgufCursor *cursor, size_t *alignment, GError **error)
{
    uint64_t value = 32; /* the specification's default */
    if (gguf_lookup(gguf, "general.alignment") &&
        (!hone_gguf_u64(gguf, "general.alignment", &value) || value == 0 || value > 65536 || (value & (value - 1))))
        return gguf_fail(cursor, HONE_ERROR_INVALID, error,
                         "metadata 'general.alignment' must be a power of two up to 65536; the file is damaged");
    *alignment = value;
    return true;
}

/* ---- Order, for look-ups and for finding what is there twice. ---- */

static int by_key(const void *a, const void *b)
{
    return strcmp((*(const GgufEntry *const *)a)->key, (*(const GgufEntry *const *)b)->key);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const HoneGgufTensor *const *)a)->name, (*(const HoneGgufTensor *const *)b)->name);
}

static int by_place(const void *a, const void *b)
{
    const HoneGgufTensor *x = *(const HoneGgufTensor *const *)a, *y = *(const HoneGgufTensor *const *)b;
    return x->data < y->data ? -1 : x->data > y->data;
}

static bool index_entries(HoneGguf *gguf, const GgufCursor *cursor, GError **error)
{
    gguf->keys = g_new(const GgufEntry *, gguf->n_entries);
    for (size_t i = 0; i < gguf->n_entries; i++)
        gguf->keys[i] = &gguf->entries[i];
    if (gguf->n_entries)
        qsort(gguf->keys, gguf->n_entries, sizeof *gguf->keys, by_key);
    for (size_t i = 1; i < gguf->n_entries; i++)
        if (strcmp(gguf->keys[i - 1]->key, gguf->keys[i]->key) == 0)
            return gguf_fail(cursor, HONE_ERROR_INVALID, error,
                             "metadata '%s' is there twice, so which one holds is not known; fetch the file again",
                             gguf->keys[i]->key);
    return true;
}

static bool index_tensors(HoneGguf *gguf, const GgufCursor *cursor, GError **error)
{
    size_t n = gguf->n_tensors;
    gguf->names = g_new(const HoneGgufTensor *, n);
    for (size_t i = 0; i < n; i++)
        gguf->names[i] = &gguf->tensors[i];
    if (n)
        qsort(gguf->names, n, sizeof *gguf->names, by_place);
    for (size_t i = 1; i < n; i++) {
        const HoneGgufTensor *before = gguf->names[i - 1], *after = gguf->names[i];
        if ((const uint8_t *)before->data + before->bytes > (const uint8_t *)after->data)
            return gguf_fail(cursor, HONE_ERROR_INVALID, error,
                             "the data of tensors '%s' and '%s' overlap; the file is damaged: fetch it again",
                             before->name, after->name);
    }
    if (n)
        qsort(gguf->names, n, sizeof *gguf->names, by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(gguf->names[i - 1]->name, gguf->names[i]->name) == 0)
            return gguf_fail(cursor, HONE_ERROR_INVALID, error,
                             "tensor '%s' is there twice, so which one holds is not known; fetch the file again",
                             gguf->names[i]->name);
    return true;
}

static bool read_all(HoneGguf *gguf, GError **error)
{
    GgufCursor cursor = {.path = gguf->path, .data = gguf->map, .size = gguf->size};
    uint64_t n_tensors = 0, n_entries = 0;
    if (!read_header(&cursor, &n_tensors, &n_entries, error))
        return false;
    /* Grown as entries prove to be there. */
    g_autoptr(GArray) entries = g_array_new(FALSE, TRUE, sizeof(GgufEntry));
    g_autoptr(GArray) tensors = g_array_new(FALSE, TRUE, sizeof(HoneGgufTensor));
    g_autoptr(GArray) offsets = g_array_new(FALSE, TRUE, sizeof(uint64_t));
    bool ok = true;
    for (uint64_t i = 0; ok && i < n_entries; i++) {
        GgufEntry entry;
        ok = gguf_entry_read(&cursor, &entry, error);
        g_array_append_val(entries, entry);
    }
    gguf->n_entries = entries->len;
    gguf->entries = (GgufEntry *)(void *)g_array_free(g_steal_pointer(&entries), FALSE);
    if (!ok || !index_entries(gguf, &cursor, error))
        return false;
    for (uint64_t i = 0; ok && i < n_tensors; i++) {
        HoneGgufTensor tensor = {0};
        uint64_t offset = 0;
        ok = read_tensor(&cursor, &tensor, &offset, error);
        g_array_append_val(tensors, tensor);
        g_array_append_val(offsets, offset);
    }
    gguf->n_tensors = tensors->len;
    gguf->tensors = (HoneGgufTensor *)(void *)g_array_free(g_steal_pointer(&tensors), FALSE);
    size_t alignment = 0;
    if (!ok || !read_alignment(gguf, &cursor, &alignment, error))
        return false;
    size_t start = (cursor.at + alignment - 1) / alignment * alignment;
    /* A file without tensors may end before the padding. */
    start = MIN(start, gguf->size);
    for (size_t i = 0; i < gguf->n_tensors; i++)
        if (!place_tensor(&cursor, &gguf->tensors[i], g_array_index(offsets, uint64_t, i), start, alignment, error))
            return false;
    return index_tensors(gguf, &cursor, error);
}

HoneGguf *hone_gguf_open(const char *path, GError **error)
{
    HoneGguf *gguf = g_new0(HoneGguf, 1);
    gguf->path = g_strdup(path);
    g_mutex_init(&gguf->lock);
    if (!mapped_open(path, "GGUF", &gguf->map, &gguf->size, error) || !read_all(gguf, error)) {
        hone_gguf_free(gguf);
        return NULL;
    }
    return gguf;
}

void hone_gguf_free(HoneGguf *gguf)
{
    if (!gguf)
        return;
    for (size_t i = 0; i < gguf->n_entries; i++)
        gguf_entry_clear(&gguf->entries[i]);
    for (size_t i = 0; i < gguf->n_tensors; i++)
        g_free((char *)gguf->tensors[i].name);
    g_free(gguf->entries);
    g_free(gguf->tensors);
    g_free(gguf->keys);
    g_free(gguf->names);
    mapped_close(gguf->map, gguf->size);
    g_mutex_clear(&gguf->lock);
    g_free(gguf->path);
    g_free(gguf);
}

const char *hone_gguf_path(const HoneGguf *gguf)
{
    return gguf->path;
}

size_t hone_gguf_n_tensors(const HoneGguf *gguf)
{
    return gguf->n_tensors;
}

const HoneGgufTensor *hone_gguf_tensor(const HoneGguf *gguf, size_t i)
{
    g_assert(i < gguf->n_tensors);
    return &gguf->tensors[i];
}

const HoneGgufTensor *hone_gguf_find(const HoneGguf *gguf, const char *name)
{
    const HoneGgufTensor wanted = {.name = name}, *key = &wanted;
    const HoneGgufTensor **found =
        gguf->n_tensors ? bsearch(&key, gguf->names, gguf->n_tensors, sizeof *gguf->names, by_name) : NULL;
    return found ? *found : NULL;
}

size_t hone_gguf_n_keys(const HoneGguf *gguf)
{
    return gguf->n_entries;
}

const char *hone_gguf_key(const HoneGguf *gguf, size_t i)
{
    g_assert(i < gguf->n_entries);
    return gguf->entries[i].key;
}

GgufEntry *gguf_lookup(const HoneGguf *gguf, const char *name)
{
    const GgufEntry wanted = {.key = (char *)name}, *key = &wanted;
    const GgufEntry **found =
        gguf->n_entries ? bsearch(&key, gguf->keys, gguf->n_entries, sizeof *gguf->keys, by_key) : NULL;
    return found ? (GgufEntry *)*found : NULL;
}

const uint8_t *gguf_bytes(const HoneGguf *gguf)
{
    return gguf->map;
}

GMutex *gguf_lock(const HoneGguf *gguf)
{
    return (GMutex *)&gguf->lock;
}

void hone_gguf_drop(const HoneGguf *gguf, const HoneGgufTensor *tensor)
{
    mapped_drop(tensor->data, tensor->bytes);
}

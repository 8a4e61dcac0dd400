/* SPDX-License-Identifier: Apache-2.0
 * safetensors.c: reads the safetensors format (safetensors_write.c writes it).
 *
 * A file is: length of the header (8 bytes, little endian), the header (JSON, maybe padded with spaces), the data. The
 * header gives each tensor's type, shape and place; as in the format's own library, the tensors must fill the data
 * without overlap and without holes.
 */
#include "mapped.h"
#include "safetensors-types.h"
#include <hone/json.h>
#include <hone/safetensors.h>
#include <string.h>

#define HEADER_LIMIT 100000000 /* bytes, as the format's own library */

struct HoneSafetensors {
    char *path;
    const uint8_t *map;
    size_t size, header; /* header: bytes before the data */
    JsonObject *meta;    /* or NULL */
    GArray *tensors;     /* of HoneSafetensor, in the order of their data; names are owned */
    GHashTable *by_name; /* name -> index + 1 */
};

const SafetensorsType safetensors_types[N_SAFETENSORS_TYPES] = {
    {"F32", HONE_F32}, {"F16", HONE_F16}, {"BF16", HONE_BF16}, {"I32", HONE_I32}};

static bool fail(const HoneSafetensors *file, HoneError code, GError **error, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

static bool fail(const HoneSafetensors *file, HoneError code, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, HONE_ERROR, code, "%s: %s", file->path, text);
    return false;
}

/* ---- Reading. ---- */

/* A whole number >= 0. */
static bool size_of_node(JsonNode *node, size_t *value)
{
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_INT64 || json_node_get_int(node) < 0)
        return false;
    *value = (size_t)json_node_get_int(node);
    return true;
}

static JsonArray *array_member(JsonObject *entry, const char *name)
{
    JsonNode *node = json_object_get_member(entry, name);
    return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

static bool read_dtype(const HoneSafetensors *file, const char *name, JsonObject *entry, HoneType *type, GError **error)
{
    JsonNode *node = json_object_get_member(entry, "dtype");
    const char *text = node && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_string(node) : NULL;
    if (!text)
        return fail(file, HONE_ERROR_INVALID, error, "tensor '%s' has no \"dtype\"; the file is damaged", name);
    for (size_t i = 0; i < N_SAFETENSORS_TYPES; i++)
        if (strcmp(text, safetensors_types[i].name) == 0) {
            *type = safetensors_types[i].type;
            return true;
        }
    return fail(file, HONE_ERROR_UNSUPPORTED, error,
                "tensor '%s' is stored as %s; Hone reads F32, F16, BF16 and I32: convert it", name, text);
}

static bool read_shape(const HoneSafetensors *file, HoneSafetensor *tensor, JsonObject *entry, GError **error)
{
    JsonArray *shape = array_member(entry, "shape");
    size_t count = 1;
    if (!shape || json_array_get_length(shape) > HONE_MAX_RANK)
        return fail(file, HONE_ERROR_INVALID, error, "tensor '%s' needs a \"shape\" of at most %d dimensions",
                    tensor->name, HONE_MAX_RANK);
    tensor->rank = json_array_get_length(shape);
    for (uint32_t i = 0; i < tensor->rank; i++)
        if (!size_of_node(json_array_get_element(shape, i), &tensor->shape[i]) ||
            __builtin_mul_overflow(count, tensor->shape[i], &count))
            return fail(file, HONE_ERROR_INVALID, error,
                        "dimension %u of tensor '%s' is no whole number, or too large; the file is damaged", i,
                        tensor->name);
    if (!hone_type_bytes(tensor->type, count, &tensor->bytes))
        return fail(file, HONE_ERROR_INVALID, error, "tensor '%s' is too large to address", tensor->name);
    return true;
}

static bool read_place(const HoneSafetensors *file, HoneSafetensor *tensor, JsonObject *entry, GError **error)
{
    JsonArray *offsets = array_member(entry, "data_offsets");
    size_t begin, end, room = file->size - file->header;
    if (!offsets || json_array_get_length(offsets) != 2 || !size_of_node(json_array_get_element(offsets, 0), &begin) ||
        !size_of_node(json_array_get_element(offsets, 1), &end) || begin > end)
        return fail(file, HONE_ERROR_INVALID, error,
                    "tensor '%s' needs \"data_offsets\" of two whole numbers in order; the file is damaged",
                    tensor->name);
    if (end > room)
        return fail(file, HONE_ERROR_INVALID, error,
                    "the data of tensor '%s' ends at byte %zu of %zu; the file is cut short: fetch it again",
                    tensor->name, end, room);
    if (end - begin != tensor->bytes)
        return fail(file, HONE_ERROR_INVALID, error,
                    "tensor '%s' has %zu bytes of data, and its shape and type make %zu; the file is damaged",
                    tensor->name, end - begin, tensor->bytes);
    tensor->data = file->map + file->header + begin;
    return true;
}

static bool read_meta(HoneSafetensors *file, JsonNode *node, GError **error)
{
    if (!JSON_NODE_HOLDS_OBJECT(node))
        return fail(file, HONE_ERROR_INVALID, error, "\"__metadata__\" must be an object of strings");
    file->meta = json_object_ref(json_node_get_object(node));
    JsonObjectIter iter;
    JsonNode *value;
    const char *key;
    json_object_iter_init(&iter, file->meta);
    while (json_object_iter_next(&iter, &key, &value))
        if (!JSON_NODE_HOLDS_VALUE(value) || json_node_get_value_type(value) != G_TYPE_STRING)
            return fail(file, HONE_ERROR_INVALID, error, "\"__metadata__\" entry '%s' must be a string", key);
    return true;
}

static int by_place(const void *a, const void *b)
{
    const HoneSafetensor *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    /* Empty tensors share a place with what follows them; by name, so that the order is one. */
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static bool check_places(HoneSafetensors *file, GError **error)
{
    const uint8_t *next = file->map + file->header;
    g_array_sort(file->tensors, by_place);
    for (guint i = 0; i < file->tensors->len; i++) {
        const HoneSafetensor *tensor = &g_array_index(file->tensors, HoneSafetensor, i);
        if ((const uint8_t *)tensor->data != next)
            return fail(file, HONE_ERROR_INVALID, error, "the data of tensor '%s' %s; the file is damaged",
                        tensor->name,
                        (const uint8_t *)tensor->data < next ? "overlaps another's"
                                                             : "does not follow another's: there is a hole");
        next += tensor->bytes;
        g_hash_table_insert(file->by_name, (char *)tensor->name, GSIZE_TO_POINTER((size_t)i + 1));
    }
    if (next != file->map + file->size)
        return fail(file, HONE_ERROR_INVALID, error,
                    "%zu bytes after the last tensor belong to none; the file is damaged: fetch it again",
                    (size_t)(file->map + file->size - next));
    return true;
}

static JsonNode *read_header(HoneSafetensors *file, GError **error)
{
    uint64_t length = 0;
    if (file->size >= sizeof length)
        memcpy(&length, file->map, sizeof length);
    length = GUINT64_FROM_LE(length);
    if (file->size < sizeof length || length < 2 || length > file->size - sizeof length || length > HEADER_LIMIT) {
        fail(file, HONE_ERROR_INVALID, error,
             "the header's length is %" G_GUINT64_FORMAT " in a file of %zu bytes (at most %d are allowed); it is no "
             "safetensors file, or cut short: fetch it again",
             length, file->size, HEADER_LIMIT);
        return NULL;
    }
    if (file->map[sizeof length] != '{') {
        fail(file, HONE_ERROR_INVALID, error, "the header does not begin with '{'; it is no safetensors file");
        return NULL;
    }
    file->header = sizeof length + length;
    g_autofree char *where = g_strdup_printf("%s: header", file->path);
    return hone_json_parse((const char *)file->map + sizeof length, length, where, error);
}

static bool read_all(HoneSafetensors *file, GError **error)
{
    g_autoptr(JsonNode) root = read_header(file, error);
    if (!root)
        return false;
    JsonObjectIter iter;
    JsonNode *node;
    const char *name;
    json_object_iter_init(&iter, json_node_get_object(root));
    while (json_object_iter_next(&iter, &name, &node)) {
        if (strcmp(name, "__metadata__") == 0) {
            if (!read_meta(file, node, error))
                return false;
            continue;
        }
        if (!JSON_NODE_HOLDS_OBJECT(node))
            return fail(file, HONE_ERROR_INVALID, error, "the entry of tensor '%s' must be an object", name);
        JsonObject *entry = json_node_get_object(node);
        HoneSafetensor tensor = {.name = name};
        if (!read_dtype(file, name, entry, &tensor.type, error) || !read_shape(file, &tensor, entry, error) ||
            !read_place(file, &tensor, entry, error))
            return false;
        tensor.name = g_strdup(name);
        g_array_append_val(file->tensors, tensor);
    }
    return check_places(file, error);
}

static void clear_tensor(gpointer tensor)
{
    g_free((char *)((HoneSafetensor *)tensor)->name);
}

HoneSafetensors *hone_safetensors_open(const char *path, GError **error)
{
    HoneSafetensors *file = g_new0(HoneSafetensors, 1);
    file->path = g_strdup(path);
    file->tensors = g_array_new(FALSE, FALSE, sizeof(HoneSafetensor));
    g_array_set_clear_func(file->tensors, clear_tensor);
    file->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    if (!mapped_open(path, "safetensors", &file->map, &file->size, error) || !read_all(file, error))
        g_clear_pointer(&file, hone_safetensors_free);
    return file;
}

void hone_safetensors_free(HoneSafetensors *file)
{
    if (!file)
        return;
    g_hash_table_unref(file->by_name);
    g_array_unref(file->tensors);
    if (file->meta)
        json_object_unref(file->meta);
    mapped_close(file->map, file->size);
    g_free(file->path);
    g_free(file);
}

size_t hone_safetensors_count(const HoneSafetensors *file)
{
    return file->tensors->len;
}

const HoneSafetensor *hone_safetensors_get(const HoneSafetensors *file, size_t i)
{
    g_assert(i < file->tensors->len);
    return &g_array_index(file->tensors, HoneSafetensor, i);
}

const HoneSafetensor *hone_safetensors_find(const HoneSafetensors *file, const char *name)
{
    size_t place = GPOINTER_TO_SIZE(g_hash_table_lookup(file->by_name, name));
    return place ? hone_safetensors_get(file, place - 1) : NULL;
}

const char *hone_safetensors_meta(const HoneSafetensors *file, const char *key)
{
    return file->meta ? json_object_get_string_member_with_default(file->meta, key, NULL) : NULL;
}

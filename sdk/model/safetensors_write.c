/* SPDX-License-Identifier: Apache-2.0
 * safetensors_write.c: writes the safetensors format, whole or piece by piece.
 */
#include "safetensors-types.h"
#include <hone/file.h>
#include <hone/json.h>
#include <hone/safetensors.h>

struct HoneSafetensorsWriter {
    HoneFileWriter *file;
    size_t due; /* bytes of data that are still to come */
};

static const char *dtype_name(HoneType type)
{
    for (size_t i = 0; i < N_SAFETENSORS_TYPES; i++)
        if (safetensors_types[i].type == type)
            return safetensors_types[i].name;
    g_assert_not_reached();
}

/* The entry of a tensor whose data begins at *at, which is moved past it. */
static JsonObject *entry_of(const HoneSafetensor *tensor, size_t *at)
{
    JsonObject *entry = json_object_new();
    JsonArray *shape = json_array_new(), *offsets = json_array_new();
    size_t count = 1, bytes;
    for (uint32_t i = 0; i < tensor->rank; i++) {
        json_array_add_int_element(shape, (gint64)tensor->shape[i]);
        g_assert(!__builtin_mul_overflow(count, tensor->shape[i], &count));
    }
    g_assert(hone_type_bytes(tensor->type, count, &bytes) && bytes == tensor->bytes);
    json_array_add_int_element(offsets, (gint64)*at);
    *at += bytes;
    json_array_add_int_element(offsets, (gint64)*at);
    json_object_set_string_member(entry, "dtype", dtype_name(tensor->type));
    json_object_set_array_member(entry, "shape", shape);
    json_object_set_array_member(entry, "data_offsets", offsets);
    return entry;
}

HoneSafetensorsWriter *hone_safetensors_writer_new(const char *path, const HoneSafetensor *tensors, size_t n,
                                                   JsonObject *meta, GError **error)
{
    g_autoptr(JsonObject) header = json_object_new();
    size_t at = 0;
    if (meta)
        json_object_set_object_member(header, "__metadata__", json_object_ref(meta));
    for (size_t i = 0; i < n; i++) {
        g_assert(!json_object_has_member(header, tensors[i].name));
        json_object_set_object_member(header, tensors[i].name, entry_of(&tensors[i], &at));
    }
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), header);
    g_autofree char *compact = hone_json_text(node);
    g_autoptr(GString) text = g_string_new(compact);
    while (text->len % 8 != 0)
        g_string_append_c(text, ' ');
    uint64_t length = GUINT64_TO_LE((uint64_t)text->len);

    g_autoptr(HoneSafetensorsWriter) writer = g_new0(HoneSafetensorsWriter, 1);
    writer->due = at;
    writer->file = hone_file_writer_new(path, error);
    if (!writer->file || !hone_file_writer_put(writer->file, &length, sizeof length, error) ||
        !hone_file_writer_put(writer->file, text->str, text->len, error))
        return NULL;
    return g_steal_pointer(&writer);
}

bool hone_safetensors_writer_put(HoneSafetensorsWriter *writer, const void *data, size_t size, GError **error)
{
    g_assert(size <= writer->due);
    writer->due -= size;
    return hone_file_writer_put(writer->file, data, size, error);
}

bool hone_safetensors_writer_finish(HoneSafetensorsWriter *writer, GError **error)
{
    g_assert(writer->due == 0);
    return hone_file_writer_finish(writer->file, error);
}

void hone_safetensors_writer_free(HoneSafetensorsWriter *writer)
{
    if (!writer)
        return;
    hone_file_writer_free(writer->file);
    g_free(writer);
}

bool hone_safetensors_write(const char *path, const HoneSafetensor *tensors, size_t n, JsonObject *meta, GError **error)
{
    g_autoptr(HoneSafetensorsWriter) writer = hone_safetensors_writer_new(path, tensors, n, meta, error);
    if (!writer)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!hone_safetensors_writer_put(writer, tensors[i].data, tensors[i].bytes, error))
            return false;
    return hone_safetensors_writer_finish(writer, error);
}

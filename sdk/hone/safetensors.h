/* SPDX-License-Identifier: Apache-2.0
 * safetensors.h: the safetensors format, read (mapped, all bounds checked) and written (atomically).
 * Format: 8 bytes little-endian header length, JSON header, data; see the safetensors repository's README.
 */
#ifndef HONE_SAFETENSORS_H
#define HONE_SAFETENSORS_H

#include <hone/tensor.h>

typedef struct HoneSafetensors HoneSafetensors;

typedef struct HoneSafetensor {
    const char *name;
    HoneType type; /* HONE_F32, HONE_F16, HONE_BF16 or HONE_I32 */
    uint32_t rank;
    size_t shape[HONE_MAX_RANK];
    const void *data;
    size_t bytes;
} HoneSafetensor;

HONE_EXPORT HoneSafetensors *hone_safetensors_open(const char *path, GError **error);
HONE_EXPORT void hone_safetensors_free(HoneSafetensors *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneSafetensors, hone_safetensors_free)
HONE_EXPORT size_t hone_safetensors_count(const HoneSafetensors *file);
HONE_EXPORT const HoneSafetensor *hone_safetensors_get(const HoneSafetensors *file, size_t i);
HONE_EXPORT const HoneSafetensor *hone_safetensors_find(const HoneSafetensors *file, const char *name);
/* "__metadata__" entry, or NULL. */
HONE_EXPORT const char *hone_safetensors_meta(const HoneSafetensors *file, const char *key);

/* Writes n tensors (data in host memory) in the given order, header padded to 8 bytes; the bytes depend only on the
 * arguments. meta: JSON object of strings, or NULL. */
HONE_EXPORT bool hone_safetensors_write(const char *path, const HoneSafetensor *tensors, size_t n, JsonObject *meta,
                                        GError **error);
/* The same with the data piece by piece: exactly the bytes of all tensors, in their order (their `data` is not read).
 */
typedef struct HoneSafetensorsWriter HoneSafetensorsWriter;
HONE_EXPORT HoneSafetensorsWriter *hone_safetensors_writer_new(const char *path, const HoneSafetensor *tensors,
                                                               size_t n, JsonObject *meta, GError **error);
HONE_EXPORT bool hone_safetensors_writer_put(HoneSafetensorsWriter *writer, const void *data, size_t size,
                                             GError **error);
HONE_EXPORT bool hone_safetensors_writer_finish(HoneSafetensorsWriter *writer, GError **error);
HONE_EXPORT void hone_safetensors_writer_free(HoneSafetensorsWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneSafetensorsWriter, hone_safetensors_writer_free)

#endif

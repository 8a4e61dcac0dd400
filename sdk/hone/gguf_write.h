/* SPDX-License-Identifier: Apache-2.0
 * gguf_write.h: writes a GGUF file (version 3, little endian), atomically and without holding its tensors in memory.
 *
 * First metadata and the tensors' descriptions, then begin, then exactly the bytes of all tensors in that order (put
 * pads between them), then finish. A key or name given twice, or bytes too many or too few, are mistakes of the caller.
 */
#ifndef HONE_GGUF_WRITE_H
#define HONE_GGUF_WRITE_H

#include <hone/gguf.h>

typedef struct HoneGgufWriter HoneGgufWriter;

HONE_EXPORT HoneGgufWriter *hone_gguf_writer_new(void);
/* Unfinished, it leaves no file. */
HONE_EXPORT void hone_gguf_writer_free(HoneGgufWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneGgufWriter, hone_gguf_writer_free)

HONE_EXPORT void hone_gguf_writer_u32(HoneGgufWriter *writer, const char *key, uint32_t value);
HONE_EXPORT void hone_gguf_writer_f32(HoneGgufWriter *writer, const char *key, float value);
HONE_EXPORT void hone_gguf_writer_bool(HoneGgufWriter *writer, const char *key, bool value);
HONE_EXPORT void hone_gguf_writer_string(HoneGgufWriter *writer, const char *key, const char *value);
HONE_EXPORT void hone_gguf_writer_strings(HoneGgufWriter *writer, const char *key, const char *const *values, size_t n);
HONE_EXPORT void hone_gguf_writer_i32s(HoneGgufWriter *writer, const char *key, const int32_t *values, size_t n);
HONE_EXPORT void hone_gguf_writer_f32s(HoneGgufWriter *writer, const char *key, const float *values, size_t n);
HONE_EXPORT void hone_gguf_writer_bools(HoneGgufWriter *writer, const char *key, const bool *values, size_t n);
/* The entry of another file as it stands there. */
HONE_EXPORT void hone_gguf_writer_copy(HoneGgufWriter *writer, const HoneGguf *gguf, const char *key);
HONE_EXPORT bool hone_gguf_writer_has(const HoneGgufWriter *writer, const char *key);

/* shape [rank], outermost first. The innermost must be a multiple of the type's block. */
HONE_EXPORT void hone_gguf_writer_tensor(HoneGgufWriter *writer, const char *name, HoneType type, uint32_t rank,
                                         const size_t *shape);
/* Opens the file aside and writes all but the data. */
HONE_EXPORT bool hone_gguf_writer_begin(HoneGgufWriter *writer, const char *path, GError **error);
/* The next bytes, at most to the end of the current tensor. */
HONE_EXPORT bool hone_gguf_writer_put(HoneGgufWriter *writer, const void *data, size_t size, GError **error);
HONE_EXPORT bool hone_gguf_writer_finish(HoneGgufWriter *writer, GError **error);

#endif

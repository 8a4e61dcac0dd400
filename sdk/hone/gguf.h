/* SPDX-License-Identifier: Apache-2.0
 * gguf.h: GGUF files (versions 2 and 3, little endian), mapped read-only. Every count, offset, size and type in the
 * file is checked at opening, so accessors cannot fail afterwards.
 */
#ifndef HONE_GGUF_H
#define HONE_GGUF_H

#include <hone/tensor.h>

typedef struct HoneGguf HoneGguf;

typedef struct HoneGgufTensor {
    const char *name;
    HoneType type;
    uint32_t rank;
    size_t shape[HONE_MAX_RANK]; /* outermost first (the reverse of the file's order): a matrix is [rows, columns] */
    const void *data;            /* in the mapping */
    size_t bytes;
} HoneGgufTensor;

HONE_EXPORT HoneGguf *hone_gguf_open(const char *path, GError **error);
HONE_EXPORT void hone_gguf_free(HoneGguf *gguf);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneGguf, hone_gguf_free)
HONE_EXPORT const char *hone_gguf_path(const HoneGguf *gguf);

HONE_EXPORT size_t hone_gguf_n_tensors(const HoneGguf *gguf);
HONE_EXPORT const HoneGgufTensor *hone_gguf_tensor(const HoneGguf *gguf, size_t i);
HONE_EXPORT const HoneGgufTensor *hone_gguf_find(const HoneGguf *gguf, const char *name); /* or NULL */
/* Tells the system that the mapped bytes of a tensor will not be read again soon, so they leave the resident set. */
HONE_EXPORT void hone_gguf_drop(const HoneGguf *gguf, const HoneGgufTensor *tensor);

/* The metadata's keys, in the file's order. */
HONE_EXPORT size_t hone_gguf_n_keys(const HoneGguf *gguf);
HONE_EXPORT const char *hone_gguf_key(const HoneGguf *gguf, size_t i);
/* Metadata. Each returns false (or NULL) where the key is absent or of another kind; integers of any width convert. */
HONE_EXPORT bool hone_gguf_u64(const HoneGguf *gguf, const char *key, uint64_t *value);
HONE_EXPORT bool hone_gguf_f64(const HoneGguf *gguf, const char *key, double *value);
HONE_EXPORT bool hone_gguf_bool(const HoneGguf *gguf, const char *key, bool *value);
HONE_EXPORT const char *hone_gguf_string(const HoneGguf *gguf, const char *key); /* valid UTF-8, or NULL */
/* *n strings, NUL-terminated copies (a string with an embedded NUL is refused at opening only if it is a key). */
HONE_EXPORT const char *const *hone_gguf_strings(const HoneGguf *gguf, const char *key, size_t *n);
/* An integer array widened, or NULL. *n values. */
HONE_EXPORT const int64_t *hone_gguf_ints(const HoneGguf *gguf, const char *key, size_t *n);
HONE_EXPORT const double *hone_gguf_floats(const HoneGguf *gguf, const char *key, size_t *n);

#endif

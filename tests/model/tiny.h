/* SPDX-License-Identifier: Apache-2.0
 * tiny.h: the tiny models of tests/oracle/tiny_llama.py, opened on a backend, with what transformers made of them.
 */
#ifndef HONE_TEST_TINY_H
#define HONE_TEST_TINY_H

#include "../backends/plugin.h"
#include <hone/model.h>
#include <hone/safetensors.h>

typedef struct Tiny {
    HoneBackend *backend;
    HoneModel *model;
    HoneSafetensors *expect;
    char *adapter;   /* folder */
    HoneBatch batch; /* the oracle's */
} Tiny;

extern const char *const tiny_names[];    /* ends with NULL */
extern const char *const tiny_backends[]; /* ends with NULL */

/* Aborts the test on any failure. */
Tiny *tiny_open(const char *name, const char *backend);
/* The oracle's batch, from `expect`. */
void tiny_read_batch(Tiny *tiny);
void tiny_free(Tiny *tiny);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tiny, tiny_free)

/* Path of a file in tests/model/data. Caller frees. */
char *tiny_data(const char *name);
const float *tiny_floats(const Tiny *tiny, const char *name, size_t *n);
const int32_t *tiny_ints(const Tiny *tiny, const char *name, size_t *n);

/* Largest |got - want| / max |want|; infinity where a value is not finite. */
double tiny_error(const float *got, const float *want, size_t n);
#define tiny_assert_close(got, want, n, tolerance)                                                                     \
    do {                                                                                                               \
        double error_ = tiny_error(got, want, n);                                                                      \
        if (!(error_ <= (tolerance)))                                                                                  \
            g_error("%s:%d: relative error %g above %g", __FILE__, __LINE__, error_, (double)(tolerance));             \
    } while (0)

/* One gradient [count] in host memory. Caller frees. */
float *tiny_download(const Tiny *tiny, HoneTensor tensor);
/* Forward with keep and backward with the oracle's derivative from zeroed gradients; fills logprob [K]. */
void tiny_step(Tiny *tiny, HoneForward options, bool known, float *logprob);

#endif

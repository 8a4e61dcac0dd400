/* SPDX-License-Identifier: Apache-2.0
 * gguf.c: fuzz target of the GGUF reader: opens, then reads every byte that the reader vouches for.
 */
#include "fuzz.h"
#include <hone/gguf.h>

static volatile unsigned sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = {"general.alignment", "t.text", "t.strings", "t.ints",
                                       "t.floats",          "t.u64",  "t.i8"};
    int fd;
    g_autofree char *path = fuzz_file(data, size, &fd);
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneGguf) gguf = hone_gguf_open(path, &error);
    g_assert((gguf == NULL) == (error != NULL));
    for (size_t i = 0; gguf && i < G_N_ELEMENTS(keys); i++) {
        uint64_t u;
        double f;
        bool b;
        size_t n;
        hone_gguf_u64(gguf, keys[i], &u);
        hone_gguf_f64(gguf, keys[i], &f);
        hone_gguf_bool(gguf, keys[i], &b);
        hone_gguf_string(gguf, keys[i]);
        hone_gguf_strings(gguf, keys[i], &n);
        hone_gguf_ints(gguf, keys[i], &n);
        hone_gguf_floats(gguf, keys[i], &n);
    }
    for (size_t i = 0; gguf && i < hone_gguf_n_tensors(gguf); i++) {
        const HoneGgufTensor *tensor = hone_gguf_tensor(gguf, i);
        unsigned sum = 0;
        for (size_t k = 0; k < tensor->bytes; k++)
            sum += ((const uint8_t *)tensor->data)[k];
        sink = sum;
        g_assert(hone_gguf_find(gguf, tensor->name) == tensor);
        hone_gguf_drop(gguf, tensor);
    }
    close(fd);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * safetensors.c: fuzz target of the safetensors reader: opens, then reads every byte that the reader vouches for.
 */
#include "fuzz.h"
#include <hone/safetensors.h>

static volatile unsigned sink;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd;
    g_autofree char *path = fuzz_file(data, size, &fd);
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneSafetensors) file = hone_safetensors_open(path, &error);
    g_assert((file == NULL) == (error != NULL));
    for (size_t i = 0; file && i < hone_safetensors_count(file); i++) {
        const HoneSafetensor *tensor = hone_safetensors_get(file, i);
        unsigned sum = 0;
        for (size_t k = 0; k < tensor->bytes; k++)
            sum += ((const uint8_t *)tensor->data)[k];
        sink = sum;
        g_assert(hone_safetensors_find(file, tensor->name) == tensor);
    }
    if (file)
        hone_safetensors_meta(file, "format");
    close(fd);
    return 0;
}

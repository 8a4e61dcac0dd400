/* SPDX-License-Identifier: Apache-2.0
 * fuzz.h: what the fuzz targets share: libFuzzer's entry, and bytes as a file that a reader can open.
 */
#ifndef HONE_FUZZ_H
#define HONE_FUZZ_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file in memory with these bytes; *fd is to be closed. Caller frees the path. */
static inline char *fuzz_file(const uint8_t *data, size_t size, int *fd)
{
    *fd = memfd_create("fuzz", MFD_CLOEXEC);
    g_assert(*fd >= 0 && write(*fd, data, size) == (ssize_t)size);
    return g_strdup_printf("/proc/self/fd/%d", *fd);
}

#endif

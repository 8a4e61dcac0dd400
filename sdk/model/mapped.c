/* SPDX-License-Identifier: Apache-2.0
 * mapped.c: maps a regular file.
 */
#include "mapped.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool map_descriptor(int fd, const char *path, const char *format, const uint8_t **map, size_t *size,
                           GError **error)
{
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        int code = errno;
        g_set_error(error, HONE_ERROR, code == ENOENT ? HONE_ERROR_NOT_FOUND : HONE_ERROR_IO,
                    "%s: cannot be opened (%s); check the path", path, g_strerror(code));
        return false;
    }
    const char *why = !S_ISREG(info.st_mode) ? "is not a regular file; give the path of one"
                      : info.st_size == 0    ? "is empty; fetch it again"
                                             : NULL;
    if (why) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: the %s file %s", path, format, why);
        return false;
    }
    void *start = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (start == MAP_FAILED) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: cannot be mapped into memory (%s)", path, g_strerror(errno));
        return false;
    }
    *map = start;
    *size = (size_t)info.st_size;
    return true;
}

bool mapped_open(const char *path, const char *format, const uint8_t **map, size_t *size, GError **error)
{
    /* Without O_NONBLOCK, opening a pipe by mistake would wait for ever. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool ok = map_descriptor(fd, path, format, map, size, error);
    if (fd >= 0)
        close(fd);
    return ok;
}

void mapped_close(const uint8_t *map, size_t size)
{
    if (map)
        munmap((void *)map, size);
}

void mapped_drop(const void *data, size_t size)
{
    /* Whole pages only: a page at either end may hold a neighbour's bytes. */
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)data;
    uintptr_t from = (first + page - 1) / page * page, to = (first + size) / page * page;
    if (from < to)
        madvise((void *)from, to - from, MADV_DONTNEED);
}

/* SPDX-License-Identifier: Apache-2.0
 * shared_object.c: reads the program headers of a shared object and compares them with the file's size.
 */
#include "shared_object.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NATIVE_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)
#define MOST_HEADERS 1024

static bool refuse(GError **error, const char *what)
{
    g_set_error_literal(error, HONE_ERROR, HONE_ERROR_INVALID, what);
    return false;
}

static bool check(int fd, guint64 size, GError **error)
{
    ElfW(Ehdr) header;
    if (pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return refuse(error, "not a shared object");
    if (header.e_ident[EI_CLASS] != NATIVE_CLASS || header.e_type != ET_DYN)
        return refuse(error, "not a shared object for this machine");
    if (header.e_phentsize != sizeof(ElfW(Phdr)) || header.e_phnum == 0 || header.e_phnum > MOST_HEADERS)
        return refuse(error, "its ELF header is broken");
    for (unsigned i = 0; i < header.e_phnum; i++) {
        ElfW(Phdr) part;
        guint64 at = header.e_phoff + (guint64)i * sizeof part;
        if (at > size || pread(fd, &part, sizeof part, (off_t)at) != (ssize_t)sizeof part)
            return refuse(error, "the file is cut short");
        if (part.p_type == PT_LOAD && (part.p_offset > size || part.p_filesz > size - part.p_offset))
            return refuse(error, "the file is cut short");
    }
    return true;
}

bool hone_shared_object_check(const char *path, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s", g_strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool good = S_ISREG(info.st_mode) ? check(fd, (guint64)info.st_size, error) : refuse(error, "not a file");
    close(fd);
    return good;
}

/* SPDX-License-Identifier: Apache-2.0
 * file.c: atomic writes, bounded reads, content hashes.
 */
#include "json_text.h"
#include <errno.h>
#include <fcntl.h>
#include <hone/file.h>
#include <hone/json.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/fs.h>
#endif

static bool fail_errno(GError **error, int code, const char *doing, const char *path)
{
    const char *advice = code == ENOSPC   ? ": free some space and run again"
                         : code == EROFS  ? ": choose another folder"
                         : code == EACCES ? ": check its permissions"
                                          : "";
    g_set_error(error, HONE_ERROR, code == ENOENT ? HONE_ERROR_NOT_FOUND : HONE_ERROR_IO, "%s: cannot %s (%s)%s", path,
                doing, g_strerror(code), advice);
    return false;
}

static bool write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, MIN(size, (size_t)1 << 30));
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return false;
        }
        data += n;
        size -= (size_t)n;
    }
    return true;
}

bool hone_file_sync_folder(const char *folder, GError **error)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(error, errno, "open", folder);
    int code = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    /* Some file systems cannot sync a folder; the rename is as safe there as they make it. */
    if (code != 0 && code != EINVAL && code != ENOTSUP)
        return fail_errno(error, code, "sync", folder);
    return true;
}

static bool sync_folder_of(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    return hone_file_sync_folder(folder, error);
}

/* ---- Writing: aside, synced, renamed. ---- */

struct HoneFileWriter {
    char *path, *temporary;
    int fd, code; /* code: the first error */
};

HoneFileWriter *hone_file_writer_new(const char *path, GError **error)
{
    static atomic_uint counter;
    /* Same folder, so that the rename cannot cross file systems; process and counter keep writers apart. */
    g_autofree char *temporary = g_strdup_printf("%s.tmp-%d-%u", path, (int)getpid(), atomic_fetch_add(&counter, 1));
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) {
        fail_errno(error, errno, "write", path);
        return NULL;
    }
    HoneFileWriter *writer = g_new0(HoneFileWriter, 1);
    *writer = (HoneFileWriter){.path = g_strdup(path), .temporary = g_steal_pointer(&temporary), .fd = fd};
    return writer;
}

bool hone_file_writer_put(HoneFileWriter *writer, const void *data, size_t size, GError **error)
{
    if (writer->code == 0 && !write_all(writer->fd, data, size))
        writer->code = errno;
    return writer->code == 0 || fail_errno(error, writer->code, "write", writer->path);
}

bool hone_file_writer_finish(HoneFileWriter *writer, GError **error)
{
    g_assert(writer->fd >= 0);
    if (writer->code == 0 && fsync(writer->fd) != 0)
        writer->code = errno;
    if (close(writer->fd) != 0 && writer->code == 0)
        writer->code = errno;
    writer->fd = -1;
    if (writer->code == 0 && rename(writer->temporary, writer->path) != 0)
        writer->code = errno;
    if (writer->code != 0)
        return fail_errno(error, writer->code, "write", writer->path);
    g_clear_pointer(&writer->temporary, g_free);
    return sync_folder_of(writer->path, error);
}

void hone_file_writer_free(HoneFileWriter *writer)
{
    if (!writer)
        return;
    if (writer->fd >= 0)
        close(writer->fd);
    if (writer->temporary)
        unlink(writer->temporary);
    g_free(writer->temporary);
    g_free(writer->path);
    g_free(writer);
}

bool hone_file_write_spans(const char *path, const HoneSpan *spans, size_t n, GError **error)
{
    g_autoptr(HoneFileWriter) writer = hone_file_writer_new(path, error);
    if (!writer)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!hone_file_writer_put(writer, spans[i].data, spans[i].size, error))
            return false;
    return hone_file_writer_finish(writer, error);
}

bool hone_file_write(const char *path, const void *data, size_t size, GError **error)
{
    return hone_file_write_spans(path, &(HoneSpan){data, size}, 1, error);
}

bool hone_file_write_json(const char *path, JsonNode *node, GError **error)
{
    g_autoptr(GString) text = hone_json_indented(node);
    g_string_append_c(text, '\n');
    return hone_file_write(path, text->str, text->len, error);
}

/* A regular file, open for reading, or -1 with an error: a pipe would keep its reader waiting. */
static int open_regular(const char *path, struct stat *st, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        fail_errno(error, errno, "open", path);
        return -1;
    }
    if (fstat(fd, st) != 0)
        fail_errno(error, errno, "read", path);
    else if (!S_ISREG(st->st_mode))
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: not a file", path);
    else
        return fd;
    close(fd);
    return -1;
}

static bool copy_content(HoneFileWriter *writer, int fd, const char *from, GError **error)
{
    const size_t block = (size_t)1 << 20;
#ifdef FICLONE
    if (ioctl(writer->fd, FICLONE, fd) == 0)
        return true;
#endif
    g_autofree char *buffer = g_malloc(block);
    for (;;) {
        ssize_t n = read(fd, buffer, block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(error, errno, "read", from);
        if (n == 0)
            return true;
        if (!hone_file_writer_put(writer, buffer, (size_t)n, error))
            return false;
    }
}

bool hone_file_copy(const char *from, const char *to, GError **error)
{
    struct stat st;
    int fd = open_regular(from, &st, error);
    if (fd < 0)
        return false;
    g_autoptr(HoneFileWriter) writer = hone_file_writer_new(to, error);
    bool ok = writer && copy_content(writer, fd, from, error);
    close(fd);
    return ok && hone_file_writer_finish(writer, error);
}

/* Reads a whole regular file of at most `limit` bytes. */
static char *read_bounded(const char *path, size_t limit, size_t *size, GError **error)
{
    struct stat st;
    int fd = open_regular(path, &st, error);
    if (fd < 0)
        return NULL;
    g_autofree char *data = NULL;
    if ((uint64_t)st.st_size > limit) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: %" G_GINT64_FORMAT " bytes, more than the %zu allowed",
                    path, (gint64)st.st_size, limit);
    } else {
        size_t have = 0;
        data = g_malloc((size_t)st.st_size + 1);
        while (have < (size_t)st.st_size) {
            ssize_t n = read(fd, data + have, (size_t)st.st_size - have);
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0) {
                fail_errno(error, errno, "read", path);
                g_clear_pointer(&data, g_free);
                break;
            }
            if (n == 0)
                break;
            have += (size_t)n;
        }
        if (data) {
            data[have] = '\0';
            *size = have;
        }
    }
    close(fd);
    return g_steal_pointer(&data);
}

JsonObject *hone_file_read_json(const char *path, size_t limit, GError **error)
{
    size_t size = 0;
    g_autofree char *text = read_bounded(path, limit, &size, error);
    if (!text)
        return NULL;
    g_autoptr(JsonNode) root = hone_json_parse(text, size, path, error);
    if (!root)
        return NULL;
    if (!JSON_NODE_HOLDS_OBJECT(root)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: expected a JSON object", path);
        return NULL;
    }
    return json_node_dup_object(root);
}

/* Also gives the file's identity before and after, so that the caller sees a file that changed meanwhile. */
static char *hash_open_file(int fd, const char *path, struct stat *before, struct stat *after, GError **error)
{
    if (fstat(fd, before) != 0) {
        fail_errno(error, errno, "read", path);
        return NULL;
    }
    if (!S_ISREG(before->st_mode)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: not a file", path);
        return NULL;
    }
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    const size_t block = (size_t)1 << 20;
    g_autofree unsigned char *buffer = g_malloc(block);
    for (;;) {
        ssize_t n = read(fd, buffer, block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            fail_errno(error, errno, "read", path);
            return NULL;
        }
        if (n == 0)
            break;
        g_checksum_update(checksum, buffer, n);
    }
    if (fstat(fd, after) != 0) {
        fail_errno(error, errno, "read", path);
        return NULL;
    }
    return g_strdup(g_checksum_get_string(checksum));
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static char *hash_file(const char *path, struct stat *identity, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        fail_errno(error, errno, "open", path);
        return NULL;
    }
    struct stat after;
    g_autofree char *hash = hash_open_file(fd, path, identity, &after, error);
    close(fd);
    if (hash && !same_file(identity, &after)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: changed while it was read; run again once it is complete",
                    path);
        return NULL;
    }
    return g_steal_pointer(&hash);
}

char *hone_file_hash(const char *path, GError **error)
{
    struct stat identity;
    return hash_file(path, &identity, error);
}

static char *identity_text(const struct stat *st)
{
    return g_strdup_printf("%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                           ".%09ld %" G_GINT64_FORMAT ".%09ld",
                           (guint64)st->st_dev, (guint64)st->st_ino, (gint64)st->st_size, (gint64)st->st_mtim.tv_sec,
                           st->st_mtim.tv_nsec, (gint64)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

static bool looks_like_hash(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

char *hone_file_hash_cached(const char *path, const char *cache_folder, GError **error)
{
    if (!cache_folder)
        return hone_file_hash(path, error);
    struct stat st;
    if (stat(path, &st) != 0) {
        fail_errno(error, errno, "open", path);
        return NULL;
    }
    /* One small file for each device and inode: "IDENTITY\nHASH\n". Anything else in it counts as absent. */
    g_autofree char *name =
        g_strdup_printf("%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT, (guint64)st.st_dev, (guint64)st.st_ino);
    g_autofree char *remembered = g_build_filename(cache_folder, name, NULL);
    g_autofree char *identity = identity_text(&st);
    size_t size = 0;
    g_autofree char *text = S_ISREG(st.st_mode) ? read_bounded(remembered, 512, &size, NULL) : NULL;
    if (text && strlen(text) == size) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
        if (g_strv_length(lines) == 3 && g_str_equal(lines[0], identity) && looks_like_hash(lines[1]))
            return g_strdup(lines[1]);
    }
    g_autofree char *hash = hash_file(path, &st, error);
    if (!hash)
        return NULL;
    /* A file changed within the last two seconds may change again without its times moving (coarse clocks): it is not
     * remembered yet. Failing to remember costs time, not truth. */
    if (g_get_real_time() / G_USEC_PER_SEC - st.st_ctim.tv_sec > 2) {
        g_autofree char *now = identity_text(&st);
        g_autofree char *entry = g_strdup_printf("%s\n%s\n", now, hash);
        if (g_mkdir_with_parents(cache_folder, 0777) == 0)
            hone_file_write(remembered, entry, strlen(entry), NULL);
    }
    return g_steal_pointer(&hash);
}

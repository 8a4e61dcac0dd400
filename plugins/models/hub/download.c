/* SPDX-License-Identifier: Apache-2.0
 * download.c: one file into blobs/: what is there already is kept, what comes is counted and hashed, and only what has
 * the announced size and checksum gets its name.
 */
#include "private.h"
#include <errno.h>
#include <fcntl.h>
#include <hone/file.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK ((size_t)256 << 10)
/* New bytes after which a connection that breaks counts as the first that did. */
#define PROGRESS ((uint64_t)1 << 20)

/* ---- What the hub says of it. ---- */

/* The checksum in an ETag: SHA-256 in hex of a large file, git's SHA-1 of a small one. Caller frees. */
static char *checksum_in(const char *etag)
{
    if (!etag)
        return NULL;
    if (g_str_has_prefix(etag, "W/"))
        etag += 2;
    g_autofree char *text = g_strdup(etag);
    size_t length = strlen(text);
    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
        text[length - 1] = '\0';
        memmove(text, text + 1, length - 1);
    }
    length = strlen(text);
    bool good = (length == 64 || length == 40) && strspn(text, "0123456789abcdef") == length;
    return good ? g_steal_pointer(&text) : NULL;
}

static bool read_size(const char *text, uint64_t *size)
{
    return text && g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, size, NULL);
}

static bool look_once(HubClient *client, HubFile *file, GError **error)
{
    const Hub *hub = client->hub;
    const HubAsk ask = {.method = "HEAD", .url = file->url, .stay = true};
    g_auto(HubReply) reply = {0};
    if (!hub_open(client, &ask, &reply, error))
        return false;
    client->again = false;
    const char *linked = hub_header(&reply, "X-Linked-Etag"), *size = hub_header(&reply, "X-Linked-Size");
    const char *commit = hub_header(&reply, "X-Repo-Commit");
    if (!size && reply.status == 200)
        size = hub_header(&reply, "Content-Length");
    g_autofree char *etag = checksum_in(linked ? linked : hub_header(&reply, "ETag"));
    if (commit && !g_str_equal(commit, hub->commit)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "the hub answers for another commit than the one asked for");
        return false;
    }
    if (!etag) {
        g_set_error(
            error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
            "the hub gives no checksum (an ETag with 40 or 64 hex digits), so the file could not be verified; is "
            "HF_ENDPOINT the address of a hub?");
        return false;
    }
    if (!read_size(size, &file->size)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED, "the hub does not say how large the file is");
        return false;
    }
    g_free(file->etag);
    file->etag = g_steal_pointer(&etag);
    file->looked = true;
    return true;
}

static void name_file(const HubClient *client, const HubFile *file, GError **error)
{
    if (error && *error && !g_error_matches(*error, HONE_ERROR, HONE_ERROR_CANCELLED))
        g_prefix_error(error, "%s: %s: ", client->hub->name.repository, file->name);
}

/* With a clear name of the file in the error. */
static bool look(HubClient *client, HubFile *file, GError **error)
{
    int64_t attempt = 0;
    for (;;) {
        g_autoptr(GError) problem = NULL;
        bool ok = look_once(client, file, &problem);
        hub_client_disarm(client);
        if (ok)
            return true;
        if (!hub_client_retry(client, &attempt)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return false;
        }
    }
}

bool hub_look(HubClient *client, void *item, GError **error)
{
    HubFile *file = item;
    file->linked = hub_cache_has(client->hub->folder, client->hub->commit, file->name);
    if (file->linked || look(client, file, error))
        return true;
    name_file(client, file, error);
    return false;
}

/* ---- A blob on its way. ---- */

typedef struct Blob {
    HubClient *client;
    const HubFile *file;
    char *path, *aside; /* blobs/ETAG and blobs/ETAG.incomplete */
    int fd;
    uint64_t have; /* bytes in the file, all hashed */
    GChecksum *sum;
    char *source; /* the ETag of the answer that the bytes come from, or NULL */
    bool differs; /* what comes is not what the hub announced */
} Blob;

static void blob_clear(Blob *blob)
{
    if (blob->fd >= 0)
        close(blob->fd);
    g_clear_pointer(&blob->sum, g_checksum_free);
    g_free(blob->path);
    g_free(blob->aside);
    g_free(blob->source);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Blob, blob_clear)

static bool fail_errno(Blob *blob, const char *doing, GError **error)
{
    int code = errno;
    const char *advice = code == ENOSPC || code == EDQUOT || code == EFBIG
                             ? "; free some space, or point HF_HOME elsewhere, and run again"
                             : "";
    blob->client->again = false;
    g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: cannot %s (%s)%s", blob->aside, doing, g_strerror(code), advice);
    return false;
}

/* Git names content by the SHA-1 over a header and the content. */
static void begin_sum(Blob *blob)
{
    g_clear_pointer(&blob->sum, g_checksum_free);
    bool git = strlen(blob->file->etag) == 40;
    blob->sum = g_checksum_new(git ? G_CHECKSUM_SHA1 : G_CHECKSUM_SHA256);
    if (git) {
        g_autofree char *header = g_strdup_printf("blob %" G_GUINT64_FORMAT, blob->file->size);
        g_checksum_update(blob->sum, (const guchar *)header, (gssize)strlen(header) + 1);
    }
}

static bool restart(Blob *blob, GError **error)
{
    if (ftruncate(blob->fd, 0) != 0 || lseek(blob->fd, 0, SEEK_SET) != 0)
        return fail_errno(blob, "empty this file", error);
    atomic_fetch_sub(&blob->client->hub->done, blob->have);
    blob->have = 0;
    g_clear_pointer(&blob->source, g_free);
    begin_sum(blob);
    return true;
}

/* Takes over what an earlier attempt left. */
static bool open_aside(Blob *blob, GError **error)
{
    blob->fd = open(blob->aside, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    struct stat st;
    if (blob->fd < 0 || fstat(blob->fd, &st) != 0)
        return fail_errno(blob, "open this file", error);
    begin_sum(blob);
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > blob->file->size)
        return restart(blob, error);
    g_autofree guchar *buffer = g_malloc(BLOCK);
    for (;;) {
        ssize_t n = read(blob->fd, buffer, BLOCK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(blob, "read this file", error);
        if (n == 0)
            return true;
        g_checksum_update(blob->sum, buffer, n);
        blob->have += (uint64_t)n;
        atomic_fetch_add(&blob->client->hub->done, (uint64_t)n);
        if (blob->client->hub->stop) {
            hub_explain(blob->client, NULL, error);
            return false;
        }
    }
}

static bool append(Blob *blob, const guchar *data, size_t size, GError **error)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = write(blob->fd, data + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(blob, "write this file", error);
        done += (size_t)n;
    }
    g_checksum_update(blob->sum, data, (gssize)size);
    blob->have += size;
    atomic_fetch_add(&blob->client->hub->done, size);
    atomic_fetch_add(&blob->client->hub->fetched, size);
    return true;
}

/* "bytes 5-99/100": whether it is the rest of what is wanted. */
static bool is_rest(const Blob *blob, const char *range)
{
    g_auto(GStrv) parts = range && g_str_has_prefix(range, "bytes ") ? g_strsplit_set(range + 6, "-/", 0) : NULL;
    uint64_t first, last, total;
    return parts && g_strv_length(parts) == 3 && read_size(parts[0], &first) && read_size(parts[1], &last) &&
           (read_size(parts[2], &total) ? total == blob->file->size : g_str_equal(parts[2], "*")) &&
           first == blob->have && last >= first && last < blob->file->size;
}

/* The file is another one now, or the hub lied. */
static bool refuse_size(Blob *blob, uint64_t size, GError **error)
{
    blob->differs = true;
    blob->client->again = false;
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "%" G_GUINT64_FORMAT " bytes are sent, and the hub announced %" G_GUINT64_FORMAT
                "; run again, and if that does not help, tell the model's owner",
                size, blob->file->size);
    restart(blob, NULL);
    return false;
}

/* Begins the answer to the request for the rest: *body false where there is nothing to read from it. */
static bool take_answer(Blob *blob, const HubReply *reply, bool *body, GError **error)
{
    const char *etag = hub_header(reply, "ETag");
    *body = false;
    if (reply->status == 206 && is_rest(blob, hub_header(reply, "Content-Range"))) {
        *body = true;
    } else if (reply->status == 206 || reply->status == 416) {
        /* It cannot go on from here: once more from the start. */
        blob->client->again = true;
        blob->client->wait = 0;
        if (!restart(blob, error))
            return false;
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO,
                    "the server sends another part of the file than the one asked for");
        return false;
    } else {
        /* All of it: the range was ignored, or the file is not the one that the first part came from. */
        uint64_t size;
        if (read_size(hub_header(reply, "Content-Length"), &size) && size != blob->file->size)
            return refuse_size(blob, size, error);
        if (blob->have > 0 && !restart(blob, error))
            return false;
        *body = true;
    }
    g_free(blob->source);
    blob->source = etag && etag[0] == '"' ? g_strdup(etag) : NULL;
    return true;
}

static bool fetch_once(Blob *blob, GError **error)
{
    HubClient *client = blob->client;
    const HubAsk ask = {.method = "GET", .url = blob->file->url, .from = blob->have, .if_range = blob->source};
    g_auto(HubReply) reply = {0};
    bool body;
    if (!hub_open(client, &ask, &reply, error) || !take_answer(blob, &reply, &body, error))
        return false;
    g_autofree guchar *buffer = g_malloc(BLOCK);
    gssize n = 0;
    while (body && (n = hub_read(client, &reply, buffer, BLOCK, error)) > 0) {
        if ((uint64_t)n > blob->file->size - blob->have)
            return refuse_size(blob, blob->have + (uint64_t)n, error);
        if (!append(blob, buffer, (size_t)n, error))
            return false;
    }
    if (n < 0)
        return false;
    if (blob->have == blob->file->size)
        return true;
    client->again = true;
    client->wait = 0;
    g_set_error(error, HONE_ERROR, HONE_ERROR_IO,
                "the server ends after %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " bytes", blob->have,
                blob->file->size);
    return false;
}

/* Until all bytes are there. */
static bool fetch(Blob *blob, GError **error)
{
    int64_t attempt = 0;
    uint64_t best = blob->have;
    while (blob->have < blob->file->size) {
        g_autoptr(GError) problem = NULL;
        bool ok = fetch_once(blob, &problem);
        hub_client_disarm(blob->client);
        if (ok)
            break;
        if (blob->have >= best + PROGRESS) {
            best = blob->have;
            attempt = 0;
        }
        if (!hub_client_retry(blob->client, &attempt)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return false;
        }
    }
    return true;
}

/* ---- The name that it gets. ---- */

static bool finish(Blob *blob, GError **error)
{
    if (fsync(blob->fd) != 0)
        return fail_errno(blob, "write this file", error);
    if (rename(blob->aside, blob->path) != 0)
        return fail_errno(blob, "rename this file", error);
    g_autofree char *folder = g_path_get_dirname(blob->path);
    return hone_file_sync_folder(folder, error);
}

/* Waits until no other process works on the blob. The lock's descriptor, or -1 with an error. */
static int wait_for_lock(HubClient *client, const HubFile *file, const char *path, GError **error)
{
    Hub *hub = client->hub;
    const gint64 patience = (gint64)(hub->options.timeout * (double)hub->options.attempts * G_USEC_PER_SEC);
    gint64 moved = g_get_monotonic_time();
    uint64_t traces = 0;
    for (bool told = false;;) {
        GError *problem = NULL;
        int fd = hub_cache_lock(&hub->place, hub->name.repository, file->etag, &problem);
        if (fd >= 0)
            return fd;
        if (problem) {
            g_propagate_error(error, problem);
            return -1;
        }
        if (!told && !g_file_test(path, G_FILE_TEST_EXISTS))
            hone_progress_note(hub->caller.progress, HONE_NOTE_INFO, "%s: is being downloaded already; waiting",
                               file->name);
        told = true;
        uint64_t now = hub_cache_traces(hub->folder, file->etag);
        if (now != traces) {
            traces = now;
            moved = g_get_monotonic_time();
        }
        if (g_get_monotonic_time() - moved > patience) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_IO,
                        "another process holds the lock %s/.locks/.../%s.lock and has downloaded nothing for %.0f s; "
                        "end it and run again",
                        hub->place.cache, file->etag, (double)patience / G_USEC_PER_SEC);
            return -1;
        }
        if (!hub_client_sleep(client, 0.05)) {
            hub_explain(client, NULL, error);
            return -1;
        }
    }
}

static bool download_locked(HubClient *client, const HubFile *file, Blob *blob, GError **error)
{
    if (g_file_test(blob->path, G_FILE_TEST_IS_REGULAR)) {
        atomic_fetch_add(&client->hub->done, file->size);
        return true;
    }
    if (!open_aside(blob, error) || !fetch(blob, error))
        return false;
    if (g_str_equal(g_checksum_get_string(blob->sum), file->etag))
        return finish(blob, error);
    blob->differs = true;
    g_set_error(
        error, HONE_ERROR, HONE_ERROR_INVALID,
        "the content that came is not the one that the hub announced (checksum %s instead of %s); run again, and "
        "if that does not help, tell the model's owner",
        g_checksum_get_string(blob->sum), file->etag);
    restart(blob, NULL);
    return false;
}

/* *differs: what came is not what the hub announced. */
static bool download(HubClient *client, const HubFile *file, bool *differs, GError **error)
{
    g_autofree char *aside = g_strconcat(file->etag, ".incomplete", NULL);
    g_auto(Blob) blob = {.client = client, .file = file, .fd = -1};
    blob.path = g_build_filename(client->hub->folder, "blobs", file->etag, NULL);
    blob.aside = g_build_filename(client->hub->folder, "blobs", aside, NULL);
    *differs = false;
    int lock = wait_for_lock(client, file, blob.path, error);
    if (lock < 0)
        return false;
    bool ok = download_locked(client, file, &blob, error);
    *differs = blob.differs;
    close(lock);
    return ok;
}

bool hub_download(HubClient *client, void *item, GError **error)
{
    HubFile *file = item;
    if (file->linked)
        return true;
    g_autoptr(GError) problem = NULL;
    bool differs;
    if (download(client, file, &differs, &problem))
        return true;
    /* What was kept from an earlier run may have been of something else, or the file is another one now. */
    uint64_t size = file->size;
    if (differs) {
        g_autoptr(GError) second = NULL;
        if (look(client, file, &second)) {
            atomic_fetch_add(&client->hub->total, file->size - size);
            if (download(client, file, &differs, &second))
                return true;
        }
        g_clear_error(&problem);
        problem = g_steal_pointer(&second);
    }
    g_propagate_error(error, g_steal_pointer(&problem));
    name_file(client, file, error);
    return false;
}

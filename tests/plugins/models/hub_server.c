/* SPDX-License-Identifier: Apache-2.0
 * hub_server.c: see hub_server.h. One thread accepts, one serves each connection; each connection has one request.
 */
#include "hub_server.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Entry {
    GBytes *content;
    bool large;
    char *etag;
} Entry;

typedef struct Heard {
    bool cdn;
    char *method, *path;
    GHashTable *headers;
    guint64 sent;
} Heard;

struct Server {
    int listeners[2]; /* hub, CDN */
    char *urls[2];
    GThread *accepting[2];
    GTlsCertificate *certificate;
    GMutex lock; /* guards what follows */
    GPtrArray *threads;
    GHashTable *files;
    GPtrArray *heard;
    char *commit;
    Fault fault;
    gpointer fault_data;
    atomic_bool stop;
};

typedef struct Connection {
    Server *server;
    int fd;
    bool cdn;
} Connection;

static void entry_free(gpointer data)
{
    Entry *entry = data;
    g_bytes_unref(entry->content);
    g_free(entry->etag);
    g_free(entry);
}

static void heard_free(gpointer data)
{
    Heard *heard = data;
    g_free(heard->method);
    g_free(heard->path);
    g_hash_table_unref(heard->headers);
    g_free(heard);
}

/* ---- Sending. ---- */

bool server_stopped(const Server *server)
{
    return server->stop;
}

bool request_send(Request *request, const void *data, gsize size)
{
    Server *server = request->server;
    bool ok = g_output_stream_write_all(g_io_stream_get_output_stream(request->io), data, size, NULL, NULL, NULL);
    g_mutex_lock(&server->lock);
    for (guint i = server->heard->len; i-- > 0;) {
        Heard *heard = server->heard->pdata[i];
        if (heard->headers == request->headers)
            heard->sent += size;
    }
    g_mutex_unlock(&server->lock);
    return ok;
}

bool request_print(Request *request, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    return g_output_stream_write_all(g_io_stream_get_output_stream(request->io), text, strlen(text), NULL, NULL, NULL);
}

void request_answer(Request *request, const char *status, const char *headers, const void *body, gsize size)
{
    request_print(request, "HTTP/1.1 %s\r\nContent-Length: %" G_GSIZE_FORMAT "\r\nConnection: close\r\n%s\r\n", status,
                  size, headers);
    if (size > 0 && !g_str_equal(request->method, "HEAD"))
        request_send(request, body, size);
}

void request_stall(Request *request)
{
    GSocket *socket = NULL;
    if (G_IS_SOCKET_CONNECTION(request->io))
        socket = g_socket_connection_get_socket(G_SOCKET_CONNECTION(request->io));
    while (!request->server->stop) {
        struct pollfd wait = {.fd = socket ? g_socket_get_fd(socket) : -1, .events = POLLRDHUP};
        if (poll(&wait, socket ? 1 : 0, 10) > 0)
            return;
    }
}

/* ---- The usual answers. ---- */

/* "%2F" and the like taken back. */
static char *plain(const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "?", 2);
    char *text = g_uri_unescape_string(parts[0], NULL);
    return text ? text : g_strdup(parts[0]);
}

/* The file that a path is about, with the lock held. */
static Entry *find_entry(Server *server, const char *path, const char **name)
{
    g_autofree char *text = plain(path);
    GHashTableIter iter;
    gpointer key, value;
    const char *resolve = strstr(text, "/resolve/");
    const char *after = resolve ? strchr(resolve + strlen("/resolve/"), '/') : NULL;
    g_hash_table_iter_init(&iter, server->files);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const Entry *entry = value;
        g_autofree char *cdn = g_strconcat("/cdn/", entry->etag, NULL);
        if ((after && g_str_equal(after + 1, key)) || g_str_equal(text, cdn)) {
            if (name)
                *name = key;
            return value;
        }
    }
    return NULL;
}

const guint8 *request_content(Request *request, gsize *size)
{
    g_mutex_lock(&request->server->lock);
    Entry *entry = find_entry(request->server, request->path, NULL);
    const guint8 *data = entry ? g_bytes_get_data(entry->content, size) : NULL;
    g_mutex_unlock(&request->server->lock);
    return data;
}

static void answer_list(Request *request)
{
    Server *server = request->server;
    g_autoptr(GString) text = g_string_new("{\"id\": \"" REPOSITORY "\", \"private\": false, \"siblings\": [");
    g_mutex_lock(&server->lock);
    bool known = g_str_has_suffix(request->path, "/main") || g_str_has_suffix(request->path, server->commit) ||
                 g_str_has_suffix(request->path, COMMIT);
    const char *commit = g_str_has_suffix(request->path, COMMIT) ? COMMIT : server->commit;
    g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(server->files), (GCompareFunc)strcmp);
    for (GList *l = names; l; l = l->next) {
        g_autofree char *escaped = g_strescape(l->data, NULL);
        g_string_append_printf(text, "%s{\"rfilename\": \"%s\"}", l == names ? "" : ", ", escaped);
    }
    g_string_append_printf(text, "], \"sha\": \"%s\"}", commit);
    g_mutex_unlock(&server->lock);
    if (known)
        request_answer(request, "200 OK", "Content-Type: application/json\r\n", text->str, text->len);
    else
        request_answer(request, "404 Not Found",
                       "X-Error-Code: RevisionNotFound\r\nX-Error-Message: Invalid rev id\r\n", "", 0);
}

static void answer_file(Request *request)
{
    Server *server = request->server;
    g_mutex_lock(&server->lock);
    Entry *entry = find_entry(server, request->path, NULL);
    g_autoptr(GBytes) content = entry ? g_bytes_ref(entry->content) : NULL;
    g_autofree char *etag = entry ? g_strdup(entry->etag) : NULL;
    bool large = entry && entry->large;
    g_mutex_unlock(&server->lock);
    if (!content) {
        request_answer(request, "404 Not Found", "X-Error-Code: EntryNotFound\r\n", "no such file", 12);
        return;
    }
    gsize size;
    const guint8 *data = g_bytes_get_data(content, &size);
    g_autofree char *own = g_strdup_printf("X-Repo-Commit: %s\r\nAccept-Ranges: bytes\r\n",
                                           strstr(request->path, COMMIT) ? COMMIT : COMMIT2);
    if (large && !request->cdn) {
        g_autofree char *headers =
            g_strdup_printf("%sX-Linked-Etag: \"%s\"\r\nX-Linked-Size: %" G_GSIZE_FORMAT "\r\nLocation: %s/cdn/%s\r\n",
                            own, etag, size, server->urls[1], etag);
        request_answer(request, "302 Found", headers, "Found", 5);
        return;
    }
    /* A CDN's tag is its own. */
    g_autofree char *headers = g_strdup_printf("%sETag: \"%s%.40s\"\r\n", own, request->cdn ? "cdn-" : "", etag);
    if (request->cdn)
        headers[0] = 'x'; /* and it knows no commit */
    if (request->from > 0 && request->from < (gint64)size) {
        const char *condition = g_hash_table_lookup(request->headers, "if-range");
        g_autofree char *tag = g_strdup_printf("\"%s%.40s\"", request->cdn ? "cdn-" : "", etag);
        if (!condition || g_str_equal(condition, tag)) {
            g_autofree char *more = g_strdup_printf("%sContent-Range: bytes %" G_GINT64_FORMAT "-%" G_GSIZE_FORMAT
                                                    "/%" G_GSIZE_FORMAT "\r\n",
                                                    headers, request->from, size - 1, size);
            request_answer(request, "206 Partial Content", more, data + request->from, size - (gsize)request->from);
            return;
        }
    } else if (request->from > 0) {
        request_answer(request, "416 Range Not Satisfiable", headers, "", 0);
        return;
    }
    request_answer(request, "200 OK", headers, data, size);
}

static void answer(Request *request)
{
    if (request->server->fault && request->server->fault(request, request->server->fault_data))
        return;
    if (g_str_has_prefix(request->path, "/api/models/" REPOSITORY "/revision/"))
        answer_list(request);
    else if (g_str_has_prefix(request->path, "/" REPOSITORY "/resolve/") || g_str_has_prefix(request->path, "/cdn/"))
        answer_file(request);
    else
        request_answer(request, "401 Unauthorized",
                       "X-Error-Code: RepoNotFound\r\nX-Error-Message: Repository not found\r\n", "", 0);
}

/* ---- Listening. ---- */

static bool read_request(Request *request, char **first)
{
    g_autoptr(GDataInputStream) in = g_data_input_stream_new(g_io_stream_get_input_stream(request->io));
    g_filter_input_stream_set_close_base_stream(G_FILTER_INPUT_STREAM(in), FALSE);
    g_data_input_stream_set_newline_type(in, G_DATA_STREAM_NEWLINE_TYPE_CR_LF);
    *first = g_data_input_stream_read_line(in, NULL, NULL, NULL);
    if (!*first)
        return false;
    for (;;) {
        g_autofree char *line = g_data_input_stream_read_line(in, NULL, NULL, NULL);
        if (!line)
            return false;
        if (!*line)
            return true;
        char *colon = strchr(line, ':');
        if (!colon)
            return false;
        *colon = '\0';
        g_hash_table_replace(request->headers, g_ascii_strdown(line, -1), g_strdup(g_strstrip(colon + 1)));
    }
}

static void note_request(Request *request)
{
    Server *server = request->server;
    Heard *heard = g_new0(Heard, 1);
    *heard = (Heard){.cdn = request->cdn,
                     .method = g_strdup(request->method),
                     .path = g_strdup(request->path),
                     .headers = g_hash_table_ref(request->headers)};
    g_mutex_lock(&server->lock);
    for (guint i = 0; i < server->heard->len; i++) {
        const Heard *other = server->heard->pdata[i];
        request->nth += g_str_equal(other->method, request->method) && g_str_equal(other->path, request->path);
    }
    g_ptr_array_add(server->heard, heard);
    g_mutex_unlock(&server->lock);
    const char *range = g_hash_table_lookup(request->headers, "range");
    if (range && g_str_has_prefix(range, "bytes="))
        request->from = g_ascii_strtoll(range + 6, NULL, 10);
}

static gpointer serve(gpointer data)
{
    g_autofree Connection *connection = data;
    Server *server = connection->server;
    g_autoptr(GSocket) socket = g_socket_new_from_fd(connection->fd, NULL);
    g_socket_set_timeout(socket, 20);
    g_autoptr(GSocketConnection) plain_io = g_socket_connection_factory_create_connection(socket);
    g_autoptr(GIOStream) secure =
        server->certificate ? g_tls_server_connection_new(G_IO_STREAM(plain_io), server->certificate, NULL) : NULL;
    Request request = {.server = server, .cdn = connection->cdn, .io = secure ? secure : G_IO_STREAM(plain_io)};
    request.headers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *first = NULL;
    if (read_request(&request, &first)) {
        g_auto(GStrv) words = g_strsplit(first, " ", 0);
        if (g_strv_length(words) == 3) {
            request.method = words[0];
            request.path = words[1];
            note_request(&request);
            answer(&request);
        }
    }
    g_hash_table_unref(request.headers);
    g_io_stream_close(request.io, NULL, NULL);
    return NULL;
}

typedef struct Accepting {
    Server *server;
    int which;
} Accepting;

static gpointer accept_all(gpointer data)
{
    g_autofree Accepting *accepting = data;
    Server *server = accepting->server;
    while (!server->stop) {
        struct pollfd wait = {.fd = server->listeners[accepting->which], .events = POLLIN};
        if (poll(&wait, 1, 20) <= 0)
            continue;
        int fd = accept4(wait.fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        Connection *connection = g_new0(Connection, 1);
        *connection = (Connection){server, fd, accepting->which == 1};
        g_mutex_lock(&server->lock);
        g_ptr_array_add(server->threads, g_thread_new("serve", serve, connection));
        g_mutex_unlock(&server->lock);
    }
    return NULL;
}

Server *server_new(const char *certificate)
{
    Server *server = g_new0(Server, 1);
    g_autoptr(GError) error = NULL;
    if (certificate)
        server->certificate = g_tls_certificate_new_from_file(certificate, &error);
    g_assert_no_error(error);
    g_mutex_init(&server->lock);
    server->threads = g_ptr_array_new();
    server->heard = g_ptr_array_new_with_free_func(heard_free);
    server->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
    server->commit = g_strdup(COMMIT);
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof address;
        server->listeners[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        g_assert_cmpint(bind(server->listeners[i], (struct sockaddr *)(void *)&address, size), ==, 0);
        g_assert_cmpint(listen(server->listeners[i], 64), ==, 0);
        g_assert_cmpint(getsockname(server->listeners[i], (struct sockaddr *)(void *)&address, &size), ==, 0);
        server->urls[i] = g_strdup_printf("%s://127.0.0.1:%u", certificate ? "https" : "http", ntohs(address.sin_port));
        Accepting *accepting = g_new0(Accepting, 1);
        *accepting = (Accepting){server, i};
        server->accepting[i] = g_thread_new("accept", accept_all, accepting);
    }
    return server;
}

void server_free(Server *server)
{
    if (!server)
        return;
    server->stop = true;
    for (int i = 0; i < 2; i++) {
        g_thread_join(server->accepting[i]);
        close(server->listeners[i]);
        g_free(server->urls[i]);
    }
    for (guint i = 0; i < server->threads->len; i++)
        g_thread_join(server->threads->pdata[i]);
    g_ptr_array_unref(server->threads);
    g_ptr_array_unref(server->heard);
    g_hash_table_unref(server->files);
    g_clear_object(&server->certificate);
    g_mutex_clear(&server->lock);
    g_free(server->commit);
    g_free(server);
}

/* ---- What it serves, and what it heard. ---- */

const char *server_url(const Server *server)
{
    return server->urls[0];
}

const char *server_cdn_url(const Server *server)
{
    return server->urls[1];
}

void server_fault(Server *server, Fault fault, gpointer data)
{
    server->fault = fault;
    server->fault_data = data;
}

void server_file(Server *server, const char *name, const void *data, size_t size, bool large)
{
    Entry *entry = g_new0(Entry, 1);
    entry->content = g_bytes_new(data, size);
    entry->large = large;
    if (large) {
        entry->etag = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, entry->content);
    } else {
        g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
        g_autofree char *header = g_strdup_printf("blob %" G_GSIZE_FORMAT, size);
        g_checksum_update(sum, (const guchar *)header, (gssize)strlen(header) + 1);
        g_checksum_update(sum, data, (gssize)size);
        entry->etag = g_strdup(g_checksum_get_string(sum));
    }
    g_mutex_lock(&server->lock);
    g_hash_table_replace(server->files, g_strdup(name), entry);
    g_mutex_unlock(&server->lock);
}

void server_remove(Server *server, const char *name)
{
    g_mutex_lock(&server->lock);
    g_assert_true(g_hash_table_remove(server->files, name));
    g_mutex_unlock(&server->lock);
}

void server_set_commit(Server *server, const char *commit)
{
    g_mutex_lock(&server->lock);
    g_free(server->commit);
    server->commit = g_strdup(commit);
    g_mutex_unlock(&server->lock);
}

const char *server_etag(Server *server, const char *name)
{
    const Entry *entry = g_hash_table_lookup(server->files, name);
    g_assert_nonnull(entry);
    return entry->etag;
}

unsigned server_count(Server *server, const char *method, const char *part)
{
    unsigned n = 0;
    g_mutex_lock(&server->lock);
    for (guint i = 0; i < server->heard->len; i++) {
        const Heard *heard = server->heard->pdata[i];
        n += g_str_equal(heard->method, method) && strstr(heard->path, part);
    }
    g_mutex_unlock(&server->lock);
    return n;
}

guint64 server_sent(Server *server, const char *part)
{
    guint64 n = 0;
    g_mutex_lock(&server->lock);
    for (guint i = 0; i < server->heard->len; i++) {
        const Heard *heard = server->heard->pdata[i];
        n += strstr(heard->path, part) ? heard->sent : 0;
    }
    g_mutex_unlock(&server->lock);
    return n;
}

char *server_heard(Server *server, bool cdn, const char *part, const char *header)
{
    g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);
    g_mutex_lock(&server->lock);
    for (guint i = 0; i < server->heard->len; i++) {
        const Heard *heard = server->heard->pdata[i];
        const char *value = g_hash_table_lookup(heard->headers, header);
        if (heard->cdn == cdn && value && strstr(heard->path, part))
            g_ptr_array_add(values, g_strdup(value));
    }
    g_mutex_unlock(&server->lock);
    g_ptr_array_add(values, NULL);
    return g_strjoinv("|", (char **)values->pdata);
}

/* SPDX-License-Identifier: Apache-2.0
 * Models from a hub that stalls, breaks off, lies, limits and leads astray: every case ends soon, either with the whole
 * model or with an error that says what to do, and never with something half under a finished name.
 */
#include "hub_server.h"
#include <glib/gstdio.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>

#define FIRST_SHARD "model-00001-of-00003.safetensors" /* 700000 bytes, redirected to the CDN */
#define INDEX "model.safetensors.index.json"           /* sent by the hub itself */

typedef enum {
    STALL,        /* at once */
    STALL_HALF,   /* headers and half of the body, then silence */
    BREAK,        /* no answer at all */
    BREAK_HALF,   /* the whole length is announced, half is sent */
    SLOW,         /* a byte now and then, for ever */
    SLOW_HEADERS, /* a header now and then, for ever */
    WRONG_BYTES,  /* right size, wrong content */
    NO_RANGE,     /* breaks off first; then all of it, whatever was asked for */
    WRONG_RANGE,  /* breaks off first; then another part than the one asked for */
    CHUNKED,      /* no length, too much */
    STATUS,       /* `text` is the status line and headers */
    LOOP,         /* redirects to itself */
    ANSWER,       /* 200 with `text` as body */
} Kind;

typedef struct Case {
    const char *name;
    Kind kind;
    const char *method, *part; /* of requests that go wrong */
    unsigned times;            /* how often each path does */
    const char *text;
    const char *error; /* what the message holds; NULL: the download succeeds all the same */
} Case;

#define EVER 1000000
#define HEAD_OF "HEAD", "/resolve/"
#define API "GET", "/api/"
#define CDN "GET", "/cdn/"
#define RESOLVE "GET", "/resolve/"

static const Case cases[] = {
    {"stall/api-once", STALL, API, 1, NULL, NULL},
    {"stall/api", STALL, API, EVER, NULL, "hardly any data came for 0.25 s"},
    {"stall/head-once", STALL, HEAD_OF, 1, NULL, NULL},
    {"stall/head", STALL, HEAD_OF, EVER, NULL, "hardly any data came for 0.25 s"},
    {"stall/cdn-once", STALL, CDN, 1, NULL, NULL},
    {"stall/cdn-half-once", STALL_HALF, CDN, 1, NULL, NULL},
    {"stall/cdn-half", STALL_HALF, CDN, EVER, NULL, "hardly any data came"},
    {"stall/api-half-once", STALL_HALF, API, 1, NULL, NULL},
    {"break/api-once", BREAK, API, 1, NULL, NULL},
    {"break/api", BREAK, API, EVER, NULL, "Connection terminated"},
    {"break/head-once", BREAK, HEAD_OF, 1, NULL, NULL},
    {"break/cdn-twice", BREAK, CDN, 2, NULL, NULL},
    {"break/cdn", BREAK, CDN, EVER, NULL, "Connection terminated"},
    {"break/cdn-half-twice", BREAK_HALF, CDN, 2, NULL, NULL},
    {"break/resolve-half-once", BREAK_HALF, RESOLVE, 1, NULL, NULL},
    {"slow/cdn", SLOW, CDN, EVER, NULL, "hardly any data came"},
    {"slow/cdn-once", SLOW, CDN, 1, NULL, NULL},
    {"slow/headers", SLOW_HEADERS, API, EVER, NULL, "hardly any data came"},
    {"slow/head-headers-once", SLOW_HEADERS, HEAD_OF, 1, NULL, NULL},
    {"wrong/bytes", WRONG_BYTES, CDN, EVER, NULL, "not the one that the hub announced"},
    {"wrong/bytes-once", WRONG_BYTES, CDN, 1, NULL, NULL},
    {"wrong/small-bytes", WRONG_BYTES, RESOLVE, EVER, NULL, "not the one that the hub announced"},
    {"wrong/too-much", CHUNKED, CDN, EVER, NULL, "the hub announced"},
    {"wrong/too-much-once", CHUNKED, CDN, 1, NULL, NULL},
    {"range/ignored", NO_RANGE, CDN, EVER, NULL, NULL},
    {"range/other", WRONG_RANGE, CDN, EVER, NULL, NULL},
    {"status/500-twice", STATUS, API, 2, "500 Internal Server Error", NULL},
    {"status/503-head-twice", STATUS, HEAD_OF, 2, "503 Service Unavailable", NULL},
    {"status/502-cdn-twice", STATUS, CDN, 2, "502 Bad Gateway", NULL},
    {"status/429-twice", STATUS, API, 2, "429 Too Many Requests\r\nRetry-After: 0", NULL},
    {"status/429-date", STATUS, CDN, 1, "429 Too Many Requests\r\nRetry-After: Thu, 01 Jan 2015 00:00:00 GMT", NULL},
    {"status/429-soon", STATUS, CDN, 1, "429 Too Many Requests\r\nRetry-After: 0.3", NULL},
    {"status/429-tomorrow", STATUS, API, EVER, "429 Too Many Requests\r\nRetry-After: 86400",
     "answers 429 (too many requests); it asks to wait for 86400 s"},
    {"status/503", STATUS, API, EVER, "503 Service Unavailable", "answers 503 (Service Unavailable); try again later"},
    {"status/401", STATUS, API, EVER, "401 Unauthorized\r\nX-Error-Message: Invalid username or password.",
     "401 (not authorized): \"Invalid username or password.\"; check the name acme/tiny, or, for a model that is not "
     "public, set HF_TOKEN"},
    {"status/403", STATUS, HEAD_OF, EVER, "403 Forbidden\r\nX-Error-Code: GatedRepo", "accept the model's licence at"},
    {"status/404", STATUS, API, EVER, "404 Not Found\r\nX-Error-Code: RevisionNotFound",
     "there is no revision \"main\""},
    {"status/404-file", STATUS, HEAD_OF, EVER, "404 Not Found", "404 (not found)"},
    {"status/418", STATUS, API, EVER, "418 I'm a teapot", "answers 418"},
    {"status/206-unasked", STATUS, CDN, EVER, "206 Partial Content", "answers 206"},
    {"redirect/loop-api", LOOP, API, EVER, NULL, "redirected 8 times without an end"},
    {"redirect/loop-head", LOOP, HEAD_OF, EVER, NULL, "redirected 8 times"},
    {"redirect/loop-cdn", LOOP, CDN, EVER, NULL, "redirected 8 times"},
    {"redirect/nowhere", STATUS, API, EVER, "302 Found", "sends nowhere that can be followed"},
    {"redirect/file", STATUS, CDN, EVER, "302 Found\r\nLocation: file:///etc/passwd", "sends nowhere"},
    {"redirect/user", STATUS, CDN, EVER, "302 Found\r\nLocation: http://a:b@127.0.0.1/", "sends nowhere"},
    {"redirect/broken", STATUS, CDN, EVER, "302 Found\r\nLocation: http://[", "sends nowhere"},
    {"head/no-etag", STATUS, HEAD_OF, EVER, "200 OK\r\nContent-Length: 5", "gives no checksum"},
    {"head/odd-etag", STATUS, HEAD_OF, EVER, "200 OK\r\nContent-Length: 5\r\nETag: \"../../../etc/passwd\"",
     "gives no checksum"},
    {"head/no-size", STATUS, HEAD_OF, EVER,
     "302 Found\r\nLocation: http://127.0.0.1:1/\r\nX-Linked-Etag: \"0123456789abcdef0123456789abcdef01234567\"",
     "does not say how large"},
    {"head/negative-size", STATUS, HEAD_OF, EVER,
     "200 OK\r\nX-Linked-Size: -1\r\nETag: \"0123456789abcdef0123456789abcdef01234567\"", "does not say how large"},
    {"head/endless-size", STATUS, HEAD_OF, EVER,
     "200 OK\r\nX-Linked-Size: 9000000000000000000\r\nETag: \"0123456789abcdef0123456789abcdef01234567\"",
     "are to be downloaded and"},
    {"head/smaller", STATUS, HEAD_OF, EVER,
     "200 OK\r\nX-Linked-Size: 1\r\nETag: \"0123456789abcdef0123456789abcdef01234567\"", "and the hub announced 1"},
    {"head/larger", STATUS, HEAD_OF, EVER,
     "200 OK\r\nX-Linked-Size: 1000000\r\nETag: \"0123456789abcdef0123456789abcdef01234567\"",
     "and the hub announced 1000000"},
    {"head/other-commit", STATUS, HEAD_OF, EVER, "200 OK\r\nContent-Length: 5\r\nX-Repo-Commit: " COMMIT2,
     "for another commit"},
    {"api/html", ANSWER, API, EVER, "<!DOCTYPE html><html>Log in</html>", "is not the JSON object"},
    {"api/empty", ANSWER, API, EVER, "", "is not the JSON object"},
    {"api/array", ANSWER, API, EVER, "[1]", "is not the JSON object"},
    {"api/no-sha", ANSWER, API, EVER, "{\"siblings\": []}", "does not say which commit"},
    {"api/bad-sha", ANSWER, API, EVER, "{\"sha\": \"../../../../tmp/evil\", \"siblings\": []}",
     "does not say which commit"},
    {"api/no-list", ANSWER, API, EVER, "{\"sha\": \"" COMMIT "\"}", "has no list of files"},
    {"api/nothing", ANSWER, API, EVER, "{\"sha\": \"" COMMIT "\", \"siblings\": []}", "holds no weights"},
    {"api/parent", ANSWER, API, EVER,
     "{\"sha\": \"" COMMIT "\", \"siblings\": [{\"rfilename\": \"../../../config.json\"}]}",
     "outside the model's folder"},
    {"api/absolute", ANSWER, API, EVER, "{\"sha\": \"" COMMIT "\", \"siblings\": [{\"rfilename\": \"/etc/passwd\"}]}",
     "outside the model's folder"},
    {"api/nul", ANSWER, API, EVER, "{\"sha\": \"" COMMIT "\", \"siblings\": [{\"rfilename\": \"a\\u0000b\"}]}",
     "is not the JSON object"},
    {"api/no-name", ANSWER, API, EVER, "{\"sha\": \"" COMMIT "\", \"siblings\": [{}, 7, null]}",
     "outside the model's folder"},
};

static void answer_half(Request *request)
{
    gsize size;
    const guint8 *data = request_content(request, &size);
    if (!data) /* the list: any start of an object will do */
        request_print(request, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"sha\": ");
    else if (request->from > 0)
        request_print(request,
                      "HTTP/1.1 206 Partial Content\r\nContent-Length: %" G_GSIZE_FORMAT
                      "\r\nContent-Range: bytes %" G_GINT64_FORMAT "-%" G_GSIZE_FORMAT "/%" G_GSIZE_FORMAT "\r\n\r\n",
                      size - (gsize)request->from, request->from, size - 1, size);
    else
        request_print(request, "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n", size);
    if (data)
        request_send(request, data + request->from, (size - (gsize)request->from) / 2);
}

static void answer_wrong(Request *request)
{
    gsize size;
    const guint8 *data = request_content(request, &size);
    g_autofree guint8 *other = g_memdup2(data, size);
    for (gsize i = 0; i < size; i++)
        other[i] ^= i == size / 2;
    request_answer(request, "200 OK", "", other, size);
}

static void answer_other_range(Request *request)
{
    gsize size;
    const guint8 *data = request_content(request, &size);
    g_autofree char *range =
        g_strdup_printf("Content-Range: bytes %" G_GINT64_FORMAT "-%" G_GSIZE_FORMAT "/%" G_GSIZE_FORMAT "\r\n",
                        request->from - 1, size - 1, size);
    request_answer(request, "206 Partial Content", range, data + request->from - 1, size - (gsize)request->from + 1);
}

static void answer_slowly(Request *request, bool headers)
{
    request_print(request,
                  headers ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: 700000\r\n\r\n");
    for (unsigned i = 0; !server_stopped(request->server); i++) {
        if (!(headers ? request_print(request, "X-%u: y\r\n", i) : request_send(request, "x", 1)))
            return;
        g_usleep(5000);
    }
}

static bool misbehave(Request *request, gpointer data)
{
    const Case *c = data;
    if (!g_str_equal(request->method, c->method) || !strstr(request->path, c->part) || request->nth >= c->times)
        return false;
    gsize size = 0;
    const guint8 *content;
    switch (c->kind) {
    case STALL:
        request_stall(request);
        return true;
    case STALL_HALF:
        answer_half(request);
        request_stall(request);
        return true;
    case BREAK:
        return true;
    case BREAK_HALF:
        if (g_str_equal(c->part, "/resolve/") && !strstr(request->path, INDEX))
            return false; /* the others are redirected, or hold nothing to halve */
        answer_half(request);
        return true;
    case SLOW:
        request_content(request, &size);
        if (size != 700000)
            return false;
        answer_slowly(request, false);
        return true;
    case SLOW_HEADERS:
        answer_slowly(request, true);
        return true;
    case WRONG_BYTES:
        if (g_str_equal(c->part, "/resolve/") && !strstr(request->path, INDEX))
            return false;
        answer_wrong(request);
        return true;
    case NO_RANGE:
    case WRONG_RANGE:
        content = request_content(request, &size);
        if (size < 1000)
            return false;
        if (request->nth == 0)
            answer_half(request);
        else if (c->kind == NO_RANGE || request->from == 0)
            request_answer(request, "200 OK", "", content, size);
        else
            answer_other_range(request);
        return true;
    case CHUNKED:
        content = request_content(request, &size);
        request_print(request, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%" G_GSIZE_MODIFIER "x\r\n", size);
        request_send(request, content, size);
        request_print(request, "\r\n5\r\nextra\r\n0\r\n\r\n");
        return true;
    case STATUS:
        request_print(request, "HTTP/1.1 %s\r\nConnection: close\r\n%s\r\n", c->text,
                      strstr(c->text, "Content-Length") || strstr(c->text, "200 OK") ? "" : "Content-Length: 0\r\n");
        return true;
    case LOOP:
        request_print(request, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n", request->path);
        return true;
    case ANSWER:
        request_answer(request, "200 OK", "Content-Type: text/html\r\n", c->text, strlen(c->text));
        return true;
    }
    return false;
}

static void test_case(World *world, gconstpointer data)
{
    const Case *c = data;
    world_usual_files(world);
    server_fault(world->server, misbehave, (gpointer)c);
    if (c->error) {
        world_refuse(world, REPOSITORY, c->error);
        server_fault(world->server, NULL, NULL);
    }
    /* Whatever it left behind, a run against a hub that behaves ends well. */
    g_auto(HubModel) model = {0};
    g_autoptr(GError) error = NULL;
    bool ok = world_fetch(world, REPOSITORY, &model, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
    world_check_files(world, COMMIT, USUAL);
}

/* ---- What needs more than a table. ---- */

/* What has come is not asked for again: half, then half of the rest, then the rest. */
static void test_resumes(World *world, gconstpointer data)
{
    static const Case c = {"", BREAK_HALF, CDN, 2, NULL, NULL};
    world_usual_files(world);
    server_fault(world->server, misbehave, (gpointer)&c);
    g_auto(HubModel) model = {0};
    g_autoptr(GError) error = NULL;
    g_assert_true(world_fetch(world, REPOSITORY, &model, &error));
    g_assert_no_error(error);
    g_autofree char *path = g_strconcat("/cdn/", server_etag(world->server, FIRST_SHARD), NULL);
    g_assert_cmpuint(server_sent(world->server, path), ==, 700000);
    g_autofree char *ranges = server_heard(world->server, true, "", "range");
    assert_holds(ranges, "bytes=350000-");
    assert_holds(ranges, "bytes=525000-");
    g_autofree char *conditions = server_heard(world->server, true, "", "if-range");
    assert_holds(conditions, "\"a\""); /* the tag of the answer that the first half came from */
}

static void begin_blob(World *world, const char *name, const char *content, gsize size)
{
    g_autofree char *blobs = g_build_filename(world->cache, "models--acme--tiny", "blobs", NULL);
    g_autofree char *path = g_strdup_printf("%s/%s.incomplete", blobs, server_etag(world->server, name));
    g_assert_cmpint(g_mkdir_with_parents(blobs, 0777), ==, 0);
    g_assert_true(g_file_set_contents(path, content, (gssize)size, NULL));
}

/* What an earlier run, or another tool, left may be anything. */
static void test_left_behind(World *world, gconstpointer data)
{
    world_usual_files(world);
    g_autofree char *zeros = g_malloc0(800000);
    static const gsize sizes[] = {0, 1, 699999, 700000, 700001, 800000};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_auto(HubModel) model = {0};
        g_autoptr(GError) error = NULL;
        begin_blob(world, FIRST_SHARD, zeros, sizes[i]);
        begin_blob(world, "tokenizer_config.json", zeros, 3);
        bool ok = world_fetch(world, REPOSITORY, &model, &error);
        g_assert_no_error(error);
        g_assert_true(ok);
        world_check_files(world, COMMIT, USUAL);
        g_autofree char *folder = g_build_filename(world->cache, "models--acme--tiny", NULL);
        remove_tree(folder);
    }
    /* A whole one is taken without a request for its content. */
    gsize size;
    Request ask = {.server = world->server, .path = "/acme/tiny/resolve/x/" FIRST_SHARD};
    const guint8 *content = request_content(&ask, &size);
    begin_blob(world, FIRST_SHARD, (const char *)content, size);
    g_autofree char *path = g_strconcat("/cdn/", server_etag(world->server, FIRST_SHARD), NULL);
    guint64 before = server_sent(world->server, path);
    g_auto(HubModel) model = {0};
    g_assert_true(world_fetch(world, REPOSITORY, &model, NULL));
    g_assert_cmpuint(server_sent(world->server, path), ==, before);
}

typedef struct Change {
    World *world;
    const char *content;
    atomic_int done;
} Change;

/* Sends half of the index, then has another one. */
static bool change_in_between(Request *request, gpointer data)
{
    Change *change = data;
    if (!g_str_equal(request->method, "GET") || !g_str_has_suffix(request->path, "/README.md") || change->done)
        return false;
    answer_half(request);
    server_file(change->world->server, "README.md", change->content, strlen(change->content), false);
    change->done = 1;
    return true;
}

static void test_changes(World *world, gconstpointer data)
{
    static const char *const contents[] = {"---\nlicense: mit-and-more\n---", "---\nlicense: mit\n---\n",
                                           "---\nlicense: mit\n---\nand much more of it than there was before\n"};
    for (size_t i = 0; i < G_N_ELEMENTS(contents); i++) {
        Change change = {.world = world, .content = contents[i]};
        g_auto(HubModel) model = {0};
        g_autoptr(GError) error = NULL;
        world_usual_files(world);
        server_fault(world->server, change_in_between, &change);
        bool ok = world_fetch(world, REPOSITORY, &model, &error);
        g_assert_no_error(error);
        g_assert_true(ok);
        g_assert_cmpint(change.done, ==, 1);
        world_check_files(world, COMMIT, USUAL);
        g_autofree char *folder = g_build_filename(world->cache, "models--acme--tiny", NULL);
        remove_tree(folder);
    }
}

/* An answer without an end must not fill the memory. */
static bool answer_endlessly(Request *request, gpointer data)
{
    if (!strstr(request->path, "/api/"))
        return false;
    g_autofree char *block = g_strnfill(1 << 20, ' ');
    request_print(request, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{");
    while (!server_stopped(request->server) && request_send(request, block, 1 << 20))
        continue;
    return true;
}

static void test_endless_list(World *world, gconstpointer data)
{
    world->options.timeout = 5;
    server_fault(world->server, answer_endlessly, NULL);
    world_refuse(world, REPOSITORY, "longer than 33554432 bytes");
    g_assert_cmpuint(server_sent(world->server, "/api/"), <, 64 << 20);
}

static bool list_too_many(Request *request, gpointer data)
{
    if (!strstr(request->path, "/api/"))
        return false;
    g_autoptr(GString) text = g_string_new("{\"sha\": \"" COMMIT "\", \"siblings\": [{\"rfilename\": \"a\"}");
    for (int i = 0; i < 100000; i++)
        g_string_append(text, ",{\"rfilename\":\"a\"}");
    g_string_append(text, "]}");
    request_answer(request, "200 OK", "", text->str, text->len);
    return true;
}

static void test_many_files(World *world, gconstpointer data)
{
    world->options.timeout = 5;
    server_fault(world->server, list_too_many, NULL);
    world_refuse(world, REPOSITORY, "lists more files than a model has");
}

/* The disk is full in the middle: the limit on a file's size stands for it. */
static void test_disk_full(World *world, gconstpointer data)
{
    struct rlimit before, tight;
    world_usual_files(world);
    signal(SIGXFSZ, SIG_IGN);
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &before), ==, 0);
    tight = before;
    tight.rlim_cur = 300000;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &tight), ==, 0);
    world_refuse(world, REPOSITORY, "free some space, or point HF_HOME elsewhere");
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &before), ==, 0);
    g_auto(HubModel) model = {0};
    g_autoptr(GError) error = NULL;
    g_assert_true(world_fetch(world, REPOSITORY, &model, &error));
    g_assert_no_error(error);
    world_check_files(world, COMMIT, USUAL);
    /* What was written before is kept. */
    g_autofree char *ranges = server_heard(world->server, true, "", "range");
    assert_holds(ranges, "bytes=300000-");
}

static void test_no_folder(World *world, gconstpointer data)
{
    g_autofree char *file = g_build_filename(world->folder, "file", NULL);
    g_autofree char *below = g_build_filename(file, "hub", NULL);
    g_assert_true(g_file_set_contents(file, "", 0, NULL));
    g_setenv("HF_HUB_CACHE", below, TRUE);
    g_auto(HubModel) model = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(hub_fetch(REPOSITORY, NULL, &world->options, NULL, &model, &error));
    assert_holds(error->message, "cannot make this folder");
    g_unsetenv("HF_HUB_CACHE");
}

/* A user who stops it does not wait for the network. */
static bool is_cancelled(void *data)
{
    return g_get_monotonic_time() > *(gint64 *)data;
}

static void test_cancel(World *world, gconstpointer data)
{
    static const Case c = {"", STALL_HALF, CDN, EVER, NULL, NULL};
    world_usual_files(world);
    world->options.timeout = 60;
    server_fault(world->server, misbehave, (gpointer)&c);
    gint64 moment = g_get_monotonic_time() + G_USEC_PER_SEC / 4;
    const HubCaller caller = {.cancelled = is_cancelled, .data = &moment};
    g_auto(HubModel) model = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(hub_fetch(REPOSITORY, NULL, &world->options, &caller, &model, &error));
    g_assert_error(error, HONE_ERROR, HONE_ERROR_CANCELLED);
    g_assert_cmpint(g_get_monotonic_time() - moment, <, 30 * G_USEC_PER_SEC); /* half of the timeout */
    world_check_sound(world);
}

/* Encrypted: nobody unknown is believed, and no redirection leads out of it. */
static bool send_to_plain(Request *request, gpointer data)
{
    if (!request->cdn)
        return false;
    request_print(request, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://127.0.0.1:1/\r\n\r\n");
    return true;
}

static void test_tls(World *world, gconstpointer data)
{
    g_autofree char *pem =
        g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "plugins", "models", "data", "hub-loopback.pem", NULL);
    server_free(world->server);
    world->server = server_new(pem);
    g_setenv("HF_ENDPOINT", server_url(world->server), TRUE);
    world->options.timeout = 5;
    world_usual_files(world);
    world_refuse(world, REPOSITORY, "no secure connection");
    g_assert_cmpuint(server_count(world->server, "GET", ""), ==, 0);
    g_setenv("SSL_CERT_FILE", pem, TRUE);
    server_fault(world->server, send_to_plain, NULL);
    world_refuse(world, REPOSITORY, "without encryption; that is not followed");
    server_fault(world->server, NULL, NULL);
    g_auto(HubModel) model = {0};
    g_autoptr(GError) error = NULL;
    g_assert_true(world_fetch(world, REPOSITORY, &model, &error));
    g_assert_no_error(error);
    world_check_files(world, COMMIT, USUAL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/hub-faults/", cases[i].name, NULL);
        g_test_add(path, World, &cases[i], world_set_up, test_case, world_tear_down);
    }
    ADD("/hub-faults/resumes", test_resumes);
    ADD("/hub-faults/left-behind", test_left_behind);
    ADD("/hub-faults/changes", test_changes);
    ADD("/hub-faults/endless-list", test_endless_list);
    ADD("/hub-faults/many-files", test_many_files);
    ADD("/hub-faults/disk-full", test_disk_full);
    ADD("/hub-faults/no-folder", test_no_folder);
    ADD("/hub-faults/cancel", test_cancel);
    ADD("/hub-faults/tls", test_tls);
    return g_test_run();
}

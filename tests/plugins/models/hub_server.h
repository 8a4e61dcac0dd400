/* SPDX-License-Identifier: Apache-2.0
 * hub_server.h: a small hub on loopback, with a second port in the part of the CDN that large files are redirected to;
 * and what a test needs around it: a cache folder of its own, and the check that nothing half is in it.
 *
 * It writes its answers to the socket itself, so that a test can make it do what no HTTP library would.
 */
#ifndef HONE_TEST_HUB_SERVER_H
#define HONE_TEST_HUB_SERVER_H

#include "../../../plugins/models/hub/hub.h"
#include <gio/gio.h>

#define REPOSITORY "acme/tiny"
#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define COMMIT2 "89abcdef0123456789abcdef0123456789abcdef"

typedef struct Server Server;

typedef struct Request {
    Server *server;
    const char *method, *path; /* the path as sent, with the query */
    GHashTable *headers;       /* names in lower case */
    bool cdn;                  /* came to the second port */
    unsigned nth;              /* how often this method and path came before */
    gint64 from;               /* of a Range, or 0 */
    GIOStream *io;
} Request;

/* A test's own behaviour: true where it has answered (or not, as it likes), false for the usual. Runs in threads. */
typedef bool (*Fault)(Request *request, gpointer data);

/* certificate: a PEM file with key, for https; NULL: http. */
Server *server_new(const char *certificate);
/* Ends all connections at once. */
void server_free(Server *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Server, server_free)
const char *server_url(const Server *server);
const char *server_cdn_url(const Server *server);
void server_fault(Server *server, Fault fault, gpointer data);
/* A file of the repository; large ones are redirected to the CDN, and named by SHA-256. Takes nothing. */
void server_file(Server *server, const char *name, const void *data, size_t size, bool large);
void server_remove(Server *server, const char *name);
/* What "main" is. */
void server_set_commit(Server *server, const char *commit);
/* The checksum that names a file's content. */
const char *server_etag(Server *server, const char *name);
/* How many requests had this method and a path that holds `part`; and bytes of bodies sent for them. */
unsigned server_count(Server *server, const char *method, const char *part);
guint64 server_sent(Server *server, const char *part);
/* The values of a header in requests to a port with a path that holds `part`, joined with "|". Caller frees. */
char *server_heard(Server *server, bool cdn, const char *part, const char *header);

/* For faults. */
bool server_stopped(const Server *server);
/* Writes; false once the other side is gone. */
bool request_send(Request *request, const void *data, gsize size);
bool request_print(Request *request, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* A whole answer. headers: lines, each with its "\r\n". */
void request_answer(Request *request, const char *status, const char *headers, const void *body, gsize size);
/* Keeps the connection open and silent until the other side, or the server, ends. */
void request_stall(Request *request);
/* The bytes of the file that the path is about. */
const guint8 *request_content(Request *request, gsize *size);

/* ---- Around it. ---- */

typedef struct World {
    char *folder; /* everything is in here */
    char *cache;  /* FOLDER/hub */
    Server *server;
    HubOptions options; /* short times */
    GString *notes;     /* what progress told, as JSON lines */
} World;

void world_set_up(World *world, gconstpointer data);
void world_tear_down(World *world, gconstpointer data);
#define ADD(name, function) g_test_add(name, World, NULL, world_set_up, function, world_tear_down)
/* The usual files: a config, a tokenizer, an index, three shards, and others that nobody needs. */
void world_usual_files(World *world);
/* hub_fetch(), with the check that the cache is sound afterwards, whatever happened, and that it took no longer than a
 * generous bound. */
bool world_fetch(World *world, const char *name, HubModel *model, GError **error);
/* The same, expected to fail with this in the message, and with no snapshot to be seen. */
void world_refuse(World *world, const char *name, const char *part);
/* Every finished blob has the content that its name says, every link leads to one, every ref names a snapshot. */
void world_check_sound(const World *world);
/* Asserts that the snapshot holds these files (space between them) with the server's content, and no others. */
void world_check_files(World *world, const char *commit, const char *names);
char *world_read(const World *world, const char *path, gsize *size);
void remove_tree(const char *path);
#define USUAL                                                                                                          \
    "README.md config.json generation_config.json model-00001-of-00003.safetensors "                                   \
    "model-00002-of-00003.safetensors model-00003-of-00003.safetensors model.safetensors.index.json "                  \
    "tokenizer.json tokenizer_config.json"

#define assert_holds(text, part)                                                                                       \
    do {                                                                                                               \
        if (!(text) || !strstr((text), (part)))                                                                        \
            g_error("no \"%s\" in: %s", (part), (text));                                                               \
    } while (0)

#endif

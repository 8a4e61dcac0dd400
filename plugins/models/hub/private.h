/* SPDX-License-Identifier: Apache-2.0
 * private.h: what the files of the hub share: the place, one client for each thread, a file on its way.
 */
#ifndef HONE_MODELS_HUB_PRIVATE_H
#define HONE_MODELS_HUB_PRIVATE_H

#include "hub.h"
#include <libsoup/soup.h>
#include <stdatomic.h>

/* ---- place.c: what the environment says. ---- */

typedef struct HubPlace {
    char *cache;    /* the folder with models--org--name in it */
    char *endpoint; /* "https://host", without a slash at its end */
    GUri *uri;      /* the same */
    char *token;    /* or NULL */
    char *roots;    /* file of certificate authorities to trust instead of the system's, or NULL */
    bool offline;   /* the user's wish */
} HubPlace;

bool hub_place_find(const HubOptions *options, HubPlace *place, GError **error);
void hub_place_clear(HubPlace *place);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HubPlace, hub_place_clear)

/* ---- cache.c: the folder's layout. ---- */

typedef enum {
    HUB_ABSENT,
    HUB_PERHAPS, /* usable, but whether it is what the name means only the hub can tell */
    HUB_READY,
} HubState;

/* CACHE/models--org--name. Caller frees. */
char *hub_cache_folder(const HubPlace *place, const char *repository);
/* The commit that a revision stood for when it was last downloaded, or NULL. Caller frees. */
char *hub_cache_commit(const char *folder, const char *revision);
/* Whether the snapshot of a commit has all that a model needs. *path: the folder, or the GGUF; NULL where absent.
 * file: the one that is wanted, or NULL. */
HubState hub_cache_state(const char *folder, const char *commit, const char *file, char **path);
/* Whether snapshots/COMMIT/NAME is there, with the blob behind it. */
bool hub_cache_has(const char *folder, const char *commit, const char *name);
/* Makes the folders that a download writes to. */
bool hub_cache_prepare(const HubPlace *place, const char *folder, GError **error);
/* snapshots/COMMIT/NAME -> blobs/ETAG, made in one step. */
bool hub_cache_link(const char *folder, const char *commit, const char *name, const char *etag, GError **error);
/* refs/REVISION: the commit. */
bool hub_cache_remember(const char *folder, const char *revision, const char *commit, GError **error);
/* Tries to lock a blob against other processes, as Hugging Face's tools do. The descriptor; -1: somebody has it (no
 * error), or an error. */
int hub_cache_lock(const HubPlace *place, const char *repository, const char *etag, GError **error);
/* Bytes in all files of a blob that are on their way: grows while another process is at work. */
uint64_t hub_cache_traces(const char *folder, const char *etag);
/* The shards that a snapshot's model.safetensors.index.json names, sorted; NULL with an error. Caller frees. */
char **hub_cache_shards(const char *path, GError **error);
#define HUB_WEIGHTS "model.safetensors"
#define HUB_INDEX "model.safetensors.index.json"

/* ---- pool.c: threads that are watched. ---- */

typedef struct Hub {
    HubOptions options;
    HubPlace place;
    HoneHubName name;
    HubCaller caller;
    char *folder; /* of the repository in the cache */
    char *commit;
    atomic_bool stop;
    atomic_uint_least64_t done, total, fetched; /* bytes */
} Hub;

void hub_clear(Hub *hub);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Hub, hub_clear)

/* One thread's connections. */
typedef struct HubClient {
    Hub *hub;
    SoupSession *session;
    GMutex lock; /* guards the next three: the watch looks at them */
    GCancellable *cancellable;
    gint64 deadline; /* monotonic; 0: nothing is waited for */
    bool stalled;
    uint64_t since; /* bytes since the deadline was last moved */
    bool again;     /* what the last failure was: worth another attempt, */
    double wait;    /* but not before so many seconds */
} HubClient;

typedef bool (*HubWork)(HubClient *client, void *item, GError **error);
/* Does work(item) for all n items, several at once, while this thread watches them, tells the progress and listens to
 * the caller. The first error ends all. */
bool hub_run(Hub *hub, void *const *items, size_t n, HubWork work, GError **error);

/* Before a request, and after `bytes` more of it have come: moves the deadline. Slow enough is as good as dead. */
void hub_client_arm(HubClient *client);
void hub_client_mark(HubClient *client, uint64_t bytes);
void hub_client_disarm(HubClient *client);
/* Sleeps; false where all is to end. */
bool hub_client_sleep(HubClient *client, double seconds);
/* After a failure: whether to try again, after the pause that is due. *attempt counts from 0. */
bool hub_client_retry(HubClient *client, int64_t *attempt);

/* ---- http.c: one request. ---- */

typedef struct HubAsk {
    const char *method, *url;
    uint64_t from;        /* first byte wanted */
    const char *if_range; /* the answer that the bytes so far came from, or NULL */
    bool stay;            /* do not follow to another host: what is said of the file is in the redirection itself */
} HubAsk;

typedef struct HubReply {
    SoupMessage *message;
    GInputStream *body;
    guint status; /* 200, 206, 416 or, with `stay`, 3xx */
} HubReply;

/* Errors say what happened; the caller puts the file's name before. */
bool hub_open(HubClient *client, const HubAsk *ask, HubReply *reply, GError **error);
/* Reads on; 0 at the end, -1 on error. */
gssize hub_read(HubClient *client, HubReply *reply, void *buffer, size_t size, GError **error);
const char *hub_header(const HubReply *reply, const char *name);
void hub_reply_clear(HubReply *reply);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HubReply, hub_reply_clear)
/* A JSON object of at most `limit` bytes. */
JsonObject *hub_get_json(HubClient *client, const char *url, size_t limit, GError **error);
/* Fails with what a client's error is where the user stopped it, or nothing came for too long. Takes `raw`. */
void hub_explain(HubClient *client, GError *raw, GError **error);

/* ---- list.c: which files. ---- */

typedef struct HubFile {
    char *name;
    /* Of hub_look(): */
    char *url, *etag;
    uint64_t size;
    bool looked, linked; /* linked: it was in the snapshot before */
} HubFile;

void hub_file_free(HubFile *file);
/* The commit that the hub's revision stands for now. Caller frees. */
char *hub_ask_commit(HubClient *client, GError **error);
/* All names in the commit. */
char **hub_ask_names(HubClient *client, GError **error);
/* What to fetch of `names`: into `files` (of HubFile *) all but the shards that an index names; *index: they are to
 * follow. */
bool hub_choose(const Hub *hub, char **names, GPtrArray *files, bool *index, GError **error);
HubFile *hub_file_new(const Hub *hub, const char *name);

/* ---- download.c: one file. ---- */

/* Asks for size and checksum. */
bool hub_look(HubClient *client, void *file, GError **error);
/* Into blobs/, whole and verified. */
bool hub_download(HubClient *client, void *file, GError **error);

#endif

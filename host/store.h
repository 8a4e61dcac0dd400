/* SPDX-License-Identifier: Apache-2.0
 * store.h: the folder of results. A result is named by its key and appears whole or not at all.
 *
 *     artifacts/KEY/{node.json, events.jsonl, PORT/artifact.json, ...}    published results
 *     work/KEY/       checkpoints of a node that is not done yet
 *     tmp/KEY/        outputs being written; whoever holds the lock of KEY owns it
 *     locks/KEY       flock()ed while a node runs: released by death, so nothing goes stale
 *     runs/ID/        what each run did (run_record.h)
 *     hashes/         remembered hashes of large files
 */
#ifndef HONE_HOST_STORE_H
#define HONE_HOST_STORE_H

#include <hone/artifact.h>

typedef struct HoneStore HoneStore;

/* folder: NULL means $HONE_STORE, or .hone in the current folder. With `create`, the folders are made and leftovers of
 * dead runs are removed; without, a missing store is HONE_ERROR_NOT_FOUND. */
HoneStore *hone_store_open(const char *folder, bool create, GError **error);
void hone_store_free(HoneStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneStore, hone_store_free)

const char *hone_store_folder(const HoneStore *store); /* absolute */
const char *hone_store_hash_folder(const HoneStore *store);
/* FOLDER/part/name; name may be NULL. Caller frees. */
char *hone_store_path(const HoneStore *store, const char *part, const char *name);

/* Locks. A negative descriptor without an error: another process holds it. Close the descriptor to release. */
int hone_store_lock(HoneStore *store, const char *key, GError **error);
/* Shared by runs for as long as they live, taken alone by the garbage collector. */
int hone_store_lock_all(HoneStore *store, bool alone, GError **error);

/* A published output. */
typedef struct HoneStoredOutput {
    char *port;
    char *folder; /* artifacts/KEY/PORT */
    char *hash;
    HoneArtifactType type;
} HoneStoredOutput;
/* A published result. */
typedef struct HoneStored {
    char *key;
    char *folder;
    JsonObject *node;   /* node.json */
    GPtrArray *outputs; /* of HoneStoredOutput *, in the order of the component's ports */
} HoneStored;
/* HONE_ERROR_NOT_FOUND: no such result. Another error: it is there, and damaged. */
HoneStored *hone_store_get(HoneStore *store, const char *key, bool verify, GError **error);
void hone_stored_free(HoneStored *stored);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneStored, hone_stored_free)
const HoneStoredOutput *hone_stored_output(const HoneStored *stored, const char *port);

/* An empty tmp/KEY; the lock of KEY must be held. */
char *hone_store_begin(HoneStore *store, const char *key, GError **error);
/* Writes node.json into tmp/KEY, renames it to artifacts/KEY (in exchange with what was there), and empties work/KEY.
 * node: what node.json shall hold; "outputs" is added from the sealed artifacts found. The result is read back. */
HoneStored *hone_store_publish(HoneStore *store, const char *key, const HoneComponent *component, JsonObject *node,
                               GError **error);
/* Removes tmp/KEY. */
void hone_store_discard(HoneStore *store, const char *key);

/* Removes a folder and all below it without following links; what could not be removed stays. */
void hone_remove_tree(const char *path);
/* Bytes of all files below. */
guint64 hone_tree_bytes(const char *path);

#endif

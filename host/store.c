/* SPDX-License-Identifier: Apache-2.0
 * store.c: publication by rename, locks by flock.
 */
#include "store.h"
#include <errno.h>
#include <fcntl.h>
#include <hone/file.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NODE_FILE "node.json"
#define NODE_LIMIT ((size_t)16 << 20)
#define LOCK_ALL "store"

struct HoneStore {
    char *folder, *hashes;
};

static bool io_error(GError **error, int code, const char *path, const char *doing)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: cannot %s (%s)%s", path, doing, g_strerror(code),
                code == ENOSPC                    ? ": free some space and run again"
                : code == EROFS || code == EACCES ? ": choose another store with --store"
                                                  : "");
    return false;
}

char *hone_store_path(const HoneStore *store, const char *part, const char *name)
{
    return g_build_filename(store->folder, part, name, NULL);
}

const char *hone_store_folder(const HoneStore *store)
{
    return store->folder;
}

const char *hone_store_hash_folder(const HoneStore *store)
{
    return store->hashes;
}

/* Whoever gets the lock of tmp/KEY knows that nobody writes there any more. */
static void remove_leftovers(HoneStore *store)
{
    g_autofree char *folder = hone_store_path(store, "tmp", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    for (const char *key = dir ? g_dir_read_name(dir) : NULL; key; key = g_dir_read_name(dir)) {
        int lock = hone_store_lock(store, key, NULL);
        if (lock < 0)
            continue;
        hone_store_discard(store, key);
        close(lock);
    }
}

HoneStore *hone_store_open(const char *folder, bool create, GError **error)
{
    if (!folder || !folder[0])
        folder = g_getenv("HONE_STORE");
    if (!folder || !folder[0])
        folder = ".hone";
    g_autoptr(HoneStore) store = g_new0(HoneStore, 1);
    store->folder = g_canonicalize_filename(folder, NULL);
    store->hashes = hone_store_path(store, "hashes", NULL);
    if (!create) {
        g_autofree char *artifacts = hone_store_path(store, "artifacts", NULL);
        if (!g_file_test(artifacts, G_FILE_TEST_IS_DIR)) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND,
                        "%s: no store here; run a pipeline first, or name its folder with --store", store->folder);
            return NULL;
        }
        return g_steal_pointer(&store);
    }
    static const char *const parts[] = {"artifacts", "work", "tmp", "locks", "runs", "hashes"};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *path = hone_store_path(store, parts[i], NULL);
        if (g_mkdir_with_parents(path, 0777) != 0) {
            io_error(error, errno, path, "make this folder");
            return NULL;
        }
        if (access(path, W_OK | X_OK) != 0) {
            io_error(error, errno, path, "write here");
            return NULL;
        }
    }
    remove_leftovers(store);
    return g_steal_pointer(&store);
}

void hone_store_free(HoneStore *store)
{
    if (!store)
        return;
    g_free(store->folder);
    g_free(store->hashes);
    g_free(store);
}

/* ---- Locks. ---- */

static int lock_file(HoneStore *store, const char *name, int how, GError **error)
{
    g_autofree char *path = hone_store_path(store, "locks", name);
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd < 0) {
            io_error(error, errno, path, "lock");
            return -1;
        }
        if (flock(fd, how | LOCK_NB) != 0) {
            int code = errno;
            close(fd);
            if (code == EINTR)
                continue;
            if (code != EWOULDBLOCK)
                io_error(error, code, path, "lock");
            return -1;
        }
        /* The collector removes lock files: a lock on a file that has no name any more excludes nobody. */
        struct stat held, named;
        if (fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
            held.st_dev == named.st_dev)
            return fd;
        close(fd);
    }
}

int hone_store_lock(HoneStore *store, const char *key, GError **error)
{
    return lock_file(store, key, LOCK_EX, error);
}

int hone_store_lock_all(HoneStore *store, bool alone, GError **error)
{
    return lock_file(store, LOCK_ALL, alone ? LOCK_EX : LOCK_SH, error);
}

/* ---- Reading. ---- */

static void output_free(gpointer data)
{
    HoneStoredOutput *output = data;
    g_free(output->port);
    g_free(output->folder);
    g_free(output->hash);
    g_free(output);
}

void hone_stored_free(HoneStored *stored)
{
    if (!stored)
        return;
    g_free(stored->key);
    g_free(stored->folder);
    g_clear_pointer(&stored->node, json_object_unref);
    g_clear_pointer(&stored->outputs, g_ptr_array_unref);
    g_free(stored);
}

const HoneStoredOutput *hone_stored_output(const HoneStored *stored, const char *port)
{
    for (guint i = 0; i < stored->outputs->len; i++) {
        const HoneStoredOutput *output = stored->outputs->pdata[i];
        if (g_str_equal(output->port, port))
            return output;
    }
    return NULL;
}

/* The artifact at folder/port as an output, or NULL with an error. */
static HoneStoredOutput *read_output(const char *folder, const char *port, bool verify, GError **error)
{
    g_autofree char *path = g_build_filename(folder, port, NULL);
    g_autoptr(HoneArtifact) artifact = hone_artifact_open(path, verify, error);
    if (!artifact)
        return NULL;
    HoneStoredOutput *output = g_new0(HoneStoredOutput, 1);
    output->port = g_strdup(port);
    output->folder = g_steal_pointer(&path);
    output->hash = g_strdup(hone_artifact_hash(artifact));
    output->type = hone_artifact_type(artifact);
    return output;
}

static bool port_name_is_plain(const char *name)
{
    return name && name[0] && name[0] != '.' && !strchr(name, '/');
}

HoneStored *hone_store_get(HoneStore *store, const char *key, bool verify, GError **error)
{
    g_autoptr(HoneStored) stored = g_new0(HoneStored, 1);
    stored->key = g_strdup(key);
    stored->folder = hone_store_path(store, "artifacts", key);
    stored->outputs = g_ptr_array_new_with_free_func(output_free);
    g_autofree char *path = g_build_filename(stored->folder, NODE_FILE, NULL);
    if (!g_file_test(stored->folder, G_FILE_TEST_EXISTS)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "%s: no result of this key in the store", stored->folder);
        return NULL;
    }
    g_autoptr(GError) damage = NULL;
    stored->node = hone_file_read_json(path, NODE_LIMIT, &damage);
    JsonArray *outputs = NULL;
    if (stored->node && json_object_has_member(stored->node, "outputs") &&
        JSON_NODE_HOLDS_ARRAY(json_object_get_member(stored->node, "outputs")))
        outputs = json_object_get_array_member(stored->node, "outputs");
    for (guint i = 0; outputs && !damage && i < json_array_get_length(outputs); i++) {
        JsonNode *element = json_array_get_element(outputs, i);
        JsonObject *described = JSON_NODE_HOLDS_OBJECT(element) ? json_node_get_object(element) : NULL;
        const char *port = described ? json_object_get_string_member_with_default(described, "port", NULL) : NULL;
        const char *hash = described ? json_object_get_string_member_with_default(described, "hash", NULL) : NULL;
        if (!port_name_is_plain(port) || !hash) {
            outputs = NULL;
            break;
        }
        HoneStoredOutput *output = read_output(stored->folder, port, verify, &damage);
        if (!output)
            break;
        g_ptr_array_add(stored->outputs, output);
        if (!g_str_equal(output->hash, hash))
            g_set_error(&damage, HONE_ERROR, HONE_ERROR_INVALID, "%s: not the artifact that %s names", output->folder,
                        NODE_FILE);
    }
    if (!damage && !outputs)
        g_set_error(&damage, HONE_ERROR, HONE_ERROR_INVALID, "%s: lists no outputs", path);
    if (damage) {
        /* Never "not found": the caller must be able to tell damage from absence. */
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s", damage->message);
        return NULL;
    }
    return g_steal_pointer(&stored);
}

/* ---- Writing. ---- */

char *hone_store_begin(HoneStore *store, const char *key, GError **error)
{
    hone_store_discard(store, key);
    g_autofree char *path = hone_store_path(store, "tmp", key);
    if (mkdir(path, 0777) != 0) {
        io_error(error, errno, path, "make this folder");
        return NULL;
    }
    return g_steal_pointer(&path);
}

void hone_store_discard(HoneStore *store, const char *key)
{
    g_autofree char *path = hone_store_path(store, "tmp", key);
    hone_remove_tree(path);
}

static bool rename_into_place(HoneStore *store, const char *from, const char *to, GError **error)
{
    bool ok = rename(from, to) == 0;
    if (!ok && (errno == EEXIST || errno == ENOTEMPTY)) {
        /* A result is replaced in one step where the file system can; the old one is then in tmp/, to be discarded. */
        ok = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0;
        if (!ok && (errno == EINVAL || errno == ENOSYS)) {
            g_autofree char *aside = g_strdup_printf("%s.old", from);
            ok = rename(to, aside) == 0 && rename(from, to) == 0;
            if (ok)
                hone_remove_tree(aside);
        }
    }
    if (!ok)
        return io_error(error, errno, to, "publish the result here");
    hone_remove_tree(from);
    g_autofree char *folder = hone_store_path(store, "artifacts", NULL);
    return hone_file_sync_folder(folder, error);
}

/* The "outputs" member from what the stage sealed. An optional output may be absent. */
static JsonArray *list_outputs(const char *folder, const HoneComponent *component, GError **error)
{
    g_autoptr(JsonArray) list = json_array_new();
    const HonePort *port;
    for (size_t i = 0; (port = hone_component_port(component, i)); i++) {
        g_autofree char *path = g_build_filename(folder, port->name, NULL);
        if (port->direction != HONE_PORT_OUT ||
            ((port->flags & HONE_PORT_OPTIONAL) && !g_file_test(path, G_FILE_TEST_EXISTS)))
            continue;
        HoneStoredOutput *output = read_output(folder, port->name, false, error);
        if (!output)
            return NULL;
        g_autofree char *type = hone_artifact_types_name(output->type);
        JsonObject *described = json_object_new();
        json_object_set_string_member(described, "port", output->port);
        json_object_set_string_member(described, "type", type);
        json_object_set_string_member(described, "hash", output->hash);
        json_array_add_object_element(list, described);
        output_free(output);
    }
    return g_steal_pointer(&list);
}

HoneStored *hone_store_publish(HoneStore *store, const char *key, const HoneComponent *component, JsonObject *node,
                               GError **error)
{
    g_autofree char *from = hone_store_path(store, "tmp", key);
    g_autofree char *to = hone_store_path(store, "artifacts", key);
    g_autofree char *work = hone_store_path(store, "work", key);
    JsonArray *outputs = list_outputs(from, component, error);
    if (!outputs)
        return NULL;
    json_object_set_array_member(node, "outputs", outputs);
    g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
    json_node_set_object(root, node);
    g_autofree char *path = g_build_filename(from, NODE_FILE, NULL);
    if (!hone_file_write_json(path, root, error) || !rename_into_place(store, from, to, error))
        return NULL;
    g_autoptr(HoneStored) stored = hone_store_get(store, key, false, error);
    if (!stored)
        return NULL;
    hone_remove_tree(work);
    return g_steal_pointer(&stored);
}

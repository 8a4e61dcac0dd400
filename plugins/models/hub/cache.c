/* SPDX-License-Identifier: Apache-2.0
 * cache.c: the cache folder of Hugging Face's tools:
 *
 *     models--org--name/blobs/ETAG                   content, named by its checksum; ETAG.incomplete while it comes
 *     models--org--name/snapshots/COMMIT/config.json -> ../../blobs/ETAG
 *     models--org--name/refs/main                    the commit that main stood for
 *     .locks/models--org--name/ETAG.lock
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

#define INDEX_LIMIT ((size_t)64 << 20)
#define MOST_SHARDS 10000

char *hub_cache_folder(const HubPlace *place, const char *repository)
{
    g_auto(GStrv) parts = g_strsplit(repository, "/", 0);
    g_autofree char *joined = g_strjoinv("--", parts), *name = g_strconcat("models--", joined, NULL);
    return g_build_filename(place->cache, name, NULL);
}

char *hub_cache_commit(const char *folder, const char *revision)
{
    if (hone_hub_is_commit(revision))
        return g_strdup(revision);
    g_autofree char *path = g_build_filename(folder, "refs", revision, NULL), *text = NULL;
    gsize size;
    struct stat st;
    /* It is a line of 40 digits; what is larger is something else. */
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > 256 ||
        !g_file_get_contents(path, &text, &size, NULL))
        return NULL;
    g_strstrip(text);
    return hone_hub_is_commit(text) ? g_steal_pointer(&text) : NULL;
}

static bool is_file(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    return g_file_test(path, G_FILE_TEST_IS_REGULAR);
}

bool hub_cache_has(const char *folder, const char *commit, const char *name)
{
    g_autofree char *snapshot = g_build_filename(folder, "snapshots", commit, NULL);
    return is_file(snapshot, name);
}

static int by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char **hub_cache_shards(const char *path, GError **error)
{
    g_autoptr(JsonObject) index = hone_file_read_json(path, INDEX_LIMIT, error);
    if (!index)
        return NULL;
    JsonNode *map = json_object_get_member(index, "weight_map");
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    if (map && JSON_NODE_HOLDS_OBJECT(map)) {
        JsonObjectIter iter;
        JsonNode *value;
        json_object_iter_init(&iter, json_node_get_object(map));
        while (json_object_iter_next(&iter, NULL, &value)) {
            const char *name = json_node_get_value_type(value) == G_TYPE_STRING ? json_node_get_string(value) : "";
            if (strchr(name, '/') || !hone_hub_good_path(name) || !g_str_has_suffix(name, ".safetensors")) {
                g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                            "%s: \"weight_map\" puts a tensor into something that is no .safetensors file beside it",
                            path);
                return NULL;
            }
            if (!g_hash_table_add(seen, (gpointer)name))
                continue;
            g_ptr_array_add(names, g_strdup(name));
        }
    }
    if (names->len == 0 || names->len > MOST_SHARDS) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: names %s files of weights", path,
                    names->len == 0 ? "no" : "too many");
        return NULL;
    }
    g_ptr_array_sort(names, by_text);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

static bool has_weights(const char *snapshot)
{
    if (is_file(snapshot, HUB_WEIGHTS))
        return true;
    g_autofree char *index = g_build_filename(snapshot, HUB_INDEX, NULL);
    g_auto(GStrv) shards = g_file_test(index, G_FILE_TEST_IS_REGULAR) ? hub_cache_shards(index, NULL) : NULL;
    bool all = shards != NULL;
    for (size_t i = 0; all && shards[i]; i++)
        all = is_file(snapshot, shards[i]);
    return all;
}

/* The only GGUF of a folder, or NULL. */
static char *only_gguf(const char *snapshot)
{
    g_autoptr(GDir) dir = g_dir_open(snapshot, 0, NULL);
    char *found = NULL;
    for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
        if (!g_str_has_suffix(name, ".gguf") || !is_file(snapshot, name))
            continue;
        if (found) {
            g_free(found);
            return NULL;
        }
        found = g_build_filename(snapshot, name, NULL);
    }
    return found;
}

HubState hub_cache_state(const char *folder, const char *commit, const char *file, char **path)
{
    g_autofree char *snapshot = g_build_filename(folder, "snapshots", commit, NULL);
    *path = NULL;
    if (file) {
        if (!is_file(snapshot, file))
            return HUB_ABSENT;
        *path = g_build_filename(snapshot, file, NULL);
        return HUB_READY;
    }
    if (is_file(snapshot, "config.json") && has_weights(snapshot)) {
        *path = g_steal_pointer(&snapshot);
        /* Hone links the weights last. Another tool may have wanted the weights alone. */
        return is_file(*path, "tokenizer.json") || is_file(*path, "tokenizer.model") ? HUB_READY : HUB_PERHAPS;
    }
    /* There may be other GGUFs on the hub; then the name alone does not say which. */
    *path = only_gguf(snapshot);
    return *path ? HUB_PERHAPS : HUB_ABSENT;
}

/* ---- Writing. ---- */

static bool fail_errno(GError **error, const char *doing, const char *path)
{
    int code = errno;
    const char *advice = code == ENOSPC   ? "; free some space, or point HF_HOME elsewhere"
                         : code == EROFS  ? "; point HF_HOME to a folder that can be written"
                         : code == EACCES ? "; check its permissions, or point HF_HOME elsewhere"
                                          : "";
    g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: cannot %s (%s)%s", path, doing, g_strerror(code), advice);
    return false;
}

static bool make_folder(const char *path, GError **error)
{
    return g_mkdir_with_parents(path, 0777) == 0 || fail_errno(error, "make this folder", path);
}

bool hub_cache_prepare(const HubPlace *place, const char *folder, GError **error)
{
    /* Tells backup programs that all of this can be had again (the Cache Directory Tagging Specification). */
    static const char tag[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
                              "# This file is a cache directory tag created by Hone for the cache of a model hub.\n";
    g_autofree char *blobs = g_build_filename(folder, "blobs", NULL);
    if (!make_folder(blobs, error))
        return false;
    g_autofree char *path = g_build_filename(place->cache, "CACHEDIR.TAG", NULL);
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        hone_file_write(path, tag, strlen(tag), NULL);
    return true;
}

bool hub_cache_link(const char *folder, const char *commit, const char *name, const char *etag, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "snapshots", commit, name, NULL);
    g_autofree char *parent = g_path_get_dirname(path);
    if (!make_folder(parent, error))
        return false;
    g_autoptr(GString) target = g_string_new("../../");
    for (const char *c = name; *c; c++)
        g_string_append(target, *c == '/' ? "../" : "");
    g_string_append_printf(target, "blobs/%s", etag);
    g_autofree char *aside = g_strdup_printf("%s.tmp-%d", path, (int)getpid());
    unlink(aside);
    if (symlink(target->str, aside) != 0)
        return fail_errno(error, "make a link for it", path);
    if (rename(aside, path) != 0) {
        fail_errno(error, "make a link for it", path);
        unlink(aside);
        return false;
    }
    return true;
}

bool hub_cache_remember(const char *folder, const char *revision, const char *commit, GError **error)
{
    if (hone_hub_is_commit(revision))
        return true;
    g_autofree char *before = hub_cache_commit(folder, revision);
    if (g_strcmp0(before, commit) == 0)
        return true;
    g_autofree char *path = g_build_filename(folder, "refs", revision, NULL), *parent = g_path_get_dirname(path);
    return make_folder(parent, error) && hone_file_write(path, commit, strlen(commit), error);
}

int hub_cache_lock(const HubPlace *place, const char *repository, const char *etag, GError **error)
{
    g_autofree char *repository_folder = hub_cache_folder(place, repository);
    g_autofree char *base = g_path_get_basename(repository_folder), *file = g_strconcat(etag, ".lock", NULL);
    g_autofree char *folder = g_build_filename(place->cache, ".locks", base, NULL);
    g_autofree char *path = g_build_filename(folder, file, NULL);
    if (!make_folder(folder, error))
        return -1;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0664);
    if (fd < 0) {
        fail_errno(error, "open this lock", path);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int code = errno;
    /* A file system without locks: the checksum still keeps two writers from finishing something broken. */
    if (code == ENOLCK || code == ENOSYS || code == EOPNOTSUPP)
        return fd;
    close(fd);
    if (code != EWOULDBLOCK && code != EINTR) {
        errno = code;
        fail_errno(error, "lock", path);
    }
    return -1;
}

uint64_t hub_cache_traces(const char *folder, const char *etag)
{
    g_autofree char *blobs = g_build_filename(folder, "blobs", NULL);
    g_autoptr(GDir) dir = g_dir_open(blobs, 0, NULL);
    uint64_t bytes = 0;
    for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
        g_autofree char *path = g_build_filename(blobs, name, NULL);
        struct stat st;
        if (g_str_has_prefix(name, etag) && stat(path, &st) == 0)
            bytes += (uint64_t)st.st_size;
    }
    return bytes;
}

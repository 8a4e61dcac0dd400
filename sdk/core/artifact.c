/* SPDX-License-Identifier: Apache-2.0
 * artifact.c: folders with a checksum over everything in them.
 */
#include <errno.h>
#include <fcntl.h>
#include <hone/artifact.h>
#include <hone/file.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST "artifact.json"
#define MANIFEST_LIMIT ((size_t)64 << 20)

struct HoneArtifact {
    HoneArtifactType type;
    char *folder;
    char *hash; /* NULL until sealed */
    char *label;
    JsonObject *meta;
};

static HoneArtifact *artifact_new(const char *folder, HoneArtifactType type)
{
    HoneArtifact *artifact = g_new0(HoneArtifact, 1);
    artifact->type = type;
    artifact->folder = g_strdup(folder);
    artifact->label = g_path_get_basename(folder);
    return artifact;
}

void hone_artifact_free(HoneArtifact *artifact)
{
    if (!artifact)
        return;
    g_free(artifact->folder);
    g_free(artifact->hash);
    g_free(artifact->label);
    g_clear_pointer(&artifact->meta, json_object_unref);
    g_free(artifact);
}

static bool name_is_plain(const char *name)
{
    return name && name[0] && !strchr(name, '/') && !g_str_equal(name, ".") && !g_str_equal(name, "..");
}

static char *hash_of(JsonObject *manifest)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    json_node_set_object(node, manifest);
    g_autofree char *text = hone_json_canonical(node);
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

static bool broken(GError **error, const char *folder, const char *what)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s/%s: %s; remove the folder and run again", folder, MANIFEST,
                what);
    return false;
}

static bool check_file(const char *folder, JsonNode *entry, bool verify, GError **error)
{
    if (!JSON_NODE_HOLDS_OBJECT(entry))
        return broken(error, folder, "an entry of \"files\" is not an object");
    JsonObject *file = json_node_get_object(entry);
    const char *name = json_object_get_string_member_with_default(file, "name", NULL);
    const char *sha256 = json_object_get_string_member_with_default(file, "sha256", NULL);
    gint64 size = json_object_get_int_member_with_default(file, "size", -1);
    if (!name_is_plain(name) || !sha256 || size < 0)
        return broken(error, folder, "an entry of \"files\" lacks a plain name, a size or a checksum");
    g_autofree char *path = g_build_filename(folder, name, NULL);
    struct stat st;
    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "%s: missing from the store; remove %s and run again",
                    path, folder);
        return false;
    }
    if (st.st_size != size) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: %" G_GINT64_FORMAT " bytes instead of %" G_GINT64_FORMAT "; remove %s and run again", path,
                    (gint64)st.st_size, size, folder);
        return false;
    }
    if (!verify)
        return true;
    g_autofree char *found = hone_file_hash(path, error);
    if (!found)
        return false;
    if (!g_str_equal(found, sha256)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: content differs from its checksum; remove %s and run again", path, folder);
        return false;
    }
    return true;
}

HoneArtifact *hone_artifact_open(const char *folder, bool verify, GError **error)
{
    g_autofree char *path = g_build_filename(folder, MANIFEST, NULL);
    g_autoptr(JsonObject) read = hone_file_read_json(path, MANIFEST_LIMIT, error);
    if (!read)
        return NULL;
    JsonNode *meta = json_object_get_member(read, "meta");
    JsonNode *files = json_object_get_member(read, "files");
    const char *hash = json_object_get_string_member_with_default(read, "hash", NULL);
    const char *type_name = json_object_get_string_member_with_default(read, "type", "");
    HoneArtifactType type = hone_artifact_type_parse(type_name);
    if (json_object_get_int_member_with_default(read, "hone", 0) != 1 || !hash || !meta ||
        !JSON_NODE_HOLDS_OBJECT(meta) || !files || !JSON_NODE_HOLDS_ARRAY(files)) {
        broken(error, folder, "not an artifact that this version reads");
        return NULL;
    }
    if (type == 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: unknown artifact type \"%s\"", path, type_name);
        return NULL;
    }
    g_autoptr(JsonObject) rest = json_object_new();
    json_object_set_int_member(rest, "hone", 1);
    json_object_set_string_member(rest, "type", type_name);
    json_object_set_member(rest, "meta", json_node_copy(meta));
    json_object_set_member(rest, "files", json_node_copy(files));
    g_autofree char *found = hash_of(rest);
    if (!g_str_equal(found, hash)) {
        broken(error, folder, "its own checksum does not match");
        return NULL;
    }
    JsonArray *list = json_node_get_array(files);
    for (guint i = 0; i < json_array_get_length(list); i++) {
        if (!check_file(folder, json_array_get_element(list, i), verify, error))
            return NULL;
    }
    HoneArtifact *artifact = artifact_new(folder, type);
    artifact->hash = g_strdup(hash);
    artifact->meta = json_object_ref(json_node_get_object(meta));
    return artifact;
}

HoneArtifact *hone_artifact_create(const char *folder, HoneArtifactType type, GError **error)
{
    g_assert(type != 0 && (type & (type - 1)) == 0);
    if (g_mkdir_with_parents(folder, 0777) != 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: cannot make this folder (%s)", folder, g_strerror(errno));
        return NULL;
    }
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    if (!dir || g_dir_read_name(dir)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: %s", folder,
                    dir ? "not empty: an artifact starts in an empty folder" : "cannot be read");
        return NULL;
    }
    HoneArtifact *artifact = artifact_new(folder, type);
    artifact->meta = json_object_new();
    return artifact;
}

/* Syncs one file and describes it; NULL with an error when it is not a plain file. */
static JsonObject *describe_file(const char *folder, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st = {0};
    int code = 0;
    if (fd < 0 || fstat(fd, &st) != 0)
        code = errno;
    else if (S_ISREG(st.st_mode) && fsync(fd) != 0)
        code = errno;
    if (fd >= 0)
        close(fd);
    if (code == ELOOP || (code == 0 && !S_ISREG(st.st_mode))) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN, "%s: an artifact holds plain files only", path);
        return NULL;
    }
    if (code != 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: cannot be written out (%s)", path, g_strerror(code));
        return NULL;
    }
    g_autofree char *hash = hone_file_hash(path, error);
    if (!hash)
        return NULL;
    JsonObject *file = json_object_new();
    json_object_set_string_member(file, "name", name);
    json_object_set_int_member(file, "size", (gint64)st.st_size);
    json_object_set_string_member(file, "sha256", hash);
    return file;
}

static int by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool hone_artifact_seal(HoneArtifact *artifact, GError **error)
{
    g_assert(!artifact->hash);
    g_autoptr(GError) unreadable = NULL;
    g_autoptr(GDir) dir = g_dir_open(artifact->folder, 0, &unreadable);
    if (!dir) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s", unreadable->message);
        return false;
    }
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (const char *name = g_dir_read_name(dir); name; name = g_dir_read_name(dir)) {
        if (g_str_equal(name, MANIFEST)) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN, "%s/%s: a stage may not write this file itself",
                        artifact->folder, MANIFEST);
            return false;
        }
        if (!g_utf8_validate(name, -1, NULL)) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN, "%s: a file's name is not valid UTF-8", artifact->folder);
            return false;
        }
        g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, by_name);
    g_autoptr(JsonArray) files = json_array_new();
    for (guint i = 0; i < names->len; i++) {
        JsonObject *file = describe_file(artifact->folder, names->pdata[i], error);
        if (!file)
            return false;
        json_array_add_object_element(files, file);
    }
    g_autofree char *type_name = hone_artifact_types_name(artifact->type);
    g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
    JsonObject *manifest = json_object_new();
    json_node_take_object(root, manifest);
    json_object_set_int_member(manifest, "hone", 1);
    json_object_set_string_member(manifest, "type", type_name);
    json_object_set_object_member(manifest, "meta", json_object_ref(artifact->meta));
    json_object_set_array_member(manifest, "files", json_array_ref(files));
    g_autofree char *hash = hash_of(manifest);
    json_object_set_string_member(manifest, "hash", hash);
    g_autofree char *path = g_build_filename(artifact->folder, MANIFEST, NULL);
    if (!hone_file_write_json(path, root, error))
        return false;
    artifact->hash = g_steal_pointer(&hash);
    return true;
}

HoneArtifactType hone_artifact_type(const HoneArtifact *artifact)
{
    return artifact->type;
}

const char *hone_artifact_folder(const HoneArtifact *artifact)
{
    return artifact->folder;
}

const char *hone_artifact_hash(const HoneArtifact *artifact)
{
    return artifact->hash;
}

JsonObject *hone_artifact_meta(const HoneArtifact *artifact)
{
    return artifact->meta;
}

char *hone_artifact_file(const HoneArtifact *artifact, const char *name)
{
    g_assert(name_is_plain(name));
    return g_build_filename(artifact->folder, name, NULL);
}

const char *hone_artifact_label(const HoneArtifact *artifact)
{
    return artifact->label;
}

void hone_artifact_set_label(HoneArtifact *artifact, const char *label)
{
    g_free(artifact->label);
    artifact->label = g_strdup(label);
}

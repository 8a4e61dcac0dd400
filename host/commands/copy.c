/* SPDX-License-Identifier: Apache-2.0
 * copy.c: `hone copy NODE PLACE` takes the files of a result out of the store: an adapter, a merged model, a report.
 *
 * They are written aside, synced and renamed, so PLACE is whole or not there. artifact.json stays behind: it is the
 * store's.
 */
#include "command.h"
#include "locate.h"
#include "table.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <hone/file.h>
#include <string.h>
#include <unistd.h>

#define MANIFEST "artifact.json"

static bool fail(GError **error, int code, const char *doing, const char *path)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: cannot %s (%s)", path, doing, g_strerror(code));
    return false;
}

/* What a link points at is not the artifact's. */
static bool copy_file(const char *from, const char *to, GError **error)
{
    return g_file_test(from, G_FILE_TEST_IS_SYMLINK) ? fail(error, ELOOP, "be read", from)
                                                     : hone_file_copy(from, to, error);
}

/* The artifact's own files, sorted as its manifest has them. */
static GPtrArray *files_of(const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(folder, MANIFEST, NULL);
    g_autoptr(JsonObject) manifest = hone_file_read_json(path, (size_t)64 << 20, error);
    if (!manifest)
        return NULL;
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    JsonArray *files = json_object_get_array_member(manifest, "files");
    for (guint i = 0; files && i < json_array_get_length(files); i++)
        g_ptr_array_add(names,
                        g_strdup(json_object_get_string_member(json_array_get_object_element(files, i), "name")));
    return names;
}

static bool copy_into(const char *folder, const GPtrArray *names, const char *aside, GError **error)
{
    if (g_mkdir(aside, 0777) != 0)
        return fail(error, errno, "be made", aside);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *from = g_build_filename(folder, names->pdata[i], NULL);
        g_autofree char *to = g_build_filename(aside, names->pdata[i], NULL);
        if (!copy_file(from, to, error))
            return false;
    }
    return hone_file_sync_folder(aside, error);
}

/* One file under a name of its own: `hone copy small model.gguf`. */
static bool is_one_file(const GPtrArray *names, const char *place)
{
    const char *dot = strrchr(place, '.');
    return names->len == 1 && dot && g_str_has_suffix(names->pdata[0], dot);
}

static bool copy_out(const char *folder, const char *place, GError **error)
{
    g_autoptr(HoneArtifact) artifact = hone_artifact_open(folder, false, error);
    g_autoptr(GPtrArray) names = artifact ? files_of(folder, error) : NULL;
    if (!names)
        return false;
    if (names->len == 0) {
        const char *path = json_object_get_string_member_with_default(hone_artifact_meta(artifact), "path", NULL);
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "this result has no files of its own%s%s",
                    path ? "; it refers to " : "", path ? path : "");
        return false;
    }
    g_autofree char *plain = g_canonicalize_filename(place, NULL), *parent = g_path_get_dirname(plain);
    if (g_file_test(plain, G_FILE_TEST_EXISTS)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: is there already; remove it, or choose another place",
                    place);
        return false;
    }
    g_autofree char *aside = g_strdup_printf("%s.tmp-%d", plain, (int)getpid());
    g_autofree char *only = g_build_filename(folder, names->pdata[0], NULL);
    bool ok = is_one_file(names, plain) ? copy_file(only, aside, error) : copy_into(folder, names, aside, error);
    if (ok && rename(aside, plain) != 0)
        ok = fail(error, errno, "be written", place);
    if (ok)
        return hone_file_sync_folder(parent, error);
    hone_remove_tree(aside);
    unlink(aside);
    return false;
}

int hone_command_copy(int argc, char **argv)
{
    g_autofree char *folder = NULL;
    const GOptionEntry entries[] = {{"store", 's', 0, G_OPTION_ARG_FILENAME, &folder, "The store", "FOLDER"}, {NULL}};
    int status;
    if (!hone_command_parse(entries, 2, 2, &argc, &argv, &status))
        return status;
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneStore) store = hone_store_open(folder, false, &error);
    g_autofree char *output = store ? hone_store_locate(store, argv[1], &error) : NULL;
    if (!output || !copy_out(output, argv[2], &error)) {
        hone_complain("%s", error->message);
        return HONE_EXIT_FAILED;
    }
    g_autofree char *bytes = hone_text_bytes(hone_tree_bytes(argv[2]));
    printf("%s: %s\n", argv[2], bytes);
    return HONE_EXIT_OK;
}

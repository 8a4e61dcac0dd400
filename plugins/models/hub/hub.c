/* SPDX-License-Identifier: Apache-2.0
 * hub.c: from a name to a folder: what it stands for, what is missing of it, and getting that.
 *
 * Blobs first, then the links (the weights' last), then the name of the revision: whoever looks into the cache in
 * between, or after this process was killed, sees nothing half.
 */
#include "private.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define BRIEF_SECONDS 10.0

void hub_model_clear(HubModel *model)
{
    g_clear_pointer(&model->path, g_free);
    g_clear_pointer(&model->repository, g_free);
    g_clear_pointer(&model->revision, g_free);
    g_clear_pointer(&model->commit, g_free);
}

static bool begin(Hub *hub, const char *name, const HubOptions *options, GError **error)
{
    *hub = (Hub){.options = *options};
    if (!hone_hub_name_parse(name, &hub->name, error) || !hub_place_find(options, &hub->place, error))
        return false;
    hub->folder = hub_cache_folder(&hub->place, hub->name.repository);
    return true;
}

/* "org/name@COMMIT:file" */
static char *exact_name(const Hub *hub)
{
    return g_strconcat(hub->name.repository, "@", hub->commit, hub->name.file ? ":" : NULL, hub->name.file, NULL);
}

static bool refuse_offline(const Hub *hub, GError **error)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND,
                "%s@%s%s%s: is no file here, and not in the hub's cache %s; run once without \"offline\" and "
                "HF_HUB_OFFLINE to download it",
                hub->name.repository, hub->name.revision, hub->name.file ? ":" : "",
                hub->name.file ? hub->name.file : "", hub->place.cache);
    return false;
}

/* ---- What it stands for. ---- */

static bool ask_commit(HubClient *client, void *item, GError **error)
{
    char **commit = item;
    *commit = hub_ask_commit(client, error);
    return *commit != NULL;
}

/* One question. With something to fall back to, nobody waits long for a hub that is not there. */
static bool ask_once(Hub *hub, bool brief, void *item, HubWork work, GError **error)
{
    const HubOptions options = hub->options;
    if (brief) {
        hub->options.attempts = 1;
        hub->options.timeout = MIN(options.timeout, BRIEF_SECONDS);
    }
    bool ok = hub_run(hub, &item, 1, work, error);
    hub->options = options;
    hub->stop = false;
    return ok;
}

/* Sets hub->commit. *remark: what the user should know about it. */
static bool find_commit(Hub *hub, bool local, char **remark, GError **error)
{
    g_autofree char *cached = hub_cache_commit(hub->folder, hub->name.revision), *path = NULL;
    bool usable = cached && hub_cache_state(hub->folder, cached, hub->name.file, &path) != HUB_ABSENT;
    if (hone_hub_is_commit(hub->name.revision) || local || hub->place.offline) {
        hub->commit = g_steal_pointer(&cached);
        return true;
    }
    g_autoptr(GError) problem = NULL;
    char *commit = NULL;
    if (ask_once(hub, usable, &commit, ask_commit, &problem)) {
        hub->commit = commit;
        return true;
    }
    if (!usable || g_error_matches(problem, HONE_ERROR, HONE_ERROR_CANCELLED)) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return false;
    }
    *remark = g_strdup_printf("\"%s\" is taken from the cache, as it was when last downloaded (%.12s): %s",
                              hub->name.revision, cached, problem->message);
    hub->commit = g_steal_pointer(&cached);
    return true;
}

static bool ask_names(HubClient *client, void *item, GError **error)
{
    char ***names = item;
    *names = hub_ask_names(client, error);
    return *names != NULL;
}

/* Whether all that the hub's list makes one want, shards apart, is in the snapshot. An unreachable hub cannot object.
 */
static bool is_complete(Hub *hub)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func((GDestroyNotify)hub_file_free);
    g_auto(GStrv) names = NULL;
    bool index;
    if (!ask_once(hub, true, &names, ask_names, NULL))
        return true;
    bool all = hub_choose(hub, names, files, &index, NULL);
    for (guint i = 0; all && i < files->len; i++)
        all = hub_cache_has(hub->folder, hub->commit, ((const HubFile *)files->pdata[i])->name);
    return all;
}

bool hub_resolve(const char *name, const HubOptions *options, uint32_t flags, HoneResolution *found, GError **error)
{
    g_auto(Hub) hub = {0};
    if (!begin(&hub, name, options, error))
        return false;
    bool local = (flags & HONE_RESOLVE_LOCAL) || hub.place.offline;
    if (!find_commit(&hub, local, &found->remark, error))
        return false;
    g_autofree char *path = NULL;
    HubState state = hub.commit ? hub_cache_state(hub.folder, hub.commit, hub.name.file, &path) : HUB_ABSENT;
    if (hub.place.offline && state == HUB_ABSENT)
        return refuse_offline(&hub, error);
    found->absent = state == HUB_ABSENT || (state == HUB_PERHAPS && !local && !found->remark && !is_complete(&hub));
    found->exact = hub.commit ? exact_name(&hub) : NULL;
    /* No run may follow, where the result is in the store: what the hub said holds for offline use all the same. */
    if (!local && !found->remark && !found->absent)
        hub_cache_remember(hub.folder, hub.name.revision, hub.commit, NULL);
    if (found->absent && local)
        found->remark = g_strdup_printf("%s is no file here, and not in the hub's cache %s yet: a run downloads it",
                                        name, hub.place.cache);
    return true;
}

char *hub_find(const char *name, const HubOptions *options)
{
    g_auto(Hub) hub = {0};
    char *path = NULL;
    if (!begin(&hub, name, options, NULL))
        return NULL;
    g_autofree char *commit = hub_cache_commit(hub.folder, hub.name.revision);
    if (commit)
        hub_cache_state(hub.folder, commit, hub.name.file, &path);
    return path;
}

/* ---- Getting it. ---- */

/* Sizes are known now: whether there is room. */
static bool count_bytes(Hub *hub, const GPtrArray *files, GError **error)
{
    uint64_t needed = 0;
    for (guint i = 0; i < files->len; i++) {
        const HubFile *file = files->pdata[i];
        if (file->linked)
            continue;
        g_autofree char *blob = g_build_filename(hub->folder, "blobs", file->etag, NULL);
        g_autofree char *aside = g_strconcat(blob, ".incomplete", NULL);
        struct stat st;
        uint64_t there = stat(blob, &st) == 0    ? file->size
                         : stat(aside, &st) == 0 ? MIN((uint64_t)st.st_size, file->size)
                                                 : 0;
        if (file->size - there > G_MAXUINT64 - needed)
            needed = G_MAXUINT64;
        else
            needed += file->size - there;
        atomic_fetch_add(&hub->total, file->size);
    }
    struct statvfs disk;
    if (statvfs(hub->folder, &disk) != 0 || (double)needed <= (double)disk.f_bavail * (double)disk.f_frsize)
        return true;
    g_autofree char *need = g_format_size(needed), *free_space = g_format_size(disk.f_bavail * disk.f_frsize);
    g_set_error(error, HONE_ERROR, HONE_ERROR_IO,
                "%s: %s are to be downloaded and %s has room for %s; free some space, or point HF_HOME elsewhere",
                hub->name.repository, need, hub->place.cache, free_space);
    return false;
}

static bool get(Hub *hub, GPtrArray *files, GError **error)
{
    return hub_run(hub, files->pdata, files->len, hub_look, error) && count_bytes(hub, files, error) &&
           hub_run(hub, files->pdata, files->len, hub_download, error);
}

/* Where a file is that has been downloaded and not linked yet. Caller frees. */
static char *place_of(const Hub *hub, const HubFile *file)
{
    return file->linked ? g_build_filename(hub->folder, "snapshots", hub->commit, file->name, NULL)
                        : g_build_filename(hub->folder, "blobs", file->etag, NULL);
}

/* Adds the shards that the last of `files`, the index, names. */
static bool add_shards(Hub *hub, const GPtrArray *files, char **names, GPtrArray *shards, GError **error)
{
    g_autofree char *path = place_of(hub, files->pdata[files->len - 1]);
    g_auto(GStrv) wanted = hub_cache_shards(path, error);
    if (!wanted) {
        g_prefix_error(error, "%s: %s: ", hub->name.repository, HUB_INDEX);
        return false;
    }
    for (size_t i = 0; wanted[i]; i++) {
        if (!g_strv_contains((const char *const *)names, wanted[i])) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                        "%s@%s: %s names \"%s\", which the repository does not have", hub->name.repository,
                        hub->name.revision, HUB_INDEX, wanted[i]);
            return false;
        }
        g_ptr_array_add(shards, hub_file_new(hub, wanted[i]));
    }
    return true;
}

static bool link_all(const Hub *hub, const GPtrArray *files, GError **error)
{
    for (guint i = 0; i < files->len; i++) {
        const HubFile *file = files->pdata[i];
        if (!file->linked && !hub_cache_link(hub->folder, hub->commit, file->name, file->etag, error))
            return false;
    }
    return true;
}

static bool fetch_missing(Hub *hub, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func((GDestroyNotify)hub_file_free);
    g_autoptr(GPtrArray) shards = g_ptr_array_new_with_free_func((GDestroyNotify)hub_file_free);
    g_auto(GStrv) names = NULL;
    bool index;
    return hub_cache_prepare(&hub->place, hub->folder, error) && ask_once(hub, false, &names, ask_names, error) &&
           hub_choose(hub, names, files, &index, error) && get(hub, files, error) &&
           (!index || add_shards(hub, files, names, shards, error)) && get(hub, shards, error) &&
           link_all(hub, shards, error) && link_all(hub, files, error);
}

/* Only what hub_resolve() may have said is believed. */
static bool take_exact(Hub *hub, const char *exact, GError **error)
{
    g_auto(HoneHubName) said = {0};
    if (!hone_hub_name_parse(exact, &said, error))
        return false;
    if (!hone_hub_is_commit(said.revision) || !g_str_equal(said.repository, hub->name.repository)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "\"%s\" is not what \"%s\" can stand for", exact,
                    hub->name.repository);
        return false;
    }
    hub->commit = g_steal_pointer(&said.revision);
    return true;
}

bool hub_fetch(const char *name, const char *exact, const HubOptions *options, const HubCaller *caller, HubModel *model,
               GError **error)
{
    *model = (HubModel){0};
    g_auto(Hub) hub = {0};
    g_autofree char *remark = NULL, *path = NULL;
    if (!begin(&hub, name, options, error))
        return false;
    if (caller)
        hub.caller = *caller;
    if (!(exact ? take_exact(&hub, exact, error) : find_commit(&hub, false, &remark, error)))
        return false;
    if (remark)
        hone_progress_note(hub.caller.progress, HONE_NOTE_WARNING, "%s", remark);
    HubState state = hub.commit ? hub_cache_state(hub.folder, hub.commit, hub.name.file, &path) : HUB_ABSENT;
    if (hub.place.offline && state == HUB_ABSENT)
        return refuse_offline(&hub, error);
    if (state == HUB_ABSENT || (state == HUB_PERHAPS && !hub.place.offline && !remark)) {
        g_autoptr(GError) problem = NULL;
        if (fetch_missing(&hub, &problem)) {
            g_clear_pointer(&path, g_free);
            hub_cache_state(hub.folder, hub.commit, hub.name.file, &path);
        } else if (path && g_error_matches(problem, HONE_ERROR, HONE_ERROR_IO)) {
            hone_progress_note(hub.caller.progress, HONE_NOTE_WARNING, "the copy in the cache is taken as it is: %s",
                               problem->message);
        } else {
            g_propagate_error(error, g_steal_pointer(&problem));
            return false;
        }
    }
    if (!path) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: was downloaded to %s and is not there now; run again",
                    hub.name.repository, hub.folder);
        return false;
    }
    g_autoptr(GError) problem = NULL;
    if (!remark && !hub.place.offline && !hub_cache_remember(hub.folder, hub.name.revision, hub.commit, &problem)) {
        /* A cache that others fill may not be written: what is in it can be used. */
        if (hub.fetched > 0) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return false;
        }
        hone_progress_note(hub.caller.progress, HONE_NOTE_WARNING, "\"%s\" is not remembered for offline use: %s",
                           hub.name.revision, problem->message);
    }
    model->path = g_steal_pointer(&path);
    model->repository = g_strdup(hub.name.repository);
    model->revision = g_strdup(hub.name.revision);
    model->commit = g_strdup(hub.commit);
    model->fetched = hub.fetched;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0
 * run_record.c: writes and reads the records of runs.
 */
#include "run_record.h"
#include <errno.h>
#include <fcntl.h>
#include <hone/file.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN_LIMIT ((size_t)64 << 20)
#define LONG_NAME 120

struct HoneRun {
    char *id, *folder;
    JsonNode *root, *pipeline;
    int lock;
};

static char *run_folder(const HoneStore *store, const char *id)
{
    return hone_store_path(store, "runs", id);
}

char *hone_run_path(const HoneStore *store, const char *run, const char *node, const char *ending)
{
    g_autofree char *folder = run_folder(store, run);
    g_autofree char *name = NULL;
    if (strlen(node) > LONG_NAME) {
        g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, node, -1);
        name = g_strdup_printf("%.*s-%.12s%s", LONG_NAME - 20, node, hash, ending);
    } else {
        name = g_strconcat(node, ending, NULL);
    }
    return g_build_filename(folder, name, NULL);
}

/* A new folder named by the time; names sort as the runs began. */
static bool make_folder(HoneRun *run, HoneStore *store, GError **error)
{
    for (int attempt = 0; attempt < 1000; attempt++) {
        g_autoptr(GDateTime) now = g_date_time_new_now_utc();
        g_autofree char *second = g_date_time_format(now, "%Y%m%d-%H%M%S");
        g_free(run->id);
        g_free(run->folder);
        run->id = g_strdup_printf("%s-%03d", second, g_date_time_get_microsecond(now) / 1000);
        run->folder = run_folder(store, run->id);
        if (mkdir(run->folder, 0777) == 0)
            return true;
        if (errno != EEXIST)
            break;
        g_usleep(1000);
    }
    g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: cannot make this folder (%s)", run->folder, g_strerror(errno));
    return false;
}

static int lock_folder(const char *folder, int how)
{
    g_autofree char *path = g_build_filename(folder, "lock", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd >= 0 && flock(fd, how | LOCK_NB) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static char *time_text(void)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    return g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
}

HoneRun *hone_run_new(HoneStore *store, const HonePipeline *pipeline, const char *const *command, GError **error)
{
    g_autoptr(HoneRun) run = g_new0(HoneRun, 1);
    run->lock = -1;
    if (!make_folder(run, store, error))
        return NULL;
    run->lock = lock_folder(run->folder, LOCK_EX);
    run->pipeline = hone_pipeline_to_json(pipeline);
    run->root = json_node_new(JSON_NODE_OBJECT);
    JsonObject *object = json_object_new();
    json_node_take_object(run->root, object);
    json_object_set_int_member(object, "hone", 1);
    json_object_set_string_member(object, "id", run->id);
    json_object_set_string_member(object, "name", pipeline->name);
    json_object_set_string_member(object, "file", pipeline->file);
    JsonArray *words = json_array_new();
    for (size_t i = 0; command && command[i]; i++) {
        g_autofree char *word = g_utf8_make_valid(command[i], -1);
        json_array_add_string_element(words, word);
    }
    json_object_set_array_member(object, "command", words);
    g_autofree char *started = time_text();
    json_object_set_string_member(object, "started", started);
    json_object_set_string_member(object, "state", "running");
    json_object_set_object_member(object, "nodes", json_object_new());
    g_autofree char *path = g_build_filename(run->folder, "pipeline.json", NULL);
    if (!hone_file_write_json(path, run->pipeline, error) || !hone_run_save(run, error))
        return NULL;
    return g_steal_pointer(&run);
}

void hone_run_free(HoneRun *run)
{
    if (!run)
        return;
    if (run->lock >= 0)
        close(run->lock);
    g_clear_pointer(&run->root, json_node_unref);
    g_clear_pointer(&run->pipeline, json_node_unref);
    g_free(run->id);
    g_free(run->folder);
    g_free(run);
}

const char *hone_run_id(const HoneRun *run)
{
    return run->id;
}

JsonObject *hone_run_object(HoneRun *run)
{
    return json_node_get_object(run->root);
}

JsonNode *hone_run_pipeline(HoneRun *run)
{
    return run->pipeline;
}

JsonObject *hone_run_node(HoneRun *run, const char *node)
{
    JsonObject *nodes = json_object_get_object_member(hone_run_object(run), "nodes");
    if (!json_object_has_member(nodes, node))
        json_object_set_object_member(nodes, node, json_object_new());
    return json_object_get_object_member(nodes, node);
}

bool hone_run_save(HoneRun *run, GError **error)
{
    JsonObject *object = hone_run_object(run);
    if (!g_str_equal(json_object_get_string_member(object, "state"), "running")) {
        g_autofree char *ended = time_text();
        json_object_set_string_member(object, "ended", ended);
    }
    g_autofree char *path = g_build_filename(run->folder, "run.json", NULL);
    return hone_file_write_json(path, run->root, error);
}

/* ---- Reading. ---- */

static int newest_first(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)b, *(const char *const *)a);
}

GPtrArray *hone_run_list(const HoneStore *store)
{
    GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *folder = run_folder(store, NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    for (const char *id = dir ? g_dir_read_name(dir) : NULL; id; id = g_dir_read_name(dir)) {
        g_autofree char *path = g_build_filename(folder, id, "run.json", NULL);
        if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
            g_ptr_array_add(ids, g_strdup(id));
    }
    g_ptr_array_sort(ids, newest_first);
    return ids;
}

static JsonObject *member_object(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

JsonObject *hone_run_read(const HoneStore *store, const char *id, GError **error)
{
    if (!id[0] || id[0] == '.' || strchr(id, '/')) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "no run \"%s\"; \"hone runs\" lists them", id);
        return NULL;
    }
    g_autofree char *folder = run_folder(store, id);
    g_autofree char *path = g_build_filename(folder, "run.json", NULL);
    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "no run \"%s\"; \"hone runs\" lists them", id);
        return NULL;
    }
    g_autoptr(JsonObject) run = hone_file_read_json(path, RUN_LIMIT, error);
    if (!run)
        return NULL;
    if (!member_object(run, "nodes") || !json_object_has_member(run, "state")) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: not the record of a run", path);
        return NULL;
    }
    return g_steal_pointer(&run);
}

bool hone_run_is_alive(const HoneStore *store, const char *id)
{
    g_autofree char *folder = run_folder(store, id);
    g_autofree char *path = g_build_filename(folder, "lock", NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool alive = flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd);
    return alive;
}

const char *hone_run_state(const HoneStore *store, const char *id, JsonObject *run)
{
    const char *state = json_object_get_string_member_with_default(run, "state", "?");
    return g_str_equal(state, "running") && !hone_run_is_alive(store, id) ? "interrupted" : state;
}

JsonObject *hone_run_newest_node(const HoneStore *store, const char *pipeline, const char *node, const char *skip,
                                 char **run_id)
{
    g_autoptr(GPtrArray) ids = hone_run_list(store);
    for (guint i = 0; i < ids->len; i++) {
        if (skip && g_str_equal(ids->pdata[i], skip))
            continue;
        g_autoptr(JsonObject) run = hone_run_read(store, ids->pdata[i], NULL);
        if (!run ||
            (pipeline && g_strcmp0(json_object_get_string_member_with_default(run, "name", NULL), pipeline) != 0))
            continue;
        JsonObject *found = member_object(member_object(run, "nodes"), node);
        const char *state = found ? json_object_get_string_member_with_default(found, "state", "") : "";
        if (!g_str_equal(state, "done") && !g_str_equal(state, "cached"))
            continue;
        if (run_id)
            *run_id = g_strdup(ids->pdata[i]);
        return json_object_ref(found);
    }
    return NULL;
}

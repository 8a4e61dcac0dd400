/* SPDX-License-Identifier: Apache-2.0
 * gc.c: `hone gc` removes results and checkpoints that no kept run refers to, and with --keep-runs old runs.
 */
#include "command.h"
#include "run_record.h"
#include "table.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    HoneStore *store;
    bool dry;
    GHashTable *kept; /* keys */
    guint64 bytes;
    guint results, checkpoints, runs;
} Collector;

static void keep_keys(Collector *collector, JsonObject *run)
{
    JsonObject *nodes = json_object_get_object_member(run, "nodes");
    g_autoptr(GList) values = json_object_get_values(nodes);
    for (GList *l = values; l; l = l->next) {
        const char *key = JSON_NODE_HOLDS_OBJECT((JsonNode *)l->data)
                              ? json_object_get_string_member_with_default(json_node_get_object(l->data), "key", NULL)
                              : NULL;
        if (key)
            g_hash_table_add(collector->kept, g_strdup(key));
    }
}

/* Names in a folder of the store, read whole before anything there is removed. */
static GPtrArray *names_in(const HoneStore *store, const char *part)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *folder = hone_store_path(store, part, NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir))
        g_ptr_array_add(names, g_strdup(name));
    return names;
}

/* A result is moved aside before it is taken apart, so that nobody sees half of it. */
static void remove_entry(Collector *collector, const char *part, const char *key)
{
    g_autofree char *path = hone_store_path(collector->store, part, key);
    collector->bytes += hone_tree_bytes(path);
    if (collector->dry)
        return;
    g_autofree char *aside = hone_store_path(collector->store, "tmp", key);
    hone_remove_tree(aside);
    if (rename(path, aside) == 0)
        hone_remove_tree(aside);
}

static guint collect(Collector *collector, const char *part)
{
    guint removed = 0;
    g_autoptr(GPtrArray) keys = names_in(collector->store, part);
    for (guint i = 0; i < keys->len; i++) {
        if (g_hash_table_contains(collector->kept, keys->pdata[i]))
            continue;
        int lock = hone_store_lock(collector->store, keys->pdata[i], NULL);
        if (lock < 0)
            continue;
        remove_entry(collector, part, keys->pdata[i]);
        removed++;
        g_autofree char *lock_path = hone_store_path(collector->store, "locks", keys->pdata[i]);
        unlink(lock_path);
        close(lock);
    }
    return removed;
}

static void collect_runs(Collector *collector, int keep)
{
    g_autoptr(GPtrArray) ids = hone_run_list(collector->store);
    for (guint i = 0; i < ids->len; i++) {
        g_autoptr(JsonObject) run = hone_run_read(collector->store, ids->pdata[i], NULL);
        if (keep < 0 || i < (guint)keep || hone_run_is_alive(collector->store, ids->pdata[i])) {
            if (run)
                keep_keys(collector, run);
            continue;
        }
        g_autofree char *folder = hone_store_path(collector->store, "runs", ids->pdata[i]);
        collector->bytes += hone_tree_bytes(folder);
        collector->runs++;
        if (!collector->dry)
            hone_remove_tree(folder);
    }
}

int hone_command_gc(int argc, char **argv)
{
    g_autofree char *folder = NULL;
    gboolean dry = FALSE;
    int keep = -1;
    const GOptionEntry entries[] = {
        {"store", 's', 0, G_OPTION_ARG_FILENAME, &folder, "The store", "FOLDER"},
        {"keep-runs", 0, 0, G_OPTION_ARG_INT, &keep, "Keep the newest N runs (default: all)", "N"},
        {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &dry, "Count, but remove nothing", NULL},
        {NULL}};
    int status;
    if (!hone_command_parse(entries, 0, 0, &argc, &argv, &status))
        return status;
    if (keep < -1) {
        hone_complain("--keep-runs takes a number from 0 on");
        return HONE_EXIT_USAGE;
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneStore) store = hone_store_open(folder, false, &error);
    int lock = store ? hone_store_lock_all(store, true, &error) : -1;
    if (lock < 0) {
        hone_complain("%s", error ? error->message : "a run is using this store; try again when it has ended");
        return HONE_EXIT_FAILED;
    }
    Collector collector = {.store = store, .dry = dry};
    collector.kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    collect_runs(&collector, keep);
    collector.results = collect(&collector, "artifacts");
    collector.checkpoints = collect(&collector, "work");
    g_autofree char *bytes = hone_text_bytes(collector.bytes);
    printf("%s %u results, %u checkpoints and %u runs: %s\n", dry ? "would remove" : "removed", collector.results,
           collector.checkpoints, collector.runs, bytes);
    g_hash_table_unref(collector.kept);
    close(lock);
    return HONE_EXIT_OK;
}

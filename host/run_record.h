/* SPDX-License-Identifier: Apache-2.0
 * run_record.h: what each run did: runs/ID/{run.json, pipeline.json, NODE.events.jsonl, NODE.log, NODE.node.json}.
 *
 *     run.json = {"hone": 1, "id", "name", "file", "command": [...], "started", "ended", "state": "running" | "done" |
 *     "failed" | "stopped", "versions": {...}, "nodes": {name: {"state": "waiting" | "running" | "done" | "cached" |
 *     "failed" | "skipped" | "stopped", "stage", "key", "why", "seconds", "peak_memory_bytes", "error", "inputs",
 *     "params", "ingredients"}}}
 * A run holds a lock on its folder's lock file, so a record that says "running" without one was interrupted.
 */
#ifndef HONE_HOST_RUN_RECORD_H
#define HONE_HOST_RUN_RECORD_H

#include "pipeline.h"
#include "store.h"

typedef struct HoneRun HoneRun;

HoneRun *hone_run_new(HoneStore *store, const HonePipeline *pipeline, const char *const *command, GError **error);
void hone_run_free(HoneRun *run);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneRun, hone_run_free)
const char *hone_run_id(const HoneRun *run);
JsonObject *hone_run_object(HoneRun *run);                 /* run.json */
JsonObject *hone_run_node(HoneRun *run, const char *node); /* its member of "nodes", made when absent */
JsonNode *hone_run_pipeline(HoneRun *run);                 /* pipeline.json */
bool hone_run_save(HoneRun *run, GError **error);
/* RUN/NODE + ending (".log"), with a short name where the node's would be too long for a file. Caller frees. */
char *hone_run_path(const HoneStore *store, const char *run, const char *node, const char *ending);

/* Names of the runs in the store, newest first. Caller unrefs. */
GPtrArray *hone_run_list(const HoneStore *store);
JsonObject *hone_run_read(const HoneStore *store, const char *id, GError **error);
/* True while a process works on it. */
bool hone_run_is_alive(const HoneStore *store, const char *id);
/* The state to show: "interrupted" where the record says "running" and nobody is. */
const char *hone_run_state(const HoneStore *store, const char *id, JsonObject *run);

/* The newest record of a node (its member of "nodes") in a run of that pipeline name (NULL: of any) that ended "done"
 * or "cached". skip: a run to pass over, or NULL. *run_id (may be NULL) is set; free it. NULL: none. Caller unrefs. */
JsonObject *hone_run_newest_node(const HoneStore *store, const char *pipeline, const char *node, const char *skip,
                                 char **run_id);

#endif

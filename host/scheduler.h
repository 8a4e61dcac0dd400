/* SPDX-License-Identifier: Apache-2.0
 * scheduler.h: runs a pipeline: each node when its inputs are there, side by side within the machine's resources.
 */
#ifndef HONE_HOST_SCHEDULER_H
#define HONE_HOST_SCHEDULER_H

#include "backend_choice.h"
#include "run_record.h"
#include "terminal.h"

typedef struct HoneScheduleOptions {
    const HoneRegistry *registry;
    const char *program;              /* of hone, to start nodes with */
    const HoneBackendChoice *backend; /* NULL: no node uses one */
    const char *const *plugin_path;
    const char *only; /* this node and what it needs; NULL: all */
    guint threads;    /* of a backend; 0: the node's share of processors */
    guint jobs;       /* at most so many nodes at once; 0: as resources allow */
    bool fresh;       /* take nothing from the store, and no checkpoint */
} HoneScheduleOptions;

typedef enum {
    HONE_TASK_WAITING, /* for its inputs */
    HONE_TASK_HASHING, /* its files are read for its key */
    HONE_TASK_READY,   /* for resources, or for another run that makes the same result */
    HONE_TASK_RUNNING,
    HONE_TASK_DONE,
    HONE_TASK_CACHED,
    HONE_TASK_FAILED,
    HONE_TASK_SKIPPED, /* an input failed, or it was not asked for */
    HONE_TASK_STOPPED, /* at the user's wish */
} HoneTaskState;
const char *hone_task_state_name(HoneTaskState state); /* "cached" */

/* How a node ended. */
typedef struct HoneTaskResult {
    const HonePipelineNode *node;
    HoneTaskState state;
    bool selected;
    double seconds;      /* of the run that made it */
    guint64 peak_memory; /* bytes */
    const char *why;     /* why it ran, or NULL */
    const char *message; /* of a failure, or NULL */
    const HoneStored *stored;
} HoneTaskResult;

typedef struct HoneScheduler HoneScheduler;

HoneScheduler *hone_scheduler_new(HoneStore *store, const HonePipeline *pipeline, HoneRun *run,
                                  const HoneScheduleOptions *options, HoneTerminal *terminal);
void hone_scheduler_free(HoneScheduler *scheduler);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneScheduler, hone_scheduler_free)
/* Runs its main loop until nothing is left to do. SIGINT and SIGTERM stop the nodes, a second one kills them. Returns
 * an exit status (command.h). */
int hone_scheduler_run(HoneScheduler *scheduler);
HoneTaskResult hone_scheduler_result(const HoneScheduler *scheduler, guint node);

/* True when a selected node (see `only`) uses a backend. */
bool hone_schedule_needs_backend(const HonePipeline *pipeline, const char *only);

#endif

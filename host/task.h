/* SPDX-License-Identifier: Apache-2.0
 * task.h: a node while its pipeline runs: its key, its process, its result. The scheduler's own header.
 */
#ifndef HONE_HOST_TASK_H
#define HONE_HOST_TASK_H

#include "node_process.h"
#include "resolve.h"
#include "scheduler.h"

/* What one looks at while it runs. */
typedef struct HoneTaskView {
    guint64 step, total;
    char *unit, *figures;
    bool moving;    /* a first step has been seen */
    double first_t; /* of the events, in their own time */
    guint64 first_step;
    double last_t;
    guint notes;
} HoneTaskView;

typedef struct HoneTask {
    HoneScheduler *scheduler;
    const HonePipelineNode *node;
    HoneTaskState state;
    bool selected, always_runs, uses_backend;
    guint cpus, gpus;
    guint64 memory;
    JsonObject *ingredients;
    HoneResolution found; /* what a hub's name in its parameters stands for */
    char *key, *why, *message;
    int lock; /* of the key; -1: not held */
    bool waits_for_lock;
    HoneStored *stored;
    HoneNodeProcess *process;
    gint64 began;
    double seconds;
    guint64 peak_memory;
    HoneTaskView view;
} HoneTask;

/* Seen by task.c and task_view.c. */
struct HoneScheduler {
    HoneStore *store;
    const HonePipeline *pipeline;
    HoneRun *run;
    HoneScheduleOptions options;
    HoneTerminal *terminal;
    GPtrArray *tasks; /* of HoneTask *, by node index */
    GMainLoop *loop;
    guint cpus, gpus;
    guint64 memory;
    guint stops;       /* signals received */
    bool store_failed; /* the record could not be written */
    guint advance_source;
    gint64 last_lines;
};

void hone_task_free(HoneTask *task);
HoneTask *hone_task_of(HoneScheduler *scheduler, const HonePipelineNode *node);

/* The ingredients of the key from the inputs that are done: reads files in a thread, then calls
 * hone_scheduler_keyed(). */
void hone_task_find_key(HoneTask *task);
void hone_scheduler_keyed(HoneTask *task, GError *problem);

/* Takes the result from the store if it is there and may be taken. */
bool hone_task_take_stored(HoneTask *task);
/* Starts the process; the lock must be held. */
bool hone_task_start(HoneTask *task, GError **error);
/* Called by the process's end. */
void hone_scheduler_ended(HoneTask *task, const HoneNodeEnd *end);
/* Publishes what the process sealed. */
bool hone_task_publish(HoneTask *task, const HoneNodeEnd *end, GError **error);
/* Puts the state into run.json's object. */
void hone_task_record(HoneTask *task);

/* task_view.c */
void hone_task_event(HoneTask *task, JsonObject *event);
HoneBar hone_task_bar(const HoneTask *task);
void hone_task_view_clear(HoneTaskView *view);

#endif

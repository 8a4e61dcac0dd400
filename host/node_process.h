/* SPDX-License-Identifier: Apache-2.0
 * node_process.h: the host's side of `hone node`: starts it, listens to it, bounds it, and says how it ended.
 */
#ifndef HONE_HOST_NODE_PROCESS_H
#define HONE_HOST_NODE_PROCESS_H

#include "process_status.h"
#include <hone/error.h>

typedef struct HoneNodeProcess HoneNodeProcess;

typedef enum {
    HONE_NODE_FINISHED, /* outputs are sealed */
    HONE_NODE_FAILED,
    HONE_NODE_CANCELLED,
} HoneNodeOutcome;

typedef struct HoneNodeEnd {
    HoneNodeOutcome outcome;
    const char *message; /* NULL when finished; may have several lines */
    double seconds;
    guint64 peak_memory;
} HoneNodeEnd;

typedef struct HoneNodeSetup {
    const char *program; /* of hone */
    const char *name, *plugin;
    const char *spec_path, *log_path, *events_path;
    int lock_fd;    /* the node keeps it locked too; not closed */
    double timeout; /* seconds; 0: none */
    guint64 memory; /* bytes; 0: no limit */
    /* A valid event, kept in events_path already. */
    void (*on_event)(gpointer data, JsonObject *event);
    /* Called once, from the main loop; the process may be freed in it. */
    void (*on_end)(gpointer data, const HoneNodeEnd *end);
    gpointer data;
} HoneNodeSetup;

/* Needs a running main loop in the thread that calls it. */
HoneNodeProcess *hone_node_process_start(const HoneNodeSetup *setup, GError **error);
/* Kills it if it still runs, without a call to on_end. */
void hone_node_process_free(HoneNodeProcess *process);
/* Asks it to save and stop. */
void hone_node_process_cancel(HoneNodeProcess *process);
/* Ends it and all it started, now. */
void hone_node_process_kill(HoneNodeProcess *process);
guint64 hone_node_process_memory(const HoneNodeProcess *process); /* resident bytes when last looked at */

/* The last `lines` lines of a log, each after `prefix`, clean for a terminal; "" when there is none. Caller frees. */
char *hone_log_tail(const char *path, unsigned lines, const char *prefix);

#endif

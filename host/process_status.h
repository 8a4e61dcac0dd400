/* SPDX-License-Identifier: Apache-2.0
 * process_status.h: a process's memory as /proc tells it.
 */
#ifndef HONE_HOST_PROCESS_STATUS_H
#define HONE_HOST_PROCESS_STATUS_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

typedef struct HoneMemoryUse {
    guint64 resident; /* bytes in memory, mapped files among them */
    guint64 own;      /* of these, what the kernel cannot drop and read again: a limit is about this */
    guint64 peak;     /* highest `resident` */
} HoneMemoryUse;

/* pid 0: this process. False once the process is gone. */
bool hone_memory_use(pid_t pid, HoneMemoryUse *use);

#endif

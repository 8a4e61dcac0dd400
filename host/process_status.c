/* SPDX-License-Identifier: Apache-2.0
 * process_status.c: /proc/PID/status.
 */
#include "process_status.h"
#include <string.h>

/* Bytes of a line "NAME:   1234 kB". */
static guint64 field(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? g_ascii_strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

bool hone_memory_use(pid_t pid, HoneMemoryUse *use)
{
    g_autofree char *path = pid > 0 ? g_strdup_printf("/proc/%d/status", (int)pid) : g_strdup("/proc/self/status");
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL) || !strstr(text, "\nVmRSS:"))
        return false;
    use->resident = field(text, "\nVmRSS:");
    use->own = field(text, "\nRssAnon:") + field(text, "\nRssShmem:");
    use->peak = field(text, "\nVmHWM:");
    return true;
}

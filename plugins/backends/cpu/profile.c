/* SPDX-License-Identifier: Apache-2.0
 * profile.c: where the time goes, by operator and shape, when HONE_PROFILE is set; printed to stderr at the end.
 * HONE_PROFILE=cpu counts the calling thread's processor time in place of the clock's: with one thread, what a busy
 * machine does not change much.
 */
#include "cpu.h"

#include <time.h>

typedef struct Entry {
    uint64_t calls;
    double seconds, work;
} Entry;

struct CpuProfile {
    GHashTable *entries; /* char * -> Entry * */
    gint64 opened;
};

static clockid_t profile_clock = CLOCK_MONOTONIC;

CpuProfile *cpu_profile_new(void)
{
    const char *wanted = g_getenv("HONE_PROFILE");
    if (wanted == NULL)
        return NULL;
    profile_clock = g_str_equal(wanted, "cpu") ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    CpuProfile *profile = g_new0(CpuProfile, 1);
    profile->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    profile->opened = g_get_monotonic_time();
    return profile;
}

int64_t cpu_nanoseconds(void)
{
    struct timespec now;
    clock_gettime(profile_clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void cpu_profile_add(CpuProfile *profile, const char *what, double seconds, double work)
{
    Entry *entry = g_hash_table_lookup(profile->entries, what);
    if (entry == NULL) {
        entry = g_new0(Entry, 1);
        g_hash_table_insert(profile->entries, g_strdup(what), entry);
    }
    entry->calls++;
    entry->seconds += seconds;
    entry->work += work;
}

static GHashTable *sorted_by;

static gint slower_first(gconstpointer a, gconstpointer b)
{
    const Entry *x = g_hash_table_lookup(sorted_by, a), *y = g_hash_table_lookup(sorted_by, b);
    return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

void cpu_profile_free(CpuProfile *profile)
{
    if (profile == NULL)
        return;
    double all = 0, open = (double)(g_get_monotonic_time() - profile->opened) / 1e6;
    sorted_by = profile->entries;
    g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(profile->entries), slower_first);
    g_printerr("%-36s %9s %9s %10s %12s\n", "operator", "calls", "seconds", "us each", "G work/s");
    for (GList *name = names; name != NULL; name = name->next) {
        const Entry *entry = g_hash_table_lookup(profile->entries, name->data);
        g_printerr("%-36s %9" G_GUINT64_FORMAT " %9.3f %10.1f %12.1f\n", (char *)name->data, entry->calls,
                   entry->seconds, entry->seconds / (double)entry->calls * 1e6, entry->work / entry->seconds / 1e9);
        all += entry->seconds;
    }
    g_printerr("%-36s %9s %9.3f of %.3f s since the backend was opened\n", "together", "", all, open);
    g_hash_table_unref(profile->entries);
    g_free(profile);
}

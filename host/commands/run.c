/* SPDX-License-Identifier: Apache-2.0
 * run.c: `hone run FILE` runs a pipeline: what has changed, and nothing else.
 */
#include "command.h"
#include "scheduler.h"
#include "summary.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

typedef struct {
    HoneCommandOptions common;
    char *backend, *store, *only;
    int threads, jobs;
    gboolean fresh, as_json;
} Options;

static void options_clear(Options *options)
{
    hone_command_options_clear(&options->common);
    g_free(options->backend);
    g_free(options->store);
    g_free(options->only);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* What a report says the run was made with. */
static void add_versions(HoneRun *run, const HonePipeline *pipeline, const HoneBackendChoice *backend)
{
    JsonObject *versions = json_object_new();
    g_autofree char *glib = g_strdup_printf("%u.%u.%u", glib_major_version, glib_minor_version, glib_micro_version);
    g_autofree char *abi = g_strdup_printf("%d.%d", HONE_ABI_MAJOR, HONE_ABI_MINOR);
    json_object_set_string_member(versions, "hone", HONE_VERSION);
    json_object_set_string_member(versions, "abi", abi);
    json_object_set_string_member(versions, "glib", glib);
    json_object_set_string_member(versions, "json-glib", JSON_VERSION_S);
    struct utsname system;
    if (uname(&system) == 0) {
        g_autofree char *text = g_strdup_printf("%s %s %s", system.sysname, system.release, system.machine);
        json_object_set_string_member(versions, "system", text);
    }
    if (backend) {
        json_object_set_string_member(versions, "backend", backend->name);
        json_object_set_string_member(versions, "device", backend->device);
    }
    for (guint i = 0; i < pipeline->nodes->len; i++) {
        const HonePlugin *plugin = ((HonePipelineNode *)pipeline->nodes->pdata[i])->plugin->plugin;
        g_autofree char *name = g_strdup_printf("plugin %s", plugin->name);
        json_object_set_string_member(versions, name, plugin->version);
    }
    json_object_set_object_member(hone_run_object(run), "versions", versions);
}

static int complain(GError *error)
{
    hone_complain("%s", error->message);
    return HONE_EXIT_FAILED;
}

static int run_pipeline(const Options *options, const HoneRegistry *registry, const HonePipeline *pipeline,
                        const char *const *command)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *program = g_file_read_link("/proc/self/exe", &error);
    if (!program)
        return complain(error);
    g_autoptr(HoneBackendChoice) backend = NULL;
    const char *const *plugin_path = (const char *const *)options->common.plugin_path;
    if (hone_schedule_needs_backend(pipeline, options->only)) {
        backend = hone_backend_ask(program, options->backend ? options->backend : "auto", (guint)options->threads,
                                   plugin_path, &error);
        if (!backend)
            return complain(error);
    }
    g_autoptr(HoneStore) store = hone_store_open(options->store, true, &error);
    if (!store)
        return complain(error);
    int lock = hone_store_lock_all(store, false, &error);
    if (lock < 0) {
        hone_complain("%s", error ? error->message : "the store is being cleaned up; run again in a moment");
        return HONE_EXIT_FAILED;
    }
    g_autoptr(HoneRun) run = hone_run_new(store, pipeline, command, &error);
    if (!run) {
        close(lock);
        return complain(error);
    }
    add_versions(run, pipeline, backend);
    g_autoptr(HoneTerminal) terminal = hone_terminal_new(STDERR_FILENO);
    hone_terminal_print(terminal, HONE_TONE_DIM, "run %s of %s%s%s", hone_run_id(run), pipeline->name,
                        backend ? " on " : "", backend ? backend->device : "");
    HoneScheduleOptions schedule = {
        .registry = registry,
        .program = program,
        .backend = backend,
        .plugin_path = plugin_path,
        .only = options->only,
        .threads = (guint)options->threads,
        .jobs = (guint)options->jobs,
        .fresh = options->fresh,
    };
    g_autoptr(HoneScheduler) scheduler = hone_scheduler_new(store, pipeline, run, &schedule, terminal);
    int status = hone_scheduler_run(scheduler);
    if (options->as_json)
        hone_print_json(hone_summary_json(scheduler, pipeline, run));
    else
        hone_summary_print(scheduler, pipeline, stdout);
    fflush(stdout);
    if (status == HONE_EXIT_STOPPED)
        hone_complain("stopped; run the same command again to go on from here");
    close(lock);
    return status;
}

int hone_command_run(int argc, char **argv)
{
    g_auto(Options) options = {0};
    g_auto(GStrv) command = g_strdupv(argv);
    const GOptionEntry entries[] = {
        HONE_PIPELINE_OPTIONS(options.common),
        {"backend", 'b', 0, G_OPTION_ARG_STRING, &options.backend, "What computes (default: auto, the fastest)",
         "NAME"},
        {"threads", 't', 0, G_OPTION_ARG_INT, &options.threads, "Threads of the backend (default: all processors)",
         "N"},
        {"jobs", 'j', 0, G_OPTION_ARG_INT, &options.jobs, "Run at most so many nodes at once", "N"},
        {"store", 's', 0, G_OPTION_ARG_FILENAME, &options.store, "Where results are kept (default: $HONE_STORE, .hone)",
         "FOLDER"},
        {"only", 0, 0, G_OPTION_ARG_STRING, &options.only, "Run this node and what it needs", "NODE"},
        {"fresh", 0, 0, G_OPTION_ARG_NONE, &options.fresh, "Take no earlier result and no checkpoint", NULL},
        {"json", 0, 0, G_OPTION_ARG_NONE, &options.as_json, "Print the outcome as JSON", NULL},
        {NULL}};
    int status;
    if (!hone_command_parse(entries, 1, 1, &argc, &argv, &status))
        return status;
    if (options.threads < 0 || options.threads > 4096 || options.jobs < 0) {
        hone_complain("--threads and --jobs take a number from 0 on, --threads at most 4096");
        return HONE_EXIT_USAGE;
    }
    /* A pipe that closes is an error of write(), not the end of a run. */
    signal(SIGPIPE, SIG_IGN);
    g_autoptr(HoneRegistry) registry = hone_registry_new((const char *const *)options.common.plugin_path);
    g_autoptr(HonePipeline) pipeline = hone_command_load(argv[1], &options.common, registry, false);
    if (!pipeline)
        return HONE_EXIT_USAGE;
    if (options.only && !hone_pipeline_find(pipeline, options.only)) {
        g_autoptr(GPtrArray) names = g_ptr_array_new();
        for (guint i = 0; i < pipeline->nodes->len; i++)
            g_ptr_array_add(names, ((HonePipelineNode *)pipeline->nodes->pdata[i])->name);
        g_autofree char *hint = hone_did_you_mean(options.only, (const char *const *)names->pdata, names->len);
        hone_complain("no node \"%s\" in this pipeline%s", options.only, hint);
        return HONE_EXIT_USAGE;
    }
    return run_pipeline(&options, registry, pipeline, (const char *const *)command);
}

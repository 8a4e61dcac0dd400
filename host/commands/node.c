/* SPDX-License-Identifier: Apache-2.0
 * node.c: `hone node SPEC.json` runs one node: the process that a plugin's code may take down with it.
 *
 * A run starts it with an event descriptor and the lock of its key. Started by hand (under gdb) it has neither: then it
 * takes the lock itself, writes its outputs to a temporary folder, and tells the terminal what went wrong.
 */
#include "backend_choice.h"
#include "command.h"
#include "process_status.h"
#include "resolve.h"
#include "store.h"
#include <errno.h>
#include <fcntl.h>
#include <hone/file.h>
#include <hone/stage.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SPEC_LIMIT ((size_t)64 << 20)

static HoneStage *volatile signalled_stage;

static void on_signal(int number)
{
    HoneStage *stage = signalled_stage;
    if (stage)
        hone_stage_cancel(stage);
}

static void handle_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Ends with its host, however that ends. */
static bool follow_parent(int parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return getppid() == parent;
}

static const HoneComponent *find(void *host, HoneKind kind, const char *name, GError **error)
{
    const HoneRegistry *registry = host;
    if (kind == HONE_BACKEND && g_str_equal(name, "auto")) {
        HoneBackendOptions options = {.size = sizeof options};
        HoneBackendInfo info = {.size = sizeof info};
        return hone_backend_choose(registry, name, &options, &info, error);
    }
    const HoneEntry *entry = hone_registry_find(registry, kind, name, error);
    return entry ? entry->component : NULL;
}

static const char *text(JsonObject *spec, const char *name)
{
    return json_object_get_string_member_with_default(spec, name, NULL);
}

static JsonArray *list(JsonObject *spec, const char *name)
{
    JsonNode *node = json_object_get_member(spec, name);
    return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

static JsonObject *object(JsonObject *spec, const char *name)
{
    JsonNode *node = json_object_get_member(spec, name);
    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static HoneRegistry *load_plugins(JsonObject *spec)
{
    g_autoptr(GPtrArray) folders = g_ptr_array_new();
    JsonArray *path = list(spec, "plugin_path");
    for (guint i = 0; path && i < json_array_get_length(path); i++)
        g_ptr_array_add(folders, (gpointer)json_array_get_string_element(path, i));
    g_ptr_array_add(folders, NULL);
    return hone_registry_new((const char *const *)folders->pdata);
}

static const HoneComponent *find_stage(JsonObject *spec, const HoneRegistry *registry, GError **error)
{
    const HoneEntry *entry = hone_registry_find(registry, HONE_STAGE, text(spec, "stage"), error);
    if (!entry)
        return NULL;
    /* The result is published under a key that holds this version. */
    if (g_strcmp0(entry->component->version, text(spec, "version")) != 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_PLUGIN,
                    "stage \"%s\" is version %s now and was %s when the run began; run again", entry->component->name,
                    entry->component->version, text(spec, "version"));
        return NULL;
    }
    return entry->component;
}

static bool add_inputs(HoneStage *stage, JsonObject *spec, GError **error)
{
    JsonArray *inputs = list(spec, "inputs");
    for (guint i = 0; inputs && i < json_array_get_length(inputs); i++) {
        JsonObject *input = json_array_get_object_element(inputs, i);
        HoneArtifact *artifact = hone_artifact_open(text(input, "folder"), false, error);
        if (!artifact)
            return false;
        hone_stage_add_input(stage, text(input, "port"), text(input, "label"), artifact);
    }
    return true;
}

static bool run_stage(JsonObject *spec, const char *output_folder, int events_fd, GError **error)
{
    g_autoptr(HoneRegistry) registry = load_plugins(spec);
    const HoneComponent *component = find_stage(spec, registry, error);
    if (!component)
        return false;
    HoneStageSetup setup = {
        .size = sizeof setup,
        .component = component,
        .name = text(spec, "node"),
        .params = object(spec, "params"),
        .folder = text(spec, "folder"),
        .output_folder = output_folder,
        .work_folder = text(spec, "work_folder"),
        .hash_folder = text(spec, "hash_folder"),
        .run_info = object(spec, "run_info"),
        .events_fd = events_fd,
        .backend = text(spec, "backend"),
        .backend_options = {.size = sizeof setup.backend_options,
                            .threads = (uint32_t)json_object_get_int_member_with_default(spec, "threads", 0),
                            .device = (int32_t)json_object_get_int_member_with_default(spec, "device", 0),
                            .memory_limit = (uint64_t)json_object_get_int_member_with_default(spec, "memory_limit", 0)},
        .find = find,
        .host = registry,
        .resolved = text(spec, "resolved"),
    };
    g_autoptr(HoneStage) stage = hone_stage_new(&setup);
    signalled_stage = stage;
    bool ok = add_inputs(stage, spec, error) && hone_stage_execute(stage, error);
    signalled_stage = NULL;
    HoneMemoryUse use;
    if (hone_memory_use(0, &use))
        hone_progress_fact(hone_stage_progress(stage), "peak_memory_bytes", (double)use.peak);
    return ok;
}

/* The last line on the event descriptor: how it ended, in the stage's own words. */
static void tell_result(int events_fd, bool ok, const GError *error)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    JsonObject *result = json_object_new();
    json_node_take_object(node, result);
    json_object_set_string_member(result, "event", "result");
    json_object_set_boolean_member(result, "ok", ok);
    if (error) {
        g_autofree char *message = g_utf8_make_valid(error->message, -1);
        json_object_set_string_member(result, "message", message);
        json_object_set_boolean_member(result, "cancelled", g_error_matches(error, HONE_ERROR, HONE_ERROR_CANCELLED));
    }
    g_autofree char *line = hone_json_canonical(node);
    dprintf(events_fd, "%s\n", line);
}

static int exit_status(bool ok, const GError *error)
{
    return ok                                                         ? HONE_EXIT_OK
           : g_error_matches(error, HONE_ERROR, HONE_ERROR_CANCELLED) ? HONE_EXIT_STOPPED
                                                                      : HONE_EXIT_FAILED;
}

static int run_by_hand(JsonObject *spec)
{
    const char *lock_path = text(spec, "lock");
    int lock = lock_path ? open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0) {
        hone_complain("%s: cannot lock it (%s): is a run working on this node?", lock_path ? lock_path : "lock",
                      g_strerror(errno));
        return HONE_EXIT_FAILED;
    }
    g_autoptr(GError) error = NULL;
    g_autofree char *outputs = g_dir_make_tmp("hone-node-XXXXXX", &error);
    bool ok = outputs && g_mkdir_with_parents(text(spec, "work_folder"), 0777) == 0 &&
              run_stage(spec, outputs, STDERR_FILENO, &error);
    if (!ok)
        hone_complain("%s", error ? error->message : "the work folder cannot be made");
    else
        printf("%s: done; outputs in %s\n", text(spec, "node"), outputs);
    close(lock);
    return exit_status(ok, error);
}

int hone_command_node(int argc, char **argv)
{
    g_auto(HoneCommandOptions) options = {0};
    g_autofree char *backend = NULL;
    gboolean resolve = FALSE;
    int events_fd = -1, lock_fd = -1, parent = 0, threads = 0;
    const GOptionEntry entries[] = {
        HONE_PLUGIN_PATH_OPTION(options),
        {"events-fd", 0, 0, G_OPTION_ARG_INT, &events_fd, "Where events go", "FD"},
        {"lock-fd", 0, 0, G_OPTION_ARG_INT, &lock_fd, "The lock that this process keeps", "FD"},
        {"parent", 0, 0, G_OPTION_ARG_INT, &parent, "The process to end with", "PID"},
        {"backend-info", 0, 0, G_OPTION_ARG_STRING, &backend, "Describe a backend and end", "NAME"},
        {"resolve", 0, 0, G_OPTION_ARG_NONE, &resolve, "Say what a hub's name stands for and end", NULL},
        {"threads", 0, 0, G_OPTION_ARG_INT, &threads, "For --backend-info", "N"},
        {NULL}};
    int status;
    if (!hone_command_parse(entries, 0, 1, &argc, &argv, &status))
        return status;
    if (backend) {
        g_autoptr(HoneRegistry) registry = hone_registry_new((const char *const *)options.plugin_path);
        return hone_backend_tell(registry, backend, (guint)MAX(threads, 0));
    }
    if (resolve) {
        g_autoptr(HoneRegistry) registry = hone_registry_new((const char *const *)options.plugin_path);
        return hone_resolve_tell(registry);
    }
    if (argc != 2) {
        hone_complain("usage: hone node SPEC.json");
        return HONE_EXIT_USAGE;
    }
    if (parent > 0 && !follow_parent(parent))
        return HONE_EXIT_FAILED;
    handle_signals();
    /* Where memory runs out, this process goes, and its host stays to say so. */
    if (parent > 0)
        g_file_set_contents_full("/proc/self/oom_score_adj", "500", -1, G_FILE_SET_CONTENTS_ONLY_EXISTING, 0666, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) spec = hone_file_read_json(argv[1], SPEC_LIMIT, &error);
    if (!spec || !text(spec, "stage") || !text(spec, "work_folder") || !text(spec, "output_folder")) {
        hone_complain("%s", error ? error->message : "not the description of a node");
        return HONE_EXIT_USAGE;
    }
    if (events_fd < 0)
        return run_by_hand(spec);
    /* Programs that a plugin starts inherit neither: the lock ends with this process. */
    fcntl(events_fd, F_SETFD, FD_CLOEXEC);
    if (lock_fd >= 0)
        fcntl(lock_fd, F_SETFD, FD_CLOEXEC);
    bool ok = run_stage(spec, text(spec, "output_folder"), events_fd, &error);
    if (!ok)
        fprintf(stderr, "%s\n", error->message);
    tell_result(events_fd, ok, error);
    return exit_status(ok, error);
}

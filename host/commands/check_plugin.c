/* SPDX-License-Identifier: Apache-2.0
 * check_plugin.c: `hone check-plugin FILE.so...` holds plugins to the SDK's rules. Each component is checked in a
 * process of its own, so that one that crashes is a line of the result.
 */
#include "command.h"
#include "conform.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_SECONDS 600

/* Shared with the child: what it was at when it died. */
typedef struct {
    char check[64];
} Watch;

static void begin(void *data, const char *check)
{
    g_strlcpy(((Watch *)data)->check, check, sizeof((Watch *)data)->check);
}

static void report(void *data, const char *check, HoneConformResult result, const char *text)
{
    static const char *const words[] = {[HONE_CONFORM_PASSED] = "ok",
                                        [HONE_CONFORM_FAILED] = "FAILED",
                                        [HONE_CONFORM_SKIPPED] = "skipped",
                                        [HONE_CONFORM_NOTE] = "note"};
    printf("  %-8s %-18s %s\n", words[result], check, text);
    fflush(stdout);
}

static bool check_component(const HoneComponent *component, const HoneRegistry *registry, Watch *watch)
{
    printf("%s %s\n", hone_kind_name(component->kind), component->name);
    fflush(NULL);
    begin(watch, "start");
    pid_t child = fork();
    if (child < 0) {
        hone_complain("a process could not be started: %s", g_strerror(errno));
        return false;
    }
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        alarm(PATIENCE_SECONDS);
        HoneConform conform = {
            .component = component, .registry = registry, .begin = begin, .report = report, .data = watch};
        bool good = hone_conform_run(&conform);
        fflush(NULL);
        _exit(good ? 0 : 1);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) <= 1)
        return WEXITSTATUS(status) == 0;
    const char *what = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "it did not end"
                       : WIFSIGNALED(status)                              ? strsignal(WTERMSIG(status))
                                                                          : "it ended the process";
    report(NULL, watch->check, HONE_CONFORM_FAILED, what);
    return false;
}

static bool check_file(const char *file, const HoneRegistry *registry, Watch *watch)
{
    g_autoptr(GError) error = NULL;
    const HonePlugin *plugin = hone_plugin_load(file, &error);
    if (plugin == NULL) {
        printf("%s\n  FAILED   load               %s\n", file, error->message);
        return false;
    }
    printf("%s: %s %s, %s\n", file, plugin->name, plugin->version, plugin->licence);
    bool good = true;
    for (size_t i = 0; plugin->components[i] != NULL; i++)
        good = check_component(plugin->components[i], registry, watch) && good;
    return good;
}

int hone_command_check_plugin(int argc, char **argv)
{
    g_auto(HoneCommandOptions) options = {0};
    const GOptionEntry entries[] = {HONE_PLUGIN_PATH_OPTION(options), {NULL}};
    int status;
    if (!hone_command_parse(entries, 1, -1, &argc, &argv, &status))
        return status;
    Watch *watch = mmap(NULL, sizeof *watch, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (watch == MAP_FAILED) {
        hone_complain("no memory: %s", g_strerror(errno));
        return HONE_EXIT_FAILED;
    }
    g_autoptr(HoneRegistry) registry = hone_registry_new((const char *const *)options.plugin_path);
    guint failed = 0;
    for (int i = 1; i < argc; i++)
        failed += !check_file(argv[i], registry, watch);
    munmap(watch, sizeof *watch);
    if (failed > 0)
        printf("%u of %d plugins break the SDK's rules\n", failed, argc - 1);
    return failed == 0 ? HONE_EXIT_OK : HONE_EXIT_FAILED;
}

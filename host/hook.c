/* SPDX-License-Identifier: Apache-2.0
 * hook.c: runs a stage's own check in a child process, so that a plugin that crashes or hangs is a line in the list of
 * mistakes and not the end of `hone check`.
 */
#include "draft.h"
#include "resolve.h"
#include <errno.h>
#include <fcntl.h>
#include <hone/stage.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_SECONDS 30
#define LONGEST_MESSAGE 4096
/* Exit status of a child that found nothing wrong, but something to say. */
#define REMARK 3

/* In the child: 0 where all is well, else 1 with the message written to fd. Nothing is printed on the terminal. */
static G_NORETURN void run_child(const HoneComponent *component, JsonObject *params, const char *folder, int fd)
{
    int nowhere = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3 && nowhere >= 0; i++)
        dup2(nowhere, i);
    /* A crash ends the child by its signal, whatever handlers there were, and leaves no core file about. */
    static const int signals[] = {SIGINT, SIGTERM, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++)
        signal(signals[i], SIG_DFL);
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    g_autoptr(GError) error = NULL;
    const HoneStageOps *ops = component->ops;
    void *instance = g_malloc0(MAX(component->instance_size, 1));
    HoneResolution found = {0};
    bool good = hone_params_fill(component, params, folder, instance, &error) && ops->check(instance, &error);
    if (good && hone_resolve_param(component, params, folder) != NULL)
        good = hone_resolve_here(component, instance, HONE_RESOLVE_LOCAL, &found, &error);
    if (good && found.remark == NULL)
        _exit(0);
    const char *message = good            ? found.remark
                          : error != NULL ? error->message
                                          : "the check failed without a reason: mend the plugin";
    size_t length = MIN(strlen(message), LONGEST_MESSAGE - 1);
    while (length > 0) {
        ssize_t n = write(fd, message, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        message += n;
        length -= (size_t)n;
    }
    _exit(good ? REMARK : 1);
}

/* Collects what the child writes until it closes its end or the time is over. False: over. */
static bool collect(int fd, GString *message)
{
    gint64 end = g_get_monotonic_time() + PATIENCE_SECONDS * G_USEC_PER_SEC;
    for (;;) {
        gint64 left = (end - g_get_monotonic_time()) / 1000;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int ready = left > 0 ? poll(&wait, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        char buffer[512];
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return true;
        if (message->len + (gsize)n <= LONGEST_MESSAGE)
            g_string_append_len(message, buffer, n);
    }
}

/* NULL where the check passed, else what to tell; *warning where that is no mistake. Caller frees. */
static char *run_hook(const HoneComponent *component, JsonObject *params, const char *folder, bool *warning)
{
    *warning = false;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return g_strdup_printf("the stage's check could not be started: %s", g_strerror(errno));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_child(component, params, folder, ends[1]);
    }
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return g_strdup_printf("the stage's check could not be started: %s", g_strerror(errno));
    }
    GString *message = g_string_new(NULL);
    bool in_time = collect(ends[0], message);
    close(ends[0]);
    if (!in_time)
        kill(child, SIGKILL);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    g_autofree char *raw = g_string_free(message, FALSE);
    if (!in_time)
        return g_strdup_printf("the check of the plugin \"%s\" did not end within %d seconds", component->name,
                               PATIENCE_SECONDS);
    if (WIFSIGNALED(status))
        return g_strdup_printf("the check of the plugin \"%s\" crashed (%s)", component->name,
                               strsignal(WTERMSIG(status)));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return NULL;
    if (*raw == 0)
        return g_strdup_printf("the check of the plugin \"%s\" ended with status %d", component->name,
                               WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    *warning = WEXITSTATUS(status) == REMARK;
    return g_utf8_make_valid(raw, -1);
}

static void check_variant(HoneDraft *draft, const guint *choice, void *data)
{
    HoneMistakes *mistakes = data;
    g_autoptr(JsonObject) params = hone_draft_params(draft, choice);
    bool warning;
    g_autofree char *message = run_hook(draft->entry->component, params, draft->source->file->folder, &warning);
    if (message == NULL)
        return;
    /* One message a line. */
    g_strdelimit(g_strchomp(message), "\n\r\t", ' ');
    (warning ? hone_mistakes_warn : hone_mistakes_add)(mistakes, hone_draft_place(draft), "\"%s\" (%s): %s",
                                                       draft->source->name, draft->entry->component->name, message);
}

void hone_drafts_run_hooks(GPtrArray *drafts, HoneMistakes *mistakes)
{
    for (guint i = 0; i < drafts->len && !hone_mistakes_full(mistakes); i++) {
        HoneDraft *draft = drafts->pdata[i];
        if (draft->entry == NULL || draft->faulty)
            continue;
        const HoneStageOps *ops = draft->entry->component->ops;
        if (ops->size >= offsetof(HoneStageOps, check) + sizeof ops->check && ops->check != NULL)
            hone_draft_variants(draft, check_variant, mistakes);
    }
}

/* SPDX-License-Identifier: Apache-2.0
 * killed.c: see killed.h.
 */
#include "killed.h"
#include <gio/gio.h>
#include <signal.h>
#include <string.h>

enum {
    ARG_MODE = 1,
    ARG_STAGE,
    ARG_MODEL,
    ARG_DATASET,
    ARG_OUTPUT,
    ARG_WORK,
    ARG_BACKEND,
    ARG_PARAMS,
    ARG_PORT, /* both empty where there is no third input */
    ARG_INPUT,
    ARG_COUNT,
};

/* ---- The child. ---- */

bool test_is_child(int argc, char **argv)
{
    return argc == ARG_COUNT && strcmp(argv[ARG_MODE], "--train") == 0;
}

static HoneStage *running;

static void on_term(int number)
{
    hone_stage_cancel(running);
}

int test_child(char **argv)
{
    const TestTraining training = {.stage = argv[ARG_STAGE],
                                   .model = argv[ARG_MODEL],
                                   .dataset = argv[ARG_DATASET],
                                   .port = *argv[ARG_PORT] ? argv[ARG_PORT] : NULL,
                                   .input = argv[ARG_INPUT],
                                   .output = argv[ARG_OUTPUT],
                                   .work = argv[ARG_WORK],
                                   .backend = argv[ARG_BACKEND],
                                   .params = argv[ARG_PARAMS],
                                   .events_fd = 1};
    g_autoptr(HoneStage) stage = running = test_training(&training);
    g_autoptr(GError) error = NULL;
    signal(SIGTERM, on_term);
    bool ok = hone_stage_execute(stage, &error);
    signal(SIGTERM, SIG_DFL);
    if (!ok)
        g_printerr("%s\n", error->message);
    return ok ? 0 : g_error_matches(error, HONE_ERROR, HONE_ERROR_CANCELLED) ? 130 : 1;
}

/* ---- Its parent. ---- */

/* Trains in a child; once it reports step `at`, it gets signal `number`. Returns its exit status, -1 when killed. */
static int train_child(const TestTraining *t, unsigned at, int number)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    const char *const args[ARG_COUNT + 1] = {self,
                                             "--train",
                                             t->stage ? t->stage : "sft",
                                             t->model,
                                             t->dataset,
                                             t->output,
                                             t->work,
                                             t->backend,
                                             t->params,
                                             t->port ? t->port : "",
                                             t->port ? t->input : ""};
    g_autoptr(GSubprocess) child = g_subprocess_newv(
        args, G_SUBPROCESS_FLAGS_STDOUT_PIPE | (number ? G_SUBPROCESS_FLAGS_STDERR_SILENCE : 0), &error);
    g_assert_no_error(error);
    g_autoptr(GDataInputStream) events = g_data_input_stream_new(g_subprocess_get_stdout_pipe(child));
    g_autofree char *mark = g_strdup_printf("\"step\":%u,", at);
    for (;;) {
        g_autofree char *line = g_data_input_stream_read_line(events, NULL, NULL, NULL);
        if (!line)
            break;
        if (number && strstr(line, "\"loss\"") && strstr(line, mark))
            g_subprocess_send_signal(child, number);
    }
    g_assert_true(g_subprocess_wait(child, NULL, &error));
    return g_subprocess_get_if_exited(child) ? g_subprocess_get_exit_status(child) : -1;
}

static bool is_empty(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    return !dir || !g_dir_read_name(dir);
}

void test_kill_and_resume(const TestTraining *training, const unsigned *stops, size_t n)
{
    static const struct {
        int number, status;
    } ends[] = {{SIGKILL, -1}, {SIGTERM, 130}};
    g_assert_cmpint(train_child(training, 0, 0), ==, 0);
    g_autofree char *whole = test_result_hash(training->output);
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        test_remove_folder(training->output);
        test_remove_folder(training->work);
        for (size_t k = 0; k < n; k++) {
            g_assert_cmpint(train_child(training, stops[k], ends[i].number), ==, ends[i].status);
            g_assert_false(is_empty(training->work));
        }
        g_assert_cmpint(train_child(training, 0, 0), ==, 0);
        g_autofree char *resumed = test_result_hash(training->output);
        g_assert_cmpstr(resumed, ==, whole);
    }
}

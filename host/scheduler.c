/* SPDX-License-Identifier: Apache-2.0
 * scheduler.c: which node runs when, and what a signal, a failure or another run change about it.
 */
#include "scheduler.h"
#include "command.h"
#include "table.h"
#include "task.h"
#include "why.h"
#include <glib-unix.h>
#include <hone/stage.h>
#include <signal.h>
#include <unistd.h>

#define TICK_MS 100
#define LINES_US (5 * G_USEC_PER_SEC)

const char *hone_task_state_name(HoneTaskState state)
{
    static const char *const names[] = {"waiting", "waiting", "waiting", "running", "done",
                                        "cached",  "failed",  "skipped", "stopped"};
    return names[state];
}

static bool uses_backend(const HonePipelineNode *node)
{
    return ((const HoneStageOps *)node->component->ops)->flags & HONE_STAGE_USES_BACKEND;
}

/* Marks a node and all that it needs. */
static void select_with_inputs(const HonePipelineNode *node, bool *selected)
{
    if (selected[node->index])
        return;
    selected[node->index] = true;
    for (guint i = 0; i < node->inputs->len; i++) {
        const HonePipelineInput *input = node->inputs->pdata[i];
        for (guint k = 0; k < input->edges->len; k++)
            select_with_inputs(((HonePipelineEdge *)input->edges->pdata[k])->from, selected);
    }
}

/* One flag for each node. Caller frees. */
static bool *selection(const HonePipeline *pipeline, const char *only)
{
    bool *selected = g_new0(bool, MAX(pipeline->nodes->len, 1));
    for (guint i = 0; i < pipeline->nodes->len; i++) {
        const HonePipelineNode *node = pipeline->nodes->pdata[i];
        if (!only || g_str_equal(node->name, only))
            select_with_inputs(node, selected);
    }
    return selected;
}

bool hone_schedule_needs_backend(const HonePipeline *pipeline, const char *only)
{
    g_autofree bool *selected = selection(pipeline, only);
    for (guint i = 0; i < pipeline->nodes->len; i++) {
        if (selected[i] && uses_backend(pipeline->nodes->pdata[i]))
            return true;
    }
    return false;
}

static void free_task(gpointer task)
{
    hone_task_free(task);
}

static HoneTask *task_new(HoneScheduler *scheduler, const HonePipelineNode *node, bool selected)
{
    HoneTask *task = g_new0(HoneTask, 1);
    task->scheduler = scheduler;
    task->node = node;
    task->selected = selected;
    task->state = selected ? HONE_TASK_WAITING : HONE_TASK_SKIPPED;
    task->lock = -1;
    task->uses_backend = uses_backend(node);
    task->always_runs = ((const HoneStageOps *)node->component->ops)->flags & HONE_STAGE_ALWAYS_RUNS;
    /* A node that wants more than there is gets all there is, and runs alone. */
    guint cpus = node->cpus > 0 ? node->cpus : task->uses_backend ? scheduler->cpus : 1;
    task->cpus = MIN(cpus, scheduler->cpus);
    task->gpus = MIN(node->gpus, scheduler->gpus);
    task->memory = MIN(node->memory, scheduler->memory);
    return task;
}

HoneScheduler *hone_scheduler_new(HoneStore *store, const HonePipeline *pipeline, HoneRun *run,
                                  const HoneScheduleOptions *options, HoneTerminal *terminal)
{
    HoneScheduler *scheduler = g_new0(HoneScheduler, 1);
    scheduler->store = store;
    scheduler->pipeline = pipeline;
    scheduler->run = run;
    scheduler->options = *options;
    scheduler->terminal = terminal;
    scheduler->loop = g_main_loop_new(NULL, FALSE);
    scheduler->cpus = MAX(g_get_num_processors(), 1);
    scheduler->gpus = 1;
    scheduler->memory = (guint64)sysconf(_SC_PHYS_PAGES) * (guint64)sysconf(_SC_PAGESIZE);
    scheduler->tasks = g_ptr_array_new_with_free_func(free_task);
    g_autofree bool *selected = selection(pipeline, options->only);
    for (guint i = 0; i < pipeline->nodes->len; i++)
        g_ptr_array_add(scheduler->tasks, task_new(scheduler, pipeline->nodes->pdata[i], selected[i]));
    return scheduler;
}

void hone_scheduler_free(HoneScheduler *scheduler)
{
    if (!scheduler)
        return;
    if (scheduler->advance_source)
        g_source_remove(scheduler->advance_source);
    g_ptr_array_unref(scheduler->tasks);
    g_main_loop_unref(scheduler->loop);
    g_free(scheduler);
}

HoneTaskResult hone_scheduler_result(const HoneScheduler *scheduler, guint node)
{
    const HoneTask *task = scheduler->tasks->pdata[node];
    return (HoneTaskResult){.node = task->node,
                            .state = task->state,
                            .selected = task->selected,
                            .seconds = task->seconds,
                            .peak_memory = task->peak_memory,
                            .why = task->why,
                            .message = task->message,
                            .stored = task->stored};
}

/* ---- Changes of state. ---- */

static gboolean advance(gpointer data);

static void advance_soon(HoneScheduler *scheduler)
{
    if (!scheduler->advance_source)
        scheduler->advance_source = g_idle_add(advance, scheduler);
}

static void save(HoneScheduler *scheduler)
{
    g_autoptr(GError) error = NULL;
    if (hone_run_save(scheduler->run, &error) || scheduler->store_failed)
        return;
    scheduler->store_failed = true;
    hone_terminal_print(scheduler->terminal, HONE_TONE_BAD, "the run's record cannot be written: %s", error->message);
}

static void enter(HoneTask *task, HoneTaskState state)
{
    task->state = state;
    task->waits_for_lock = false;
    if (state != HONE_TASK_RUNNING && task->lock >= 0) {
        close(task->lock);
        task->lock = -1;
    }
    hone_task_record(task);
    save(task->scheduler);
    advance_soon(task->scheduler);
}

static void fail(HoneTask *task, const char *message)
{
    task->message = g_strdup(message);
    hone_terminal_print(task->scheduler->terminal, HONE_TONE_BAD, "%s: failed: %s", task->node->name, message);
    enter(task, HONE_TASK_FAILED);
}

static void take(HoneTask *task)
{
    hone_terminal_print(task->scheduler->terminal, HONE_TONE_DIM, "%s: unchanged, taken from the store",
                        task->node->name);
    enter(task, HONE_TASK_CACHED);
}

void hone_scheduler_keyed(HoneTask *task, GError *problem)
{
    if (problem) {
        fail(task, problem->message);
        return;
    }
    if (task->found.remark)
        hone_terminal_print(task->scheduler->terminal, HONE_TONE_WARNING, "%s: %s", task->node->name,
                            task->found.remark);
    if (task->scheduler->stops > 0) {
        enter(task, HONE_TASK_STOPPED);
    } else if (hone_task_take_stored(task)) {
        take(task);
    } else {
        if (!task->why)
            task->why = task->always_runs                ? g_strdup("runs every time")
                        : task->scheduler->options.fresh ? g_strdup("--fresh")
                        : task->found.absent             ? g_strdup("to be downloaded")
                                             : hone_why(task->scheduler->store, task->scheduler->pipeline->name,
                                                        task->node->name, task->ingredients, NULL);
        enter(task, HONE_TASK_READY);
    }
}

void hone_scheduler_ended(HoneTask *task, const HoneNodeEnd *end)
{
    HoneScheduler *scheduler = task->scheduler;
    g_autoptr(GError) error = NULL;
    task->seconds = end->seconds;
    task->peak_memory = end->peak_memory;
    if (end->outcome == HONE_NODE_FINISHED && hone_task_publish(task, end, &error)) {
        g_autofree char *seconds = hone_text_seconds(end->seconds);
        g_autofree char *memory = hone_text_bytes(end->peak_memory);
        hone_terminal_print(scheduler->terminal, HONE_TONE_GOOD, "%s: done in %s, peak memory %s", task->node->name,
                            seconds, memory);
        enter(task, HONE_TASK_DONE);
    } else {
        hone_store_discard(scheduler->store, task->key);
        if (end->outcome == HONE_NODE_CANCELLED) {
            hone_terminal_print(scheduler->terminal, HONE_TONE_WARNING, "%s: stopped", task->node->name);
            enter(task, HONE_TASK_STOPPED);
        } else {
            fail(task, error ? error->message : end->message);
        }
    }
    hone_node_process_free(task->process);
    task->process = NULL;
}

/* ---- What can go on. ---- */

/* All inputs done: true. An input that will never be: the task is skipped or stopped. */
static bool inputs_done(HoneTask *task)
{
    bool done = true;
    for (guint i = 0; i < task->node->inputs->len; i++) {
        const HonePipelineInput *input = task->node->inputs->pdata[i];
        for (guint k = 0; k < input->edges->len; k++) {
            const HonePipelineNode *from = ((HonePipelineEdge *)input->edges->pdata[k])->from;
            HoneTaskState state = hone_task_of(task->scheduler, from)->state;
            if (state == HONE_TASK_FAILED || state == HONE_TASK_SKIPPED) {
                task->message = g_strdup_printf("%s %s", from->name, hone_task_state_name(state));
                hone_terminal_print(task->scheduler->terminal, HONE_TONE_WARNING, "%s: skipped, because %s %s",
                                    task->node->name, from->name, state == HONE_TASK_FAILED ? "failed" : "was skipped");
                enter(task, HONE_TASK_SKIPPED);
                return false;
            }
            done = done && (state == HONE_TASK_DONE || state == HONE_TASK_CACHED);
        }
    }
    return done;
}

static bool fits(const HoneTask *task)
{
    const HoneScheduler *scheduler = task->scheduler;
    guint jobs = 0, cpus = 0, gpus = 0;
    guint64 memory = 0;
    for (guint i = 0; i < scheduler->tasks->len; i++) {
        const HoneTask *other = scheduler->tasks->pdata[i];
        if (other->state != HONE_TASK_RUNNING)
            continue;
        jobs++;
        cpus += other->cpus;
        gpus += other->gpus;
        memory += other->memory;
    }
    return cpus + task->cpus <= scheduler->cpus && gpus + task->gpus <= scheduler->gpus &&
           memory + task->memory <= scheduler->memory &&
           (scheduler->options.jobs == 0 || jobs < scheduler->options.jobs);
}

static void start(HoneTask *task)
{
    HoneScheduler *scheduler = task->scheduler;
    g_autoptr(GError) error = NULL;
    task->lock = hone_store_lock(scheduler->store, task->key, &error);
    if (task->lock < 0 && error) {
        fail(task, error->message);
        return;
    }
    if (task->lock < 0) {
        if (!task->waits_for_lock) {
            task->waits_for_lock = true;
            task->began = g_get_monotonic_time();
            hone_terminal_print(scheduler->terminal, HONE_TONE_PLAIN, "%s: waits, another run is making this result",
                                task->node->name);
        }
        return;
    }
    /* The other run may have finished it since the store was looked at. */
    if (hone_task_take_stored(task)) {
        take(task);
        return;
    }
    if (!hone_task_start(task, &error)) {
        hone_store_discard(scheduler->store, task->key);
        fail(task, error->message);
        return;
    }
    hone_terminal_print(scheduler->terminal, HONE_TONE_PLAIN, "%s: runs %s (%s)", task->node->name,
                        task->node->component->name, task->why);
    enter(task, HONE_TASK_RUNNING);
}

static gboolean advance(gpointer data)
{
    HoneScheduler *scheduler = data;
    scheduler->advance_source = 0;
    bool left = false;
    for (guint i = 0; i < scheduler->tasks->len; i++) {
        HoneTask *task = scheduler->tasks->pdata[i];
        if (task->state == HONE_TASK_WAITING && scheduler->stops == 0 && inputs_done(task))
            hone_task_find_key(task);
        if (task->state == HONE_TASK_READY && scheduler->stops == 0 && fits(task))
            start(task);
        if (scheduler->stops > 0 && (task->state == HONE_TASK_WAITING || task->state == HONE_TASK_READY))
            enter(task, HONE_TASK_STOPPED);
        left = left || task->state <= HONE_TASK_RUNNING;
    }
    if (!left)
        g_main_loop_quit(scheduler->loop);
    return G_SOURCE_REMOVE;
}

/* ---- Ticks and signals. ---- */

static gboolean tick(gpointer data)
{
    HoneScheduler *scheduler = data;
    gint64 now = g_get_monotonic_time();
    bool live = hone_terminal_live(scheduler->terminal);
    bool lines = !live && now - scheduler->last_lines >= LINES_US;
    if (lines)
        scheduler->last_lines = now;
    g_autoptr(GArray) bars = g_array_new(FALSE, FALSE, sizeof(HoneBar));
    for (guint i = 0; i < scheduler->tasks->len; i++) {
        HoneTask *task = scheduler->tasks->pdata[i];
        if (task->waits_for_lock)
            advance_soon(scheduler);
        if (task->state != HONE_TASK_RUNNING && !task->waits_for_lock &&
            (task->state != HONE_TASK_HASHING || now - task->began < G_USEC_PER_SEC))
            continue;
        HoneBar bar = hone_task_bar(task);
        g_array_append_val(bars, bar);
        if (lines && now - task->began >= LINES_US) {
            g_autofree char *text = hone_bar_text(&bar, 0);
            hone_terminal_print(scheduler->terminal, HONE_TONE_PLAIN, "%s", text);
        }
    }
    hone_terminal_bars(scheduler->terminal, (const HoneBar *)(void *)bars->data, bars->len);
    return G_SOURCE_CONTINUE;
}

static gboolean on_signal(gpointer data)
{
    HoneScheduler *scheduler = data;
    /* The nodes end with this process. */
    if (++scheduler->stops > 2)
        _exit(HONE_EXIT_STOPPED);
    if (scheduler->stops == 1)
        hone_terminal_print(scheduler->terminal, HONE_TONE_WARNING,
                            "stopping: nodes save and end; once more stops them at once");
    for (guint i = 0; i < scheduler->tasks->len; i++) {
        HoneTask *task = scheduler->tasks->pdata[i];
        if (task->process && scheduler->stops == 1)
            hone_node_process_cancel(task->process);
        else if (task->process)
            hone_node_process_kill(task->process);
    }
    advance_soon(scheduler);
    return G_SOURCE_CONTINUE;
}

static int conclude(HoneScheduler *scheduler)
{
    bool failed = scheduler->store_failed, stopped = false;
    for (guint i = 0; i < scheduler->tasks->len; i++) {
        const HoneTask *task = scheduler->tasks->pdata[i];
        failed = failed || task->state == HONE_TASK_FAILED;
        stopped = stopped || task->state == HONE_TASK_STOPPED;
    }
    json_object_set_string_member(hone_run_object(scheduler->run), "state",
                                  stopped  ? "stopped"
                                  : failed ? "failed"
                                           : "done");
    save(scheduler);
    return stopped ? HONE_EXIT_STOPPED : failed || scheduler->store_failed ? HONE_EXIT_FAILED : HONE_EXIT_OK;
}

int hone_scheduler_run(HoneScheduler *scheduler)
{
    scheduler->last_lines = g_get_monotonic_time();
    for (guint i = 0; i < scheduler->tasks->len; i++)
        hone_task_record(scheduler->tasks->pdata[i]);
    save(scheduler);
    guint interrupt = g_unix_signal_add(SIGINT, on_signal, scheduler);
    guint terminate = g_unix_signal_add(SIGTERM, on_signal, scheduler);
    guint ticks = g_timeout_add(TICK_MS, tick, scheduler);
    advance_soon(scheduler);
    g_main_loop_run(scheduler->loop);
    g_source_remove(interrupt);
    g_source_remove(terminate);
    g_source_remove(ticks);
    hone_terminal_bars(scheduler->terminal, NULL, 0);
    return conclude(scheduler);
}

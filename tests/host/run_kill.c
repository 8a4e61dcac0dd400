/* SPDX-License-Identifier: Apache-2.0
 * run_kill: stopped or killed at any moment, a run goes on where it was and comes to the same bytes; two runs at once
 * do the work once.
 */
#include "run_fixture.h"
#include <hone/file.h>
#include <signal.h>
#include <string.h>

#define ROWS 300
#define KILLS 16
#define PIPELINE                                                                                                       \
    "\"a\": {\"stage\": \"counter\", \"params\": {\"rows\": 300, \"delay_us\": 5000, \"save_every\": 7}},"             \
    "\"c\": {\"stage\": \"concat\", \"in\": {\"dataset\": \"a\"}}"

/* The hash of an uninterrupted run in a store of its own. */
static char *truth(Fixture *f)
{
    hone(f, "run", "p.json", "--json", "--store", "other", "--set", "a.delay_us=0", NULL);
    assert_status(f, 0);
    return output_hash(f, "c", "rows");
}

/* The text of the newest run's events of node a, or NULL. */
static char *events(Fixture *f)
{
    g_autofree char *folder = fixture_path(f, ".hone/runs"), *newest = NULL;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
        if (!newest || strcmp(name, newest) > 0) {
            g_free(newest);
            newest = g_strdup(name);
        }
    }
    g_autofree char *path = newest ? g_build_filename(folder, newest, "a.events.jsonl", NULL) : NULL;
    char *text = NULL;
    return path && g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

/* The row at which the newest process of node a began, or -1. */
static int start_row(Fixture *f)
{
    g_autofree char *text = events(f);
    const char *at = text ? strstr(text, "starts at row ") : NULL;
    return at ? (int)g_ascii_strtoll(at + strlen("starts at row "), NULL, 10) : -1;
}

static bool has_steps(gconstpointer data)
{
    g_autofree char *text = events((Fixture *)data);
    return text && strstr(text, "\"step\":20,");
}

static bool has_children(gconstpointer process)
{
    pid_t pid = hone_pid((GSubprocess *)process);
    g_autoptr(GArray) nodes = children(pid);
    return pid == 0 || nodes->len > 0;
}

static bool all_gone(gconstpointer data)
{
    const GArray *pids = data;
    for (guint i = 0; i < pids->len; i++) {
        if (kill(g_array_index(pids, pid_t, i), 0) == 0)
            return false;
    }
    return true;
}

static void finish(Fixture *f, const char *expected)
{
    hone(f, "run", "p.json", "--json", NULL);
    assert_status(f, 0);
    g_autofree char *hash = output_hash(f, "c", "rows");
    g_assert_cmpstr(hash, ==, expected);
    /* Nothing is left lying about. */
    const char *const empty[] = {".hone/tmp", ".hone/work"};
    for (int i = 0; i < 2; i++) {
        g_autofree char *path = fixture_path(f, empty[i]);
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
        g_assert_null(g_dir_read_name(dir));
    }
}

static void test_interrupt(Fixture *f, gconstpointer data)
{
    fixture_pipeline(f, PIPELINE);
    g_autofree char *expected = truth(f), *said = NULL;
    GSubprocess *process = hone_start(f, "first", "run", "p.json", NULL);
    wait_until(has_steps, f, "some steps");
    g_subprocess_send_signal(process, SIGINT);
    g_assert_cmpint(hone_wait(process), ==, 130);
    g_autofree char *path = fixture_path(f, "first.err");
    g_assert_true(g_file_get_contents(path, &said, NULL, NULL));
    assert_holds(said, "run the same command again");
    hone(f, "runs", NULL);
    assert_holds(f->out, "stopped");
    finish(f, expected);
    /* It saved when it was asked to stop, so no step was done twice. */
    g_assert_cmpint(start_row(f), >=, 20);
}

/* Twice: at once. The node has no time to save, and only its last checkpoint counts. */
static void test_interrupt_twice(Fixture *f, gconstpointer data)
{
    fixture_pipeline(f, "\"x\": {\"stage\": \"faults\", \"params\": {\"how\": \"hang\"}}, " PIPELINE);
    GSubprocess *process = hone_start(f, "first", "run", "p.json", NULL);
    wait_until(has_steps, f, "some steps");
    g_autoptr(GArray) nodes = children(hone_pid(process));
    g_subprocess_send_signal(process, SIGTERM);
    g_usleep(200000);
    g_subprocess_send_signal(process, SIGTERM);
    g_assert_cmpint(hone_wait(process), ==, 130);
    wait_until(all_gone, nodes, "the nodes' end");
}

/* Killed with SIGKILL, host and node by turns, at random moments. */
static void test_kill(Fixture *f, gconstpointer data)
{
    fixture_pipeline(f, PIPELINE);
    g_autofree char *expected = truth(f);
    int resumed = 0, last = 0, kills = 0;
    for (; kills < KILLS; kills++) {
        GSubprocess *process = hone_start(f, "run", "run", "p.json", NULL);
        /* Later and later, so that a slow machine gets to work that a kill can interrupt, too. */
        g_usleep((gulong)g_test_rand_int_range(20000, 200000 << kills / 4));
        if (hone_pid(process) == 0) { /* it came to its end */
            g_assert_cmpint(hone_wait(process), ==, 0);
            break;
        }
        /* A host may be killed before it has a node; a node must be there. */
        if (kills % 2 != 0)
            wait_until(has_children, process, "a node or the end");
        g_autoptr(GArray) nodes = children(hone_pid(process));
        if (kills % 2 == 0) {
            g_subprocess_force_exit(process);
            hone_wait(process);
            wait_until(all_gone, nodes, "the end of the nodes of a killed host");
            hone(f, "runs", NULL);
            if (f->status == 0)
                assert_lacks(f->out, "running");
        } else {
            for (guint i = 0; i < nodes->len; i++)
                kill(g_array_index(nodes, pid_t, i), SIGKILL);
            int status = hone_wait(process);
            g_assert_true(status == 0 || status == 1);
            if (status == 0)
                break;
        }
        int row = start_row(f);
        resumed += row > 0;
        g_assert_cmpint(row < 0 ? last : row, >=, last);
        last = MAX(row, last);
    }
    finish(f, expected);
    g_test_message("%d kills, %d resumptions, the last from row %d of %d", kills, resumed, last, ROWS);
    g_assert_cmpint(resumed, >, 0);
}

/* The second run waits for the first one's result, and takes it. */
static void test_two_at_once(Fixture *f, gconstpointer data)
{
    fixture_pipeline(f, PIPELINE);
    g_autofree char *expected = truth(f);
    GSubprocess *first = hone_start(f, "first", "run", "p.json", "--json", NULL);
    wait_until(has_steps, f, "some steps");
    hone(f, "gc", NULL);
    assert_status(f, 1);
    assert_holds(f->err, "using this store");
    hone(f, "run", "p.json", "--json", NULL);
    assert_status(f, 0);
    assert_holds(f->err, "another run is making this result");
    assert_state(f, "a", "cached");
    g_autofree char *hash = output_hash(f, "c", "rows");
    g_assert_cmpstr(hash, ==, expected);
    g_assert_cmpint(hone_wait(first), ==, 0);
}

/* The first is killed while the second waits: the second goes on from its checkpoint. */
static void test_heir(Fixture *f, gconstpointer data)
{
    fixture_pipeline(f, PIPELINE);
    g_autofree char *expected = truth(f);
    GSubprocess *first = hone_start(f, "first", "run", "p.json", NULL);
    wait_until(has_steps, f, "some steps");
    GSubprocess *second = hone_start(f, "second", "run", "p.json", NULL);
    g_usleep(300000);
    g_subprocess_force_exit(first);
    hone_wait(first);
    g_assert_cmpint(hone_wait(second), ==, 0);
    g_assert_cmpint(start_row(f), >, 0);
    finish(f, expected);
}

int main(int argc, char **argv)
{
    fixture_main(&argc, &argv);
    ADD("/kill/interrupt", test_interrupt);
    ADD("/kill/interrupt-twice", test_interrupt_twice);
    ADD("/kill/kill", test_kill);
    ADD("/kill/two-at-once", test_two_at_once);
    ADD("/kill/heir", test_heir);
    return g_test_run();
}

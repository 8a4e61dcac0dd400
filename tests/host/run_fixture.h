/* SPDX-License-Identifier: Apache-2.0
 * run_fixture.h: a folder with a pipeline and a store, and the program `hone` run in it.
 */
#ifndef HONE_TESTS_RUN_FIXTURE_H
#define HONE_TESTS_RUN_FIXTURE_H

#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

typedef struct Fixture {
    char *folder;
    /* Of the last call of hone(). */
    int status; /* exit status; 128 + signal */
    char *out, *err;
} Fixture;

/* For g_test_add. */
void fixture_set_up(Fixture *f, gconstpointer data);
void fixture_tear_down(Fixture *f, gconstpointer data);
#define ADD(name, function) g_test_add(name, Fixture, NULL, fixture_set_up, function, fixture_tear_down)
/* g_test_init, and the plugins of run_plugins/ as the only ones besides the build's. */
int fixture_main(int *argc, char ***argv);

/* FOLDER/name. Caller frees. */
char *fixture_path(Fixture *f, const char *name);
/* Writes FOLDER/name. */
void fixture_put(Fixture *f, const char *name, const char *content);
/* Writes p.json with these nodes ("\"a\": {...}, ..."). */
void fixture_pipeline(Fixture *f, const char *nodes);

/* Runs `hone` in the folder with these words, NULL last, and waits for it. */
void hone(Fixture *f, ...) G_GNUC_NULL_TERMINATED;
/* Starts it without waiting; what it says goes to FOLDER/name.out and .err. */
GSubprocess *hone_start(Fixture *f, const char *name, ...) G_GNUC_NULL_TERMINATED;
/* Waits for it; its exit status as in Fixture. Frees it. */
int hone_wait(GSubprocess *process);
pid_t hone_pid(GSubprocess *process);
/* Children of a process. Caller frees. */
GArray *children(pid_t parent);
/* Waits until f is true, at most a minute; then fails. */
void wait_until(bool (*f)(gconstpointer data), gconstpointer data, const char *what);

/* The last call's standard output as JSON. Stays valid until the next call. */
JsonObject *output_object(Fixture *f);
/* `hone run p.json --json` must have been called: the state of a node, its message, the hash of an output. Caller
 * frees. */
char *node_state(Fixture *f, const char *node);
char *node_text(Fixture *f, const char *node, const char *member);
char *output_hash(Fixture *f, const char *node, const char *port);
char *output_folder(Fixture *f, const char *node, const char *port);

#define assert_status(f, expected)                                                                                     \
    do {                                                                                                               \
        if ((f)->status != (expected))                                                                                 \
            g_error("status %d instead of %d\nout: %s\nerr: %s", (f)->status, (expected), (f)->out, (f)->err);         \
    } while (0)
#define assert_holds(text, part)                                                                                       \
    do {                                                                                                               \
        if (!strstr((text), (part)))                                                                                   \
            g_error("no \"%s\" in:\n%s", (part), (text));                                                              \
    } while (0)
#define assert_lacks(text, part)                                                                                       \
    do {                                                                                                               \
        if (strstr((text), (part)))                                                                                    \
            g_error("\"%s\" in:\n%s", (part), (text));                                                                 \
    } while (0)
#define assert_state(f, node, expected)                                                                                \
    do {                                                                                                               \
        g_autofree char *state_ = node_state((f), (node));                                                             \
        if (g_strcmp0(state_, (expected)) != 0)                                                                        \
            g_error("%s is %s, not %s\nerr: %s", (node), state_, (expected), (f)->err);                                \
    } while (0)

#endif

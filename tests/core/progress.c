/* SPDX-License-Identifier: Apache-2.0
 * progress: every event is one whole JSON line, whoever writes at the same time.
 */
#include <fcntl.h>
#include <hone/json.h>
#include <hone/progress.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define THREADS 4
#define NOTES 200

/* All lines of a file, parsed. */
static GPtrArray *lines(const char *path)
{
    g_autofree char *text = NULL;
    gsize size;
    g_assert_true(g_file_get_contents(path, &text, &size, NULL));
    g_assert_true(size == 0 || text[size - 1] == '\n');
    g_auto(GStrv) split = g_strsplit(text, "\n", 0);
    GPtrArray *nodes = g_ptr_array_new_with_free_func((GDestroyNotify)json_node_unref);
    for (guint i = 0; split[i] && split[i][0]; i++) {
        g_autoptr(GError) error = NULL;
        JsonNode *node = hone_json_parse(split[i], strlen(split[i]), NULL, &error);
        g_assert_no_error(error);
        g_ptr_array_add(nodes, node);
    }
    return nodes;
}

static JsonObject *event(GPtrArray *nodes, guint i)
{
    g_assert_cmpuint(i, <, nodes->len);
    return json_node_get_object(nodes->pdata[i]);
}

static void test_events(void)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("hone-events-XXXXXX", &path, NULL);
    g_autoptr(HoneProgress) progress = hone_progress_new(fd);
    hone_progress_step(progress, 1, 10, "steps", "loss", 1.5, "rate", (double)NAN, NULL);
    hone_progress_note(progress, HONE_NOTE_WARNING, "%d rows, \"%s\"\n%s", 3, "quoted", "\xff");
    hone_progress_fact(progress, "peak", 1e9);
    hone_progress_fact(progress, "odd", INFINITY);
    g_autoptr(GPtrArray) nodes = lines(path);
    g_assert_cmpuint(nodes->len, ==, 4);
    JsonObject *figures = json_object_get_object_member(event(nodes, 0), "figures");
    g_assert_cmpstr(json_object_get_string_member(event(nodes, 0), "event"), ==, "progress");
    g_assert_cmpint(json_object_get_int_member(event(nodes, 0), "step"), ==, 1);
    g_assert_cmpint(json_object_get_int_member(event(nodes, 0), "total"), ==, 10);
    g_assert_true(json_object_get_double_member(figures, "loss") == 1.5);
    g_assert_true(json_object_get_null_member(figures, "rate"));
    g_assert_cmpstr(json_object_get_string_member(event(nodes, 1), "level"), ==, "warning");
    g_assert_cmpstr(json_object_get_string_member(event(nodes, 1), "text"), ==, "3 rows, \"quoted\"\n\xef\xbf\xbd");
    g_assert_true(json_object_get_double_member(event(nodes, 2), "value") == 1e9);
    g_assert_true(json_object_get_null_member(event(nodes, 3), "value"));
    close(fd);
    unlink(path);
}

static gpointer note_much(gpointer progress)
{
    /* Longer than what a pipe takes in one piece. */
    g_autofree char *text = g_strnfill(6000, 'x');
    for (int i = 0; i < NOTES; i++)
        hone_progress_note(progress, HONE_NOTE_INFO, "%s", text);
    return NULL;
}

static void test_threads(void)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("hone-events-XXXXXX", &path, NULL);
    g_autoptr(HoneProgress) progress = hone_progress_new(fd);
    GThread *threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = g_thread_new("noter", note_much, progress);
    for (int i = 0; i < THREADS; i++)
        g_thread_join(threads[i]);
    g_autoptr(GPtrArray) nodes = lines(path);
    g_assert_cmpuint(nodes->len, ==, THREADS * NOTES);
    close(fd);
    unlink(path);
}

/* Steps without figures may be thinned out, but never the first, the last, or one with figures. */
static void test_many_steps(void)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("hone-events-XXXXXX", &path, NULL);
    g_autoptr(HoneProgress) progress = hone_progress_new(fd);
    for (uint64_t i = 0; i <= 20000; i++)
        hone_progress_step(progress, i, 20000, "rows", NULL);
    hone_progress_step(progress, 5, 20000, "rows", "x", 1.0, NULL);
    g_autoptr(GPtrArray) nodes = lines(path);
    g_assert_cmpuint(nodes->len, <, 20000);
    g_assert_cmpint(json_object_get_int_member(event(nodes, 0), "step"), ==, 0);
    g_assert_cmpint(json_object_get_int_member(event(nodes, nodes->len - 2), "step"), ==, 20000);
    g_assert_cmpint(json_object_get_int_member(event(nodes, nodes->len - 1), "step"), ==, 5);
    close(fd);
    unlink(path);
}

static void test_nowhere(void)
{
    g_autoptr(HoneProgress) progress = hone_progress_new(-1);
    hone_progress_step(progress, 1, 2, "steps", NULL);
    hone_progress_step(NULL, 1, 2, "steps", "loss", 1.0, NULL);
    hone_progress_note(NULL, HONE_NOTE_INFO, "x");
    hone_progress_fact(NULL, "x", 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/progress/events", test_events);
    g_test_add_func("/progress/threads", test_threads);
    g_test_add_func("/progress/many-steps", test_many_steps);
    g_test_add_func("/progress/nowhere", test_nowhere);
    return g_test_run();
}

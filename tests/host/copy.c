/* SPDX-License-Identifier: Apache-2.0
 * copy: `hone copy` takes a result's files out of the store, whole or not at all.
 */
#include "run_fixture.h"
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT "\"a\": {\"stage\": \"counter\", \"params\": {\"rows\": 20}}"

static void assert_same_file(const char *a, const char *b)
{
    g_autofree char *x = NULL, *y = NULL;
    gsize n, m;
    g_assert_true(g_file_get_contents(a, &x, &n, NULL) && g_file_get_contents(b, &y, &m, NULL));
    g_assert_cmpmem(x, n, y, m);
}

/* Names of a folder that hold this text. */
static guint count_names(const char *folder, const char *part)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    guint n = 0;
    while ((name = g_dir_read_name(dir)) != NULL)
        n += strstr(name, part) != NULL;
    return n;
}

static void test_folder(Fixture *f, gconstpointer data)
{
    fixture_pipeline(f, COUNT);
    hone(f, "run", "p.json", "--json", NULL);
    assert_status(f, 0);
    g_autofree char *folder = output_folder(f, "a", "dataset");
    g_autofree char *rows = g_build_filename(folder, "rows.jsonl", NULL);
    hone(f, "copy", "a", "taken", NULL);
    assert_status(f, 0);
    assert_holds(f->out, "taken: ");
    g_autofree char *copy = fixture_path(f, "taken/rows.jsonl"), *manifest = fixture_path(f, "taken/artifact.json");
    assert_same_file(rows, copy);
    g_assert_false(g_file_test(manifest, G_FILE_TEST_EXISTS));
    hone(f, "copy", "a.dataset", "again", NULL);
    assert_status(f, 0);
    /* One file under a name of one's own, where the ending is its. */
    hone(f, "copy", "a", "mine.jsonl", NULL);
    assert_status(f, 0);
    g_autofree char *single = fixture_path(f, "mine.jsonl");
    assert_same_file(rows, single);
    g_assert_cmpuint(count_names(f->folder, ".tmp"), ==, 0);
}

static void test_refused(Fixture *f, gconstpointer data)
{
    fixture_pipeline(f, COUNT);
    hone(f, "run", "p.json", NULL);
    assert_status(f, 0);
    fixture_put(f, "there", "mine");
    hone(f, "copy", "a", "there", NULL);
    assert_status(f, 1);
    assert_holds(f->err, "there: is there already");
    g_autofree char *there = fixture_path(f, "there"), *content = NULL;
    g_assert_true(g_file_get_contents(there, &content, NULL, NULL));
    g_assert_cmpstr(content, ==, "mine");
    hone(f, "copy", "b", "place", NULL);
    assert_status(f, 1);
    assert_holds(f->err, "no finished result of a node \"b\"");
    hone(f, "copy", "a", "no/such/place", NULL);
    assert_status(f, 1);
    assert_holds(f->err, "no/such/place");
    hone(f, "copy", "a", NULL);
    assert_status(f, 2);
    if (geteuid() == 0)
        return; /* root may write anywhere */
    g_autofree char *closed = fixture_path(f, "closed");
    g_assert_cmpint(g_mkdir(closed, 0500), ==, 0);
    hone(f, "copy", "a", "closed/place", NULL);
    assert_status(f, 1);
    g_assert_cmpint(g_chmod(closed, 0700), ==, 0);
}

int main(int argc, char **argv)
{
    fixture_main(&argc, &argv);
    ADD("/host/copy/folder", test_folder);
    ADD("/host/copy/refused", test_refused);
    return g_test_run();
}

/* SPDX-License-Identifier: Apache-2.0
 * run_faults: a plugin that goes wrong fails its node alone, and the message says how; so do a full disk and a store
 * that cannot be written.
 */
#include "run_fixture.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct {
    const char *way, *limits;
    const char *said[4];
} faults[] = {
    {"crash", "", {"plugin \"faults\"", "SIGSEGV", "about to crash", "gdb --args"}},
    {"abort", "", {"SIGABRT", "gdb --args"}},
    {"hang", "\"timeout\": 0.5,", {"timeout of 0.5 seconds"}},
    {"hog", "\"memory\": \"300MB\",", {"exceeded its memory limit", "MB allowed"}},
    {"exit", "", {"before its stage returned"}},
    {"children", "", {"before its stage returned"}},
    {"fail", "", {"rows.jsonl:17: this row is"}},
    {"silent", "", {"without saying why"}},
    {"nothing", "", {"without writing its output \"dataset\""}},
    {"lie", "", {"success and an error at once"}},
    {"garbage", "", {"event descriptor", "this is no event"}},
    {"twice", "", {"artifact.json"}},
    {"wrong", "", {"no output \"dataset\" of type model"}},
};

static void test_faults(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) nodes = g_string_new("\"good\": {\"stage\": \"counter\"}, \"chatter\": {\"stage\": \"faults\", "
                                            "\"params\": {\"how\": \"chatter\"}}");
    for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
        g_string_append_printf(nodes,
                               ", \"%s\": {\"stage\": \"faults\", %s \"params\": {\"how\": \"%s\", \"megabytes\": "
                               "100000}}, \"after_%s\": {\"stage\": \"concat\", \"in\": {\"dataset\": [\"good\", "
                               "\"%s\"]}}",
                               faults[i].way, faults[i].limits, faults[i].way, faults[i].way, faults[i].way);
    }
    fixture_pipeline(f, nodes->str);
    hone(f, "run", "p.json", "--json", NULL);
    assert_status(f, 1);
    assert_state(f, "good", "done");
    /* What it prints is a log, not events. */
    assert_state(f, "chatter", "done");
    for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
        g_autofree char *message = node_text(f, faults[i].way, "error");
        g_autofree char *after = g_strconcat("after_", faults[i].way, NULL);
        assert_state(f, faults[i].way, "failed");
        assert_state(f, after, "skipped");
        for (size_t k = 0; k < G_N_ELEMENTS(faults[i].said) && faults[i].said[k]; k++) {
            assert_holds(message, faults[i].said[k]);
            assert_holds(f->err, faults[i].said[k]);
        }
        assert_lacks(f->err, "\033");
    }
    /* A failure is not kept: the next run tries again. What was done stays done. */
    hone(f, "run", "p.json", "--json", NULL);
    assert_status(f, 1);
    assert_state(f, "good", "cached");
    assert_state(f, "fail", "failed");
    hone(f, "runs", NULL);
    assert_holds(f->out, "failed");
    g_autofree char *tmp = fixture_path(f, ".hone/tmp");
    g_autoptr(GDir) dir = g_dir_open(tmp, 0, NULL);
    g_assert_null(g_dir_read_name(dir));
}

/* What a node started ends with it. */
static bool is_gone(gconstpointer data)
{
    return kill(*(const pid_t *)data, 0) != 0;
}

static void test_children(Fixture *f, gconstpointer data)
{
    fixture_pipeline(f, "\"x\": {\"stage\": \"faults\", \"params\": {\"how\": \"children\"}}");
    hone(f, "run", "p.json", "--json", NULL);
    assert_status(f, 1);
    g_autofree char *path = g_build_filename(
        f->folder, ".hone", "runs", json_object_get_string_member(output_object(f), "run"), "x.events.jsonl", NULL);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    const char *value = strstr(text, "\"value\":");
    g_assert_nonnull(value);
    pid_t child = (pid_t)g_ascii_strtoll(value + strlen("\"value\":"), NULL, 10);
    g_assert_cmpint(child, >, 1);
    wait_until(is_gone, &child, "the child's end");
}

/* The command that a failure names runs the node by itself, and does not touch the store. */
static void test_by_hand(Fixture *f, gconstpointer data)
{
    fixture_pipeline(f, "\"a\": {\"stage\": \"counter\"}, \"x\": {\"stage\": \"faults\", \"params\": {\"how\": "
                        "\"crash\"}, \"in\": {\"dataset\": \"a\"}}");
    hone(f, "run", "p.json", "--json", NULL);
    assert_status(f, 1);
    const char *run = json_object_get_string_member(output_object(f), "run");
    g_autofree char *good = g_build_filename(f->folder, ".hone", "runs", run, "a.node.json", NULL);
    g_autofree char *bad = g_build_filename(f->folder, ".hone", "runs", run, "x.node.json", NULL);
    hone(f, "node", bad, NULL);
    g_assert_cmpint(f->status, ==, 128 + SIGSEGV);
    hone(f, "node", good, NULL);
    assert_status(f, 0);
    const char *folder = strstr(f->out, "outputs in ");
    g_assert_nonnull(folder);
    g_autofree char *outputs = g_strchomp(g_strdup(folder + strlen("outputs in ")));
    g_autofree char *rows = g_build_filename(outputs, "dataset", "rows.jsonl", NULL);
    g_assert_true(g_file_test(rows, G_FILE_TEST_EXISTS));
    g_autofree char *remove = g_strdup_printf("rm -rf '%s'", outputs);
    g_assert_true(g_spawn_command_line_sync(remove, NULL, NULL, NULL, NULL));
    hone(f, "node", "p.json", NULL);
    assert_status(f, 2);
}

/* ---- The disk. ---- */

static void test_unwritable_store(Fixture *f, gconstpointer data)
{
    fixture_put(f, "file", "");
    fixture_pipeline(f, "\"a\": {\"stage\": \"counter\"}");
    const char *const places[] = {"file/store", "/proc/none/store"};
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        hone(f, "run", "p.json", "--store", places[i], NULL);
        assert_status(f, 1);
        assert_holds(f->err, "store");
        assert_lacks(f->out, "done");
    }
}

/* A store on a small file system of its own, or false where this process may not mount one. */
static bool mount_small(Fixture *f, const char *folder, const char *options, unsigned long flags)
{
    if (mount("none", folder, "tmpfs", flags, options) == 0)
        return true;
    g_test_skip("needs the right to mount a small file system");
    return false;
}

static void test_full_disk(Fixture *f, gconstpointer data)
{
    g_autofree char *store = fixture_path(f, "store");
    g_assert_cmpint(g_mkdir_with_parents(store, 0777), ==, 0);
    if (!mount_small(f, store, "size=2m", 0))
        return;
    fixture_pipeline(f, "\"a\": {\"stage\": \"counter\"}, \"x\": {\"stage\": \"faults\", \"params\": {\"how\": "
                        "\"write\", \"megabytes\": 10}}");
    hone(f, "run", "p.json", "--store", "store", "--json", NULL);
    int status = f->status;
    g_autofree char *a = node_state(f, "a"), *x = node_state(f, "x"), *message = node_text(f, "x", "error");
    /* What fits after the failure goes on. */
    hone(f, "run", "p.json", "--store", "store", "--json", "--set", "x.megabytes=1", NULL);
    int second = f->status;
    umount(store);
    g_assert_cmpint(status, ==, 1);
    g_assert_cmpstr(x, ==, "failed");
    g_assert_true(g_str_equal(a, "done") || g_str_equal(a, "failed"));
    /* In the stage's words, or in the host's whose record did not fit either. */
    g_assert_true(strstr(message, "the disk is full") || strstr(message, "No space left"));
    g_assert_cmpint(second, ==, 0);
}

/* Full from the start: nothing can be recorded, and nothing claims success. */
static void test_no_space_at_all(Fixture *f, gconstpointer data)
{
    g_autofree char *store = fixture_path(f, "store"), *ballast = g_build_filename(store, "ballast", NULL);
    g_assert_cmpint(g_mkdir_with_parents(store, 0777), ==, 0);
    if (!mount_small(f, store, "size=64k", 0))
        return;
    g_autofree char *zeros = g_malloc0(1 << 17);
    FILE *file = fopen(ballast, "w");
    g_assert_nonnull(file);
    setbuf(file, NULL);
    for (gsize done = 0; done < 1 << 17 && fwrite(zeros, 1024, 1, file) == 1; done += 1024)
        ;
    fclose(file);
    fixture_pipeline(f, "\"a\": {\"stage\": \"counter\"}");
    hone(f, "run", "p.json", "--store", "store", NULL);
    umount(store);
    assert_status(f, 1);
    assert_holds(f->err, "space");
    assert_lacks(f->out, "done");
}

static void test_read_only_store(Fixture *f, gconstpointer data)
{
    g_autofree char *store = fixture_path(f, "store");
    g_assert_cmpint(g_mkdir_with_parents(store, 0777), ==, 0);
    fixture_pipeline(f, "\"a\": {\"stage\": \"counter\"}");
    if (!mount_small(f, store, "size=4m", 0))
        return;
    hone(f, "run", "p.json", "--store", "store", "--json", NULL);
    int first = f->status;
    int remounted = mount("none", store, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=4m");
    hone(f, "run", "p.json", "--store", "store", NULL);
    int second = f->status;
    g_autofree char *said = g_strdup(f->err);
    hone(f, "show", "a", "--store", "store", "--verify", NULL);
    int shown = f->status;
    umount(store);
    g_assert_cmpint(remounted, ==, 0);
    g_assert_cmpint(first, ==, 0);
    g_assert_cmpint(second, ==, 1);
    assert_holds(said, "Read-only");
    g_assert_cmpint(shown, ==, 0);
}

/* A limit on the size of files, which every process may set for itself. */
static void test_file_too_large(Fixture *f, gconstpointer data)
{
    fixture_pipeline(f, "\"x\": {\"stage\": \"faults\", \"params\": {\"how\": \"write\", \"megabytes\": 40}}");
    struct rlimit old, limit;
    g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &old), ==, 0);
    limit = old;
    limit.rlim_cur = 8 << 20;
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    hone(f, "run", "p.json", "--json", NULL);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_status(f, 1);
    assert_state(f, "x", "failed");
    assert_holds(f->err, "SIGXFSZ");
}

int main(int argc, char **argv)
{
    fixture_main(&argc, &argv);
    ADD("/run/faults", test_faults);
    ADD("/run/children", test_children);
    ADD("/run/by-hand", test_by_hand);
    ADD("/run/unwritable-store", test_unwritable_store);
    ADD("/run/full-disk", test_full_disk);
    ADD("/run/no-space-at-all", test_no_space_at_all);
    ADD("/run/read-only-store", test_read_only_store);
    ADD("/run/file-too-large", test_file_too_large);
    return g_test_run();
}

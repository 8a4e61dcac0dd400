/* SPDX-License-Identifier: Apache-2.0
 * checkpoint.c: what was saved comes back; damage is noticed and the generation before it taken; a changed setting is
 * named.
 */
#include "../../sdk/train/internal.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define COUNT 10 /* values in both tensors */

static StateTensor tensors[] = {
    {.name = (char *)"value/a", .tensor = {.type = HONE_F32, .rank = 2, .shape = {2, 3}}},
    {.name = (char *)"adam_m8/a", .tensor = {.type = HONE_I32, .rank = 1, .shape = {6}}},
    {.name = (char *)"adam_v8/a", .tensor = {.type = HONE_I32, .rank = 1, .shape = {6}}},
    {.name = (char *)"value/b", .tensor = {.type = HONE_F32, .rank = 2, .shape = {4, 1}}},
    {.name = (char *)"adam_m/b", .tensor = {.type = HONE_F32, .rank = 2, .shape = {4, 1}}},
    {.name = (char *)"adam_v/b", .tensor = {.type = HONE_F32, .rank = 2, .shape = {4, 1}}},
};
static States states;

typedef struct Fixture {
    char *folder;
    JsonObject *settings;
    int notes; /* in memory: what was told */
    HoneProgress *progress;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    f->folder = g_dir_make_tmp("hone-checkpoint-XXXXXX", NULL);
    f->settings = json_object_new();
    json_object_set_double_member(f->settings, "learning_rate", 0.0002);
    json_object_set_int_member(f->settings, "rank", 8);
    f->notes = memfd_create("notes", 0);
    f->progress = hone_progress_new(f->notes);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    g_autoptr(GDir) dir = g_dir_open(f->folder, 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(f->folder, name, NULL);
        g_unlink(path);
    }
    g_rmdir(f->folder);
    g_free(f->folder);
    json_object_unref(f->settings);
    hone_progress_free(f->progress);
    close(f->notes);
}

static char *notes(Fixture *f)
{
    off_t size = lseek(f->notes, 0, SEEK_CUR);
    char *text = g_malloc0((size_t)size + 1);
    g_assert_cmpint(pread(f->notes, text, (size_t)size, 0), ==, size);
    return text;
}

static void fill(float *host, uint64_t step)
{
    for (size_t i = 0; i < 3 * COUNT; i++)
        host[i] = (float)step + (float)i / 64;
}

static void save(Fixture *f, uint64_t step)
{
    float host[3 * COUNT];
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) events = g_string_new(NULL);
    for (uint64_t i = 0; i < step; i++)
        g_string_append_printf(events, "line %d\n", (int)i);
    fill(host, step);
    Checkpoint checkpoint = {.step = step, .tokens = step * 1000, .events = events, .host = (char *)host};
    g_assert_true(checkpoint_save(f->folder, f->settings, &states, &checkpoint, &error));
    g_assert_no_error(error);
}

/* The step that loads, with everything of it checked; 0: none. */
static uint64_t load(Fixture *f)
{
    float host[3 * COUNT] = {0}, wanted[3 * COUNT];
    g_autoptr(GString) events = g_string_new("old");
    Checkpoint checkpoint = {.events = events, .host = (char *)host};
    if (!checkpoint_load(f->folder, f->settings, &states, &checkpoint, f->progress)) {
        g_assert_cmpuint(checkpoint.step, ==, 0);
        g_assert_cmpstr(events->str, ==, "old");
        return 0;
    }
    fill(wanted, checkpoint.step);
    g_assert_cmpmem(host, sizeof host, wanted, sizeof wanted);
    g_assert_cmpuint(checkpoint.tokens, ==, checkpoint.step * 1000);
    g_auto(GStrv) lines = g_strsplit(events->str, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, checkpoint.step + 1);
    g_assert_cmpuint(events->len, ==, strlen(events->str));
    return checkpoint.step;
}

static char *newest(Fixture *f)
{
    g_autoptr(GDir) dir = g_dir_open(f->folder, 0, NULL);
    const char *name;
    char *best = NULL;
    while ((name = g_dir_read_name(dir)))
        if (!best || strcmp(name, best) > 0) {
            g_free(best);
            best = g_strdup(name);
        }
    char *path = g_build_filename(f->folder, best, NULL);
    g_free(best);
    return path;
}

static size_t count_files(Fixture *f)
{
    g_autoptr(GDir) dir = g_dir_open(f->folder, 0, NULL);
    size_t n = 0;
    while (g_dir_read_name(dir))
        n++;
    return n;
}

static void test_round_trip(Fixture *f, gconstpointer data)
{
    g_assert_cmpuint(load(f), ==, 0);
    static const uint64_t steps[] = {5, 50, 99, 100, 1000};
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        save(f, steps[i]);
        g_assert_cmpuint(load(f), ==, steps[i]);
        g_assert_cmpuint(count_files(f), ==, MIN(i + 1, 2));
    }
    g_autofree char *told = notes(f);
    g_assert_cmpstr(told, ==, "");
}

/* Every byte of the newest generation changed in turn, and every shorter length: it is never taken for whole. */
static void test_damage(Fixture *f, gconstpointer data)
{
    save(f, 3);
    save(f, 7);
    g_autofree char *path = newest(f), *content = NULL;
    gsize size;
    g_assert_true(g_file_get_contents(path, &content, &size, NULL));
    for (gsize i = 0; i < size; i++) {
        content[i] ^= 1;
        g_assert_true(g_file_set_contents_full(path, content, (gssize)size, G_FILE_SET_CONTENTS_NONE, 0644, NULL));
        content[i] ^= 1;
        uint64_t step = load(f);
        /* White space that pads the header says nothing, and its change breaks the JSON; all else is covered. */
        g_assert_cmpuint(step, ==, 3);
    }
    for (gsize i = 0; i < size; i++) {
        g_assert_true(g_file_set_contents_full(path, content, (gssize)i, G_FILE_SET_CONTENTS_NONE, 0644, NULL));
        g_assert_cmpuint(load(f), ==, 3);
    }
    g_autofree char *told = notes(f);
    g_assert_nonnull(strstr(told, "passed over"));
}

/* A kill while the file is written leaves a temporary file beside the last generation. */
static void test_killed_while_writing(Fixture *f, gconstpointer data)
{
    save(f, 4);
    g_autofree char *half = g_build_filename(f->folder, "checkpoint-000000000008.safetensors.tmp-123-0", NULL);
    g_assert_true(g_file_set_contents(half, "half", 4, NULL));
    g_assert_cmpuint(load(f), ==, 4);
    g_assert_cmpuint(count_files(f), ==, 1);
}

static void test_changed_setting(Fixture *f, gconstpointer data)
{
    save(f, 4);
    json_object_set_double_member(f->settings, "learning_rate", 0.001);
    g_assert_cmpuint(load(f), ==, 0);
    g_autofree char *told = notes(f);
    g_assert_nonnull(strstr(told, "learning_rate was 0.0002 and is 0.001"));
    json_object_set_double_member(f->settings, "learning_rate", 0.0002);
    g_assert_cmpuint(load(f), ==, 4);
    json_object_set_int_member(f->settings, "extra", 1);
    g_assert_cmpuint(load(f), ==, 0);
}

static void test_changed_device(Fixture *f, gconstpointer data)
{
    json_object_set_string_member(f->settings, "device", "2 threads");
    save(f, 4);
    g_assert_cmpuint(load(f), ==, 4);
    g_autofree char *silent = notes(f);
    g_assert_cmpstr(silent, ==, "");
    json_object_set_string_member(f->settings, "device", "3 threads");
    g_assert_cmpuint(load(f), ==, 4);
    g_autofree char *told = notes(f);
    g_assert_nonnull(strstr(told, "3 threads"));
}

static void test_unwritable(Fixture *f, gconstpointer data)
{
    float host[3 * COUNT];
    fill(host, 1);
    g_autoptr(GString) events = g_string_new(NULL);
    Checkpoint checkpoint = {.step = 1, .events = events, .host = (char *)host};
    g_autoptr(GError) error = NULL;
    g_autofree char *nowhere = g_build_filename(f->folder, "absent", NULL);
    g_assert_false(checkpoint_save(nowhere, f->settings, &states, &checkpoint, &error));
    g_assert_nonnull(strstr(error->message, "absent"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_autoptr(GArray) all = g_array_new(false, false, sizeof(StateTensor));
    g_array_append_vals(all, tensors, G_N_ELEMENTS(tensors));
    states = (States){.all = all, .bytes = 3 * COUNT * sizeof(float)};
    g_test_add("/train/checkpoint/round_trip", Fixture, NULL, set_up, test_round_trip, tear_down);
    g_test_add("/train/checkpoint/damage", Fixture, NULL, set_up, test_damage, tear_down);
    g_test_add("/train/checkpoint/killed_while_writing", Fixture, NULL, set_up, test_killed_while_writing, tear_down);
    g_test_add("/train/checkpoint/changed_setting", Fixture, NULL, set_up, test_changed_setting, tear_down);
    g_test_add("/train/checkpoint/changed_device", Fixture, NULL, set_up, test_changed_device, tear_down);
    g_test_add("/train/checkpoint/unwritable", Fixture, NULL, set_up, test_unwritable, tear_down);
    return g_test_run();
}

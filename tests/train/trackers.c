/* SPDX-License-Identifier: Apache-2.0
 * trackers.c: the event file of the tracker `tensorboard` against TensorBoard's own
 * (tests/oracle/tensorboard_events.py) and its sum against RFC 3720's; what a training leaves.
 */
#include "../../plugins/trackers/tensorboard.c"
#include "harness.h"
#include <glib/gstdio.h>

/* RFC 3720, B.4. */
static void test_crc(void)
{
    unsigned char zeros[32] = {0}, ones[32], up[32], down[32];
    for (int i = 0; i < 32; i++) {
        ones[i] = 0xff;
        up[i] = (unsigned char)i;
        down[i] = (unsigned char)(31 - i);
    }
    g_assert_cmphex(crc32c(zeros, 32), ==, 0x8a9136aa);
    g_assert_cmphex(crc32c(ones, 32), ==, 0x62a8ab43);
    g_assert_cmphex(crc32c(up, 32), ==, 0x46dd794e);
    g_assert_cmphex(crc32c(down, 32), ==, 0x113fdb5c);
    g_assert_cmphex(crc32c("123456789", 9), ==, 0xe3069283); /* the usual check value */
    g_assert_cmphex(crc32c("", 0), ==, 0);
}

static void test_events(void)
{
    static const uint64_t steps[] = {1, 2, 127, 128, 300, 70000};
    static const char *const names[] = {"loss", "lr", "val_loss"};
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("hone-tracker-XXXXXX", NULL), *path = g_build_filename(folder, NAME, NULL);
    g_autofree char *wanted_path = test_data("tensorboard.events"), *wanted = NULL, *got = NULL;
    gsize wanted_length, got_length;
    void *tracker = ops.open(NULL, folder, &error);
    g_assert_no_error(error);
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        double step = (double)steps[i];
        const double values[] = {1.5 / step, 2e-4 * step, -0.25 * step};
        g_assert_true(ops.log(tracker, steps[i], names, values, 1 + steps[i] % 3, &error));
        /* A reader sees whole records while the run lasts. */
        g_autofree char *now = NULL;
        g_assert_true(g_file_get_contents(path, &now, &got_length, NULL));
        g_assert_cmpuint(got_length, >, 50);
    }
    g_assert_true(ops.close(tracker, &error));
    g_assert_true(g_file_get_contents(wanted_path, &wanted, &wanted_length, NULL));
    g_assert_true(g_file_get_contents(path, &got, &got_length, NULL));
    g_assert_cmpmem(got, got_length, wanted, wanted_length);
    test_remove_folder(folder);
    g_assert_null(ops.open(NULL, folder, &error)); /* it is gone */
    g_assert_nonnull(strstr(error->message, folder));
}

/* Of the file's bytes. */
static char *sum_of(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, NAME, NULL), *bytes = NULL;
    gsize length;
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)bytes, length);
}

/* A whole training, and one that was stopped at once and went on: the same files, with every step in them. */
static void test_whole(void)
{
    g_autofree char *folder = g_dir_make_tmp("hone-tracker-XXXXXX", NULL);
    g_autofree char *model = g_build_filename(folder, "model", NULL), *dataset = g_build_filename(folder, "data", NULL);
    g_autofree char *gguf = test_data("tiny.gguf"), *rows_path = test_data("rows.jsonl"), *rows = NULL;
    g_autofree char *out = g_build_filename(folder, "out", NULL), *adapter = g_build_filename(out, "adapter", NULL);
    g_autofree char *work = g_build_filename(folder, "work", NULL);
    g_assert_true(g_file_get_contents(rows_path, &rows, NULL, NULL));
    test_make_model(model, gguf);
    test_make_dataset(dataset, rows);
    const TestTraining training = {.model = model,
                                   .dataset = dataset,
                                   .output = out,
                                   .work = work,
                                   .backend = "cpu",
                                   .params = "{\"max_steps\": 5, \"trackers\": [\"tensorboard\"]}",
                                   .events_fd = -1};
    g_autofree char *first = NULL;
    for (int round = 0; round < 2; round++) {
        g_autoptr(GError) error = NULL;
        if (round == 1) {
            g_autoptr(HoneStage) stopped = test_training(&training);
            hone_stage_cancel(stopped);
            g_assert_false(hone_stage_execute(stopped, NULL));
            test_remove_folder(out);
        }
        g_autoptr(HoneStage) stage = test_training(&training);
        g_assert_true(hone_stage_execute(stage, &error));
        g_assert_no_error(error);
        g_autofree char *events = sum_of(adapter);
        if (first == NULL)
            first = g_steal_pointer(&events);
        else
            g_assert_cmpstr(events, ==, first);
        test_remove_folder(out);
        test_remove_folder(work);
    }
    TestTraining twice = training;
    twice.params = "{\"max_steps\": 1, \"trackers\": [\"tensorboard\", \"tensorboard\"]}";
    g_autoptr(HoneStage) stage = test_training(&twice);
    g_autoptr(GError) error = NULL;
    g_assert_false(hone_stage_execute(stage, &error));
    g_assert_nonnull(strstr(error->message, "there twice"));
    test_remove_folder(folder);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/train/trackers/crc", test_crc);
    g_test_add_func("/train/trackers/events", test_events);
    g_test_add_func("/train/trackers/training", test_whole);
    return g_test_run();
}

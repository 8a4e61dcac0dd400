/* SPDX-License-Identifier: Apache-2.0
 * What @NAME@ is for, by example: the stage is run as the host runs it, between two folders.
 */
#include <hone/hone.h>
#include <string.h>

static char *folder;

static HoneArtifact *make_rows(void)
{
    g_autofree char *path = g_build_filename(folder, "rows", NULL);
    g_autoptr(GError) error = NULL;
    HoneArtifact *artifact = hone_artifact_create(path, HONE_DATASET, &error);
    g_assert_no_error(error);
    g_autoptr(HoneRowWriter) writer = hone_row_writer_open(artifact, &error);
    g_autoptr(HoneRow) row = hone_row_new("one");
    g_ptr_array_add(row->messages, hone_message_new("user", "hello, größe", 0));
    g_ptr_array_add(row->messages, hone_message_new("assistant", "well", 1));
    g_assert_true(hone_row_writer_add(writer, row, &error));
    g_assert_true(hone_row_writer_close(writer, &error));
    g_assert_true(hone_artifact_seal(artifact, &error));
    return artifact;
}

static void test_run(void)
{
    g_autofree char *output = g_build_filename(folder, "out", NULL), *work = g_build_filename(folder, "work", NULL);
    g_assert_cmpint(g_mkdir_with_parents(output, 0700), ==, 0);
    g_assert_cmpint(g_mkdir_with_parents(work, 0700), ==, 0);
    HoneStageSetup setup = {.size = sizeof setup,
                            .component = hone_plugin()->components[0],
                            .name = "loud",
                            .output_folder = output,
                            .work_folder = work,
                            .events_fd = -1};
    g_autoptr(HoneStage) stage = hone_stage_new(&setup);
    hone_stage_add_input(stage, "dataset", "rows", make_rows());
    g_autoptr(GError) error = NULL;
    hone_stage_execute(stage, &error);
    g_assert_no_error(error);
    g_autofree char *path = g_build_filename(output, "dataset", NULL);
    g_autoptr(HoneArtifact) result = hone_artifact_open(path, true, &error);
    g_assert_no_error(error);
    g_autoptr(GPtrArray) rows = hone_rows_read(result, &error);
    g_assert_cmpuint(rows->len, ==, 1);
    const HoneRow *row = rows->pdata[0];
    g_assert_cmpstr(((HoneMessage *)row->messages->pdata[0])->content, ==, "HELLO, GRÖSSE");
    g_assert_cmpstr(((HoneMessage *)row->messages->pdata[1])->content, ==, "well");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("test-@NAME@-XXXXXX", NULL);
    g_test_add_func("/@NAME@/run", test_run);
    int status = g_test_run();
    g_free(folder);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0
 * split: parts the rows into train, test and, where wanted, validation.
 *
 * Rows that ask the same (row_text.h), or share the value of `group_by`, form a group and stay together, so nothing
 * that is tested was seen in training. Each group draws a number that depends on its text and the seed alone; the
 * groups with the lowest numbers are the test set, the next are validation. So neither the order of rows nor the number
 * of threads matters, and rows that are added later leave the old ones where they are, but for those at the border.
 */
#include "plan.h"
#include <hone/stage.h>
#include <math.h>

static const HoneParam params[] = {
    HONE_NUMBER(Split, test, "0.15", 0, 1e9, "rows to test with: a share below 1, or a number of rows"),
    HONE_NUMBER(Split, validation, "0", 0, 1e9, "rows to validate with: the same; 0: no validation set"),
    HONE_INT(Split, seed, "0", 0, 9007199254740991, "another seed gives another split"),
    HONE_STRING(Split, group_by, "null",
                "field whose equal values stay in one part: a column, or answer.NAME; null: the question's text"),
    HONE_STRING(Split, stratify, "null",
                "field whose values have the same shares in each part: a column, or answer.NAME"),
    {0},
};

static const HoneParamGroup groups_table[] = {HONE_OWN_PARAMS(params), {0}};

static const HonePort ports[] = {
    {"dataset", HONE_PORT_IN, HONE_DATASET | HONE_PREFERENCES, 0, "the rows to part"},
    {"train", HONE_PORT_OUT, HONE_DATASET | HONE_PREFERENCES, 0, "rows to learn from"},
    {"test", HONE_PORT_OUT, HONE_DATASET | HONE_PREFERENCES, 0, "rows held out"},
    {"validation", HONE_PORT_OUT, HONE_DATASET | HONE_PREFERENCES, HONE_PORT_OPTIONAL,
     "rows to choose settings by; written where `validation` is above 0"},
    {0},
};

static const char *const part_names[PART_COUNT] = {"train", "test", "validation"};

static bool read_plan(Plan *plan, const Split *p, HoneStage *stage, HoneArtifact *in, GError **error)
{
    plan_init(plan);
    g_autoptr(HoneRowReader) reader = hone_row_reader_open(in, error);
    if (reader == NULL)
        return false;
    for (;;) {
        if (hone_stage_cancelled(stage))
            return hone_stage_stop(stage, error);
        GError *problem = NULL;
        g_autoptr(HoneRow) row = hone_row_reader_next(reader, &problem);
        if (problem != NULL) {
            g_propagate_error(error, problem);
            return false;
        }
        if (row == NULL)
            return true;
        plan_add(plan, p, row);
    }
}

typedef struct {
    HoneRowWriter *writer[PART_COUNT];
} Writers;

static void writers_clear(Writers *writers)
{
    for (int part = 0; part < PART_COUNT; part++)
        g_clear_pointer(&writers->writer[part], hone_row_writer_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Writers, writers_clear)

static bool write_rows(const Plan *plan, HoneArtifact *in, Writers *writers, GError **error)
{
    g_autoptr(HoneRowReader) reader = hone_row_reader_open(in, error);
    if (reader == NULL)
        return false;
    for (guint i = 0; i < plan->row_keys->len; i++) {
        GError *problem = NULL;
        g_autoptr(HoneRow) row = hone_row_reader_next(reader, &problem);
        if (row == NULL) {
            if (problem == NULL)
                g_set_error(&problem, HONE_ERROR, HONE_ERROR_IO, "%s changed while it was read",
                            hone_artifact_label(in));
            g_propagate_error(error, problem);
            return false;
        }
        if (!hone_row_writer_add(writers->writer[plan_part(plan, i)], row, error))
            return false;
    }
    return true;
}

/* Rows keep their order within each part. */
static bool write_parts(const Plan *plan, HoneStage *stage, HoneArtifact *in, const size_t counts[PART_COUNT],
                        GError **error)
{
    g_auto(Writers) writers = {0};
    for (int part = 0; part < PART_COUNT; part++) {
        if (part == PART_VALIDATION && counts[part] == 0)
            continue;
        HoneArtifact *out = hone_stage_output(stage, part_names[part], hone_artifact_type(in), error);
        writers.writer[part] = out != NULL ? hone_row_writer_open(out, error) : NULL;
        if (writers.writer[part] == NULL)
            return false;
    }
    if (!write_rows(plan, in, &writers, error))
        return false;
    for (int part = 0; part < PART_COUNT; part++)
        if (writers.writer[part] != NULL && !hone_row_writer_close(writers.writer[part], error))
            return false;
    return true;
}

static bool check_field(const char *param, const char *field, size_t missing, const Plan *plan, HoneProgress *progress,
                        GError **error)
{
    size_t rows = plan->row_keys->len;
    if (field == NULL || missing == 0 || rows == 0)
        return true;
    if (missing == rows) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: no row has the field \"%s\"; columns that the first row keeps: %s (answer.NAME names a member "
                    "of a JSON answer)",
                    param, field, plan->columns->len > 0 ? plan->columns->str : "none");
        return false;
    }
    hone_progress_note(progress, HONE_NOTE_WARNING, "%s: %zu of %zu rows lack the field \"%s\"", param, missing, rows,
                       field);
    return true;
}

static bool check_wish(const Split *p, GError **error)
{
    bool whole =
        (p->test < 1 || p->test == floor(p->test)) && (p->validation < 1 || p->validation == floor(p->validation));
    if (p->test > 0 && whole)
        return true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s",
                whole ? "`test` must be above 0: a share below 1, or a number of rows"
                      : "`test` and `validation` are shares below 1 or whole numbers of rows");
    return false;
}

static bool check(const void *params_, GError **error)
{
    return check_wish(params_, error);
}

static bool run(HoneStage *stage, void *params_, GError **error)
{
    const Split *p = params_;
    HoneArtifact *in = hone_stage_input(stage, "dataset");
    HoneProgress *progress = hone_stage_progress(stage);
    g_auto(Plan) plan = {0};
    size_t counts[PART_COUNT] = {0};
    if (!check_wish(p, error) || !read_plan(&plan, p, stage, in, error) ||
        !check_field("group_by", p->group_by, plan.ungrouped, &plan, progress, error) ||
        !check_field("stratify", p->stratify, plan.unstratified, &plan, progress, error) ||
        !plan_assign(&plan, p, counts, error) || !write_parts(&plan, stage, in, counts, error))
        return false;
    g_autofree char *validation =
        counts[PART_VALIDATION] > 0 ? g_strdup_printf(", %zu validation", counts[PART_VALIDATION]) : g_strdup("");
    hone_progress_note(progress, HONE_NOTE_INFO,
                       "%u rows in %u groups that stay together: %zu train, %zu test%s (seed %" G_GINT64_FORMAT ")",
                       plan.row_keys->len, g_hash_table_size(plan.groups), counts[PART_TRAIN], counts[PART_TEST],
                       validation, p->seed);
    return true;
}

static const HoneStageOps ops = {.size = sizeof(HoneStageOps), .run = run, .check = check};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "split",
    .version = "1",
    .summary = "Parts rows into train, test and validation; rows that ask the same stay together",
    .help = "Each group of rows (same question, or same value of group_by) draws a Philox number from the seed and the "
            "hash of its text. The lowest draws are the test set, the next the validation set, the rest is for "
            "training. A group is never cut: the parts may exceed the wish by the rest of one group.",
    .params = groups_table,
    .instance_size = sizeof(Split),
    .ports = ports,
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("split", "1", "Apache-2.0", "Parts rows into train, test and validation", &component)

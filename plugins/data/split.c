/* SPDX-License-Identifier: Apache-2.0
 * split: parts the rows into train, test and, where wanted, validation.
 *
 * Rows that ask the same (row_text.h), or share the value of `group_by`, form a group and stay together, so nothing
 * that is tested was seen in training. Each group draws a number that depends on its text and the seed alone; the
 * groups with the lowest numbers are the test set, the next are validation. So neither the order of rows nor the number
 * of threads matters, and rows that are added later leave the old ones where they are, but for those at the border.
 */
#include "row_text.h"
#include <hone/random.h>
#include <hone/stage.h>
#include <math.h>
#include <string.h>

typedef struct {
    double test, validation;
    int64_t seed;
    char *group_by, *stratify;
} Split;

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

typedef enum {
    PART_TRAIN,
    PART_TEST,
    PART_VALIDATION,
    PART_COUNT,
} Part;

static const char *const part_names[PART_COUNT] = {"train", "test", "validation"};

typedef struct {
    char *name;
    size_t rows;
    size_t want[PART_COUNT], have[PART_COUNT];
    double rest; /* of the share not yet given out as whole rows */
} Stratum;

typedef struct {
    uint64_t draw;
    char *key, *stratum;
    Stratum *in; /* the stratum of that name */
    size_t rows;
    Part part;
} Group;

typedef struct {
    GHashTable *groups;  /* key -> Group */
    GPtrArray *row_keys; /* of char *: row -> key, owned by groups */
    size_t ungrouped, unstratified;
    GString *columns; /* of the first row's extra, for a message */
} Plan;

static void free_group(gpointer data)
{
    Group *group = data;
    g_free(group->key);
    g_free(group->stratum);
    g_free(group);
}

static void plan_clear(Plan *plan)
{
    g_clear_pointer(&plan->groups, g_hash_table_unref);
    g_clear_pointer(&plan->row_keys, g_ptr_array_unref);
    if (plan->columns != NULL)
        g_string_free(plan->columns, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Plan, plan_clear)

/* A prefix keeps a value of group_by apart from a question of the same text. */
static char *group_key(const Split *p, const HoneRow *row, Plan *plan)
{
    g_autofree char *value = p->group_by != NULL ? row_field(row, p->group_by) : NULL;
    if (value != NULL)
        return g_strconcat("field:", value, NULL);
    plan->ungrouped += p->group_by != NULL;
    g_autofree char *question = row_question_key(row);
    return g_strconcat("question:", question, NULL);
}

static void add_row(Plan *plan, const Split *p, const HoneRow *row)
{
    if (plan->row_keys->len == 0 && row->extra != NULL) {
        g_autoptr(GList) names = json_object_get_members(row->extra);
        for (GList *n = names; n != NULL; n = n->next)
            g_string_append_printf(plan->columns, "%s%s", n != names ? ", " : "", (const char *)n->data);
    }
    g_autofree char *key = group_key(p, row, plan);
    g_autofree char *stratum = p->stratify != NULL ? row_field(row, p->stratify) : NULL;
    plan->unstratified += p->stratify != NULL && stratum == NULL;
    Group *group = g_hash_table_lookup(plan->groups, key);
    if (group == NULL) {
        group = g_new0(Group, 1);
        group->draw = hone_random_u64((uint64_t)p->seed, HONE_STREAM_SPLIT, text_hash(key));
        group->key = g_steal_pointer(&key);
        group->stratum = stratum != NULL ? g_steal_pointer(&stratum) : g_strdup("");
        g_hash_table_insert(plan->groups, group->key, group);
    } else if (stratum != NULL && strcmp(stratum, group->stratum) < 0) {
        /* Of several values in a group the first by bytes: the same whatever the order of rows. */
        g_free(group->stratum);
        group->stratum = g_steal_pointer(&stratum);
    }
    group->rows++;
    g_ptr_array_add(plan->row_keys, group->key);
}

static bool read_plan(Plan *plan, const Split *p, HoneStage *stage, HoneArtifact *in, GError **error)
{
    plan->groups = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_group);
    plan->row_keys = g_ptr_array_new();
    plan->columns = g_string_new(NULL);
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
        add_row(plan, p, row);
    }
}

static int by_draw(gconstpointer a, gconstpointer b)
{
    const Group *x = *(Group *const *)a, *y = *(Group *const *)b;
    if (x->draw != y->draw)
        return x->draw < y->draw ? -1 : 1;
    return strcmp(x->key, y->key);
}

static int by_name(gconstpointer a, gconstpointer b)
{
    return strcmp((*(Stratum *const *)a)->name, (*(Stratum *const *)b)->name);
}

static int by_rest(gconstpointer a, gconstpointer b)
{
    const Stratum *x = *(Stratum *const *)a, *y = *(Stratum *const *)b;
    if (x->rest != y->rest)
        return x->rest > y->rest ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void free_stratum(gpointer data)
{
    Stratum *stratum = data;
    g_free(stratum->name);
    g_free(stratum);
}

static GPtrArray *collect_strata(const GPtrArray *groups)
{
    g_autoptr(GHashTable) by_value = g_hash_table_new(g_str_hash, g_str_equal);
    GPtrArray *strata = g_ptr_array_new_with_free_func(free_stratum);
    for (guint i = 0; i < groups->len; i++) {
        Group *group = groups->pdata[i];
        Stratum *stratum = g_hash_table_lookup(by_value, group->stratum);
        if (stratum == NULL) {
            stratum = g_new0(Stratum, 1);
            stratum->name = g_strdup(group->stratum);
            g_hash_table_insert(by_value, stratum->name, stratum);
            g_ptr_array_add(strata, stratum);
        }
        stratum->rows += group->rows;
        group->in = stratum;
    }
    g_ptr_array_sort(strata, by_name);
    return strata;
}

/* Gives each stratum its share of `total` rows, whole rows by largest remainder, so that the sum is exact. */
static void share_out(GPtrArray *strata, Part part, size_t total, size_t rows)
{
    size_t given = 0;
    for (guint i = 0; i < strata->len; i++) {
        Stratum *stratum = strata->pdata[i];
        double share = (double)total * (double)stratum->rows / (double)rows;
        stratum->want[part] = (size_t)share;
        stratum->rest = share - (double)stratum->want[part];
        given += stratum->want[part];
    }
    g_autoptr(GPtrArray) order = g_ptr_array_copy(strata, NULL, NULL);
    g_ptr_array_set_free_func(order, NULL);
    g_ptr_array_sort(order, by_rest);
    for (guint i = 0; i < order->len && given < total; i++, given++)
        ((Stratum *)order->pdata[i])->want[part]++;
}

/* The lowest draws of a stratum go to test, the next to validation. A group is taken whole while rows are wanted. */
static void assign_group(Group *group)
{
    Stratum *stratum = group->in;
    group->part = PART_TRAIN;
    if (stratum->have[PART_TEST] < stratum->want[PART_TEST])
        group->part = PART_TEST;
    else if (stratum->have[PART_VALIDATION] < stratum->want[PART_VALIDATION])
        group->part = PART_VALIDATION;
    stratum->have[group->part] += group->rows;
}

static size_t wanted_rows(double param, size_t rows)
{
    double wanted = param < 1 ? round(param * (double)rows) : param;
    return param > 0 ? (size_t)MAX(wanted, 1) : 0;
}

static bool assign(Plan *plan, const Split *p, size_t counts[PART_COUNT], GError **error)
{
    size_t rows = plan->row_keys->len;
    size_t test = wanted_rows(p->test, rows), validation = wanted_rows(p->validation, rows);
    guint n_groups = g_hash_table_size(plan->groups);
    if (rows == 0 || test + validation >= rows || n_groups < (validation > 0 ? 3 : 2)) {
        const char *why = rows == 0                   ? "the dataset is empty"
                          : test + validation >= rows ? "nothing would be left to train on"
                                                      : "there are too few different questions";
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "cannot part %zu rows (%u groups) into %zu for test, %zu for validation and the rest for training: "
                    "%s",
                    rows, n_groups, test, validation, why);
        return false;
    }
    g_autoptr(GPtrArray) groups = g_ptr_array_new();
    GHashTableIter iter;
    gpointer group;
    g_hash_table_iter_init(&iter, plan->groups);
    while (g_hash_table_iter_next(&iter, NULL, &group))
        g_ptr_array_add(groups, group);
    g_ptr_array_sort(groups, by_draw);
    g_autoptr(GPtrArray) strata = collect_strata(groups);
    share_out(strata, PART_TEST, test, rows);
    share_out(strata, PART_VALIDATION, validation, rows);
    for (guint i = 0; i < groups->len; i++) {
        Group *next = groups->pdata[i];
        assign_group(next);
        counts[next->part] += next->rows;
    }
    if (counts[PART_TRAIN] == 0 || (validation > 0 && counts[PART_VALIDATION] == 0)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "rows that ask the same stay together, and the groups are so large that no rows are left for %s; "
                    "lower `test`",
                    counts[PART_TRAIN] == 0 ? "training" : "validation");
        return false;
    }
    return true;
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
        const Group *group = g_hash_table_lookup(plan->groups, plan->row_keys->pdata[i]);
        if (!hone_row_writer_add(writers->writer[group->part], row, error))
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
        !assign(&plan, p, counts, error) || !write_parts(&plan, stage, in, counts, error))
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

static const HoneComponent *const components[] = {&component, NULL};

static const HonePlugin plugin = {
    HONE_PLUGIN_HEADER,
    .name = "split",
    .version = "1",
    .licence = "Apache-2.0",
    .summary = "Parts rows into train, test and validation",
    .components = components,
};

HONE_EXPORT const HonePlugin *hone_plugin(void)
{
    return &plugin;
}

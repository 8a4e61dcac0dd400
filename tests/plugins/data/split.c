/* SPDX-License-Identifier: Apache-2.0
 * split: counts, the promise that equal questions stay together, that order and additions do not matter, strata, and
 * what cannot be parted.
 */
#include "stage_run.h"
#include <hone/dataset.h>
#include <string.h>

static char *row_text(int i, const char *question)
{
    return g_strdup_printf(
        "{\"id\":\"r%d\",\"messages\":[{\"role\":\"user\",\"content\":\"%s\"},{\"role\":\"assistant\","
        "\"content\":\"{\\\"kind\\\":\\\"k%d\\\"}\"}],\"extra\":{\"who\":\"w%d\",\"third\":%s}}\n",
        i, question, i % 4, i / 5, i % 3 == 0 ? "true" : "false");
}

/* n rows; every question is asked in two spellings when `twice`. */
static char *make_rows(int n, bool twice, bool backwards)
{
    GString *rows = g_string_new(NULL);
    for (int k = 0; k < n; k++) {
        int i = backwards ? n - 1 - k : k;
        g_autofree char *question =
            twice ? g_strdup_printf(i % 2 == 0 ? "Where is no. %d?" : "  where IS no %d !!", i / 2)
                  : g_strdup_printf("question %d", i);
        g_autofree char *row = row_text(i, question);
        g_string_append(rows, row);
    }
    return g_string_free(rows, FALSE);
}

/* ids of a part, in order. */
static GPtrArray *part_ids(StageRun *s, const char *port)
{
    g_autoptr(HoneArtifact) out = stage_run_output(s, port);
    g_autoptr(GPtrArray) rows = hone_rows_read(out, NULL);
    GPtrArray *ids = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < rows->len; i++)
        g_ptr_array_add(ids, g_strdup(((HoneRow *)rows->pdata[i])->id));
    return ids;
}

static GHashTable *id_set(GPtrArray *ids)
{
    GHashTable *set = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < ids->len; i++)
        g_assert_true(g_hash_table_add(set, ids->pdata[i]));
    return set;
}

static void run_ok(StageRun *s, const char *params)
{
    g_autoptr(GError) error = NULL;
    stage_run(s, params, &error);
    g_assert_no_error(error);
}

static void test_counts(void)
{
    const struct {
        const char *params;
        guint test, validation;
    } cases[] = {
        {"{}", 15, 0},
        {"{\"test\":0.2,\"validation\":0.1}", 20, 10},
        {"{\"test\":1}", 1, 0},
        {"{\"test\":0.001}", 1, 0},
        {"{\"test\":37,\"validation\":62}", 37, 62},
        {"{\"test\":0.2,\"stratify\":\"answer.kind\"}", 20, 0},
        {"{\"test\":10,\"validation\":7,\"stratify\":\"third\"}", 10, 7},
    };
    g_autofree char *rows = make_rows(100, false, false);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(StageRun) s;
        stage_run_init(&s, "split");
        stage_run_input(&s, "dataset", HONE_DATASET, rows);
        run_ok(&s, cases[i].params);
        g_autoptr(GPtrArray) train = part_ids(&s, "train"), test = part_ids(&s, "test"), all = g_ptr_array_new();
        g_autoptr(GPtrArray) validation =
            cases[i].validation > 0 ? part_ids(&s, "validation") : g_ptr_array_new_with_free_func(g_free);
        g_assert_cmpuint(test->len, ==, cases[i].test);
        g_assert_cmpuint(validation->len, ==, cases[i].validation);
        g_assert_cmpuint(train->len, ==, 100 - cases[i].test - cases[i].validation);
        g_ptr_array_extend(all, train, NULL, NULL);
        g_ptr_array_extend(all, test, NULL, NULL);
        g_ptr_array_extend(all, validation, NULL, NULL);
        g_autoptr(GHashTable) set = id_set(all); /* asserts that none is there twice */
        g_assert_cmpuint(g_hash_table_size(set), ==, 100);
    }
}

static guint number_of(const char *id)
{
    return (guint)g_ascii_strtoull(id + 1, NULL, 10);
}

/* Two spellings of a question are never on both sides; nor are rows of one `group_by` value. */
static void test_groups(void)
{
    const struct {
        const char *params;
        guint width; /* rows i and j belong together when i / width == j / width */
        bool twice;
    } cases[] = {{"{\"test\":0.3,\"seed\":%d}", 2, true},
                 {"{\"test\":0.3,\"group_by\":\"who\",\"seed\":%d}", 5, false}};
    for (size_t c = 0; c < G_N_ELEMENTS(cases); c++) {
        g_auto(StageRun) s;
        stage_run_init(&s, "split");
        g_autofree char *rows = make_rows(200, cases[c].twice, false);
        stage_run_input(&s, "dataset", HONE_DATASET, rows);
        for (int seed = 0; seed < 5; seed++) {
            GString *params = g_string_new(cases[c].params);
            g_string_replace(params, "%d", (const char *[]){"0", "1", "2", "3", "4"}[seed], 1);
            run_ok(&s, params->str);
            g_string_free(params, TRUE);
            g_autoptr(GPtrArray) train = part_ids(&s, "train"), test = part_ids(&s, "test");
            g_assert_cmpuint(test->len, >=, 60);
            g_assert_cmpuint(test->len, <, 60 + cases[c].width);
            g_autoptr(GHashTable) in_test = g_hash_table_new(NULL, NULL);
            for (guint i = 0; i < test->len; i++)
                g_hash_table_add(in_test, GUINT_TO_POINTER(number_of(test->pdata[i]) / cases[c].width + 1));
            for (guint i = 0; i < train->len; i++)
                g_assert_false(
                    g_hash_table_contains(in_test, GUINT_TO_POINTER(number_of(train->pdata[i]) / cases[c].width + 1)));
        }
    }
}

static GHashTable *test_set_of(const char *rows, const char *params, GPtrArray **ids)
{
    g_auto(StageRun) s;
    stage_run_init(&s, "split");
    stage_run_input(&s, "dataset", HONE_DATASET, rows);
    run_ok(&s, params);
    *ids = part_ids(&s, "test");
    return id_set(*ids);
}

/* The order of rows does not matter; more rows move only those at the border; another seed moves most. */
static void test_stable(void)
{
    g_autofree char *rows = make_rows(200, false, false), *turned = make_rows(200, false, true),
                    *more = make_rows(220, false, false);
    g_autoptr(GPtrArray) a_ids = NULL, b_ids = NULL, c_ids = NULL, d_ids = NULL;
    g_autoptr(GHashTable) a = test_set_of(rows, "{\"test\":40}", &a_ids);
    g_autoptr(GHashTable) b = test_set_of(turned, "{\"test\":40}", &b_ids);
    g_autoptr(GHashTable) c = test_set_of(more, "{\"test\":40}", &c_ids);
    g_autoptr(GHashTable) d = test_set_of(rows, "{\"test\":40,\"seed\":1}", &d_ids);
    guint same_b = 0, new_c = 0, same_c = 0, same_d = 0;
    for (guint i = 0; i < 40; i++) {
        same_b += g_hash_table_contains(a, b_ids->pdata[i]);
        new_c += number_of(c_ids->pdata[i]) >= 200;
        same_c += g_hash_table_contains(a, c_ids->pdata[i]);
        same_d += g_hash_table_contains(a, d_ids->pdata[i]);
    }
    g_assert_cmpuint(same_b, ==, 40);
    /* A test row of the larger set is a new one or was a test row before: no training row turned into a test row. */
    g_assert_cmpuint(same_c + new_c, ==, 40);
    /* By chance 8 of 40 in both; 20 would be more than 6 standard deviations away. */
    g_assert_cmpuint(same_d, <, 20);
    (void)c;
    (void)d;
}

/* Shares by largest remainder: of 100 rows 34 have "third", so 20 test rows hold 6.8 -> 7 of them. */
static void test_strata(void)
{
    g_autofree char *rows = make_rows(100, false, false);
    g_autoptr(GPtrArray) ids = NULL;
    g_autoptr(GHashTable) set = test_set_of(rows, "{\"test\":20,\"stratify\":\"third\"}", &ids);
    guint third = 0;
    for (guint i = 0; i < ids->len; i++)
        third += number_of(ids->pdata[i]) % 3 == 0;
    g_assert_cmpuint(third, ==, 7);
    (void)set;
}

static void test_refused(void)
{
    g_autofree char *none = g_strdup(""), *one = make_rows(1, false, false), *ten = make_rows(10, false, false),
                    *same = make_rows(2, true, false);
    const struct {
        const char *rows, *params, *says;
    } cases[] = {
        {none, "{}", "cannot part 0 rows"},
        {one, "{}", "cannot part 1 rows"},
        {same, "{\"test\":1}", "too few different questions"},
        {ten, "{\"test\":10}", "nothing would be left to train on"},
        {ten, "{\"test\":0.5,\"validation\":0.5}", "nothing would be left to train on"},
        {ten, "{\"test\":0}", "`test` must be above 0"},
        {ten, "{\"test\":1.5}", "whole numbers of rows"},
        {ten, "{\"group_by\":\"nobody\"}",
         "no row has the field \"nobody\"; columns that the first row keeps: who, third"},
        {ten, "{\"stratify\":\"answer.nothing\"}", "no row has the field"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(StageRun) s;
        stage_run_init(&s, "split");
        stage_run_input(&s, "dataset", HONE_DATASET, cases[i].rows);
        stage_run_assert_error(&s, cases[i].params, HONE_ERROR_INVALID, cases[i].says);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/split/counts", test_counts);
    g_test_add_func("/split/groups", test_groups);
    g_test_add_func("/split/stable", test_stable);
    g_test_add_func("/split/strata", test_strata);
    g_test_add_func("/split/refused", test_refused);
    return g_test_run();
}

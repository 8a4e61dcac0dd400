/* SPDX-License-Identifier: Apache-2.0
 * plan.c: see plan.h.
 *
 * Each group draws a number that depends on its text and the seed alone; of each stratum the groups with the lowest
 * numbers are the test set, the next are validation.
 */
#include "plan.h"
#include <hone/random.h>
#include <math.h>
#include <string.h>

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

static void free_group(gpointer data)
{
    Group *group = data;
    g_free(group->key);
    g_free(group->stratum);
    g_free(group);
}

void plan_clear(Plan *plan)
{
    g_clear_pointer(&plan->groups, g_hash_table_unref);
    g_clear_pointer(&plan->row_keys, g_ptr_array_unref);
    if (plan->columns != NULL)
        g_string_free(plan->columns, TRUE);
}
void plan_init(Plan *plan)
{
    plan->groups = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_group);
    plan->row_keys = g_ptr_array_new();
    plan->columns = g_string_new(NULL);
}

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

void plan_add(Plan *plan, const Split *p, const HoneRow *row)
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

bool plan_assign(Plan *plan, const Split *p, size_t counts[PART_COUNT], GError **error)
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

Part plan_part(const Plan *plan, guint row)
{
    const Group *group = g_hash_table_lookup(plan->groups, plan->row_keys->pdata[row]);
    return group->part;
}

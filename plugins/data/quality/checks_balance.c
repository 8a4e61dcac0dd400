/* SPDX-License-Identifier: Apache-2.0
 * checks_balance.c: how often each label, or each value of a field of JSON answers, occurs.
 *
 * Only what has few different values counts as a label: at most 20, each seen 5 times on average.
 */
#include "checks.h"
#include <hone/json.h>
#include <string.h>

#define LEAST_ROWS 50
#define MOST_VALUES 20
#define VALUE_ROWS 5
#define TOP_SHARE 0.9   /* one value has nearly all rows */
#define RARE_SHARE 0.01 /* a value that is hardly there */

typedef struct {
    GHashTable *counts; /* value as text -> number of rows */
    size_t rows;
} Field;

static Field *field_new(void)
{
    Field *field = g_new0(Field, 1);
    field->counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return field;
}

static void field_free(gpointer data)
{
    Field *field = data;
    g_hash_table_unref(field->counts);
    g_free(field);
}

/* Takes value. */
static void count_value(GHashTable *fields, const char *name, char *value)
{
    Field *field = g_hash_table_lookup(fields, name);
    if (field == NULL) {
        field = field_new();
        g_hash_table_insert(fields, g_strdup(name), field);
    }
    field->rows++;
    size_t count = GPOINTER_TO_SIZE(g_hash_table_lookup(field->counts, value)) + 1;
    if (count > 1 || g_hash_table_size(field->counts) <= MOST_VALUES)
        g_hash_table_insert(field->counts, value, GSIZE_TO_POINTER(count));
    else
        g_free(value); /* too many already: no label */
}

static void count_row(GHashTable *fields, const Facts *row)
{
    if (row->answer == NULL)
        return;
    if (row->json_keys == NULL) {
        count_value(fields, "answer", g_strstrip(g_strdup(row->answer)));
        return;
    }
    g_autoptr(JsonNode) node = hone_json_parse(row->answer, strlen(row->answer), NULL, NULL);
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;
    json_object_iter_init_ordered(&iter, json_node_get_object(node));
    while (json_object_iter_next_ordered(&iter, &name, &value))
        count_value(fields, name, hone_json_text(value));
}

static int by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

static void describe_field(GString *detail, const char *name, const Field *field)
{
    guint kinds = g_hash_table_size(field->counts);
    if (kinds < 2 || kinds > MOST_VALUES || field->rows < LEAST_ROWS || field->rows < (size_t)kinds * VALUE_ROWS)
        return;
    g_autoptr(GList) values = g_list_sort(g_hash_table_get_keys(field->counts), by_text);
    for (GList *v = values; v != NULL; v = v->next) {
        size_t count = GPOINTER_TO_SIZE(g_hash_table_lookup(field->counts, v->data));
        double share = (double)count / (double)field->rows;
        if (share >= TOP_SHARE || share <= RARE_SHARE)
            g_string_append_printf(detail, "%s%s %s in %zu of %zu", detail->len > 0 ? ", " : "", name,
                                   (const char *)v->data, count, field->rows);
    }
}

void check_imbalance(Checking *c)
{
    g_autoptr(GHashTable) fields = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, field_free);
    Facts *row;
    for (guint i = 0; (row = checking_next(c, &i)) != NULL;)
        count_row(fields, row);
    g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(fields), by_text);
    GString *detail = g_string_new(NULL);
    for (GList *n = names; n != NULL; n = n->next)
        describe_field(detail, n->data, g_hash_table_lookup(fields, n->data));
    Finding *finding = checking_find(c, CHECK_IMBALANCE);
    finding->count = detail->len > 0 ? checking_count(c) : 0;
    finding->detail = g_string_free(detail, FALSE);
    checking_end(c, finding);
}

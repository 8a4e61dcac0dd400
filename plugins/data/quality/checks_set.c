/* SPDX-License-Identifier: Apache-2.0
 * checks_set.c: rows that stand out from the set, and what the set itself has too much of.
 */
#include "checks.h"
#include <math.h>
#include <string.h>

#define LEAST_ROWS 20     /* below this nothing is "usual" */
#define TEMPLATE_BYTES 12 /* shared wording shorter than this is chance ("What is") */

/* ---- Lengths. ---- */

typedef size_t Length(const Facts *row);

static size_t prompt_words(const Facts *row)
{
    return row->prompt_words;
}

static size_t answer_words(const Facts *row)
{
    return row->answer_words;
}

static int by_number(gconstpointer a, gconstpointer b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Tukey's fences, on logarithms since lengths spread by factors: outside [Q1 - k·IQR, Q3 + k·IQR]. */
static void find_fences(const Checking *c, Length *length, double *low, double *high)
{
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(double));
    Facts *row;
    for (guint i = 0; (row = checking_next(c, &i)) != NULL;) {
        double value = log1p((double)length(row));
        g_array_append_val(values, value);
    }
    g_array_sort(values, by_number);
    double q1 = g_array_index(values, double, values->len / 4), q3 = g_array_index(values, double, values->len * 3 / 4);
    double spread = MAX(q3 - q1, 0.25); /* rows of nearly equal length: a factor of exp(0.25 k) is not far */
    *low = q1 - c->params->outlier_factor * spread;
    *high = q3 + c->params->outlier_factor * spread;
}

void check_length_outliers(Checking *c)
{
    if (checking_count(c) < LEAST_ROWS)
        return;
    Finding *finding = checking_find(c, CHECK_LENGTH_OUTLIERS);
    static const struct {
        Length *length;
        const char *name;
    } sides[] = {{prompt_words, "prompt"}, {answer_words, "answer"}};
    double low[G_N_ELEMENTS(sides)], high[G_N_ELEMENTS(sides)];
    size_t outside[G_N_ELEMENTS(sides)] = {0};
    for (size_t k = 0; k < G_N_ELEMENTS(sides); k++)
        find_fences(c, sides[k].length, &low[k], &high[k]);
    Facts *row;
    for (guint i = 0; (row = checking_next(c, &i)) != NULL;) {
        bool far = false;
        for (size_t k = 0; k < G_N_ELEMENTS(sides); k++) {
            double value = log1p((double)sides[k].length(row));
            bool out = value < low[k] || value > high[k];
            outside[k] += out;
            far = far || out;
        }
        if (far)
            checking_mark(c, finding, row);
    }
    GString *detail = g_string_new(NULL);
    for (size_t k = 0; k < G_N_ELEMENTS(sides); k++)
        if (outside[k] > 0)
            g_string_append_printf(detail, "%s%zu with %ss outside %.0f to %.0f words", detail->len > 0 ? ", " : "",
                                   outside[k], sides[k].name, MAX(ceil(expm1(low[k])), 0), floor(expm1(high[k])));
    finding->detail = g_string_free(detail, FALSE);
    checking_end(c, finding);
}

/* ---- Form of the answers. ---- */

void check_answer_format(Checking *c)
{
    size_t n = checking_count(c), json = 0, most = 0;
    if (n < LEAST_ROWS)
        return;
    g_autoptr(GHashTable) counts = g_hash_table_new(g_str_hash, g_str_equal);
    const char *usual = NULL;
    Facts *row;
    for (guint i = 0; (row = checking_next(c, &i)) != NULL;) {
        if (row->json_keys == NULL)
            continue;
        json++;
        size_t count = GPOINTER_TO_SIZE(g_hash_table_lookup(counts, row->json_keys)) + 1;
        g_hash_table_insert(counts, row->json_keys, GSIZE_TO_POINTER(count));
        if (count > most) {
            most = count;
            usual = row->json_keys;
        }
    }
    double share = c->params->format_share;
    bool same_keys = (double)most >= share * (double)n;
    if ((double)json < share * (double)n)
        return; /* free text, or no usual form */
    Finding *finding = checking_find(c, CHECK_ANSWER_FORMAT);
    for (guint i = 0; (row = checking_next(c, &i)) != NULL;)
        if (row->json_keys == NULL || (same_keys && strcmp(row->json_keys, usual) != 0))
            checking_mark(c, finding, row);
    if (same_keys)
        finding->detail =
            g_strdup_printf("%.1f %% are JSON objects with the members %s", 100 * (double)most / (double)n, usual);
    else
        finding->detail = g_strdup_printf("%.1f %% are JSON objects", 100 * (double)json / (double)n);
    checking_end(c, finding);
}

/* ---- One wording for all prompts. ---- */

/* Byte k of what a prompt begins (or ends) with, from its edge; 0 past its end. */
static unsigned char edge_byte(const Facts *row, bool tail, size_t k)
{
    const char *text = tail ? row->prompt_tail : row->prompt_head;
    size_t length = strlen(text);
    return k >= length ? 0 : (unsigned char)text[tail ? length - 1 - k : k];
}

/* The longest beginning (or end) that at least `need` rows share. Caller frees. */
static char *shared_edge(const Checking *c, bool tail, size_t need)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new();
    Facts *row;
    for (guint i = 0; (row = checking_next(c, &i)) != NULL;)
        g_ptr_array_add(rows, row);
    GString *edge = g_string_new(NULL);
    while (edge->len < FACTS_ENDS) {
        size_t counts[256] = {0}, best = 1;
        for (guint i = 0; i < rows->len; i++)
            counts[edge_byte(rows->pdata[i], tail, edge->len)]++;
        for (size_t b = 1; b < 256; b++)
            best = counts[b] > counts[best] ? b : best;
        if (counts[best] < need)
            break;
        guint kept = 0;
        for (guint i = 0; i < rows->len; i++)
            if (edge_byte(rows->pdata[i], tail, edge->len) == best)
                rows->pdata[kept++] = rows->pdata[i];
        g_ptr_array_set_size(rows, (gint)kept);
        g_string_append_c(edge, (char)best);
    }
    if (tail)
        for (gsize i = 0; i < edge->len / 2; i++) {
            char swap = edge->str[i];
            edge->str[i] = edge->str[edge->len - 1 - i];
            edge->str[edge->len - 1 - i] = swap;
        }
    char *text = g_utf8_make_valid(edge->str, -1); /* an edge may lie within a character */
    g_string_free(edge, TRUE);
    return g_strstrip(text);
}

void check_prompt_template(Checking *c)
{
    size_t n = checking_count(c);
    if (n < LEAST_ROWS)
        return;
    size_t need = (size_t)ceil(c->params->template_share * (double)n);
    g_autofree char *head = shared_edge(c, false, need), *tail = shared_edge(c, true, need);
    bool begins = strlen(head) >= TEMPLATE_BYTES, ends = strlen(tail) >= TEMPLATE_BYTES;
    if (!begins && !ends)
        return;
    Finding *finding = checking_find(c, CHECK_PROMPT_TEMPLATE);
    finding->count = need; /* at least */
    finding->detail =
        g_strdup_printf("they %s%s%s%s%s%s%s", begins ? "begin with \"" : "", begins ? head : "", begins ? "\"" : "",
                        begins && ends ? " and " : "", ends ? "end with \"" : "", ends ? tail : "", ends ? "\"" : "");
    checking_end(c, finding);
}

/* SPDX-License-Identifier: Apache-2.0
 * overlap.c: ROUGE as Google's rouge-score computes it.
 *
 *     P = matches / words of the prediction    R = matches / words of the reference    F1 = 2PR / (P + R)
 *
 * ROUGE-N matches n-grams, each as often as it stands in both. ROUGE-L matches a longest common subsequence of words.
 * ROUGE-Lsum takes each line as a sentence and, for each line of the reference, the union of its longest common
 * subsequences with every line of the prediction; a word matches at most as often as it stands in either text.
 * C.-Y. Lin, "ROUGE: a package for automatic evaluation of summaries", 2004.
 */
#include "overlap.h"
#include "words.h"
#include <stdlib.h>
#include <string.h>

#define WORD(words, i) g_array_index(words, uint32_t, i)

static double f1(size_t matches, size_t reference, size_t prediction)
{
    double p, r;

    if (matches == 0) {
        return 0;
    }
    p = (double)matches / (double)prediction;
    r = (double)matches / (double)reference;
    return 2 * p * r / (p + r);
}

static int compare_grams(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* All n-grams of a text (n is 1 or 2) as sorted numbers. Caller unrefs. */
static GArray *sorted_grams(const GArray *words, uint32_t n)
{
    GArray *grams = g_array_new(FALSE, FALSE, sizeof(uint64_t));

    for (guint i = 0; i + n <= words->len; i++) {
        uint64_t gram = WORD(words, i);

        if (n == 2) {
            gram = gram << 32 | WORD(words, i + 1);
        }
        g_array_append_val(grams, gram);
    }
    g_array_sort(grams, compare_grams);
    return grams;
}

static double rouge_n(const GArray *reference, const GArray *prediction, uint32_t n)
{
    g_autoptr(GArray) a = sorted_grams(reference, n);
    g_autoptr(GArray) b = sorted_grams(prediction, n);
    size_t matches = 0;

    for (guint i = 0, j = 0; i < a->len && j < b->len;) {
        int order = compare_grams(&g_array_index(a, uint64_t, i), &g_array_index(b, uint64_t, j));

        matches += order == 0;
        i += order <= 0;
        j += order >= 0;
    }
    return f1(matches, a->len, b->len);
}

/* The table of a longest common subsequence, of which backtracking needs one bit for each cell: whether the row (the
 * prediction's step back) is the longer way. */
typedef struct LcsTable {
    uint32_t *above, *row;
    uint8_t *left_is_longer; /* NULL where only the length is wanted */
    size_t columns;
} LcsTable;

static void lcs_table_clear(LcsTable *table)
{
    g_free(table->above);
    g_free(table->row);
    g_free(table->left_is_longer);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LcsTable, lcs_table_clear)

static bool lcs_table_init(LcsTable *table, size_t rows, size_t columns, bool backtrack, GError **error)
{
    size_t cells;

    table->columns = columns;
    table->above = g_try_new0(uint32_t, columns + 1);
    table->row = g_try_new0(uint32_t, columns + 1);
    if (!g_size_checked_mul(&cells, rows, columns)) {
        cells = SIZE_MAX;
    }
    if (backtrack) {
        table->left_is_longer = g_try_malloc0(cells / 8 + 1);
    }
    if (!table->above || !table->row || (backtrack && !table->left_is_longer)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_MEMORY,
                    "ROUGE of a line of %zu words and one of %zu needs more memory than there is; leave the row out or "
                    "break its lines",
                    rows, columns);
        return false;
    }
    return true;
}

/* Fills the table; returns the length. */
static uint32_t lcs_fill(LcsTable *table, const GArray *reference, const GArray *prediction)
{
    for (guint i = 0; i < reference->len; i++) {
        uint32_t *swap = table->above;

        table->above = table->row;
        table->row = swap;
        for (guint j = 0; j < prediction->len; j++) {
            uint32_t left = table->row[j], up = table->above[j + 1];

            if (WORD(reference, i) == WORD(prediction, j)) {
                table->row[j + 1] = table->above[j] + 1;
            } else {
                table->row[j + 1] = MAX(left, up);
            }
            if (table->left_is_longer && left > up) {
                size_t cell = (size_t)i * table->columns + j;

                table->left_is_longer[cell / 8] |= (uint8_t)(1u << (cell % 8));
            }
        }
    }
    return table->row[prediction->len];
}

static bool rouge_l(const GArray *reference, const GArray *prediction, double *score, GError **error)
{
    g_auto(LcsTable) table = {0};

    if (!lcs_table_init(&table, reference->len, prediction->len, false, error)) {
        return false;
    }
    *score = f1(lcs_fill(&table, reference, prediction), reference->len, prediction->len);
    return true;
}

/* Marks in used [reference->len] the words of one longest common subsequence: the one that rouge-score takes, which
 * goes back along the reference where both ways are equally long. */
static bool mark_lcs(const GArray *reference, const GArray *prediction, bool *used, GError **error)
{
    g_auto(LcsTable) table = {0};

    if (!lcs_table_init(&table, reference->len, prediction->len, true, error)) {
        return false;
    }
    lcs_fill(&table, reference, prediction);
    for (size_t i = reference->len, j = prediction->len; i > 0 && j > 0;) {
        size_t cell = (i - 1) * table.columns + (j - 1);

        if (WORD(reference, i - 1) == WORD(prediction, j - 1)) {
            used[i - 1] = true;
            i--;
            j--;
        } else if (table.left_is_longer[cell / 8] >> (cell % 8) & 1) {
            j--;
        } else {
            i--;
        }
    }
    return true;
}

/* The words of each line, of GArray *. */
static GPtrArray *split_lines(Vocabulary *vocabulary, const char *text)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);

    for (;;) {
        const char *end = strchrnul(text, '\n');

        if (end > text) {
            g_ptr_array_add(lines, vocabulary_words(vocabulary, text, (size_t)(end - text)));
        }
        if (!*end) {
            return lines;
        }
        text = end + 1;
    }
}

static size_t count_words(const GPtrArray *lines, uint32_t *counts)
{
    size_t total = 0;

    for (guint i = 0; i < lines->len; i++) {
        const GArray *words = lines->pdata[i];

        for (guint j = 0; j < words->len; j++) {
            counts[WORD(words, j)]++;
        }
        total += words->len;
    }
    return total;
}

static bool rouge_lsum(const GPtrArray *reference, const GPtrArray *prediction, uint32_t vocabulary, double *score,
                       GError **error)
{
    g_autofree uint32_t *left_reference = g_new0(uint32_t, vocabulary + 1);
    g_autofree uint32_t *left_prediction = g_new0(uint32_t, vocabulary + 1);
    size_t n_reference = count_words(reference, left_reference);
    size_t n_prediction = count_words(prediction, left_prediction);
    size_t matches = 0;

    for (guint i = 0; i < reference->len; i++) {
        const GArray *line = reference->pdata[i];
        g_autofree bool *used = g_new0(bool, line->len + 1);

        for (guint j = 0; j < prediction->len; j++) {
            if (!mark_lcs(line, prediction->pdata[j], used, error)) {
                return false;
            }
        }
        for (guint k = 0; k < line->len; k++) {
            uint32_t word = WORD(line, k);

            if (used[k] && left_reference[word] > 0 && left_prediction[word] > 0) {
                matches++;
                left_reference[word]--;
                left_prediction[word]--;
            }
        }
    }
    *score = f1(matches, n_reference, n_prediction);
    return true;
}

bool rouge_score(const char *reference, const char *prediction, bool stem, RougeScores *scores, GError **error)
{
    g_autoptr(Vocabulary) vocabulary = vocabulary_new(stem);
    g_autoptr(GArray) wanted = vocabulary_words(vocabulary, reference, strlen(reference));
    g_autoptr(GArray) got = vocabulary_words(vocabulary, prediction, strlen(prediction));
    g_autoptr(GPtrArray) wanted_lines = split_lines(vocabulary, reference);
    g_autoptr(GPtrArray) got_lines = split_lines(vocabulary, prediction);

    scores->rouge1 = rouge_n(wanted, got, 1);
    scores->rouge2 = rouge_n(wanted, got, 2);
    return rouge_l(wanted, got, &scores->rougeL, error) &&
           rouge_lsum(wanted_lines, got_lines, vocabulary_size(vocabulary), &scores->rougeLsum, error);
}

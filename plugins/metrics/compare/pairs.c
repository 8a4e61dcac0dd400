/* SPDX-License-Identifier: Apache-2.0
 * pairs.c: puts two evaluations side by side, row by row and figure by figure.
 *
 * The bootstrap resamples rows in pairs: how hard a row is cancels out, so a small gain that nearly every row has is
 * seen, and a large one that a few lucky rows have is not taken for more than it is.
 */
#include "compare.h"
#include <math.h>

void pairs_clear(Pairs *pairs)
{
    g_clear_pointer(&pairs->figures, g_ptr_array_unref);
    g_clear_pointer(&pairs->rows, g_array_unref);
}

static bool match_rows(Pairs *pairs, const Scores *before, const Scores *after, GError **error)
{
    g_autoptr(GHashTable) by_id = g_hash_table_new(g_str_hash, g_str_equal);

    if (!g_str_equal(before->dataset_hash, after->dataset_hash)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s and %s were evaluated on different data (hashes %.12s and %.12s): connect both to the same "
                    "dataset",
                    before->label, after->label, before->dataset_hash, after->dataset_hash);
        return false;
    }
    for (guint i = 0; i < before->rows->len; i++) {
        ScoreRow *row = before->rows->pdata[i];

        if (!g_hash_table_insert(by_id, row->id, row)) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: two rows are named \"%s\"", before->label, row->id);
            return false;
        }
    }
    for (guint i = 0; i < after->rows->len; i++) {
        RowPair pair = {.after = after->rows->pdata[i]};

        pair.before = g_hash_table_lookup(by_id, pair.after->id);
        if (!pair.before) {
            pairs->only_after++;
            continue;
        }
        g_hash_table_remove(by_id, pair.after->id); /* so a second row of that name finds nothing */
        g_array_append_val(pairs->rows, pair);
    }
    pairs->only_before = g_hash_table_size(by_id);
    if (pairs->rows->len == 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s and %s have no row in common", before->label,
                    after->label);
        return false;
    }
    return true;
}

static Change change_of(const FigurePair *pair)
{
    bool up, down;

    if (isnan(pair->difference.low) || isnan(pair->difference.high)) {
        return CHANGE_UNKNOWN;
    }
    up = pair->difference.low > 0;
    down = pair->difference.high < 0;
    if (!up && !down) {
        return CHANGE_NONE;
    }
    return up != pair->figure->lower_is_better ? CHANGE_BETTER : CHANGE_WORSE;
}

static FigurePair *match_figure(const Pairs *pairs, const ScoreFigure *figure, size_t draws, uint64_t seed)
{
    FigurePair *pair = g_new0(FigurePair, 1);
    size_t n = pairs->rows->len;
    g_autofree HoneMetricValue *before = g_new(HoneMetricValue, n), *after = g_new(HoneMetricValue, n);

    for (guint i = 0; i < n; i++) {
        const RowPair *row = &g_array_index(pairs->rows, RowPair, i);

        before[i] = score_row_value(row->before, figure->name);
        after[i] = score_row_value(row->after, figure->name);
        pair->rows += before[i].denominator != 0 && after[i].denominator != 0;
    }
    pair->figure = figure;
    pair->before = hone_bootstrap(figure->scale, before, n, draws, seed);
    pair->after = hone_bootstrap(figure->scale, after, n, draws, seed);
    pair->difference = hone_bootstrap_difference(figure->scale, before, after, n, draws, seed);
    pair->change = change_of(pair);
    return pair;
}

bool pairs_match(Pairs *pairs, const Scores *before, const Scores *after, size_t draws, uint64_t seed, GError **error)
{
    pairs->rows = g_array_new(FALSE, TRUE, sizeof(RowPair));
    pairs->figures = g_ptr_array_new_with_free_func(g_free);
    if (!match_rows(pairs, before, after, error)) {
        return false;
    }
    for (guint i = 0; i < after->figures->len; i++) {
        const ScoreFigure *figure = after->figures->pdata[i];

        if (scores_figure(before, figure->name)) {
            g_ptr_array_add(pairs->figures, match_figure(pairs, figure, draws, seed));
        }
    }
    if (pairs->figures->len == 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s and %s have no figure in common: give both the same metrics", before->label, after->label);
        return false;
    }
    return true;
}

/* How much better a row got in figures of that role (any for -1) that are shares, or in log-probability for a token;
 * *level: where it got to. False where no figure counts. */
static bool gain_in(const Pairs *pairs, const RowPair *row, int role, double *gain, double *level)
{
    double gains = 0, levels = 0;
    guint n = 0;

    for (guint i = 0; i < pairs->figures->len; i++) {
        const FigurePair *pair = pairs->figures->pdata[i];
        const ScoreFigure *figure = pair->figure;
        HoneMetricValue before = score_row_value(row->before, figure->name);
        HoneMetricValue after = score_row_value(row->after, figure->name);
        bool share = g_strcmp0(figure->unit, "%") == 0, likely = role == HONE_FIGURE_LIKELIHOOD;
        double got, difference;

        if (figure->part || (role >= 0 && (int)figure->role != role) || (!share && !likely) ||
            before.denominator == 0 || after.denominator == 0) {
            continue;
        }
        got = after.numerator / after.denominator;
        difference = got - before.numerator / before.denominator;
        gains += figure->lower_is_better ? -difference : difference;
        levels += got;
        n++;
    }
    *gain = n ? gains / n : 0;
    *level = n ? levels / n : NAN;
    return n > 0;
}

static int compare_rows(const void *a, const void *b)
{
    const RowPair *x = a, *y = b;

    if (x->gain != y->gain) {
        return x->gain < y->gain ? -1 : 1;
    }
    if (x->minor != y->minor) {
        return x->minor < y->minor ? -1 : 1;
    }
    return g_strcmp0(x->after->id, y->after->id);
}

void pairs_rank(Pairs *pairs)
{
    for (guint i = 0; i < pairs->rows->len; i++) {
        RowPair *row = &g_array_index(pairs->rows, RowPair, i);
        double unused;

        if (!gain_in(pairs, row, HONE_FIGURE_TASK, &row->gain, &row->level) &&
            !gain_in(pairs, row, -1, &row->gain, &row->level)) {
            gain_in(pairs, row, HONE_FIGURE_LIKELIHOOD, &row->gain, &unused);
        }
        gain_in(pairs, row, -1, &row->minor, &unused);
    }
    g_array_sort(pairs->rows, compare_rows);
}

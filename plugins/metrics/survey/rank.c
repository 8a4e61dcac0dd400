/* SPDX-License-Identifier: Apache-2.0
 * rank.c: which model stands where, and why.
 *
 * Three criteria: bits per byte of the wanted answers, the first figure without examples, the same with examples. On
 * each, a model beats another clearly when the 95 % interval of their difference over the rows that both answered
 * excludes 0. The rank is by how often a model is beaten so; speed decides between equals, and what does not fit the
 * machine's memory comes last. A difference within the interval decides nothing.
 */
#include "../common/figure_text.h"
#include "survey.h"
#include <math.h>

#define N_CRITERIA 3
#define FEW_ROWS 30    /* below, the bootstrap is too narrow */
#define GOOD_SHARE 0.9 /* with examples alone: then tuning may not be needed */

static const SurveyScore *criterion(const SurveyModel *model, int which)
{
    return which == 0 ? model->bits_per_byte : which == 1 ? model->zero : model->few;
}

static const char *const criteria[N_CRITERIA] = {"", " without examples", " with examples"};

/* a is clearly better than b. */
static bool beats(const SurveyScore *a, const SurveyScore *b, const SurveyParams *params)
{
    g_autoptr(GArray) of_a = g_array_new(FALSE, FALSE, sizeof(HoneMetricValue));
    g_autoptr(GArray) of_b = g_array_new(FALSE, FALSE, sizeof(HoneMetricValue));
    g_autoptr(GList) ids = g_list_sort(g_hash_table_get_keys(a->rows), (GCompareFunc)g_strcmp0);
    HoneInterval difference;

    for (const GList *id = ids; id; id = id->next) {
        const HoneMetricValue *other = g_hash_table_lookup(b->rows, id->data);

        if (other) {
            g_array_append_vals(of_a, g_hash_table_lookup(a->rows, id->data), 1);
            g_array_append_vals(of_b, other, 1);
        }
    }
    difference = hone_bootstrap_difference(a->scale, (const HoneMetricValue *)(void *)of_b->data,
                                           (const HoneMetricValue *)(void *)of_a->data, of_a->len,
                                           (size_t)params->eval.draws, (uint64_t)params->eval.seed);
    return a->lower_is_better ? difference.high < 0 : difference.low > 0;
}

static int by_place(const void *a, const void *b)
{
    const SurveyModel *x = *(SurveyModel *const *)a, *y = *(SurveyModel *const *)b;

    if (x->fits != y->fits) {
        return x->fits ? -1 : 1;
    }
    if (x->beaten != y->beaten) {
        return x->beaten < y->beaten ? -1 : 1;
    }
    if (x->prompt_speed != y->prompt_speed && isfinite(x->prompt_speed) && isfinite(y->prompt_speed)) {
        return x->prompt_speed > y->prompt_speed ? -1 : 1;
    }
    return g_strcmp0(x->label, y->label);
}

static void say(SurveyModel *model, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void say(SurveyModel *model, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(model->reasons, g_strdup_vprintf(format, args));
    va_end(args);
}

/* On one criterion: whom the model beats, and who beats it. */
static void compare(GPtrArray *models, SurveyModel *model, int which, const SurveyParams *params)
{
    const SurveyScore *own = criterion(model, which);
    g_autoptr(GString) better = g_string_new(NULL), worse = g_string_new(NULL);
    g_autofree char *value = own ? figure_text(own->unit, own->interval.value) : NULL;

    for (guint i = 0; own && i < models->len; i++) {
        const SurveyModel *other = models->pdata[i];
        const SurveyScore *theirs = criterion(other, which);

        if (other == model || !theirs) {
            continue;
        }
        if (beats(theirs, own, params)) {
            model->beaten++;
            g_string_append_printf(worse, "%s%s", worse->len ? ", " : "", other->label);
        } else if (beats(own, theirs, params)) {
            g_string_append_printf(better, "%s%s", better->len ? ", " : "", other->label);
        }
    }
    if (better->len) {
        say(model, "%s%s %s: clearly better than %s", own->label, criteria[which], value, better->str);
    }
    if (worse->len) {
        say(model, "%s%s %s: clearly worse than %s", own->label, criteria[which], value, worse->str);
    }
}

static void say_more(SurveyModel *model, size_t n_models, const SurveyParams *params)
{
    const SurveyScore *few = model->few, *zero = model->zero;

    if (!model->fits) {
        say(model, "a LoRA step of %" G_GINT64_FORMAT " rows does not fit this machine's memory limit",
            params->tune_rows);
    }
    if (few && zero && beats(few, zero, params)) {
        g_autofree char *gain = figure_difference_text(few->unit, few->interval.value - zero->interval.value);

        say(model, "%" G_GINT64_FORMAT " examples in the prompt alone give %s", params->eval.shots, gain);
    }
    if (few && g_strcmp0(few->unit, "%") == 0 && few->interval.low >= GOOD_SHARE) {
        say(model, "with examples in the prompt it is already right in most rows: a better prompt may be all you need");
    }
    if (model->too_long > 0) {
        say(model, "%zu rows are longer than its context of %zu tokens", model->too_long, model->context);
    }
    if (model->rows < FEW_ROWS) {
        say(model, "only %zu rows: differences must be large to show", model->rows);
    }
    if (model->reasons->len == 0) {
        say(model,
            n_models > 1 ? "no clear difference from any other on these %zu rows"
                         : "nothing to compare it with; %zu rows were used",
            model->rows);
    }
}

void survey_rank(GPtrArray *models, const SurveyParams *params)
{
    for (guint i = 0; i < models->len; i++) {
        for (int which = 0; which < N_CRITERIA; which++) {
            compare(models, models->pdata[i], which, params);
        }
        say_more(models->pdata[i], models->len, params);
    }
    g_ptr_array_sort(models, by_place);
}

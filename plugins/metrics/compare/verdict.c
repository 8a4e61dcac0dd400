/* SPDX-License-Identifier: Apache-2.0
 * verdict.c: did tuning help? In words, with the figures that say so.
 *
 * Figures speak of the task, of similarity, of likelihood or of format, and the first of these kinds that was measured
 * decides. It helped when one of the deciding figures got better beyond doubt (the 95 % interval of its difference
 * excludes 0) and none got worse so. A gain in format that the task does not share is called what it is: answers that
 * look right and are not are worse than none, since they are believed.
 */
#include "../common/figure_text.h"
#include "compare.h"
#include <math.h>

#define FEW_ROWS 30 /* below, a percentile interval is rough */

void verdict_clear(Verdict *verdict)
{
    g_clear_pointer(&verdict->text, g_free);
    g_clear_pointer(&verdict->warnings, g_ptr_array_unref);
}

const char *outcome_name(Outcome outcome)
{
    static const char *const names[] = {"", "helped", "format_only", "mixed", "none", "harmed"};

    return names[outcome];
}

const char *change_name(Change change)
{
    static const char *const names[] = {"unknown", "none", "better", "worse"};

    return names[change];
}

/* "Fields right rose from 12.1 % to 81.0 % (+68.9 points, 95 % interval +61.0 to +75.2)" */
static char *evidence(const FigurePair *pair)
{
    const char *unit = pair->figure->unit;
    g_autofree char *from = figure_text(unit, pair->before.value), *to = figure_text(unit, pair->after.value);
    g_autofree char *by = figure_difference_text(unit, pair->difference.value);
    g_autofree char *range = figure_interval_text(unit, pair->difference.low, pair->difference.high, TRUE);
    const char *verb = pair->change == CHANGE_NONE || pair->change == CHANGE_UNKNOWN ? "went"
                       : pair->difference.value > 0                                  ? "rose"
                                                                                     : "fell";

    return g_strdup_printf("%s %s from %s to %s (%s, 95\xC2\xA0%% interval %s%s)", pair->figure->label, verb, from, to,
                           by, range, pair->change == CHANGE_NONE ? ", which includes 0" : "");
}

/* Figures (not parts) of a role and a change, of FigurePair *. Caller unrefs. */
static GPtrArray *select_figures(const GPtrArray *figures, HoneFigureRole role, Change change)
{
    GPtrArray *found = g_ptr_array_new();

    for (guint i = 0; i < figures->len; i++) {
        FigurePair *pair = figures->pdata[i];

        if (!pair->figure->part && pair->figure->role == role && pair->change == change) {
            g_ptr_array_add(found, pair);
        }
    }
    return found;
}

/* The kind of figure that decides. */
static HoneFigureRole deciding_role(const GPtrArray *figures)
{
    static const HoneFigureRole order[] = {HONE_FIGURE_TASK, HONE_FIGURE_SIMILARITY, HONE_FIGURE_LIKELIHOOD};

    for (size_t k = 0; k < G_N_ELEMENTS(order); k++) {
        for (guint i = 0; i < figures->len; i++) {
            const FigurePair *pair = figures->pdata[i];

            if (!pair->figure->part && pair->figure->role == order[k] && pair->change != CHANGE_UNKNOWN) {
                return order[k];
            }
        }
    }
    return HONE_FIGURE_FORMAT;
}

/* "A, B and C" */
static char *labels(const GPtrArray *figures)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < figures->len; i++) {
        const FigurePair *pair = figures->pdata[i];

        g_string_append(text, i == 0 ? "" : i + 1 == figures->len ? " and " : ", ");
        g_string_append(text, pair->figure->label);
    }
    return g_string_free(text, FALSE);
}

/* Of the kinds that do not decide, those that got worse although the whole is not called worse. */
static void warn_side_effects(Verdict *verdict, const GPtrArray *figures, HoneFigureRole decides)
{
    for (HoneFigureRole role = HONE_FIGURE_TASK; role <= HONE_FIGURE_LIKELIHOOD; role++) {
        g_autoptr(GPtrArray) worse = select_figures(figures, role, CHANGE_WORSE);

        for (guint i = 0; role != decides && i < worse->len; i++) {
            g_autofree char *text = evidence(worse->pdata[i]);

            g_ptr_array_add(verdict->warnings, g_strdup_printf("Got worse beside the figures that decide: %s.", text));
        }
    }
}

void verdict_reach(Verdict *verdict, const GPtrArray *figures, guint rows)
{
    HoneFigureRole decides = deciding_role(figures);
    g_autoptr(GPtrArray) better = select_figures(figures, decides, CHANGE_BETTER);
    g_autoptr(GPtrArray) worse = select_figures(figures, decides, CHANGE_WORSE);
    g_autoptr(GPtrArray) same = select_figures(figures, decides, CHANGE_NONE);
    g_autoptr(GPtrArray) format = select_figures(figures, HONE_FIGURE_FORMAT, CHANGE_BETTER);
    bool format_rose = decides != HONE_FIGURE_FORMAT && format->len > 0;
    g_autofree char *good = better->len ? evidence(better->pdata[0]) : NULL;
    g_autofree char *bad = worse->len ? evidence(worse->pdata[0]) : NULL;
    g_autofree char *still = same->len ? evidence(same->pdata[0]) : NULL;
    g_autofree char *shape = format_rose ? evidence(format->pdata[0]) : NULL;
    GString *text = g_string_new(NULL);

    verdict->warnings = g_ptr_array_new_with_free_func(g_free);
    if (good && bad) {
        verdict->outcome = OUTCOME_MIXED;
        g_string_append_printf(text, "Mixed: %s, but %s, on %u rows.", good, bad, rows);
    } else if (good) {
        verdict->outcome = OUTCOME_HELPED;
        g_string_append_printf(text, "Tuning helped: %s on %u rows.", good, rows);
    } else if (bad) {
        verdict->outcome = OUTCOME_HARMED;
        g_string_append_printf(text, "Tuning harmed: %s on %u rows.", bad, rows);
    } else if (format_rose) {
        verdict->outcome = OUTCOME_FORMAT_ONLY;
        g_string_append_printf(text, "Tuning taught the format and not the task: %s, while %s, on %u rows.", shape,
                               still ? still : "no other figure could be compared", rows);
    } else {
        verdict->outcome = OUTCOME_NONE;
        g_string_append_printf(text, "No measurable effect: %s on %u rows.",
                               still ? still : "no figure could be compared", rows);
    }
    if (good && better->len > 1) {
        g_ptr_array_remove_index(better, 0);
        g_autofree char *also = labels(better);
        g_string_append_printf(text, " Better too: %s.", also);
    }
    if (format_rose && !good) {
        g_ptr_array_add(verdict->warnings,
                        g_strdup_printf("The format of answers improved, what they say did not: %s. Answers that look "
                                        "right are believed; look at the rows before you ship this.",
                                        shape));
    }
    if (verdict->outcome == OUTCOME_HELPED && decides != HONE_FIGURE_TASK) {
        g_ptr_array_add(verdict->warnings,
                        g_strdup("No figure of the task itself was measured (exact_match, field_accuracy): closeness "
                                 "to the wanted text is not correctness."));
    }
    if (rows < FEW_ROWS) {
        g_ptr_array_add(verdict->warnings,
                        g_strdup_printf("Only %u rows: intervals are rough. Evaluate on more.", rows));
    }
    warn_side_effects(verdict, figures, decides);
    verdict->text = g_string_free(text, FALSE);
}

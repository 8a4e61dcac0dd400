/* SPDX-License-Identifier: Apache-2.0
 * scores_section.c: figures before and after: bars with their intervals, the table of differences, the parts.
 */
#include "../common/figure_text.h"
#include "chart.h"
#include "html.h"
#include "sections.h"
#include <math.h>

static Bar bar_of(JsonObject *interval, const char *css)
{
    return (Bar){.css = css,
                 .value = json_number_member(interval, "value"),
                 .low = json_number_member(interval, "low"),
                 .high = json_number_member(interval, "high")};
}

/* Where the scale of a figure ends: shares at 1, all else a little past the largest whisker. */
static double top_of(const char *unit, const Bar *bars, guint n)
{
    double top = 0;

    if (g_strcmp0(unit, "%") == 0) {
        return 1;
    }
    for (guint i = 0; i < n; i++) {
        top = fmax(top, fmax(isfinite(bars[i].value) ? bars[i].value : 0, isfinite(bars[i].high) ? bars[i].high : 0));
    }
    return top * 1.05;
}

static void score_line(GString *out, JsonObject *figure)
{
    const char *unit = json_text_member(figure, "unit"), *label = json_text_member(figure, "label");
    Bar bars[2] = {bar_of(json_object_member(figure, "before"), "base"),
                   bar_of(json_object_member(figure, "after"), "tuned")};
    g_autofree char *before = figure_text(unit, bars[0].value), *after = figure_text(unit, bars[1].value);
    g_autofree char *said = g_strdup_printf("%s: before %s, after %s", label, before, after);

    html(out, "<div class=\"score\"><span class=\"l\">%s%s</span>", label,
         json_true_member(figure, "lower_is_better") ? " (lower is better)" : "");
    chart_bars(out, bars, 2, top_of(unit, bars, 2), said);
    html(out, "<span class=\"v\"><i>%s</i><br/><b>%s</b></span></div>", before, after);
}

static gboolean is_part(JsonObject *figure)
{
    return json_text_member(figure, "part") != NULL;
}

static void legend(GString *out, JsonObject *comparison)
{
    html(out,
         "<p class=\"key\"><span class=\"k-base\">before: %s</span><span class=\"k-tuned\">after: %s</span>"
         "<span class=\"soft\">whiskers: 95 %% interval</span></p>",
         json_text_member(json_object_member(comparison, "before"), "label"),
         json_text_member(json_object_member(comparison, "after"), "label"));
}

static void table_row(GString *out, JsonObject *figure)
{
    const char *unit = json_text_member(figure, "unit"), *change = json_text_member(figure, "change");
    JsonObject *sides[] = {json_object_member(figure, "before"), json_object_member(figure, "after")};
    JsonObject *difference = json_object_member(figure, "difference");
    double low = json_number_member(difference, "low"), high = json_number_member(difference, "high");
    g_autofree char *by = figure_difference_text(unit, json_number_member(difference, "value"));
    g_autofree char *range = figure_interval_text(unit, low, high, TRUE);
    g_autofree char *rows = text_count(json_number_member(figure, "rows"));

    html(out, "<tr><th scope=\"row\" title=\"%s\">%s</th>", json_text_member(figure, "help"),
         json_text_member(figure, "label"));
    for (int i = 0; i < 2; i++) {
        g_autofree char *value = figure_text(unit, json_number_member(sides[i], "value"));

        html(out, "<td class=\"n\">%s</td>", value);
    }
    html(out, "<td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"%s\">%s</td><td class=\"n soft\">%s</td></tr>",
         by, range, change,
         g_strcmp0(change, "none") == 0      ? "no clear change"
         : g_strcmp0(change, "unknown") == 0 ? "not known"
                                             : change,
         rows);
}

static void table(GString *out, JsonArray *figures, gboolean parts)
{
    html(out,
         "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table of %s\"><table><thead><tr>"
         "<th scope=\"col\">%s</th><th scope=\"col\" class=\"n\">before</th><th scope=\"col\" class=\"n\">after</th>"
         "<th scope=\"col\" class=\"n\">difference</th><th scope=\"col\" class=\"n\">95 %% interval</th>"
         "<th scope=\"col\">change</th><th scope=\"col\" class=\"n\">rows</th></tr></thead><tbody>",
         parts ? "fields" : "figures", parts ? "field" : "figure");
    for (guint i = 0; i < json_length(figures); i++) {
        JsonObject *figure = json_object_element(figures, i);

        if (is_part(figure) == parts) {
            table_row(out, figure);
        }
    }
    html(out, "</tbody></table></div>");
}

void section_scores(GString *out, JsonObject *comparison, int index)
{
    JsonArray *figures = json_array_member(comparison, "figures");
    guint parts = 0;

    html(out, "<section id=\"scores-%d\"><h2>Scores, before and after</h2>", index);
    legend(out, comparison);
    for (guint i = 0; i < json_length(figures); i++) {
        JsonObject *figure = json_object_element(figures, i);

        parts += is_part(figure);
        if (!is_part(figure)) {
            score_line(out, figure);
        }
    }
    table(out, figures, FALSE);
    html(out, "</section>");
    if (parts == 0) {
        return;
    }
    html(out, "<section id=\"fields-%d\"><h2>Field by field</h2>", index);
    legend(out, comparison);
    for (guint i = 0; i < json_length(figures); i++) {
        JsonObject *figure = json_object_element(figures, i);

        if (is_part(figure)) {
            score_line(out, figure);
        }
    }
    table(out, figures, TRUE);
    html(out, "</section>");
}

static void lone_figure(GString *out, JsonObject *figure)
{
    const char *unit = json_text_member(figure, "unit"), *label = json_text_member(figure, "label");
    Bar bar = bar_of(figure, "tuned");
    g_autofree char *value = figure_text(unit, bar.value),
                    *range = figure_interval_text(unit, bar.low, bar.high, FALSE);
    g_autofree char *said = g_strdup_printf("%s: %s", label, value);

    html(out, "<div class=\"score\"><span class=\"l\">%s</span>", label);
    chart_bars(out, &bar, 1, top_of(unit, &bar, 1), said);
    html(out, "<span class=\"v\"><b>%s</b><br/><i>%s</i></span></div>", value, range);
}

void section_lone_scores(GString *out, JsonArray *scores)
{
    for (guint k = 0; k < json_length(scores); k++) {
        JsonObject *one = json_object_element(scores, k);
        JsonArray *figures = json_array_member(one, "figures");
        g_autofree char *rows = text_count(json_number_member(one, "rows"));

        html(out,
             "<section><h2>Scores of %s</h2><p class=\"soft small\">on %s rows; below each value its 95 %% "
             "interval</p>",
             json_text_member(one, "label"), rows);
        for (guint i = 0; i < json_length(figures); i++) {
            JsonObject *figure = json_object_element(figures, i);

            if (figure) {
                lone_figure(out, figure);
            }
        }
        html(out, "</section>");
    }
}

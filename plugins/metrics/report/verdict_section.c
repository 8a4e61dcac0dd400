/* SPDX-License-Identifier: Apache-2.0
 * verdict_section.c: the top of the page: did it help, by how much, what to beware of. One minute to read.
 */
#include "../common/figure_text.h"
#include "html.h"
#include "sections.h"

#define TILES 4

static const char *headline(const char *outcome)
{
    static const struct {
        const char *outcome, *text;
    } table[] = {
        {"helped", "✓ Tuning helped"},
        {"format_only", "⚠ Format learned, task not"},
        {"mixed", "± Mixed"},
        {"harmed", "✗ Tuning harmed"},
        {"none", "○ No measurable effect"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        if (g_strcmp0(outcome, table[i].outcome) == 0) {
            return table[i].text;
        }
    }
    return "Comparison";
}

static void tile(GString *out, JsonObject *figure)
{
    const char *unit = json_text_member(figure, "unit");
    JsonObject *difference = json_object_member(figure, "difference");
    g_autofree char *from = figure_text(unit, json_number_member(json_object_member(figure, "before"), "value"));
    g_autofree char *to = figure_text(unit, json_number_member(json_object_member(figure, "after"), "value"));
    g_autofree char *by = figure_difference_text(unit, json_number_member(difference, "value"));
    const char *change = json_text_member(figure, "change");
    const char *mark = g_strcmp0(change, "better") == 0  ? "better"
                       : g_strcmp0(change, "worse") == 0 ? "worse"
                                                         : "no clear change";

    html(out,
         "<div class=\"tile\"><span class=\"small soft\">%s</span><b><span class=\"from\">%s →</span> %s</b>"
         "<span class=\"small %s\">%s, %s</span></div>",
         json_text_member(figure, "label"), from, to, change, by, mark);
}

/* The figures that decide first: the task's, then the others in their order. */
static void tiles(GString *out, JsonArray *figures)
{
    static const char *const roles[] = {"task", "similarity", "format", "likelihood"};
    guint shown = 0;

    html(out, "<div class=\"tiles\">");
    for (gsize role = 0; role < G_N_ELEMENTS(roles); role++) {
        guint of_role = 0;

        for (guint i = 0; i < json_length(figures) && shown < TILES; i++) {
            JsonObject *figure = json_object_element(figures, i);

            if (json_text_member(figure, "part") || g_strcmp0(json_text_member(figure, "role"), roles[role]) != 0 ||
                of_role == (role == 0 ? 2 : 1)) {
                continue;
            }
            tile(out, figure);
            of_role++;
            shown++;
        }
    }
    html(out, "</div>");
}

void section_verdict(GString *out, JsonObject *comparison)
{
    JsonObject *verdict = json_object_member(comparison, "verdict");
    JsonObject *rows = json_object_member(comparison, "rows_by_change");
    JsonArray *warnings = json_array_member(verdict, "warnings");
    const char *outcome = json_text_member(verdict, "outcome");
    g_autofree char *better = text_count(json_number_member(rows, "better"));
    g_autofree char *worse = text_count(json_number_member(rows, "worse"));
    g_autofree char *same = text_count(json_number_member(rows, "same"));

    html(out, "<section class=\"hero %s\" aria-label=\"Verdict\"><h2 class=\"badge\">%s</h2><p class=\"lead\">%s</p>",
         outcome, headline(outcome), json_text_member(verdict, "text"));
    tiles(out, json_array_member(comparison, "figures"));
    if (rows) {
        html(out,
             "<p class=\"small soft\">Row by row: <span class=\"better\">%s better</span>, <span class=\"worse\">%s "
             "worse</span>, %s unchanged. A change is called better or worse when the 95 %% interval of the difference "
             "excludes 0.</p>",
             better, worse, same);
    }
    if (json_length(warnings) > 0) {
        html(out, "<ul class=\"plain\">");
        for (guint i = 0; i < json_length(warnings); i++) {
            html(out, "<li><span class=\"warning\" aria-hidden=\"true\">⚠ </span>%s</li>",
                 json_text_element(warnings, i));
        }
        html(out, "</ul>");
    }
    html(out, "</section>");
}

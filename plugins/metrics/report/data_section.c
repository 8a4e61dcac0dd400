/* SPDX-License-Identifier: Apache-2.0
 * data_section.c: what the quality check found in the data, and what was done about it.
 */
#include "chart.h"
#include "html.h"
#include "sections.h"

#define SHOWN_ROWS 12

static void rows_cell(GString *out, JsonArray *rows)
{
    guint n = json_length(rows);

    for (guint i = 0; i < n && i < SHOWN_ROWS; i++) {
        html(out, "%s<code>%s</code>", i ? ", " : "", json_text_element(rows, i));
    }
    if (n > SHOWN_ROWS) {
        html(out, " and %d more", (int)(n - SHOWN_ROWS));
    }
}

static void finding(GString *out, JsonObject *found)
{
    const char *severity = json_text_member(found, "severity"), *title = json_text_member(found, "title");
    const char *detail = json_text_member(found, "detail");
    g_autofree char *count = text_count(json_number_member(found, "count"));

    html(out,
         "<tr><th scope=\"row\">%s</th><td class=\"%s\">%s</td><td class=\"n\">%s</td><td>%s</td><td>%s%s%s</td>"
         "<td class=\"small\">",
         title ? title : json_text_member(found, "check"), g_strcmp0(severity, "info") == 0 ? "soft" : "warning",
         severity, count, json_text_member(found, "action"), detail ? detail : "", detail ? ". " : "",
         json_text_member(found, "advice"));
    rows_cell(out, json_array_member(found, "rows"));
    html(out, "</td></tr>");
}

static void findings_table(GString *out, JsonArray *findings)
{
    html(out,
         "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Findings in the data\"><table><thead><tr>"
         "<th scope=\"col\">found</th><th scope=\"col\">severity</th><th scope=\"col\" class=\"n\">rows</th>"
         "<th scope=\"col\">done</th><th scope=\"col\">advice</th><th scope=\"col\">which</th></tr></thead>"
         "<tbody>");
    for (guint k = 0; k < json_length(findings); k++) {
        finding(out, json_object_element(findings, k));
    }
    html(out, "</tbody></table></div>");
}

static double *numbers(JsonArray *array)
{
    double *values = g_new(double, json_length(array) + 1);

    for (guint i = 0; i < json_length(array); i++) {
        values[i] = json_number_element(array, i);
    }
    return values;
}

/* How long the rows are, in words; in bytes says the same again. */
static void histograms(GString *out, JsonArray *list)
{
    html(out, "<div class=\"charts\">");
    for (guint i = 0; i < json_length(list); i++) {
        JsonObject *one = json_object_element(list, i);
        JsonArray *edges = json_array_member(one, "edges"), *counts = json_array_member(one, "counts");
        g_autofree double *x = numbers(edges), *y = numbers(counts);

        if (g_strcmp0(json_text_member(one, "unit"), "bytes") != 0 && json_length(counts) > 0 &&
            json_length(edges) == json_length(counts) + 1) {
            chart_histogram(out, json_text_member(one, "label"), json_text_member(one, "unit"), x, y,
                            json_length(counts));
        }
    }
    html(out, "</div>");
}

static void passed_checks(GString *out, JsonArray *passed)
{
    if (json_length(passed) == 0) {
        return;
    }
    html(out, "<p class=\"small soft\">Nothing found by: ");
    for (guint i = 0; i < json_length(passed); i++) {
        g_autofree char *name = g_strdup(json_text_element(passed, i));

        html(out, "%s%s", i ? ", " : "", name ? g_strdelimit(name, "_", ' ') : NULL);
    }
    html(out, ".</p>");
}

void section_data(GString *out, JsonArray *quality)
{
    for (guint i = 0; i < json_length(quality); i++) {
        JsonObject *one = json_object_element(quality, i);
        JsonArray *findings = json_array_member(one, "findings");
        g_autofree char *in = text_count(json_number_member(one, "rows_in"));
        g_autofree char *kept = text_count(json_number_member(one, "rows_out"));

        html(out, "<section id=\"data-%d\"><h2>Data: %s</h2>", (int)i, json_text_member(one, "label"));
        if (*in && *kept) {
            html(out, "<p>%s rows came in, %s went on.</p>", in, kept);
        }
        if (json_length(findings) > 0) {
            findings_table(out, findings);
        }
        passed_checks(out, json_array_member(one, "passed"));
        histograms(out, json_array_member(one, "histograms"));
        html(out, "</section>");
    }
}

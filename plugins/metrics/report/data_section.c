/* SPDX-License-Identifier: Apache-2.0
 * data_section.c: what the quality check found in the data, and what was done about it.
 */
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
    const char *severity = json_text_member(found, "severity");
    g_autofree char *count = text_count(json_number_member(found, "count"));
    gboolean loud = g_strcmp0(severity, "warning") == 0 || g_strcmp0(severity, "error") == 0;

    html(out,
         "<tr><th scope=\"row\">%s</th><td class=\"%s\">%s</td><td class=\"n\">%s</td><td>%s</td><td>%s</td>"
         "<td class=\"small\">",
         json_text_member(found, "check"), loud ? "warning" : "soft", severity, count,
         json_text_member(found, "action"), json_text_member(found, "advice"));
    rows_cell(out, json_array_member(found, "rows"));
    html(out, "</td></tr>");
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
        if (json_length(findings) == 0) {
            html(out, "<p class=\"better\">Nothing found.</p></section>");
            continue;
        }
        html(out,
             "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Findings in the data\"><table><thead><tr>"
             "<th scope=\"col\">check</th><th scope=\"col\">severity</th><th scope=\"col\" class=\"n\">rows</th>"
             "<th scope=\"col\">done</th><th scope=\"col\">advice</th><th scope=\"col\">which</th></tr></thead>"
             "<tbody>");
        for (guint k = 0; k < json_length(findings); k++) {
            finding(out, json_object_element(findings, k));
        }
        html(out, "</tbody></table></div></section>");
    }
}

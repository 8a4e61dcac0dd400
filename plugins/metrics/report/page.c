/* SPDX-License-Identifier: Apache-2.0
 * page.c: the page around the sections, and what is needed to repeat the run.
 */
#include "html.h"
#include "sections.h"
#include <hone/json.h>

static void fact(GString *out, const char *name, const char *value)
{
    if (value) {
        html(out, "<dt>%s</dt><dd><code>%s</code></dd>", name, value);
    }
}

static void notes(GString *out, JsonArray *list)
{
    if (json_length(list) == 0) {
        return;
    }
    html(out, "<section id=\"notes\"><h2>Warnings of this run</h2><ul class=\"plain\">");
    for (guint i = 0; i < json_length(list); i++) {
        JsonObject *note = json_object_element(list, i);

        html(out, "<li><span class=\"warning\" aria-hidden=\"true\">⚠ </span><code>%s</code> %s</li>",
             json_text_member(note, "node"), json_text_member(note, "text"));
    }
    html(out, "</ul></section>");
}

static void versions(GString *out, JsonObject *list)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;

    if (!list) {
        return;
    }
    json_object_iter_init_ordered(&iter, list);
    while (json_object_iter_next_ordered(&iter, &name, &value)) {
        g_autofree char *text = json_node_get_value_type(value) == G_TYPE_STRING ? g_strdup(json_node_get_string(value))
                                                                                 : hone_json_text(value);

        fact(out, name, text);
    }
}

void section_repeat(GString *out, JsonObject *report)
{
    JsonNode *pipeline = json_object_get_member(report, "pipeline");
    JsonArray *artifacts = json_array_member(report, "artifacts");

    html(out, "<section id=\"repeat\"><h2>Repeat this run</h2><dl>");
    fact(out, "Command", json_text_member(report, "command"));
    fact(out, "Run", json_text_member(report, "run"));
    versions(out, json_object_member(report, "versions"));
    html(out, "</dl>");
    if (json_length(artifacts) > 0) {
        html(out, "<details><summary>Content hashes</summary><dl class=\"small\">");
        for (guint i = 0; i < json_length(artifacts); i++) {
            JsonObject *artifact = json_object_element(artifacts, i);

            fact(out, json_text_member(artifact, "label"), json_text_member(artifact, "hash"));
        }
        html(out, "</dl></details>");
    }
    if (pipeline && JSON_NODE_HOLDS_OBJECT(pipeline)) {
        g_autofree char *text = json_to_string(pipeline, TRUE);

        html(out, "<details><summary>The pipeline, with every parameter written out</summary><pre>%s</pre></details>",
             text);
    }
    html(out, "</section>");
}

static void link_to(GString *out, const char *id, const char *text, gboolean there)
{
    if (there) {
        html(out, "<a href=\"#%s\">%s</a>", id, text);
    }
}

static void navigation(GString *out, JsonObject *report)
{
    JsonObject *first = json_length(json_array_member(report, "comparisons"))
                            ? json_object_element(json_array_member(report, "comparisons"), 0)
                            : NULL;
    gboolean parts = FALSE;
    JsonArray *figures = json_array_member(first, "figures");

    for (guint i = 0; i < json_length(figures); i++) {
        parts |= json_text_member(json_object_element(figures, i), "part") != NULL;
    }
    html(out, "<nav aria-label=\"Sections\">");
    link_to(out, "scores-0", "Scores", first != NULL);
    link_to(out, "fields-0", "Fields", parts);
    link_to(out, "rows-0", "Row by row", json_object_member(first, "samples") != NULL);
    link_to(out, "survey-0", "Base models", json_length(json_array_member(report, "surveys")) > 0);
    link_to(out, "training-0", "Training", json_length(json_array_member(report, "training")) > 0);
    link_to(out, "data-0", "Data", json_length(json_array_member(report, "quality")) > 0);
    link_to(out, "lineage", "How it was made", json_length(json_array_member(report, "nodes")) > 0);
    link_to(out, "repeat", "Repeat this run", TRUE);
    html(out, "</nav>");
}

GString *report_page(JsonObject *report)
{
    GString *out = g_string_new(NULL);
    JsonArray *comparisons = json_array_member(report, "comparisons");
    const char *title = json_text_member(report, "title"), *description = json_text_member(report, "description");

    /* No script, and the policy keeps it so: whatever slipped through escaping could not run or call out. */
    html(out,
         "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><meta name=\"viewport\" "
         "content=\"width=device-width,initial-scale=1\"/><meta http-equiv=\"Content-Security-Policy\" "
         "content=\"default-src 'none'; style-src 'unsafe-inline'\"/><title>%s: report</title><style>%r</style></head>"
         "<body><a class=\"skip\" href=\"#main\">To the content</a><header><h1>%s</h1><p class=\"soft\">%s</p>",
         title, report_style, title, description ? description : "What tuning did, and how to repeat it.");
    navigation(out, report);
    html(out, "</header><main id=\"main\">");
    for (guint i = 0; i < json_length(comparisons); i++) {
        JsonObject *comparison = json_object_element(comparisons, i);

        if (json_length(comparisons) > 1) {
            html(out, "<h2>%s</h2>", json_text_member(comparison, "label"));
        }
        section_verdict(out, comparison);
        section_scores(out, comparison, (int)i);
        section_samples(out, comparison, (int)i);
    }
    section_lone_scores(out, json_array_member(report, "scores"));
    section_surveys(out, json_array_member(report, "surveys"));
    section_training(out, json_array_member(report, "training"));
    section_data(out, json_array_member(report, "quality"));
    notes(out, json_array_member(report, "notes"));
    section_lineage(out, json_array_member(report, "nodes"));
    section_repeat(out, report);
    html(out, "</main><footer>Made by Hone. One file, no scripts, nothing fetched: keep it, mail it, print it.</footer>"
              "</body></html>\n");
    return out;
}

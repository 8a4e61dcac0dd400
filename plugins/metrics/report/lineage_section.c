/* SPDX-License-Identifier: Apache-2.0
 * lineage_section.c: the nodes that led here, with what each was given and what it cost.
 */
#include "html.h"
#include "sections.h"
#include <hone/json.h>

static void params_cell(GString *out, JsonObject *params)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;

    if (!params || json_object_get_size(params) == 0) {
        html(out, "<span class=\"soft\">none</span>");
        return;
    }
    html(out, "<details><summary>%d</summary><dl class=\"small\">", (int)json_object_get_size(params));
    json_object_iter_init_ordered(&iter, params);
    while (json_object_iter_next_ordered(&iter, &name, &value)) {
        g_autofree char *text = hone_json_text(value);
        g_autofree char *cut = text_cut(text, 400);

        html(out, "<dt>%s</dt><dd><code>%s</code></dd>", name, cut);
    }
    html(out, "</dl></details>");
}

static void inputs_cell(GString *out, JsonArray *labels)
{
    for (guint i = 0; i < json_length(labels); i++) {
        html(out, "%s<code>%s</code>", i ? ", " : "", json_text_element(labels, i));
    }
}

void section_lineage(GString *out, JsonArray *nodes)
{
    if (json_length(nodes) == 0) {
        return;
    }
    html(out, "<section id=\"lineage\"><h2>How it was made</h2>");
    draw_graph(out, nodes);
    html(out,
         "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Nodes of the pipeline\"><table><thead><tr>"
         "<th scope=\"col\">node</th><th scope=\"col\">stage</th><th scope=\"col\">inputs</th>"
         "<th scope=\"col\">parameters</th><th scope=\"col\" class=\"n\">time</th>"
         "<th scope=\"col\" class=\"n\">peak memory</th><th scope=\"col\">key</th></tr></thead><tbody>");
    for (guint i = 0; i < json_length(nodes); i++) {
        JsonObject *node = json_object_element(nodes, i);
        const char *key = json_text_member(node, "key");
        g_autofree char *time = text_seconds(json_number_member(node, "seconds"));
        g_autofree char *memory = text_bytes(json_number_member(node, "memory"));
        g_autofree char *cut = g_strndup(key ? key : "", 12);

        html(out, "<tr><th scope=\"row\">%s</th><td>%s</td><td>", json_text_member(node, "name"),
             json_text_member(node, "stage"));
        inputs_cell(out, json_array_member(node, "inputs"));
        html(out, "</td><td>");
        params_cell(out, json_object_member(node, "params"));
        html(out, "</td><td class=\"n\">%s%s</td><td class=\"n\">%s</td><td><code title=\"%s\">%s</code></td></tr>",
             time, json_true_member(node, "cached") ? " (kept from an earlier run)" : "", memory, key, cut);
    }
    html(out, "</tbody></table></div></section>");
}

/* SPDX-License-Identifier: Apache-2.0
 * samples_section.c: rows side by side: what was asked, what each model said, what was wanted.
 */
#include "../common/figure_text.h"
#include "html.h"
#include "sections.h"
#include <math.h>

#define SHOWN 2400 /* characters of one text */

static void text_block(GString *out, const char *css, const char *title, const char *text)
{
    g_autofree char *cut = text ? text_cut(text, SHOWN) : NULL;

    html(out, "<div class=\"%s\"><h4>%s</h4>", css, title);
    if (!cut) {
        html(out, "<p class=\"soft small\">not generated</p></div>");
    } else if (!*cut) {
        html(out, "<p class=\"soft small\">(empty)</p></div>");
    } else {
        html(out, "<pre dir=\"auto\">%s</pre></div>", cut);
    }
}

static void turn(GString *out, JsonObject *message)
{
    const char *content = json_text_member(message, "content");
    g_autofree char *cut = text_cut(content ? content : "", SHOWN);

    html(out, "<p class=\"small soft\">%s</p><pre dir=\"auto\">%s</pre>", json_text_member(message, "role"), cut);
}

/* The last message is what was asked; those before it are a click away. */
static void prompt(GString *out, JsonArray *messages)
{
    guint n = json_length(messages);

    if (n > 1) {
        html(out, "<details><summary>%d earlier message%s</summary>", (int)(n - 1), n == 2 ? "" : "s");
        for (guint i = 0; i + 1 < n; i++) {
            turn(out, json_object_element(messages, i));
        }
        html(out, "</details>");
    }
    if (n > 0) {
        turn(out, json_object_element(messages, n - 1));
    }
}

static const char *label_of(JsonArray *figures, const char *name, const char **unit, gboolean *lower)
{
    for (guint i = 0; i < json_length(figures); i++) {
        JsonObject *figure = json_object_element(figures, i);

        if (g_strcmp0(json_text_member(figure, "name"), name) == 0) {
            *unit = json_text_member(figure, "unit");
            *lower = json_true_member(figure, "lower_is_better");
            return json_text_member(figure, "label");
        }
    }
    return NULL;
}

/* What changed in this row. */
static void chips(GString *out, JsonArray *figures, JsonObject *values)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;

    if (!values) {
        return;
    }
    html(out, "<p>");
    json_object_iter_init_ordered(&iter, values);
    while (json_object_iter_next_ordered(&iter, &name, &node)) {
        JsonArray *pair = JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
        const char *unit = NULL, *label;
        gboolean lower = FALSE;
        double before, after;

        label = label_of(figures, name, &unit, &lower);
        if (!label || json_length(pair) != 2 || g_strcmp0(unit, "%") != 0) {
            continue;
        }
        before = json_number_element(pair, 0);
        after = json_number_element(pair, 1);
        if (!(fabs(after - before) > 1e-9)) {
            continue;
        }
        g_autofree char *from = figure_text(unit, before), *to = figure_text(unit, after);

        html(out, "<span class=\"chip %s\">%s %s → %s</span>", (after > before) != lower ? "better" : "worse", label,
             from, to);
    }
    html(out, "</p>");
}

/* The parts (fields) that the tuned answer does not have right. */
static void wrong_parts(GString *out, JsonArray *figures, JsonObject *values)
{
    guint n = 0;

    for (guint i = 0; values && i < json_length(figures); i++) {
        JsonObject *figure = json_object_element(figures, i);
        const char *part = json_text_member(figure, "part"), *name = json_text_member(figure, "name");
        JsonArray *pair = part && name ? json_array_member(values, name) : NULL;

        if (json_length(pair) == 2 && json_number_element(pair, 1) < 1) {
            html(out, "%r%s", n++ ? ", " : "<p><span class=\"chip warning\">not right: ", part);
        }
    }
    html(out, "%r", n ? "</span></p>" : "");
}

static void samples(GString *out, JsonObject *comparison, const char *member, const char *title, const char *none)
{
    JsonArray *rows = json_array_member(json_object_member(comparison, "samples"), member);

    html(out, "<h3>%s</h3>", title);
    if (json_length(rows) == 0) {
        html(out, "<p class=\"soft\">%s</p>", none);
    }
    for (guint i = 0; i < json_length(rows); i++) {
        JsonObject *row = json_object_element(rows, i);

        html(out, "<article class=\"sample\"><p class=\"small soft\">row <code>%s</code></p>",
             json_text_member(row, "id"));
        prompt(out, json_array_member(row, "prompt"));
        html(out, "<div class=\"three\">");
        text_block(out, "is-base", "before", json_text_member(row, "before"));
        text_block(out, "is-tuned", "after", json_text_member(row, "after"));
        text_block(out, "is-reference", "wanted", json_text_member(row, "reference"));
        html(out, "</div>");
        chips(out, json_array_member(comparison, "figures"), json_object_member(row, "figures"));
        wrong_parts(out, json_array_member(comparison, "figures"), json_object_member(row, "figures"));
        html(out, "</article>");
    }
}

void section_samples(GString *out, JsonObject *comparison, int index)
{
    if (!json_object_member(comparison, "samples")) {
        return;
    }
    html(out, "<section id=\"rows-%d\"><h2>Row by row</h2>", index);
    samples(out, comparison, "worst", "What got worse, worst first", "No row got worse.");
    samples(out, comparison, "wrong", "Still wrong after tuning", "None of the rows left.");
    samples(out, comparison, "best", "Biggest gains", "No row got better.");
    samples(out, comparison, "random", "Drawn at random", "None left.");
    html(out, "</section>");
}

/* SPDX-License-Identifier: Apache-2.0
 * survey_section.c: the base models that were considered, best first, with what was measured of each and why it stands
 * where it does (survey.json).
 */
#include "../common/figure_text.h"
#include "html.h"
#include "sections.h"
#include <math.h>

static void score_cell(GString *out, JsonObject *score)
{
    const char *unit = json_text_member(score, "unit");
    g_autofree char *value = figure_text(unit, json_number_member(score, "value"));
    g_autofree char *interval =
        figure_interval_text(unit, json_number_member(score, "low"), json_number_member(score, "high"), FALSE);

    html(out, "<td class=\"n\">%s<br/><span class=\"small soft\">%s</span></td>", score ? value : "",
         score ? interval : "");
}

static void number_cell(GString *out, double value)
{
    g_autofree char *text = text_count(value);

    html(out, "<td class=\"n\">%s</td>", text);
}

static void bytes_cell(GString *out, double value)
{
    g_autofree char *text = text_bytes(value);

    html(out, "<td class=\"n\">%s</td>", *text ? text : "does not fit");
}

static void model_row(GString *out, JsonObject *model, guint place, gboolean few)
{
    const char *licence = json_text_member(model, "licence");

    html(out, "<tr><td class=\"n\">%d</td><th scope=\"row\">%s</th>", (int)place, json_text_member(model, "label"));
    number_cell(out, json_number_member(model, "parameters"));
    html(out, "<td class=\"n\">%f</td>", json_number_member(model, "tokens_per_row"));
    score_cell(out, json_object_member(model, "bits_per_byte"));
    score_cell(out, json_object_member(model, "without_examples"));
    if (few) {
        score_cell(out, json_object_member(model, "with_examples"));
    }
    number_cell(out, json_number_member(model, "prompt_tokens_per_s"));
    number_cell(out, json_number_member(model, "answer_tokens_per_s"));
    bytes_cell(out, json_number_member(model, "lora_bytes"));
    bytes_cell(out, json_number_member(model, "full_bytes"));
    html(out, "<td>%s</td></tr>", licence ? licence : "not said");
}

static void table(GString *out, JsonObject *survey, JsonArray *models)
{
    JsonObject *first = json_length(models) > 0 ? json_object_element(models, 0) : NULL;
    JsonObject *zero = json_object_member(first, "without_examples");
    gboolean few = json_object_member(first, "with_examples") != NULL;
    const char *label = json_text_member(zero, "label");

    html(out,
         "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Base models\"><table><thead><tr>"
         "<th scope=\"col\"></th><th scope=\"col\">model</th><th scope=\"col\" class=\"n\">parameters</th>"
         "<th scope=\"col\" class=\"n\">tokens a row</th><th scope=\"col\" class=\"n\">bits per byte</th>"
         "<th scope=\"col\" class=\"n\">%s</th>",
         label);
    if (few) {
        g_autofree char *shots = text_count(json_number_member(survey, "shots"));

        html(out, "<th scope=\"col\" class=\"n\">with %s examples</th>", shots);
    }
    html(out, "<th scope=\"col\" class=\"n\">reads, tokens/s</th><th scope=\"col\" class=\"n\">writes, tokens/s</th>"
              "<th scope=\"col\" class=\"n\">memory, LoRA</th><th scope=\"col\" class=\"n\">memory, all weights</th>"
              "<th scope=\"col\">licence</th></tr></thead><tbody>");
    for (guint i = 0; i < json_length(models); i++) {
        model_row(out, json_object_element(models, i), i + 1, few);
    }
    html(out, "</tbody></table></div>");
}

void section_surveys(GString *out, JsonArray *surveys)
{
    for (guint i = 0; i < json_length(surveys); i++) {
        JsonObject *survey = json_object_element(surveys, i);
        JsonArray *models = json_array_member(survey, "models");

        html(out, "<section id=\"survey-%d\"><h2>Base models: %s</h2><p>%s</p>", (int)i,
             json_text_member(survey, "label"), json_text_member(survey, "verdict"));
        table(out, survey, models);
        html(out, "<dl>");
        for (guint m = 0; m < json_length(models); m++) {
            JsonObject *model = json_object_element(models, m);
            JsonArray *reasons = json_array_member(model, "reasons");

            html(out, "<dt>%s</dt><dd>", json_text_member(model, "label"));
            for (guint r = 0; r < json_length(reasons); r++) {
                html(out, "%s%s", r ? "; " : "", json_text_element(reasons, r));
            }
            html(out, "</dd>");
        }
        html(out,
             "</dl><p class=\"small soft\">Clearly better: the 95 %% interval of the difference over the same rows "
             "excludes 0. Memory with LoRA is measured over one step, with all weights computed from it.</p>"
             "</section>");
    }
}

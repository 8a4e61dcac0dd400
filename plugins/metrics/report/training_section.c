/* SPDX-License-Identifier: Apache-2.0
 * training_section.c: how training went: loss, learning rate, speed, memory over its steps.
 */
#include "../common/figure_text.h"
#include "chart.h"
#include "html.h"
#include "sections.h"
#include <math.h>

static char *plain_text(double value)
{
    return figure_text(NULL, value);
}

static char *short_text(double value)
{
    char text[32];

    g_ascii_formatd(text, sizeof text, "%.3g", value);
    return g_strdup(text);
}

/* "2e-4" */
static char *rate_text(double value)
{
    char text[32];
    int exponent;

    if (!(fabs(value) > 0) || !isfinite(value) || fabs(value) >= 0.01) {
        return short_text(value);
    }
    exponent = (int)floor(log10(fabs(value)) + 1e-9);
    g_ascii_formatd(text, sizeof text, "%.3g", value / pow(10, exponent));
    return g_strdup_printf("%se%d", text, exponent);
}

/* The charts, and the names that figures have in events. */
static const struct {
    const char *names[4];
    const char *title;
    char *(*text)(double value);
    gboolean smooth, from_zero;
} charts[] = {
    {{"loss"}, "Training loss (faint: each step; strong: moving average)", short_text, TRUE, FALSE},
    {{"learning_rate", "lr"}, "Learning rate", rate_text, FALSE, TRUE},
    {{"tokens_per_s", "tokens_per_second"}, "Speed, tokens per second", text_count, TRUE, TRUE},
    {{"memory_bytes", "memory", "rss_bytes"}, "Memory", text_bytes, FALSE, TRUE},
};

/* The first of those names that the step has a number for, or NaN. */
static double value_of(JsonObject *figures, const char *const *names)
{
    for (; *names; names++) {
        double value = json_number_member(figures, *names);

        if (isfinite(value)) {
            return value;
        }
    }
    return NAN;
}

static GArray *points_of(JsonArray *steps, const char *const *names)
{
    GArray *points = g_array_new(FALSE, FALSE, sizeof(ChartPoint));

    for (guint i = 0; i < json_length(steps); i++) {
        JsonObject *step = json_object_element(steps, i);
        ChartPoint point = {json_number_member(step, "step"), value_of(json_object_member(step, "figures"), names)};

        if (isfinite(point.x)) {
            g_array_append_val(points, point);
        }
    }
    return points;
}

static void facts(GString *out, JsonObject *training)
{
    JsonArray *steps = json_array_member(training, "steps");
    JsonObject *first = json_object_element(steps, 0), *last = json_object_element(steps, json_length(steps) - 1);
    g_autofree char *n = text_count(json_number_member(last, "step"));
    g_autofree char *time = text_seconds(json_number_member(training, "seconds"));
    g_autofree char *memory = text_bytes(json_number_member(training, "memory"));
    g_autofree char *from = plain_text(json_number_member(json_object_member(first, "figures"), "loss"));
    g_autofree char *to = plain_text(json_number_member(json_object_member(last, "figures"), "loss"));

    html(out, "<dl><dt>Steps</dt><dd>%s</dd><dt>Loss</dt><dd>%s at the first step, %s at the last</dd>", n, from, to);
    if (*time) {
        html(out, "<dt>Time</dt><dd>%s</dd>", time);
    }
    if (*memory) {
        html(out, "<dt>Peak memory</dt><dd>%s</dd>", memory);
    }
    html(out, "</dl>");
}

void section_training(GString *out, JsonArray *training)
{
    for (guint i = 0; i < json_length(training); i++) {
        JsonObject *one = json_object_element(training, i);
        JsonArray *steps = json_array_member(one, "steps");

        if (json_length(steps) == 0) {
            continue;
        }
        html(out, "<section id=\"training-%d\"><h2>Training: %s</h2>", (int)i, json_text_member(one, "node"));
        facts(out, one);
        html(out, "<div class=\"charts\">");
        for (gsize k = 0; k < G_N_ELEMENTS(charts); k++) {
            g_autoptr(GArray) points = points_of(steps, charts[k].names);
            LineChart chart = {.title = charts[k].title,
                               .x_label = "steps",
                               .y_text = charts[k].text,
                               .points = points,
                               .smooth = charts[k].smooth,
                               .from_zero = charts[k].from_zero};

            chart_line(out, &chart);
        }
        html(out, "</div></section>");
    }
}

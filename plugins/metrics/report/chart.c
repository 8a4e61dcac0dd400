/* SPDX-License-Identifier: Apache-2.0
 * chart.c: line charts, histograms and bars.
 */
#include "chart.h"
#include "html.h"
#include <math.h>

#define WIDTH 420.0
#define HEIGHT 190.0
#define LEFT 52.0
#define RIGHT 10.0
#define TOP 10.0
#define BOTTOM 28.0
#define TICKS 4

typedef struct Range {
    double low, high;
} Range;

/* 1, 2 or 5 times a power of ten: the distance of ticks. */
static double nice_step(double span)
{
    double power = pow(10, floor(log10(span / TICKS))), ratio = span / TICKS / power;

    return power * (ratio <= 1 ? 1 : ratio <= 2 ? 2 : ratio <= 5 ? 5 : 10);
}

static gboolean range_of(const GArray *points, gboolean of_y, Range *range)
{
    guint n = 0;

    *range = (Range){INFINITY, -INFINITY};
    for (guint i = 0; i < points->len; i++) {
        const ChartPoint *point = &g_array_index(points, ChartPoint, i);

        if (isfinite(point->x) && isfinite(point->y)) {
            range->low = fmin(range->low, of_y ? point->y : point->x);
            range->high = fmax(range->high, of_y ? point->y : point->x);
            n++;
        }
    }
    return n >= 2;
}

static double place_x(const Range *x, double value)
{
    return LEFT + (value - x->low) / (x->high - x->low) * (WIDTH - LEFT - RIGHT);
}

static double place_y(const Range *y, double value)
{
    return HEIGHT - BOTTOM - (value - y->low) / (y->high - y->low) * (HEIGHT - TOP - BOTTOM);
}

static void draw_axes(GString *out, const LineChart *chart, const Range *x, const Range *y, double step)
{
    for (double value = y->low; value <= y->high + step / 1e6; value += step) {
        g_autofree char *text = chart->y_text(fabs(value) < step / 1e6 ? 0 : value);
        double at = place_y(y, value);

        html(out, "<line class=\"grid\" x1=\"%f\" x2=\"%f\" y1=\"%f\" y2=\"%f\"/>", LEFT, WIDTH - RIGHT, at, at);
        html(out, "<text x=\"%f\" y=\"%f\" text-anchor=\"end\">%s</text>", LEFT - 6, at + 4, text);
    }
    for (int i = 0; i <= 2; i++) {
        double value = x->low + (x->high - x->low) * i / 2;
        g_autofree char *text = text_count(value);
        static const char *const anchors[] = {"start", "middle", "end"};

        html(out, "<text x=\"%f\" y=\"%f\" text-anchor=\"%s\">%s%s%s</text>", place_x(x, value), HEIGHT - 8, anchors[i],
             text, i == 2 ? " " : "", i == 2 ? chart->x_label : "");
    }
}

/* The mean of the points around point i: as many on either side, up to a fortieth of all, so that it does not lag. */
static double average_at(const GArray *points, guint i)
{
    guint reach = MIN(MAX(points->len / 40, 1), MIN(i, points->len - 1 - i)), n = 0;
    double sum = 0;

    for (guint k = i - reach; k <= i + reach; k++) {
        double y = g_array_index(points, ChartPoint, k).y;

        if (isfinite(y)) {
            sum += y;
            n++;
        }
    }
    return n ? sum / n : NAN;
}

/* The line through the points, or through their moving average. */
static void draw_line(GString *out, const GArray *points, const Range *x, const Range *y, const char *css,
                      gboolean average)
{
    gboolean pen = FALSE;

    html(out, "<path class=\"%s\" d=\"", css);
    for (guint i = 0; i < points->len; i++) {
        const ChartPoint *point = &g_array_index(points, ChartPoint, i);

        if (!isfinite(point->x) || !isfinite(point->y)) {
            pen = FALSE;
            continue;
        }
        html(out, "%s%f %f", pen ? "L" : "M", place_x(x, point->x),
             place_y(y, average ? average_at(points, i) : point->y));
        pen = TRUE;
    }
    html(out, "\"/>");
}

/* What the chart shows, for those who do not see it. */
static char *describe(const LineChart *chart)
{
    const ChartPoint *first = NULL, *last = NULL;
    g_autofree char *from = NULL, *to = NULL;

    for (guint i = 0; i < chart->points->len; i++) {
        const ChartPoint *point = &g_array_index(chart->points, ChartPoint, i);

        if (isfinite(point->y)) {
            first = first ? first : point;
            last = point;
        }
    }
    from = chart->y_text(first->y);
    to = chart->y_text(last->y);
    return g_strdup_printf("From %s at the start to %s at the end, over %.0f %s.", from, to, last->x, chart->x_label);
}

void chart_line(GString *out, const LineChart *chart)
{
    Range x, y;
    double step;
    g_autofree char *description = NULL;

    if (!range_of(chart->points, FALSE, &x) || !range_of(chart->points, TRUE, &y) || !(x.high > x.low)) {
        return;
    }
    if (chart->from_zero) {
        y.low = fmin(0, y.low);
    }
    if (!(y.high > y.low)) {
        y.high = y.low + fmax(fabs(y.low), 1e-9) * 0.1;
    }
    step = nice_step(y.high - y.low);
    y.low = floor(y.low / step) * step;
    y.high = ceil(y.high / step) * step;
    description = describe(chart);

    html(out, "<figure class=\"chart\"><figcaption>%s</figcaption>", chart->title);
    html(out, "<svg viewBox=\"0 0 %f %f\" role=\"img\"><title>%s</title><desc>%s</desc>", WIDTH, HEIGHT, chart->title,
         description);
    draw_axes(out, chart, &x, &y, step);
    draw_line(out, chart->points, &x, &y, chart->smooth ? "raw" : "line", FALSE);
    if (chart->smooth) {
        draw_line(out, chart->points, &x, &y, "line", TRUE);
    }
    html(out, "</svg></figure>");
}

void chart_histogram(GString *out, const char *title, const char *unit, const double *edges, const double *counts,
                     guint n)
{
    const double height = 96, floor_y = height - 20;
    double top = 0, all = 0, slot = (WIDTH - 2) / MAX(n, 1);
    g_autofree char *rows = NULL;

    for (guint i = 0; i < n; i++) {
        top = fmax(top, counts[i]);
        all += counts[i];
    }
    if (!(top > 0) || !isfinite(all)) {
        return;
    }
    rows = text_count(all);
    html(out,
         "<figure class=\"chart\"><figcaption>%s</figcaption><svg viewBox=\"0 0 %f %f\" role=\"img\"><title>%s</title>"
         "<desc>%s rows in %d bins from ",
         title, WIDTH, height, title, rows, (int)n);
    for (guint i = 0; i <= n; i += n) {
        g_autofree char *edge = text_count(edges[i]);

        html(out, "%s%s", i ? " to " : "", edge);
    }
    html(out, " %s.</desc>", unit);
    for (guint i = 0; i < n; i++) {
        double h = fmax(counts[i] > 0 ? 1 : 0, counts[i] / top * (floor_y - 4));

        html(out, "<rect class=\"tuned\" x=\"%f\" y=\"%f\" width=\"%f\" height=\"%f\"/>", 1 + i * slot, floor_y - h,
             fmax(slot - 2, 0.5), h);
    }
    for (guint i = 0; i <= n; i += n) {
        g_autofree char *edge = text_count(edges[i]);

        html(out, "<text x=\"%f\" y=\"%f\" text-anchor=\"%s\">%s%s%s</text>", i ? WIDTH - 1 : 1.0, height - 5,
             i ? "end" : "start", edge, i ? " " : "", i ? unit : "");
    }
    html(out, "</svg></figure>");
}

/* The drawing is stretched to its place, so lengths are shares of it and lines keep their width. */
void chart_bars(GString *out, const Bar *bars, guint n, double top, const char *label)
{
    const double height = 12, gap = 4, scale = top > 0 ? 100 / top : 0;

    html(out, "<svg class=\"bars\" viewBox=\"0 0 100 %f\" preserveAspectRatio=\"none\" role=\"img\"><title>%s</title>",
         n * (height + gap) - gap, label);
    for (guint i = 0; i < n; i++) {
        double y = i * (height + gap), middle = y + height / 2;

        html(out, "<rect class=\"track\" x=\"0\" y=\"%f\" width=\"100\" height=\"%f\"/>", y, height);
        if (!isfinite(bars[i].value)) {
            continue;
        }
        html(out, "<rect class=\"%s\" x=\"0\" y=\"%f\" width=\"%f\" height=\"%f\"/>", bars[i].css, y,
             CLAMP(bars[i].value * scale, 0, 100), height);
        if (isfinite(bars[i].low) && isfinite(bars[i].high)) {
            double low = CLAMP(bars[i].low * scale, 0, 100), high = CLAMP(bars[i].high * scale, 0, 100);

            html(out, "<path class=\"whisker\" d=\"M%f %fH%fM%f %fV%fM%f %fV%f\"/>", low, middle, high, low, y + 3,
                 y + height - 3, high, y + 3, y + height - 3);
        }
    }
    html(out, "</svg>");
}

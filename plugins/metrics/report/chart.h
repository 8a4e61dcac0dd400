/* SPDX-License-Identifier: Apache-2.0
 * chart.h: charts as inline SVG that takes its colours from the page, so it follows light and dark.
 */
#ifndef HONE_REPORT_CHART_H
#define HONE_REPORT_CHART_H

#include <glib.h>

typedef struct ChartPoint {
    double x, y; /* points whose y is not finite break the line */
} ChartPoint;

typedef struct LineChart {
    const char *title;             /* read aloud, and shown above */
    const char *x_label;           /* "steps" */
    char *(*y_text)(double value); /* how an axis value is written; caller frees */
    const GArray *points;          /* of ChartPoint, x ascending */
    gboolean smooth;               /* a moving average in front, the points behind it */
    gboolean from_zero;            /* the axis begins at 0 */
} LineChart;

/* A <figure> with the chart; nothing where fewer than two points are finite. */
void chart_line(GString *out, const LineChart *chart);

/* A <figure> with a histogram: counts [n] of the bins between edges [n + 1]. Nothing where n is 0. */
void chart_histogram(GString *out, const char *title, const char *unit, const double *edges, const double *counts,
                     guint n);

typedef struct Bar {
    const char *css; /* "base" or "tuned" */
    double value, low, high;
} Bar;

/* A strip of horizontal bars on one scale [0, top], each with its interval as a whisker. label: read aloud. */
void chart_bars(GString *out, const Bar *bars, guint n, double top, const char *label);

#endif

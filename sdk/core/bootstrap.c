/* SPDX-License-Identifier: Apache-2.0
 * bootstrap.c: how sure a figure is, from its own rows: draw as many rows with repetition, take the figure of the
 * draw, and do so often; the middle 95 % of those figures is the interval.
 *
 * B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979. The percentile interval
 * says nothing about rows unlike those that were drawn, and is too narrow for a handful of rows.
 */
#include <hone/metric.h>
#include <hone/random.h>
#include <math.h>
#include <stdlib.h>

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Linear interpolation between order statistics (type 7 of Hyndman and Fan). sorted [n], n > 0. */
static double quantile(const double *sorted, size_t n, double share)
{
    double place = share * (double)(n - 1);
    size_t below = (size_t)place;
    size_t above = MIN(below + 1, n - 1);

    if (sorted[below] == sorted[above]) {
        return sorted[below]; /* also between two infinities, whose difference is not a number */
    }
    return sorted[below] + (place - (double)below) * (sorted[above] - sorted[below]);
}

/* Both bootstraps are this one; before is NULL for a figure alone. */
static HoneInterval resample(HoneScale scale, const HoneMetricValue *before, const HoneMetricValue *after, size_t n,
                             size_t draws, uint64_t seed)
{
    HoneInterval interval = {.value = NAN, .low = NAN, .high = NAN};
    g_autofree uint32_t *order = NULL;
    g_autofree double *figures = NULL;
    size_t kept = 0;

    g_return_val_if_fail(n <= UINT32_MAX, interval);

    interval.value = hone_metric_aggregate(scale, after, NULL, n);
    if (before) {
        interval.value -= hone_metric_aggregate(scale, before, NULL, n);
    }
    if (n == 0 || draws == 0 || isnan(interval.value)) {
        return interval;
    }

    order = g_new(uint32_t, n);
    figures = g_new(double, draws);
    for (size_t draw = 0; draw < draws; draw++) {
        double figure;

        for (size_t i = 0; i < n; i++) {
            order[i] = (uint32_t)hone_random_below(seed, HONE_STREAM_BOOTSTRAP, (uint64_t)draw * n + i, n);
        }
        figure = hone_metric_aggregate(scale, after, order, n);
        if (before) {
            figure -= hone_metric_aggregate(scale, before, order, n);
        }
        if (!isnan(figure)) { /* a draw of rows of which none counts says nothing */
            figures[kept++] = figure;
        }
    }
    if (kept == 0) {
        return interval;
    }
    qsort(figures, kept, sizeof *figures, compare_doubles);
    interval.low = quantile(figures, kept, 0.025);
    interval.high = quantile(figures, kept, 0.975);
    return interval;
}

HoneInterval hone_bootstrap(HoneScale scale, const HoneMetricValue *values, size_t n, size_t draws, uint64_t seed)
{
    return resample(scale, NULL, values, n, draws, seed);
}

HoneInterval hone_bootstrap_difference(HoneScale scale, const HoneMetricValue *before, const HoneMetricValue *after,
                                       size_t n, size_t draws, uint64_t seed)
{
    return resample(scale, before, after, n, draws, seed);
}

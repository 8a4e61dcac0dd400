/* SPDX-License-Identifier: Apache-2.0
 * metric.c: figures from sums over rows.
 */
#include <hone/metric.h>
#include <math.h>
#include <string.h>

bool hone_metric_figure(const HoneMetricOps *ops, size_t i, HoneFigureInfo *info)
{
    /* The table's stride is the plugin's own, which may be an older, smaller struct. */
    const char *at = (const char *)ops->figures;

    for (size_t k = 0;; k++, at += ops->figure_size) {
        memset(info, 0, sizeof *info);
        memcpy(info, at, MIN((size_t)ops->figure_size, sizeof *info));
        if (!info->name) {
            return false;
        }
        if (k == i) {
            return true;
        }
    }
}

double hone_metric_aggregate(HoneScale scale, const HoneMetricValue *values, const uint32_t *order, size_t n)
{
    double numerator = 0, denominator = 0;

    for (size_t i = 0; i < n; i++) {
        const HoneMetricValue *value = &values[order ? order[i] : i];

        if (value->denominator == 0) {
            continue; /* the row does not count, whatever its numerator */
        }
        numerator += value->numerator;
        denominator += value->denominator;
    }
    if (denominator == 0) {
        return NAN;
    }
    return scale == HONE_SCALE_EXP ? exp(numerator / denominator) : numerator / denominator;
}

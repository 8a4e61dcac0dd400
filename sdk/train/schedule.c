/* SPDX-License-Identifier: Apache-2.0
 * schedule.c: the learning rate over the steps, as transformers' get_{constant,linear,cosine}_schedule_with_warmup and
 * get_wsd_schedule:
 *     warm-up    rate·t/W                             for t < W
 *     linear     rate·(T - t)/(T - W)
 *     cosine     rate·(1 + cos(π·(t - W)/(T - W)))/2
 *     wsd        rate, and for t >= T - D with x = (t - T + D)/D
 *                rate·(1 + cos(π·x))/2, rate·(1 - x) or rate·(1 - √x)
 * for step t of T, counted from 0, with W = ceil(share·T) or a number of steps, and D likewise.
 */
#include "internal.h"
#include <math.h>

/* A number of steps, or below 1 a share of all. */
static double steps_of(double value, double all)
{
    return value < 1 ? ceil(all * value) : floor(value);
}

static double wsd(const HoneTrainParams *params, double t, double warmup, double all)
{
    double decay = MIN(steps_of(params->decay, all), all - warmup), x = (t - (all - decay)) / MAX(1, decay);
    if (x < 0)
        return 1;
    if (g_str_equal(params->decay_shape, "linear"))
        return 1 - x;
    if (g_str_equal(params->decay_shape, "1-sqrt"))
        return 1 - sqrt(x);
    return 0.5 * (1 + cos(G_PI * x));
}

double train_rate(const HoneTrainParams *params, uint64_t step, uint64_t total)
{
    double t = (double)step, all = (double)total;
    double warmup = steps_of(params->warmup, all);
    if (t < warmup)
        return params->learning_rate * (t / MAX(1, warmup));
    double left = MAX(1, all - warmup);
    double factor = 1;
    if (g_str_equal(params->schedule, "linear"))
        factor = (all - t) / left;
    else if (g_str_equal(params->schedule, "cosine"))
        factor = 0.5 * (1 + cos(G_PI * ((t - warmup) / left)));
    else if (g_str_equal(params->schedule, "wsd"))
        factor = wsd(params, t, warmup, all);
    return params->learning_rate * MAX(0, factor);
}

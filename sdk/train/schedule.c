/* SPDX-License-Identifier: Apache-2.0
 * schedule.c: the learning rate over the steps, as transformers' get_{constant,linear,cosine}_schedule_with_warmup:
 *     warm-up    rate·t/W                             for t < W
 *     linear     rate·(T - t)/(T - W)
 *     cosine     rate·(1 + cos(π·(t - W)/(T - W)))/2
 * for step t of T, counted from 0, with W = ceil(share·T) or a number of steps.
 */
#include "internal.h"
#include <math.h>

double train_rate(const HoneTrainParams *params, uint64_t step, uint64_t total)
{
    double t = (double)step, all = (double)total;
    double warmup = params->warmup < 1 ? ceil(all * params->warmup) : floor(params->warmup);
    if (t < warmup)
        return params->learning_rate * (t / MAX(1, warmup));
    double left = MAX(1, all - warmup);
    double factor = 1;
    if (g_str_equal(params->schedule, "linear"))
        factor = (all - t) / left;
    else if (g_str_equal(params->schedule, "cosine"))
        factor = 0.5 * (1 + cos(G_PI * ((t - warmup) / left)));
    return params->learning_rate * MAX(0, factor);
}

/* SPDX-License-Identifier: Apache-2.0
 * watch.c: what the losses so far say of how a run goes: pure functions of the history, looked at after each step.
 *
 * With W = 20 steps, L the last W losses:
 *  - spike: the last loss is above median + max(8·1.4826·MAD, median/2, 0.1) of the W before it.
 *  - diverging: mean(L) is above the lowest mean of W losses in a row by a fifth of it and 0.05, and by four standard
 *    errors, and still rising.
 *  - still: after 100 steps, 60 of them at the full rate, mean(L) and the mean of W losses half the way before are
 * below the mean of the first W by less than a fiftieth of it, and by less than two standard errors.
 *  - overfitting: the last two validations and more are above the best one, the last by a hundredth, while the mean of
 * W training losses has fallen since.
 */
#include "internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define W ((size_t)20)
#define LOOK_EVERY 10 /* steps, for what costs more than a few operations */

static double mean_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

/* Squared standard error of the mean of n values. */
static double error_of(const double *x, size_t n)
{
    double mean = mean_of(x, n), sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sum / (double)(n - 1) / (double)n;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(double *x, size_t n)
{
    qsort(x, n, sizeof *x, rising);
    return (x[(n - 1) / 2] + x[n / 2]) / 2;
}

static bool spike(const WatchHistory *h)
{
    if (h->n <= W)
        return false;
    double before[W], off[W];
    memcpy(before, h->loss + h->n - 1 - W, sizeof before);
    double median = median_of(before, W);
    for (size_t i = 0; i < W; i++)
        off[i] = fabs(before[i] - median);
    double most = MAX(8 * 1.4826 * median_of(off, W), MAX(fabs(median) / 2, 0.1));
    return h->loss[h->n - 1] > median + most;
}

static bool diverging(const WatchHistory *h)
{
    if (h->n < 2 * W || h->n % LOOK_EVERY != 0)
        return false;
    const double *last = h->loss + h->n - W;
    double sum = mean_of(h->loss, W) * (double)W, lowest = sum;
    size_t at = 0;
    for (size_t i = 1; i + 2 * W <= h->n; i++) {
        sum += h->loss[i + W - 1] - h->loss[i - 1];
        if (sum < lowest) {
            lowest = sum;
            at = i;
        }
    }
    lowest /= (double)W;
    double rise = mean_of(last, W) - lowest, noise = sqrt(error_of(last, W) + error_of(h->loss + at, W));
    return rise > fabs(lowest) / 5 + 0.05 && rise > 4 * noise && mean_of(last + W / 2, W / 2) > mean_of(last, W / 2);
}

static bool still(const WatchHistory *h)
{
    if (h->n < 100 || h->n < h->warmup + 3 * W || h->n % LOOK_EVERY != 0)
        return false;
    double first = mean_of(h->loss, W);
    const double *later[] = {h->loss + h->n / 2, h->loss + h->n - W};
    for (size_t i = 0; i < G_N_ELEMENTS(later); i++) {
        double fall = first - mean_of(later[i], W), noise = sqrt(error_of(h->loss, W) + error_of(later[i], W));
        if (!(fall < fabs(first) / 50 && fabs(fall) < 2 * noise + 1e-12))
            return false;
    }
    return true;
}

/* The mean of the training losses up to a step. */
static double train_until(const WatchHistory *h, uint64_t step)
{
    size_t n = (size_t)MIN(step, h->n), take = MIN(W, n);
    return take > 0 ? mean_of(h->loss + n - take, take) : 0;
}

static bool overfitting(const WatchHistory *h)
{
    size_t best = 0;
    for (size_t i = 1; i < h->n_val; i++)
        if (h->val_loss[i] < h->val_loss[best])
            best = i;
    if (h->n_val < best + 3)
        return false;
    double lowest = h->val_loss[best];
    if (!(h->val_loss[h->n_val - 1] > lowest + fabs(lowest) / 100))
        return false;
    return train_until(h, h->val_step[h->n_val - 1]) < train_until(h, h->val_step[best]);
}

static const struct {
    const char *name;
    bool (*sees)(const WatchHistory *history);
    const char *text;
} kinds[WATCH_END] = {
    [WATCH_SPIKE] = {"spike", spike,
                     "the loss has jumped far above its recent values: the learning rate may be too high, or rows of "
                     "this batch are broken"},
    [WATCH_DIVERGING] = {"diverging", diverging,
                         "the loss has risen well above its lowest and goes on rising: lower learning_rate, or raise "
                         "warmup"},
    [WATCH_STILL] = {"still", still,
                     "no fall of the loss can be told from its noise: learning_rate may be too low, or there is "
                     "nothing left to learn from these rows"},
    [WATCH_OVERFITTING] = {"overfitting", overfitting,
                           "the validation loss rises while the training loss falls: the rows are being learnt by "
                           "heart; fewer epochs, a lower rank or dropout help, and \"keep\": \"best\" takes the step "
                           "before"},
};

bool watch_sees(WatchKind kind, const WatchHistory *history)
{
    return kinds[kind].sees(history);
}

const char *watch_name(WatchKind kind)
{
    return kinds[kind].name;
}

const char *watch_text(WatchKind kind)
{
    return kinds[kind].text;
}

WatchKind watch_kind(const char *name)
{
    WatchKind kind = 0;
    while (kind < WATCH_END && g_strcmp0(name, kinds[kind].name) != 0)
        kind++;
    return kind;
}

/* SPDX-License-Identifier: Apache-2.0
 * watch.c: the warnings on made-up series: each is seen where it should be, at its step, and by no other.
 */
#include "../../sdk/train/internal.h"
#include <hone/random.h>
#include <math.h>

#define MOST 600

typedef double (*Series)(size_t step);

/* Even noise in ±size. */
static double noise(size_t step, double size)
{
    return size * (2 * hone_random_unit(11, HONE_STREAM_USER, step) - 1);
}

static double falling(size_t step)
{
    return 0.8 + 1.5 * exp(-(double)step / 60) + noise(step, 0.25);
}

static double with_spike(size_t step)
{
    return falling(step) + (step == 150 ? 4 : 0);
}

static double risen(size_t step)
{
    return falling(step) + (step > 200 ? 0.01 * (double)(step - 200) : 0);
}

static double flat(size_t step)
{
    return 1.7 + noise(step, 0.25);
}

static double constant(size_t step)
{
    return 1.7;
}

/* A loss that falls to nearly nothing, as a preference objective's does. */
static double vanishing(size_t step)
{
    return 0.69 * exp(-(double)step / 40) * (1 + noise(step, 0.5));
}

/* A fall that a rate after a long warm-up brings: nothing is to be said of the steps before. */
static double late(size_t step)
{
    return step < 90 ? 2 + noise(step, 0.1) : 1.2 + 0.8 * exp(-(double)(step - 90) / 20) + noise(step, 0.1);
}

/* The first step at which the kind is seen, 0: never. */
static size_t first(WatchKind kind, Series series, uint64_t warmup)
{
    double loss[MOST];
    for (size_t n = 1; n <= MOST; n++) {
        loss[n - 1] = series(n);
        const WatchHistory history = {.loss = loss, .n = n, .warmup = warmup};
        if (watch_sees(kind, &history))
            return n;
    }
    return 0;
}

static void test_spike(void)
{
    g_assert_cmpuint(first(WATCH_SPIKE, with_spike, 10), ==, 150);
    g_assert_cmpuint(first(WATCH_DIVERGING, with_spike, 10), ==, 0); /* one step makes no trend */
    g_assert_cmpuint(first(WATCH_SPIKE, falling, 10), ==, 0);
    g_assert_cmpuint(first(WATCH_SPIKE, flat, 10), ==, 0);
    g_assert_cmpuint(first(WATCH_SPIKE, constant, 10), ==, 0);
    g_assert_cmpuint(first(WATCH_SPIKE, vanishing, 10), ==, 0);
}

static void test_diverging(void)
{
    size_t seen = first(WATCH_DIVERGING, risen, 10);
    /* It rises by 0.01 a step from 200 on: a fifth of 0.85 is reached after 17 steps, by the mean of 20 ten later; the
     * mean before was still falling. And it is looked at every tenth step. */
    g_assert_cmpuint(seen, >, 217);
    g_assert_cmpuint(seen, <=, 250);
    g_assert_cmpuint(first(WATCH_DIVERGING, falling, 10), ==, 0);
    g_assert_cmpuint(first(WATCH_DIVERGING, flat, 10), ==, 0);
    g_assert_cmpuint(first(WATCH_DIVERGING, constant, 10), ==, 0);
    g_assert_cmpuint(first(WATCH_DIVERGING, vanishing, 10), ==, 0);
}

static void test_still(void)
{
    g_assert_cmpuint(first(WATCH_STILL, constant, 10), ==, 100);
    g_assert_cmpuint(first(WATCH_STILL, constant, 100), ==, 160);
    size_t seen = first(WATCH_STILL, flat, 10);
    g_assert_cmpuint(seen, >=, 100);
    g_assert_cmpuint(seen, <=, 150); /* two standard errors: now and then a flat series seems to move */
    g_assert_cmpuint(first(WATCH_STILL, falling, 10), ==, 0);
    g_assert_cmpuint(first(WATCH_STILL, risen, 10), ==, 0);
    g_assert_cmpuint(first(WATCH_STILL, late, 90), ==, 0);
}

static size_t first_overfitting(Series train, const double *val, size_t n_val)
{
    double loss[MOST];
    uint64_t steps[16];
    for (size_t i = 0; i < MOST; i++)
        loss[i] = train(i + 1);
    for (size_t n = 1; n <= n_val; n++) {
        steps[n - 1] = 50 * n;
        const WatchHistory history = {
            .loss = loss, .n = 50 * n, .warmup = 10, .val_step = steps, .val_loss = val, .n_val = n};
        if (watch_sees(WATCH_OVERFITTING, &history))
            return n;
    }
    return 0;
}

static void test_overfitting(void)
{
    static const double heart[] = {1.6, 1.3, 1.2, 1.22, 1.24, 1.3};
    static const double good[] = {1.6, 1.3, 1.2, 1.15, 1.12, 1.11};
    static const double once[] = {1.6, 1.3, 1.2, 1.25, 1.18, 1.17};
    static const double level[] = {1.6, 1.3, 1.2, 1.201, 1.202, 1.203};
    g_assert_cmpuint(first_overfitting(falling, heart, 6), ==, 5); /* the second above the third's */
    g_assert_cmpuint(first_overfitting(falling, good, 6), ==, 0);
    g_assert_cmpuint(first_overfitting(falling, once, 6), ==, 0);
    g_assert_cmpuint(first_overfitting(falling, level, 6), ==, 0);
    g_assert_cmpuint(first_overfitting(constant, heart, 6), ==, 0); /* both stand: that is something else */
}

static void test_short(void)
{
    const double loss[] = {NAN, 1};
    for (WatchKind kind = 0; kind < WATCH_END; kind++) {
        for (size_t n = 0; n <= 2; n++) {
            const WatchHistory history = {.loss = loss, .n = n};
            g_assert_false(watch_sees(kind, &history));
        }
        g_assert_cmpint(watch_kind(watch_name(kind)), ==, kind);
        g_assert_nonnull(watch_text(kind));
    }
    g_assert_cmpint(watch_kind("none"), ==, WATCH_END);
    g_assert_cmpint(watch_kind(NULL), ==, WATCH_END);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/train/watch/spike", test_spike);
    g_test_add_func("/train/watch/diverging", test_diverging);
    g_test_add_func("/train/watch/still", test_still);
    g_test_add_func("/train/watch/overfitting", test_overfitting);
    g_test_add_func("/train/watch/short", test_short);
    return g_test_run();
}

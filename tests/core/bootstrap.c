/* SPDX-License-Identifier: Apache-2.0
 * Figures and their bootstrap: closed forms and properties.
 */
#include <hone/metric.h>
#include <hone/random.h>
#include <math.h>

#define DRAWS 400

static void test_aggregate(void)
{
    const HoneMetricValue values[] = {{1, 2}, {3, 2}, {100, 0}, {0, 4}};
    const uint32_t order[] = {1, 1, 2};

    g_assert_cmpfloat(hone_metric_aggregate(HONE_SCALE_IDENTITY, values, NULL, 4), ==, 0.5);
    g_assert_cmpfloat(hone_metric_aggregate(HONE_SCALE_IDENTITY, values, order, 3), ==, 1.5);
    g_assert_cmpfloat(hone_metric_aggregate(HONE_SCALE_EXP, values, NULL, 4), ==, exp(0.5));
    g_assert_true(isnan(hone_metric_aggregate(HONE_SCALE_IDENTITY, values, NULL, 0)));
    g_assert_true(isnan(hone_metric_aggregate(HONE_SCALE_IDENTITY, values + 2, NULL, 1)));
}

static HoneMetricValue *normals(uint64_t seed, size_t n, double shift)
{
    HoneMetricValue *values = g_new(HoneMetricValue, n);

    for (size_t i = 0; i < n; i++) {
        values[i] = (HoneMetricValue){hone_random_normal(seed, HONE_STREAM_USER, i) + shift, 1};
    }
    return values;
}

static void test_constant(void)
{
    HoneMetricValue values[37];

    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        values[i] = (HoneMetricValue){0.1, 0.3};
    }
    for (HoneScale scale = HONE_SCALE_IDENTITY; scale <= HONE_SCALE_EXP; scale++) {
        HoneInterval interval = hone_bootstrap(scale, values, G_N_ELEMENTS(values), DRAWS, 3);

        g_assert_cmpfloat(interval.low, ==, interval.value);
        g_assert_cmpfloat(interval.high, ==, interval.value);
    }
}

static void test_nothing(void)
{
    HoneMetricValue values[3] = {{0, 0}, {0, 0}, {0, 0}};
    HoneInterval interval = hone_bootstrap(HONE_SCALE_IDENTITY, values, 3, DRAWS, 1);

    g_assert_true(isnan(interval.value) && isnan(interval.low) && isnan(interval.high));
    interval = hone_bootstrap(HONE_SCALE_IDENTITY, values, 0, DRAWS, 1);
    g_assert_true(isnan(interval.value) && isnan(interval.low) && isnan(interval.high));
    /* Draws that miss the one row that counts are left out. */
    values[1] = (HoneMetricValue){4, 2};
    interval = hone_bootstrap(HONE_SCALE_IDENTITY, values, 3, DRAWS, 1);
    g_assert_cmpfloat(interval.value, ==, 2);
    g_assert_cmpfloat(interval.low, ==, 2);
    g_assert_cmpfloat(interval.high, ==, 2);
}

/* The interval of a mean of n standard normals is near ±1.96/sqrt(n), and covers the true mean about 95 times in 100.
 * Over 400 samples of 50 rows the count of hits is near binomial(400, 0.935) (the percentile interval is a little
 * narrow for 50 rows): below 355 or above 395 would be more than 4 standard deviations off. */
static void test_coverage(void)
{
    enum { SAMPLES = 400, ROWS = 50 };
    size_t hits = 0;
    double width = 0;

    for (uint64_t s = 0; s < SAMPLES; s++) {
        g_autofree HoneMetricValue *values = normals(s, ROWS, 5);
        HoneInterval interval = hone_bootstrap(HONE_SCALE_IDENTITY, values, ROWS, DRAWS, s);

        g_assert_cmpfloat(interval.low, <, interval.value);
        g_assert_cmpfloat(interval.value, <, interval.high);
        hits += interval.low <= 5 && 5 <= interval.high;
        width += (interval.high - interval.low) / SAMPLES;
    }
    g_assert_cmpuint(hits, >=, 355);
    g_assert_cmpuint(hits, <=, 395);
    /* Mean width over 400 samples; its own error is well under the 5 % allowed. */
    g_assert_cmpfloat(fabs(width / (2 * 1.96 / sqrt(ROWS)) - 1), <, 0.05);
}

static void test_difference(void)
{
    g_autofree HoneMetricValue *before = normals(1, 60, 0), *after = normals(1, 60, 0.5);
    HoneInterval same = hone_bootstrap_difference(HONE_SCALE_IDENTITY, before, before, 60, DRAWS, 9);
    HoneInterval shifted = hone_bootstrap_difference(HONE_SCALE_IDENTITY, before, after, 60, DRAWS, 9);
    HoneInterval alone = hone_bootstrap(HONE_SCALE_IDENTITY, before, 60, DRAWS, 9);

    g_assert_cmpfloat(same.value, ==, 0);
    g_assert_cmpfloat(same.low, ==, 0);
    g_assert_cmpfloat(same.high, ==, 0);
    /* Each pair differs by 0.5 exactly, up to the rounding of sums of 60 numbers, although either mean is uncertain:
     * that is what pairing is for. */
    g_assert_cmpfloat(fabs(shifted.low - 0.5), <, 1e-12);
    g_assert_cmpfloat(fabs(shifted.high - 0.5), <, 1e-12);
    g_assert_cmpfloat(alone.high - alone.low, >, 0.3);
}

static void test_seed(void)
{
    g_autofree HoneMetricValue *values = normals(4, 30, 0);
    HoneInterval a = hone_bootstrap(HONE_SCALE_IDENTITY, values, 30, DRAWS, 1);
    HoneInterval b = hone_bootstrap(HONE_SCALE_IDENTITY, values, 30, DRAWS, 1);
    HoneInterval c = hone_bootstrap(HONE_SCALE_IDENTITY, values, 30, DRAWS, 2);

    g_assert_cmpmem(&a, sizeof a, &b, sizeof b);
    g_assert_cmpfloat(a.low, !=, c.low);
    g_assert_cmpfloat(a.value, ==, c.value);
}

/* Two infinities give an infinite figure, not NaN in an interval. */
static void test_infinite(void)
{
    const HoneMetricValue values[2] = {{1e6, 1}, {1e6, 1}};
    HoneInterval interval = hone_bootstrap(HONE_SCALE_EXP, values, 2, DRAWS, 1);

    g_assert_true(isinf(interval.value) && isinf(interval.low) && isinf(interval.high));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/metric/aggregate", test_aggregate);
    g_test_add_func("/bootstrap/constant", test_constant);
    g_test_add_func("/bootstrap/nothing", test_nothing);
    g_test_add_func("/bootstrap/coverage", test_coverage);
    g_test_add_func("/bootstrap/difference", test_difference);
    g_test_add_func("/bootstrap/seed", test_seed);
    g_test_add_func("/bootstrap/infinite", test_infinite);
    return g_test_run();
}

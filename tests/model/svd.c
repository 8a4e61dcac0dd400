/* SPDX-License-Identifier: Apache-2.0
 * svd.c (test): the largest singular values of matrices whose decomposition is known, and what must hold for any. That
 * numpy gives the same is shown by PiSSA's start in tests/train/tuners.c.
 */
#include "../../sdk/model/svd.h"

#include <glib.h>
#include <hone/random.h>
#include <math.h>

/* Reflects the columns of x [rows, columns] (sign +) or its rows at a random vector: an orthogonal map of them. */
static void reflect(double *x, size_t rows, size_t columns, gboolean left, uint64_t seed)
{
    size_t n = left ? rows : columns, others = left ? columns : rows, step = left ? columns : 1,
           next = left ? 1 : columns;
    g_autofree double *v = g_new(double, n);
    double square = 0;
    for (size_t i = 0; i < n; i++) {
        v[i] = hone_random_normal(seed, HONE_STREAM_USER, i);
        square += v[i] * v[i];
    }
    for (size_t k = 0; k < others; k++) {
        double dot = 0;
        for (size_t i = 0; i < n; i++)
            dot += v[i] * x[i * step + k * next];
        for (size_t i = 0; i < n; i++)
            x[i * step + k * next] -= 2 * dot / square * v[i];
    }
}

/* A matrix [m,n] with those singular values on its diagonal, turned on both sides. */
static float *with_values(const double *values, size_t count, size_t m, size_t n)
{
    g_autofree double *x = g_new0(double, m *n);
    float *w = g_new(float, m *n);
    for (size_t i = 0; i < count; i++)
        x[i * n + i] = values[i];
    for (uint64_t seed = 1; seed <= 3; seed++) {
        reflect(x, m, n, TRUE, seed);
        reflect(x, m, n, FALSE, 100 + seed);
    }
    for (size_t i = 0; i < m * n; i++)
        w[i] = (float)x[i];
    return w;
}

static void check(const float *w, size_t m, size_t n, size_t r, const double *wanted, size_t count)
{
    g_autofree double *s = g_new(double, r), *u = g_new(double, r *m), *v = g_new(double, r *n);
    svd_largest(w, m, n, r, s, u, v);
    for (size_t i = 0; i < r; i++) {
        double want = i < count ? wanted[i] : 0;
        /* The matrix was rounded to f32, which moves a value by some 1e-7 of the largest. */
        if (!(fabs(s[i] - want) <= 1e-6 * (count > 0 ? wanted[0] : 1)))
            g_error("%zu x %zu: value %zu is %.9g, not %.9g", m, n, i, s[i], want);
        if (want == 0)
            continue;
        /* W·v = s·u and Wᵀ·u = s·v, u and v of length one. */
        double worst = 0, square = 0;
        for (size_t a = 0; a < m; a++) {
            double sum = 0;
            for (size_t b = 0; b < n; b++)
                sum += (double)w[a * n + b] * v[i * n + b];
            worst = MAX(worst, fabs(sum - s[i] * u[i * m + a]));
            square += u[i * m + a] * u[i * m + a];
        }
        for (size_t b = 0; b < n; b++) {
            double sum = 0;
            for (size_t a = 0; a < m; a++)
                sum += (double)w[a * n + b] * u[i * m + a];
            worst = MAX(worst, fabs(sum - s[i] * v[i * n + b]));
        }
        /* It ends at residuals of 1e-11. */
        if (!(worst <= 1e-9 * wanted[0]) || !(fabs(square - 1) <= 1e-9))
            g_error("%zu x %zu: vectors %zu are off by %.3g, length² %.12g", m, n, i, worst, square);
    }
}

static void test_known(void)
{
    static const struct {
        size_t m, n, count, r;
        double values[8];
    } cases[] = {
        {1, 1, 1, 1, {3}},
        {5, 1, 1, 1, {2}},
        {1, 7, 1, 1, {2}},
        {9, 6, 6, 6, {7, 5, 4, 2, 1, 0.5}},
        {6, 9, 6, 3, {7, 5, 4, 2, 1, 0.5}},
        {40, 30, 3, 3, {1, 0.1, 0.01}},        /* of lower rank than asked for ... */
        {40, 30, 2, 5, {1, 0.5}},              /* ... by more */
        {30, 40, 8, 4, {2, 2, 2, 1, 1, 1, 1}}, /* the same values again and again */
        {12, 12, 8, 8, {1, 1, 1, 1, 1, 1, 1, 1}},
        {200, 150, 8, 8, {9, 8, 7, 6, 5, 4, 3, 2}},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree float *w = with_values(cases[i].values, cases[i].count, cases[i].m, cases[i].n);
        size_t count = 0;
        while (count < cases[i].count && cases[i].values[count] > 0)
            count++;
        check(w, cases[i].m, cases[i].n, cases[i].r, cases[i].values, count);
    }
}

static void test_zero(void)
{
    g_autofree float *w = g_new0(float, 20 * 10);
    check(w, 20, 10, 4, NULL, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/model/svd/known", test_known);
    g_test_add_func("/model/svd/zero", test_zero);
    return g_test_run();
}

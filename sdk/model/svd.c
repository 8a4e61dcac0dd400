/* SPDX-License-Identifier: Apache-2.0
 * svd.c: the largest singular values of a matrix, with their vectors.
 *
 * Golub-Kahan-Lanczos bidiagonalisation, W·V = U·B and Wᵀ·U = V·Bᵀ + β·v·eᵀ with B upper bidiagonal, in f64 with full
 * reorthogonalisation; the small B by one-sided Jacobi. It ends when the wanted triplets' residuals |Wᵀu - σv| are
 * below 1e-11 of the largest value, at the latest when B is as large as W: then it is W's own decomposition. Golub,
 * Kahan, "Calculating the singular values and pseudo-inverse of a matrix", 1965.
 */
#include "svd.h"

#include <glib.h>
#include <hone/random.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define CONVERGED 1e-11
#define VANISHED 1e-13
#define STEPS_A_CHECK 16

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void add(double *y, const double *x, double alpha, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += alpha * x[i];
}

/* y [m] = W·x */
static void times(const float *w, size_t m, size_t n, const double *x, double *y)
{
    for (size_t r = 0; r < m; r++) {
        double sum[4] = {0};
        const float *row = w + r * n;
        size_t c = 0;
        for (; c + 4 <= n; c += 4)
            for (size_t k = 0; k < 4; k++)
                sum[k] += (double)row[c + k] * x[c + k];
        for (; c < n; c++)
            sum[0] += (double)row[c] * x[c];
        y[r] = sum[0] + sum[1] + sum[2] + sum[3];
    }
}

/* y [n] = Wᵀ·x */
static void times_turned(const float *w, size_t m, size_t n, const double *x, double *y)
{
    memset(y, 0, n * sizeof *y);
    for (size_t r = 0; r < m; r++)
        for (size_t c = 0; c < n; c++)
            y[c] += (double)w[r * n + c] * x[r];
}

/* Takes away what x has of the n rows of basis, twice: once leaves a share of rounding. Gives what is left of it. */
static double orthogonalise(double *x, const double *basis, size_t count, size_t n)
{
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < count; i++)
            add(x, basis + i * n, -dot(basis + i * n, x, n), n);
    return sqrt(dot(x, x, n));
}

static void scale(double *x, double factor, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= factor;
}

/* ---- The small matrix. ---- */

/* b [k,k] by columns: turned until its columns are orthogonal; q [k,k], by columns, collects the rotations. */
static void jacobi(double *b, double *q, size_t k)
{
    memset(q, 0, k * k * sizeof *q);
    for (size_t i = 0; i < k; i++)
        q[i * k + i] = 1;
    for (int sweep = 0; sweep < 60; sweep++) {
        bool turned = false;
        for (size_t i = 0; i + 1 < k; i++)
            for (size_t j = i + 1; j < k; j++) {
                double *x = b + i * k, *y = b + j * k;
                double xx = dot(x, x, k), yy = dot(y, y, k), xy = dot(x, y, k);
                if (!(fabs(xy) > 1e-15 * sqrt(xx * yy)))
                    continue;
                turned = true;
                double zeta = (yy - xx) / (2 * xy);
                double t = (zeta >= 0 ? 1 : -1) / (fabs(zeta) + sqrt(1 + zeta * zeta));
                double c = 1 / sqrt(1 + t * t), s = c * t;
                for (size_t e = 0; e < k; e++) {
                    double u = x[e], v = y[e], p = q[i * k + e], r = q[j * k + e];
                    x[e] = c * u - s * v;
                    y[e] = s * u + c * v;
                    q[i * k + e] = c * p - s * r;
                    q[j * k + e] = s * p + c * r;
                }
            }
        if (!turned)
            return;
    }
}

/* ---- The large one. ---- */

typedef struct Lanczos {
    const float *w;
    size_t m, n, k;       /* k steps done */
    double *u, *v;        /* [k,m], [k+1,n] */
    double *alpha, *beta; /* [k]: diagonal of B; beta[j] stands right of alpha[j] */
    double largest;       /* of alpha and beta */
} Lanczos;

/* A direction of W's rows that V does not have yet, in its next row; false where there is none. */
static bool new_direction(Lanczos *l)
{
    double *v = l->v + l->k * l->n;
    g_autofree double *random = g_new(double, l->m);
    for (size_t i = 0; i < l->m; i++)
        random[i] = hone_random_normal(1 + l->k, HONE_STREAM_INIT, i);
    times_turned(l->w, l->m, l->n, random, v);
    double before = sqrt(dot(v, v, l->n)), left = orthogonalise(v, l->v, l->k, l->n);
    if (!(left > 1e-10 * before))
        return false;
    scale(v, 1 / left, l->n);
    return true;
}

/* One more column of U and V; false where W has no more. */
static bool step(Lanczos *l)
{
    size_t k = l->k;
    double *u = l->u + k * l->m, *v = l->v + k * l->n, *next = v + l->n;
    times(l->w, l->m, l->n, v, u);
    l->alpha[k] = orthogonalise(u, l->u, k, l->m);
    if (!(l->alpha[k] > VANISHED * l->largest))
        return false;
    l->largest = MAX(l->largest, l->alpha[k]);
    scale(u, 1 / l->alpha[k], l->m);
    times_turned(l->w, l->m, l->n, u, next);
    l->k++;
    l->beta[k] = orthogonalise(next, l->v, l->k, l->n);
    if (l->k == MIN(l->m, l->n)) {
        l->beta[k] = 0;
        return false;
    }
    if (l->beta[k] > VANISHED * l->largest) {
        l->largest = MAX(l->largest, l->beta[k]);
        scale(next, 1 / l->beta[k], l->n);
        return true;
    }
    l->beta[k] = 0;
    return new_direction(l);
}

typedef struct Ranked {
    double value;
    size_t column;
} Ranked;

static int larger_first(const void *a, const void *b)
{
    double x = ((const Ranked *)a)->value, y = ((const Ranked *)b)->value;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The triplets of B as W's; false where one of them has not converged yet. */
static bool triplets(const Lanczos *l, size_t r, bool complete, double *s, double *u, double *v)
{
    size_t k = l->k, found = MIN(r, k);
    g_autofree double *b = g_new0(double, k *k), *q = g_new(double, k *k);
    g_autofree Ranked *ranked = g_new(Ranked, k);
    for (size_t j = 0; j < k; j++) {
        b[j * k + j] = l->alpha[j];
        if (j > 0)
            b[j * k + j - 1] = l->beta[j - 1];
    }
    jacobi(b, q, k);
    for (size_t j = 0; j < k; j++)
        ranked[j] = (Ranked){sqrt(dot(b + j * k, b + j * k, k)), j};
    qsort(ranked, k, sizeof *ranked, larger_first);
    for (size_t i = 0; i < found && !complete; i++)
        if (!(l->beta[k - 1] * fabs(b[ranked[i].column * k + k - 1]) <= CONVERGED * ranked[0].value * ranked[i].value))
            return false;
    memset(s, 0, r * sizeof *s);
    memset(u, 0, r * l->m * sizeof *u);
    memset(v, 0, r * l->n * sizeof *v);
    for (size_t i = 0; i < found; i++) {
        const double *column = b + ranked[i].column * k, *turn = q + ranked[i].column * k;
        s[i] = ranked[i].value;
        for (size_t j = 0; j < k; j++) {
            add(u + i * l->m, l->u + j * l->m, column[j] / s[i], l->m);
            add(v + i * l->n, l->v + j * l->n, turn[j], l->n);
        }
    }
    return true;
}

void svd_largest(const float *w, size_t m, size_t n, size_t r, double *s, double *u, double *v)
{
    size_t most = MIN(m, n);
    Lanczos l = {.w = w, .m = m, .n = n};
    l.u = g_new(double, most *m);
    l.v = g_new(double, (most + 1) * n);
    l.alpha = g_new(double, most);
    l.beta = g_new(double, most);
    memset(s, 0, r * sizeof *s);
    memset(u, 0, r * m * sizeof *u);
    memset(v, 0, r * n * sizeof *v);
    size_t check = r + STEPS_A_CHECK;
    for (bool more = new_direction(&l); more;) {
        more = step(&l);
        if (l.k > 0 && (!more || l.k >= check)) {
            if (triplets(&l, r, !more, s, u, v))
                break;
            check = l.k + MAX(STEPS_A_CHECK, l.k / 4);
        }
    }
    g_free(l.u);
    g_free(l.v);
    g_free(l.alpha);
    g_free(l.beta);
}

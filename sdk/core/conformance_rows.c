/* SPDX-License-Identifier: Apache-2.0
 * conformance_rows.c: checks of elementwise operators, row lookups, normalisation and rotary positions.
 */
#include "conformance_private.h"

#include <hone/random.h>
#include <math.h>

static void call_elementwise(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->add(s, t[0], t[1], 0.3f);
    ops->scale(s, t[2], -1.7f);
}

bool check_elementwise(Lab *lab)
{
    static const size_t sizes[] = {0, 1, 7, 16, 1001, 100003};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_auto(Trial) trial;
        trial_init(&trial, lab, call_elementwise, NULL, "add and scale of %zu", sizes[i]);
        size_t y = trial_changed(&trial, RANK_1(sizes[i]), 1);
        trial_input(&trial, RANK_1(sizes[i]), 1);
        size_t z = trial_changed(&trial, RANK_1(sizes[i]), 1);
        trial_allow(&trial, y, 2, 2); /* two roundings of terms around 1 */
        trial_allow(&trial, z, 1, 0);
        if (!trial_check(&trial))
            return false;
    }
    return true;
}

static void call_bias(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->add_bias(s, t[0], t[1]);
    ops->add_bias_bwd(s, t[2], t[3]);
}

bool check_bias(Lab *lab)
{
    static const size_t shapes[][3] = {{0, 5, 5}, {1, 1, 1}, {3, 7, 9}, {5, 576, 576}, {70, 130, 137}, {300, 301, 301}};
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
        size_t N = shapes[i][0], F = shapes[i][1], stride = shapes[i][2];
        g_auto(Trial) trial;
        trial_init(&trial, lab, call_bias, NULL, "bias %zu x %zu, stride %zu", N, F, stride);
        size_t y = trial_changed(&trial, RANK_2(N, F), 1);
        trial_input(&trial, RANK_1(F), 1);
        size_t db = trial_changed(&trial, RANK_1(F), 1), dy = trial_input(&trial, RANK_2(N, F), 1);
        if (stride > F) {
            trial_stride(&trial, y, stride);
            trial_stride(&trial, dy, stride);
        }
        trial_allow(&trial, y, 1, 0);              /* one sum */
        trial_allow(&trial, db, (double)N + 4, 4); /* N of them, each of a few units */
        if (!trial_check(&trial))
            return false;
    }
    return true;
}

static void call_columns(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->scale_columns(s, t[0], t[1]);
    ops->dot_columns(s, t[2], t[3], t[4]);
}

bool check_columns(Lab *lab)
{
    static const size_t shapes[][2] = {{0, 5}, {1, 1}, {3, 7}, {5, 576}, {70, 130}, {300, 301}};
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
        size_t N = shapes[i][0], F = shapes[i][1];
        g_auto(Trial) trial;
        trial_init(&trial, lab, call_columns, NULL, "columns %zu x %zu", N, F);
        size_t y = trial_changed(&trial, RANK_2(N, F), 1);
        trial_input(&trial, RANK_1(F), 1);
        size_t dg = trial_changed(&trial, RANK_1(F), 1);
        trial_input(&trial, RANK_2(N, F), 1);
        trial_input(&trial, RANK_2(N, F), 1);
        trial_allow(&trial, y, 1, 0);              /* one product */
        trial_allow(&trial, dg, (double)N + 4, 4); /* N of them, each of a few units */
        if (!trial_check(&trial))
            return false;
    }
    return true;
}

static void call_soft_cap(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->soft_cap(s, t[0], *(const float *)args);
}

bool check_soft_cap(Lab *lab)
{
    static const size_t sizes[] = {0, 1, 37, 20011};
    static const float caps[] = {0.5f, 30, 50};
    static const float extreme[] = {0, -0.0f, 1e4f, -1e4f, 3e38f, -3e38f, 1e-20f, 31, INFINITY, -INFINITY};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes) * G_N_ELEMENTS(caps); i++) {
        size_t n = sizes[i / G_N_ELEMENTS(caps)];
        const float *cap = &caps[i % G_N_ELEMENTS(caps)];
        g_auto(Trial) trial;
        trial_init(&trial, lab, call_soft_cap, cap, "soft_cap %g of %zu", *cap, n);
        size_t y = trial_changed(&trial, RANK_1(n), *cap);
        for (size_t j = 0; j < G_N_ELEMENTS(extreme) && j + 1 < n; j++)
            trial_values(&trial, y)[j] = extreme[j];
        /* tanh within 8 units, a quotient and a product around it. */
        trial_allow(&trial, y, 12, 0);
        if (!trial_check(&trial))
            return false;
    }
    return true;
}

static void call_glu(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->glu(s, t[0], t[1], t[2], *(const HoneActivation *)args);
}

static void call_glu_bwd(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->glu_bwd(s, t[0], t[1], t[2], t[3], t[4], *(const HoneActivation *)args);
}

/* dgate over gate, dup over up. */
static void call_glu_bwd_alias(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->glu_bwd(s, t[1], t[2], t[0], t[1], t[2], *(const HoneActivation *)args);
}

static void put_extremes(float *gate, size_t n)
{
    static const float extreme[] = {0, -0.0f, 100, -100, 88.5f, -88.5f, 1e-20f, -0.6f, 0.62f};
    for (size_t i = 0; i < G_N_ELEMENTS(extreme) && i + 1 < n; i++)
        gate[i] = extreme[i];
}

bool check_glu(Lab *lab)
{
    static const size_t sizes[] = {0, 1, 37, 20011};
    for (HoneActivation act = HONE_SILU; act <= HONE_GELU_TANH; act++) {
        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
            size_t n = sizes[i];
            g_auto(Trial) forward;
            trial_init(&forward, lab, call_glu, &act, "glu %d of %zu", act, n);
            size_t y = trial_output(&forward, RANK_1(n)), gate = trial_input(&forward, RANK_1(n), 3);
            trial_input(&forward, RANK_1(n), 1);
            put_extremes(trial_values(&forward, gate), n);
            /* exp and tanh within 8 units; 1 + tanh loses digits where it is small, hence the scale. */
            trial_allow(&forward, y, 16, 8);
            if (!trial_check(&forward))
                return false;

            g_auto(Trial) backward;
            trial_init(&backward, lab, call_glu_bwd, &act, "glu_bwd %d of %zu", act, n);
            size_t dgate = trial_output(&backward, RANK_1(n)), dup = trial_output(&backward, RANK_1(n));
            size_t dy = trial_input(&backward, RANK_1(n), 1);
            gate = trial_input(&backward, RANK_1(n), 3);
            size_t up = trial_input(&backward, RANK_1(n), 1);
            put_extremes(trial_values(&backward, gate), n);
            trial_allow(&backward, dgate, 32, 8);
            trial_allow(&backward, dup, 16, 8);
            if (!trial_check(&backward))
                return false;

            g_auto(Trial) alias;
            trial_init(&alias, lab, call_glu_bwd_alias, &act, "glu_bwd %d of %zu in place", act, n);
            size_t from[] = {dy, gate, up};
            for (size_t k = 0; k < 3; k++) {
                size_t at = k == 0 ? trial_input(&alias, RANK_1(n), 1) : trial_changed(&alias, RANK_1(n), 1);
                for (size_t j = 0; j < n; j++)
                    trial_values(&alias, at)[j] = trial_values(&backward, from[k])[j];
            }
            if (!trial_run(&alias, SIDE_BACKEND))
                return false;
            g_autofree float *exact = g_new0(float, n + 1);
            if (!hone_conformance_compare(alias.name, trial_after(&alias, 1, SIDE_BACKEND), n,
                                          trial_after(&backward, dgate, SIDE_BACKEND), n, exact, lab->error) ||
                !hone_conformance_compare(alias.name, trial_after(&alias, 2, SIDE_BACKEND), n,
                                          trial_after(&backward, dup, SIDE_BACKEND), n, exact, lab->error))
                return false;
        }
    }
    return true;
}

bool check_glu_gradient(Lab *lab)
{
    const size_t n = 23;
    for (HoneActivation act = HONE_SILU; act <= HONE_GELU_TANH; act++) {
        g_auto(Trial) forward;
        g_auto(Trial) backward;
        trial_init(&forward, lab, call_glu, &act, "glu %d", act);
        trial_init(&backward, lab, call_glu_bwd, &act, "glu_bwd %d", act);
        size_t y = trial_output(&forward, RANK_1(n)), gate = trial_input(&forward, RANK_1(n), 1),
               up = trial_input(&forward, RANK_1(n), 1);
        trial_output(&backward, RANK_1(n));
        trial_output(&backward, RANK_1(n));
        size_t dy = trial_input(&backward, RANK_1(n), 1);
        trial_bytes(&backward, HONE_F32, n, trial_values(&forward, gate), false);
        trial_bytes(&backward, HONE_F32, n, trial_values(&forward, up), false);
        const Weighted loss = {.operand = y, .weights = trial_values(&backward, dy)};
        if (!trial_run(&backward, SIDE_BACKEND) ||
            !trial_differences(&forward, gate, &loss, 1, trial_after(&backward, 0, SIDE_BACKEND), 1) ||
            !trial_differences(&forward, up, &loss, 1, trial_after(&backward, 1, SIDE_BACKEND), 1))
            return false;
    }
    return true;
}

typedef struct DropoutArgs {
    float p;
    uint64_t seed, first;
} DropoutArgs;

static void call_dropout(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    const DropoutArgs *d = args;
    ops->dropout(s, t[0], t[1], d->p, d->seed, d->first);
    ops->dropout(s, t[2], t[2], d->p, d->seed, d->first); /* in place */
}

bool check_dropout(Lab *lab)
{
    static const DropoutArgs cases[] = {{0, 1, 0}, {0.1f, 7, 0}, {0.5f, 7, 0x3fffffff3u}, {0.99f, 1ull << 40, 5}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const size_t n = 10007;
        g_auto(Trial) trial;
        trial_init(&trial, lab, call_dropout, &cases[i], "dropout %g", cases[i].p);
        size_t y = trial_output(&trial, RANK_1(n));
        trial_input(&trial, RANK_1(n), 1);
        size_t z = trial_changed(&trial, RANK_1(n), 1);
        trial_allow(&trial, y, 2, 0); /* the factor and the product round; a zero must be a zero */
        trial_allow(&trial, z, 2, 0);
        if (!trial_check(&trial))
            return false;
        /* As backend.h says, not only as the reference does. */
        const float *x = trial_values(&trial, 1), *got = trial_after(&trial, y, SIDE_BACKEND);
        for (size_t j = 0; j < n; j++) {
            uint64_t seed = cases[i].seed, at = cases[i].first + j;
            const uint32_t counter[4] = {(uint32_t)(at / 4), (uint32_t)(at / 4 >> 32), HONE_STREAM_DROPOUT, 0};
            uint32_t words[4];
            hone_philox4x32(counter, (const uint32_t[]){(uint32_t)seed, (uint32_t)(seed >> 32)}, words);
            bool kept = words[at % 4] * 0x1p-32 >= cases[i].p;
            if (kept != (got[j] != 0) && x[j] != 0) {
                g_set_error(lab->error, HONE_ERROR, HONE_ERROR_INVALID, "%s: value %zu is %s.", trial.name, j,
                            kept ? "dropped, not kept" : "kept, not dropped");
                return false;
            }
        }
    }
    return true;
}

static void call_rows(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->gather_rows(s, t[0], t[1], t[2]);
    ops->scatter_rows(s, t[3], t[5], t[6], false);
    ops->scatter_rows(s, t[4], t[5], t[6], true);
}

bool check_rows(Lab *lab)
{
    static const size_t shapes[][3] = {{0, 5, 3}, {1, 1, 1}, {7, 33, 3}, {70, 576, 11}, {300, 130, 40}}; /* N, C, V */
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
        size_t N = shapes[i][0], C = shapes[i][1], V = shapes[i][2];
        g_autofree int32_t *index = g_new(int32_t, N + 1), *skipping = g_new(int32_t, N + 1);
        for (size_t n = 0; n < N; n++) {
            index[n] = (int32_t)lab_below(lab, V); /* N > V: some repeat */
            skipping[n] = n % 5 == 3 ? -1 : (int32_t)lab_below(lab, V);
        }
        g_auto(Trial) trial;
        trial_init(&trial, lab, call_rows, NULL, "rows %zu x %zu of %zu", N, C, V);
        trial_output(&trial, RANK_2(N, C));
        trial_input(&trial, RANK_2(V, C), 1);
        trial_index(&trial, index, N);
        trial_changed(&trial, RANK_2(V, C), 1);
        trial_changed(&trial, RANK_2(V, C), 1);
        trial_input(&trial, RANK_2(N, C), 1);
        trial_index(&trial, skipping, N);
        /* Copies, and sums in a fixed order: exact. */
        if (!trial_check(&trial))
            return false;
    }
    return true;
}

typedef struct NormArgs {
    float epsilon, offset;
} NormArgs;

static void call_rmsnorm(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    const NormArgs *n = args;
    ops->rmsnorm(s, t[0], t[1], t[2], t[3], n->epsilon, n->offset);
}

static void call_rmsnorm_alias(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    const NormArgs *n = args;
    ops->rmsnorm(s, t[0], (HoneTensor){0}, t[0], t[1], n->epsilon, n->offset);
}

static void call_rmsnorm_bwd(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    const NormArgs *n = args;
    ops->rmsnorm_bwd(s, t[0], t[1], t[3], t[4], t[5], t[6], n->offset);
    ops->rmsnorm_bwd(s, t[2], (HoneTensor){0}, t[3], t[4], t[5], t[6], n->offset);
}

bool check_rmsnorm(Lab *lab)
{
    static const size_t shapes[][2] = {{0, 8}, {1, 1}, {3, 7}, {5, 576}, {70, 64}, {40, 301}, {2, 5000}};
    static const NormArgs args[] = {{1e-5f, 0}, {1e-6f, 1}};
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(shapes); i++) {
        size_t N = shapes[i / 2][0], C = shapes[i / 2][1];
        const NormArgs *a = &args[i % 2];
        g_auto(Trial) trial;
        trial_init(&trial, lab, call_rmsnorm, a, "rmsnorm %zu x %zu, offset %g", N, C, a->offset);
        size_t y = trial_output(&trial, RANK_2(N, C)), rstd = trial_output(&trial, RANK_1(N));
        size_t x = trial_input(&trial, RANK_2(N, C), 2), w = trial_input(&trial, RANK_1(C), 1);
        /* A sum of C squares, all positive: relative error up to C units, halved by the root. */
        double units = (double)C / 2 + 16;
        trial_allow(&trial, y, units, 0);
        trial_allow(&trial, rstd, units, 0);
        if (!trial_check(&trial))
            return false;

        g_auto(Trial) alias;
        trial_init(&alias, lab, call_rmsnorm_alias, a, "rmsnorm %zu x %zu in place, without rstd", N, C);
        trial_changed(&alias, RANK_2(N, C), 1);
        for (size_t j = 0; j < N * C; j++)
            trial_values(&alias, 0)[j] = trial_values(&trial, x)[j];
        trial_bytes(&alias, HONE_F32, C, trial_values(&trial, w), false);
        trial_allow(&alias, 0, units, 0);
        g_autofree float *exact = g_new0(float, N *C + 1);
        if (!trial_check(&alias) ||
            !hone_conformance_compare(alias.name, trial_after(&alias, 0, SIDE_BACKEND), N * C,
                                      trial_after(&trial, y, SIDE_BACKEND), N * C, exact, lab->error))
            return false;

        g_auto(Trial) backward;
        trial_init(&backward, lab, call_rmsnorm_bwd, a, "rmsnorm_bwd %zu x %zu, offset %g", N, C, a->offset);
        size_t dx = trial_changed(&backward, RANK_2(N, C), 1), dw = trial_changed(&backward, RANK_1(C), 1);
        size_t dx_alone = trial_changed(&backward, RANK_2(N, C), 1);
        trial_input(&backward, RANK_2(N, C), 1);
        trial_input(&backward, RANK_2(N, C), 1);
        trial_input(&backward, RANK_1(C), 1);
        size_t r = trial_input(&backward, RANK_1(N), 1);
        for (size_t n = 0; n < N; n++)
            trial_values(&backward, r)[n] = fabsf(trial_values(&backward, r)[n]) + 0.1f;
        /* dx: a dot product of C terms divided by C, so of the size of one term; r³ up to 30. dw: N terms. */
        trial_allow(&backward, dx, (double)C / 4 + 32, 16);
        trial_allow(&backward, dx_alone, (double)C / 4 + 32, 16);
        trial_allow(&backward, dw, (double)N + 16, 4);
        if (!trial_check(&backward))
            return false;
    }
    return true;
}

bool check_rmsnorm_gradient(Lab *lab)
{
    const size_t N = 3, C = 7;
    const NormArgs args = {1e-3f, 1};
    g_auto(Trial) forward;
    trial_init(&forward, lab, call_rmsnorm, &args, "rmsnorm");
    size_t y = trial_output(&forward, RANK_2(N, C)), rstd = trial_output(&forward, RANK_1(N));
    size_t x = trial_input(&forward, RANK_2(N, C), 2), w = trial_input(&forward, RANK_1(C), 1);
    if (!trial_run(&forward, SIDE_BACKEND))
        return false;
    g_auto(Trial) backward;
    trial_init(&backward, lab, call_rmsnorm_bwd, &args, "rmsnorm_bwd");
    trial_changed(&backward, RANK_2(N, C), 0);
    trial_changed(&backward, RANK_1(C), 0);
    trial_changed(&backward, RANK_2(N, C), 0);
    size_t dy = trial_input(&backward, RANK_2(N, C), 1), copies[] = {x, w};
    for (size_t k = 0; k < 2; k++) {
        size_t at = k == 0 ? trial_input(&backward, RANK_2(N, C), 1) : trial_input(&backward, RANK_1(C), 1);
        for (size_t j = 0; j < trial_count(&backward, at); j++)
            trial_values(&backward, at)[j] = trial_values(&forward, copies[k])[j];
    }
    trial_bytes(&backward, HONE_F32, N, trial_after(&forward, rstd, SIDE_BACKEND), false);
    const Weighted loss = {.operand = y, .weights = trial_values(&backward, dy)};
    /* Values near 2 with steps of 1/16: the step is small against the curvature. */
    return trial_run(&backward, SIDE_BACKEND) &&
           trial_differences(&forward, x, &loss, 1, trial_after(&backward, 0, SIDE_BACKEND), 1) &&
           trial_differences(&forward, w, &loss, 1, trial_after(&backward, 1, SIDE_BACKEND), 1);
}

static void call_rope(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->rope(s, t[0], t[2], t[3], 1);
    ops->rope(s, t[1], t[2], t[3], -1);
}

static void call_rope_there_and_back(const HoneBackendOps *ops, HoneStream *s, const HoneTensor *t, const void *args)
{
    ops->rope(s, t[0], t[1], t[2], 1);
    ops->rope(s, t[0], t[1], t[2], -1);
}

bool check_rope(Lab *lab)
{
    static const size_t shapes[][4] = {{0, 2, 4, 2}, {1, 1, 2, 1}, {5, 3, 10, 4}, {40, 9, 64, 32}, {30, 2, 300, 140}};
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++) {
        size_t N = shapes[i][0], H = shapes[i][1], D = shapes[i][2], half = shapes[i][3], P = 50;
        g_autofree int32_t *positions = g_new(int32_t, N + 1);
        for (size_t n = 0; n < N; n++)
            positions[n] = (int32_t)lab_below(lab, P);
        g_auto(Trial) trial;
        trial_init(&trial, lab, call_rope, NULL, "rope %zu x %zu x %zu, %zu pairs", N, H, D, half);
        size_t x = trial_changed(&trial, RANK_3(N, H, D), 1), back = trial_changed(&trial, RANK_3(N, H, D), 1);
        size_t table = trial_input(&trial, RANK_3(P, half, 2), 1);
        for (size_t j = 0; j < P * half; j++) {
            double angle = 10 * lab_normal(lab);
            trial_values(&trial, table)[2 * j] = (float)cos(angle);
            trial_values(&trial, table)[2 * j + 1] = (float)sin(angle);
        }
        trial_index(&trial, positions, N);
        trial_allow(&trial, x, 4, 4); /* two products and a sum */
        trial_allow(&trial, back, 4, 4);
        if (!trial_check(&trial))
            return false;

        g_auto(Trial) both;
        trial_init(&both, lab, call_rope_there_and_back, NULL, "rope there and back, %zu x %zu x %zu", N, H, D);
        size_t z = trial_changed(&both, RANK_3(N, H, D), 1);
        size_t angles = trial_input(&both, RANK_3(P, half, 2), 1);
        for (size_t j = 0; j < 2 * P * half; j++)
            trial_values(&both, angles)[j] = trial_values(&trial, table)[j];
        trial_index(&both, positions, N);
        trial_allow(&both, z, 8, 4);
        if (!trial_check(&both))
            return false;
        g_autofree float *bound = g_new(float, N *H *D + 1);
        for (size_t j = 0; j < N * H * D; j++)
            bound[j] = (float)(16 * UNIT * 4); /* cos² + sin² is 1 within rounding */
        if (!hone_conformance_compare(both.name, trial_after(&both, z, SIDE_BACKEND), N * H * D, trial_values(&both, z),
                                      N * H * D, bound, lab->error))
            return false;
    }
    return true;
}

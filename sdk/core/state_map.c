/* SPDX-License-Identifier: Apache-2.0
 * state_map.c: what the codes of 8-bit optimizer states stand for.
 *
 * Dettmers, "8-Bit Approximations for Parallelism in Deep Learning", 2015: the number of leading zeros is a decimal
 * exponent, the bits that are left a fraction. Exponent 10^(i-6), i = 0..6, has 2^i fractions (twice that without a
 * sign): the middles of equal parts of [0.1, 1]. With 0 and 1 that makes 256 values.
 */
#include <hone/backend.h>
#include <math.h>
#include <stdlib.h>

#define EXPONENTS 7

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Boundary k of n in f32, as torch.linspace(0.1, 1, n + 1): from the nearer end. */
static float boundary(size_t k, size_t n)
{
    float step = (1.0f - 0.1f) / (float)n;
    return k < (n + 1) / 2 ? fmaf(step, (float)k, 0.1f) : fmaf(-step, (float)(n - k), 1.0f);
}

static void fill(float *map, bool with_sign)
{
    size_t n = 0;
    for (int i = 0; i < EXPONENTS; i++) {
        float power = (float)pow(10, i - (EXPONENTS - 1));
        size_t parts = (size_t)1 << (with_sign ? i : i + 1);
        for (size_t k = 0; k < parts; k++) {
            float middle = power * ((boundary(k, parts) + boundary(k + 1, parts)) / 2);
            map[n++] = middle;
            if (with_sign)
                map[n++] = -middle;
        }
    }
    map[n++] = 0;
    map[n++] = 1;
    g_assert(n == 256);
    qsort(map, n, sizeof *map, by_value);
}

const float *hone_state_map(bool with_sign)
{
    static float maps[2][256];
    static gsize made;
    if (g_once_init_enter(&made)) {
        fill(maps[0], false);
        fill(maps[1], true);
        g_once_init_leave(&made, 1);
    }
    return maps[with_sign];
}

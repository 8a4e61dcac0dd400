/* SPDX-License-Identifier: Apache-2.0
 * optimizer_small.c: optimizers whose states are small: AdamW with 8-bit states, and Adafactor.
 *
 * Adafactor, for a matrix [R,C]; one-dimensional tensors keep all of V, and V = row there:
 *     row_i = β2·row_i + (1-β2)·mean_j(g_ij² + ε)        col_j = β2·col_j + (1-β2)·mean_i(g_ij² + ε)
 *     V_ij = row_i·col_j / mean(row)                     u = g/√V
 *     p -= η·λ·p                                         p -= η·u / max(1, rms(u)/clip)
 */
#include "reference.h"

#include <math.h>

/* ---- 8-bit states. ---- */

/* The place of the value nearest to x; of two, the lower. */
static unsigned char nearest(const float *map, float x)
{
    size_t low = 0, high = 255; /* map[low] <= x < map[high + 1] */
    while (low < high) {
        size_t middle = (low + high + 1) / 2;
        if (map[middle] <= x)
            low = middle;
        else
            high = middle - 1;
    }
    return (unsigned char)(low < 255 && map[low + 1] - x < x - map[low] ? low + 1 : low);
}

static void unpack(float *values, const unsigned char *codes, float scale, const float *map, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = map[codes[i]] * scale;
}

static void pack(unsigned char *codes, float *scale, const float *values, const float *map, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmaxf(most, fabsf(values[i]));
    *scale = most;
    for (size_t i = 0; i < n; i++)
        codes[i] = nearest(map, most > 0 ? values[i] / most : 0);
}

void ref_adamw_8bit(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor m, HoneTensor v, HoneTensor m_scale,
                    HoneTensor v_scale, const HoneAdamW *args)
{
    size_t n = hone_tensor_count(p), words = (n + 3) / 4, blocks = (n + HONE_STATE_BLOCK - 1) / HONE_STATE_BLOCK;
    g_assert(hone_tensor_count(g) == n && args->step >= 1);
    g_assert(hone_tensor_count(m) == words && hone_tensor_count(v) == words);
    g_assert(hone_tensor_count(m_scale) == blocks && hone_tensor_count(v_scale) == blocks);
    float *P = ref_f32(p, 0), *Ms = ref_f32(m_scale, 1), *Us = ref_f32(v_scale, 1);
    const float *G = ref_f32(g, 0);
    unsigned char *M = (unsigned char *)ref_i32(m, 1), *U = (unsigned char *)ref_i32(v, 1);
    const float *m_map = hone_state_map(true), *v_map = hone_state_map(false);
    double beta1 = args->beta1, beta2 = args->beta2, rate = args->learning_rate;
    double correction1 = 1 - pow(beta1, (double)args->step), correction2 = 1 - pow(beta2, (double)args->step);
    for (size_t b = 0; b < blocks; b++) {
        size_t at = b * HONE_STATE_BLOCK, count = MIN(HONE_STATE_BLOCK, n - at);
        float moment[HONE_STATE_BLOCK], square[HONE_STATE_BLOCK];
        unpack(moment, M + at, Ms[b], m_map, count);
        unpack(square, U + at, Us[b], v_map, count);
        for (size_t i = 0; i < count; i++) {
            double gradient = (double)G[at + i] * args->gradient_scale;
            moment[i] = (float)(beta1 * moment[i] + (1 - beta1) * gradient);
            square[i] = (float)(beta2 * square[i] + (1 - beta2) * gradient * gradient);
            double divisor = sqrt(square[i]) / sqrt(correction2) + args->epsilon;
            P[at + i] = (float)(P[at + i] * (1 - rate * args->weight_decay) - rate / correction1 * moment[i] / divisor);
        }
        pack(M + at, &Ms[b], moment, m_map, count);
        pack(U + at, &Us[b], square, v_map, count);
    }
}

/* ---- Adafactor. ---- */

void ref_adafactor(HoneStream *s, HoneTensor p, HoneTensor g, HoneTensor row, HoneTensor col, const HoneAdafactor *args)
{
    size_t n = hone_tensor_count(p), R = col.buffer ? p.shape[0] : n, C = col.buffer ? p.shape[1] : 1;
    g_assert(hone_tensor_count(g) == n && hone_tensor_count(row) == R);
    g_assert(!col.buffer || (p.rank == 2 && hone_tensor_count(col) == C));
    float *P = ref_f32(p, 0), *Row = ref_f32(row, 0), *Col = col.buffer ? ref_f32(col, 0) : NULL;
    const float *G = ref_f32(g, 0);
    double rest = 1 - args->beta2, scale = args->gradient_scale, mean = 0, squares = 0;
    for (size_t i = 0; i < R; i++) {
        double sum = 0;
        for (size_t j = 0; j < C; j++)
            sum += scale * G[i * C + j] * (scale * G[i * C + j]) + args->epsilon;
        Row[i] = (float)(args->beta2 * Row[i] + rest * sum / (double)C);
        mean += (double)Row[i] / (double)R;
    }
    for (size_t j = 0; Col && j < C; j++) {
        double sum = 0;
        for (size_t i = 0; i < R; i++)
            sum += scale * G[i * C + j] * (scale * G[i * C + j]) + args->epsilon;
        Col[j] = (float)(args->beta2 * Col[j] + rest * sum / (double)R);
    }
    for (int pass = 0; pass < 2; pass++) { /* the root mean square first, then the step */
        double shrink = MAX(1, sqrt(squares / (double)n) / args->clip);
        for (size_t i = 0; i < n; i++) {
            double v = Col ? (double)Row[i / C] * Col[i % C] / mean : Row[i], update = scale * G[i] / sqrt(v);
            if (pass == 0)
                squares += update * update;
            else
                P[i] = (float)(P[i] * (1 - args->learning_rate * args->weight_decay) -
                               args->learning_rate * update / shrink);
        }
    }
}

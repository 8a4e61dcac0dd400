/* SPDX-License-Identifier: Apache-2.0
 * attention.c: causal attention with grouped heads over packed sequences, its gradient, and the form for decoding.
 *
 * Query i of head h looks at keys j of head h/(H/G), first(i) <= j <= i within its sequence:
 *
 *     s_ij = cap(scale·q_i·k_j)       p_ij = exp(s_ij - lse_i)       o_i = Σ_j p_ij·v_j
 *     lse_i = log Σ_j exp(s_ij)       cap(x) = c·tanh(x/c), or x where c = 0
 *
 * Backward, with δ_i = do_i·o_i:
 *
 *     dv_j = Σ_i p_ij·do_i            ds_ij = p_ij·(do_i·v_j - δ_i)·(1 - (s_ij/c)²)
 *     dq_i = scale·Σ_j ds_ij·k_j      dk_j = scale·Σ_i ds_ij·q_i
 */
#include "reference.h"

#include <math.h>

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static double score(const float *q, const float *k, const HoneAttention *a)
{
    double x = a->scale * dot(q, k, a->head_dim);
    return a->soft_cap > 0 ? a->soft_cap * tanh(x / a->soft_cap) : x;
}

/* The first key that query i sees in a sequence that begins at `start`. */
static size_t first_key(size_t i, size_t start, uint32_t window)
{
    return window > 0 && i + 1 - start > window ? i + 1 - window : start;
}

/* One query over keys first .. last, `stride` floats apart: o [D], gives the log-sum-exp. p: room for every key. */
static double attend(float *o, const float *q, const float *k, const float *v, size_t stride, size_t first, size_t last,
                     const HoneAttention *a, double *p)
{
    double highest = -INFINITY, sum = 0;
    for (size_t j = first; j <= last; j++) {
        p[j - first] = score(q, k + j * stride, a);
        highest = fmax(highest, p[j - first]);
    }
    for (size_t j = first; j <= last; j++)
        sum += exp(p[j - first] - highest);
    double lse = highest + log(sum);
    for (size_t d = 0; d < a->head_dim; d++) {
        double value = 0;
        for (size_t j = first; j <= last; j++)
            value += exp(p[j - first] - lse) * v[j * stride + d];
        o[d] = (float)value;
    }
    return lse;
}

static void check_packed(HoneTensor q, HoneTensor k, HoneTensor v, const HoneAttention *a)
{
    size_t N = q.shape[0];
    g_assert(a->kv_heads > 0 && a->heads % a->kv_heads == 0);
    g_assert(q.shape[1] == a->heads && q.shape[2] == a->head_dim);
    g_assert(k.shape[0] == N && k.shape[1] == a->kv_heads && k.shape[2] == a->head_dim);
    g_assert(v.shape[0] == N && v.shape[1] == a->kv_heads && v.shape[2] == a->head_dim);
    const int32_t *starts = ref_i32(a->starts, 1);
    g_assert(a->starts.shape[0] == a->n_sequences + 1);
    g_assert(starts[0] == 0 && (size_t)starts[a->n_sequences] == N);
    for (uint32_t n = 0; n < a->n_sequences; n++)
        g_assert(starts[n] <= starts[n + 1] && (uint32_t)(starts[n + 1] - starts[n]) <= a->max_length);
}

void ref_attention(HoneStream *s, HoneTensor o, HoneTensor lse, HoneTensor q, HoneTensor k, HoneTensor v,
                   const HoneAttention *a)
{
    check_packed(q, k, v, a);
    size_t H = a->heads, G = a->kv_heads, D = a->head_dim;
    float *O = ref_f32(o, 3), *L = lse.buffer != NULL ? ref_f32(lse, 2) : NULL;
    const float *Q = ref_f32(q, 3), *K = ref_f32(k, 3), *V = ref_f32(v, 3);
    const int32_t *starts = ref_i32(a->starts, 1);
    g_autofree double *p = g_new(double, MAX(a->max_length, 1));
    for (uint32_t n = 0; n < a->n_sequences; n++) {
        for (size_t i = (size_t)starts[n]; i < (size_t)starts[n + 1]; i++) {
            for (size_t h = 0; h < H; h++) {
                size_t g = h / (H / G), at = (i * H + h) * D;
                size_t first = first_key(i, (size_t)starts[n], a->window);
                double value = attend(O + at, Q + at, K + g * D, V + g * D, G * D, first, i, a, p);
                if (L != NULL)
                    L[i * H + h] = (float)value;
            }
        }
    }
}

void ref_attention_bwd(HoneStream *s, HoneTensor dq, HoneTensor dk, HoneTensor dv, HoneTensor d_o, HoneTensor o,
                       HoneTensor lse, HoneTensor q, HoneTensor k, HoneTensor v, const HoneAttention *a)
{
    check_packed(q, k, v, a);
    size_t N = q.shape[0], H = a->heads, G = a->kv_heads, D = a->head_dim;
    float *DQ = ref_f32(dq, 3), *DK = ref_f32(dk, 3), *DV = ref_f32(dv, 3);
    const float *DO = ref_f32(d_o, 3), *O = ref_f32(o, 3), *L = ref_f32(lse, 2);
    const float *Q = ref_f32(q, 3), *K = ref_f32(k, 3), *V = ref_f32(v, 3);
    const int32_t *starts = ref_i32(a->starts, 1);
    /* Keys gather from many queries: their sums are kept in double until the end. */
    g_autofree double *sum_q = g_new0(double, MAX(N * H * D, 1));
    g_autofree double *sum_k = g_new0(double, MAX(N * G * D, 1));
    g_autofree double *sum_v = g_new0(double, MAX(N * G * D, 1));
    for (uint32_t n = 0; n < a->n_sequences; n++) {
        for (size_t i = (size_t)starts[n]; i < (size_t)starts[n + 1]; i++) {
            for (size_t h = 0; h < H; h++) {
                size_t qi = (i * H + h) * D;
                double delta = dot(DO + qi, O + qi, D);
                for (size_t j = first_key(i, (size_t)starts[n], a->window); j <= i; j++) {
                    size_t kj = (j * G + h / (H / G)) * D;
                    double s_ij = score(Q + qi, K + kj, a), p = exp(s_ij - L[i * H + h]);
                    double ds = p * (dot(DO + qi, V + kj, D) - delta);
                    if (a->soft_cap > 0)
                        ds *= 1 - (s_ij / a->soft_cap) * (s_ij / a->soft_cap);
                    for (size_t d = 0; d < D; d++) {
                        sum_v[kj + d] += p * DO[qi + d];
                        sum_q[qi + d] += a->scale * ds * K[kj + d];
                        sum_k[kj + d] += a->scale * ds * Q[qi + d];
                    }
                }
            }
        }
    }
    for (size_t i = 0; i < N * H * D; i++)
        DQ[i] = (float)sum_q[i];
    for (size_t i = 0; i < N * G * D; i++) {
        DK[i] = (float)sum_k[i];
        DV[i] = (float)sum_v[i];
    }
}

void ref_attention_cached(HoneStream *s, HoneTensor o, HoneTensor q, HoneTensor k_cache, HoneTensor v_cache,
                          HoneTensor slots, HoneTensor lengths, const HoneAttention *a)
{
    size_t B = q.shape[0], H = a->heads, G = a->kv_heads, D = a->head_dim, P = k_cache.shape[1];
    g_assert(G > 0 && H % G == 0 && q.shape[1] == H && q.shape[2] == D && k_cache.shape[2] == G * D);
    g_assert(slots.shape[0] == B && lengths.shape[0] == B);
    float *O = ref_f32(o, 3);
    const float *Q = ref_f32(q, 3), *K = ref_f32(k_cache, 3), *V = ref_f32(v_cache, 3);
    const int32_t *slot = ref_i32(slots, 1), *length = ref_i32(lengths, 1);
    g_autofree double *p = g_new(double, MAX(P, 1));
    for (size_t b = 0; b < B; b++) {
        g_assert(slot[b] >= 0 && (size_t)slot[b] < k_cache.shape[0] && length[b] >= 1 && (size_t)length[b] <= P);
        size_t last = (size_t)length[b] - 1;
        for (size_t h = 0; h < H; h++) {
            size_t at = (b * H + h) * D, base = (size_t)slot[b] * P * G * D + h / (H / G) * D;
            attend(O + at, Q + at, K + base, V + base, G * D, first_key(last, 0, a->window), last, a, p);
        }
    }
}

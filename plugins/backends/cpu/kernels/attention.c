/* SPDX-License-Identifier: Apache-2.0
 * attention.c: one query head over one sequence, a block of queries at a time; formulas in the reference backend's file
 * of this name.
 *
 * A block's scores against all keys it may see are a product with the turned keys; what lies outside a query's window
 * is set to zero afterwards, so every product here is dense. For the backward the scores are computed again from the
 * kept log-sum-exp.
 */
#include "attention_block.h"

void KERNEL(attend_prepare)(float *k_turned, float *v_turned, const float *k, const float *v, size_t stride,
                            size_t length, size_t padded, size_t D)
{
    for (int which = 0; which < (v_turned != NULL ? 2 : 1); which++) {
        float *turned = which == 0 ? k_turned : v_turned;
        KERNEL(turn)(turned, padded, which == 0 ? k : v, stride, length, D);
        for (size_t d = 0; d < D; d++)
            for (size_t j = length; j < padded; j++)
                turned[d * padded + j] = 0;
    }
}

void KERNEL(attend)(const CpuHead *head, size_t first, size_t count, float *room)
{
    Block b = block_of(head, first, count);
    size_t D = head->head_dim, stride = b.width;
    float *o = head->o + first * head->q_stride;
    KERNEL(product)
    (room, stride, head->q + first * head->q_stride, head->q_stride, 1, head->k_turned + b.key, head->padded, count,
     b.width, D, head->scale, 0);
    float sums[CPU_QUERY_BLOCK], highest[CPU_QUERY_BLOCK];
    exponentials(head, &b, room, sums, highest);
    for (size_t i = 0; head->lse != NULL && i < count; i++)
        head->lse[(first + i) * head->lse_stride] = highest[i] + logf(sums[i]);
    KERNEL(product)
    (o, head->q_stride, room, stride, 1, head->v + b.key * head->kv_stride, head->kv_stride, count, D, b.keys, 1, 0);
    for (size_t i = 0; i < count; i++)
        KERNEL(scale)(o + i * head->q_stride, 1 / sums[i], D);
}

static void attend_bwd_block(const CpuHead *head, size_t first, size_t count, float *room)
{
    Block b = block_of(head, first, count);
    size_t D = head->head_dim, stride = b.width, at = first * head->q_stride;
    float *p = room, *ds = room + CPU_QUERY_BLOCK * stride, *slopes = ds + CPU_QUERY_BLOCK * stride;
    const float *q = head->q + at, *d_o = head->d_o + at;
    KERNEL(product)
    (p, stride, q, head->q_stride, 1, head->k_turned + b.key, head->padded, count, b.width, D, head->scale, 0);
    KERNEL(product)(ds, stride, d_o, head->q_stride, 1, head->v_turned + b.key, head->padded, count, b.width, D, 1, 0);
    differentiate(head, &b, p, ds, slopes);
    KERNEL(product)
    (head->dq + at, head->q_stride, ds, stride, 1, head->k + b.key * head->kv_stride, head->kv_stride, count, D, b.keys,
     head->scale, 0);
    KERNEL(product)(head->dk + b.key * D, D, ds, 1, stride, q, head->q_stride, b.keys, D, count, head->scale, 1);
    KERNEL(product)(head->dv + b.key * D, D, p, 1, stride, d_o, head->q_stride, b.keys, D, count, 1, 1);
}

void KERNEL(attend_bwd)(const CpuHead *head, float *room)
{
    KERNEL(fill)(head->dk, 0, head->length * head->head_dim);
    KERNEL(fill)(head->dv, 0, head->length * head->head_dim);
    for (size_t first = 0; first < head->length; first += CPU_QUERY_BLOCK) {
        size_t left = head->length - first;
        attend_bwd_block(head, first, left < CPU_QUERY_BLOCK ? left : CPU_QUERY_BLOCK, room);
    }
}

/* x[j] = exp(cap(x[j]) - highest) over n values; gives the sum and the highest. */
static float exponentials_of(float *x, size_t n, float soft_cap, float *highest)
{
    vf most = v_set(-INFINITY), total = v_set(0.0f);
    float left = -INFINITY;
    EACH_VECTOR(j, lanes, n)
    {
        vf v = load_lanes(x + j, lanes);
        if (soft_cap > 0) {
            v = v_cap(v, soft_cap);
            store_lanes(x + j, v, lanes);
        }
        if (lanes == VL)
            most = v_max(most, v);
        else
            for (size_t i = j; i < n; i++)
                left = fmaxf(left, x[i]);
    }
    *highest = fmaxf(v_highest(most), left);
    size_t whole = n / VL * VL;
    for (size_t j = 0; j < whole; j += VL) {
        vf v = v_exp(v_load(x + j) - v_set(*highest));
        v_store(x + j, v);
        total = total + v;
    }
    float sum = v_sum(total);
    if (whole < n) {
        v_store_n(x + whole, v_exp(v_load_n(x + whole, n - whole) - v_set(*highest)), n - whole);
        for (size_t j = whole; j < n; j++)
            sum += x[j];
    }
    return sum;
}

/* scores[j] = scale·q·k_j of VL keys; behind `count` the last one stands in. */
static void scores_of(float *scores, const float *q, const float *k, size_t stride, size_t D, size_t count, float scale)
{
    const float *key[VL];
    vf sum[VL];
    for (size_t j = 0; j < VL; j++) {
        key[j] = k + (j < count ? j : count - 1) * stride;
        sum[j] = v_set(0.0f);
    }
    EACH_VECTOR(d, lanes, D)
    {
        vf x = load_lanes(q + d, lanes);
#pragma GCC unroll 16
        for (size_t j = 0; j < VL; j++)
            sum[j] = v_fma(x, load_lanes(key[j] + d, lanes), sum[j]);
    }
    v_store(scores, v_sums(sum) * v_set(scale));
}

/* Reads n floats in the order in which they lie. The processor's prefetching follows such a stream at the memory's full
 * speed, and the walks below, which jump from key to key, at half of it. */
ALWAYS_INLINE void touch(const float *x, size_t n)
{
    vf any = v_set(0.0f);
    for (size_t i = 0; i + VL <= n; i += VL)
        any = v_max(any, v_load(x + i));
    __asm__ volatile("" : : "m"(any));
}

void KERNEL(attend_part)(const CpuPart *p, float *room)
{
    size_t D = p->head_dim, row = p->groups * D, each = p->heads / p->groups;
    size_t width = (p->count + CPU_PAD - 1) / CPU_PAD * CPU_PAD;
    for (size_t j = 0; j < p->count; j += VL) {
        size_t n = p->count - j < VL ? p->count - j : VL;
        const float *k = p->k + j * row;
        touch(k, n * row);
        for (size_t h = 0; h < p->heads; h++)
            scores_of(room + h * width + j, p->q + h * D, k + h / each * D, row, D, n, p->scale);
    }
    for (size_t h = 0; h < p->heads; h++)
        p->sum[h] = exponentials_of(room + h * width, p->count, p->soft_cap, &p->highest[h]);
    for (size_t j = 0; j < p->count; j += CPU_PAD) {
        size_t n = p->count - j < CPU_PAD ? p->count - j : CPU_PAD;
        const float *v = p->v + j * row;
        touch(v, n * row);
        for (size_t h = 0; h < p->heads; h += each)
            KERNEL(product)
        (p->o + h * D, D, room + h * width + j, width, 1, v + h / each * D, row, each, D, n, 1, j > 0);
    }
}

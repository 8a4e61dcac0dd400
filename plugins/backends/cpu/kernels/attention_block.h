/* SPDX-License-Identifier: Apache-2.0
 * attention_block.h: a block of queries: which keys it sees, its softmax and the softmax's gradient. What attention in
 * f32 and in bf16 share; they differ in their products.
 */
#ifndef HONE_CPU_ATTENTION_BLOCK_H
#define HONE_CPU_ATTENTION_BLOCK_H

#include "vector_math.h"

#include <math.h>
#include <string.h>

/* The keys that a block of queries sees, and the scores' row length. Rows begin at a multiple of CPU_PAD keys and are
 * whole vectors. */
typedef struct Block {
    size_t first, count; /* queries */
    size_t key, keys;    /* first key and number of keys */
    size_t width;        /* keys, rounded up where the turned keys are padded */
} Block;

static inline Block block_of(const CpuHead *head, size_t first, size_t count)
{
    Block b = {.first = first, .count = count};
    if (head->window > 0 && first + 1 > head->window)
        b.key = (first + 1 - head->window) / CPU_PAD * CPU_PAD;
    b.keys = first + count - b.key;
    b.width = (b.keys + CPU_PAD - 1) / CPU_PAD * CPU_PAD;
    return b;
}

/* Columns of a row that the block's query i does not see become `value`. */
static inline void set_outside(const CpuHead *head, const Block *b, size_t i, float *row, float value)
{
    size_t query = b->first + i, high = query + 1 - b->key, low = 0;
    if (head->window > 0 && query + 1 > head->window + b->key)
        low = query + 1 - head->window - b->key;
    EACH_VECTOR(j, lanes, low)
    store_lanes(row + j, v_set(value), lanes);
    EACH_VECTOR(j, lanes, b->width - high)
    store_lanes(row + high + j, v_set(value), lanes);
}

/* From a block's scores to exp(cap(score) - highest), zero for what a query does not see; the sums and the highest of
 * each row. Pass after pass over all rows: those of one row wait for one another, those of several overlap. */
static inline void exponentials(const CpuHead *head, const Block *b, float *scores, float *sums, float *highest)
{
    const size_t n = b->width;
    for (size_t i = 0; i < b->count; i++) {
        float *row = scores + i * n;
        for (size_t j = 0; head->soft_cap > 0 && j < n; j += VL)
            v_store(row + j, v_cap(v_load(row + j), head->soft_cap));
        set_outside(head, b, i, row, -INFINITY);
        vf most = v_load(row);
        for (size_t j = VL; j < n; j += VL)
            most = v_max(most, v_load(row + j));
        highest[i] = v_highest(most);
    }
    for (size_t i = 0; i < b->count; i++) {
        float *row = scores + i * n;
        const vf top = v_set(highest[i]);
        vf total = v_set(0.0f);
        for (size_t j = 0; j < n; j += VL) {
            vf v = v_exp(v_load(row + j) - top);
            v_store(row + j, v);
            total = total + v;
        }
        sums[i] = v_sum(total);
    }
}

/* From a block's scores (p) and do·v (ds) to probabilities and the scores' derivatives. δ is taken as
 * Σ p·(do·v) / Σ p, which do·o equals but for rounding: the derivatives of a softmax add up to nothing, and so they
 * keep to that where all do·v are alike. slopes: room for a row, of the cap. */
static inline void differentiate(const CpuHead *head, const Block *b, float *p, float *ds, float *slopes)
{
    const size_t n = b->width;
    vf delta[CPU_QUERY_BLOCK];
    for (size_t i = 0; i < b->count; i++, p += n, ds += n) {
        const vf lse = v_set(head->lse[(b->first + i) * head->lse_stride]);
        for (size_t j = 0; head->soft_cap > 0 && j < n; j += VL) {
            vf z = v_cap(v_load(p + j), head->soft_cap), inside = z * v_set(1 / head->soft_cap);
            v_store(p + j, z);
            v_store(slopes + j, v_set(1.0f) - inside * inside);
        }
        set_outside(head, b, i, p, -INFINITY);
        set_outside(head, b, i, ds, 0);
        vf total = v_set(0.0f), weighted = v_set(0.0f);
        for (size_t j = 0; j < n; j += VL) {
            vf probability = v_exp(v_load(p + j) - lse);
            v_store(p + j, probability);
            total = total + probability;
            weighted = v_fma(probability, v_load(ds + j), weighted);
        }
        delta[i] = v_set(v_sum(weighted) / v_sum(total));
        if (head->soft_cap > 0) /* its slopes are this row's */
            for (size_t j = 0; j < n; j += VL)
                v_store(ds + j, (v_load(ds + j) - delta[i]) * v_load(slopes + j));
    }
    if (head->soft_cap > 0)
        memset(delta, 0, sizeof(delta));
    p -= b->count * n;
    ds -= b->count * n;
    for (size_t i = 0; i < b->count; i++, p += n, ds += n)
        for (size_t j = 0; j < n; j += VL)
            v_store(ds + j, v_load(p + j) * (v_load(ds + j) - delta[i]));
}

#endif

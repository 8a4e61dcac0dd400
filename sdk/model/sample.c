/* SPDX-License-Identifier: Apache-2.0
 * sample.c: the next token from a row of logits: repetition penalty, temperature, top-k, top-p, in the order in which
 * transformers applies them; then one draw. No state but what is passed in.
 */
#include "internal.h"

#include <hone/random.h>
#include <math.h>

struct Sampler {
    HoneSampling sampling;
    size_t vocab;
    bool *seen;     /* [V] all false between calls */
    int32_t *order; /* [V] candidates */
    double *weight; /* [V] of order's */
};

Sampler *sampler_new(const HoneSampling *sampling, size_t vocab)
{
    Sampler *s = g_new0(Sampler, 1);
    s->sampling = *sampling;
    s->vocab = vocab;
    s->seen = g_new0(bool, vocab);
    s->order = g_new(int32_t, vocab);
    s->weight = g_new(double, vocab);
    return s;
}

void sampler_free(Sampler *s)
{
    if (s == NULL)
        return;
    g_free(s->seen);
    g_free(s->order);
    g_free(s->weight);
    g_free(s);
}

/* Every token of the history once: logit/penalty where positive, logit·penalty where negative. */
static void penalise(Sampler *s, float *logits, const int32_t *history, size_t n)
{
    float penalty = (float)s->sampling.repetition_penalty;
    for (size_t i = 0; i < n; i++) {
        int32_t id = history[i];
        if (id < 0 || (size_t)id >= s->vocab || s->seen[id])
            continue;
        s->seen[id] = true;
        logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty;
    }
    for (size_t i = 0; i < n; i++)
        if (history[i] >= 0 && (size_t)history[i] < s->vocab)
            s->seen[history[i]] = false;
}

/* The largest finite logit, the lowest id among equals; -1 where there is none. */
static int32_t largest(const float *logits, size_t n)
{
    int32_t best = -1;
    for (size_t i = 0; i < n; i++)
        if (isfinite(logits[i]) && (best < 0 || logits[i] > logits[best]))
            best = (int32_t)i;
    return best;
}

/* Larger logit first; among equals the lower id. */
static bool before(const float *logits, int32_t a, int32_t b)
{
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

/* A heap whose root comes before all others. */
static void sift(const float *logits, int32_t *heap, size_t n, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= n)
            return;
        if (child + 1 < n && before(logits, heap[child + 1], heap[child]))
            child++;
        if (!before(logits, heap[child], heap[at]))
            return;
        int32_t id = heap[at];
        heap[at] = heap[child];
        heap[child] = id;
        at = child;
    }
}

/* Takes the root; the heap shrinks to n - 1. */
static int32_t pop(const float *logits, int32_t *heap, size_t n)
{
    int32_t id = heap[0];
    heap[0] = heap[n - 1];
    sift(logits, heap, n - 1, 0);
    return id;
}

/* Candidates at the front of `order`, best first; returns their number and the sum of their weights. The rest of a
 * heap of all candidates is never sorted. */
static size_t nucleus(Sampler *s, const float *logits, size_t n, size_t most, double top_p, double *mass)
{
    float highest = logits[largest(logits, s->vocab)];
    for (size_t i = n / 2; i-- > 0;)
        sift(logits, s->order, n, i);
    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += exp((double)logits[s->order[i]] - highest);

    /* Popped ids go to the free end, so that `order` is at once heap and result. */
    size_t taken = 0;
    if (most < n) { /* top-k keeps what equals the k-th too, as transformers does */
        total = 0;
        float last = 0;
        while (taken < n) {
            if (taken >= most && logits[s->order[0]] < last)
                break;
            int32_t id = pop(logits, s->order, n - taken);
            taken++;
            s->order[n - taken] = id;
            last = logits[id];
            total += exp((double)last - highest);
        }
    }
    size_t kept = 0;
    *mass = 0;
    while (kept < n && *mass < top_p * total) {
        if (most < n && kept == taken)
            break;
        if (most >= n) {
            int32_t id = pop(logits, s->order, n - kept);
            s->order[n - kept - 1] = id;
        }
        double weight = exp((double)logits[s->order[n - kept - 1]] - highest);
        s->weight[kept++] = weight;
        *mass += weight;
    }
    return kept;
}

int32_t sampler_next(Sampler *s, float *logits, const int32_t *history, size_t n, uint64_t index, uint64_t position)
{
    const HoneSampling *sampling = &s->sampling;
    if (sampling->repetition_penalty != 1)
        penalise(s, logits, history, n);
    int32_t best = largest(logits, s->vocab);
    if (best < 0 || sampling->temperature == 0)
        return best;

    size_t candidates = 0;
    for (size_t i = 0; i < s->vocab; i++) {
        if (!isfinite(logits[i]))
            continue;
        logits[i] = (float)(logits[i] / sampling->temperature);
        s->order[candidates++] = (int32_t)i;
    }
    double unit = hone_random_unit(sampling->seed, HONE_STREAM_SAMPLE, (index << 32) + position);
    bool all = (sampling->top_k == 0 || sampling->top_k >= candidates) && sampling->top_p >= 1;
    if (all) { /* in the order of ids: no sorting */
        double highest = logits[best], mass = 0;
        for (size_t i = 0; i < candidates; i++)
            mass += s->weight[i] = exp(logits[s->order[i]] - highest);
        double left = unit * mass;
        for (size_t i = 0; i < candidates; i++)
            if ((left -= s->weight[i]) < 0)
                return s->order[i];
        return best;
    }
    size_t most = sampling->top_k > 0 ? MIN(sampling->top_k, candidates) : candidates;
    double mass;
    size_t kept = nucleus(s, logits, candidates, most, sampling->top_p, &mass);
    double left = unit * mass;
    for (size_t i = 0; i < kept; i++)
        if ((left -= s->weight[i]) < 0)
            return s->order[candidates - i - 1];
    return best;
}

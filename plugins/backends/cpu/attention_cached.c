/* SPDX-License-Identifier: Apache-2.0
 * attention_cached.c: attention of a decoding step: one query of each row over the keys and values in its cache slot.
 *
 * What a row reads is cut into parts that threads share, each for all heads: the cache is read in the order in which it
 * lies. A part gives Σ exp(s - m)·v and Σ exp(s - m) with its own highest score m; parts are put together with
 * exp(m - the highest of all). How a row is cut depends on its own length alone.
 */
#include "cpu.h"

#include <math.h>

#define LEAST_PART 64 /* keys */
#define MOST_PARTS 16

typedef struct Cached {
    CpuDevice *device;
    const HoneAttention *a;
    float *o;
    const float *q, *k, *v;
    const int32_t *slots, *lengths;
    size_t P, n_slots;
    size_t *part_start; /* [B+1] of each row's parts among all */
    float *parts;       /* each: o [H,D], highest [H], sum [H] */
    float *room;        /* for each thread */
    size_t part_floats, room_each;
} Cached;

/* The keys that row b sees: how many, and the first. */
static size_t keys_of(const Cached *c, size_t b, size_t *first)
{
    g_assert(c->slots[b] >= 0 && (size_t)c->slots[b] < c->n_slots);
    g_assert(c->lengths[b] >= 1 && (size_t)c->lengths[b] <= c->P);
    size_t length = (size_t)c->lengths[b];
    *first = c->a->window > 0 && length > c->a->window ? length - c->a->window : 0;
    return length - *first;
}

static size_t part_length(size_t keys)
{
    return (MAX(LEAST_PART, (keys + MOST_PARTS - 1) / MOST_PARTS) + CPU_PAD - 1) / CPU_PAD * CPU_PAD;
}

static void part_item(void *data, size_t item, uint32_t thread)
{
    const Cached *c = data;
    size_t H = c->a->heads, G = c->a->kv_heads, D = c->a->head_dim, b = 0, first;
    while (c->part_start[b + 1] <= item)
        b++;
    size_t keys = keys_of(c, b, &first), length = part_length(keys), from = (item - c->part_start[b]) * length;
    size_t at = ((size_t)c->slots[b] * c->P + first + from) * G * D;
    float *o = c->parts + item * c->part_floats;
    const CpuPart part = {.heads = H,
                          .groups = G,
                          .head_dim = D,
                          .count = MIN(length, keys - from),
                          .q = c->q + b * H * D,
                          .k = c->k + at,
                          .v = c->v + at,
                          .scale = c->a->scale,
                          .soft_cap = c->a->soft_cap,
                          .o = o,
                          .highest = o + H * D,
                          .sum = o + H * D + H};
    c->device->kernels->attend_part(&part, c->room + thread * c->room_each);
}

/* o of some rows and heads from their parts. */
static void join(void *data, size_t first, size_t count)
{
    const Cached *c = data;
    const CpuKernels *kernels = c->device->kernels;
    size_t H = c->a->heads, D = c->a->head_dim;
    for (size_t i = first; i < first + count; i++) {
        size_t b = i / H, h = i % H;
        float *o = c->o + i * D, most = -INFINITY, total = 0;
        for (size_t p = c->part_start[b]; p < c->part_start[b + 1]; p++)
            most = fmaxf(most, c->parts[p * c->part_floats + H * D + h]);
        kernels->fill(o, 0, D);
        for (size_t p = c->part_start[b]; p < c->part_start[b + 1]; p++) {
            const float *part = c->parts + p * c->part_floats;
            float weight = expf(part[H * D + h] - most);
            total += weight * part[H * D + H + h];
            kernels->add(o, part + h * D, weight, D);
        }
        kernels->scale(o, 1 / total, D);
    }
}

void cpu_attention_cached(HoneStream *s, HoneTensor o, HoneTensor q, HoneTensor k_cache, HoneTensor v_cache,
                          HoneTensor slots, HoneTensor lengths, const HoneAttention *a)
{
    size_t B = q.shape[0], H = a->heads, G = a->kv_heads, D = a->head_dim, threads = cpu_pool_threads(s->device->pool);
    g_assert(G > 0 && H % G == 0 && q.shape[1] == H && q.shape[2] == D && k_cache.shape[2] == G * D);
    g_assert(v_cache.shape[0] == k_cache.shape[0] && v_cache.shape[1] == k_cache.shape[1]);
    g_assert(slots.shape[0] == B && lengths.shape[0] == B);
    Cached c = {.device = s->device,
                .a = a,
                .o = cpu_f32(o, 3),
                .q = cpu_f32(q, 3),
                .k = cpu_f32(k_cache, 3),
                .v = cpu_f32(v_cache, 3),
                .slots = cpu_i32(slots, 1),
                .lengths = cpu_i32(lengths, 1),
                .P = k_cache.shape[1],
                .n_slots = k_cache.shape[0],
                .part_floats = H * D + 2 * H};
    size_t parts = 0, longest = 0, all = 0, first;
    for (size_t b = 0; b < B; b++) {
        size_t keys = keys_of(&c, b, &first), length = part_length(keys);
        parts += (keys + length - 1) / length;
        longest = MAX(longest, length);
        all += keys;
    }
    CPU_TIMED(s, "attention_cached", (double)all * (double)(2 * G * D * sizeof(float)));
    c.room_each = H * longest;
    size_t starts = ((B + 1) * sizeof(size_t) + 63) / 64 * 64;
    c.part_start = cpu_scratch(s->device, starts + (c.room_each * threads + parts * c.part_floats) * sizeof(float));
    c.room = (float *)((char *)c.part_start + starts);
    c.parts = c.room + c.room_each * threads;
    c.part_start[0] = 0;
    for (size_t b = 0; b < B; b++) {
        size_t keys = keys_of(&c, b, &first), length = part_length(keys);
        c.part_start[b + 1] = c.part_start[b] + (keys + length - 1) / length;
    }
    cpu_pool_run(s->device->pool, parts, part_item, &c);
    cpu_split(s->device, B * H, 64, join, &c);
}

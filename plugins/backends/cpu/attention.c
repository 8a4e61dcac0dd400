/* SPDX-License-Identifier: Apache-2.0
 * attention.c: packed causal attention: keys and values are turned once for all heads of their group, then blocks of
 * queries (forward) or whole heads (backward) are shared among the threads.
 */
#include "cpu.h"

#include <string.h>

/* Work over (sequence, head) pairs and blocks of queries. */
typedef struct Attention {
    CpuDevice *device;
    const HoneAttention *a;
    const int32_t *starts;
    size_t *padded_start; /* [S+1] of each sequence in the turned arrays, in tokens */
    size_t *block_start;  /* [S+1] of each sequence's blocks of queries */
    float *o, *lse;
    const float *q, *k, *v, *d_o;
    float *dq, *dk, *dv;
    float *k_turned, *v_turned; /* sequence by sequence, group by group, as attend_prepare lays them out */
    float *dk_heads, *dv_heads; /* backward: [S by length, H, D] by sequence and head: [length, D] each */
    float *room;                /* for each thread */
    size_t room_each;
} Attention;

static size_t pad(size_t n)
{
    return (n + CPU_PAD - 1) / CPU_PAD * CPU_PAD;
}

static size_t length_of(const Attention *w, size_t sequence)
{
    return (size_t)(w->starts[sequence + 1] - w->starts[sequence]);
}

/* Checks shapes, then lays out scratch: offsets, turned keys (and values), room for threads, heads' gradients. */
static void prepare(Attention *w, CpuDevice *device, const HoneAttention *a, HoneTensor q, HoneTensor k, HoneTensor v,
                    bool backward)
{
    size_t N = q.shape[0], H = a->heads, G = a->kv_heads, D = a->head_dim, S = a->n_sequences;
    g_assert(G > 0 && H % G == 0 && q.shape[1] == H && q.shape[2] == D && a->starts.shape[0] == S + 1);
    g_assert(k.shape[0] == N && k.shape[1] == G && k.shape[2] == D);
    g_assert(v.shape[0] == N && v.shape[1] == G && v.shape[2] == D);
    *w = (Attention){.device = device,
                     .a = a,
                     .starts = cpu_i32(a->starts, 1),
                     .q = cpu_f32(q, 3),
                     .k = cpu_f32(k, 3),
                     .v = cpu_f32(v, 3)};
    g_assert(w->starts[0] == 0 && (size_t)w->starts[S] == N);
    size_t padded = 0, longest = 0;
    for (size_t n = 0; n < S; n++) {
        g_assert(w->starts[n] <= w->starts[n + 1] && length_of(w, n) <= a->max_length);
        padded += pad(length_of(w, n));
        longest = MAX(longest, length_of(w, n));
    }
    /* Offsets first, then floats, each part of threads on cache lines of its own. */
    size_t offsets = pad(2 * (S + 1)) * sizeof(size_t), turned = cpu_attention_turned(padded, D) * G;
    w->room_each = pad(cpu_attention_room(longest, D));
    size_t floats = turned * (backward ? 2 : 1) + w->room_each * cpu_pool_threads(device->pool);
    if (backward)
        floats += 2 * N * H * D;
    w->padded_start = cpu_scratch(device, offsets + floats * sizeof(float));
    w->block_start = w->padded_start + S + 1;
    float *at = (float *)((char *)w->padded_start + offsets);
    w->room = at;
    at += w->room_each * cpu_pool_threads(device->pool);
    w->k_turned = at;
    at += turned;
    if (backward) {
        w->v_turned = at;
        w->dk_heads = at + turned;
        w->dv_heads = w->dk_heads + N * H * D;
    }
    w->padded_start[0] = w->block_start[0] = 0;
    for (size_t n = 0; n < S; n++) {
        w->padded_start[n + 1] = w->padded_start[n] + pad(length_of(w, n));
        w->block_start[n + 1] = w->block_start[n] + (length_of(w, n) + CPU_QUERY_BLOCK - 1) / CPU_QUERY_BLOCK;
    }
}

/* Floats before what attend_prepare made of a sequence's group. */
static size_t turned_at(const Attention *w, size_t sequence, size_t g)
{
    size_t D = w->a->head_dim;
    return cpu_attention_turned(w->padded_start[sequence], D) * w->a->kv_heads +
           g * cpu_attention_turned(pad(length_of(w, sequence)), D);
}

/* Item: a sequence's keys and values of one group. */
static void turn_item(void *data, size_t item, uint32_t thread)
{
    const Attention *w = data;
    size_t G = w->a->kv_heads, D = w->a->head_dim, sequence = item / G, g = item % G;
    size_t length = length_of(w, sequence), from = ((size_t)w->starts[sequence] * G + g) * D;
    size_t to = turned_at(w, sequence, g);
    w->device->kernels->attend_prepare(w->k_turned + to, w->v_turned != NULL ? w->v_turned + to : NULL, w->k + from,
                                       w->v + from, G * D, length, pad(length), D);
}

static CpuHead head_of(const Attention *w, size_t sequence, size_t h)
{
    size_t H = w->a->heads, G = w->a->kv_heads, D = w->a->head_dim, g = h / (H / G);
    size_t start = (size_t)w->starts[sequence], length = length_of(w, sequence);
    size_t q = (start * H + h) * D, kv = (start * G + g) * D;
    size_t turned = turned_at(w, sequence, g);
    size_t own = (start * H + h * length) * D;
    return (CpuHead){
        .length = length,
        .head_dim = D,
        .q_stride = H * D,
        .kv_stride = G * D,
        .lse_stride = H,
        .q = w->q + q,
        .k = w->k + kv,
        .v = w->v + kv,
        .k_turned = w->k_turned + turned,
        .v_turned = w->v_turned != NULL ? w->v_turned + turned : NULL,
        .padded = pad(length),
        .scale = w->a->scale,
        .soft_cap = w->a->soft_cap,
        .window = w->a->window,
        .o = w->o + q,
        .lse = w->lse != NULL ? w->lse + start * H + h : NULL,
        .d_o = w->d_o != NULL ? w->d_o + q : NULL,
        .dq = w->dq != NULL ? w->dq + q : NULL,
        .dk = w->dk_heads != NULL ? w->dk_heads + own : NULL,
        .dv = w->dv_heads != NULL ? w->dv_heads + own : NULL,
    };
}

/* Item: a block of queries of one head. Later blocks see more keys: they go first, so that none long is left last. */
static void forward_item(void *data, size_t item, uint32_t thread)
{
    const Attention *w = data;
    size_t H = w->a->heads, blocks = w->block_start[w->a->n_sequences];
    size_t block = blocks - 1 - item / H, sequence = 0;
    while (w->block_start[sequence + 1] <= block)
        sequence++;
    CpuHead head = head_of(w, sequence, item % H);
    size_t first = (block - w->block_start[sequence]) * CPU_QUERY_BLOCK;
    w->device->kernels->attend(&head, first, MIN(CPU_QUERY_BLOCK, head.length - first),
                               w->room + thread * w->room_each);
}

void cpu_attention(HoneStream *s, HoneTensor o, HoneTensor lse, HoneTensor q, HoneTensor k, HoneTensor v,
                   const HoneAttention *a)
{
    if (q.shape[0] == 0)
        return;
    CPU_TIMED(s, "attention", 2.0 * (double)(q.shape[0] * a->heads * a->head_dim) * a->max_length);
    Attention w;
    prepare(&w, s->device, a, q, k, v, false);
    w.o = cpu_f32(o, 3);
    w.lse = lse.buffer != NULL ? cpu_f32(lse, 2) : NULL;
    cpu_pool_run(s->device->pool, (size_t)a->n_sequences * a->kv_heads, turn_item, &w);
    cpu_pool_run(s->device->pool, w.block_start[a->n_sequences] * a->heads, forward_item, &w);
}

static void backward_item(void *data, size_t item, uint32_t thread)
{
    const Attention *w = data;
    CpuHead head = head_of(w, item / w->a->heads, item % w->a->heads);
    w->device->kernels->attend_bwd(&head, w->room + thread * w->room_each);
}

/* Item: a sequence and a group: the shares of its heads are added, in their order. */
static void gather_item(void *data, size_t item, uint32_t thread)
{
    const Attention *w = data;
    size_t H = w->a->heads, G = w->a->kv_heads, D = w->a->head_dim, sequence = item / G, g = item % G;
    size_t start = (size_t)w->starts[sequence], length = length_of(w, sequence), each = H / G;
    for (size_t i = 0; i < length; i++) {
        size_t to = ((start + i) * G + g) * D;
        for (size_t h = g * each; h < (g + 1) * each; h++) {
            size_t from = (start * H + h * length + i) * D;
            if (h == g * each) {
                memcpy(w->dk + to, w->dk_heads + from, D * sizeof(float));
                memcpy(w->dv + to, w->dv_heads + from, D * sizeof(float));
            } else {
                w->device->kernels->add(w->dk + to, w->dk_heads + from, 1, D);
                w->device->kernels->add(w->dv + to, w->dv_heads + from, 1, D);
            }
        }
    }
}

void cpu_attention_bwd(HoneStream *s, HoneTensor dq, HoneTensor dk, HoneTensor dv, HoneTensor d_o, HoneTensor o,
                       HoneTensor lse, HoneTensor q, HoneTensor k, HoneTensor v, const HoneAttention *a)
{
    if (q.shape[0] == 0)
        return;
    CPU_TIMED(s, "attention_bwd", 5.0 * (double)(q.shape[0] * a->heads * a->head_dim) * a->max_length);
    Attention w;
    prepare(&w, s->device, a, q, k, v, true);
    w.o = cpu_f32(o, 3);
    w.lse = cpu_f32(lse, 2);
    w.d_o = cpu_f32(d_o, 3);
    w.dq = cpu_f32(dq, 3);
    w.dk = cpu_f32(dk, 3);
    w.dv = cpu_f32(dv, 3);
    size_t groups = (size_t)a->n_sequences * a->kv_heads;
    cpu_pool_run(s->device->pool, groups, turn_item, &w);
    cpu_pool_run(s->device->pool, (size_t)a->n_sequences * a->heads, backward_item, &w);
    cpu_pool_run(s->device->pool, groups, gather_item, &w);
}

/* SPDX-License-Identifier: Apache-2.0
 * forward.c: the layers, from token ids to the last layer's output. The formula is in internal.h.
 *
 * In the last layer only the target rows go on after attention: nothing reads the others.
 */
#include "internal.h"

#include <math.h>

static bool same(HoneTensor a, HoneTensor b)
{
    return a.buffer == b.buffer && a.offset == b.offset;
}

HoneTensor pass_heads(const Pass *p, HoneTensor t)
{
    size_t width = p->model->config.head_dim;
    return hone_tensor_reshape(t, 3, (const size_t[]){t.shape[0], t.shape[1] / width, width});
}

HoneAttention pass_attention(const Pass *p)
{
    const HoneModelConfig *c = &p->model->config;
    return (HoneAttention){
        .size = sizeof(HoneAttention),
        .n_sequences = (uint32_t)p->sequences,
        .starts = p->starts,
        .max_length = (uint32_t)p->max_length,
        .heads = (uint32_t)c->heads,
        .kv_heads = (uint32_t)c->kv_heads,
        .head_dim = (uint32_t)c->head_dim,
        .scale = (float)(1 / sqrt((double)c->head_dim)),
    };
}

void pass_norm(Pass *p, HoneTensor y, HoneTensor rstd, HoneTensor x, HoneTensor weight)
{
    HoneBackend *b = p->model->backend;
    b->ops->rmsnorm(b->stream, y, rstd, x, weight, (float)p->model->config.norm_epsilon, p->model->norm_offset);
}

void pass_rotate(Pass *p, HoneTensor t, int sign)
{
    HoneBackend *b = p->model->backend;
    b->ops->rope(b->stream, pass_heads(p, t), p->model->rope[0], p->positions, sign);
}

static void attend(Pass *p, size_t layer)
{
    HoneBackend *b = p->model->backend;
    LayerState *s = &p->layers[layer];
    HoneAttention attention = pass_attention(p);
    if (p->cache != NULL) {
        const HoneTensor *keys = &p->cache->keys[layer], *values = &p->cache->values[layer];
        const size_t table[] = {p->cache->slots * p->cache->positions, s->k.shape[1]};
        b->ops->scatter_rows(b->stream, hone_tensor_reshape(*keys, 2, table), s->k, p->cache_rows, false);
        b->ops->scatter_rows(b->stream, hone_tensor_reshape(*values, 2, table), s->v, p->cache_rows, false);
        if (p->kind == PASS_CACHED) {
            b->ops->attention_cached(b->stream, pass_heads(p, s->o), pass_heads(p, s->q), *keys, *values, p->slots,
                                     p->lengths, &attention);
            return;
        }
    }
    b->ops->attention(b->stream, pass_heads(p, s->o), s->lse, pass_heads(p, s->q), pass_heads(p, s->k),
                      pass_heads(p, s->v), &attention);
}

static void run_layer(Pass *p, size_t layer, bool again)
{
    HoneModel *m = p->model;
    HoneBackend *b = m->backend;
    const Layer *w = &m->layers[layer];
    LayerState *s = &p->layers[layer];
    bool last = layer + 1 == m->config.layers, tail = last && p->tail;

    pass_norm(p, p->normed, (HoneTensor){0}, s->x, w->attention_norm);
    group_forward(p, layer, GROUP_QKV, p->normed, (const HoneTensor[]){s->q, s->k, s->v}, s->lora[GROUP_QKV], false,
                  false);
    pass_rotate(p, s->q, 1);
    pass_rotate(p, s->k, 1);
    attend(p, layer);

    if (tail) {
        b->ops->gather_rows(b->stream, s->o_rows, s->o, p->rows);
        b->ops->gather_rows(b->stream, s->h, s->x, p->rows);
    } else if (!same(s->h, s->x))
        b->ops->copy(b->stream, s->h, s->x);
    group_forward(p, layer, GROUP_O, s->o_rows, &s->h, s->lora[GROUP_O], true, false);

    size_t rows = s->h.shape[0];
    HoneTensor normed = hone_tensor_rows(p->normed, 0, rows), glu = hone_tensor_rows(p->glu, 0, rows);
    pass_norm(p, normed, (HoneTensor){0}, s->h, w->mlp_norm);
    group_forward(p, layer, GROUP_GATE_UP, normed, (const HoneTensor[]){s->gate, s->up}, s->lora[GROUP_GATE_UP], false,
                  false);
    b->ops->glu(b->stream, glu, s->gate, s->up, m->activation);
    HoneTensor out = last ? p->final : p->layers[layer + 1].x;
    if (!again && !same(out, s->h))
        b->ops->copy(b->stream, out, s->h);
    group_forward(p, layer, GROUP_DOWN, glu, &out, s->lora[GROUP_DOWN], true, again);
}

void embed(Pass *p)
{
    HoneBackend *b = p->model->backend;
    b->ops->gather_rows(b->stream, p->layers[0].x, p->model->embedding, p->ids);
}

void layer_forward(Pass *p, size_t layer)
{
    run_layer(p, layer, false);
}

void layer_recompute(Pass *p, size_t layer)
{
    run_layer(p, layer, true);
}

void layers_forward(Pass *p)
{
    embed(p);
    for (size_t l = 0; l < p->model->config.layers; l++)
        layer_forward(p, l);
}

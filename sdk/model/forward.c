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

HoneAttention pass_attention(const Pass *p, size_t layer)
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
        .scale = (float)(c->attention_scale > 0 ? c->attention_scale : 1 / sqrt((double)c->head_dim)),
        .window = p->model->forms[layer].local ? (uint32_t)c->window : 0,
        .soft_cap = (float)c->attention_cap,
    };
}

void pass_norm(Pass *p, HoneTensor y, HoneTensor rstd, HoneTensor x, const Weight *norm)
{
    HoneBackend *b = p->model->backend;
    b->ops->rmsnorm(b->stream, y, rstd, x, norm->value, (float)p->model->config.norm_epsilon, p->model->norm_offset);
}

HoneTensor pass_block_input(Pass *p, HoneTensor rstd, HoneTensor x, const Weight *norm)
{
    if (norm->value.buffer == NULL)
        return x;
    HoneTensor normed = hone_tensor_rows(p->normed, 0, x.shape[0]);
    pass_norm(p, normed, rstd, x, norm);
    return normed;
}

HoneTensor pass_norm_rows(const Pass *p, HoneTensor t)
{
    if (p->model->family->qk_norm == QK_NORM_ALL)
        return t;
    size_t width = p->model->config.head_dim;
    return hone_tensor_reshape(t, 2, (const size_t[]){t.shape[0] * t.shape[1] / width, width});
}

void pass_rotate(Pass *p, size_t layer, HoneTensor t, int sign)
{
    HoneBackend *b = p->model->backend;
    int form = p->model->forms[layer].rope;
    if (form >= 0 && p->rope[form].buffer != NULL)
        b->ops->rope(b->stream, pass_heads(p, t), p->rope[form], p->each_row, sign);
    else if (form >= 0)
        b->ops->rope(b->stream, pass_heads(p, t), p->model->rope[form], p->positions, sign);
}

void pass_ready(Pass *p, size_t layer, HoneTensor *q, HoneTensor *k)
{
    const Layer *w = &p->model->layers[layer];
    *q = p->layers[layer].q;
    *k = p->layers[layer].k;
    if (w->norm[NORM_Q].value.buffer != NULL) {
        HoneTensor raw_q = pass_norm_rows(p, *q), raw_k = pass_norm_rows(p, *k);
        if (p->keep) {
            *q = p->q_ready;
            *k = p->k_ready;
        }
        pass_norm(p, pass_norm_rows(p, *q), p->rstd_q, raw_q, &w->norm[NORM_Q]);
        pass_norm(p, pass_norm_rows(p, *k), p->rstd_k, raw_k, &w->norm[NORM_K]);
    }
    pass_rotate(p, layer, *q, 1);
    pass_rotate(p, layer, *k, 1);
}

static void attend(Pass *p, size_t layer)
{
    HoneBackend *b = p->model->backend;
    LayerState *s = &p->layers[layer];
    HoneAttention attention = pass_attention(p, layer);
    HoneTensor q, k;
    pass_ready(p, layer, &q, &k);
    if (p->cache != NULL) {
        const HoneTensor *keys = &p->cache->keys[layer], *values = &p->cache->values[layer];
        const size_t table[] = {p->cache->slots * p->cache->positions, k.shape[1]};
        b->ops->scatter_rows(b->stream, hone_tensor_reshape(*keys, 2, table), k, p->cache_rows, false);
        b->ops->scatter_rows(b->stream, hone_tensor_reshape(*values, 2, table), s->v, p->cache_rows, false);
        if (p->kind == PASS_CACHED) {
            b->ops->attention_cached(b->stream, pass_heads(p, s->o), pass_heads(p, q), *keys, *values, p->slots,
                                     p->lengths, &attention);
            return;
        }
    }
    b->ops->attention(b->stream, pass_heads(p, s->o), s->lse, pass_heads(p, q), pass_heads(p, k), pass_heads(p, s->v),
                      &attention);
}

/* stream += what a block gives: the product goes straight into the stream, or by way of y where it is normalised or
 * scaled first. Without `add`, just what the backward reads of it. */
static void block_output(Pass *p, size_t layer, Group g, HoneTensor x, HoneTensor y, const Weight *after,
                         HoneTensor stream, bool add)
{
    HoneBackend *b = p->model->backend;
    HoneTensor lora = p->layers[layer].lora[g];
    if (y.buffer == NULL) {
        group_forward(p, layer, g, x, &stream, lora, true, !add);
        return;
    }
    group_forward(p, layer, g, x, &y, lora, false, !add && after->value.buffer == NULL);
    if (!add)
        return;
    double scale = p->model->config.residual_scale;
    b->ops->add(b->stream, stream, pass_block_input(p, (HoneTensor){0}, y, after), scale > 0 ? (float)scale : 1);
}

static void run_layer(Pass *p, size_t layer, bool again)
{
    HoneModel *m = p->model;
    HoneBackend *b = m->backend;
    const Layer *w = &m->layers[layer];
    LayerState *s = &p->layers[layer];
    bool last = layer + 1 == m->config.layers, tail = last && p->tail;
    const HoneTensor none = {0}, qkv[] = {s->q, s->k, s->v};
    const HoneTensor gate_up[] = {pass_wide(s->gate, p->gate), pass_wide(s->up, p->up)};

    HoneTensor x = pass_block_input(p, none, s->x, &w->norm[NORM_ATTENTION]);
    group_forward(p, layer, GROUP_QKV, x, qkv, s->lora[GROUP_QKV], false, false);
    attend(p, layer);

    if (tail) {
        b->ops->gather_rows(b->stream, s->o_rows, s->o, p->rows);
        b->ops->gather_rows(b->stream, s->h, s->x, p->rows);
    } else if (!same(s->h, s->x))
        b->ops->copy(b->stream, s->h, s->x);
    block_output(p, layer, GROUP_O, s->o_rows, s->attended, &w->norm[NORM_POST_ATTENTION], s->h, true);

    HoneTensor glu = hone_tensor_rows(p->glu, 0, s->h.shape[0]);
    x = pass_block_input(p, none, s->h, &w->norm[NORM_MLP]);
    group_forward(p, layer, GROUP_GATE_UP, x, gate_up, s->lora[GROUP_GATE_UP], false, false);
    if (p->narrow) {
        b->ops->convert(b->stream, s->gate, gate_up[0]);
        b->ops->convert(b->stream, s->up, gate_up[1]);
    }
    b->ops->glu(b->stream, glu, gate_up[0], gate_up[1], m->activation);
    HoneTensor out = last ? p->final : p->layers[layer + 1].x;
    if (!again && !same(out, s->h))
        b->ops->copy(b->stream, out, s->h);
    block_output(p, layer, GROUP_DOWN, glu, s->fed, &w->norm[NORM_POST_MLP], out, !again);
}

void embed(Pass *p)
{
    HoneBackend *b = p->model->backend;
    double scale = p->model->config.embedding_scale;
    b->ops->gather_rows(b->stream, p->layers[0].x, p->model->embedding.value, p->ids);
    if (scale > 0)
        b->ops->scale(b->stream, p->layers[0].x, (float)scale);
    if (p->noise == NULL)
        return;
    b->ops->upload(b->stream, p->normed.buffer, p->normed.offset, p->noise, hone_tensor_bytes(p->normed));
    b->ops->add(b->stream, p->layers[0].x, p->normed, 1);
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
    if (p->adapter && p->model->adapter.dora && p->kind == PASS_PACKED)
        dora_update(p->model, p->panel);
    embed(p);
    for (size_t l = 0; l < p->model->config.layers; l++)
        layer_forward(p, l);
}

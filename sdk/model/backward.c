/* SPDX-License-Identifier: Apache-2.0
 * backward.c: the layers in reverse. d: the derivative of the loss with respect to a layer's output, turned in place
 * into that with respect to its input.
 *
 * What the forward did not keep (normed inputs, the gated product) is computed again. The derivatives of gate and up
 * overwrite them, where they are f32. Below the lowest layer with something to train nothing is computed.
 */
#include "internal.h"

/* dx += the derivative through y = norm(x)·weight. */
static void norm_backward(Pass *p, HoneTensor dx, HoneTensor dy, HoneTensor x, HoneTensor rstd, const Weight *norm)
{
    HoneBackend *b = p->model->backend;
    b->ops->rmsnorm_bwd(b->stream, dx, norm->gradient, dy, x, norm->value, rstd, p->model->norm_offset);
}

/* d += the derivative by a block's input, through the norm before the block where there is one. */
static void block_input_backward(Pass *p, HoneTensor d, HoneTensor d_input, HoneTensor x, const Weight *norm)
{
    HoneBackend *b = p->model->backend;
    if (norm->value.buffer == NULL)
        b->ops->add(b->stream, d, d_input, 1);
    else
        norm_backward(p, d, d_input, x, hone_tensor_rows(p->rstd, 0, x.shape[0]), norm);
}

/* The derivative by the product y that a block ends with, from that by the stream. */
static HoneTensor block_output_backward(Pass *p, HoneTensor d, HoneTensor y, const Weight *after)
{
    HoneBackend *b = p->model->backend;
    size_t rows = d.shape[0];
    double scale = p->model->config.residual_scale;
    if (scale > 0) {
        HoneTensor scaled = hone_tensor_rows(p->d_normed, 0, rows);
        b->ops->copy(b->stream, scaled, d);
        b->ops->scale(b->stream, scaled, (float)scale);
        d = scaled;
    }
    if (after->value.buffer == NULL)
        return d;
    HoneTensor rstd = hone_tensor_rows(p->rstd, 0, rows), d_y = hone_tensor_rows(p->d_after, 0, rows);
    pass_norm(p, hone_tensor_rows(p->normed, 0, rows), rstd, y, after);
    b->ops->fill(b->stream, d_y, 0);
    norm_backward(p, d_y, d, y, rstd, after);
    return d_y;
}

static void mlp_backward(Pass *p, size_t layer, HoneTensor d)
{
    HoneModel *m = p->model;
    HoneBackend *b = m->backend;
    const Layer *w = &m->layers[layer];
    LayerState *s = &p->layers[layer];
    size_t rows = d.shape[0];
    HoneTensor glu = hone_tensor_rows(p->glu, 0, rows), d_glu = hone_tensor_rows(p->d_glu, 0, rows);
    HoneTensor rstd = hone_tensor_rows(p->rstd, 0, rows), d_input = hone_tensor_rows(p->d_normed, 0, rows);
    HoneTensor gate = pass_wide(s->gate, p->gate), up = pass_wide(s->up, p->up);
    const HoneTensor d_gate_up[] = {gate, up};

    if (p->narrow) {
        b->ops->convert(b->stream, gate, s->gate);
        b->ops->convert(b->stream, up, s->up);
    }
    HoneTensor d_fed = block_output_backward(p, d, s->fed, &w->norm[NORM_POST_MLP]);
    if (w->group[GROUP_DOWN].n > 0 || w->linear[LINEAR_DOWN].gradient.buffer != NULL)
        b->ops->glu(b->stream, glu, gate, up, m->activation);
    group_backward(p, layer, GROUP_DOWN, d_glu, glu, &d_fed, s->lora[GROUP_DOWN]);
    b->ops->glu_bwd(b->stream, gate, up, d_glu, gate, up, m->activation);
    HoneTensor x = pass_block_input(p, rstd, s->h, &w->norm[NORM_MLP]);
    group_backward(p, layer, GROUP_GATE_UP, d_input, x, d_gate_up, s->lora[GROUP_GATE_UP]);
    block_input_backward(p, d, d_input, s->h, &w->norm[NORM_MLP]);
}

/* Through the norm of queries or keys: d becomes the derivative by the raw values, in `room`. */
static HoneTensor qk_norm_backward(Pass *p, HoneTensor room, HoneTensor d, HoneTensor raw, HoneTensor rstd,
                                   const Weight *norm)
{
    HoneBackend *b = p->model->backend;
    if (norm->value.buffer == NULL)
        return d;
    b->ops->fill(b->stream, room, 0);
    norm_backward(p, pass_norm_rows(p, room), pass_norm_rows(p, d), pass_norm_rows(p, raw), rstd, norm);
    return room;
}

static void attention_backward(Pass *p, size_t layer, HoneTensor d, bool below)
{
    HoneModel *m = p->model;
    HoneBackend *b = m->backend;
    const Layer *w = &m->layers[layer];
    LayerState *s = &p->layers[layer];
    bool tail = p->tail && layer + 1 == m->config.layers;

    HoneTensor d_attended = block_output_backward(p, d, s->attended, &w->norm[NORM_POST_ATTENTION]);
    group_backward(p, layer, GROUP_O, tail ? p->d_o_rows : p->d_o, s->o_rows, &d_attended, s->lora[GROUP_O]);
    if (tail) {
        b->ops->fill(b->stream, p->d_o, 0);
        b->ops->scatter_rows(b->stream, p->d_o, p->d_o_rows, p->rows, false);
        b->ops->fill(b->stream, p->d_x, 0);
        b->ops->scatter_rows(b->stream, p->d_x, d, p->rows, false);
    }
    HoneAttention attention = pass_attention(p, layer);
    HoneTensor q = s->q, k = s->k;
    if (w->norm[NORM_Q].value.buffer != NULL)
        pass_ready(p, layer, &q, &k);
    b->ops->attention_bwd(b->stream, pass_heads(p, p->d_q), pass_heads(p, p->d_k), pass_heads(p, p->d_v),
                          pass_heads(p, p->d_o), pass_heads(p, s->o), s->lse, pass_heads(p, q), pass_heads(p, k),
                          pass_heads(p, s->v), &attention);
    pass_rotate(p, layer, p->d_q, -1);
    pass_rotate(p, layer, p->d_k, -1);
    const HoneTensor d_qkv[] = {qk_norm_backward(p, p->q_ready, p->d_q, s->q, p->rstd_q, &w->norm[NORM_Q]),
                                qk_norm_backward(p, p->k_ready, p->d_k, s->k, p->rstd_k, &w->norm[NORM_K]), p->d_v};
    HoneTensor x = pass_block_input(p, p->rstd, s->x, &w->norm[NORM_ATTENTION]);
    group_backward(p, layer, GROUP_QKV, below ? p->d_normed : (HoneTensor){0}, x, d_qkv, s->lora[GROUP_QKV]);
    if (below)
        block_input_backward(p, p->d_x, p->d_normed, s->x, &w->norm[NORM_ATTENTION]);
}

static bool trains_layer(const Layer *layer)
{
    for (Group g = 0; g < N_GROUP; g++)
        if (layer->group[g].n > 0)
            return true;
    for (Linear i = 0; i < N_LINEAR; i++)
        if (layer->linear[i].gradient.buffer != NULL || layer->bias[i].gradient.buffer != NULL)
            return true;
    for (Norm i = 0; i < N_NORM; i++)
        if (layer->norm[i].gradient.buffer != NULL)
            return true;
    return false;
}

size_t lowest_trained(const HoneModel *m)
{
    size_t layer = 0;
    if (m->embedding.gradient.buffer != NULL)
        return 0;
    while (layer < m->config.layers && !trains_layer(&m->layers[layer]))
        layer++;
    return layer;
}

static void embedding_backward(Pass *p, HoneTensor d)
{
    HoneBackend *b = p->model->backend;
    double scale = p->model->config.embedding_scale;
    if (scale > 0)
        b->ops->scale(b->stream, d, (float)scale);
    b->ops->scatter_rows(b->stream, p->model->embedding.gradient, d, p->ids, true);
}

void layers_backward(Pass *p)
{
    HoneModel *m = p->model;
    HoneBackend *b = m->backend;
    HoneTensor d = p->d_rows, rstd = hone_tensor_rows(p->rstd, 0, p->m);
    b->ops->fill(b->stream, d, 0);
    pass_norm(p, hone_tensor_rows(p->normed, 0, p->m), rstd, p->final, &m->output_norm);
    norm_backward(p, d, p->d_hidden, p->final, rstd, &m->output_norm);

    size_t lowest = lowest_trained(m);
    bool embedding = m->embedding.gradient.buffer != NULL;
    for (size_t l = m->config.layers; l-- > lowest;) {
        if (l < p->recomputed)
            layer_recompute(p, l);
        mlp_backward(p, l, d);
        attention_backward(p, l, d,
                           l > lowest || embedding || m->layers[l].norm[NORM_ATTENTION].gradient.buffer != NULL);
        d = p->d_x;
    }
    if (embedding)
        embedding_backward(p, d);
}

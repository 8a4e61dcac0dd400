/* SPDX-License-Identifier: Apache-2.0
 * backward.c: the layers in reverse. d: the derivative of the loss with respect to a layer's output, turned in place
 * into that with respect to its input.
 *
 * What the forward did not keep (normed inputs, the gated product) is computed again. The derivatives of gate and up
 * overwrite them. Below the lowest layer with something to train nothing is computed.
 */
#include "internal.h"

/* d += the norm's part: d_normed through y = norm(x)·weight. */
static void norm_backward(Pass *p, HoneTensor d, HoneTensor d_normed, HoneTensor x, HoneTensor weight)
{
    HoneBackend *b = p->model->backend;
    b->ops->rmsnorm_bwd(b->stream, d, (HoneTensor){0}, d_normed, x, weight, hone_tensor_rows(p->rstd, 0, x.shape[0]),
                        p->model->norm_offset);
}

static void mlp_backward(Pass *p, size_t layer, HoneTensor d)
{
    HoneModel *m = p->model;
    HoneBackend *b = m->backend;
    const Layer *w = &m->layers[layer];
    LayerState *s = &p->layers[layer];
    size_t rows = d.shape[0];
    HoneTensor glu = hone_tensor_rows(p->glu, 0, rows), d_glu = hone_tensor_rows(p->d_glu, 0, rows);
    HoneTensor normed = hone_tensor_rows(p->normed, 0, rows), d_normed = hone_tensor_rows(p->d_normed, 0, rows);

    if (w->group[GROUP_DOWN].n > 0)
        b->ops->glu(b->stream, glu, s->gate, s->up, m->activation);
    group_backward(p, layer, GROUP_DOWN, d_glu, glu, &d, s->lora[GROUP_DOWN]);
    b->ops->glu_bwd(b->stream, s->gate, s->up, d_glu, s->gate, s->up, m->activation);
    pass_norm(p, normed, hone_tensor_rows(p->rstd, 0, rows), s->h, w->mlp_norm);
    group_backward(p, layer, GROUP_GATE_UP, d_normed, normed, (const HoneTensor[]){s->gate, s->up},
                   s->lora[GROUP_GATE_UP]);
    norm_backward(p, d, d_normed, s->h, w->mlp_norm);
}

static void attention_backward(Pass *p, size_t layer, HoneTensor d, bool below)
{
    HoneModel *m = p->model;
    HoneBackend *b = m->backend;
    const Layer *w = &m->layers[layer];
    LayerState *s = &p->layers[layer];
    bool tail = p->tail && layer + 1 == m->config.layers;

    group_backward(p, layer, GROUP_O, tail ? p->d_o_rows : p->d_o, s->o_rows, &d, s->lora[GROUP_O]);
    if (tail) {
        b->ops->fill(b->stream, p->d_o, 0);
        b->ops->scatter_rows(b->stream, p->d_o, p->d_o_rows, p->rows, false);
        b->ops->fill(b->stream, p->d_x, 0);
        b->ops->scatter_rows(b->stream, p->d_x, d, p->rows, false);
    }
    HoneAttention attention = pass_attention(p);
    b->ops->attention_bwd(b->stream, pass_heads(p, p->d_q), pass_heads(p, p->d_k), pass_heads(p, p->d_v),
                          pass_heads(p, p->d_o), pass_heads(p, s->o), s->lse, pass_heads(p, s->q), pass_heads(p, s->k),
                          pass_heads(p, s->v), &attention);
    pass_rotate(p, p->d_q, -1);
    pass_rotate(p, p->d_k, -1);
    pass_norm(p, p->normed, p->rstd, s->x, w->attention_norm);
    group_backward(p, layer, GROUP_QKV, below ? p->d_normed : (HoneTensor){0}, p->normed,
                   (const HoneTensor[]){p->d_q, p->d_k, p->d_v}, s->lora[GROUP_QKV]);
    if (below)
        norm_backward(p, p->d_x, p->d_normed, s->x, w->attention_norm);
}

/* The lowest layer that has something to train. */
static size_t lowest_trained(const HoneModel *m)
{
    size_t layer = 0;
    for (; layer + 1 < m->config.layers; layer++)
        for (Group g = 0; g < N_GROUP; g++)
            if (m->layers[layer].group[g].n > 0)
                return layer;
    return layer;
}

void layers_backward(Pass *p)
{
    HoneModel *m = p->model;
    HoneBackend *b = m->backend;
    HoneTensor d = p->d_rows;
    b->ops->fill(b->stream, d, 0);
    pass_norm(p, hone_tensor_rows(p->normed, 0, p->m), hone_tensor_rows(p->rstd, 0, p->m), p->final, m->output_norm);
    norm_backward(p, d, p->d_hidden, p->final, m->output_norm);

    size_t lowest = lowest_trained(m);
    for (size_t l = m->config.layers; l-- > lowest;) {
        if (l < p->recomputed)
            layer_recompute(p, l);
        mlp_backward(p, l, d);
        attention_backward(p, l, d, l > lowest);
        d = p->d_x;
    }
}

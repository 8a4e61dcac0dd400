/* SPDX-License-Identifier: Apache-2.0
 * linear.c: the linear maps that read one input, with their adapters.
 *
 *     u = dropout(x)·Aᵀ                       [rows, R], kept: tiny
 *     y = x·Wᵀ + s·u·Bᵀ
 *     dB += s·dyᵀ·u;  du = s·dy·B;  dA += duᵀ·dropout(x);  dx = dy·W + dropout(du·A)
 *
 * The A matrices of a group lie one below the other, so one product serves all of them; with dropout each adapter has
 * its own mask, as in PEFT, and they are taken one by one. The maps of a fused tensor have one adapter: each reads the
 * same columns of u, and du is the sum over them.
 */
#include "internal.h"

size_t linear_span(const Family *family, Linear linear)
{
    Group g = linear_group(linear);
    if (!family_fused(family, g))
        return 1;
    return linear == group_first(g) ? group_size(g) : 0;
}

uint32_t linear_mask(const Family *family, Linear first)
{
    return ((1u << linear_span(family, first)) - 1) << first;
}

size_t linear_widest(const HoneModelConfig *config)
{
    size_t widest = 0;
    for (Linear i = 0; i < N_LINEAR; i++)
        widest = MAX(widest, MAX(linear_in(config, i), linear_out(config, i)));
    return widest;
}

/* A run of the group's adapters that share one product. */
typedef struct Run {
    HoneTensor a, da; /* [R', in] */
    HoneTensor u, du; /* [rows, R'] columns of the group's */
    Linear first;     /* whose dropout mask it has */
} Run;

static HoneTensor columns(HoneTensor t, size_t first, size_t count)
{
    size_t stride = t.row_stride > 0 ? t.row_stride : t.shape[1];
    t.offset += first * sizeof(float);
    t.shape[1] = count;
    t.row_stride = stride;
    return t;
}

static bool uses_dropout(const Pass *p)
{
    return p->dropout_seed != 0 && p->model->adapter.dropout > 0;
}

static size_t split(const Pass *p, const Layer *w, Group g, HoneTensor u, HoneTensor du, Run runs[MAX_GROUP])
{
    const AdapterGroup *group = &w->group[g];
    if (!uses_dropout(p)) {
        runs[0] = (Run){group->a, group->da, u, du, group->first[0]};
        return 1;
    }
    for (size_t i = 0; i < group->n; i++) {
        const Adapter *adapter = &w->adapter[group->first[i]];
        runs[i] = (Run){adapter->a, adapter->da, columns(u, adapter->column, adapter->rank),
                        du.buffer != NULL ? columns(du, adapter->column, adapter->rank) : du, group->first[i]};
    }
    return group->n;
}

/* y = dropout(x) with the mask of that map; y may be x. */
static void drop(Pass *p, size_t layer, Linear linear, HoneTensor y, HoneTensor x)
{
    HoneBackend *b = p->model->backend;
    b->ops->dropout(b->stream, y, x, (float)p->model->adapter.dropout, p->dropout_seed,
                    (uint64_t)(layer * N_LINEAR + linear) << 40);
}

static HoneTensor scratch(HoneTensor t, size_t rows, size_t width)
{
    g_assert(t.buffer != NULL && rows * width <= hone_tensor_count(t));
    return hone_tensor_2d(t.buffer, t.offset, HONE_F32, rows, width);
}

/* y = x·op(W) + beta·y + s·u·op(v), in one walk over y where the backend has it; u without memory: nothing is added. */
static void product_and_adapter(HoneBackend *b, HoneTensor y, HoneTensor x, HoneTensor weight, uint32_t flags,
                                float beta, HoneTensor u, HoneTensor v, float scale)
{
    if (u.buffer != NULL && b->ops->gemm_low_rank != NULL) {
        b->ops->gemm_low_rank(b->stream, y, x, weight, u, v, flags, scale, beta);
        return;
    }
    b->ops->gemm(b->stream, y, x, weight, flags, 1, beta);
    if (u.buffer != NULL)
        b->ops->gemm(b->stream, y, u, v, flags, scale, 1);
}

/* u = dropout(x)·Aᵀ of the group's adapters. */
static void adapters_forward(Pass *p, size_t layer, Group g, HoneTensor x, HoneTensor u)
{
    HoneBackend *b = p->model->backend;
    Run runs[MAX_GROUP];
    size_t n = split(p, &p->model->layers[layer], g, u, (HoneTensor){0}, runs);
    for (size_t i = 0; i < n; i++) {
        HoneTensor input = x;
        if (uses_dropout(p)) {
            input = scratch(p->dropped, x.shape[0], x.shape[1]);
            drop(p, layer, runs[i].first, input, x);
        }
        b->ops->gemm(b->stream, runs[i].u, input, runs[i].a, HONE_TRANS_B, 1, 0);
    }
}

/* y = x·(W + s·B·A)ᵀ + beta·y, less what PiSSA's start takes off the weight. adapter: NULL for x·Wᵀ alone. */
static void map_forward(Pass *p, const Weight *weight, const Adapter *adapter, HoneTensor x, HoneTensor y,
                        HoneTensor lora, float beta)
{
    HoneBackend *b = p->model->backend;
    HoneTensor u = adapter != NULL ? columns(lora, adapter->column, adapter->rank) : (HoneTensor){0};
    product_and_adapter(b, y, x, weight->value, HONE_TRANS_B, beta, u, adapter != NULL ? adapter->b : u,
                        adapter != NULL ? adapter->scale : 0);
    if (adapter == NULL || adapter->start_a.buffer == NULL)
        return;
    HoneTensor taken = scratch(p->d_start, x.shape[0], adapter->rank);
    b->ops->gemm(b->stream, taken, x, adapter->start_a, HONE_TRANS_B, 1, 0);
    b->ops->gemm(b->stream, y, taken, adapter->start_b, HONE_TRANS_B, -adapter->scale, 1);
}

/* y (+)= factor∘(x·(W + s·B·A)ᵀ) */
static void dora_forward(Pass *p, const Weight *weight, const Adapter *adapter, HoneTensor x, HoneTensor y,
                         HoneTensor u, bool accumulate)
{
    HoneBackend *b = p->model->backend;
    HoneTensor z = accumulate ? scratch(p->product, y.shape[0], y.shape[1]) : y;
    map_forward(p, weight, adapter, x, z, u, 0);
    dora_scale(p, adapter, z);
    if (accumulate)
        b->ops->add(b->stream, y, z, 1);
}

void group_forward(Pass *p, size_t layer, Group g, HoneTensor x, const HoneTensor *y, HoneTensor lora, bool accumulate,
                   bool adapter_only)
{
    HoneBackend *b = p->model->backend;
    const Layer *w = &p->model->layers[layer];
    bool adapted = p->adapter && w->group[g].n > 0;
    if (adapted)
        adapters_forward(p, layer, g, x, lora);
    for (size_t i = 0; !adapter_only && i < group_size(g); i++) {
        Linear linear = group_first(g) + i;
        const Weight *weight = &w->linear[linear];
        const HoneTensor *bias = &w->bias[linear].value;
        const Adapter *adapter = adapted && w->adapter[linear].b.buffer != NULL ? &w->adapter[linear] : NULL;
        if (adapter != NULL && adapter->magnitude.buffer != NULL)
            dora_forward(p, weight, adapter, x, y[i], lora, accumulate);
        else
            map_forward(p, weight, adapter, x, y[i], lora, accumulate ? 1 : 0);
        if (bias->buffer != NULL)
            b->ops->add_bias(b->stream, y[i], *bias);
    }
}

/* dW += dyᵀ·x, db += Σ dy. */
static void weight_backward(Pass *p, const Weight *weight, const Weight *bias, HoneTensor x, HoneTensor dy)
{
    HoneBackend *b = p->model->backend;
    if (weight->gradient.buffer != NULL)
        b->ops->gemm(b->stream, weight->gradient, dy, x, HONE_TRANS_A, 1, 1);
    if (bias->gradient.buffer != NULL)
        b->ops->add_bias_bwd(b->stream, bias->gradient, dy);
}

/* With DoRA the derivative by x·(W + s·B·A)ᵀ is factor∘dy, and the magnitude has a gradient. */
static HoneTensor product_backward(Pass *p, const Weight *weight, const Adapter *adapter, HoneTensor x, HoneTensor dy,
                                   HoneTensor u)
{
    HoneBackend *b = p->model->backend;
    if (adapter == NULL || adapter->magnitude.buffer == NULL)
        return dy;
    HoneTensor room = scratch(p->product, dy.shape[0], dy.shape[1]);
    map_forward(p, weight, adapter, x, room, u, 0);
    dora_backward(p, adapter, dy, room);
    b->ops->copy(b->stream, room, dy);
    dora_scale(p, adapter, room);
    return room;
}

/* dB += s·dyᵀ·u and du = s·dy·B of one map. dy: as product_backward gives it. */
static void adapter_backward(Pass *p, const Adapter *adapter, HoneTensor dy, HoneTensor lora, HoneTensor du, bool first)
{
    HoneBackend *b = p->model->backend;
    HoneTensor u = columns(lora, adapter->column, adapter->rank), d = columns(du, adapter->column, adapter->rank);
    b->ops->gemm(b->stream, adapter->db, dy, u, HONE_TRANS_A, adapter->scale, 1);
    b->ops->gemm(b->stream, d, dy, adapter->b, 0, adapter->scale, first ? 0 : 1);
}

/* What PiSSA's start takes off dx. */
static void start_backward(Pass *p, const Adapter *adapter, HoneTensor dx, HoneTensor dy)
{
    HoneBackend *b = p->model->backend;
    if (adapter->start_a.buffer == NULL)
        return;
    HoneTensor taken = scratch(p->d_start, dy.shape[0], adapter->rank);
    b->ops->gemm(b->stream, taken, dy, adapter->start_b, 0, -adapter->scale, 0);
    b->ops->gemm(b->stream, dx, taken, adapter->start_a, 0, 1, 1);
}

/* dA += duᵀ·dropout(x); with dropout, dx += dropout(du·A): without it that is added elsewhere. */
static void run_backward(Pass *p, size_t layer, const Run *run, HoneTensor dx, HoneTensor x)
{
    HoneBackend *b = p->model->backend;
    if (!uses_dropout(p)) {
        b->ops->gemm(b->stream, run->da, run->du, x, HONE_TRANS_A, 1, 1);
        return;
    }
    HoneTensor masked = scratch(p->dropped, x.shape[0], x.shape[1]);
    drop(p, layer, run->first, masked, x);
    b->ops->gemm(b->stream, run->da, run->du, masked, HONE_TRANS_A, 1, 1);
    if (dx.buffer == NULL)
        return;
    b->ops->gemm(b->stream, masked, run->du, run->a, 0, 1, 0);
    drop(p, layer, run->first, masked, masked);
    b->ops->add(b->stream, dx, masked, 1);
}

void group_backward(Pass *p, size_t layer, Group g, HoneTensor dx, HoneTensor x, const HoneTensor *dy, HoneTensor lora)
{
    const Layer *w = &p->model->layers[layer];
    bool adapted = p->adapter && w->group[g].n > 0;
    HoneTensor du = adapted ? scratch(p->d_lora, x.shape[0], w->group[g].rows) : (HoneTensor){0};
    Run runs[MAX_GROUP];
    size_t n = adapted ? split(p, w, g, lora, du, runs) : 0;
    Linear module = group_first(g); /* the first map of the module that this one belongs to */
    for (size_t i = 0; i < group_size(g); i++) {
        Linear linear = group_first(g) + i;
        const Weight *weight = &w->linear[linear];
        const Adapter *adapter = adapted && w->adapter[linear].b.buffer != NULL ? &w->adapter[linear] : NULL;
        HoneTensor dz = product_backward(p, weight, adapter, x, dy[i], lora);
        /* Once du is whole, du·A goes into dx together with the last map's product. */
        bool last = adapted && !uses_dropout(p) && i + 1 == group_size(g);
        if (linear_span(p->model->family, linear) > 0)
            module = linear;
        if (adapter != NULL)
            adapter_backward(p, adapter, dz, lora, du, module == linear);
        if (dx.buffer != NULL)
            product_and_adapter(p->model->backend, dx, dz, weight->value, 0, i > 0 ? 1 : 0,
                                last ? runs[0].du : (HoneTensor){0}, last ? runs[0].a : (HoneTensor){0}, 1);
        if (dx.buffer != NULL && adapter != NULL)
            start_backward(p, adapter, dx, dz);
        weight_backward(p, weight, &w->bias[linear], x, dy[i]);
    }
    for (size_t i = 0; i < n; i++)
        run_backward(p, layer, &runs[i], dx, x);
}

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
    return p->dropout_seed != 0 && p->model->dropout > 0;
}

static size_t split(const Pass *p, const AdapterGroup *group, HoneTensor u, HoneTensor du, Run runs[MAX_GROUP])
{
    size_t rank = p->model->rank;
    if (!uses_dropout(p)) {
        runs[0] = (Run){group->a, group->da, u, du, group->first[0]};
        return 1;
    }
    for (size_t i = 0; i < group->n; i++)
        runs[i] =
            (Run){hone_tensor_rows(group->a, i * rank, rank), hone_tensor_rows(group->da, i * rank, rank),
                  columns(u, i * rank, rank), du.buffer != NULL ? columns(du, i * rank, rank) : du, group->first[i]};
    return group->n;
}

/* y = dropout(x) with the mask of that map; y may be x. */
static void drop(Pass *p, size_t layer, Linear linear, HoneTensor y, HoneTensor x)
{
    HoneBackend *b = p->model->backend;
    b->ops->dropout(b->stream, y, x, (float)p->model->dropout, p->dropout_seed,
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

void group_forward(Pass *p, size_t layer, Group g, HoneTensor x, const HoneTensor *y, HoneTensor lora, bool accumulate,
                   bool adapter_only)
{
    HoneBackend *b = p->model->backend;
    const Layer *w = &p->model->layers[layer];
    const AdapterGroup *group = &w->group[g];
    size_t rank = p->model->rank;
    bool adapter = p->adapter && group->n > 0;
    Run runs[MAX_GROUP];
    size_t n = adapter ? split(p, group, lora, (HoneTensor){0}, runs) : 0;
    for (size_t i = 0; i < n; i++) {
        HoneTensor input = x;
        if (uses_dropout(p)) {
            input = scratch(p->dropped, x.shape[0], x.shape[1]);
            drop(p, layer, runs[i].first, input, x);
        }
        b->ops->gemm(b->stream, runs[i].u, input, runs[i].a, HONE_TRANS_B, 1, 0);
    }
    for (size_t i = 0; !adapter_only && i < group_size(g); i++) {
        const HoneTensor *bias = &w->bias[group_first(g) + i].value;
        const Adapter *a = &w->adapter[group_first(g) + i];
        HoneTensor u = {0};
        if (adapter && a->b.buffer != NULL)
            u = columns(lora, a->place * rank, rank);
        product_and_adapter(b, y[i], x, w->linear[group_first(g) + i].value, HONE_TRANS_B, accumulate ? 1 : 0, u, a->b,
                            p->model->scale);
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

/* dB += s·dyᵀ·u and du = s·dy·B of each map, dA += duᵀ·x of each run: all but what goes on to dx. */
static size_t adapter_backward(Pass *p, size_t layer, Group g, HoneTensor x, const HoneTensor *dy, HoneTensor lora,
                               Run runs[MAX_GROUP])
{
    HoneBackend *b = p->model->backend;
    const Layer *w = &p->model->layers[layer];
    const AdapterGroup *group = &w->group[g];
    size_t rank = p->model->rank, rows = x.shape[0];
    HoneTensor du = scratch(p->d_lora, rows, group->n * rank);
    for (size_t i = 0; i < group_size(g); i++) {
        const Adapter *adapter = &w->adapter[group_first(g) + i];
        if (adapter->b.buffer == NULL)
            continue;
        size_t column = adapter->place * rank;
        bool first = group->first[adapter->place] == group_first(g) + i;
        b->ops->gemm(b->stream, adapter->db, dy[i], columns(lora, column, rank), HONE_TRANS_A, p->model->scale, 1);
        b->ops->gemm(b->stream, columns(du, column, rank), dy[i], adapter->b, 0, p->model->scale, first ? 0 : 1);
    }
    size_t n = split(p, group, lora, du, runs);
    for (size_t i = 0; i < n; i++) {
        HoneTensor input = x;
        if (uses_dropout(p)) {
            input = scratch(p->dropped, rows, x.shape[1]);
            drop(p, layer, runs[i].first, input, x);
        }
        b->ops->gemm(b->stream, runs[i].da, runs[i].du, input, HONE_TRANS_A, 1, 1);
    }
    return n;
}

void group_backward(Pass *p, size_t layer, Group g, HoneTensor dx, HoneTensor x, const HoneTensor *dy, HoneTensor lora)
{
    HoneBackend *b = p->model->backend;
    const Layer *w = &p->model->layers[layer];
    Run runs[MAX_GROUP];
    size_t n = p->adapter && w->group[g].n > 0 ? adapter_backward(p, layer, g, x, dy, lora, runs) : 0;
    bool together = n == 1 && !uses_dropout(p);
    for (size_t i = 0; i < group_size(g); i++) {
        const Weight *weight = &w->linear[group_first(g) + i];
        bool last = together && i + 1 == group_size(g);
        if (dx.buffer != NULL)
            product_and_adapter(b, dx, dy[i], weight->value, 0, i > 0 ? 1 : 0, last ? runs[0].du : (HoneTensor){0},
                                last ? runs[0].a : (HoneTensor){0}, 1);
        weight_backward(p, weight, &w->bias[group_first(g) + i], x, dy[i]);
    }
    for (size_t i = 0; i < n && !together && dx.buffer != NULL; i++) {
        HoneTensor masked = scratch(p->dropped, x.shape[0], x.shape[1]);
        b->ops->gemm(b->stream, masked, runs[i].du, runs[i].a, 0, 1, 0);
        drop(p, layer, runs[i].first, masked, masked);
        b->ops->add(b->stream, dx, masked, 1);
    }
}

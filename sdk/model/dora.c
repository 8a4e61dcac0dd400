/* SPDX-License-Identifier: Apache-2.0
 * dora.c: an adapter that learns magnitude and direction apart.
 *
 *     y = g∘(x·(W + s·B·A)ᵀ) + bias      g_j = magnitude_j / |row j of W + s·B·A|
 *
 * with the norm taken as a constant by the backward, as the paper proposes and peft does. It is computed anew for each
 * packed pass, a panel of rows of W at a time, so W may have any type and never exists whole in f32; a pass that
 * decodes one token at a time takes what the pass over its prompt has left. The magnitude starts as the norm of W's
 * rows. Liu et al., "DoRA: Weight-Decomposed Low-Rank Adaptation", 2024.
 */
#include "internal.h"

#include <math.h>

/* [F] as [1,F]. */
static HoneTensor row(HoneTensor vector)
{
    return hone_tensor_reshape(vector, 2, (const size_t[]){1, hone_tensor_count(vector)});
}

static HoneTensor part(HoneTensor vector, size_t first, size_t count)
{
    return hone_tensor_rows(vector, first, count);
}

/* inverse = 1/|row of W + s·B·A|. */
static void update(HoneModel *m, const Adapter *adapter, HoneTensor weight, HoneTensor panel)
{
    HoneBackend *b = m->backend;
    size_t in = weight.shape[1], out = weight.shape[0];
    for (size_t first = 0; first < out; first += PANEL_ROWS) {
        size_t rows = MIN(PANEL_ROWS, out - first);
        HoneTensor w = hone_tensor_2d(panel.buffer, panel.offset, HONE_F32, rows, in);
        HoneTensor inverse = part(adapter->inverse, first, rows);
        b->ops->convert(b->stream, w, hone_tensor_rows(weight, first, rows));
        b->ops->gemm(b->stream, w, hone_tensor_rows(adapter->b, first, rows), adapter->a, 0, adapter->scale, 1);
        /* The reciprocal root of the mean of squares is √in times that of their sum. */
        b->ops->rmsnorm(b->stream, w, inverse, w, part(m->ones, 0, in), 0, 0);
    }
    b->ops->scale(b->stream, adapter->inverse, (float)(1 / sqrt((double)in)));
}

void dora_update(HoneModel *m, HoneTensor panel)
{
    HoneBackend *b = m->backend;
    for (size_t l = 0; l < m->config.layers; l++)
        for (Linear i = 0; i < N_LINEAR; i++) {
            const Adapter *adapter = &m->layers[l].adapter[i];
            if (adapter->magnitude.buffer == NULL)
                continue;
            update(m, adapter, m->layers[l].linear[i].value, panel);
            b->ops->copy(b->stream, adapter->factor, adapter->magnitude);
            b->ops->scale_columns(b->stream, row(adapter->factor), adapter->inverse);
        }
}

static bool start_map(HoneModel *m, const Adapter *adapter, HoneTensor weight, HoneTensor panel, GError **error)
{
    size_t out = weight.shape[0];
    g_autofree float *norm = g_new(float, out);
    update(m, adapter, weight, panel);
    if (!hone_backend_download(m->backend, norm, adapter->inverse, error))
        return false;
    for (size_t i = 0; i < out; i++)
        norm[i] = isfinite(norm[i]) ? 1 / norm[i] : 0;
    return hone_backend_upload(m->backend, adapter->magnitude, norm, error);
}

bool dora_start(HoneModel *m, GError **error)
{
    Arena room = {0};
    size_t widest = linear_widest(&m->config);
    if (!arena_reserve(m->backend, &room, PANEL_ROWS * widest * sizeof(float), "the norms of weights", error))
        return false;
    HoneTensor panel = hone_tensor_2d(room.buffer, 0, HONE_F32, PANEL_ROWS, widest);
    bool ok = true;
    for (size_t l = 0; l < m->config.layers; l++)
        for (Linear i = 0; ok && i < N_LINEAR; i++) {
            const Adapter *adapter = &m->layers[l].adapter[i];
            if (adapter->magnitude.buffer != NULL)
                ok = start_map(m, adapter, m->layers[l].linear[i].value, panel, error);
        }
    arena_release(m->backend, &room);
    return ok;
}

void dora_scale(Pass *p, const Adapter *adapter, HoneTensor y)
{
    HoneBackend *b = p->model->backend;
    b->ops->scale_columns(b->stream, y, adapter->factor);
}

/* y = magnitude∘inverse∘z, so d(magnitude) = inverse∘Σ dy∘z. */
void dora_backward(Pass *p, const Adapter *adapter, HoneTensor dy, HoneTensor z)
{
    HoneBackend *b = p->model->backend;
    HoneTensor sums = part(p->column_sums, 0, z.shape[1]);
    b->ops->fill(b->stream, sums, 0);
    b->ops->dot_columns(b->stream, sums, dy, z);
    b->ops->scale_columns(b->stream, row(sums), adapter->inverse);
    b->ops->add(b->stream, adapter->d_magnitude, sums, 1);
}

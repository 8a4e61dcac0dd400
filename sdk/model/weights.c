/* SPDX-License-Identifier: Apache-2.0
 * weights.c: a file's tensors onto the backend, converted there from the file's type to f32.
 *
 * Bytes go up as they are in the file into a staging buffer and are converted on the device; the file's pages are let
 * go tensor by tensor, so the file and the weights never lie in memory together.
 */
#include "internal.h"

#include <string.h>

typedef struct Loader {
    HoneModel *model;
    HoneProgress *progress;
    size_t done, total;
    Arena staging, unpermuted, order;
    GError **error;
} Loader;

/* Row r of a head's half j in the model's order is row 2r + j in the file's (see Family.paired_rows). */
static bool upload_order(Loader *l, size_t heads, HoneTensor *order)
{
    size_t width = l->model->config.head_dim, rows = heads * width;
    g_autofree int32_t *index = g_new(int32_t, rows);
    for (size_t h = 0; h < heads; h++)
        for (size_t j = 0; j < 2; j++)
            for (size_t r = 0; r < width / 2; r++)
                index[h * width + j * (width / 2) + r] = (int32_t)(h * width + 2 * r + j);
    if (!arena_reserve(l->model->backend, &l->order, rows * sizeof(int32_t), "loading weights", l->error))
        return false;
    *order = hone_tensor_1d(l->order.buffer, 0, HONE_I32, rows);
    return hone_backend_upload(l->model->backend, *order, index, l->error);
}

/* dst [rows, columns] from the tensor of that name. heads > 0: rows are put in order for rotary halves. */
static bool load(Loader *l, HoneTensor dst, const char *name, size_t heads)
{
    HoneBackend *b = l->model->backend;
    const HoneGgufTensor *tensor = hone_checkpoint_find(l->model->checkpoint, name);
    g_assert(tensor != NULL && hone_tensor_count(dst) > 0);
    if (!arena_reserve(b, &l->staging, tensor->bytes, "loading weights", l->error))
        return false;
    HoneTensor source = {.buffer = l->staging.buffer, .type = tensor->type, .rank = dst.rank};
    memcpy(source.shape, dst.shape, sizeof(source.shape));
    if (!hone_backend_upload(b, source, tensor->data, l->error))
        return false;
    if (heads > 0) {
        HoneTensor order;
        if (!upload_order(l, heads, &order) ||
            !arena_reserve(b, &l->unpermuted, hone_tensor_bytes(dst), "loading weights", l->error))
            return false;
        HoneTensor plain = hone_tensor_2d(l->unpermuted.buffer, 0, HONE_F32, dst.shape[0], dst.shape[1]);
        b->ops->convert(b->stream, plain, source);
        b->ops->gather_rows(b->stream, dst, plain, order);
    } else
        b->ops->convert(b->stream, dst, source);
    if (!b->ops->sync(b->stream, l->error))
        return false;
    hone_checkpoint_drop(l->model->checkpoint, tensor);
    l->done++;
    hone_progress_step(l->progress, l->done, l->total, "tensors", NULL);
    return true;
}

static bool load_layer(Loader *l, size_t index)
{
    HoneModel *m = l->model;
    Layer *layer = &m->layers[index];
    for (size_t i = 0; i < N_LINEAR; i++) {
        g_autofree char *name = name_linear(m, NAME_FILE, index, i, false);
        size_t heads = i == LINEAR_Q ? m->config.heads : i == LINEAR_K ? m->config.kv_heads : 0;
        if (!load(l, layer->weight[i], name, m->family->paired_rows && m->format == HONE_CHECKPOINT_GGUF ? heads : 0))
            return false;
    }
    g_autofree char *attention = name_norm(m, NAME_FILE, index, NORM_ATTENTION);
    g_autofree char *mlp = name_norm(m, NAME_FILE, index, NORM_MLP);
    return load(l, layer->attention_norm, attention, 0) && load(l, layer->mlp_norm, mlp, 0);
}

static HoneTensor carve_row(Carver *carver, size_t n)
{
    return hone_tensor_reshape(carve(carver, HONE_F32, 1, n), 1, &n);
}

static void layout(HoneModel *m, Carver *carver)
{
    const HoneModelConfig *c = &m->config;
    m->embedding = carve(carver, HONE_F32, c->vocab, c->width);
    m->head = c->tied_head ? m->embedding : carve(carver, HONE_F32, c->vocab, c->width);
    m->output_norm = carve_row(carver, c->width);
    for (size_t l = 0; l < c->layers; l++) {
        Layer *layer = &m->layers[l];
        layer->attention_norm = carve_row(carver, c->width);
        layer->mlp_norm = carve_row(carver, c->width);
        for (size_t i = 0; i < N_LINEAR; i++)
            layer->weight[i] = carve(carver, HONE_F32, linear_out(c, i), linear_in(c, i));
    }
}

bool weights_load(HoneModel *m, HoneProgress *progress, GError **error)
{
    Carver carver = {0};
    m->layers = g_new0(Layer, m->config.layers);
    layout(m, &carver);
    if (!arena_reserve(m->backend, &m->weights, carver.peak, "the model's weights", error))
        return false;
    carver = (Carver){.buffer = m->weights.buffer};
    layout(m, &carver);

    Loader l = {.model = m, .progress = progress, .total = hone_checkpoint_n_tensors(m->checkpoint), .error = error};
    g_autofree char *embedding = name_embedding(m, NAME_FILE), *output_norm = name_output_norm(m, NAME_FILE);
    g_autofree char *head = name_head(m, NAME_FILE);
    bool ok = load(&l, m->embedding, embedding, 0) && load(&l, m->output_norm, output_norm, 0) &&
              (m->config.tied_head || load(&l, m->head, head, 0));
    for (size_t i = 0; ok && i < m->config.layers; i++)
        ok = load_layer(&l, i);
    arena_release(m->backend, &l.staging);
    arena_release(m->backend, &l.unpermuted);
    arena_release(m->backend, &l.order);
    return ok;
}

/* SPDX-License-Identifier: Apache-2.0
 * weights.c: the files' tensors onto the backend, in the type that they have there.
 *
 * Where the backend can read host memory, a tensor is a view of the mapped file; else its bytes go up tensor by tensor
 * and the file's pages are let go, so that the two never lie in memory together. Copied are also: rows of queries and
 * keys that a GGUF holds in another order; vectors (norms, biases), which become f32; f32 matrices where the backend
 * multiplies in bf16, which become what it would round them to.
 */
#include "internal.h"
#include "nf4.h"

#include <string.h>

typedef struct Loader {
    HoneModel *model;
    HoneProgress *progress;
    size_t done;
    Arena staging;
    GError **error;
} Loader;

static const HoneGgufTensor *file_tensor(const HoneModel *m, const Parameter *p)
{
    const HoneGgufTensor *tensor = hone_checkpoint_find(m->checkpoint, p->file);
    g_assert(tensor != NULL); /* config_read has seen to it */
    return tensor;
}

/* The type in which a parameter that is not trained is kept. */
static HoneType kept_type(const HoneModel *m, const Parameter *p, HoneType type)
{
    if (p->columns == 0)
        return HONE_F32;
    if (p->part[0] == &m->embedding) /* looked up, not only multiplied with */
        return type;
    if (m->quantized != 0 && p->part[0] != &m->head)
        return m->quantized;
    return type == HONE_F32 && m->backend->info.compute_type == HONE_BF16 ? HONE_BF16 : type;
}

/* A view of the file, or NULL where the parameter has to be copied. */
static HoneBuffer *wrap(const HoneModel *m, const Parameter *p, const HoneGgufTensor *tensor)
{
    const HoneBackendOps *ops = m->backend->ops;
    size_t size = hone_type_block(tensor->type) == 1 ? hone_type_block_bytes(tensor->type) : 1;
    bool fits = p->heads == 0 && kept_type(m, p, tensor->type) == tensor->type && (uintptr_t)tensor->data % size == 0;
    return fits && ops->wrap != NULL ? ops->wrap(m->backend->device, tensor->data, tensor->bytes) : NULL;
}

/* The rows in the model's own order: row r of a head's half j is row 2r + j in the file (see Family.paired_rows). */
static unsigned char *unpaired(const HoneModel *m, const Parameter *p, const HoneGgufTensor *tensor)
{
    size_t width = m->config.head_dim, row = tensor->bytes / p->rows;
    unsigned char *out = g_malloc(tensor->bytes);
    for (size_t h = 0; h < p->heads; h++)
        for (size_t j = 0; j < 2; j++)
            for (size_t r = 0; r < width / 2; r++)
                memcpy(out + (h * width + j * (width / 2) + r) * row,
                       (const unsigned char *)tensor->data + (h * width + 2 * r + j) * row, row);
    return out;
}

static bool load_nf4(HoneBackend *b, HoneTensor dst, HoneType type, const void *data, GError **error)
{
    size_t n = hone_tensor_count(dst);
    g_autofree float *values = g_new(float, n);
    g_autofree uint8_t *blocks = g_malloc(hone_tensor_bytes(dst));
    hone_type_to_f32(type, data, values, n);
    Nf4 nf4;
    nf4_quantize(&nf4, values, n);
    nf4_blocks(&nf4, blocks);
    nf4_clear(&nf4);
    return hone_backend_upload(b, dst, blocks, error);
}

/* dst = the parameter's values, by way of a staging buffer where the type changes. */
static bool load(Loader *l, const Parameter *p, HoneTensor dst)
{
    HoneBackend *b = l->model->backend;
    const HoneGgufTensor *tensor = file_tensor(l->model, p);
    g_autofree unsigned char *reordered = p->heads > 0 ? unpaired(l->model, p, tensor) : NULL;
    const void *data = reordered != NULL ? reordered : tensor->data;
    if (dst.type == HONE_NF4) {
        if (!load_nf4(b, dst, tensor->type, data, l->error))
            return false;
    } else if (dst.type == tensor->type) {
        if (!hone_backend_upload(b, dst, data, l->error))
            return false;
    } else {
        if (!arena_reserve(b, &l->staging, tensor->bytes, "loading weights", l->error))
            return false;
        HoneTensor source = dst;
        source.buffer = l->staging.buffer;
        source.offset = 0;
        source.type = tensor->type;
        if (!hone_backend_upload(b, source, data, l->error))
            return false;
        b->ops->convert(b->stream, dst, source);
        if (!b->ops->sync(b->stream, l->error))
            return false;
    }
    hone_checkpoint_drop(l->model->checkpoint, tensor);
    return true;
}

static void progress(Loader *l)
{
    l->done++;
    hone_progress_step(l->progress, l->done, l->model->parameters->len, "tensors", NULL);
}

void weights_release(HoneModel *m)
{
    for (size_t i = 0; m->wrapped != NULL && i < m->wrapped->len; i++)
        m->backend->ops->free(m->backend->device, m->wrapped->pdata[i]);
    g_clear_pointer(&m->wrapped, g_ptr_array_unref);
    m->mapped_bytes = 0;
    arena_release(m->backend, &m->weights);
}

bool weights_load(HoneModel *m, HoneProgress *reporter, GError **error)
{
    size_t n = m->parameters->len;
    const Parameter *parameters = (const Parameter *)(void *)m->parameters->data;
    g_autofree HoneTensor *values = g_new0(HoneTensor, n); /* a buffer: wrapped */
    m->wrapped = g_ptr_array_new();
    Carver carver = {0};
    for (size_t i = 0; i < n; i++) {
        const HoneGgufTensor *tensor = file_tensor(m, &parameters[i]);
        HoneBuffer *view = wrap(m, &parameters[i], tensor);
        if (view != NULL) {
            g_ptr_array_add(m->wrapped, view);
            m->mapped_bytes += tensor->bytes;
            values[i] = hone_tensor_2d(view, 0, tensor->type, parameters[i].rows, MAX(parameters[i].columns, 1));
            if (parameters[i].columns == 0)
                values[i] = hone_tensor_reshape(values[i], 1, &parameters[i].rows);
        } else
            parameter_carve(&parameters[i], &carver, kept_type(m, &parameters[i], tensor->type));
    }
    if (carver.peak > 0 && !arena_reserve(m->backend, &m->weights, carver.peak, "the model's weights", error))
        return false;

    Loader l = {.model = m, .progress = reporter, .error = error};
    bool ok = true;
    carver = (Carver){.buffer = m->weights.buffer};
    for (size_t i = 0; ok && i < n; i++) {
        const Parameter *p = &parameters[i];
        if (values[i].buffer == NULL) {
            values[i] = parameter_carve(p, &carver, kept_type(m, p, file_tensor(m, p)->type));
            ok = load(&l, p, values[i]);
        }
        parameter_set(m, p, values[i], (HoneTensor){0});
        progress(&l);
    }
    arena_release(m->backend, &l.staging);
    return ok;
}

bool weights_read(HoneModel *m, const Parameter *const *parameters, const HoneTensor *values, size_t n, GError **error)
{
    Loader l = {.model = m, .error = error};
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = load(&l, parameters[i], values[i]);
    arena_release(m->backend, &l.staging);
    return ok;
}

HoneType hone_model_weights_type(const HoneModel *m)
{
    size_t count[HONE_TYPE_END_] = {0};
    HoneType most = HONE_F32;
    for (size_t l = 0; l < m->config.layers; l++)
        for (Linear i = 0; i < N_LINEAR; i++)
            count[m->layers[l].linear[i].value.type]++;
    for (HoneType type = HONE_F32; type < HONE_TYPE_END_; type++)
        if (count[type] > count[most])
            most = type;
    return most;
}

/* false with why a linear map's weight cannot become NF4. */
static bool may_quantize(const HoneModel *m, const Parameter *p, GError **error)
{
    HoneType type = file_tensor(m, p)->type;
    if (hone_type_block(type) > 1) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "%s: %s is quantised already (%s), and would lose more as NF4: train on its own blocks (quantize "
                    "\"keep\"), or give the model in f32, f16 or bf16.",
                    m->path, p->name, hone_type_name(type));
        return false;
    }
    if (p->columns % NF4_BLOCK != 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "%s: %s has rows of %zu values; NF4 needs a multiple of %d.", m->path, p->name, p->columns,
                    NF4_BLOCK);
        return false;
    }
    return true;
}

bool hone_model_quantize(HoneModel *m, HoneType type, HoneProgress *progress, GError **error)
{
    g_return_val_if_fail(m != NULL && type == HONE_NF4, false);
    g_return_val_if_fail(!m->has_adapter && !m->trains_weights, false);
    for (size_t i = 0; i < m->parameters->len; i++) {
        const Parameter *p = &g_array_index(m->parameters, Parameter, i);
        if (p->columns > 0 && p->part[0] != &m->embedding && p->part[0] != &m->head && !may_quantize(m, p, error))
            return false;
    }
    weights_release(m);
    m->quantized = type;
    return weights_load(m, progress, error);
}

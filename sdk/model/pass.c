/* SPDX-License-Identifier: Apache-2.0
 * pass.c: the memory of one run through the layers, cut from an arena, and the upload of its indices.
 *
 * Kept for each token and layer: x, q, k, v, o, h, gate, up (and the log-sum-exp, x·Aᵀ of the adapters, what a block
 * gives before a norm). Normed inputs and the gated product are computed again in the backward. A layer that is
 * computed again from its input keeps only x: every layer with checkpointing, else as few as the backend's memory limit
 * asks for. A pass that keeps nothing works in place, with one layer's views.
 *
 * Where the backend rounds the factors of products to bf16 anyway, gate and up, half of what is kept, are kept in bf16:
 * the forward takes them as they were computed, only the backward reads the rounded ones.
 */
#include "internal.h"

#include <string.h>

#define LOGIT_BYTES (32u << 20) /* memory for a chunk's logits: every chunk reads the whole head */
#define CHUNK_UNIT 16           /* rows that a matrix kernel takes at a time, or a multiple */
#define MOST_CHUNK 256
#define LEAST_CHUNK 16

static HoneTensor flat(HoneTensor t)
{
    size_t n = hone_tensor_count(t);
    return hone_tensor_reshape(t, 1, &n);
}

static HoneTensor carve_flat(Carver *carver, HoneType type, size_t n)
{
    return flat(carve(carver, type, 1, n));
}

static size_t adapter_rows(const Pass *p, size_t layer, Group g)
{
    return p->adapter ? p->model->layers[layer].group[g].rows : 0;
}

/* Most columns that the adapters of a group have, and that one adapter has. */
static size_t most_rows(const Pass *p, size_t *most_rank)
{
    size_t rows = 0;
    *most_rank = 0;
    for (size_t l = 0; l < p->model->config.layers; l++) {
        for (Group g = 0; g < N_GROUP; g++)
            rows = MAX(rows, adapter_rows(p, l, g));
        for (Linear i = 0; i < N_LINEAR; i++)
            *most_rank = MAX(*most_rank, p->model->layers[l].adapter[i].rank);
    }
    return rows;
}

static void carve_adapter(Pass *p, Carver *c)
{
    const HoneModel *model = p->model;
    size_t rank, rows = most_rows(p, &rank), widest = linear_widest(&model->config);
    if (p->keep)
        p->d_lora = carve(c, HONE_F32, p->n, rows);
    if (p->dropout_seed != 0 && model->adapter.dropout > 0)
        p->dropped = carve(c, HONE_F32, p->n, widest);
    if (model->adapter.pissa)
        p->d_start = carve(c, HONE_F32, p->n, rank);
    if (model->adapter.dora) {
        p->product = carve(c, HONE_F32, p->n, widest);
        p->column_sums = carve_flat(c, HONE_F32, widest);
        p->panel = carve(c, HONE_F32, PANEL_ROWS, widest);
    }
}

/* Whether the layer's blocks end in a norm, and whether what they give goes by way of its own memory. */
static bool ends_in_norm(const HoneModel *m)
{
    return m->family->place != NORM_BEFORE;
}

static bool has_output(const HoneModel *m)
{
    return ends_in_norm(m) || m->config.residual_scale > 0;
}

/* Everything of a layer but its input. */
static void carve_layer(Pass *p, Carver *c, size_t layer, bool tail, LayerState *state)
{
    const HoneModelConfig *config = &p->model->config;
    size_t n = p->n, m = tail ? p->m : n;
    size_t query = config->heads * config->head_dim, key = config->kv_heads * config->head_dim;
    state->q = carve(c, HONE_F32, n, query);
    state->k = carve(c, HONE_F32, n, key);
    state->v = carve(c, HONE_F32, n, key);
    state->o = carve(c, HONE_F32, n, query);
    state->o_rows = tail ? carve(c, HONE_F32, m, query) : state->o;
    if (p->keep)
        state->lse = carve(c, HONE_F32, n, config->heads);
    /* Only a norm's backward reads them: else all layers share them. */
    if (p->keep && ends_in_norm(p->model)) {
        state->attended = carve(c, HONE_F32, m, config->width);
        state->fed = carve(c, HONE_F32, m, config->width);
    } else if (has_output(p->model))
        state->attended = state->fed = hone_tensor_rows(p->output, 0, m);
    state->gate = carve(c, p->narrow ? HONE_BF16 : HONE_F32, m, config->ffn);
    state->up = carve(c, p->narrow ? HONE_BF16 : HONE_F32, m, config->ffn);
    for (Group g = 0; g < N_GROUP; g++) {
        size_t rows = adapter_rows(p, layer, g);
        state->lora[g] = rows > 0 ? carve(c, HONE_F32, g == GROUP_QKV ? n : m, rows) : (HoneTensor){0};
    }
}

/* The layers' views. Layers that are computed again lie over each other, and under the first of those that are kept:
 * going forward they are done before those begin, going back those are done before they begin. */
static void carve_layers(Pass *p, Carver *c)
{
    const HoneModelConfig *config = &p->model->config;
    size_t layers = config->layers, n = p->n;
    HoneTensor x = {0};
    if (has_output(p->model) && !(p->keep && ends_in_norm(p->model)))
        p->output = carve(c, HONE_F32, n, config->width);
    p->final = p->keep || p->tail ? carve(c, HONE_F32, p->m, config->width) : (HoneTensor){0};
    for (size_t l = 0; l < layers; l++) {
        if (l == 0 || p->keep)
            x = carve(c, HONE_F32, n, config->width);
        p->layers[l].x = x;
    }
    if (!p->keep && !p->tail)
        p->final = x;
    size_t mark = c->used, end = mark;
    for (size_t l = 0; l < layers; l++) {
        bool tail = p->tail && l + 1 == layers;
        LayerState *state = &p->layers[l];
        if (!p->keep || l <= p->recomputed)
            c->used = mark;
        carve_layer(p, c, l, tail, state);
        if (p->keep)
            state->h = carve(c, HONE_F32, tail ? p->m : n, config->width);
        else
            state->h = tail ? p->final : x;
        end = MAX(end, c->used);
    }
    c->used = end;
}

static void carve_scratch(Pass *p, Carver *c)
{
    const HoneModelConfig *config = &p->model->config;
    const HoneModel *model = p->model;
    size_t n = p->n, m = p->m, width = config->width;
    size_t query = config->heads * config->head_dim, key = config->kv_heads * config->head_dim;
    p->normed = carve(c, HONE_F32, n, width);
    p->hidden = carve(c, HONE_F32, m, width);
    if (p->keep) {
        p->d_hidden = carve(c, HONE_F32, m, width);
        p->d_x = carve(c, HONE_F32, n, width);
        p->d_rows = p->tail ? carve(c, HONE_F32, m, width) : p->d_x;
        p->d_normed = carve(c, HONE_F32, n, width);
        if (ends_in_norm(model))
            p->d_after = carve(c, HONE_F32, n, width);
        p->rstd = carve_flat(c, HONE_F32, n);
    }
    if (p->adapter)
        carve_adapter(p, c);

    /* Three things that are never alive together: the feed-forward part, attention (in a pass that keeps), the head. */
    size_t mark = c->used;
    p->glu = carve(c, HONE_F32, n, config->ffn);
    if (p->keep)
        p->d_glu = carve(c, HONE_F32, n, config->ffn);
    if (p->narrow) {
        p->gate = carve(c, HONE_F32, n, config->ffn);
        p->up = carve(c, HONE_F32, n, config->ffn);
    }
    size_t end = c->used;
    c->used = mark;
    if (p->keep) {
        p->d_o = carve(c, HONE_F32, n, query);
        p->d_o_rows = p->tail ? carve(c, HONE_F32, m, query) : p->d_o;
        p->d_q = carve(c, HONE_F32, n, query);
        p->d_k = carve(c, HONE_F32, n, key);
        p->d_v = carve(c, HONE_F32, n, key);
    }
    if (p->keep && model->family->qk_norm != QK_NORM_NONE) {
        bool by_head = model->family->qk_norm == QK_NORM_HEAD;
        p->q_ready = carve(c, HONE_F32, n, query);
        p->k_ready = carve(c, HONE_F32, n, key);
        p->rstd_q = carve_flat(c, HONE_F32, by_head ? n * config->heads : n);
        p->rstd_k = carve_flat(c, HONE_F32, by_head ? n * config->kv_heads : n);
    }
    end = MAX(end, c->used);
    c->used = mark;
    p->logits = carve(c, HONE_F32, p->chunk, config->vocab);
    c->used = MAX(end, c->used);
}

static void carve_pass(Pass *p, Carver *c)
{
    p->ids = carve_flat(c, HONE_I32, p->n);
    p->positions = carve_flat(c, HONE_I32, p->n);
    p->starts = carve_flat(c, HONE_I32, p->sequences + 1);
    p->rows = carve_flat(c, HONE_I32, p->m);
    p->targets = carve_flat(c, HONE_I32, p->m);
    p->logprob = carve_flat(c, HONE_F32, p->m);
    p->lse_head = carve_flat(c, HONE_F32, p->m);
    p->d_logprob = carve_flat(c, HONE_F32, p->m);
    if (p->n_candidates > 0) {
        p->candidate_index = carve_flat(c, HONE_I32, p->m * (p->n_candidates + 1));
        p->candidate_values = carve_flat(c, HONE_F32, p->m * (p->n_candidates + 1));
        p->candidate_target = carve_flat(c, HONE_F32, p->m);
        p->candidate_lse = carve_flat(c, HONE_F32, p->m);
    }
    if (p->cache != NULL)
        p->cache_rows = carve_flat(c, HONE_I32, p->n);
    if (p->kind == PASS_CACHED) {
        p->slots = carve_flat(c, HONE_I32, p->n);
        p->lengths = carve_flat(c, HONE_I32, p->n);
    }
    for (size_t i = 0; i < p->model->n_ropes; i++) {
        size_t pairs = p->model->ropes[i].rotated / 2;
        const size_t table[] = {p->n, pairs, 2};
        if (!rope_by_length(&p->model->ropes[i]))
            continue;
        p->rope[i] = hone_tensor_reshape(carve(c, HONE_F32, p->n, pairs * 2), 3, table);
        p->each_row = carve_flat(c, HONE_I32, p->n);
    }
    carve_layers(p, c);
    carve_scratch(p, c);
}

static void upload(Pass *p, HoneTensor dst, const int32_t *src)
{
    HoneBackend *b = p->model->backend;
    if (src != NULL)
        b->ops->upload(b->stream, dst.buffer, dst.offset, src, hone_tensor_bytes(dst));
}

static void measure(Pass *p, const HoneBatch *batch)
{
    p->host_positions = g_new(int32_t, batch->n_tokens);
    for (size_t s = 0; s < batch->n_sequences; s++) {
        size_t length = (size_t)(batch->starts[s + 1] - batch->starts[s]);
        p->max_length = MAX(p->max_length, length);
        for (size_t i = 0; i < length; i++)
            p->host_positions[(size_t)batch->starts[s] + i] = (int32_t)i;
    }
    if (batch->positions != NULL)
        memcpy(p->host_positions, batch->positions, batch->n_tokens * sizeof(int32_t));
}

/* Angles of the rotary forms for which a token's depend on the length of what it stands in. */
static void upload_ropes(Pass *p, const HoneBatch *batch)
{
    HoneBackend *b = p->model->backend;
    if (p->each_row.buffer == NULL)
        return;
    g_autofree int32_t *lengths = g_new(int32_t, p->n);
    p->host_rows = g_new(int32_t, p->n);
    for (size_t s = 0; s < p->sequences; s++)
        for (int32_t i = batch->starts[s]; i < batch->starts[s + 1]; i++) {
            lengths[i] = p->host_positions[batch->starts[s + 1] - 1] + 1;
            p->host_rows[i] = i;
        }
    upload(p, p->each_row, p->host_rows);
    for (size_t i = 0; i < p->model->n_ropes; i++) {
        if (p->rope[i].buffer == NULL)
            continue;
        p->host_rope[i] = g_new(float, hone_tensor_count(p->rope[i]));
        rope_rows(&p->model->ropes[i], p->host_positions, lengths, p->n, p->host_rope[i]);
        b->ops->upload(b->stream, p->rope[i].buffer, p->rope[i].offset, p->host_rope[i], hone_tensor_bytes(p->rope[i]));
    }
}

HoneTensor pass_wide(HoneTensor kept, HoneTensor room)
{
    return kept.type == HONE_F32 ? kept : hone_tensor_rows(room, 0, kept.shape[0]);
}

/* Where the candidates, and behind them the target, stand among the logits of their row's chunk. */
static void upload_candidates(Pass *p, const HoneBatch *batch)
{
    size_t n = p->n_candidates, vocab = p->model->config.vocab;
    if (n == 0)
        return;
    p->host_index = g_new(int32_t, p->m * (n + 1));
    p->host_values = g_new(float, p->m *(n + 1));
    for (size_t k = 0; k < p->m; k++)
        for (size_t j = 0; j <= n; j++) {
            int32_t id = j < n ? batch->candidates[k * n + j] : batch->targets[k];
            p->host_index[k * (n + 1) + j] = (int32_t)(k % p->chunk * vocab) + id;
        }
    upload(p, p->candidate_index, p->host_index);
}

static size_t bytes_of(Pass *p, size_t recomputed)
{
    Carver carver = {0};
    p->recomputed = recomputed;
    carve_pass(p, &carver);
    return carver.peak;
}

/* Chooses how many layers are computed again, and gives the bytes that the pass then needs. The results do not depend
 * on the choice, not by one bit. */
static size_t fit(Pass *p, const Arena *arena, bool checkpointing)
{
    const HoneBackend *b = p->model->backend;
    size_t layers = p->model->config.layers;
    if (!p->keep)
        return bytes_of(p, 0);
    /* Below the lowest layer with something to train nothing is kept, nor computed again. */
    size_t lowest = MIN(lowest_trained(p->model), layers);
    if (checkpointing)
        return bytes_of(p, layers);
    uint64_t others = b->allocated - arena->capacity, room = b->limit > others ? b->limit - others : 0;
    size_t bytes = bytes_of(p, lowest);
    for (size_t n = lowest + 1; b->limit > 0 && bytes > room && n <= layers; n++)
        bytes = bytes_of(p, n);
    return bytes;
}

Pass *pass_new(HoneModel *model, PassKind kind, const HoneBatch *batch, const HoneForward *options, const CacheUse *use,
               GError **error)
{
    g_autoptr(Pass) p = g_new0(Pass, 1);
    p->model = model;
    p->kind = kind;
    p->keep = options->keep;
    p->narrow = p->keep && model->backend->info.compute_type == HONE_BF16;
    p->adapter = model->has_adapter && !options->adapter_off;
    p->dropout_seed = options->dropout_seed;
    if (options->size >= offsetof(HoneForward, embedding_noise) + sizeof options->embedding_noise)
        p->noise = options->embedding_noise;
    if (batch->size >= offsetof(HoneBatch, candidates) + sizeof batch->candidates && batch->targets != NULL &&
        options->size >= offsetof(HoneForward, candidate_logprob) + sizeof options->candidate_logprob &&
        options->candidate_logprob != NULL)
        p->n_candidates = batch->n_candidates;
    p->temperature = p->n_candidates > 0 && options->temperature > 0 ? options->temperature : 1;
    p->cache = use != NULL ? use->cache : NULL;
    if (!batch_check(model, batch, error))
        return NULL;
    p->n = batch->n_tokens;
    p->m = batch->n_targets;
    p->sequences = batch->n_sequences;
    p->tail = p->m < p->n;
    measure(p, batch);
    size_t chunk = LOGIT_BYTES / (model->config.vocab * sizeof(float)) / CHUNK_UNIT * CHUNK_UNIT;
    p->chunk = MIN(CLAMP(chunk, LEAST_CHUNK, MOST_CHUNK), p->m);
    p->layers = g_new0(LayerState, model->config.layers);

    size_t furthest = 0;
    for (size_t i = 0; i < p->n; i++)
        furthest = MAX(furthest, (size_t)p->host_positions[i]);
    Arena *arena = p->keep ? &model->kept : &model->transient;
    if (!rope_reserve(model, furthest + 1, error) ||
        !arena_reserve(model->backend, arena, fit(p, arena, options->checkpointing), "activations", error))
        return NULL;
    Carver carver = {.buffer = arena->buffer};
    carve_pass(p, &carver);

    upload(p, p->ids, batch->ids);
    upload(p, p->positions, p->host_positions);
    upload(p, p->starts, batch->starts);
    upload_ropes(p, batch);
    upload(p, p->rows, batch->target_rows);
    upload(p, p->targets, batch->targets);
    upload_candidates(p, batch);
    if (use != NULL)
        upload(p, p->cache_rows, use->rows);
    if (kind == PASS_CACHED) {
        upload(p, p->slots, use->slots);
        upload(p, p->lengths, use->lengths);
        for (size_t i = 0; i < p->n; i++)
            p->max_length = MAX(p->max_length, (size_t)use->lengths[i]);
    }
    return g_steal_pointer(&p);
}

void pass_free(Pass *p)
{
    if (p == NULL)
        return;
    g_free(p->layers);
    g_free(p->host_positions);
    g_free(p->host_rows);
    g_free(p->host_index);
    g_free(p->host_values);
    for (size_t i = 0; i < MAX_ROPE; i++)
        g_free(p->host_rope[i]);
    g_free(p);
}

/* SPDX-License-Identifier: Apache-2.0
 * model.c: a model's life, and the primitive: log-probabilities out, their derivatives in.
 */
#include "internal.h"

#include <math.h>

/* Ids that the tokenizer knows must have a row of the embedding. More rows than ids are padding. */
static bool check_vocabulary(const HoneModel *m, GError **error)
{
    size_t ids = hone_tokenizer_size(m->tokenizer);
    if (ids <= m->config.vocab)
        return true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "%s: the tokenizer has %zu tokens but the embedding only %zu rows; the file is damaged.", m->path, ids,
                m->config.vocab);
    return false;
}

HoneModel *hone_model_open(const char *path, HoneBackend *backend, HoneProgress *progress, GError **error)
{
    g_return_val_if_fail(path != NULL && backend != NULL, NULL);
    g_autoptr(HoneModel) m = g_new0(HoneModel, 1);
    m->backend = backend;
    m->path = g_strdup(path);
    m->checkpoint = hone_checkpoint_open(path, error);
    if (m->checkpoint == NULL || !config_read(m, error))
        return NULL;
    m->tokenizer = hone_checkpoint_tokenizer(m->checkpoint, error);
    if (m->tokenizer == NULL || !check_vocabulary(m, error))
        return NULL;
    m->chat = hone_checkpoint_chat(m->checkpoint, m->tokenizer, &m->chat_error);
    m->layers = g_new0(Layer, m->config.layers);
    parameters_list(m);
    if (!weights_load(m, progress, error))
        return NULL;
    return g_steal_pointer(&m);
}

void hone_model_free(HoneModel *m)
{
    if (m == NULL)
        return;
    if (m->has_adapter)
        adapter_remove(m);
    trainables_free(m);
    weights_release(m);
    arena_release(m->backend, &m->trained_values);
    arena_release(m->backend, &m->trained_gradients);
    for (size_t i = 0; i < MAX_ROPE; i++)
        arena_release(m->backend, &m->rope_memory[i]);
    arena_release(m->backend, &m->kept);
    arena_release(m->backend, &m->transient);
    g_clear_pointer(&m->chat, hone_chat_free);
    g_clear_pointer(&m->tokenizer, hone_tokenizer_free);
    g_clear_error(&m->chat_error);
    parameters_free(m);
    config_free(m);
    g_clear_pointer(&m->checkpoint, hone_checkpoint_free);
    g_free(m->layers);
    g_free(m->path);
    g_free(m);
}

const HoneModelConfig *hone_model_config(const HoneModel *m)
{
    return &m->config;
}

const HoneTokenizer *hone_model_tokenizer(const HoneModel *m)
{
    return m->tokenizer;
}

const HoneChat *hone_model_chat(const HoneModel *m, GError **error)
{
    if (m->chat == NULL && error != NULL)
        *error = g_error_copy(m->chat_error);
    return m->chat;
}

HoneBackend *hone_model_backend(const HoneModel *m)
{
    return m->backend;
}

const char *hone_model_path(const HoneModel *m)
{
    return m->path;
}

size_t hone_model_mapped_bytes(const HoneModel *m)
{
    return m->mapped_bytes;
}

/* ---- The primitive. ---- */

static bool all_finite(const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

bool hone_model_forward(HoneModel *m, const HoneBatch *batch, const HoneForward *options, float *logprob,
                        GError **error)
{
    g_return_val_if_fail(m != NULL && batch != NULL && options != NULL && logprob != NULL, false);
    g_return_val_if_fail(batch->targets != NULL, false);
    if (m->trains_weights && options->adapter_off) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "The model as it was before training is not there: its weights are trained in place. Open it a "
                    "second time as the reference, or train an adapter.");
        return false;
    }
    if (options->keep && !m->trains_weights && (!m->has_adapter || options->adapter_off)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "There is nothing to train: the model has no adapter, or it is switched off.");
        return false;
    }
    if (options->keep)
        g_clear_pointer(&m->pass, pass_free);
    g_autoptr(Pass) p = pass_new(m, PASS_PACKED, batch, options, NULL, error);
    if (p == NULL)
        return false;
    layers_forward(p);
    head_forward(p, options->keep ? options->known_derivative : NULL);
    if (!hone_backend_download(m->backend, logprob, p->logprob, error))
        return false;
    if (p->n_candidates > 0 && !candidates_forward(p, options->candidate_logprob, error))
        return false;
    if (!all_finite(logprob, batch->n_targets)) {
        diverged(m, batch, options, error);
        return false;
    }
    if (options->keep)
        m->pass = g_steal_pointer(&p);
    return true;
}

/* From the derivative by the hidden state on. */
static bool finish_backward(HoneModel *m, GError **error)
{
    layers_backward(m->pass);
    /* The backward wrote over what the forward kept. */
    g_clear_pointer(&m->pass, pass_free);
    return m->backend->ops->sync(m->backend->stream, error);
}

bool hone_model_backward(HoneModel *m, const float *derivative, GError **error)
{
    g_return_val_if_fail(m != NULL && m->pass != NULL, false);
    g_return_val_if_fail(m->pass->d_hidden_known == (derivative == NULL), false);
    if (derivative != NULL)
        head_backward(m->pass, derivative);
    return finish_backward(m, error);
}

bool hone_model_backward_candidates(HoneModel *m, const float *derivative, const float *candidate_derivative,
                                    GError **error)
{
    g_return_val_if_fail(m != NULL && m->pass != NULL && m->pass->n_candidates > 0 && derivative != NULL, false);
    head_backward(m->pass, derivative);
    return candidates_backward(m->pass, candidate_derivative, error) && finish_backward(m, error);
}

bool hone_model_logits_each(HoneModel *m, const HoneBatch *batch, HoneLogitsFunc func, void *data, GError **error)
{
    g_return_val_if_fail(m != NULL && batch != NULL && func != NULL, false);
    HoneForward options = {.size = sizeof(options)};
    g_autoptr(Pass) p = pass_new(m, PASS_PACKED, batch, &options, NULL, error);
    if (p == NULL)
        return false;
    layers_forward(p);
    return head_logits_each(p, func, data, error);
}

bool hone_model_logits(HoneModel *m, const HoneBatch *batch, float *logits, GError **error)
{
    g_return_val_if_fail(m != NULL && batch != NULL && logits != NULL, false);
    HoneForward options = {.size = sizeof(options)};
    g_autoptr(Pass) p = pass_new(m, PASS_PACKED, batch, &options, NULL, error);
    if (p == NULL)
        return false;
    layers_forward(p);
    return head_logits(p, logits, error);
}

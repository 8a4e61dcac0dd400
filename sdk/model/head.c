/* SPDX-License-Identifier: Apache-2.0
 * head.c: from hidden states to log-probabilities and back, a chunk of rows at a time: the logits of a whole batch
 * would take 4·V bytes a token, 200 MB for 1,024 tokens of a small model.
 *
 *     logits = [cap](s·hidden·Wᵀ);  dhidden = s·dlogits·W;  dW += s·dlogitsᵀ·hidden
 */
#include "internal.h"

float head_scale(const Pass *p)
{
    double scale = p->model->config.logit_scale;
    return scale > 0 ? (float)scale : 1;
}

static void product(Pass *p, HoneTensor logits, size_t first, size_t count)
{
    HoneBackend *b = p->model->backend;
    b->ops->gemm(b->stream, logits, hone_tensor_rows(p->hidden, first, count), p->model->head.value, HONE_TRANS_B,
                 head_scale(p), 0);
}

static void logprob_of(Pass *p, HoneTensor logits, size_t first, size_t count)
{
    HoneBackend *b = p->model->backend;
    product(p, logits, first, count);
    b->ops->logprob(b->stream, hone_tensor_rows(p->logprob, first, count), hone_tensor_rows(p->lse_head, first, count),
                    logits, hone_tensor_rows(p->targets, first, count), (float)p->model->config.logit_cap);
}

static void derivative_of(Pass *p, HoneTensor logits, size_t first, size_t count)
{
    HoneBackend *b = p->model->backend;
    const Weight *head = &p->model->head;
    HoneTensor hidden = hone_tensor_rows(p->hidden, first, count);
    b->ops->logprob_bwd(b->stream, logits, hone_tensor_rows(p->lse_head, first, count),
                        hone_tensor_rows(p->targets, first, count), hone_tensor_rows(p->d_logprob, first, count),
                        (float)p->model->config.logit_cap);
    b->ops->gemm(b->stream, hone_tensor_rows(p->d_hidden, first, count), logits, head->value, 0, head_scale(p), 0);
    if (head->gradient.buffer != NULL)
        b->ops->gemm(b->stream, head->gradient, logits, hidden, HONE_TRANS_A, head_scale(p), 1);
}

static void upload_derivative(Pass *p, const float *derivative)
{
    HoneBackend *b = p->model->backend;
    b->ops->upload(b->stream, p->d_logprob.buffer, p->d_logprob.offset, derivative, p->m * sizeof(float));
}

void head_forward(Pass *p, const float *known)
{
    pass_norm(p, p->hidden, (HoneTensor){0}, p->final, &p->model->output_norm);
    if (known != NULL)
        upload_derivative(p, known);
    for (size_t first = 0; first < p->m; first += p->chunk) {
        size_t count = MIN(p->chunk, p->m - first);
        HoneTensor logits = hone_tensor_rows(p->logits, 0, count);
        logprob_of(p, logits, first, count);
        if (known != NULL)
            derivative_of(p, logits, first, count);
    }
    p->d_hidden_known = known != NULL;
}

void head_backward(Pass *p, const float *derivative)
{
    upload_derivative(p, derivative);
    for (size_t first = 0; first < p->m; first += p->chunk) {
        size_t count = MIN(p->chunk, p->m - first);
        HoneTensor logits = hone_tensor_rows(p->logits, 0, count);
        logprob_of(p, logits, first, count);
        derivative_of(p, logits, first, count);
    }
}

/* The chunk's logits as the model gives them, on their way to `out`. */
static void download_logits(Pass *p, size_t first, size_t count, float *out)
{
    HoneBackend *b = p->model->backend;
    HoneTensor logits = hone_tensor_rows(p->logits, 0, count);
    product(p, logits, first, count);
    if (p->model->config.logit_cap > 0)
        b->ops->soft_cap(b->stream, logits, (float)p->model->config.logit_cap);
    b->ops->download(b->stream, out, logits.buffer, logits.offset, hone_tensor_bytes(logits));
}

bool head_logits(Pass *p, float *out, GError **error)
{
    HoneBackend *b = p->model->backend;
    pass_norm(p, p->hidden, (HoneTensor){0}, p->final, &p->model->output_norm);
    for (size_t first = 0; first < p->m; first += p->chunk)
        download_logits(p, first, MIN(p->chunk, p->m - first), out + first * p->model->config.vocab);
    return b->ops->sync(b->stream, error);
}

bool head_logits_each(Pass *p, HoneLogitsFunc func, void *data, GError **error)
{
    HoneBackend *b = p->model->backend;
    g_autofree float *host = g_new(float, p->chunk * p->model->config.vocab);
    pass_norm(p, p->hidden, (HoneTensor){0}, p->final, &p->model->output_norm);
    for (size_t first = 0; first < p->m; first += p->chunk) {
        size_t count = MIN(p->chunk, p->m - first);
        download_logits(p, first, count, host);
        if (!b->ops->sync(b->stream, error))
            return false;
        if (!func(first, count, host, data))
            break;
    }
    return true;
}

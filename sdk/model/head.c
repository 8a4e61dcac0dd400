/* SPDX-License-Identifier: Apache-2.0
 * head.c: from hidden states to log-probabilities and back, a chunk of rows at a time: the logits of a whole batch
 * would take 4·V bytes a token, 200 MB for 1,024 tokens of a small model.
 */
#include "internal.h"

static void product(Pass *p, HoneTensor logits, size_t first, size_t count)
{
    HoneBackend *b = p->model->backend;
    b->ops->gemm(b->stream, logits, hone_tensor_rows(p->hidden, first, count), p->model->head, HONE_TRANS_B, 1, 0);
    b->ops->logprob(b->stream, hone_tensor_rows(p->logprob, first, count), hone_tensor_rows(p->lse_head, first, count),
                    logits, hone_tensor_rows(p->targets, first, count), 0);
}

static void derivative_of(Pass *p, HoneTensor logits, size_t first, size_t count)
{
    HoneBackend *b = p->model->backend;
    b->ops->logprob_bwd(b->stream, logits, hone_tensor_rows(p->lse_head, first, count),
                        hone_tensor_rows(p->targets, first, count), hone_tensor_rows(p->d_logprob, first, count), 0);
    b->ops->gemm(b->stream, hone_tensor_rows(p->d_hidden, first, count), logits, p->model->head, 0, 1, 0);
}

static void upload_derivative(Pass *p, const float *derivative)
{
    HoneBackend *b = p->model->backend;
    b->ops->upload(b->stream, p->d_logprob.buffer, p->d_logprob.offset, derivative, p->m * sizeof(float));
}

void head_forward(Pass *p, const float *known)
{
    pass_norm(p, p->hidden, (HoneTensor){0}, p->final, p->model->output_norm);
    if (known != NULL)
        upload_derivative(p, known);
    for (size_t first = 0; first < p->m; first += p->chunk) {
        size_t count = MIN(p->chunk, p->m - first);
        HoneTensor logits = hone_tensor_rows(p->logits, 0, count);
        product(p, logits, first, count);
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
        product(p, logits, first, count);
        derivative_of(p, logits, first, count);
    }
}

bool head_logits(Pass *p, float *out, GError **error)
{
    HoneBackend *b = p->model->backend;
    size_t vocab = p->model->config.vocab;
    pass_norm(p, p->hidden, (HoneTensor){0}, p->final, p->model->output_norm);
    for (size_t first = 0; first < p->m; first += p->chunk) {
        size_t count = MIN(p->chunk, p->m - first);
        HoneTensor logits = hone_tensor_rows(p->logits, 0, count);
        b->ops->gemm(b->stream, logits, hone_tensor_rows(p->hidden, first, count), p->model->head, HONE_TRANS_B, 1, 0);
        b->ops->download(b->stream, out + first * vocab, logits.buffer, logits.offset, hone_tensor_bytes(logits));
    }
    return b->ops->sync(b->stream, error);
}

/* SPDX-License-Identifier: Apache-2.0
 * candidates.c: log-probabilities of several ids at one row, and back, from the same logits.
 *
 *     log p_j = z_j - lse,  z = [cap](s·hidden·Wᵀ)/T
 *     dz_i = Σ_j g_j·(1[i = id_j] - p_i)       from g_j = d(loss)/d(log p_j)
 *
 * With G = Σ g_j that is what logprob_bwd gives for one target y of derivative G, G·(1[i = y] - p_i), and g_j more at
 * each candidate, G less at y. So rows need no second softmax, and no backend an operator for it: single logits are
 * rows of one value of the table [rows·V, 1].
 */
#include "internal.h"

static float logit_scale(const Pass *p)
{
    return head_scale(p) / (float)p->temperature;
}

/* c·tanh(z/c)/T is the cap c/T of z/T. */
static float cap_of(const Pass *p)
{
    return (float)(p->model->config.logit_cap / p->temperature);
}

/* A row's candidates, and its target. */
static size_t per_row(const Pass *p)
{
    return p->n_candidates + 1;
}

static HoneTensor single_logits(const Pass *p, HoneTensor logits)
{
    return hone_tensor_reshape(logits, 2, (const size_t[]){logits.shape[0] * p->model->config.vocab, 1});
}

static HoneTensor column(HoneTensor values)
{
    return hone_tensor_reshape(values, 2, (const size_t[]){values.shape[0], 1});
}

/* The chunk's logits at the temperature, capped, and their log-sum-exp. */
static HoneTensor chunk_logits(Pass *p, size_t first, size_t count)
{
    HoneBackend *b = p->model->backend;
    HoneTensor logits = hone_tensor_rows(p->logits, 0, count);
    b->ops->gemm(b->stream, logits, hone_tensor_rows(p->hidden, first, count), p->model->head.value, HONE_TRANS_B,
                 logit_scale(p), 0);
    b->ops->logprob(b->stream, hone_tensor_rows(p->candidate_target, first, count),
                    hone_tensor_rows(p->candidate_lse, first, count), logits,
                    hone_tensor_rows(p->targets, first, count), cap_of(p));
    return logits;
}

bool candidates_forward(Pass *p, float *logprob, GError **error)
{
    HoneBackend *b = p->model->backend;
    size_t n = p->n_candidates, each = per_row(p);
    g_autofree float *lse = g_new(float, p->m);
    for (size_t first = 0; first < p->m; first += p->chunk) {
        size_t count = MIN(p->chunk, p->m - first);
        HoneTensor logits = chunk_logits(p, first, count);
        b->ops->gather_rows(b->stream, column(hone_tensor_rows(p->candidate_values, first * each, count * each)),
                            single_logits(p, logits), hone_tensor_rows(p->candidate_index, first * each, count * each));
    }
    if (!hone_backend_download(b, p->host_values, p->candidate_values, error) ||
        !hone_backend_download(b, lse, p->candidate_lse, error))
        return false;
    for (size_t k = 0; k < p->m; k++)
        for (size_t j = 0; j < n; j++)
            logprob[k * n + j] = p->host_values[k * each + j] - lse[k];
    return true;
}

/* From logits to what is added to the derivative by them, in host_values. total [M]: G. */
static void set_additions(Pass *p, const float *derivative, float *total)
{
    size_t n = p->n_candidates;
    float cap = cap_of(p);
    for (size_t k = 0; k < p->m; k++) {
        float *values = p->host_values + k * per_row(p);
        double sum = 0;
        for (size_t j = 0; j < n; j++)
            sum += (double)derivative[k * n + j];
        total[k] = (float)sum;
        for (size_t j = 0; j <= n; j++) {
            float share = values[j] / cap, slope = cap > 0 ? 1 - share * share : 1;
            values[j] = (j < n ? derivative[k * n + j] : -total[k]) * slope;
        }
    }
}

bool candidates_backward(Pass *p, const float *derivative, GError **error)
{
    HoneBackend *b = p->model->backend;
    const Weight *head = &p->model->head;
    size_t each = per_row(p);
    g_autofree float *total = g_new(float, p->m);
    set_additions(p, derivative, total);
    b->ops->upload(b->stream, p->candidate_values.buffer, p->candidate_values.offset, p->host_values,
                   hone_tensor_bytes(p->candidate_values));
    b->ops->upload(b->stream, p->d_logprob.buffer, p->d_logprob.offset, total, p->m * sizeof(float));
    for (size_t first = 0; first < p->m; first += p->chunk) {
        size_t count = MIN(p->chunk, p->m - first);
        HoneTensor logits = chunk_logits(p, first, count), hidden = hone_tensor_rows(p->hidden, first, count);
        b->ops->logprob_bwd(b->stream, logits, hone_tensor_rows(p->candidate_lse, first, count),
                            hone_tensor_rows(p->targets, first, count), hone_tensor_rows(p->d_logprob, first, count),
                            cap_of(p));
        b->ops->scatter_rows(b->stream, single_logits(p, logits),
                             column(hone_tensor_rows(p->candidate_values, first * each, count * each)),
                             hone_tensor_rows(p->candidate_index, first * each, count * each), true);
        b->ops->gemm(b->stream, hone_tensor_rows(p->d_hidden, first, count), logits, head->value, 0, logit_scale(p), 1);
        if (head->gradient.buffer != NULL)
            b->ops->gemm(b->stream, head->gradient, logits, hidden, HONE_TRANS_A, logit_scale(p), 1);
    }
    return b->ops->sync(b->stream, error); /* total goes */
}

/* SPDX-License-Identifier: Apache-2.0
 * batch.c: what a batch must be before a pass trusts its indices.
 */
#include "internal.h"

static bool fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool fail(GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "A batch of tokens is not possible: %s.", text);
    return false;
}

bool batch_check(const HoneModel *model, const HoneBatch *batch, GError **error)
{
    const HoneModelConfig *c = &model->config;
    if (batch->n_tokens < 1 || batch->n_tokens > INT32_MAX || batch->n_sequences < 1 || batch->n_targets < 1)
        return fail(error, "%zu tokens, %zu sequences, %zu targets", batch->n_tokens, batch->n_sequences,
                    batch->n_targets);
    if (batch->n_sequences > batch->n_tokens || batch->n_targets > batch->n_tokens || batch->starts[0] != 0 ||
        batch->starts[batch->n_sequences] != (int32_t)batch->n_tokens)
        return fail(error, "the sequences do not cover the %zu tokens", batch->n_tokens);
    for (size_t s = 0; s < batch->n_sequences; s++) {
        int64_t length = (int64_t)batch->starts[s + 1] - batch->starts[s];
        if (length < 1)
            return fail(error, "sequence %zu has %" G_GINT64_FORMAT " tokens", s, length);
        if (batch->positions == NULL && (size_t)length > c->context)
            return fail(error, "sequence %zu has %" G_GINT64_FORMAT " tokens; the model's context is %zu", s, length,
                        c->context);
    }
    for (size_t i = 0; i < batch->n_tokens; i++) {
        if (batch->ids[i] < 0 || (size_t)batch->ids[i] >= c->vocab)
            return fail(error, "token %zu is %d; the vocabulary has %zu", i, batch->ids[i], c->vocab);
        if (batch->positions != NULL && (batch->positions[i] < 0 || (size_t)batch->positions[i] >= c->context))
            return fail(error, "token %zu stands at position %d; the model's context is %zu", i, batch->positions[i],
                        c->context);
    }
    for (size_t k = 0; k < batch->n_targets; k++) {
        int32_t row = batch->target_rows[k];
        if (row < 0 || (size_t)row >= batch->n_tokens || (k > 0 && row <= batch->target_rows[k - 1]))
            return fail(error, "target %zu stands at row %d of %zu; rows must ascend", k, row, batch->n_tokens);
        if (batch->targets != NULL && (batch->targets[k] < 0 || (size_t)batch->targets[k] >= c->vocab))
            return fail(error, "target %zu is token %d; the vocabulary has %zu", k, batch->targets[k], c->vocab);
    }
    bool more = batch->size >= offsetof(HoneBatch, candidates) + sizeof batch->candidates;
    if (more && batch->n_candidates >= c->vocab)
        return fail(error, "%zu candidates; the vocabulary has %zu", batch->n_candidates, c->vocab);
    for (size_t i = 0; more && i < batch->n_targets * batch->n_candidates; i++)
        if (batch->candidates[i] < 0 || (size_t)batch->candidates[i] >= c->vocab)
            return fail(error, "candidate %zu is token %d; the vocabulary has %zu", i, batch->candidates[i], c->vocab);
    return true;
}

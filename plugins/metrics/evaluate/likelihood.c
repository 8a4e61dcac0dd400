/* SPDX-License-Identifier: Apache-2.0
 * likelihood.c: the log-probability of each row's wanted answer, in packed batches of bounded size.
 *
 * The batches are a function of the rows alone and each is one line of the journal, so a run that was killed computes
 * the same batches as one that was not, and its numbers are the same to the last bit.
 */
#include "evaluate.h"
#include <math.h>

#define BATCH_TOKENS 2048 /* a row longer than that is a batch of its own */

typedef struct Packed {
    GArray *ids, *starts, *target_rows, *targets; /* int32_t */
} Packed;

static void packed_clear(Packed *packed)
{
    g_clear_pointer(&packed->ids, g_array_unref);
    g_clear_pointer(&packed->starts, g_array_unref);
    g_clear_pointer(&packed->target_rows, g_array_unref);
    g_clear_pointer(&packed->targets, g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Packed, packed_clear)

static void packed_add(Packed *packed, const HoneTokens *tokens)
{
    int32_t start = (int32_t)packed->ids->len, end;

    if (!tokens) {
        return;
    }
    g_array_append_vals(packed->ids, tokens->ids->data, tokens->ids->len);
    end = (int32_t)packed->ids->len;
    g_array_append_val(packed->starts, end);
    for (guint t = 1; t < tokens->ids->len; t++) {
        if (g_array_index(tokens->weights, float, t) > 0) {
            int32_t before = start + (int32_t)t - 1;

            g_array_append_val(packed->target_rows, before);
            g_array_append_val(packed->targets, g_array_index(tokens->ids, int32_t, t));
        }
    }
}

/* Rows [first, result) make one batch. */
static guint batch_end(const EvalRows *rows, guint first)
{
    size_t tokens = 0;
    guint end = first;

    while (end < rows->rows->len) {
        const EvalRow *row = rows->rows->pdata[end];

        tokens += eval_row_length(row);
        if (end > first && tokens > BATCH_TOKENS) {
            break;
        }
        end++;
    }
    return end;
}

static bool compute(EvalWork *work, guint first, guint end, GError **error)
{
    int32_t zero = 0;
    g_auto(Packed) packed = {
        .ids = g_array_new(FALSE, FALSE, sizeof(int32_t)),
        .starts = g_array_new(FALSE, FALSE, sizeof(int32_t)),
        .target_rows = g_array_new(FALSE, FALSE, sizeof(int32_t)),
        .targets = g_array_new(FALSE, FALSE, sizeof(int32_t)),
    };
    HoneForward forward = {.size = sizeof forward};
    HoneBatch batch = {.size = sizeof batch};
    g_autofree float *logprob = NULL;
    size_t k = 0;

    g_array_append_val(packed.starts, zero);
    for (guint i = first; i < end; i++) {
        const EvalRow *row = work->rows->rows->pdata[i];

        packed_add(&packed, row->tokens);
        packed_add(&packed, row->rejected);
    }
    batch.n_tokens = packed.ids->len;
    batch.ids = (const int32_t *)(void *)packed.ids->data;
    batch.n_sequences = packed.starts->len - 1;
    batch.starts = (const int32_t *)(void *)packed.starts->data;
    batch.n_targets = packed.targets->len;
    batch.target_rows = (const int32_t *)(void *)packed.target_rows->data;
    batch.targets = (const int32_t *)(void *)packed.targets->data;
    logprob = g_new(float, batch.n_targets + 1);
    if (batch.n_targets > 0 && !hone_model_forward(work->model, &batch, &forward, logprob, error)) {
        return false;
    }
    for (guint i = first; i < end; i++) {
        EvalRow *row = work->rows->rows->pdata[i];

        row->logprob = 0;
        for (size_t t = 0; t < row->n_targets; t++) {
            row->logprob += logprob[k++];
        }
        row->rejected_logprob = 0;
        for (size_t t = 0; t < row->n_rejected; t++) {
            row->rejected_logprob += logprob[k++];
        }
    }
    return true;
}

static JsonObject *record_of(const EvalRows *rows, guint first, guint end)
{
    JsonObject *record = json_object_new();
    JsonArray *values = json_array_new();

    for (guint i = first; i < end; i++) {
        const EvalRow *row = rows->rows->pdata[i];

        json_array_add_double_element(values, row->logprob);
        if (row->rejected) {
            json_array_add_double_element(values, row->rejected_logprob);
        }
    }
    json_object_set_int_member(record, "first", first);
    json_object_set_array_member(record, "logprob", values);
    return record;
}

/* False where the record is not of rows [first, end): then the batch is computed again. */
static bool restore(EvalRows *rows, JsonObject *record, guint first, guint end)
{
    JsonNode *node = json_object_get_member(record, "logprob");
    JsonArray *values = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

    guint wanted = 0, at = 0;

    for (guint i = first; i < end; i++) {
        const EvalRow *row = rows->rows->pdata[i];

        wanted += row->rejected ? 2 : 1;
    }
    if (json_object_get_int_member_with_default(record, "first", -1) != first || !values ||
        json_array_get_length(values) != wanted) {
        return false;
    }
    for (guint i = first; i < end; i++) {
        EvalRow *row = rows->rows->pdata[i];

        row->logprob = json_array_get_double_element(values, at++);
        if (row->rejected) {
            row->rejected_logprob = json_array_get_double_element(values, at++);
        }
    }
    return true;
}

bool eval_likelihood(EvalWork *work, GError **error)
{
    g_autoptr(Journal) journal = eval_journal(work, "logprob.jsonl", error);
    gint64 begun = g_get_monotonic_time();
    double nll = 0;
    size_t targets = 0, tokens = 0;
    guint kept;

    if (!journal) {
        return false;
    }
    kept = journal_records(journal)->len;
    for (guint first = 0, end, batch = 0; first < work->rows->rows->len; first = end, batch++) {
        end = batch_end(work->rows, first);
        if (hone_stage_cancelled(work->stage)) {
            return hone_stage_stop(work->stage, error);
        }
        if (batch >= kept || !restore(work->rows, journal_records(journal)->pdata[batch], first, end)) {
            kept = 0;
            if (!compute(work, first, end, error) || !journal_add(journal, record_of(work->rows, first, end), error)) {
                return false;
            }
            for (guint i = first; i < end; i++) {
                const EvalRow *row = work->rows->rows->pdata[i];

                tokens += eval_row_length(row);
            }
        }
        for (guint i = first; i < end; i++) {
            const EvalRow *row = work->rows->rows->pdata[i];

            nll -= row->logprob;
            targets += row->n_targets;
        }
        hone_progress_step(hone_stage_progress(work->stage), work->done + end, work->total, "rows", "perplexity",
                           exp(nll / (double)MAX(targets, 1)), "tokens_per_s",
                           (double)tokens * 1e6 / (double)MAX(g_get_monotonic_time() - begun, 1), NULL);
    }
    work->done += work->rows->rows->len;
    return true;
}

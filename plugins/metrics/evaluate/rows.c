/* SPDX-License-Identifier: Apache-2.0
 * rows.c: which rows are evaluated. Every row that is not is counted and told.
 */
#include "evaluate.h"

static void eval_row_free(EvalRow *row)
{
    hone_row_free(row->row);
    hone_tokens_free(row->tokens);
    hone_tokens_free(row->rejected);
    g_free(row->prediction);
    g_free(row);
}

void eval_rows_clear(EvalRows *rows)
{
    g_clear_pointer(&rows->rows, g_ptr_array_unref);
}

/* The tokens that bear loss, and the bytes they stand for: special tokens stand for none. */
static void count_targets(EvalRow *row, const HoneTokenizer *tokenizer)
{
    for (guint t = 1; t < row->tokens->ids->len; t++) {
        int32_t id = g_array_index(row->tokens->ids, int32_t, t);
        size_t length;

        if (!(g_array_index(row->tokens->weights, float, t) > 0)) {
            continue;
        }
        row->n_targets++;
        if (!hone_tokenizer_is_special(tokenizer, id)) {
            hone_tokenizer_piece(tokenizer, id, &length);
            row->n_bytes += length;
        }
    }
}

size_t eval_row_length(const EvalRow *row)
{
    return (row->tokens ? row->tokens->ids->len : 0) + (row->rejected ? row->rejected->ids->len : 0);
}

static void tell(HoneStage *stage, size_t count, size_t total, const char *why)
{
    if (count > 0) {
        hone_progress_note(hone_stage_progress(stage), HONE_NOTE_WARNING, "%zu of %zu rows left out: %s", count, total,
                           why);
    }
}

static HoneTokens *encode(const HoneModel *model, const HoneRow *row, const GPtrArray *messages, GError **error)
{
    const HoneChat *chat;

    if (hone_row_text(row)) {
        const HoneMessage *document = row->messages->pdata[0];

        return hone_document_encode(hone_model_tokenizer(model), document->content, document->weight, true, error);
    }
    chat = hone_model_chat(model, error);
    return chat ? hone_chat_encode_with(chat, messages, row->tools, error) : NULL;
}

/* A row of preferences: its answers, each after the prompt. */
static bool add_judged(EvalRows *rows, HoneRow *taken, const HoneModel *model, GError **error)
{
    const HoneChat *chat = hone_model_chat(model, error);
    EvalRow *added = g_new0(EvalRow, 1);

    added->row = taken;
    if (!chat || (taken->chosen && !(added->tokens = hone_chat_encode_answer(chat, taken, taken->chosen, error))) ||
        (taken->rejected && !(added->rejected = hone_chat_encode_answer(chat, taken, taken->rejected, error)))) {
        g_prefix_error(error, "row \"%s\": ", taken->id);
        eval_row_free(added);
        return false;
    }
    if ((added->tokens && added->tokens->ids->len > hone_model_config(model)->context) ||
        (added->rejected && added->rejected->ids->len > hone_model_config(model)->context)) {
        rows->too_long++;
        eval_row_free(added);
        return true;
    }
    if (added->tokens) {
        count_targets(added, hone_model_tokenizer(model));
    }
    for (guint t = 1; added->rejected && t < added->rejected->ids->len; t++) {
        added->n_rejected += g_array_index(added->rejected->weights, float, t) > 0;
    }
    rows->preferences++;
    g_ptr_array_add(rows->rows, added);
    return true;
}

static bool add_row(EvalRows *rows, HoneRow *taken, const GPtrArray *shots, size_t n_shots, const HoneModel *model,
                    GError **error)
{
    g_autoptr(HoneRow) row = taken;
    g_autoptr(GPtrArray) messages = NULL;
    g_autoptr(HoneTokens) tokens = NULL;
    EvalRow *added;

    if (row->chosen || row->rejected) {
        return add_judged(rows, g_steal_pointer(&row), model, error);
    }
    if (!hone_row_reference(row)) {
        rows->without_answer++;
        return true;
    }
    messages = eval_shots_before(shots, n_shots, row);
    tokens = encode(model, row, messages, error);
    if (!tokens) {
        g_prefix_error(error, "row \"%s\": ", row->id);
        return false;
    }
    if (tokens->ids->len > hone_model_config(model)->context) {
        rows->too_long++;
        return true;
    }
    added = g_new0(EvalRow, 1);
    rows->documents += hone_row_text(row) != NULL;
    added->row = g_steal_pointer(&row);
    added->tokens = g_steal_pointer(&tokens);
    count_targets(added, hone_model_tokenizer(model));
    g_ptr_array_add(rows->rows, added);
    return true;
}

bool eval_rows_read(EvalRows *rows, HoneStage *stage, HoneModel *model, const EvaluateParams *params, GError **error)
{
    HoneArtifact *dataset = hone_stage_input(stage, "dataset");
    g_autoptr(HoneRowReader) reader = hone_row_reader_open(dataset, error);
    g_autoptr(GPtrArray) shots = NULL;
    g_autofree char *context =
        g_strdup_printf("longer than the model's context of %zu tokens", hone_model_config(model)->context);
    g_autoptr(GError) problem = NULL;
    size_t total = 0;
    HoneRow *row;

    if (!reader || !(shots = eval_shots_read(stage, params, error))) {
        return false;
    }
    rows->rows = g_ptr_array_new_with_free_func((GDestroyNotify)eval_row_free);
    while ((row = hone_row_reader_next(reader, &problem))) {
        total++;
        if (params->limit > 0 && rows->rows->len >= (size_t)params->limit) {
            rows->over_limit++;
            hone_row_free(row);
        } else if (!add_row(rows, row, shots, (size_t)params->shots, model, error)) {
            return false;
        }
    }
    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return false;
    }
    tell(stage, rows->without_answer, total, "no assistant message to compare with");
    tell(stage, rows->too_long, total, context);
    if (rows->rows->len == 0) {
        g_set_error(
            error, HONE_ERROR, HONE_ERROR_INVALID,
            "%s: %s has no row that can be evaluated (%zu rows, %zu without an assistant message, %zu too long)",
            hone_stage_name(stage), hone_artifact_label(dataset), total, rows->without_answer, rows->too_long);
        return false;
    }
    return true;
}

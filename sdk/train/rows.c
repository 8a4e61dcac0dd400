/* SPDX-License-Identifier: Apache-2.0
 * rows.c: reads a dataset into examples, and tells what became of its rows.
 *
 * A wrong mask trains on the wrong text and shows nowhere: so the first row is printed with its trained text marked,
 * every row that is left out is counted, and a dataset in which no token bears loss is an error.
 */
#include "internal.h"
#include <string.h>

/* ---- What is told. ---- */

#define PREVIEW_SEGMENT 300 /* characters of one stretch of text */

static void append_shortened(GString *out, const GString *segment)
{
    g_autofree char *text = g_utf8_make_valid(segment->str, (gssize)segment->len);
    glong length = g_utf8_strlen(text, -1);
    if (length <= PREVIEW_SEGMENT) {
        g_string_append(out, text);
        return;
    }
    g_autofree char *head = g_utf8_substring(text, 0, PREVIEW_SEGMENT / 2);
    g_autofree char *tail = g_utf8_substring(text, length - PREVIEW_SEGMENT / 2, length);
    g_string_append_printf(out, "%s … %s", head, tail);
}

/* Sequence i as text, its trained stretches between ⟦ and ⟧. */
static GString *preview(const Examples *examples, size_t i, const HoneTokenizer *tokenizer)
{
    GString *out = g_string_new(NULL);
    size_t start = g_array_index(examples->starts, size_t, i), k = g_array_index(examples->targets, size_t, i);
    size_t length = g_array_index(examples->starts, size_t, i + 1) - start;
    size_t n = g_array_index(examples->targets, size_t, i + 1);
    const int32_t *ids = (const int32_t *)(void *)examples->ids->data + start;
    const int32_t *rows = (const int32_t *)(void *)examples->rows->data;
    for (size_t t = 0; t < length;) {
        bool trained = k < n && (size_t)rows[k] + 1 == t;
        size_t from = t;
        while (t < length && (k < n && (size_t)rows[k] + 1 == t) == trained) {
            k += trained;
            t++;
        }
        GString *segment = hone_tokenizer_decode(tokenizer, ids + from, t - from, true);
        g_string_append(out, trained ? "⟦" : "");
        append_shortened(out, segment);
        g_string_append(out, trained ? "⟧" : "");
        g_string_free(segment, TRUE);
    }
    return out;
}

void examples_show(const Examples *examples, const HoneTokenizer *tokenizer, HoneProgress *progress)
{
    static const char *const names[] = {"", ", chosen", ", rejected"};
    for (size_t i = 0; i < examples_first(examples, 1); i++) {
        g_autoptr(GString) text = preview(examples, i, tokenizer);
        hone_progress_note(progress, HONE_NOTE_INFO, "first row%s, trained text in ⟦ ⟧: %s",
                           names[g_array_index(examples->part, uint8_t, i)], text->str);
    }
}

static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

static void note_counts(const Examples *examples, size_t limit, HoneProgress *progress)
{
    g_autofree size_t *lengths = g_new(size_t, examples->n);
    for (size_t i = 0; i < examples->n; i++)
        lengths[i] = examples_length(examples, i);
    qsort(lengths, examples->n, sizeof *lengths, by_size);
    hone_progress_note(progress, HONE_NOTE_INFO,
                       "%zu of %zu rows kept, %zu to %zu tokens long (median %zu); %u of %u tokens bear loss",
                       examples->n, examples->seen, lengths[0], lengths[examples->n - 1], lengths[examples->n / 2],
                       examples->rows->len, examples->ids->len);
    if (examples->over_length)
        hone_progress_note(progress, HONE_NOTE_WARNING, "%zu of %zu rows dropped: longer than %zu tokens",
                           examples->over_length, examples->seen, limit);
    if (examples->truncated)
        hone_progress_note(progress, HONE_NOTE_WARNING, "%zu of %zu rows cut to %zu tokens", examples->truncated,
                           examples->seen, limit);
    if (examples->unlearned)
        hone_progress_note(
            progress, HONE_NOTE_WARNING,
            "%zu answers bear no loss: the chat template writes them otherwise once other messages follow "
            "(without their thoughts, or their tools); make each the last message of a row to train it",
            examples->unlearned);
    if (examples->untrained)
        hone_progress_note(
            progress, HONE_NOTE_WARNING,
            "%zu of %zu rows dropped: no token of theirs bears loss (no assistant message of weight above "
            "0 within %zu tokens)",
            examples->untrained, examples->seen, limit);
}

static bool check_left(const Examples *examples, const char *label, size_t limit, GError **error)
{
    if (examples->n > 0)
        return true;
    if (examples->seen == 0)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: the dataset has no rows, so there is nothing to train on", label);
    else
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: none of %zu rows can be trained on: %zu are longer than %zu tokens (raise max_length, or set "
                    "over_length to truncate), %zu have no token that bears loss (give them an assistant message)",
                    label, examples->seen, examples->over_length, limit, examples->untrained);
    return false;
}

/* ---- Reading. ---- */

HoneTokens *examples_document(const HoneRow *row, const HoneTokenizer *tokenizer, GError **error)
{
    const HoneMessage *text = hone_row_text(row) ? row->messages->pdata[0] : NULL;
    if (text)
        return hone_document_encode(tokenizer, text->content, text->weight, true, error);
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "row \"%s\" holds messages, where raw text is wanted; read it with the format \"text\"", row->id);
    return NULL;
}

static OverLength over_length_of(const HoneTrainParams *params)
{
    return g_str_equal(params->over_length, "fail")       ? OVER_FAIL
           : g_str_equal(params->over_length, "truncate") ? OVER_TRUNCATE
                                                          : OVER_DROP;
}

static bool add_sequences(Examples *examples, const HoneRow *row, HoneTokens *const *tokens, const HonePart *parts,
                          size_t n, size_t limit, OverLength over, GError **error)
{
    for (size_t s = 0; s < n; s++) {
        if (tokens[s] == NULL) {
            g_prefix_error(error, "row \"%s\": ", row->id);
            return false;
        }
        examples->unlearned += tokens[s]->unlearned;
    }
    if (examples_add(examples, tokens, parts, n, limit, over))
        return true;
    guint longest = 0;
    for (size_t s = 0; s < n; s++)
        longest = MAX(longest, tokens[s]->ids->len);
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "row \"%s\" has %u tokens, above the limit of %zu; raise max_length, or set over_length to drop or "
                "truncate",
                row->id, longest, limit);
    return false;
}

static HoneTokens *encode_row(HoneModel *model, const HoneRow *row, GError **error)
{
    if (hone_row_text(row))
        return examples_document(row, hone_model_tokenizer(model), error);
    const HoneChat *chat = hone_model_chat(model, error);
    return chat ? hone_chat_encode_with(chat, row->messages, row->tools, error) : NULL;
}

static bool add_row(Examples *examples, const HoneRow *row, HoneModel *model, size_t limit, OverLength over,
                    GError **error)
{
    static const HonePart part[] = {HONE_PART_ANSWER};
    g_autoptr(HoneTokens) tokens = encode_row(model, row, error);
    return add_sequences(examples, row, (HoneTokens *const[]){tokens}, part, 1, limit, over, error);
}

static bool add_pair(Examples *examples, const HoneRow *row, HoneModel *model, size_t limit, OverLength over,
                     GError **error)
{
    static const HonePart parts[] = {HONE_PART_CHOSEN, HONE_PART_REJECTED};
    if (row->chosen == NULL || row->rejected == NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "row \"%s\" has no chosen and rejected answers; this method learns from such pairs", row->id);
        return false;
    }
    const HoneChat *chat = hone_model_chat(model, error);
    if (!chat)
        return false;
    g_autoptr(HoneTokens) chosen = hone_chat_encode_answer(chat, row, row->chosen, error);
    g_autoptr(HoneTokens) rejected = chosen ? hone_chat_encode_answer(chat, row, row->rejected, error) : NULL;
    return add_sequences(examples, row, (HoneTokens *const[]){chosen, rejected}, parts, 2, limit, over, error);
}

/* Each answer of the row is an example of its own. */
static bool add_judged(Examples *examples, const HoneRow *row, HoneModel *model, size_t limit, OverLength over,
                       GError **error)
{
    const GPtrArray *const answers[] = {row->chosen, row->rejected};
    static const HonePart parts[] = {HONE_PART_CHOSEN, HONE_PART_REJECTED};
    if (row->chosen == NULL && row->rejected == NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "row \"%s\" has neither a chosen nor a rejected answer; this method learns from such answers",
                    row->id);
        return false;
    }
    const HoneChat *chat = hone_model_chat(model, error);
    if (!chat)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        if (answers[i] == NULL)
            continue;
        g_autoptr(HoneTokens) tokens = hone_chat_encode_answer(chat, row, answers[i], error);
        if (!add_sequences(examples, row, (HoneTokens *const[]){tokens}, parts + i, 1, limit, over, error))
            return false;
    }
    return true;
}

Examples *examples_read(HoneArtifact *dataset, HoneModel *model, const HoneTraining *training, HoneProgress *progress,
                        GError **error)
{
    const HoneTrainParams *params = training->params;
    uint32_t flags = training->objective->flags;
    g_autoptr(HoneRowReader) reader = hone_row_reader_open(dataset, error);
    if (!reader)
        return NULL;
    size_t context = hone_model_config(model)->context, limit = MIN((size_t)params->max_length, context);
    if (limit < (size_t)params->max_length)
        hone_progress_note(progress, HONE_NOTE_INFO, "rows are limited to the model's context of %zu tokens", context);
    g_autoptr(Examples) examples = examples_new();
    examples->limit = limit;
    g_autoptr(GError) broken = NULL;
    bool (*add)(Examples *, const HoneRow *, HoneModel *, size_t, OverLength, GError **) =
        flags & HONE_OBJECTIVE_PAIRS    ? add_pair
        : flags & HONE_OBJECTIVE_JUDGED ? add_judged
                                        : add_row;
    for (;;) {
        g_autoptr(HoneRow) row = hone_row_reader_next(reader, &broken);
        if (!row)
            break;
        if ((training->prepare && !training->prepare(training->prepare_data, row, error)) ||
            !add(examples, row, model, limit, over_length_of(params), error)) {
            g_prefix_error(error, "%s: ", hone_artifact_label(dataset));
            return NULL;
        }
        /* Lengths are unsigned int in GArray, and no dataset that fits in memory comes near. */
        if (examples->ids->len > G_MAXINT32) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_MEMORY, "%s: more than %d tokens; split the dataset",
                        hone_artifact_label(dataset), G_MAXINT32);
            return NULL;
        }
    }
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return NULL;
    }
    if (!check_left(examples, hone_artifact_label(dataset), limit, error))
        return NULL;
    note_counts(examples, limit, progress);
    examples_show(examples, hone_model_tokenizer(model), progress);
    return g_steal_pointer(&examples);
}

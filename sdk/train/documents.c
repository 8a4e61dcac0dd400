/* SPDX-License-Identifier: Apache-2.0
 * documents.c: raw text to blocks: documents one after the other, cut where a block is full.
 *
 * No token attends to another document: each stands in its block as a sequence of its own. A document that goes over a
 * block's end goes on in the next, in a context of its own; its piece there begins with the token that the one before
 * ended with, so that every token but a document's first is predicted once.
 */
#include "internal.h"
#include <hone/random.h>

#define SHORTEST 2 /* tokens of a piece: one that is read, one that is predicted */

typedef struct Cutter {
    Examples *examples;
    size_t limit;                   /* tokens of a block */
    GPtrArray *open;                /* of HoneTokens *: the pieces of the block that is filled */
    size_t used;                    /* tokens in it */
    size_t documents, tokens, cuts; /* taken; in them; pieces beyond the first of a document */
    size_t empty;                   /* documents in which no token bears loss */
} Cutter;

static void cutter_init(Cutter *cutter, Examples *examples, size_t limit)
{
    *cutter = (Cutter){
        .examples = examples, .limit = limit, .open = g_ptr_array_new_with_free_func((GDestroyNotify)hone_tokens_free)};
}

static void cutter_clear(Cutter *cutter)
{
    g_clear_pointer(&cutter->open, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Cutter, cutter_clear)

static void close_block(Cutter *cutter)
{
    guint n = cutter->open->len;
    g_autofree HonePart *parts = g_new0(HonePart, n + 1); /* HONE_PART_ANSWER */
    if (n > 0)
        examples_add(cutter->examples, (HoneTokens *const *)cutter->open->pdata, parts, n, cutter->limit, OVER_FAIL);
    g_ptr_array_set_size(cutter->open, 0);
    cutter->used = 0;
}

static HoneTokens *piece_of(const HoneTokens *whole, size_t from, size_t length)
{
    HoneTokens *piece = g_new0(HoneTokens, 1);
    piece->ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    piece->weights = g_array_new(FALSE, FALSE, sizeof(float));
    g_array_append_vals(piece->ids, &g_array_index(whole->ids, int32_t, from), (guint)length);
    g_array_append_vals(piece->weights, &g_array_index(whole->weights, float, from), (guint)length);
    return piece;
}

/* Takes the document's first tokens, at most `most` of them. */
static void cutter_add(Cutter *cutter, const HoneTokens *document, size_t most)
{
    size_t length = MIN(document->ids->len, most);
    /* Of a document all tokens weigh the same. */
    if (length < SHORTEST || !(g_array_index(document->weights, float, length - 1) > 0)) {
        cutter->empty++;
        return;
    }
    cutter->documents++;
    cutter->tokens += length;
    for (size_t from = 0; from + 1 < length;) {
        if (cutter->used + SHORTEST > cutter->limit)
            close_block(cutter);
        size_t take = MIN(length - from, cutter->limit - cutter->used);
        g_ptr_array_add(cutter->open, piece_of(document, from, take));
        cutter->used += take;
        cutter->cuts += from > 0;
        from += take - 1;
    }
}

/* ---- The documents of the domain. ---- */

static bool check_size(const Examples *examples, HoneArtifact *dataset, GError **error)
{
    /* Lengths are unsigned int in GArray, and no dataset that fits in memory comes near. */
    if (examples->ids->len <= G_MAXINT32)
        return true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_MEMORY, "%s: more than %d tokens; split the dataset",
                hone_artifact_label(dataset), G_MAXINT32);
    return false;
}

static bool take(Cutter *cutter, const HoneRow *row, size_t most, const HoneTokenizer *tokenizer, HoneArtifact *dataset,
                 GError **error)
{
    g_autoptr(HoneTokens) document = examples_document(row, tokenizer, error);
    if (!document) {
        g_prefix_error(error, "%s: ", hone_artifact_label(dataset));
        return false;
    }
    cutter_add(cutter, document, most);
    return check_size(cutter->examples, dataset, error);
}

static bool take_all(Cutter *cutter, HoneArtifact *dataset, const HoneTraining *training,
                     const HoneTokenizer *tokenizer, GError **error)
{
    g_autoptr(HoneRowReader) reader = hone_row_reader_open(dataset, error);
    g_autoptr(GError) broken = NULL;
    while (reader) {
        g_autoptr(HoneRow) row = hone_row_reader_next(reader, &broken);
        if (broken) {
            g_propagate_error(error, g_steal_pointer(&broken));
            return false;
        }
        if (!row)
            break;
        if ((training->prepare && !training->prepare(training->prepare_data, row, error)) ||
            !take(cutter, row, SIZE_MAX, tokenizer, dataset, error))
            return false;
    }
    close_block(cutter);
    return reader != NULL;
}

static void tell(const Cutter *cutter, const char *what, HoneProgress *progress)
{
    hone_progress_note(progress, HONE_NOTE_INFO, "%s: %zu documents of %zu tokens, cut at %zu places", what,
                       cutter->documents, cutter->tokens, cutter->cuts);
    if (cutter->empty)
        hone_progress_note(progress, HONE_NOTE_WARNING, "%s: %zu documents dropped: no token of theirs bears loss",
                           what, cutter->empty);
}

/* ---- Replay. ---- */

/* Documents of the general dataset in an order of the seed's, until they make the share of all tokens. */
static bool replay_share(Examples *examples, size_t tokens, HoneArtifact *general, const HoneTraining *training,
                         const HoneTokenizer *tokenizer, size_t limit, HoneProgress *progress, GError **error)
{
    size_t wanted = (size_t)((double)tokens * training->replay / (1 - training->replay) + 0.5);
    g_autoptr(GPtrArray) rows = hone_rows_read(general, error);
    if (!rows)
        return false;
    g_auto(Cutter) cutter = {0};
    cutter_init(&cutter, examples, limit);
    g_autofree uint32_t *order = g_new(uint32_t, rows->len + 1);
    /* No epoch has this number. */
    hone_random_permutation((uint64_t)training->params->seed, HONE_STREAM_SHUFFLE, UINT64_MAX, order, rows->len);
    for (guint i = 0; i < rows->len && cutter.tokens + SHORTEST <= wanted; i++)
        if (!take(&cutter, rows->pdata[order[i]], wanted - cutter.tokens, tokenizer, general, error))
            return false;
    close_block(&cutter);
    tell(&cutter, "replay", progress);
    if (cutter.tokens + SHORTEST <= wanted)
        hone_progress_note(progress, HONE_NOTE_WARNING,
                           "%s has too little text: it makes %.3g of all tokens, not %g; give it more rows, or lower "
                           "replay",
                           hone_artifact_label(general), (double)cutter.tokens / (double)(cutter.tokens + tokens),
                           training->replay);
    return true;
}

Examples *documents_read(HoneArtifact *dataset, HoneArtifact *replay, HoneModel *model, const HoneTraining *training,
                         HoneProgress *progress, GError **error)
{
    const HoneTokenizer *tokenizer = hone_model_tokenizer(model);
    size_t context = hone_model_config(model)->context, limit = MIN((size_t)training->params->max_length, context);
    if (limit < (size_t)training->params->max_length)
        hone_progress_note(progress, HONE_NOTE_INFO, "blocks are limited to the model's context of %zu tokens",
                           context);
    g_autoptr(Examples) examples = examples_new();
    g_auto(Cutter) cutter = {0};
    cutter_init(&cutter, examples, limit);
    if (!take_all(&cutter, dataset, training, tokenizer, error))
        return NULL;
    if (examples->n == 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: no document has a token that bears loss (%zu have none), so there is nothing to train on",
                    hone_artifact_label(dataset), cutter.empty);
        return NULL;
    }
    tell(&cutter, hone_artifact_label(dataset), progress);
    if (replay && training->replay > 0 &&
        !replay_share(examples, cutter.tokens, replay, training, tokenizer, limit, progress, error))
        return NULL;
    hone_progress_note(progress, HONE_NOTE_INFO, "%zu blocks of up to %zu tokens; %u of %u tokens bear loss",
                       examples->n, limit, examples->rows->len, examples->ids->len);
    examples_show(examples, tokenizer, progress);
    return g_steal_pointer(&examples);
}

/* SPDX-License-Identifier: Apache-2.0
 * unigram.c: one word to tokens by the path of greatest score through all pieces that the word holds (Kudo, "Subword
 * Regularization", 2018): the best score up to each character, by dynamic programming.
 *
 * Scores are summed in double precision from left to right and an equal score never replaces an earlier one, as in the
 * reference, so that ties fall alike.
 */
#include "internal.h"

#include <math.h>
#include <string.h>

#define UNKNOWN_PENALTY 10.0 /* below the least score */

typedef struct Best {
    double score;
    uint32_t start; /* where the last piece of the best path up to here begins */
    int32_t id;     /* that piece; -1: no path yet */
} Best;

GArray *text_unigram_path_new(void)
{
    return g_array_new(FALSE, FALSE, sizeof(Best));
}

static void offer(Best *place, double score, size_t start, int32_t id)
{
    if (place->id < 0 || score > place->score)
        *place = (Best){score, (uint32_t)start, id};
}

static void find_paths(const HoneTokenizer *t, const TextPiece *word, Best *best)
{
    size_t n;
    for (size_t at = 0; at < word->length; at += n) {
        double so_far = best[at].score;
        bool single = false;
        uint32_t node = 0;
        text_char(word->text + at, &n);
        for (size_t end = at; end < word->length;) {
            int32_t id;
            node = text_trie_step(t->pieces, node, (uint8_t)word->text[end++], &id);
            if (node == 0)
                break;
            if (id < 0)
                continue;
            offer(&best[end], t->scores[id] + so_far, at, id);
            single |= end == at + n;
        }
        if (!single)
            offer(&best[at + n], t->min_score - UNKNOWN_PENALTY + so_far, at, t->unknown);
    }
}

/* Characters that no piece holds, from .. to: one unknown token, or their bytes' tokens. */
static void add_unknown(TextEncoder *encoder, const TextPiece *word, size_t from, size_t to)
{
    const HoneTokenizer *t = encoder->tokenizer;
    bool all = t->falls_back;
    for (size_t i = from; all && i < to; i++)
        all = t->fallback_id[(uint8_t)word->text[i]] >= 0;
    for (size_t i = from; all && i < to; i++)
        text_output_add(encoder->output, t->fallback_id[(uint8_t)word->text[i]], text_piece_origin(word, i));
    if (!all)
        text_output_add(encoder->output, t->unknown, text_piece_origin(word, from));
}

/* The best path, from its end to its start; neighbouring unknown characters are one. */
static void collect_path(TextEncoder *encoder, const TextPiece *word, const Best *best)
{
    int32_t unknown = encoder->tokenizer->unknown;
    g_array_set_size(encoder->symbols, 0);
    for (size_t end = word->length; end > 0; end = best[end].start) {
        TextSymbol symbol = {best[end].id, best[end].start};
        guint n = encoder->symbols->len;
        TextSymbol *last = n > 0 ? &g_array_index(encoder->symbols, TextSymbol, n - 1) : NULL;
        if (last && symbol.id == unknown && last->id == unknown)
            last->start = symbol.start;
        else
            g_array_append_val(encoder->symbols, symbol);
    }
    size_t to = word->length;
    const TextSymbol *symbols = (const TextSymbol *)(const void *)encoder->symbols->data;
    for (size_t i = encoder->symbols->len; i-- > 0;) {
        to = i > 0 ? symbols[i - 1].start : word->length;
        if (symbols[i].id == unknown)
            add_unknown(encoder, word, symbols[i].start, to);
        else
            text_output_add(encoder->output, symbols[i].id, text_piece_origin(word, symbols[i].start));
    }
}

void text_unigram_encode(TextEncoder *encoder, const TextPiece *word)
{
    const HoneTokenizer *t = encoder->tokenizer;
    g_assert(word->length < UINT32_MAX);
    g_array_set_size(encoder->path, (guint)(word->length + 1));
    Best *best = (Best *)(void *)encoder->path->data;
    for (size_t i = 0; i <= word->length; i++)
        best[i].id = -1;
    best[0].score = 0;
    find_paths(t, word, best);
    collect_path(encoder, word, best);
}

bool text_unigram_index(HoneTokenizer *t, const char *place, GError **error)
{
    if (t->unknown < 0)
        return text_invalid(place, error, "it has no token for what it does not know (unk_id)");
    t->pieces = text_trie_new();
    t->min_score = INFINITY;
    for (size_t i = 0; i < t->size; i++) {
        if (!(t->flags[i] & TEXT_MODEL))
            continue;
        t->min_score = MIN(t->min_score, t->scores[i]);
        /* Text never becomes a control token: those were cut out before. */
        if (!(t->flags[i] & TEXT_SPECIAL))
            text_trie_add(t->pieces, t->texts[i], strlen(t->texts[i]), (int32_t)i);
    }
    return true;
}

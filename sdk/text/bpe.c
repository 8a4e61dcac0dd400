/* SPDX-License-Identifier: Apache-2.0
 * bpe.c: one word to tokens by merges: its characters (or bytes) as tokens, then merge.c.
 *
 * A word may be a whole text where nothing splits it. So that merging it costs no more than merging its words, it is
 * cut where no merge can ever join: between two symbols a, b such that no merge has a left side that ends with a and a
 * right side that begins with b. Nothing crosses such a border, so both sides come out as they would together.
 */
#include "internal.h"

#include <string.h>

/* ---- The first tokens of a word. ---- */

static int32_t id_of_char(const HoneTokenizer *t, const char *text, size_t n, gunichar c)
{
    if (c < 0x10000)
        return t->char_id[c];
    char key[8];
    memcpy(key, text, n);
    key[n] = '\0';
    int32_t id = hone_tokenizer_id(t, key);
    return id >= 0 && (t->flags[id] & TEXT_MODEL) ? id : -1;
}

typedef struct Unknown {
    bool waiting;
    uint32_t start;
} Unknown;

static void add_symbol(GArray *symbols, int32_t id, size_t start)
{
    TextSymbol symbol = {id, (uint32_t)start};
    g_array_append_val(symbols, symbol);
}

static void flush_unknown(const HoneTokenizer *t, GArray *symbols, Unknown *unknown)
{
    if (unknown->waiting)
        add_symbol(symbols, t->unknown, unknown->start);
    unknown->waiting = false;
}

/* A character [n] without a token. An unknown one that waits is not written before bytes, so it comes behind them, as
 * in the reference. */
static void add_unknown(const HoneTokenizer *t, const char *text, size_t n, size_t start, GArray *symbols,
                        Unknown *unknown)
{
    bool all = t->falls_back;
    for (size_t i = 0; all && i < n; i++)
        all = t->fallback_id[(uint8_t)text[i]] >= 0;
    if (all) {
        for (size_t i = 0; i < n; i++)
            add_symbol(symbols, t->fallback_id[(uint8_t)text[i]], start + i);
        return;
    }
    if (t->unknown < 0 || (unknown->waiting && t->fuses_unknown))
        return;
    flush_unknown(t, symbols, unknown);
    *unknown = (Unknown){true, (uint32_t)start};
}

static void add_bytes(const HoneTokenizer *t, const TextPiece *word, GArray *symbols)
{
    Unknown unknown = {0};
    for (size_t i = 0; i < word->length; i++) {
        uint8_t byte = (uint8_t)word->text[i];
        int32_t id = t->byte_id[byte];
        if (id >= 0) {
            flush_unknown(t, symbols, &unknown);
            add_symbol(symbols, id, i);
            continue;
        }
        char text[8]; /* the byte as the model would see it */
        add_unknown(t, text, (size_t)g_unichar_to_utf8(text_byte_to_char(byte), text), i, symbols, &unknown);
    }
    flush_unknown(t, symbols, &unknown);
}

static void add_chars(const HoneTokenizer *t, const TextPiece *word, GArray *symbols)
{
    Unknown unknown = {0};
    size_t n;
    for (size_t at = 0; at < word->length; at += n) {
        gunichar c = text_char(word->text + at, &n);
        int32_t id = id_of_char(t, word->text + at, n, c);
        if (id >= 0) {
            flush_unknown(t, symbols, &unknown);
            add_symbol(symbols, id, at);
        } else {
            add_unknown(t, word->text + at, n, at, symbols, &unknown);
        }
    }
    flush_unknown(t, symbols, &unknown);
}

/* A word that is a token of its own. */
static int32_t find_word(const HoneTokenizer *t, const TextPiece *word)
{
    g_autoptr(GString) text = g_string_sized_new(word->length * 2);
    if (word->length > TEXT_MAX_PIECE)
        return -1;
    for (size_t i = 0; t->by_bytes && i < word->length; i++)
        g_string_append_unichar(text, text_byte_to_char((uint8_t)word->text[i]));
    if (!t->by_bytes) {
        if (memchr(word->text, '\0', word->length))
            return -1;
        g_string_append_len(text, word->text, (gssize)word->length);
    }
    int32_t id = hone_tokenizer_id(t, text->str);
    return id >= 0 && (t->flags[id] & TEXT_MODEL) && !(t->flags[id] & TEXT_SPECIAL) ? id : -1;
}

void text_bpe_encode(TextEncoder *encoder, const TextPiece *word)
{
    const HoneTokenizer *t = encoder->tokenizer;
    int32_t whole = t->keeps_words ? find_word(t, word) : -1;
    if (whole >= 0) {
        text_output_add(encoder->output, whole, text_piece_origin(word, 0));
        return;
    }
    g_array_set_size(encoder->symbols, 0);
    (t->by_bytes ? add_bytes : add_chars)(t, word, encoder->symbols);
    TextSymbol *symbols = (TextSymbol *)(void *)encoder->symbols->data;
    size_t n = encoder->symbols->len, from = 0;
    for (size_t i = 1; i <= n; i++) {
        if (i < n && (t->joins.bits == 0 || text_merges_find(&t->joins, symbols[i - 1].id, symbols[i].id)))
            continue;
        size_t left = text_merge_symbols(&t->merges, symbols + from, i - from);
        for (size_t k = from; k < from + left; k++)
            text_output_add(encoder->output, symbols[k].id, text_piece_origin(word, symbols[k].start));
        from = i;
    }
}

/* ---- Which symbols join. ---- */

/* The token of a text's first or last character, or -1. */
static int32_t symbol_at(const HoneTokenizer *t, const char *text, bool last)
{
    const char *c = last ? g_utf8_prev_char(text + strlen(text)) : text;
    size_t n;
    gunichar character = text_char(c, &n);
    int byte = t->by_bytes ? text_char_to_byte(character) : -1;
    return byte >= 0 ? t->byte_id[byte] : t->by_bytes ? -1 : id_of_char(t, c, n, character);
}

void text_bpe_index(HoneTokenizer *t)
{
    size_t places = (size_t)1 << t->merges.bits;
    text_merges_init(&t->joins, places / 2);
    for (size_t i = 0; i < places; i++) {
        const TextMerge *merge = &t->merges.table[i];
        if (merge->pair == UINT64_MAX)
            continue;
        int32_t left = (int32_t)(merge->pair >> 32), right = (int32_t)(uint32_t)merge->pair;
        int32_t a = symbol_at(t, t->texts[left], true), b = symbol_at(t, t->texts[right], false);
        /* Merges of bytes without a character, or of the unknown token: then nothing is known of what joins. */
        if (((t->flags[left] | t->flags[right]) & TEXT_BYTE) || left == t->unknown || right == t->unknown) {
            text_merges_clear(&t->joins);
            t->joins.bits = 0;
            return;
        }
        if (a >= 0 && b >= 0) /* else no text ever makes one of the two */
            text_merges_add(&t->joins, a, b, 0, 0);
    }
}

/* SPDX-License-Identifier: Apache-2.0
 * tokenizer.c: encoding and decoding over the tables that vocabulary.c made.
 */
#include "internal.h"

#include <string.h>

/* ---- Plain text. ---- */

typedef struct Plain {
    const HoneTokenizer *tokenizer;
    const char *text;
    TextOutput *output;
} Plain;

static void take_word(const char *word, size_t length, void *data)
{
    Plain *plain = data;
    text_merge_word(plain->tokenizer, word, length, (size_t)(word - plain->text), plain->output);
}

/* A byte that belongs to no character is a word of its own, so it never changes how its neighbours are split. */
static void encode_bytes(Plain *plain, const char *text, size_t length)
{
    while (length > 0) {
        size_t n = text_valid_prefix(text, length);
        if (n > 0) {
            text_split(plain->tokenizer->splitter, text, n, take_word, plain);
        } else {
            n = 1;
            take_word(text, 1, plain);
        }
        text += n;
        length -= n;
    }
}

/* The added token at the start of text, longest first, or -1. */
static int32_t added_at(const HoneTokenizer *t, const char *text, size_t length, bool special, size_t *matched)
{
    uint8_t first = (uint8_t)text[0];
    for (uint32_t i = t->added_from[first]; i < t->added_from[first + 1]; i++) {
        int32_t id = t->added[i];
        size_t n = t->starts[id + 1] - t->starts[id] - 1;
        if ((special || !(t->flags[id] & TEXT_SPECIAL)) && n <= length &&
            memcmp(text, t->bytes + t->starts[id], n) == 0) {
            *matched = n;
            return id;
        }
    }
    return -1;
}

typedef void (*SegmentFunc)(Plain *plain, const char *text, size_t length);

/* Cuts out added tokens, leftmost and longest first, and hands what lies between to `segment`. */
static void encode_segments(Plain *plain, const char *text, size_t length, bool special, SegmentFunc segment)
{
    size_t from = 0, at = 0, matched = 0;
    while (at < length) {
        int32_t id = added_at(plain->tokenizer, text + at, length - at, special, &matched);
        if (id < 0) {
            at++;
            continue;
        }
        segment(plain, text + from, at - from);
        g_array_append_val(plain->output->ids, id);
        if (plain->output->starts)
            g_array_append_val(plain->output->starts, at);
        at += matched;
        from = at;
    }
    segment(plain, text + from, length - from);
}

void text_encode_plain(const HoneTokenizer *tokenizer, const char *text, size_t length, TextOutput *output)
{
    Plain plain = {tokenizer, text, output};
    encode_segments(&plain, text, length, false, encode_bytes);
}

GString *text_normalize(const HoneTokenizer *tokenizer, const char *text, size_t length)
{
    if (!text_splitter_composes(tokenizer->splitter))
        return NULL;
    GString *out = g_string_sized_new(length);
    while (length > 0) {
        /* GLib's function takes valid text without NUL. */
        size_t n = text_valid_prefix(text, length);
        const char *nul = memchr(text, '\0', n);
        if (nul)
            n = (size_t)(nul - text);
        if (n > 0) {
            g_autofree char *composed = g_utf8_normalize(text, (gssize)n, G_NORMALIZE_NFC);
            g_string_append(out, composed);
        } else {
            n = 1;
            g_string_append_c(out, text[0]);
        }
        text += n;
        length -= n;
    }
    return out;
}

static void encode_raw(Plain *plain, const char *text, size_t length)
{
    g_autoptr(GString) normal = text_normalize(plain->tokenizer, text, length);
    const char *from = normal ? normal->str : text;
    Plain inner = {plain->tokenizer, from, plain->output};
    encode_bytes(&inner, from, normal ? normal->len : length);
}

void hone_tokenizer_encode(const HoneTokenizer *tokenizer, const char *text, size_t length, uint32_t flags, GArray *ids)
{
    TextOutput output = {ids, NULL};
    Plain plain = {tokenizer, text, &output};
    encode_segments(&plain, text, length, (flags & HONE_ENCODE_SPECIAL) != 0, encode_raw);
}

/* ---- Back to text, and facts about tokens. ---- */

const char *hone_tokenizer_piece(const HoneTokenizer *tokenizer, int32_t id, size_t *length)
{
    /* A model's embedding may have more rows than the vocabulary has tokens: those stand for nothing. */
    if (id < 0 || (size_t)id >= tokenizer->size) {
        if (length)
            *length = 0;
        return "";
    }
    if (length)
        *length = tokenizer->starts[id + 1] - tokenizer->starts[id] - 1;
    return tokenizer->bytes + tokenizer->starts[id];
}

GString *hone_tokenizer_decode(const HoneTokenizer *tokenizer, const int32_t *ids, size_t n, bool with_special)
{
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < n; i++) {
        size_t length;
        const char *piece = hone_tokenizer_piece(tokenizer, ids[i], &length);
        if (with_special || !hone_tokenizer_is_special(tokenizer, ids[i]))
            g_string_append_len(text, piece, (gssize)length);
    }
    return text;
}

size_t hone_tokenizer_size(const HoneTokenizer *tokenizer)
{
    return tokenizer->size;
}

static bool has_flag(const HoneTokenizer *tokenizer, int32_t id, TextTokenFlags flag)
{
    return id >= 0 && (size_t)id < tokenizer->size && (tokenizer->flags[id] & flag) != 0;
}

bool hone_tokenizer_is_special(const HoneTokenizer *tokenizer, int32_t id)
{
    return has_flag(tokenizer, id, TEXT_SPECIAL);
}

bool hone_tokenizer_ends(const HoneTokenizer *tokenizer, int32_t id)
{
    return has_flag(tokenizer, id, TEXT_ENDS);
}

int32_t hone_tokenizer_id(const HoneTokenizer *tokenizer, const char *piece)
{
    return GPOINTER_TO_INT(g_hash_table_lookup(tokenizer->ids, piece)) - 1;
}

int32_t hone_tokenizer_bos(const HoneTokenizer *tokenizer)
{
    return tokenizer->bos;
}

int32_t hone_tokenizer_eos(const HoneTokenizer *tokenizer)
{
    return tokenizer->eos;
}

const char *hone_tokenizer_hash(const HoneTokenizer *tokenizer)
{
    return tokenizer->hash;
}

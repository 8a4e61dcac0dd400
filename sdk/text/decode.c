/* SPDX-License-Identifier: Apache-2.0
 * decode.c: tokens to bytes.
 *
 * The reference shows bytes that are no valid UTF-8 as U+FFFD; here they are given as they are, so that any bytes come
 * back, and the caller (or the stream) replaces them. An added token stands for its own text (in the normal form, where
 * that is what was looked for).
 */
#include "internal.h"

#include <string.h>

static void clear_step(gpointer data)
{
    TextDecodeStep *step = data;
    g_free(step->from);
    g_free(step->content);
}

void text_decoder_init(TextDecoder *decoder)
{
    decoder->steps = g_array_new(FALSE, FALSE, sizeof(TextDecodeStep));
    g_array_set_clear_func(decoder->steps, clear_step);
}

void text_decoder_clear(TextDecoder *decoder)
{
    g_clear_pointer(&decoder->steps, g_array_unref);
    g_clear_pointer(&decoder->strip, g_free);
}

/* ---- One token. ---- */

static void replace_all(GString *text, const char *from, const char *content)
{
    g_autoptr(GString) out = g_string_sized_new(text->len);
    size_t n = strlen(from), at = 0;
    const char *found;
    while (n > 0 && (found = memmem(text->str + at, text->len - at, from, n)) != NULL) {
        g_string_append_len(out, text->str + at, found - (text->str + at));
        g_string_append(out, content);
        at = (size_t)(found - text->str) + n;
    }
    g_string_append_len(out, text->str + at, (gssize)(text->len - at));
    g_string_assign(text, out->str);
}

static void strip_ends(GString *text, const TextDecodeStep *step)
{
    size_t n = strlen(step->from), cut = 0;
    for (size_t i = 0; i < step->start && text->len - cut >= n && memcmp(text->str + cut, step->from, n) == 0; i++)
        cut += n;
    g_string_erase(text, 0, (gssize)cut);
    for (size_t i = 0; i < step->stop && text->len >= n && memcmp(text->str + text->len - n, step->from, n) == 0; i++)
        g_string_truncate(text, text->len - n);
}

/* A token's characters as the bytes that they stand for; one with another character stands for its own text. */
static void to_bytes(GString *text)
{
    g_autoptr(GString) bytes = g_string_sized_new(text->len);
    for (const char *c = text->str; *c; c = g_utf8_next_char(c)) {
        int byte = text_char_to_byte(g_utf8_get_char(c));
        if (byte < 0)
            return;
        g_string_append_c(bytes, (char)byte);
    }
    g_string_truncate(text, 0);
    g_string_append_len(text, bytes->str, (gssize)bytes->len);
}

static bool is_fallback(const GString *text, int *byte)
{
    if (text->len != 6 || memcmp(text->str, "<0x", 3) != 0 || text->str[5] != '>')
        return false;
    int high = g_ascii_xdigit_value(text->str[3]), low = g_ascii_xdigit_value(text->str[4]);
    *byte = high * 16 + low;
    return high >= 0 && low >= 0;
}

/* Appends a token's bytes; first: no token stands before it. */
static void append_token(const HoneTokenizer *t, int32_t id, bool first, GString *out)
{
    const char *shown = g_hash_table_lookup(t->shown, GINT_TO_POINTER(id));
    g_autoptr(GString) text = g_string_new(shown ? shown : t->texts[id]);
    int byte;
    for (guint i = 0; t->texts[id] && i < t->decoder.steps->len; i++) {
        const TextDecodeStep *step = &g_array_index(t->decoder.steps, TextDecodeStep, i);
        switch (step->kind) {
        case TEXT_DECODE_REPLACE:
            replace_all(text, step->from, step->content);
            break;
        case TEXT_DECODE_METASPACE:
            replace_all(text, step->from, first && step->first ? "" : " ");
            break;
        case TEXT_DECODE_STRIP:
            strip_ends(text, step);
            break;
        case TEXT_DECODE_BYTES:
            if (!(t->flags[id] & (TEXT_ADDED | TEXT_SPECIAL)))
                to_bytes(text);
            g_string_append_len(out, text->str, (gssize)text->len);
            return; /* the last step */
        case TEXT_DECODE_FALLBACK:
            if (is_fallback(text, &byte)) {
                g_string_append_c(out, (char)byte);
                return; /* the steps after it are about texts */
            }
            break;
        }
    }
    g_string_append_len(out, text->str, (gssize)text->len);
}

void text_decode_index(HoneTokenizer *t)
{
    g_autoptr(GString) all = g_string_new(NULL);
    t->starts = g_new(size_t, t->size + 1);
    for (size_t i = 0; i < t->size; i++) {
        t->starts[i] = all->len;
        append_token(t, (int32_t)i, false, all);
        g_string_append_c(all, '\0');
    }
    t->starts[t->size] = all->len;
    t->bytes = g_string_free(g_steal_pointer(&all), FALSE);
}

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

/* ---- A text. ---- */

void text_decode_start(const HoneTokenizer *t, TextDecodeState *state)
{
    *state = (TextDecodeState){.to_strip = t->decoder.strip ? t->decoder.strip_count : 0};
}

/* Takes what is to be stripped off the start of out from `from` on. */
static void strip_start(const HoneTokenizer *t, TextDecodeState *state, GString *out, size_t from)
{
    size_t n = strlen(t->decoder.strip), cut = 0;
    while (state->to_strip > 0 && out->len - from - cut >= n &&
           memcmp(out->str + from + cut, t->decoder.strip, n) == 0) {
        cut += n;
        state->to_strip--;
    }
    g_string_erase(out, (gssize)from, (gssize)cut);
    if (out->len > from)
        state->to_strip = 0;
}

void text_decode_next(const HoneTokenizer *t, TextDecodeState *state, int32_t id, GString *out)
{
    size_t from = out->len, length;
    if (id < 0 || (size_t)id >= t->size || !t->texts[id])
        return;
    if (state->begun && t->decoder.spaces_between)
        g_string_append_c(out, ' ');
    if (!state->begun && t->decoder.steps->len > 0) {
        append_token(t, id, true, out);
    } else {
        const char *piece = hone_tokenizer_piece(t, id, &length);
        g_string_append_len(out, piece, (gssize)length);
    }
    state->begun = true;
    if (state->to_strip > 0)
        strip_start(t, state, out, from);
}

GString *hone_tokenizer_decode(const HoneTokenizer *tokenizer, const int32_t *ids, size_t n, bool with_special)
{
    GString *text = g_string_new(NULL);
    TextDecodeState state;
    text_decode_start(tokenizer, &state);
    for (size_t i = 0; i < n; i++)
        if (with_special || !hone_tokenizer_is_special(tokenizer, ids[i]))
            text_decode_next(tokenizer, &state, ids[i], text);
    return text;
}

/* SPDX-License-Identifier: Apache-2.0
 * charsmap.c: SentencePiece's table of replacements: a double-array trie (Darts-clone's form) from bytes to places in a
 * block of NUL-terminated texts.
 *
 * SentencePiece replaces the longest key at each place. Hugging Face's tokenizers look at a whole grapheme of less than
 * six bytes, else at each of its characters, and what they replace is all of it, by the entry of the shortest key that
 * it begins with.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "internal.h"

#include <pcre2.h>
#include <string.h>

#define WHOLE_GRAPHEME 6 /* bytes from which on a grapheme is looked at in parts */

struct TextCharsmap {
    uint32_t *units;
    size_t n_units;
    char *texts; /* with a NUL behind the last */
    size_t n_texts;
    pcre2_code *grapheme;
};

/* ---- The trie. A unit holds a label, an offset to its children, and whether one of them is a value. ---- */

static bool has_leaf(uint32_t unit)
{
    return unit >> 8 & 1;
}

static uint32_t value_of(uint32_t unit)
{
    return unit & 0x7FFFFFFF;
}

static uint32_t label_of(uint32_t unit)
{
    return unit & 0x800000FF;
}

static size_t offset_of(uint32_t unit)
{
    return (size_t)(unit >> 10) << (unit >> 6 & 8);
}

/* The text that replaces the shortest (or longest) key at the start of text [length], or NULL where none is there;
 * *matched: the key's bytes. */
static const char *find(const TextCharsmap *map, const char *text, size_t length, bool longest, size_t *matched)
{
    size_t node = offset_of(map->units[0]);
    const char *found = NULL;
    for (size_t i = 0; i < length; i++) {
        node ^= (uint8_t)text[i];
        if (node >= map->n_units || label_of(map->units[node]) != (uint8_t)text[i])
            break;
        uint32_t unit = map->units[node];
        node ^= offset_of(unit);
        if (!has_leaf(unit))
            continue;
        if (node >= map->n_units || value_of(map->units[node]) >= map->n_texts)
            break;
        found = map->texts + value_of(map->units[node]);
        *matched = i + 1;
        if (!longest)
            break;
    }
    return found;
}

TextCharsmap *text_charsmap_new(const uint8_t *data, size_t size, GError **error)
{
    uint32_t bytes = 0;
    if (size >= 4) {
        memcpy(&bytes, data, 4);
        bytes = GUINT32_FROM_LE(bytes);
    }
    if (bytes < 4 || bytes % 4 != 0 || bytes > size - 4) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "its table of replacements (precompiled_charsmap) is cut off");
        return NULL;
    }
    const char *texts = (const char *)data + 4 + bytes;
    size_t n_texts = size - 4 - bytes;
    /* Each text ends at a NUL, so all are whole when the block is. */
    for (size_t at = 0; at < n_texts;) {
        size_t n = text_valid_prefix(texts + at, n_texts - at);
        if (n == 0) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                        "its table of replacements (precompiled_charsmap) is no valid UTF-8");
            return NULL;
        }
        at += n;
    }
    TextCharsmap *map = g_new0(TextCharsmap, 1);
    int code;
    PCRE2_SIZE offset;
    map->n_units = bytes / 4;
    map->units = g_new(uint32_t, map->n_units);
    memcpy(map->units, data + 4, bytes);
    for (size_t i = 0; i < map->n_units; i++)
        map->units[i] = GUINT32_FROM_LE(map->units[i]);
    map->n_texts = n_texts;
    map->texts = g_malloc(n_texts + 1);
    memcpy(map->texts, texts, n_texts);
    map->texts[n_texts] = '\0';
    map->grapheme =
        pcre2_compile((PCRE2_SPTR) "\\X", PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_ANCHORED, &code, &offset, NULL);
    g_assert(map->grapheme);
    pcre2_jit_compile(map->grapheme, PCRE2_JIT_COMPLETE);
    return map;
}

void text_charsmap_free(TextCharsmap *map)
{
    if (!map)
        return;
    g_free(map->units);
    g_free(map->texts);
    pcre2_code_free(map->grapheme);
    g_free(map);
}

/* The end of the grapheme that begins at `at`. */
static size_t grapheme_end(const TextCharsmap *map, const TextPiece *in, size_t at, pcre2_match_data *match)
{
    const char *text = in->text;
    size_t n = 0;
    /* Printable ASCII joins nothing that is ASCII. */
    if ((uint8_t)text[at] >= 0x20 && (uint8_t)text[at] < 0x7F && (at + 1 == in->length || (uint8_t)text[at + 1] < 0x80))
        return at + 1;
    if (pcre2_match(map->grapheme, (PCRE2_SPTR)text, in->length, at, PCRE2_NO_UTF_CHECK, match, NULL) >= 0)
        return pcre2_get_ovector_pointer(match)[1];
    text_char(text + at, &n);
    return at + n;
}

void text_charsmap_apply(const TextCharsmap *map, const TextPiece *in, TextBuffer *out)
{
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    for (size_t at = 0; at < in->length;) {
        size_t end = grapheme_end(map, in, at, match), n, matched;
        const char *text = end - at < WHOLE_GRAPHEME ? find(map, in->text + at, end - at, false, &matched) : NULL;
        if (text) {
            text_buffer_add(out, text, strlen(text), text_piece_origin(in, at));
            at = end;
            continue;
        }
        for (; at < end; at += n) {
            text_char(in->text + at, &n);
            text = find(map, in->text + at, n, false, &matched);
            if (text)
                text_buffer_add(out, text, strlen(text), text_piece_origin(in, at));
            else
                text_buffer_keep(out, in, at, at + n);
        }
    }
    pcre2_match_data_free(match);
}

void text_charsmap_apply_longest(const TextCharsmap *map, const TextPiece *in, TextBuffer *out)
{
    size_t n;
    for (size_t at = 0; at < in->length; at += n) {
        const char *text = find(map, in->text + at, in->length - at, true, &n);
        if (text) {
            text_buffer_add(out, text, strlen(text), text_piece_origin(in, at));
        } else {
            text_char(in->text + at, &n);
            text_buffer_keep(out, in, at, at + n);
        }
    }
}

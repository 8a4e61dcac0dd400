/* SPDX-License-Identifier: Apache-2.0
 * added.c: added tokens in a text, leftmost and longest first, and what lies between them to tokens.
 *
 * Those that are "normalized" are looked for in the normal form of what the others leave, written in that form
 * themselves. A match that its flags rule out hides what it covers all the same, as in the reference.
 */
#include "internal.h"

#include <string.h>

typedef struct Scan {
    TextEncoder *encoder;
    const TextRange *plain;
    size_t n_plain;
    bool all_plain; /* one range over everything */
} Scan;

/* ---- Characters around a match, in text that may hold broken bytes. ---- */

/* The character that ends at `at`, or 0; *n: its bytes. */
static gunichar char_before(const char *text, size_t at, size_t *n)
{
    for (*n = 1; *n <= MIN(at, 4); (*n)++) {
        const char *start = text + at - *n;
        if (((uint8_t)*start & 0xC0) != 0x80) {
            size_t length;
            return text_valid_prefix(start, *n) == *n ? text_char(start, &length) : 0;
        }
    }
    return 0;
}

static gunichar char_after(const char *text, size_t at, size_t length, size_t *n)
{
    size_t most = MIN(length - at, 4);
    for (size_t room = 1; room <= most; room++)
        if (text_valid_prefix(text + at, room) > 0)
            return text_char(text + at, n);
    return 0;
}

static size_t spaces_before(const char *text, size_t at, size_t floor)
{
    size_t n;
    while (at > floor && text_is_space(char_before(text, at, &n)))
        at -= n;
    return MAX(at, floor);
}

static size_t spaces_after(const char *text, size_t at, size_t length)
{
    size_t n;
    while (at < length && text_is_space(char_after(text, at, length, &n)))
        at += n;
    return at;
}

static bool within_word(const char *text, size_t from, size_t to, size_t length)
{
    size_t n;
    return (from > 0 && text_is_word(char_before(text, from, &n))) ||
           (to < length && text_is_word(char_after(text, to, length, &n)));
}

/* ---- Matches. ---- */

/* The longest text of the trie at the start of text; -1: none. *matched: its bytes. */
static int32_t longest_at(const TextTrie *trie, const char *text, size_t length, size_t *matched)
{
    int32_t found = -1, value;
    uint32_t node = 0;
    for (size_t i = 0; i < length; i++) {
        node = text_trie_step(trie, node, (uint8_t)text[i], &value);
        if (node == 0)
            break;
        if (value >= 0) {
            found = value;
            *matched = i + 1;
        }
    }
    return found;
}

/* The caller's text from .. to touches a range in which special tokens are plain text. */
static bool is_plain(const Scan *scan, size_t from, size_t to)
{
    size_t low = 0, high = scan->n_plain;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (scan->plain[middle].to <= from)
            low = middle + 1;
        else
            high = middle;
    }
    while (low < scan->n_plain && scan->plain[low].from == scan->plain[low].to) /* empty: touches nothing */
        low++;
    return low < scan->n_plain && scan->plain[low].from < to;
}

static bool is_wanted(const Scan *scan, const TextAdded *added, const TextPiece *piece, size_t from, size_t to)
{
    const HoneTokenizer *t = scan->encoder->tokenizer;
    if ((t->flags[added->id] & TEXT_SPECIAL) &&
        (scan->all_plain ||
         (scan->n_plain > 0 && is_plain(scan, text_piece_origin(piece, from), text_piece_origin(piece, to - 1) + 1))))
        return false;
    return !added->single_word || !within_word(piece->text, from, to, piece->length);
}

typedef bool (*BetweenFunc)(const Scan *scan, const TextPiece *piece);

/* Puts out the trie's tokens in piece, and hands what lies between to `between`. */
static bool cut_out(const Scan *scan, const TextTrie *trie, const TextPiece *piece, BetweenFunc between)
{
    const HoneTokenizer *t = scan->encoder->tokenizer;
    size_t done = 0, matched = 0;
    for (size_t at = 0; at < piece->length;) {
        int32_t index = longest_at(trie, piece->text + at, piece->length - at, &matched);
        if (index < 0) {
            at++;
            continue;
        }
        const TextAdded *added = &g_array_index(t->added, TextAdded, index);
        size_t from = at, to = at + matched;
        at = to;
        if (!is_wanted(scan, added, piece, from, to))
            continue;
        if (added->lstrip)
            from = spaces_before(piece->text, from, MIN(done, from));
        if (added->rstrip)
            to = spaces_after(piece->text, to, piece->length);
        if (from > done) {
            TextPiece part = text_piece_part(piece, done, from);
            if (!between(scan, &part))
                return false;
        }
        text_output_add(scan->encoder->output, added->id, text_piece_origin(piece, from));
        done = MAX(done, to);
    }
    if (done == piece->length)
        return true;
    TextPiece part = text_piece_part(piece, done, piece->length);
    return between(scan, &part);
}

/* ---- What lies between. ---- */

static bool take_word(const TextPiece *word, void *data)
{
    TextEncoder *encoder = data;
    if (encoder->tokenizer->model == TEXT_MODEL_UNIGRAM)
        text_unigram_encode(encoder, word);
    else
        text_bpe_encode(encoder, word);
    return true;
}

static bool encode_normal(const Scan *scan, const TextPiece *piece)
{
    TextEncoder *encoder = scan->encoder;
    const GArray *splits = encoder->tokenizer->splits;
    return text_pretokenize((const TextSplit *)(const void *)splits->data, splits->len, encoder->matcher, piece,
                            take_word, encoder, encoder->error);
}

static bool encode_valid(const Scan *scan, TextPiece *piece)
{
    TextEncoder *encoder = scan->encoder;
    const HoneTokenizer *t = encoder->tokenizer;
    if (!text_normalize_piece((const TextNormalizer *)(const void *)t->normalizers->data, t->normalizers->len,
                              encoder->matcher, piece, encoder->buffers, encoder->error))
        return false;
    return t->added_normal ? cut_out(scan, t->added_normal, piece, encode_normal) : encode_normal(scan, piece);
}

/* A byte that belongs to no character is a word of its own, so it never changes how its neighbours are split. */
static void encode_broken(const TextEncoder *encoder, uint8_t byte, size_t at)
{
    const HoneTokenizer *t = encoder->tokenizer;
    int32_t id = t->by_bytes ? t->byte_id[byte] : t->fallback_id[byte];
    if (id < 0)
        id = t->unknown;
    if (id >= 0)
        text_output_add(encoder->output, id, at);
}

static bool encode_between(const Scan *scan, const TextPiece *piece)
{
    size_t at = 0;
    while (at < piece->length) {
        size_t n = text_valid_prefix(piece->text + at, piece->length - at);
        TextPiece part = text_piece_part(piece, at, at + n);
        part.continues = at > 0;
        if (n > 0 && !encode_valid(scan, &part))
            return false;
        if (n == 0)
            encode_broken(scan->encoder, (uint8_t)piece->text[at], piece->base + at);
        at += MAX(n, 1);
    }
    return true;
}

bool text_added_encode(TextEncoder *encoder, const char *text, size_t length, const TextRange *plain, size_t n_plain)
{
    Scan scan = {encoder, plain, n_plain, n_plain == 1 && plain[0].from == 0 && plain[0].to >= length};
    TextPiece piece = {.text = text, .length = length, .first = true, .traced = encoder->buffers[0].origin != NULL};
    return cut_out(&scan, encoder->tokenizer->added_raw, &piece, encode_between);
}

/* ---- The tries. ---- */

static bool add_one(HoneTokenizer *t, int32_t index, TextMatcher *matcher, TextBuffer *buffers, GError **error)
{
    const TextAdded *added = &g_array_index(t->added, TextAdded, index);
    TextPiece piece = {.text = t->texts[added->id], .length = strlen(t->texts[added->id]), .first = true};
    if (added->normalized) {
        if (!text_normalize_piece((const TextNormalizer *)(const void *)t->normalizers->data, t->normalizers->len,
                                  matcher, &piece, buffers, error))
            return false;
        if (!t->added_normal)
            t->added_normal = text_trie_new();
        if (strlen(t->texts[added->id]) != piece.length || memcmp(piece.text, t->texts[added->id], piece.length) != 0)
            g_hash_table_insert(t->shown, GINT_TO_POINTER(added->id), g_strndup(piece.text, piece.length));
        text_trie_add(t->added_normal, piece.text, piece.length, index);
    } else {
        text_trie_add(t->added_raw, piece.text, piece.length, index);
    }
    return true;
}

bool text_added_index(HoneTokenizer *t, const char *place, GError **error)
{
    TextMatcher *matcher = text_matcher_new();
    TextBuffer buffers[2];
    bool fine = true;
    text_buffer_init(&buffers[0], false);
    text_buffer_init(&buffers[1], false);
    t->added_raw = text_trie_new();
    /* Of two with one text, a special one is found. */
    for (int special = 1; special >= 0; special--)
        for (guint i = 0; fine && i < t->added->len; i++)
            if ((t->flags[g_array_index(t->added, TextAdded, i).id] & TEXT_SPECIAL ? 1 : 0) == special)
                fine = add_one(t, (int32_t)i, matcher, buffers, error);
    if (!fine)
        g_prefix_error(error, "%s: ", place);
    text_buffer_clear(&buffers[0]);
    text_buffer_clear(&buffers[1]);
    text_matcher_free(matcher);
    return fine;
}

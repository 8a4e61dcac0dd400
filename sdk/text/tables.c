/* SPDX-License-Identifier: Apache-2.0
 * tables.c: the tables of a tokenizer, made from its tokens, their flags and its steps, whatever file those came from.
 */
#include "internal.h"

#include <string.h>

bool text_invalid(const char *place, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: the tokenizer is broken: %s", place, what);
    return false;
}

HoneTokenizer *text_tokenizer_new(void)
{
    HoneTokenizer *t = g_new0(HoneTokenizer, 1);
    t->ids = g_hash_table_new(g_str_hash, g_str_equal);
    t->bos = t->eos = t->unknown = -1;
    t->before = g_array_new(FALSE, FALSE, sizeof(int32_t));
    t->after = g_array_new(FALSE, FALSE, sizeof(int32_t));
    t->normalizers = g_array_new(FALSE, TRUE, sizeof(TextNormalizer));
    g_array_set_clear_func(t->normalizers, (GDestroyNotify)text_normalizer_clear);
    t->splits = g_array_new(FALSE, TRUE, sizeof(TextSplit));
    g_array_set_clear_func(t->splits, (GDestroyNotify)text_split_clear);
    t->added = g_array_new(FALSE, FALSE, sizeof(TextAdded));
    t->shown = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    text_decoder_init(&t->decoder);
    return t;
}

void hone_tokenizer_free(HoneTokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    g_hash_table_unref(tokenizer->ids);
    for (size_t i = 0; tokenizer->texts && i < tokenizer->size; i++)
        g_free(tokenizer->texts[i]);
    g_free(tokenizer->texts);
    g_free(tokenizer->bytes);
    g_free(tokenizer->starts);
    g_free(tokenizer->flags);
    g_array_unref(tokenizer->before);
    g_array_unref(tokenizer->after);
    g_array_unref(tokenizer->normalizers);
    g_array_unref(tokenizer->splits);
    g_array_unref(tokenizer->added);
    g_hash_table_unref(tokenizer->shown);
    text_decoder_clear(&tokenizer->decoder);
    text_trie_free(tokenizer->added_raw);
    text_trie_free(tokenizer->added_normal);
    g_free(tokenizer->char_id);
    text_merges_clear(&tokenizer->merges);
    text_merges_clear(&tokenizer->joins);
    g_free(tokenizer->scores);
    text_trie_free(tokenizer->pieces);
    g_free(tokenizer->hash);
    g_free(tokenizer);
}

/* ---- Tokens. ---- */

bool text_set_token(HoneTokenizer *t, int32_t id, const char *text, const char *place, GError **error)
{
    size_t length = strlen(text);
    if (id < 0 || (size_t)id >= t->size)
        return text_invalid(place, error, "the token \"%.64s\" has an id that cannot be", text);
    if (length == 0 || length > TEXT_MAX_PIECE || !g_utf8_validate(text, (gssize)length, NULL))
        return text_invalid(place, error, "token %d is %s", id,
                            length == 0               ? "empty"
                            : length > TEXT_MAX_PIECE ? "longer than 64 KiB"
                                                      : "no valid UTF-8");
    if (t->texts[id] && strcmp(t->texts[id], text) == 0)
        return true;
    if (t->texts[id])
        return text_invalid(place, error, "token %d is both \"%.64s\" and \"%.64s\"", id, t->texts[id], text);
    int32_t other = hone_tokenizer_id(t, text);
    if (other >= 0)
        return text_invalid(place, error, "tokens %d and %d are both \"%.64s\"", other, id, text);
    t->texts[id] = g_strdup(text);
    g_hash_table_insert(t->ids, t->texts[id], GINT_TO_POINTER(id + 1));
    return true;
}

void text_mark_special(HoneTokenizer *t, int32_t id, TextTokenFlags more)
{
    bool found = false;
    for (guint i = 0; i < t->added->len; i++)
        found |= g_array_index(t->added, TextAdded, i).id == id;
    TextAdded added = {.id = id};
    if (!found)
        g_array_append_val(t->added, added);
    t->flags[id] |= (uint8_t)(TEXT_SPECIAL | TEXT_ADDED | more);
}

/* Where no file says which tokens end a turn or a text. */
static const char *const ending_texts[] = {"<|im_end|>",      "<|endoftext|>",   "<|eot_id|>",
                                           "<|end_of_text|>", "<|eom_id|>",      "<end_of_turn>",
                                           "<|end|>",         "<|end_of_role|>", "<|endofprompt|>"};

void text_mark_known_ends(HoneTokenizer *t)
{
    for (size_t i = 0; i < G_N_ELEMENTS(ending_texts); i++) {
        int32_t id = hone_tokenizer_id(t, ending_texts[i]);
        if (id >= 0)
            text_mark_special(t, id, TEXT_ENDS);
    }
}

/* ---- Merges. ---- */

bool text_add_merge(HoneTokenizer *t, size_t i, const char *left, const char *right, const char *place, bool *twice,
                    GError **error)
{
    g_autofree char *text = g_strconcat(left, right, NULL);
    int32_t a = hone_tokenizer_id(t, left), b = hone_tokenizer_id(t, right), both = hone_tokenizer_id(t, text);
    if (a < 0 || b < 0 || both < 0)
        return text_invalid(place, error,
                            "merge %zu (\"%.64s %.64s\") needs the token \"%.64s\", which is not in the list", i, left,
                            right,
                            a < 0   ? left
                            : b < 0 ? right
                                    : text);
    *twice = !text_merges_add(&t->merges, a, b, (uint32_t)i, both);
    return true;
}

bool text_add_merge_line(HoneTokenizer *t, size_t i, const char *merge, const char *place, bool *twice, GError **error)
{
    const char *space = merge[0] ? strchr(merge + 1, ' ') : NULL;
    if (!space || !space[1] || strlen(merge) > (size_t)2 * TEXT_MAX_PIECE)
        return text_invalid(place, error, "merge %zu (\"%.64s\") is not two tokens with a space between", i, merge);
    g_autofree char *left = g_strndup(merge, (gsize)(space - merge));
    return text_add_merge(t, i, left, space + 1, place, twice, error);
}

/* ---- Tokens of single characters and bytes. ---- */

static bool index_symbols(HoneTokenizer *t, const char *place, GError **error)
{
    bool any = false;
    memset(t->byte_id, 0xFF, sizeof t->byte_id);
    memset(t->fallback_id, 0xFF, sizeof t->fallback_id);
    t->char_id = g_new(int32_t, 0x10000);
    memset(t->char_id, 0xFF, 0x10000 * sizeof(int32_t));
    for (size_t i = 0; i < t->size; i++) {
        const char *text = t->texts[i];
        if (!text || !(t->flags[i] & TEXT_MODEL) || (t->flags[i] & TEXT_SPECIAL))
            continue;
        size_t n;
        gunichar c = text_char(text, &n);
        if (text[n] != '\0')
            continue;
        int byte = text_char_to_byte(c);
        any |= t->by_bytes ? byte >= 0 : true;
        if (byte >= 0)
            t->byte_id[byte] = (int32_t)i;
        if (c < 0x10000)
            t->char_id[c] = (int32_t)i;
    }
    for (unsigned b = 0; t->falls_back && b < 256; b++) {
        char text[8];
        g_snprintf(text, sizeof text, "<0x%02X>", b);
        t->fallback_id[b] = hone_tokenizer_id(t, text);
        if (t->fallback_id[b] < 0)
            continue;
        t->flags[t->fallback_id[b]] |= TEXT_BYTE;
        any = true;
    }
    if (!any)
        return text_invalid(place, error, "no token stands for a single %s, so no text can be encoded",
                            t->by_bytes ? "byte" : "character");
    return true;
}

bool text_tables_finish(HoneTokenizer *t, const char *place, GError **error)
{
    for (guint i = 0; i < t->splits->len; i++)
        t->by_bytes |= g_array_index(t->splits, TextSplit, i).kind == TEXT_SPLIT_BYTES;
    if (t->by_bytes && t->model != TEXT_MODEL_BPE) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "%s: its tokenizer gives bytes (ByteLevel) to a model other than BPE, which Hone does not run",
                    place);
        return false;
    }
    if (!index_symbols(t, place, error) || !text_added_index(t, place, error))
        return false;
    if (t->model == TEXT_MODEL_BPE)
        text_bpe_index(t);
    else if (!text_unigram_index(t, place, error))
        return false;
    text_decode_index(t);
    return true;
}

void text_hash_tokens(HoneTokenizer *t, const char *settings, GChecksum *sum)
{
    g_autofree char *head = g_strdup_printf("hone tokenizer 1 %s %zu %d %d", settings, t->size, t->bos, t->eos);
    g_checksum_update(sum, (const guchar *)head, (gssize)strlen(head) + 1);
    for (size_t i = 0; i < t->size; i++) {
        const char *text = t->texts[i] ? t->texts[i] : ""; /* ids may have gaps */
        uint8_t flags = t->flags[i] & (TEXT_SPECIAL | TEXT_ADDED | TEXT_ENDS);
        g_checksum_update(sum, &flags, 1);
        g_checksum_update(sum, (const guchar *)text, (gssize)strlen(text) + 1);
    }
    for (size_t i = 0; t->scores && i < t->size; i++) {
        uint64_t bits;
        memcpy(&bits, &t->scores[i], sizeof bits);
        bits = GUINT64_TO_LE(bits);
        g_checksum_update(sum, (const guchar *)&bits, sizeof bits);
    }
    t->hash = g_strdup(g_checksum_get_string(sum));
}

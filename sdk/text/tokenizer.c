/* SPDX-License-Identifier: Apache-2.0
 * tokenizer.c: encoding, and facts about tokens.
 */
#include "internal.h"

#include <string.h>

#define MAX_TEXT ((size_t)1 << 30) /* positions within a word have 32 bits, and so has an array's length */

/* ---- Encoding. ---- */

bool text_encode(const HoneTokenizer *tokenizer, const char *text, size_t length, const TextRange *plain,
                 size_t n_plain, TextOutput *output, GError **error)
{
    TextEncoder encoder = {.tokenizer = tokenizer, .output = output, .error = error};
    if (length > MAX_TEXT) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "a text of %zu bytes is too long to be encoded at once; cut it into parts below 1 GiB", length);
        return false;
    }
    bool all_plain = n_plain == 1 && plain[0].from == 0 && plain[0].to >= length;
    bool traced = output->starts || (n_plain > 0 && !all_plain);
    encoder.matcher = text_matcher_new();
    encoder.symbols = g_array_new(FALSE, FALSE, sizeof(TextSymbol));
    encoder.path = text_unigram_path_new();
    for (size_t i = 0; i < G_N_ELEMENTS(encoder.buffers); i++)
        text_buffer_init(&encoder.buffers[i], traced);
    bool fine = text_added_encode(&encoder, text, length, plain, n_plain);
    for (size_t i = 0; i < G_N_ELEMENTS(encoder.buffers); i++)
        text_buffer_clear(&encoder.buffers[i]);
    g_array_unref(encoder.symbols);
    g_array_unref(encoder.path);
    text_matcher_free(encoder.matcher);
    return fine;
}

bool hone_tokenizer_try_encode(const HoneTokenizer *tokenizer, const char *text, size_t length, uint32_t flags,
                               GArray *ids, GError **error)
{
    TextOutput output = {ids, NULL};
    TextRange all = {0, length};
    guint before = ids->len;
    if (flags & HONE_ENCODE_ADDED)
        g_array_append_vals(ids, tokenizer->before->data, tokenizer->before->len);
    if (!text_encode(tokenizer, text, length, &all, flags & HONE_ENCODE_SPECIAL ? 0 : 1, &output, error)) {
        g_array_set_size(ids, before);
        return false;
    }
    if (flags & HONE_ENCODE_ADDED)
        g_array_append_vals(ids, tokenizer->after->data, tokenizer->after->len);
    return true;
}

void hone_tokenizer_encode(const HoneTokenizer *tokenizer, const char *text, size_t length, uint32_t flags, GArray *ids)
{
    g_autoptr(GError) error = NULL;
    if (!hone_tokenizer_try_encode(tokenizer, text, length, flags, ids, &error))
        g_error("%s", error->message);
}

/* ---- Facts about tokens. ---- */

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

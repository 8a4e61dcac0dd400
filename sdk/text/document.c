/* SPDX-License-Identifier: Apache-2.0
 * document.c: raw text to tokens, as a model met documents when it was made: what the tokenizer itself puts before a
 * text, the text, and the token that ends documents.
 *
 * For a model of conversations the tokenizer's EOS ends a turn, and what ended documents before is another token of the
 * vocabulary. That one is looked for by the names that published models give it.
 */
#include <hone/chat.h>
#include <string.h>

static const char *const ends[] = {"<|endoftext|>", "<|end_of_text|>", "<eos>", "</s>", "<｜end▁of▁sentence｜>"};

int32_t hone_tokenizer_document_end(const HoneTokenizer *tokenizer)
{
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        int32_t id = hone_tokenizer_id(tokenizer, ends[i]);
        if (id >= 0 && hone_tokenizer_is_special(tokenizer, id))
            return id;
    }
    return hone_tokenizer_eos(tokenizer);
}

static void append(HoneTokens *tokens, int32_t id)
{
    g_array_append_val(tokens->ids, id);
}

HoneTokens *hone_document_encode(const HoneTokenizer *tokenizer, const char *text, double weight, bool ended,
                                 GError **error)
{
    g_autoptr(HoneTokens) tokens = g_new0(HoneTokens, 1);
    tokens->ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    tokens->weights = g_array_new(FALSE, TRUE, sizeof(float));
    g_autoptr(GArray) around = g_array_new(FALSE, FALSE, sizeof(int32_t));
    /* What the tokenizer puts around nothing: the tokens before a text, of which those that end one are not wanted. */
    if (!hone_tokenizer_try_encode(tokenizer, "", 0, HONE_ENCODE_ADDED, around, error))
        return NULL;
    for (guint i = 0; i < around->len; i++) {
        int32_t id = g_array_index(around, int32_t, i);
        if (id == hone_tokenizer_bos(tokenizer))
            append(tokens, id);
    }
    size_t first = tokens->ids->len;
    if (!hone_tokenizer_try_encode(tokenizer, text, strlen(text), 0, tokens->ids, error))
        return NULL;
    int32_t end = hone_tokenizer_document_end(tokenizer);
    if (ended && end >= 0 && tokens->ids->len > first)
        append(tokens, end);
    g_array_set_size(tokens->weights, tokens->ids->len);
    for (guint i = MAX((guint)first, 1); i < tokens->ids->len; i++)
        g_array_index(tokens->weights, float, i) = (float)weight;
    tokens->prompt = first;
    return g_steal_pointer(&tokens);
}

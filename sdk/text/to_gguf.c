/* SPDX-License-Identifier: Apache-2.0
 * to_gguf.c: a folder's tokenizer as a GGUF's metadata; vocabulary.c reads them back.
 */
#include "convert.h"
#include "internal.h"

#include <string.h>

#define KEY "tokenizer.ggml."

/* Values of tokenizer.ggml.token_type. */
enum { TYPE_NORMAL = 1, TYPE_UNKNOWN, TYPE_CONTROL, TYPE_USER_DEFINED, TYPE_UNUSED, TYPE_BYTE };

static int by_rank(const void *a, const void *b)
{
    const TextMerge *x = *(const TextMerge *const *)a, *y = *(const TextMerge *const *)b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->pair < y->pair ? -1 : x->pair > y->pair; /* SentencePiece's ranks are shared */
}

GPtrArray *text_merges_in_order(const HoneTokenizer *t)
{
    GPtrArray *list = g_ptr_array_new();
    size_t places = t->merges.table ? (size_t)1 << t->merges.bits : 0;
    for (size_t i = 0; i < places; i++)
        if (t->merges.table[i].pair != UINT64_MAX)
            g_ptr_array_add(list, &t->merges.table[i]);
    g_ptr_array_sort(list, by_rank);
    return list;
}

/* Types and texts of all ids up to `vocab`; ids without a token get one that text cannot become. */
static void put_tokens(const HoneTokenizer *t, size_t vocab, bool by_bytes, HoneGgufWriter *writer)
{
    size_t n = MAX(vocab, t->size);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    g_autofree int32_t *types = g_new(int32_t, n);
    for (size_t i = 0; i < n; i++) {
        const char *text = i < t->size ? t->texts[i] : NULL;
        uint8_t flags = text ? t->flags[i] : 0;
        g_ptr_array_add(texts, text ? g_strdup(text) : g_strdup_printf("[PAD%zu]", i));
        types[i] = !text                                   ? TYPE_UNUSED
                   : !by_bytes && (int32_t)i == t->unknown ? TYPE_UNKNOWN
                   : flags & TEXT_SPECIAL                  ? TYPE_CONTROL
                   : flags & TEXT_ADDED                    ? TYPE_USER_DEFINED
                   : !by_bytes && (flags & TEXT_BYTE)      ? TYPE_BYTE
                                                           : TYPE_NORMAL;
    }
    hone_gguf_writer_strings(writer, KEY "tokens", (const char *const *)(void *)texts->pdata, n);
    hone_gguf_writer_i32s(writer, KEY "token_type", types, n);
}

static void put_merges(const HoneTokenizer *t, HoneGgufWriter *writer)
{
    g_autoptr(GPtrArray) merges = text_merges_in_order(t), lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < merges->len; i++) {
        const TextMerge *m = merges->pdata[i];
        g_ptr_array_add(lines, g_strconcat(t->texts[m->pair >> 32], " ", t->texts[(uint32_t)m->pair], NULL));
    }
    hone_gguf_writer_strings(writer, KEY "merges", (const char *const *)(void *)lines->pdata, lines->len);
}

/* SentencePiece merges what makes the token of the greatest score: a score falls with the rank of the first merge that
 * makes the token. A token that no merge makes comes last. */
static void put_scores(const HoneTokenizer *t, size_t vocab, HoneGgufWriter *writer)
{
    size_t n = MAX(vocab, t->size);
    g_autoptr(GPtrArray) merges = text_merges_in_order(t);
    g_autofree float *scores = g_new(float, n);
    for (size_t i = 0; i < n; i++)
        scores[i] = -1e9f;
    for (guint i = 0; i < merges->len; i++) {
        const TextMerge *m = merges->pdata[i];
        if (scores[m->id] == -1e9f)
            scores[m->id] = -(float)i; /* exact up to 2^24 */
    }
    hone_gguf_writer_f32s(writer, KEY "scores", scores, n);
}

static void put_id(HoneGgufWriter *writer, const char *key, int32_t id)
{
    if (id >= 0)
        hone_gguf_writer_u32(writer, key, (uint32_t)id);
}

static bool holds(const GArray *ids, int32_t id)
{
    return ids->len == 1 && g_array_index(ids, int32_t, 0) == id;
}

/* GGUF has three keys for tokens at which generation ends. */
static void put_ends(const HoneTokenizer *t, HoneGgufWriter *writer)
{
    static const char *const keys[] = {KEY "eot_token_id", KEY "eom_token_id"};
    size_t used = 0;
    put_id(writer, KEY "eos_token_id", t->eos);
    for (size_t i = 0; i < t->size && used < G_N_ELEMENTS(keys); i++)
        if ((t->flags[i] & TEXT_ENDS) && (int32_t)i != t->eos)
            put_id(writer, keys[used++], (int32_t)i);
}

/* The token that a text of one letter begins with tells whether a space is put before it. */
static bool has_space_prefix(const HoneTokenizer *t)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    hone_tokenizer_encode(t, "a", 1, 0, ids);
    const char *first = ids->len ? t->texts[g_array_index(ids, int32_t, 0)] : NULL;
    return first && g_str_has_prefix(first, TEXT_META);
}

bool text_put_gguf(const HoneTokenizer *t, size_t vocab, HoneGgufWriter *writer, const char *place, GError **error)
{
    const char *pre = t->by_bytes ? text_rule_of(t) : NULL;
    bool sentencepiece = !t->by_bytes && t->falls_back && t->model == TEXT_MODEL_BPE;
    if (!pre && !sentencepiece) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED, "%s: its tokenizer %s; export a folder", place,
                    t->by_bytes ? "splits text by a rule that GGUF has no name for"
                                : "is neither byte-level BPE nor SentencePiece's BPE with bytes to fall back on");
        return false;
    }
    hone_gguf_writer_string(writer, KEY "model", sentencepiece ? "llama" : "gpt2");
    hone_gguf_writer_string(writer, KEY "pre", pre ? pre : "default");
    put_tokens(t, vocab, t->by_bytes, writer);
    if (sentencepiece) {
        put_scores(t, vocab, writer);
        hone_gguf_writer_bool(writer, KEY "add_space_prefix", has_space_prefix(t));
        put_id(writer, KEY "unknown_token_id", t->unknown);
    } else {
        put_merges(t, writer);
    }
    put_id(writer, KEY "bos_token_id", t->bos);
    put_ends(t, writer);
    hone_gguf_writer_bool(writer, KEY "add_bos_token", t->bos >= 0 && holds(t->before, t->bos));
    hone_gguf_writer_bool(writer, KEY "add_eos_token", t->eos >= 0 && holds(t->after, t->eos));
    return true;
}

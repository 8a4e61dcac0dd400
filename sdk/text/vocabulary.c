/* SPDX-License-Identifier: Apache-2.0
 * vocabulary.c: a tokenizer from a GGUF's metadata, with everything in it checked first.
 */
#include "internal.h"

#include <string.h>

#define KEY "tokenizer.ggml."

/* Values of tokenizer.ggml.token_type. */
enum { TYPE_NORMAL = 1, TYPE_UNKNOWN, TYPE_CONTROL, TYPE_USER_DEFINED, TYPE_UNUSED, TYPE_BYTE };

/* Texts, ids by text, flags. */
static bool read_tokens(HoneTokenizer *t, const HoneGguf *gguf, GError **error)
{
    size_t n_types = 0;
    const char *const *texts = hone_gguf_strings(gguf, KEY "tokens", &t->size);
    if (!texts || t->size == 0)
        return text_invalid(hone_gguf_path(gguf), error, "it has no list of tokens (" KEY "tokens)");
    if (t->size > INT32_MAX)
        return text_invalid(hone_gguf_path(gguf), error, "it claims %zu tokens", t->size);
    const int64_t *types = hone_gguf_ints(gguf, KEY "token_type", &n_types);
    if (!types)
        return text_invalid(hone_gguf_path(gguf), error,
                            "it does not say which tokens are special (" KEY "token_type)");
    if (n_types != t->size)
        return text_invalid(hone_gguf_path(gguf), error, "it has %zu tokens but %zu token types", t->size, n_types);
    t->texts = g_new0(char *, t->size + 1);
    t->flags = g_new0(uint8_t, t->size);
    for (size_t i = 0; i < t->size; i++) {
        const char *text = texts[i];
        size_t length = strlen(text);
        if (length == 0 || length > TEXT_MAX_PIECE || !g_utf8_validate(text, (gssize)length, NULL))
            return text_invalid(hone_gguf_path(gguf), error, "token %zu is %s", i,
                                length == 0               ? "empty"
                                : length > TEXT_MAX_PIECE ? "longer than 64 KiB"
                                                          : "no valid UTF-8");
        if (types[i] < TYPE_NORMAL || types[i] > TYPE_BYTE)
            return text_invalid(hone_gguf_path(gguf), error,
                                "token %zu (\"%.64s\") has the unknown type %" G_GINT64_FORMAT, i, text, types[i]);
        t->texts[i] = g_strdup(text);
        gpointer before = g_hash_table_lookup(t->ids, text);
        if (before)
            return text_invalid(hone_gguf_path(gguf), error, "tokens %d and %zu are both \"%.64s\"",
                                GPOINTER_TO_INT(before) - 1, i, text);
        g_hash_table_insert(t->ids, t->texts[i], GINT_TO_POINTER((int)i + 1));
        if (types[i] == TYPE_CONTROL || types[i] == TYPE_UNKNOWN)
            t->flags[i] = TEXT_SPECIAL | TEXT_ADDED;
        else if (types[i] == TYPE_USER_DEFINED)
            t->flags[i] = TEXT_ADDED;
        else if (types[i] == TYPE_UNUSED)
            t->flags[i] = TEXT_SPECIAL;
    }
    return true;
}

/* A token id among the settings: -1 where it is not set. */
static bool read_id(const HoneTokenizer *t, const HoneGguf *gguf, const char *key, int32_t *id, GError **error)
{
    uint64_t value;
    *id = -1;
    if (!hone_gguf_u64(gguf, key, &value))
        return true;
    if (value >= t->size)
        return text_invalid(hone_gguf_path(gguf), error, "%s is %" G_GUINT64_FORMAT ", past the last of %zu tokens",
                            key, value, t->size);
    *id = (int32_t)value;
    return true;
}

/* Which tokens begin and end texts. They are special whatever their type says: some converters mark them as the
 * user's, and text in a message must never end its turn. */
static bool read_settings(HoneTokenizer *t, const HoneGguf *gguf, GError **error)
{
    int32_t ends[3], start = hone_tokenizer_id(t, "<|im_start|>");
    if (!read_id(t, gguf, KEY "bos_token_id", &t->bos, error) ||
        !read_id(t, gguf, KEY "eos_token_id", &t->eos, error) ||
        !read_id(t, gguf, KEY "eot_token_id", &ends[0], error) ||
        !read_id(t, gguf, KEY "eom_token_id", &ends[1], error))
        return false;
    ends[2] = t->eos;
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++)
        if (ends[i] >= 0)
            t->flags[ends[i]] |= TEXT_SPECIAL | TEXT_ADDED | TEXT_ENDS;
    text_mark_known_ends(t);
    if (t->bos >= 0)
        t->flags[t->bos] |= TEXT_SPECIAL | TEXT_ADDED;
    if (start >= 0)
        t->flags[start] |= TEXT_SPECIAL | TEXT_ADDED;
    return true;
}

static bool read_merges(HoneTokenizer *t, const HoneGguf *gguf, GChecksum *sum, GError **error)
{
    const char *place = hone_gguf_path(gguf);
    size_t n = 0;
    const char *const *merges = hone_gguf_strings(gguf, KEY "merges", &n);
    if (!merges)
        return text_invalid(place, error, "it has no list of merges (" KEY "merges)");
    if (n >= INT32_MAX)
        return text_invalid(place, error, "it claims %zu merges", n);
    text_merges_init(&t->merges, n);
    for (size_t i = 0; i < n; i++) {
        if (!text_add_merge_line(t, i, merges[i], place, error))
            return false;
        g_checksum_update(sum, (const guchar *)merges[i], (gssize)strlen(merges[i]) + 1);
    }
    return true;
}

HoneTokenizer *hone_tokenizer_from_gguf(const HoneGguf *gguf, GError **error)
{
    const char *model = hone_gguf_string(gguf, KEY "model"), *pre = hone_gguf_string(gguf, KEY "pre");
    if (g_strcmp0(model, "gpt2") != 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "%s: its tokenizer is of the kind \"%.64s\" (tokenizer.ggml.model); Hone reads byte-level BPE "
                    "(\"gpt2\")",
                    hone_gguf_path(gguf), model ? model : "none");
        return NULL;
    }
    TextSplitter *splitter = text_splitter_new(pre, error);
    if (!splitter) {
        g_prefix_error(error, "%s: ", hone_gguf_path(gguf));
        return NULL;
    }
    g_autoptr(HoneTokenizer) t = g_new0(HoneTokenizer, 1);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    t->splitter = splitter;
    t->ids = g_hash_table_new(g_str_hash, g_str_equal);
    if (!read_tokens(t, gguf, error) || !read_settings(t, gguf, error) ||
        !text_make_bytes(t, hone_gguf_path(gguf), error) || !read_merges(t, gguf, sum, error))
        return NULL;
    text_index_added(t);
    text_hash_tokens(t, pre, sum);
    t->hash = g_strdup(g_checksum_get_string(sum));
    return g_steal_pointer(&t);
}

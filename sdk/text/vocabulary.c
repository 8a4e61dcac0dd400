/* SPDX-License-Identifier: Apache-2.0
 * vocabulary.c: a tokenizer from a GGUF's metadata, with everything in it checked first.
 */
#include "internal.h"

#include <string.h>

#define KEY "tokenizer.ggml."
#define MAX_PIECE 65536 /* bytes of one token's text; real ones stay below a few hundred */

/* Values of tokenizer.ggml.token_type. */
enum { TYPE_NORMAL = 1, TYPE_UNKNOWN, TYPE_CONTROL, TYPE_USER_DEFINED, TYPE_UNUSED, TYPE_BYTE };

/* Tokens that end a turn or a text in the models that use byte-level BPE. */
static const char *const ending_texts[] = {"<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>",
                                           "<|eom_id|>"};

static bool invalid(const HoneGguf *gguf, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);
static bool invalid(const HoneGguf *gguf, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: the tokenizer is broken: %s", hone_gguf_path(gguf), what);
    return false;
}

/* Texts, ids by text, flags. */
static bool read_tokens(HoneTokenizer *t, const HoneGguf *gguf, GError **error)
{
    size_t n_types = 0;
    const char *const *texts = hone_gguf_strings(gguf, KEY "tokens", &t->size);
    if (!texts || t->size == 0)
        return invalid(gguf, error, "it has no list of tokens (" KEY "tokens)");
    if (t->size > INT32_MAX)
        return invalid(gguf, error, "it claims %zu tokens", t->size);
    const int64_t *types = hone_gguf_ints(gguf, KEY "token_type", &n_types);
    if (!types)
        return invalid(gguf, error, "it does not say which tokens are special (" KEY "token_type)");
    if (n_types != t->size)
        return invalid(gguf, error, "it has %zu tokens but %zu token types", t->size, n_types);
    t->texts = g_new0(char *, t->size + 1);
    t->flags = g_new0(uint8_t, t->size);
    for (size_t i = 0; i < t->size; i++) {
        const char *text = texts[i];
        size_t length = strlen(text);
        if (length == 0 || length > MAX_PIECE || !g_utf8_validate(text, (gssize)length, NULL))
            return invalid(gguf, error, "token %zu is %s", i,
                           length == 0          ? "empty"
                           : length > MAX_PIECE ? "longer than 64 KiB"
                                                : "no valid UTF-8");
        if (types[i] < TYPE_NORMAL || types[i] > TYPE_BYTE)
            return invalid(gguf, error, "token %zu (\"%.64s\") has the unknown type %" G_GINT64_FORMAT, i, text,
                           types[i]);
        t->texts[i] = g_strdup(text);
        gpointer before = g_hash_table_lookup(t->ids, text);
        if (before)
            return invalid(gguf, error, "tokens %d and %zu are both \"%.64s\"", GPOINTER_TO_INT(before) - 1, i, text);
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
        return invalid(gguf, error, "%s is %" G_GUINT64_FORMAT ", past the last of %zu tokens", key, value, t->size);
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
    for (size_t i = 0; i < G_N_ELEMENTS(ending_texts); i++) {
        int32_t id = hone_tokenizer_id(t, ending_texts[i]);
        if (id >= 0)
            t->flags[id] |= TEXT_SPECIAL | TEXT_ADDED | TEXT_ENDS;
    }
    if (t->bos >= 0)
        t->flags[t->bos] |= TEXT_SPECIAL | TEXT_ADDED;
    if (start >= 0)
        t->flags[start] |= TEXT_SPECIAL | TEXT_ADDED;
    return true;
}

/* The bytes that each token stands for: as written for added tokens, by GPT-2's table for all others. A token with a
 * character outside that table stands for its own text, as in the reference. */
static bool make_bytes(HoneTokenizer *t, const HoneGguf *gguf, GError **error)
{
    g_autoptr(GString) all = g_string_new(NULL);
    bool any = false;
    memset(t->byte_id, 0xFF, sizeof t->byte_id);
    t->starts = g_new(size_t, t->size + 1);
    for (size_t i = 0; i < t->size; i++) {
        const char *text = t->texts[i];
        size_t start = t->starts[i] = all->len;
        bool mapped = !(t->flags[i] & (TEXT_ADDED | TEXT_SPECIAL));
        for (const char *c = text; mapped && *c; c = g_utf8_next_char(c)) {
            int byte = text_char_to_byte(g_utf8_get_char(c));
            if (byte < 0)
                mapped = false;
            else
                g_string_append_c(all, (char)byte);
        }
        if (!mapped) {
            g_string_truncate(all, start);
            g_string_append(all, text);
        } else if (all->len == start + 1) {
            t->byte_id[(uint8_t)all->str[start]] = (int32_t)i;
            any = true;
        }
        g_string_append_c(all, '\0');
    }
    t->starts[t->size] = all->len;
    t->bytes = g_string_free(g_steal_pointer(&all), FALSE);
    if (!any)
        return invalid(gguf, error, "no token stands for a single byte, so no text can be encoded");
    return true;
}

static bool read_merges(HoneTokenizer *t, const HoneGguf *gguf, GChecksum *sum, GError **error)
{
    size_t n = 0;
    const char *const *merges = hone_gguf_strings(gguf, KEY "merges", &n);
    if (!merges)
        return invalid(gguf, error, "it has no list of merges (" KEY "merges)");
    if (n >= INT32_MAX)
        return invalid(gguf, error, "it claims %zu merges", n);
    text_merges_init(&t->merges, n);
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = 0; i < n; i++) {
        const char *space = merges[i][0] ? strchr(merges[i] + 1, ' ') : NULL;
        if (!space || !space[1] || strlen(merges[i]) > 2 * MAX_PIECE)
            return invalid(gguf, error, "merge %zu (\"%.64s\") is not two tokens with a space between", i, merges[i]);
        g_string_truncate(text, 0);
        g_string_append_len(text, merges[i], space - merges[i]);
        int32_t left = hone_tokenizer_id(t, text->str), right = hone_tokenizer_id(t, space + 1);
        g_string_append(text, space + 1);
        int32_t both = hone_tokenizer_id(t, text->str);
        if (left < 0 || right < 0 || both < 0)
            return invalid(gguf, error, "merge %zu (\"%.64s\") needs the token \"%.64s\", which is not in the list", i,
                           merges[i], right < 0 ? space + 1 : text->str);
        if (!text_merges_add(&t->merges, left, right, (uint32_t)i, both))
            return invalid(gguf, error, "merge %zu (\"%.64s\") stands there twice", i, merges[i]);
        g_checksum_update(sum, (const guchar *)merges[i], (gssize)strlen(merges[i]) + 1);
    }
    return true;
}

static int compare_added(gconstpointer a, gconstpointer b, gpointer data)
{
    const HoneTokenizer *t = data;
    const char *x = t->texts[*(const int32_t *)a], *y = t->texts[*(const int32_t *)b];
    if (x[0] != y[0])
        return (uint8_t)x[0] < (uint8_t)y[0] ? -1 : 1;
    size_t m = strlen(x), n = strlen(y);
    return m != n ? (m > n ? -1 : 1) : strcmp(x, y);
}

static void index_added(HoneTokenizer *t)
{
    GArray *added = g_array_new(FALSE, FALSE, sizeof(int32_t));
    for (size_t i = 0; i < t->size; i++) {
        int32_t id = (int32_t)i;
        if (t->flags[i] & TEXT_ADDED)
            g_array_append_val(added, id);
    }
    g_array_sort_with_data(added, compare_added, t);
    uint32_t n = added->len, at = 0;
    t->added = (int32_t *)(void *)g_array_free(added, FALSE);
    for (unsigned b = 0; b < 256; b++) {
        while (at < n && (uint8_t)t->texts[t->added[at]][0] < b)
            at++;
        t->added_from[b] = at;
    }
    t->added_from[256] = n;
}

/* Everything that decides which ids a text gets. */
static void hash_tokens(const HoneTokenizer *t, const char *pre, GChecksum *sum)
{
    g_autofree char *head = g_strdup_printf("hone tokenizer 1 %s %zu %d %d", pre, t->size, t->bos, t->eos);
    g_checksum_update(sum, (const guchar *)head, (gssize)strlen(head) + 1);
    for (size_t i = 0; i < t->size; i++) {
        g_checksum_update(sum, &t->flags[i], 1);
        g_checksum_update(sum, (const guchar *)t->texts[i], (gssize)strlen(t->texts[i]) + 1);
    }
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
    if (!read_tokens(t, gguf, error) || !read_settings(t, gguf, error) || !make_bytes(t, gguf, error) ||
        !read_merges(t, gguf, sum, error))
        return NULL;
    index_added(t);
    hash_tokens(t, pre, sum);
    t->hash = g_strdup(g_checksum_get_string(sum));
    return g_steal_pointer(&t);
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
    text_merges_clear(&tokenizer->merges);
    g_free(tokenizer->added);
    text_splitter_free(tokenizer->splitter);
    g_free(tokenizer->hash);
    g_free(tokenizer);
}

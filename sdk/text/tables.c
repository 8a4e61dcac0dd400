/* SPDX-License-Identifier: Apache-2.0
 * tables.c: the tables of a tokenizer, made from its tokens and their flags, whatever file those came from.
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

/* Tokens that end a turn or a text, where no file says which do. */
static const char *const ending_texts[] = {"<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>",
                                           "<|eom_id|>"};

void text_mark_known_ends(HoneTokenizer *t)
{
    for (size_t i = 0; i < G_N_ELEMENTS(ending_texts); i++) {
        int32_t id = hone_tokenizer_id(t, ending_texts[i]);
        if (id >= 0)
            t->flags[id] |= TEXT_SPECIAL | TEXT_ADDED | TEXT_ENDS;
    }
}

/* The bytes that each token stands for: as written for added tokens, by GPT-2's table for all others. A token with a
 * character outside that table stands for its own text, as in the reference. */
bool text_make_bytes(HoneTokenizer *t, const char *place, GError **error)
{
    g_autoptr(GString) all = g_string_new(NULL);
    bool any = false;
    memset(t->byte_id, 0xFF, sizeof t->byte_id);
    t->starts = g_new(size_t, t->size + 1);
    for (size_t i = 0; i < t->size; i++) {
        const char *text = t->texts[i] ? t->texts[i] : ""; /* ids may have gaps */
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
        return text_invalid(place, error, "no token stands for a single byte, so no text can be encoded");
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

void text_index_added(HoneTokenizer *t)
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
void text_hash_tokens(const HoneTokenizer *t, const char *pre, GChecksum *sum)
{
    g_autofree char *head = g_strdup_printf("hone tokenizer 1 %s %zu %d %d", pre, t->size, t->bos, t->eos);
    g_checksum_update(sum, (const guchar *)head, (gssize)strlen(head) + 1);
    for (size_t i = 0; i < t->size; i++) {
        const char *text = t->texts[i] ? t->texts[i] : "";
        g_checksum_update(sum, &t->flags[i], 1);
        g_checksum_update(sum, (const guchar *)text, (gssize)strlen(text) + 1);
    }
}

bool text_add_merge(HoneTokenizer *t, size_t i, const char *left, const char *right, const char *place, GError **error)
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
    if (!text_merges_add(&t->merges, a, b, (uint32_t)i, both))
        return text_invalid(place, error, "merge %zu (\"%.64s %.64s\") stands there twice", i, left, right);
    return true;
}

bool text_add_merge_line(HoneTokenizer *t, size_t i, const char *merge, const char *place, GError **error)
{
    const char *space = merge[0] ? strchr(merge + 1, ' ') : NULL;
    if (!space || !space[1] || strlen(merge) > (size_t)2 * TEXT_MAX_PIECE)
        return text_invalid(place, error, "merge %zu (\"%.64s\") is not two tokens with a space between", i, merge);
    g_autofree char *left = g_strndup(merge, (gsize)(space - merge));
    return text_add_merge(t, i, left, space + 1, place, error);
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

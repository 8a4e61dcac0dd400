/* SPDX-License-Identifier: Apache-2.0
 * vocabulary.c: metadata that lies is refused with a message that says where; the hash names what decides ids.
 */
#include "support.h"

#include <string.h>

static void drop_last_type(SupportVocabulary *v)
{
    g_array_set_size(v->types, v->types->len - 1);
}

static void no_types(SupportVocabulary *v)
{
    g_clear_pointer(&v->types, g_array_unref);
}

static void strange_type(SupportVocabulary *v)
{
    g_array_index(v->types, int32_t, 77) = 7;
}

static void negative_type(SupportVocabulary *v)
{
    g_array_index(v->types, int32_t, 77) = -1;
}

static void no_tokens(SupportVocabulary *v)
{
    g_clear_pointer(&v->tokens, g_ptr_array_unref);
}

static void zero_tokens(SupportVocabulary *v)
{
    g_ptr_array_set_size(v->tokens, 0);
}

static void replace(GPtrArray *strings, guint i, const char *text)
{
    g_free(strings->pdata[i]);
    strings->pdata[i] = g_strdup(text);
}

static void duplicate_token(SupportVocabulary *v)
{
    replace(v->tokens, 50, v->tokens->pdata[40]);
}

static void empty_token(SupportVocabulary *v)
{
    replace(v->tokens, 50, "");
}

static void broken_token(SupportVocabulary *v)
{
    replace(v->tokens, 50, "a\xFFz");
}

static void huge_token(SupportVocabulary *v)
{
    g_autofree char *text = g_strnfill(70000, 'x');
    replace(v->tokens, 50, text);
}

static void no_single_bytes(SupportVocabulary *v)
{
    for (guint i = 0; i < v->types->len; i++)
        g_array_index(v->types, int32_t, i) = 3;
}

static void no_merges(SupportVocabulary *v)
{
    g_clear_pointer(&v->merges, g_ptr_array_unref);
}

static void one_part_merge(SupportVocabulary *v)
{
    replace(v->merges, 5, "abc");
}

static void half_merge(SupportVocabulary *v)
{
    replace(v->merges, 5, "abc ");
}

static void empty_merge(SupportVocabulary *v)
{
    replace(v->merges, 5, "");
}

static void merge_of_strangers(SupportVocabulary *v)
{
    replace(v->merges, 5, "t nowhere");
}

static void merge_to_a_stranger(SupportVocabulary *v)
{
    replace(v->merges, 5, "Q Q");
}

static void duplicate_merge(SupportVocabulary *v)
{
    replace(v->merges, 5, v->merges->pdata[4]);
}

static void eos_past_the_end(SupportVocabulary *v)
{
    v->eos = 600;
}

static void bos_past_the_end(SupportVocabulary *v)
{
    v->bos = UINT32_MAX;
}

static void another_kind(SupportVocabulary *v)
{
    v->model = "bert";
}

static void no_kind(SupportVocabulary *v)
{
    v->model = NULL;
}

static void another_rule(SupportVocabulary *v)
{
    v->pre = "no-such-rule";
}

static void no_rule(SupportVocabulary *v)
{
    v->pre = NULL;
}

static const struct {
    const char *name;
    void (*spoil)(SupportVocabulary *v);
    HoneError code;
    const char *says;
} lies[] = {
    {"types-short", drop_last_type, HONE_ERROR_INVALID, "600 tokens but 599 token types"},
    {"types-missing", no_types, HONE_ERROR_INVALID, "tokenizer.ggml.token_type"},
    {"type-strange", strange_type, HONE_ERROR_INVALID, "token 77"},
    {"type-negative", negative_type, HONE_ERROR_INVALID, "unknown type -1"},
    {"tokens-missing", no_tokens, HONE_ERROR_INVALID, "tokenizer.ggml.tokens"},
    {"tokens-none", zero_tokens, HONE_ERROR_INVALID, "tokenizer.ggml.tokens"},
    {"token-twice", duplicate_token, HONE_ERROR_INVALID, "tokens 40 and 50"},
    {"token-empty", empty_token, HONE_ERROR_INVALID, "token 50 is empty"},
    {"token-broken", broken_token, HONE_ERROR_INVALID, "token 50 is no valid UTF-8"},
    {"token-huge", huge_token, HONE_ERROR_INVALID, "token 50 is longer"},
    {"bytes-missing", no_single_bytes, HONE_ERROR_INVALID, "single byte"},
    {"merges-missing", no_merges, HONE_ERROR_INVALID, "tokenizer.ggml.merges"},
    {"merge-one-part", one_part_merge, HONE_ERROR_INVALID, "merge 5 (\"abc\")"},
    {"merge-half", half_merge, HONE_ERROR_INVALID, "merge 5"},
    {"merge-empty", empty_merge, HONE_ERROR_INVALID, "merge 5"},
    {"merge-strangers", merge_of_strangers, HONE_ERROR_INVALID, "needs the token \"nowhere\""},
    {"merge-result", merge_to_a_stranger, HONE_ERROR_INVALID, "needs the token \"QQ\""},
    {"merge-twice", duplicate_merge, HONE_ERROR_INVALID, "merge 5"},
    {"eos", eos_past_the_end, HONE_ERROR_INVALID, "tokenizer.ggml.eos_token_id is 600"},
    {"bos", bos_past_the_end, HONE_ERROR_INVALID, "tokenizer.ggml.bos_token_id is 4294967295"},
    {"kind", another_kind, HONE_ERROR_UNSUPPORTED, "\"bert\""},
    {"kind-missing", no_kind, HONE_ERROR_UNSUPPORTED, "tokenizer.ggml.model"},
    {"rule", another_rule, HONE_ERROR_UNSUPPORTED, "\"no-such-rule\""},
    {"rule-missing", no_rule, HONE_ERROR_UNSUPPORTED, "tokenizer.ggml.pre is missing"},
};

static void test_lie(gconstpointer data)
{
    size_t i = GPOINTER_TO_SIZE(data);
    g_autoptr(GError) error = NULL;
    g_autoptr(SupportVocabulary) v = support_vocabulary();
    lies[i].spoil(v);
    g_autoptr(HoneGguf) gguf = support_open(v);
    g_autoptr(HoneTokenizer) t = hone_tokenizer_from_gguf(gguf, &error);
    g_assert_null(t);
    g_assert_error(error, HONE_ERROR, (int)lies[i].code);
    if (!strstr(error->message, lies[i].says) || !strstr(error->message, hone_gguf_path(gguf)))
        g_error("the message lacks \"%s\" or the file: %s", lies[i].says, error->message);
}

static void assert_text(const HoneTokenizer *t, const char *text, uint32_t flags, int32_t wanted)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    hone_tokenizer_encode(t, text, strlen(text), flags, ids);
    bool single = ids->len == 1 && g_array_index(ids, int32_t, 0) == wanted;
    if (!single)
        g_error("\"%s\" gives %u tokens, not the one token %d", text, ids->len, wanted);
}

/* Markers that a converter took for the user's tokens are special all the same. */
static void test_marker_as_user_token(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SupportVocabulary) v = support_vocabulary();
    for (guint i = 0; i < 4; i++)
        g_array_index(v->types, int32_t, i) = 4;
    g_autoptr(HoneGguf) gguf = support_open(v);
    g_autoptr(HoneTokenizer) t = hone_tokenizer_from_gguf(gguf, &error);
    g_assert_no_error(error);
    for (int32_t i = 0; i < 3; i++) {
        g_autoptr(GArray) plain = g_array_new(FALSE, FALSE, sizeof(int32_t));
        g_assert_true(hone_tokenizer_is_special(t, i));
        assert_text(t, v->tokens->pdata[i], HONE_ENCODE_SPECIAL, i);
        hone_tokenizer_encode(t, v->tokens->pdata[i], strlen(v->tokens->pdata[i]), 0, plain);
        g_assert_cmpuint(plain->len, >, 1);
    }
    g_assert_false(hone_tokenizer_is_special(t, 3));
    assert_text(t, "<repo_name>", 0, 3);
}

static char *hash_of(SupportVocabulary *v)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneGguf) gguf = support_open(v);
    g_autoptr(HoneTokenizer) t = hone_tokenizer_from_gguf(gguf, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(strlen(hone_tokenizer_hash(t)), ==, 64);
    return g_strdup(hone_tokenizer_hash(t));
}

static void test_hash(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (int change = 0; change < 6; change++) {
        g_autoptr(SupportVocabulary) v = support_vocabulary();
        gpointer *merges = v->merges->pdata, first = merges[0];
        switch (change) {
        case 1: /* merges in another order */
            merges[0] = merges[1];
            merges[1] = first;
            break;
        case 2:
            v->pre = "gpt-2";
            break;
        case 3:
            g_array_index(v->types, int32_t, 3) = 1;
            break;
        case 4:
            replace(v->tokens, 3, "<another>");
            break;
        case 5:
            v->eos = 0;
            break;
        default:
            break;
        }
        g_autofree char *hash = hash_of(v), *again = hash_of(v);
        g_assert_cmpstr(hash, ==, again);
        g_assert_true(g_hash_table_add(seen, g_steal_pointer(&hash)));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(lies); i++) {
        g_autofree char *path = g_strdup_printf("/vocabulary/%s", lies[i].name);
        g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_lie);
    }
    g_test_add_func("/vocabulary/marker-as-user-token", test_marker_as_user_token);
    g_test_add_func("/vocabulary/hash", test_hash);
    return g_test_run();
}

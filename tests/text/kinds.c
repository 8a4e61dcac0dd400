/* SPDX-License-Identifier: Apache-2.0
 * kinds.c: small tokenizers in the form of each published family, equal to `tokenizers` and `sentencepiece` on hard
 * text: ids, with and without special tokens, what stands around them, and the text that comes back
 * (tests/oracle/text_kinds.py).
 */
#include "support.h"

#include <string.h>

static JsonArray *member_array(JsonObject *object, const char *name)
{
    return json_object_get_array_member(object, name);
}

static char *decode_text(JsonArray *texts, guint i, size_t *length)
{
    return (char *)g_base64_decode(json_array_get_string_element(texts, i), length);
}

/* The texts of text_hard.ALL, as base64. */
static JsonArray *hard_texts(void)
{
    g_autoptr(JsonObject) tiny = support_json("tiny.json");
    JsonArray *rows = member_array(json_object_get_object_member(tiny, "texts"), "smollm"), *texts = json_array_new();
    for (guint i = 0; i < json_array_get_length(rows); i++)
        json_array_add_string_element(texts,
                                      json_object_get_string_member(json_array_get_object_element(rows, i), "text"));
    return texts;
}

static void assert_digest(const void *data, size_t size, const char *wanted, const char *what)
{
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, size);
    if (strncmp(sum, wanted, 16) != 0)
        g_error("%s: the reference has something else", what);
}

static GArray *encode(const HoneTokenizer *t, const char *text, size_t length, uint32_t flags)
{
    g_autoptr(GError) error = NULL;
    GArray *ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    g_assert_true(hone_tokenizer_try_encode(t, text, length, flags, ids, &error));
    g_assert_no_error(error);
    return ids;
}

static void assert_ids(const GArray *ids, const char *wanted, const char *what)
{
    g_autofree int32_t *little = g_new(int32_t, ids->len + 1);
    for (guint i = 0; i < ids->len; i++)
        little[i] = GINT32_TO_LE(g_array_index(ids, int32_t, i));
    assert_digest(little, ids->len * sizeof(int32_t), wanted, what);
}

/* Streaming gives what decoding gives, in pieces of whole characters, NUL and broken bytes as U+FFFD. */
static void assert_stream(const HoneTokenizer *t, const GArray *ids)
{
    const int32_t *all = (const int32_t *)(const void *)ids->data;
    g_autoptr(HoneTokenStream) stream = hone_token_stream_new(t);
    g_autoptr(GString) streamed = g_string_new(NULL), wanted = g_string_new(NULL);
    g_autoptr(GString) whole = hone_tokenizer_decode(t, all, ids->len, false);
    for (guint i = 0; i < ids->len; i++) {
        const char *piece = hone_token_stream_feed(stream, all[i]);
        g_assert_true(g_utf8_validate(piece, -1, NULL));
        g_string_append(streamed, piece);
    }
    g_string_append(streamed, hone_token_stream_finish(stream));
    g_assert_true(g_utf8_validate(streamed->str, -1, NULL));
    for (size_t at = 0; at < whole->len;) {
        size_t n = strlen(whole->str + at);
        g_string_append_len(wanted, whole->str + at, (gssize)n);
        at += n + 1;
        if (at <= whole->len)
            g_string_append(wanted, "\xEF\xBF\xBD");
    }
    g_autofree char *valid = g_utf8_make_valid(wanted->str, (gssize)wanted->len);
    g_assert_cmpstr(streamed->str, ==, valid);
}

static void check_text(const HoneTokenizer *t, const char *text, size_t length, JsonArray *row, const char *what)
{
    g_autoptr(GArray) ids = encode(t, text, length, HONE_ENCODE_SPECIAL), plain = encode(t, text, length, 0);
    assert_ids(ids, json_array_get_string_element(row, 0), what);
    if (!json_array_get_null_element(row, 1))
        assert_ids(plain, json_array_get_string_element(row, 1), what);
    g_autoptr(GString) back = hone_tokenizer_decode(t, (const int32_t *)(const void *)ids->data, ids->len, true);
    assert_digest(back->str, back->len, json_array_get_string_element(row, 2), what);
    assert_stream(t, ids);
    assert_stream(t, plain);
}

static void check_texts(const HoneTokenizer *t, JsonArray *texts, JsonArray *rows, guint from, const char *name)
{
    for (guint i = 0; i < json_array_get_length(texts); i++) {
        size_t length;
        g_autofree char *text = decode_text(texts, i, &length);
        g_autofree char *what =
            g_strdup_printf("%s, text %u: %s", name, from + i, json_array_get_string_element(texts, i));
        check_text(t, text, length, json_array_get_array_element(rows, from + i), what);
    }
}

static void check_around(const HoneTokenizer *t, JsonObject *all)
{
    static const char *const texts[] = {"", "a b", " x", "\xE6\xBC\xA2\xFF"};
    g_autoptr(GArray) before = support_ids(member_array(all, "before")),
                      after = support_ids(member_array(all, "after"));
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GArray) full = encode(t, texts[i], strlen(texts[i]), HONE_ENCODE_SPECIAL | HONE_ENCODE_ADDED);
        g_autoptr(GArray) wanted = g_array_copy(before),
                          ids = encode(t, texts[i], strlen(texts[i]), HONE_ENCODE_SPECIAL);
        g_array_append_vals(wanted, ids->data, ids->len);
        g_array_append_vals(wanted, after->data, after->len);
        g_assert_cmpmem(full->data, full->len * sizeof(int32_t), wanted->data, wanted->len * sizeof(int32_t));
    }
}

static const char *const families[] = {"llama3", "qwen2",  "neox",          "granite", "gpt2-prefixed", "tekken",
                                       "o200k",  "llama2", "mistral",       "phi3",    "gemma",         "gemma-whole",
                                       "t5",     "xlmr",   "unigram-bytes", "added"};

static void test_family(gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = g_strdup_printf("kinds/%s.json", (const char *)data);
    g_autoptr(JsonObject) all = support_json(name);
    g_autoptr(JsonArray) hard = hard_texts();
    g_autoptr(HoneTokenizer) t = support_folder(json_object_get_object_member(all, "tokenizer"),
                                                json_object_get_object_member(all, "config"), &error);
    g_assert_no_error(error);
    JsonArray *rows = member_array(all, "rows"), *own = member_array(all, "texts");
    g_assert_cmpuint(json_array_get_length(rows), ==, json_array_get_length(hard) + json_array_get_length(own));
    check_texts(t, hard, rows, 0, data);
    check_texts(t, own, rows, json_array_get_length(hard), data);
    check_around(t, all);
}

/* One vocabulary under each normalizer and pre-tokenizer that there is. */
static void test_steps(void)
{
    g_autoptr(JsonObject) all = support_json("kinds/steps.json");
    g_autoptr(JsonArray) hard = hard_texts();
    JsonObject *base = json_object_get_object_member(all, "tokenizer"),
               *steps = json_object_get_object_member(all, "steps");
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;
    g_assert_cmpuint(json_object_get_size(steps), >, 40);
    json_object_iter_init_ordered(&iter, steps);
    while (json_object_iter_next_ordered(&iter, &name, &node)) {
        g_autoptr(GError) error = NULL;
        JsonObject *step = json_node_get_object(node);
        json_object_set_member(base, "normalizer", json_node_copy(json_object_get_member(step, "normalizer")));
        json_object_set_member(base, "pre_tokenizer", json_node_copy(json_object_get_member(step, "pre_tokenizer")));
        json_object_set_boolean_member(json_object_get_object_member(base, "model"), "fuse_unk",
                                       json_object_get_boolean_member(step, "fuse_unk"));
        g_autoptr(HoneTokenizer) t = support_folder(base, NULL, &error);
        g_assert_no_error(error);
        JsonArray *rows = member_array(step, "rows");
        for (guint i = 0; i < json_array_get_length(hard); i++) {
            size_t length;
            g_autofree char *text = decode_text(hard, i, &length), *what = g_strdup_printf("%s, text %u", name, i);
            g_autoptr(GArray) ids = encode(t, text, length, HONE_ENCODE_SPECIAL);
            assert_ids(ids, json_array_get_string_element(rows, i), what);
            assert_stream(t, ids);
        }
    }
}

/* SentencePiece's own tokenizers, as GGUF files. */
static void test_gguf(gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = g_strdup_printf("kinds/%s-gguf.json", (const char *)data);
    g_autofree char *file = g_strdup_printf("kinds/%s.gguf", (const char *)data), *path = support_path(file);
    g_autoptr(JsonObject) all = support_json(name);
    g_autoptr(HoneGguf) gguf = hone_gguf_open(path, &error);
    g_assert_no_error(error);
    g_autoptr(HoneTokenizer) t = hone_tokenizer_from_gguf(gguf, &error);
    g_assert_no_error(error);
    JsonArray *texts = member_array(all, "texts"), *rows = member_array(all, "rows");
    g_assert_cmpuint(json_array_get_length(texts), >, 150);
    for (guint i = 0; i < json_array_get_length(texts); i++) {
        size_t length;
        g_autofree char *text = decode_text(texts, i, &length), *what = g_strdup_printf("%s, text %u", name, i);
        g_autoptr(GArray) ids = encode(t, text, length, 0);
        assert_ids(ids, json_array_get_string_element(rows, i), what);
        assert_stream(t, ids);
        if (strcmp(data, "t5") == 0) /* which does not keep the text's normal form */
            continue;
        g_autoptr(GString) back = hone_tokenizer_decode(t, (const int32_t *)(const void *)ids->data, ids->len, true);
        g_assert_cmpmem(back->str, back->len, text, length);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        g_autofree char *path = g_strdup_printf("/kinds/%s", families[i]);
        g_test_add_data_func(path, families[i], test_family);
    }
    g_test_add_func("/kinds/steps", test_steps);
    g_test_add_data_func("/kinds/gguf/llama", "llama", test_gguf);
    g_test_add_data_func("/kinds/gguf/gemma", "gemma", test_gguf);
    g_test_add_data_func("/kinds/gguf/t5", "t5", test_gguf);
    return g_test_run();
}

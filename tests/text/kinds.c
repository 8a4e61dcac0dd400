/* SPDX-License-Identifier: Apache-2.0
 * kinds.c: small tokenizers in the form of each published family, equal to `tokenizers` and `sentencepiece` on hard
 * text: ids, with and without special tokens, what stands around them, and the text that comes back
 * (tests/oracle/text_kinds.py).
 */
#include "support.h"

#include <hone/random.h>
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

/* Streaming gives what decoding gives, in pieces of whole characters, NUL as U+FFFD (broken bytes: tokenizer.c). */
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
    if (g_utf8_validate(wanted->str, (gssize)wanted->len, NULL))
        g_assert_cmpstr(streamed->str, ==, wanted->str);
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

/* Long words and runs of one kind. */
static void check_long(const HoneTokenizer *t, JsonArray *rows, const char *name)
{
    for (guint i = 0; i < json_array_get_length(rows); i++) {
        JsonArray *row = json_array_get_array_element(rows, i);
        size_t length;
        g_autofree char *unit = decode_text(row, 0, &length);
        g_autofree char *what = g_strdup_printf("%s, \"%s\" again and again", name, unit);
        g_autoptr(GString) text = g_string_new(NULL);
        for (gint64 k = json_array_get_int_element(row, 1); k > 0; k--)
            g_string_append(text, unit);
        g_autoptr(GArray) ids = encode(t, text->str, text->len, HONE_ENCODE_SPECIAL);
        assert_ids(ids, json_array_get_string_element(row, 2), what);
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
    check_long(t, member_array(all, "long"), data);
}

static HoneTokenizer *open_family(const char *family)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *name = g_strdup_printf("kinds/%s.json", family);
    g_autoptr(JsonObject) all = support_json(name);
    HoneTokenizer *t = support_folder(json_object_get_object_member(all, "tokenizer"), NULL, &error);
    g_assert_no_error(error);
    return t;
}

static void assert_round_trip(const HoneTokenizer *t, const char *text, size_t length)
{
    g_autoptr(GArray) ids = encode(t, text, length, 0);
    g_autoptr(GString) back = hone_tokenizer_decode(t, (const int32_t *)(const void *)ids->data, ids->len, true);
    g_assert_cmpmem(back->str, back->len, text, length);
    assert_stream(t, ids);
}

/* A megabyte of one letter, of words without an end, of spaces: anything quadratic would run into the test's timeout.
 */
static void test_megabyte(gconstpointer data)
{
    static const char *const units[] = {"a", " "};
    g_autoptr(HoneTokenizer) t = open_family(data);
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
        g_autoptr(GString) text = g_string_sized_new(1 << 20);
        while (text->len < 1 << 20)
            g_string_append(text, units[i]);
        if (strcmp(data, "t5") != 0) { /* which does not keep the text's normal form, of spaces nothing */
            assert_round_trip(t, text->str, text->len);
        } else {
            g_autoptr(GArray) ids = encode(t, text->str, text->len, 0);
            g_assert_true((ids->len > 0) == (units[i][0] != ' '));
        }
    }
}

/* Any bytes come back from the kinds that keep text as it is, broken UTF-8 as well. */
static void test_bytes(gconstpointer data)
{
    g_autoptr(HoneTokenizer) t = open_family(data);
    for (uint64_t round = 0; round < 300; round++) {
        char text[64];
        size_t length = hone_random_below(11, HONE_STREAM_USER, round * 100, sizeof text + 1);
        uint64_t range = round % 3 == 0 ? 256 : 128; /* anything, ASCII, or mostly lead and continuation bytes */
        for (size_t i = 0; i < length; i++)
            text[i] =
                (char)((round % 3 == 2) * 0x80 + hone_random_below(11, HONE_STREAM_USER, round * 100 + 1 + i, range));
        assert_round_trip(t, text, length);
    }
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

/* ---- tokenizer.ggml.pre. ---- */

/* The vocabulary of the tests' GGUF files as a tokenizer.json. */
static JsonObject *vocabulary_json(bool keeps_words)
{
    g_autoptr(SupportVocabulary) v = support_vocabulary();
    JsonObject *root = json_object_new(), *model = json_object_new(), *vocabulary = json_object_new();
    JsonArray *added = json_array_new(), *merges = json_array_new();
    for (guint i = 0; i < v->tokens->len; i++) {
        int32_t type = g_array_index(v->types, int32_t, i);
        if (type == 1) {
            json_object_set_int_member(vocabulary, v->tokens->pdata[i], i);
            continue;
        }
        JsonObject *token = json_object_new();
        json_object_set_int_member(token, "id", i);
        json_object_set_string_member(token, "content", v->tokens->pdata[i]);
        json_object_set_boolean_member(token, "special", type == 3);
        json_object_set_boolean_member(token, "normalized", FALSE);
        json_array_add_object_element(added, token);
    }
    for (guint i = 0; i < v->merges->len; i++)
        json_array_add_string_element(merges, v->merges->pdata[i]);
    json_object_set_string_member(model, "type", "BPE");
    json_object_set_boolean_member(model, "ignore_merges", keeps_words);
    json_object_set_object_member(model, "vocab", vocabulary);
    json_object_set_array_member(model, "merges", merges);
    json_object_set_object_member(root, "model", model);
    json_object_set_array_member(root, "added_tokens", added);
    return root;
}

/* The pre-tokenizer of a kind, or of a step, with ByteLevel behind it. */
static JsonNode *find_pre_tokenizer(const char *kind)
{
    g_autofree char *name = g_strdup_printf("kinds/%s.json", kind);
    if (strcmp(kind, "gguf-default") != 0) {
        g_autoptr(JsonObject) all = support_json(name);
        return json_node_copy(json_object_get_member(json_object_get_object_member(all, "tokenizer"), "pre_tokenizer"));
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) all = support_json("kinds/steps.json");
    JsonObject *step = json_object_get_object_member(json_object_get_object_member(all, "steps"), kind);
    JsonNode *node = json_node_copy(json_object_get_member(step, "pre_tokenizer"));
    JsonNode *bytes =
        json_from_string("{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}", &error);
    g_assert_no_error(error);
    json_array_add_element(member_array(json_node_get_object(node), "pretokenizers"), bytes);
    return node;
}

/* A GGUF's rule splits as the tokenizer.json of the models that it stands for. */
static const struct {
    const char *rule, *kind;
    bool keeps_words;
} rules[] = {
    {"refact", "granite", false},       {"starcoder", "granite", false}, {"olmo", "neox", false},
    {"phi-2", "neox", false},           {"dbrx", "llama3", false},       {"llama3", "llama3", true},
    {"tekken", "tekken", true},         {"gpt-4o", "o200k", false},      {"stablelm2", "qwen2", false},
    {"default", "gguf-default", false},
};

static void test_rule(gconstpointer data)
{
    size_t r = GPOINTER_TO_SIZE(data);
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonArray) hard = hard_texts();
    g_autoptr(JsonObject) root = vocabulary_json(rules[r].keeps_words);
    json_object_set_member(root, "pre_tokenizer", find_pre_tokenizer(rules[r].kind));
    g_autoptr(HoneTokenizer) gguf = support_tokenizer(rules[r].rule), folder = support_folder(root, NULL, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < json_array_get_length(hard); i++) {
        size_t length;
        g_autofree char *text = decode_text(hard, i, &length);
        g_autoptr(GArray) ids = encode(gguf, text, length, 0), wanted = encode(folder, text, length, 0);
        g_assert_cmpmem(ids->data, ids->len * sizeof(int32_t), wanted->data, wanted->len * sizeof(int32_t));
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

static const char *const large[] = {"llama3", "llama2", "gemma-whole", "unigram-bytes", "t5"};
static const char *const faithful[] = {"llama3", "granite", "o200k", "llama2", "phi3", "gemma", "gemma-whole"};

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        g_autofree char *path = g_strdup_printf("/kinds/%s", families[i]);
        g_test_add_data_func(path, families[i], test_family);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(large); i++) {
        g_autofree char *path = g_strdup_printf("/kinds/megabyte/%s", large[i]);
        g_test_add_data_func(path, large[i], test_megabyte);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(faithful); i++) {
        g_autofree char *path = g_strdup_printf("/kinds/bytes/%s", faithful[i]);
        g_test_add_data_func(path, faithful[i], test_bytes);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        g_autofree char *path = g_strdup_printf("/kinds/rule/%s", rules[i].rule);
        g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_rule);
    }
    g_test_add_func("/kinds/steps", test_steps);
    g_test_add_data_func("/kinds/gguf/llama", "llama", test_gguf);
    g_test_add_data_func("/kinds/gguf/gemma", "gemma", test_gguf);
    g_test_add_data_func("/kinds/gguf/t5", "t5", test_gguf);
    return g_test_run();
}

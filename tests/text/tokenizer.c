/* SPDX-License-Identifier: Apache-2.0
 * tokenizer.c: ids equal to the reference's on hard text for every splitting rule (tests/oracle/text_fixture.py), and
 * what must hold for any bytes whatever.
 */
#include "support.h"

#include <hone/random.h>
#include <string.h>

static const char *const rules[] = {"gpt-2", "smollm", "llama-bpe", "qwen2"};

static GArray *encode(const HoneTokenizer *t, const char *text, size_t length, uint32_t flags)
{
    GArray *ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    hone_tokenizer_encode(t, text, length, flags, ids);
    return ids;
}

static GString *decode(const HoneTokenizer *t, const GArray *ids)
{
    return hone_tokenizer_decode(t, (const int32_t *)(const void *)ids->data, ids->len, true);
}

/* The bytes for which the fixture has a token (all but MISSING in text_fixture.py): what encoding can keep. */
static GString *kept(const char *text, size_t length)
{
    GString *out = g_string_new(NULL);
    for (size_t i = 0; i < length; i++) {
        uint8_t b = (uint8_t)text[i];
        if (!(b == 0x04 || b == 0x06 || b == 0x13 || b == 0x14 || b == 0x16 || b == 0x1D || b == 0xC0 || b == 0xC1 ||
              b == 0xF1 || b == 0xF2 || b >= 0xF5))
            g_string_append_c(out, (char)b);
    }
    return out;
}

static void assert_round_trip(const HoneTokenizer *t, const char *text, size_t length, uint32_t flags)
{
    g_autoptr(GArray) ids = encode(t, text, length, flags);
    g_autoptr(GString) back = decode(t, ids), wanted = kept(text, length);
    g_assert_cmpmem(back->str, back->len, wanted->str, wanted->len);
}

static void test_reference(gconstpointer data)
{
    const char *rule = data;
    g_autoptr(HoneTokenizer) t = support_tokenizer(rule);
    g_autoptr(JsonObject) all = support_json("tiny.json");
    JsonArray *rows = json_object_get_array_member(json_object_get_object_member(all, "texts"), rule);
    g_assert_cmpuint(json_array_get_length(rows), >, 150);
    for (guint i = 0; i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);
        size_t length;
        g_autofree char *text = (char *)g_base64_decode(json_object_get_string_member(row, "text"), &length);
        g_autofree char *what = g_strdup_printf("%s, text %u", rule, i);
        JsonArray *wanted = json_object_get_array_member(row, "ids");
        g_autoptr(GArray) ids = encode(t, text, length, HONE_ENCODE_SPECIAL);
        support_assert_ids(ids, wanted, what);
        g_autoptr(GArray) plain = encode(t, text, length, 0);
        if (json_object_has_member(row, "plain"))
            wanted = json_object_get_array_member(row, "plain");
        support_assert_ids(plain, wanted, what);
        if (strcmp(rule, "qwen2") != 0) { /* which does not keep the text's normal form */
            assert_round_trip(t, text, length, HONE_ENCODE_SPECIAL);
            assert_round_trip(t, text, length, 0);
        }
    }
}

/* Any bytes: what can be kept is kept, and a broken byte leaves the ids around it as they are. */
static void test_broken_bytes(void)
{
    g_autoptr(HoneTokenizer) t = support_tokenizer("smollm");
    for (uint64_t round = 0; round < 300; round++) {
        char text[64];
        size_t length = hone_random_below(7, HONE_STREAM_USER, round * 100, sizeof text + 1);
        bool high = round % 2; /* mostly lead and continuation bytes, or anything */
        for (size_t i = 0; i < length; i++)
            text[i] =
                (char)(high * 0x80 + hone_random_below(7, HONE_STREAM_USER, round * 100 + 1 + i, high ? 128 : 256));
        assert_round_trip(t, text, length, HONE_ENCODE_SPECIAL);
    }
    static const char *const broken[] = {"\x80",         "\xBF",         "\xC3",    "\xE2\x82",
                                         "\xED\xA0\x80", "\xF0\x9F\x98", "\xE0\x80"};
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
        g_autofree char *joined = g_strconcat("The fox ", broken[i], " dog's", NULL);
        g_autoptr(GArray) whole = encode(t, joined, strlen(joined), 0);
        g_autoptr(GArray) parts = encode(t, "The fox ", 8, 0);
        for (const char *b = broken[i]; *b; b++)
            hone_tokenizer_encode(t, b, 1, 0, parts);
        hone_tokenizer_encode(t, " dog's", 6, 0, parts);
        g_assert_cmpmem(whole->data, whole->len * sizeof(int32_t), parts->data, parts->len * sizeof(int32_t));
    }
}

/* Long words of every kind: the text comes back, in time (a quadratic algorithm would run into the timeout). */
static void test_long_words(gconstpointer data)
{
    g_autoptr(HoneTokenizer) t = support_tokenizer(data);
    static const char *const units[] = {
        "a",         "the",  " ", "\n", "=", "!", " \n", "\xE6\xBC\xA2", "1", "'", "\xF0\x9F\x91\x8D",
        "e\xCC\x81", "\xFF", "<", "a "};
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        while (text->len < 1 << 17)
            g_string_append(text, units[i]);
        if (strcmp(data, "qwen2") != 0)
            assert_round_trip(t, text->str, text->len, HONE_ENCODE_SPECIAL);
        g_string_append(text, "x");
        g_autoptr(GArray) ids = encode(t, text->str, text->len, 0);
        g_assert_cmpuint(ids->len, >, 0);
    }
}

/* Streaming gives the same text as decoding, in pieces of whole characters. */
static void test_stream(void)
{
    g_autoptr(HoneTokenizer) t = support_tokenizer("smollm");
    const char *text = "d\xC3\xA9j\xC3\xA0 \xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7 \xE6\xBC\xA2 end";
    g_autoptr(GArray) ids = encode(t, text, strlen(text), 0);
    g_autoptr(HoneTokenStream) stream = hone_token_stream_new(t);
    g_autoptr(GString) all = g_string_new(NULL);
    bool waited = false;
    for (guint i = 0; i < ids->len; i++) {
        const char *piece = hone_token_stream_feed(stream, g_array_index(ids, int32_t, i));
        g_assert_true(g_utf8_validate(piece, -1, NULL));
        waited |= !piece[0];
        g_string_append(all, piece);
    }
    g_assert_cmpstr(hone_token_stream_finish(stream), ==, "");
    g_assert_cmpstr(all->str, ==, text);
    g_assert_true(waited); /* the emoji takes several tokens */
}

/* One token per byte, special tokens and ids past the end in between. `wanted` follows the Unicode standard's
 * replacement of maximal subparts (chapter 3.9, table 3-8). */
static void test_stream_broken(void)
{
    static const struct {
        const char *bytes, *wanted, *left;
    } cases[] = {
        {"a\x80z", "a\xEF\xBF\xBDz", ""},
        {"\xE2\x82z", "\xEF\xBF\xBDz", ""},
        {"\xE2\x82", "", "\xEF\xBF\xBD"},
        {"\xE0\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", ""},
        {"\xF0\x9F\x98\xF0\x9F\x98\x80", "\xEF\xBF\xBD\xF0\x9F\x98\x80", ""},
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", ""},
    };
    g_autoptr(HoneTokenizer) t = support_tokenizer("smollm");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(HoneTokenStream) stream = hone_token_stream_new(t);
        g_autoptr(GString) all = g_string_new(NULL);
        for (const char *b = cases[i].bytes; *b; b++) {
            g_autoptr(GArray) id = encode(t, b, 1, 0);
            g_assert_cmpuint(id->len, ==, 1);
            g_string_append(all, hone_token_stream_feed(stream, g_array_index(id, int32_t, 0)));
            g_string_append(all, hone_token_stream_feed(stream, hone_tokenizer_eos(t)));
            g_string_append(all, hone_token_stream_feed(stream, INT32_MAX));
        }
        g_assert_cmpstr(all->str, ==, cases[i].wanted);
        g_assert_cmpstr(hone_token_stream_finish(stream), ==, cases[i].left);
        g_assert_cmpstr(hone_token_stream_finish(stream), ==, "");
    }
}

static void test_facts(void)
{
    g_autoptr(HoneTokenizer) t = support_tokenizer("smollm");
    int32_t end = hone_tokenizer_id(t, "<|im_end|>"), text_end = hone_tokenizer_id(t, "<|endoftext|>");
    int32_t added = hone_tokenizer_id(t, "====="), space = hone_tokenizer_id(t, "\xC4\xA0");
    size_t length;
    g_assert_cmpuint(hone_tokenizer_size(t), ==, 600);
    g_assert_cmpint(hone_tokenizer_eos(t), ==, end);
    g_assert_cmpint(hone_tokenizer_bos(t), ==, hone_tokenizer_id(t, "<|im_start|>"));
    g_assert_true(hone_tokenizer_ends(t, end) && hone_tokenizer_ends(t, text_end));
    g_assert_false(hone_tokenizer_ends(t, added) || hone_tokenizer_ends(t, -1) || hone_tokenizer_ends(t, 600));
    g_assert_true(hone_tokenizer_is_special(t, end) && !hone_tokenizer_is_special(t, added));
    g_assert_cmpint(hone_tokenizer_id(t, "no such token"), ==, -1);
    g_assert_cmpstr(hone_tokenizer_piece(t, space, &length), ==, " ");
    g_assert_cmpuint(length, ==, 1);
    hone_tokenizer_piece(t, 600, &length);
    g_assert_cmpuint(length, ==, 0);
    int32_t ids[] = {end, space, 9999, -1, added};
    g_autoptr(GString) shown = hone_tokenizer_decode(t, ids, G_N_ELEMENTS(ids), false);
    g_assert_cmpstr(shown->str, ==, " =====");
    g_autoptr(GString) full = hone_tokenizer_decode(t, ids, G_N_ELEMENTS(ids), true);
    g_assert_cmpstr(full->str, ==, "<|im_end|> =====");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
        g_autofree char *reference = g_strdup_printf("/text/reference/%s", rules[i]);
        g_autofree char *words = g_strdup_printf("/text/long-words/%s", rules[i]);
        g_test_add_data_func(reference, rules[i], test_reference);
        g_test_add_data_func(words, rules[i], test_long_words);
    }
    g_test_add_func("/text/broken-bytes", test_broken_bytes);
    g_test_add_func("/text/stream", test_stream);
    g_test_add_func("/text/stream-broken", test_stream_broken);
    g_test_add_func("/text/facts", test_facts);
    return g_test_run();
}

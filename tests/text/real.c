/* SPDX-License-Identifier: Apache-2.0
 * real.c: the vocabulary of a real model ($HONE_TEST_MODEL, SmolLM2) against the reference: hard text, conversations
 * and 100 rows of GSM8K (tests/oracle/text_model.py).
 */
#include "support.h"

#include <string.h>

static HoneGguf *gguf;
static HoneTokenizer *tokenizer;
static JsonObject *wanted;

/* Opens the model once; false where the test is to be skipped. */
static bool open_model(void)
{
    g_autoptr(GError) error = NULL;
    const char *path = g_getenv("HONE_TEST_MODEL");
    if (!path) {
        g_test_skip("HONE_TEST_MODEL is not set");
        return false;
    }
    if (!gguf) {
        gguf = hone_gguf_open(path, &error);
        g_assert_no_error(error);
        tokenizer = hone_tokenizer_from_gguf(gguf, &error);
        g_assert_no_error(error);
        wanted = support_json("smollm2.json");
    }
    if (hone_tokenizer_size(tokenizer) != (size_t)json_object_get_int_member(wanted, "size")) {
        g_test_skip("HONE_TEST_MODEL is not SmolLM2");
        return false;
    }
    return true;
}

static void assert_digest(const GArray *ids, gint64 count, const char *digest, const char *what)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    for (guint i = 0; i < ids->len; i++) {
        int32_t little = GINT32_TO_LE(g_array_index(ids, int32_t, i));
        g_checksum_update(sum, (const guchar *)&little, sizeof little);
    }
    if (ids->len != count || strcmp(g_checksum_get_string(sum), digest) != 0)
        g_error("%s: %u tokens, the reference has %" G_GINT64_FORMAT " of these or others", what, ids->len, count);
}

static void assert_pair(const GArray *ids, JsonArray *pair, const char *what)
{
    assert_digest(ids, json_array_get_int_element(pair, 0), json_array_get_string_element(pair, 1), what);
}

static void test_texts(void)
{
    if (!open_model())
        return;
    g_autoptr(JsonObject) tiny = support_json("tiny.json");
    JsonArray *texts = json_object_get_array_member(json_object_get_object_member(tiny, "texts"), "smollm");
    JsonArray *pairs = json_object_get_array_member(wanted, "texts");
    g_assert_cmpuint(json_array_get_length(texts), ==, json_array_get_length(pairs));
    for (guint i = 0; i < json_array_get_length(texts); i++) {
        size_t length;
        g_autofree guchar *text =
            g_base64_decode(json_object_get_string_member(json_array_get_object_element(texts, i), "text"), &length);
        g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
        g_autofree char *what = g_strdup_printf("text %u", i);
        hone_tokenizer_encode(tokenizer, (const char *)text, length, HONE_ENCODE_SPECIAL, ids);
        assert_pair(ids, json_array_get_array_element(pairs, i), what);
    }
}

static void test_chats(void)
{
    if (!open_model())
        return;
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) tiny = support_json("tiny.json");
    g_autoptr(HoneChat) chat = hone_chat_from_gguf(gguf, tokenizer, &error);
    g_assert_no_error(error);
    JsonArray *chats = json_object_get_array_member(tiny, "chats"),
              *pairs = json_object_get_array_member(wanted, "chats");
    g_assert_cmpuint(json_array_get_length(chats), ==, json_array_get_length(pairs));
    for (guint i = 0; i < json_array_get_length(chats); i++) {
        JsonObject *row = json_array_get_object_element(chats, i);
        g_autoptr(GPtrArray) messages = support_messages(json_object_get_array_member(row, "messages"));
        g_autoptr(HoneTokens) tokens = hone_chat_encode(chat, messages, &error);
        g_assert_no_error(error);
        g_autofree char *what = g_strdup_printf("conversation %u", i);
        assert_pair(tokens->ids, json_array_get_array_element(pairs, i), what);
        /* The model's own template, not the fixture's copy of it. */
        g_autofree char *text = hone_chat_render(chat, messages, true, &error);
        g_assert_cmpstr(text, ==, json_object_get_string_member(row, "asked"));
    }
}

static void test_rows(void)
{
    if (!open_model())
        return;
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneChat) chat = hone_chat_from_gguf(gguf, tokenizer, &error);
    g_assert_no_error(error);
    JsonArray *rows = json_object_get_array_member(wanted, "rows");
    g_assert_cmpuint(json_array_get_length(rows), ==, 100);
    for (guint i = 0; i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);
        g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func((GDestroyNotify)hone_message_free);
        g_ptr_array_add(messages, hone_message_new("user", json_object_get_string_member(row, "question"), 0));
        g_ptr_array_add(messages, hone_message_new("assistant", json_object_get_string_member(row, "answer"), 1));
        g_autoptr(HoneTokens) tokens = hone_chat_encode(chat, messages, &error);
        g_assert_no_error(error);
        g_autofree char *what = g_strdup_printf("row %u", i);
        if (json_object_has_member(row, "ids"))
            support_assert_ids(tokens->ids, json_object_get_array_member(row, "ids"), what);
        assert_digest(tokens->ids, json_object_get_int_member(row, "count"),
                      json_object_get_string_member(row, "digest"), what);
        gint64 trained = 0;
        for (guint t = 0; t < tokens->weights->len; t++)
            trained += g_array_index(tokens->weights, float, t) > 0;
        g_assert_cmpint(trained, ==, json_object_get_int_member(row, "trained"));
        g_assert_cmpint((gint64)tokens->prompt, ==, json_object_get_int_member(row, "prompt"));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/real/texts", test_texts);
    g_test_add_func("/real/chats", test_chats);
    g_test_add_func("/real/rows", test_rows);
    int status = g_test_run();
    g_clear_pointer(&wanted, json_object_unref);
    hone_tokenizer_free(tokenizer);
    g_clear_pointer(&gguf, hone_gguf_free);
    return status;
}

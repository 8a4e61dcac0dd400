/* SPDX-License-Identifier: Apache-2.0
 * families.c: templates in the published style of each family, against transformers (tests/oracle/templates.py): the
 * text with and without a generation prompt, the tokens, and which of them are trained.
 */
#include "support.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static const char *const files[] = {"chat-1.json", "chat-2.json", "chat-3.json"};

/* ---- The model of a family: the fixture's vocabulary with its own BOS and EOS. ---- */

static HoneTokenizer *open_tokenizer(JsonObject *family)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("hone-family-XXXXXX", &error);
    g_assert_no_error(error);
    g_autofree char *from = support_path("chat/tokenizer.json"), *to = g_build_filename(folder, "tokenizer.json", NULL),
                    *config = g_build_filename(folder, "tokenizer_config.json", NULL);
    g_autoptr(JsonObject) object = json_object_new();
    if (!json_object_get_null_member(family, "bos"))
        json_object_set_string_member(object, "bos_token", json_object_get_string_member(family, "bos"));
    json_object_set_string_member(object, "eos_token", json_object_get_string_member(family, "eos"));
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), object);
    g_autofree char *text = json_to_string(node, FALSE);
    g_assert_true(g_file_set_contents(config, text, -1, &error));
    g_assert_cmpint(symlink(from, to), ==, 0);
    HoneTokenizer *tokenizer = hone_tokenizer_from_folder(folder, NULL, 0, &error);
    g_assert_no_error(error);
    g_unlink(to);
    g_unlink(config);
    g_rmdir(folder);
    return tokenizer;
}

/* ---- Conversations. ---- */

/* The oracle's messages through the rows' own form. */
static HoneRow *read_row(JsonObject *conversation)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) object = json_object_new();
    json_object_set_string_member(object, "id", "row");
    json_object_set_member(object, "messages", json_node_ref(json_object_get_member(conversation, "messages")));
    if (!json_object_get_null_member(conversation, "tools"))
        json_object_set_member(object, "tools", json_node_ref(json_object_get_member(conversation, "tools")));
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), object);
    HoneRow *row = hone_row_from_json(node, "row", &error);
    g_assert_no_error(error);
    return row;
}

static void assert_texts(const HoneChat *chat, const HoneRow *row, JsonObject *wanted, const char *what)
{
    g_autoptr(GError) error = NULL;
    const char *text = json_object_get_string_member(wanted, "text");
    g_autofree char *found = hone_chat_render_with(chat, row->messages, row->tools, false, &error);
    g_assert_no_error(error);
    if (strcmp(found, text) != 0)
        g_error("%s:\n%s\n-- the reference:\n%s", what, found, text);
    g_autofree char *asked = hone_chat_render_with(chat, row->messages, row->tools, true, &error);
    if (json_object_get_null_member(wanted, "asked")) {
        g_assert_null(asked);
        return;
    }
    g_assert_no_error(error);
    const char *more = json_object_get_string_member(wanted, "asked");
    g_autofree char *both =
        json_object_get_boolean_member(wanted, "whole") ? g_strdup(more) : g_strconcat(text, more, NULL);
    g_assert_cmpstr(asked, ==, both);
}

static void assert_ids(const HoneTokens *tokens, JsonArray *wanted, const char *what)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    for (guint i = 0; i < tokens->ids->len; i++) {
        int32_t little = GINT32_TO_LE(g_array_index(tokens->ids, int32_t, i));
        g_checksum_update(sum, (const guchar *)&little, sizeof little);
    }
    if (tokens->ids->len != json_array_get_int_element(wanted, 0) ||
        strcmp(g_checksum_get_string(sum), json_array_get_string_element(wanted, 1)) != 0)
        g_error("%s: %u tokens, the reference has %" G_GINT64_FORMAT " of these or others", what, tokens->ids->len,
                json_array_get_int_element(wanted, 0));
}

static void assert_trained(const HoneTokens *tokens, JsonArray *wanted, const char *what)
{
    guint n = json_array_get_length(wanted), next = 0;
    for (guint i = 0; i < tokens->ids->len; i++) {
        while (next < n && json_array_get_int_element(json_array_get_array_element(wanted, next), 1) <= i)
            next++;
        bool trained = next < n && json_array_get_int_element(json_array_get_array_element(wanted, next), 0) <= i;
        bool bears = g_array_index(tokens->weights, float, i) > 0;
        if (bears != (trained && i > 0))
            g_error("%s: token %u %s loss, the reference %s", what, i, bears ? "bears" : "bears no",
                    trained ? "trains it" : "does not");
    }
}

/* No message can write a marker, and nothing of it is lost. */
static void assert_hostile(const HoneTokenizer *tokenizer, const HoneTokens *tokens, JsonObject *wanted,
                           const char *what)
{
    gint64 markers = 0;
    for (guint i = 0; i < tokens->ids->len; i++)
        markers += hone_tokenizer_is_special(tokenizer, g_array_index(tokens->ids, int32_t, i));
    g_assert_cmpint(markers, ==, json_object_get_int_member(wanted, "markers"));
    g_autoptr(GString) text =
        hone_tokenizer_decode(tokenizer, (const int32_t *)(const void *)tokens->ids->data, tokens->ids->len, true);
    g_assert_cmpstr(text->str, ==, json_object_get_string_member(wanted, "text"));
}

/* Generation starts from what training puts before the answer. */
static void assert_prompt(const HoneChat *chat, const HoneRow *row, const HoneTokens *tokens)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneTokens) prompt = hone_chat_encode_prompt_with(chat, row->messages, row->tools, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(prompt->prompt, ==, prompt->ids->len);
    g_assert_cmpuint(tokens->prompt, <=, prompt->ids->len); /* it may open a thought that training does not repeat */
    g_assert_cmpmem(prompt->ids->data, tokens->prompt * sizeof(int32_t), tokens->ids->data,
                    tokens->prompt * sizeof(int32_t));
}

static void check_row(const HoneTokenizer *tokenizer, const HoneChat *chat, JsonObject *conversation, JsonNode *node,
                      const char *what)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneRow) row = read_row(conversation);
    if (JSON_NODE_HOLDS_NULL(node)) {
        g_assert_null(hone_chat_render_with(chat, row->messages, row->tools, false, &error));
        g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
        g_clear_error(&error);
        g_assert_null(hone_chat_encode_with(chat, row->messages, row->tools, &error));
        g_assert_nonnull(error);
        return;
    }
    JsonObject *wanted = json_node_get_object(node);
    assert_texts(chat, row, wanted, what);
    g_autoptr(HoneTokens) tokens = hone_chat_encode_with(chat, row->messages, row->tools, &error);
    if (json_object_get_boolean_member_with_default(wanted, "lost", FALSE)) {
        g_assert_null(tokens);
        g_assert_nonnull(strstr(error->message, "calls tools"));
        return;
    }
    if (json_object_has_member(wanted, "uncertain")) {
        g_assert_null(tokens);
        g_assert_nonnull(strstr(error->message, "is not certain"));
        return;
    }
    if (error)
        g_error("%s: %s", what, error->message);
    if (json_object_has_member(wanted, "markers")) {
        assert_hostile(tokenizer, tokens, wanted, what);
        return;
    }
    assert_ids(tokens, json_object_get_array_member(wanted, "ids"), what);
    if (!json_object_has_member(wanted, "trained"))
        return;
    assert_trained(tokens, json_object_get_array_member(wanted, "trained"), what);
    g_assert_cmpuint(tokens->unlearned, ==, json_object_get_int_member(wanted, "unlearned"));
    if (!json_object_has_member(wanted, "prompt"))
        return;
    g_assert_cmpuint(tokens->prompt, ==, json_object_get_int_member(wanted, "prompt"));
    assert_prompt(chat, row, tokens);
}

static void test_file(gconstpointer name)
{
    g_setenv("SOURCE_DATE_EPOCH", "1720083906", TRUE); /* the oracle's time */
    g_autoptr(JsonObject) all = support_json(name);
    JsonObject *conversations = json_object_get_object_member(all, "conversations");
    JsonObjectIter families, rows;
    const char *family_name, *row_name;
    JsonNode *family_node, *row_node;
    json_object_iter_init_ordered(&families, json_object_get_object_member(all, "families"));
    while (json_object_iter_next_ordered(&families, &family_name, &family_node)) {
        JsonObject *family = json_node_get_object(family_node);
        g_autoptr(GError) error = NULL;
        g_autoptr(HoneTokenizer) tokenizer = open_tokenizer(family);
        g_autoptr(HoneChat) chat =
            hone_chat_new(json_object_get_string_member(family, "template"), tokenizer, family_name, &error);
        g_assert_no_error(error);
        json_object_iter_init_ordered(&rows, json_object_get_object_member(family, "rows"));
        while (json_object_iter_next_ordered(&rows, &row_name, &row_node)) {
            g_autofree char *what = g_strdup_printf("%s, %s", family_name, row_name);
            check_row(tokenizer, chat, json_object_get_object_member(conversations, row_name), row_node, what);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_strdup_printf("/families/%.6s", files[i]);
        g_test_add_data_func(path, files[i], test_file);
    }
    return g_test_run();
}

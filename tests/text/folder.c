/* SPDX-License-Identifier: Apache-2.0
 * folder.c: a tokenizer from tokenizer.json and tokenizer_config.json.
 */
#include "support.h"

#include <string.h>

/* The fixture's vocabulary as a tokenizer.json in the byte-level form; merges as lines or as pairs. */
static JsonObject *fixture_json(bool pairs)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SupportVocabulary) v = support_vocabulary();
    g_autoptr(JsonNode) node =
        json_from_string("{\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
                         "\"trim_offsets\":true,\"use_regex\":true},\"post_processor\":null,"
                         "\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,"
                         "\"use_regex\":true},\"added_tokens\":[],\"model\":{\"type\":\"BPE\",\"dropout\":null}}",
                         &error);
    g_assert_no_error(error);
    JsonObject *root = json_object_ref(json_node_get_object(node)), *vocabulary = json_object_new();
    JsonArray *added = json_object_get_array_member(root, "added_tokens"), *merges = json_array_new();
    for (guint i = 0; i < v->tokens->len; i++) {
        int32_t type = g_array_index(v->types, int32_t, i);
        json_object_set_int_member(vocabulary, v->tokens->pdata[i], i);
        if (type == 1)
            continue;
        JsonObject *token = json_object_new();
        json_object_set_int_member(token, "id", i);
        json_object_set_string_member(token, "content", v->tokens->pdata[i]);
        json_object_set_boolean_member(token, "special", type == 3);
        json_object_set_boolean_member(token, "normalized", FALSE);
        json_array_add_object_element(added, token);
    }
    for (guint i = 0; i < v->merges->len; i++) {
        const char *line = v->merges->pdata[i];
        if (!pairs) {
            json_array_add_string_element(merges, line);
            continue;
        }
        g_auto(GStrv) parts = g_strsplit(line, " ", 2);
        JsonArray *pair = json_array_new();
        json_array_add_string_element(pair, parts[0]);
        json_array_add_string_element(pair, parts[1]);
        json_array_add_array_element(merges, pair);
    }
    JsonObject *model = json_object_get_object_member(root, "model");
    json_object_set_object_member(model, "vocab", vocabulary);
    json_object_set_array_member(model, "merges", merges);
    return root;
}

static void test_reference(gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) root = fixture_json(GPOINTER_TO_INT(data));
    g_autoptr(JsonNode) config = json_from_string(
        "{\"bos_token\":\"<|im_start|>\",\"eos_token\":{\"content\":\"<|im_end|>\",\"special\":true}}", &error);
    g_assert_no_error(error);
    g_autoptr(HoneTokenizer) t = support_folder(root, json_node_get_object(config), &error);
    g_assert_no_error(error);
    g_assert_cmpint(hone_tokenizer_bos(t), ==, 1);
    g_assert_cmpint(hone_tokenizer_eos(t), ==, 2);
    g_assert_true(hone_tokenizer_ends(t, 2) && hone_tokenizer_ends(t, 0) && !hone_tokenizer_ends(t, 1));
    g_autoptr(JsonObject) all = support_json("tiny.json");
    JsonArray *rows = json_object_get_array_member(json_object_get_object_member(all, "texts"), "gpt-2");
    for (guint i = 0; i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);
        size_t length;
        g_autofree char *text = (char *)g_base64_decode(json_object_get_string_member(row, "text"), &length);
        g_autofree char *what = g_strdup_printf("text %u", i);
        g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
        hone_tokenizer_encode(t, text, length, HONE_ENCODE_SPECIAL, ids);
        support_assert_ids(ids, json_object_get_array_member(row, "ids"), what);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/folder/lines", GINT_TO_POINTER(false), test_reference);
    g_test_add_data_func("/folder/pairs", GINT_TO_POINTER(true), test_reference);
    return g_test_run();
}

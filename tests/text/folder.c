/* SPDX-License-Identifier: Apache-2.0
 * folder.c: what is refused of a tokenizer.json and its neighbours, with the file and the place named; which tokens
 * begin and end texts; what the hash covers; regular expressions that never end.
 */
#include "support.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

/* One of the published kinds (tests/oracle/text_kinds.py): {"tokenizer", "config", ...}. */
static JsonObject *open_kind(const char *kind)
{
    g_autofree char *name = g_strdup_printf("kinds/%s.json", kind);
    return support_json(name);
}

/* Puts JSON text at a path of members and indices, "/model/vocab/x"; "" takes the member away. */
static void put_json(JsonObject *object, const char *path, const char *json)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) parts = g_strsplit(path + 1, "/", -1);
    JsonArray *array = NULL;
    guint n = g_strv_length(parts);
    for (guint i = 0; i + 1 < n; i++) {
        JsonNode *next =
            array ? json_array_get_element(array, (guint)atoi(parts[i])) : json_object_get_member(object, parts[i]);
        g_assert_nonnull(next);
        array = JSON_NODE_HOLDS_ARRAY(next) ? json_node_get_array(next) : NULL;
        object = array ? NULL : json_node_get_object(next);
    }
    if (!*json) {
        json_object_remove_member(object, parts[n - 1]);
        return;
    }
    JsonNode *node = json_from_string(json, &error);
    g_assert_no_error(error);
    if (array) {
        json_array_remove_element(array, (guint)atoi(parts[n - 1]));
        json_array_add_element(array, node);
    } else {
        json_object_set_member(object, parts[n - 1], node);
    }
}

static const struct {
    const char *kind, *path, *json;
    HoneError code;
    const char *says;
} lies[] = {
    {"llama3", "/tokenizer/surprise", "1", HONE_ERROR_UNSUPPORTED, "\"surprise\""},
    {"llama3", "/tokenizer/model", "", HONE_ERROR_INVALID, "no model"},
    {"llama3", "/tokenizer/model", "[]", HONE_ERROR_INVALID, "no model"},
    {"llama3", "/tokenizer/model/type", "\"WordPiece\"", HONE_ERROR_UNSUPPORTED, "\"WordPiece\""},
    {"llama3", "/tokenizer/model/type", "\"WordLevel\"", HONE_ERROR_UNSUPPORTED, "\"WordLevel\""},
    {"llama3", "/tokenizer/model/vocab", "[]", HONE_ERROR_INVALID, "/model/vocab"},
    {"llama3", "/tokenizer/model/vocab", "", HONE_ERROR_INVALID, "/model/vocab"},
    {"llama3", "/tokenizer/model/vocab/new", "-1", HONE_ERROR_INVALID, "\"new\""},
    {"llama3", "/tokenizer/model/vocab/new", "1.5", HONE_ERROR_INVALID, "\"new\""},
    {"llama3", "/tokenizer/model/vocab/new", "\"7\"", HONE_ERROR_INVALID, "\"new\""},
    {"llama3", "/tokenizer/model/vocab/new", "7", HONE_ERROR_INVALID, "token 7 is both"},
    {"llama3", "/tokenizer/model/vocab/new", "2000000000", HONE_ERROR_INVALID, "the last id is 2000000000"},
    {"llama3", "/tokenizer/model/vocab/", "521", HONE_ERROR_INVALID, "empty"},
    {"llama3", "/tokenizer/model/merges", "{}", HONE_ERROR_INVALID, "/model/merges is no list"},
    {"llama3", "/tokenizer/model/merges", "", HONE_ERROR_INVALID, "/model/merges"},
    {"llama3", "/tokenizer/model/merges/0", "\"abc\"", HONE_ERROR_INVALID, "(\"abc\")"},
    {"llama3", "/tokenizer/model/merges/0", "[\"a\"]", HONE_ERROR_INVALID, "/model/merges/"},
    {"llama3", "/tokenizer/model/merges/0", "[\"a\", \"nowhere\"]", HONE_ERROR_INVALID, "\"nowhere\""},
    {"llama3", "/tokenizer/model/merges/0", "[\"Z\", \"Z\"]", HONE_ERROR_INVALID, "\"ZZ\""},
    {"llama3", "/tokenizer/model/merges/0", "7", HONE_ERROR_INVALID, "/model/merges/"},
    {"llama3", "/tokenizer/model/dropout", "0.1", HONE_ERROR_UNSUPPORTED, "/model/dropout"},
    {"llama3", "/tokenizer/model/dropout", "\"x\"", HONE_ERROR_UNSUPPORTED, "/model/dropout"},
    {"llama3", "/tokenizer/model/continuing_subword_prefix", "\"##\"", HONE_ERROR_UNSUPPORTED, "\"##\""},
    {"llama3", "/tokenizer/model/end_of_word_suffix", "\"</w>\"", HONE_ERROR_UNSUPPORTED, "\"</w>\""},
    {"llama3", "/tokenizer/model/unk_token", "\"nowhere\"", HONE_ERROR_INVALID, "/model/unk_token"},
    {"llama3", "/tokenizer/model/fuse_unk", "3", HONE_ERROR_INVALID, "/model/fuse_unk"},
    {"llama3", "/tokenizer/model/surprise", "3", HONE_ERROR_UNSUPPORTED, "\"surprise\""},
    {"t5", "/tokenizer/model/vocab", "{}", HONE_ERROR_INVALID, "/model/vocab"},
    {"t5", "/tokenizer/model/vocab/0", "[\"a\"]", HONE_ERROR_INVALID, "/model/vocab/"},
    {"t5", "/tokenizer/model/vocab/0", "[\"a\", \"b\"]", HONE_ERROR_INVALID, "/model/vocab/"},
    {"t5", "/tokenizer/model/unk_id", "5000", HONE_ERROR_INVALID, "/model/unk_id"},
    {"t5", "/tokenizer/model/unk_id", "", HONE_ERROR_INVALID, "unk_id"},
    {"llama3", "/tokenizer/normalizer", "{\"type\": \"BertNormalizer\"}", HONE_ERROR_UNSUPPORTED, "\"BertNormalizer\""},
    {"llama3", "/tokenizer/normalizer", "{}", HONE_ERROR_INVALID, "/normalizer has no type"},
    {"llama3", "/tokenizer/normalizer", "3", HONE_ERROR_INVALID, "/normalizer has no type"},
    {"llama3", "/tokenizer/normalizer", "{\"type\": \"Prepend\"}", HONE_ERROR_INVALID, "/normalizer/prepend"},
    {"llama3", "/tokenizer/normalizer", "{\"type\": \"Strip\", \"strip_left\": 1}", HONE_ERROR_INVALID, "strip_left"},
    {"llama3", "/tokenizer/normalizer", "{\"type\": \"NFC\", \"x\": 1}", HONE_ERROR_UNSUPPORTED, "\"x\""},
    {"llama3", "/tokenizer/normalizer",
     "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}, {\"type\": \"Z\"}]}", HONE_ERROR_UNSUPPORTED,
     "/normalizer/normalizers/1"},
    {"llama3", "/tokenizer/normalizer", "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"(a\"}, \"content\": \"\"}",
     HONE_ERROR_UNSUPPORTED, "\"(a\""},
    {"llama3", "/tokenizer/normalizer", "{\"type\": \"Replace\", \"pattern\": \"a\", \"content\": \"\"}",
     HONE_ERROR_INVALID, "/normalizer/pattern"},
    {"llama3", "/tokenizer/normalizer", "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"AAAA\"}",
     HONE_ERROR_INVALID, "precompiled_charsmap"},
    {"llama3", "/tokenizer/normalizer", "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"CAAAAAAAAAA=\"}",
     HONE_ERROR_INVALID, "precompiled_charsmap"},
    {"llama3", "/tokenizer/pre_tokenizer", "{\"type\": \"UnicodeScripts\"}", HONE_ERROR_UNSUPPORTED,
     "\"UnicodeScripts\""},
    {"llama3", "/tokenizer/pre_tokenizer",
     "{\"type\": \"Split\", \"pattern\": {\"String\": \"a\"}, \"behavior\": \"Sometimes\", \"invert\": false}",
     HONE_ERROR_INVALID, "\"Sometimes\""},
    {"llama3", "/tokenizer/pre_tokenizer",
     "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"[a&&b]\"}, \"behavior\": \"Isolated\", \"invert\": false}",
     HONE_ERROR_UNSUPPORTED, "intersection"},
    {"llama3", "/tokenizer/pre_tokenizer",
     "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"ByteLevel\"}, {\"type\": \"Digits\"}]}",
     HONE_ERROR_UNSUPPORTED, "behind ByteLevel"},
    {"llama3", "/tokenizer/pre_tokenizer", "{\"type\": \"Sequence\"}", HONE_ERROR_INVALID,
     "/pre_tokenizer/pretokenizers"},
    {"llama3", "/tokenizer/pre_tokenizer", "{\"type\": \"Metaspace\", \"replacement\": \"ab\"}", HONE_ERROR_INVALID,
     "/pre_tokenizer/replacement"},
    {"llama3", "/tokenizer/pre_tokenizer", "{\"type\": \"Metaspace\", \"prepend_scheme\": \"now\"}", HONE_ERROR_INVALID,
     "\"now\""},
    {"t5", "/tokenizer/pre_tokenizer", "{\"type\": \"ByteLevel\"}", HONE_ERROR_UNSUPPORTED, "ByteLevel"},
    {"llama3", "/tokenizer/decoder", "{\"type\": \"WordPiece\"}", HONE_ERROR_UNSUPPORTED, "\"WordPiece\""},
    {"llama3", "/tokenizer/decoder", "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"a\"}, \"content\": \"\"}",
     HONE_ERROR_UNSUPPORTED, "/decoder"},
    {"llama3", "/tokenizer/decoder",
     "{\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Fuse\"}, {\"type\": \"Strip\", \"content\": \" \", "
     "\"start\": 0, "
     "\"stop\": 1}]}",
     HONE_ERROR_UNSUPPORTED, "/decoder/decoders/1"},
    {"llama3", "/tokenizer/decoder",
     "{\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Fuse\"}, {\"type\": \"ByteFallback\"}]}",
     HONE_ERROR_UNSUPPORTED, "/decoder/decoders/1"},
    {"llama3", "/tokenizer/decoder", "{\"type\": \"Strip\", \"content\": \"ab\", \"start\": 1, \"stop\": 1}",
     HONE_ERROR_INVALID, "/decoder/content"},
    {"llama3", "/tokenizer/post_processor", "{\"type\": \"Surprise\"}", HONE_ERROR_UNSUPPORTED, "\"Surprise\""},
    {"llama3", "/tokenizer/post_processor",
     "{\"type\": \"BertProcessing\", \"sep\": [\"x\", 9999], \"cls\": [\"y\", 0]}", HONE_ERROR_INVALID,
     "the token 9999"},
    {"llama2", "/tokenizer/post_processor/special_tokens", "{}", HONE_ERROR_INVALID, "/post_processor"},
    {"llama2", "/tokenizer/post_processor/special_tokens/<s>/ids/0", "9999", HONE_ERROR_INVALID, "the token 9999"},
    {"llama2", "/tokenizer/post_processor/single", "[]", HONE_ERROR_INVALID, "leaves the text out"},
    {"llama2", "/tokenizer/post_processor/single/0", "3", HONE_ERROR_INVALID, "/post_processor/single/"},
    {"llama2", "/tokenizer/added_tokens", "{}", HONE_ERROR_INVALID, "/added_tokens"},
    {"llama2", "/tokenizer/added_tokens/0/id", "-1", HONE_ERROR_INVALID, "/added_tokens/0"},
    {"llama2", "/tokenizer/added_tokens/0/id", "9", HONE_ERROR_INVALID, "token 9 is both"},
    {"llama2", "/tokenizer/added_tokens/0/content", "\"x\"", HONE_ERROR_INVALID, "token 0 is both"},
    {"llama2", "/tokenizer/added_tokens/0/content", "", HONE_ERROR_INVALID, "/added_tokens/0/content"},
    {"llama2", "/tokenizer/added_tokens/0/lstrip", "1", HONE_ERROR_INVALID, "/added_tokens/0/lstrip"},
    {"llama2", "/tokenizer/added_tokens/0/surprise", "1", HONE_ERROR_UNSUPPORTED, "\"surprise\""},
    {"llama2", "/config/eos_token", "\"nowhere\"", HONE_ERROR_INVALID, "eos_token is \"nowhere\""},
    {"llama2", "/config/bos_token", "{\"content\": \"nowhere\"}", HONE_ERROR_INVALID, "bos_token is \"nowhere\""},
    {"llama2", "/config/added_tokens_decoder", "{\"x\": {\"content\": \"y\"}}", HONE_ERROR_INVALID,
     "added_tokens_decoder/x"},
    {"llama2", "/config/added_tokens_decoder", "{\"1\": {\"content\": \"y\"}}", HONE_ERROR_INVALID, "token 1 is both"},
};

static void test_lie(gconstpointer data)
{
    size_t i = GPOINTER_TO_SIZE(data);
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) all = open_kind(lies[i].kind);
    put_json(all, lies[i].path, lies[i].json);
    g_autoptr(HoneTokenizer) t = support_folder(json_object_get_object_member(all, "tokenizer"),
                                                json_object_get_object_member(all, "config"), &error);
    g_assert_null(t);
    g_assert_error(error, HONE_ERROR, (int)lies[i].code);
    if (!strstr(error->message, lies[i].says) || !strstr(error->message, "tokenizer.json"))
        g_error("the message lacks \"%s\" or the file: %s", lies[i].says, error->message);
}

/* Lists of steps within each other, and too many of them. */
static void test_depth(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) all = open_kind("llama3");
    g_autoptr(GString) deep = g_string_new("{\"type\": \"NFC\"}"), wide = g_string_new(NULL);
    for (int i = 0; i < 12; i++) {
        g_string_prepend(deep, "{\"type\": \"Sequence\", \"normalizers\": [");
        g_string_append(deep, "]}");
    }
    put_json(all, "/tokenizer/normalizer", deep->str);
    g_autoptr(HoneTokenizer) t = support_folder(json_object_get_object_member(all, "tokenizer"), NULL, &error);
    g_assert_null(t);
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_clear_error(&error);
    for (int i = 0; i < 100; i++)
        g_string_append_printf(wide, "%s{\"type\": \"NFC\"}", i ? "," : "{\"type\": \"Sequence\", \"normalizers\": [");
    g_string_append(wide, "]}");
    put_json(all, "/tokenizer/normalizer", wide->str);
    t = support_folder(json_object_get_object_member(all, "tokenizer"), NULL, &error);
    g_assert_null(t);
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
}

/* A broken file, and none. */
static void test_files(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("hone-text-XXXXXX", &error);
    g_autofree char *path = g_build_filename(folder, "tokenizer.json", NULL);
    g_assert_no_error(error);
    g_autoptr(HoneTokenizer) t = hone_tokenizer_from_folder(folder, NULL, 0, &error);
    g_assert_null(t);
    g_assert_true(error && strstr(error->message, path));
    g_clear_error(&error);
    g_file_set_contents(path, "{\"model\": {\"type\": \"BPE\"", -1, NULL);
    t = hone_tokenizer_from_folder(folder, NULL, 0, &error);
    g_assert_null(t);
    g_assert_error(error, HONE_ERROR, HONE_ERROR_INVALID);
    g_assert_true(strstr(error->message, path));
    g_unlink(path);
    g_rmdir(folder);
}

/* ---- Ends. ---- */

static HoneTokenizer *open_changed(JsonObject *all)
{
    g_autoptr(GError) error = NULL;
    HoneTokenizer *t = support_folder(json_object_get_object_member(all, "tokenizer"),
                                      json_object_get_object_member(all, "config"), &error);
    g_assert_no_error(error);
    return t;
}

static void test_ends(void)
{
    g_autoptr(JsonObject) all = open_kind("llama3");
    put_json(all, "/config", "{\"bos_token\": {\"content\": \"<|begin_of_text|>\"}, \"eos_token\": \"<|eot_id|>\"}");
    g_autoptr(HoneTokenizer) t = open_changed(all);
    int32_t begin = hone_tokenizer_id(t, "<|begin_of_text|>"), turn = hone_tokenizer_id(t, "<|eot_id|>");
    g_assert_cmpint(begin, >=, 0);
    g_assert_cmpint(hone_tokenizer_bos(t), ==, begin);
    g_assert_cmpint(hone_tokenizer_eos(t), ==, turn);
    g_assert_true(hone_tokenizer_ends(t, turn) && !hone_tokenizer_ends(t, begin));
    g_assert_true(hone_tokenizer_is_special(t, turn) && hone_tokenizer_is_special(t, begin));
    put_json(all, "/config", "{\"bos_token\": null}");
    g_autoptr(HoneTokenizer) none = open_changed(all);
    g_assert_cmpint(hone_tokenizer_bos(none), ==, -1);
    g_assert_cmpint(hone_tokenizer_eos(none), ==, -1);
    g_assert_true(hone_tokenizer_ends(none, turn)); /* known by its name where no file says what ends */
}

/* Ids that the caller knows, from generation_config.json: these hold, and no names are guessed. */
static void test_more_ends(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("hone-text-XXXXXX", &error);
    g_assert_no_error(error);
    g_autoptr(JsonObject) all = open_kind("llama3");
    g_autofree char *path = g_build_filename(folder, "tokenizer.json", NULL);
    g_autofree char *map = g_build_filename(folder, "special_tokens_map.json", NULL);
    g_autoptr(JsonNode) node =
        json_node_init_object(json_node_alloc(), json_object_get_object_member(all, "tokenizer"));
    g_autofree char *text = json_to_string(node, FALSE);
    g_file_set_contents(path, text, -1, NULL);
    int32_t ends[] = {70, 71}, wrong = 100000;
    g_autoptr(HoneTokenizer) t = hone_tokenizer_from_folder(folder, ends, 2, &error);
    g_assert_no_error(error);
    g_assert_cmpint(hone_tokenizer_eos(t), ==, 70);
    g_assert_true(hone_tokenizer_ends(t, 70) && hone_tokenizer_ends(t, 71));
    g_assert_false(hone_tokenizer_ends(t, hone_tokenizer_id(t, "<|eot_id|>")));
    g_file_set_contents(map, "{\"eos_token\": \"<|end_of_text|>\"}", -1, NULL);
    g_autoptr(HoneTokenizer) mapped = hone_tokenizer_from_folder(folder, ends, 2, &error);
    g_assert_no_error(error);
    g_assert_cmpint(hone_tokenizer_eos(mapped), ==, hone_tokenizer_id(mapped, "<|end_of_text|>"));
    g_autoptr(HoneTokenizer) none = hone_tokenizer_from_folder(folder, &wrong, 1, &error);
    g_assert_null(none);
    g_assert_true(error && strstr(error->message, "token 100000"));
    g_unlink(path);
    g_unlink(map);
    g_rmdir(folder);
}

/* tokenizer_config.json's flags hold where the two files differ, and it may add tokens. */
static void test_config_tokens(void)
{
    g_autoptr(JsonObject) all = open_kind("llama3");
    g_autoptr(HoneTokenizer) before = open_changed(all);
    size_t size = hone_tokenizer_size(before);
    g_autofree char *more = g_strdup_printf("{\"%zu\": {\"content\": \"<new>\", \"special\": true}}", size);
    put_json(all, "/config/added_tokens_decoder", more);
    g_autoptr(HoneTokenizer) t = open_changed(all);
    g_assert_cmpuint(hone_tokenizer_size(t), ==, size + 1);
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    hone_tokenizer_encode(t, "<new>", 5, HONE_ENCODE_SPECIAL, ids);
    g_assert_cmpuint(ids->len, ==, 1);
    g_assert_cmpint(g_array_index(ids, int32_t, 0), ==, (gint)size);
    g_assert_true(hone_tokenizer_is_special(t, (int32_t)size));
}

/* ---- The hash. ---- */

static void test_hash(void)
{
    static const struct {
        const char *path, *json;
    } changes[] = {
        {"/tokenizer/normalizer", "{\"type\": \"NFC\"}"},
        {"/tokenizer/pre_tokenizer", "{\"type\": \"ByteLevel\"}"},
        {"/tokenizer/pre_tokenizer", "{\"type\": \"ByteLevel\", \"add_prefix_space\": false}"},
        {"/tokenizer/post_processor", "{\"type\": \"ByteLevel\"}"},
        {"/tokenizer/model/ignore_merges", "false"},
        {"/tokenizer/model/merges/0", "[\"e\", \"e\"]"},
        {"/tokenizer/added_tokens/0/lstrip", "true"},
        {"/tokenizer/added_tokens/0/rstrip", "true"},
        {"/tokenizer/added_tokens/0/single_word", "true"},
        {"/tokenizer/added_tokens/0/normalized", "true"},
        {"/tokenizer/added_tokens/2/special", "false"},
        {"/config/eos_token", "null"},
        {"/config/bos_token", "null"},
    };
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(JsonObject) plain = open_kind("llama3");
    put_json(plain, "/tokenizer/model/vocab/ee", "600");
    g_autoptr(HoneTokenizer) first = open_changed(plain);
    g_assert_cmpuint(strlen(hone_tokenizer_hash(first)), ==, 64);
    g_hash_table_add(seen, g_strdup(hone_tokenizer_hash(first)));
    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_autoptr(JsonObject) all = open_kind("llama3");
        put_json(all, "/tokenizer/model/vocab/ee", "600");
        put_json(all, changes[i].path, changes[i].json);
        g_autoptr(HoneTokenizer) t = open_changed(all);
        if (!g_hash_table_add(seen, g_strdup(hone_tokenizer_hash(t))))
            g_error("%s: %s leaves the hash as it was", changes[i].path, changes[i].json);
    }
    /* What is about batches changes nothing. */
    put_json(plain, "/tokenizer/truncation", "{\"max_length\": 3, \"stride\": 0, \"strategy\": \"LongestFirst\"}");
    put_json(plain, "/tokenizer/padding", "{\"strategy\": \"BatchLongest\"}");
    g_autoptr(HoneTokenizer) batched = open_changed(plain);
    g_assert_cmpstr(hone_tokenizer_hash(batched), ==, hone_tokenizer_hash(first));
}

/* ---- Expressions without an end. ---- */

static void test_hostile_patterns(void)
{
    static const char *const expressions[] = {"(a|a)*b", "(a+)+b", "((a{1,3}){1,3})+b"};
    /* The b is there, so that nobody sees without looking that there is no match, and out of reach. */
    g_autofree char *letters = g_strnfill(5000, 'a'), *text = g_strconcat(letters, "!b", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(expressions); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(JsonObject) all = open_kind("llama3");
        g_autofree char *json = g_strdup_printf("{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", "
                                                "\"pattern\": {\"Regex\": \"%s\"}, \"behavior\": "
                                                "\"Isolated\", \"invert\": false}, {\"type\": \"ByteLevel\"}]}",
                                                expressions[i]);
        put_json(all, "/tokenizer/pre_tokenizer", json);
        g_autoptr(HoneTokenizer) t = open_changed(all);
        g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
        hone_tokenizer_encode(t, "xyz", 3, HONE_ENCODE_ADDED, ids);
        guint before = ids->len;
        g_assert_cmpuint(before, >, 1);
        g_assert_false(hone_tokenizer_try_encode(t, text, strlen(text), HONE_ENCODE_ADDED, ids, &error));
        g_assert_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED);
        g_assert_true(strstr(error->message, expressions[i]));
        g_assert_cmpuint(ids->len, ==, before);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(lies); i++) {
        g_autofree char *path = g_strdup_printf("/folder/lie/%zu", i);
        g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_lie);
    }
    g_test_add_func("/folder/depth", test_depth);
    g_test_add_func("/folder/files", test_files);
    g_test_add_func("/folder/ends", test_ends);
    g_test_add_func("/folder/more-ends", test_more_ends);
    g_test_add_func("/folder/config-tokens", test_config_tokens);
    g_test_add_func("/folder/hash", test_hash);
    g_test_add_func("/folder/hostile-patterns", test_hostile_patterns);
    return g_test_run();
}

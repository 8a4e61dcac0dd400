/* SPDX-License-Identifier: Apache-2.0
 * support.c: see support.h. Writes GGUF version 3: magic, version, counts, then key, type and value of each entry.
 */
#include "support.h"

#include <glib/gstdio.h>
#include <hone/json.h>
#include <string.h>
#include <unistd.h>

enum { GGUF_U32 = 4, GGUF_I32 = 5, GGUF_STRING = 8, GGUF_ARRAY = 9 };

char *support_path(const char *name)
{
    return g_build_filename(g_getenv("HONE_TEST_SOURCE"), "tests", "text", "data", name, NULL);
}

JsonObject *support_json(const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = support_path(name);
    g_autoptr(JsonParser) parser = json_parser_new();
    json_parser_load_from_file(parser, path, &error);
    g_assert_no_error(error);
    return json_object_ref(json_node_get_object(json_parser_get_root(parser)));
}

GArray *support_ids(JsonArray *array)
{
    GArray *ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    for (guint i = 0; i < json_array_get_length(array); i++) {
        int32_t id = (int32_t)json_array_get_int_element(array, i);
        g_array_append_val(ids, id);
    }
    return ids;
}

void support_assert_ids(const GArray *found, JsonArray *wanted, const char *what)
{
    for (guint i = 0; i < MIN(found->len, json_array_get_length(wanted)); i++)
        if (g_array_index(found, int32_t, i) != json_array_get_int_element(wanted, i))
            g_error("%s: token %u is %d, the reference has %" G_GINT64_FORMAT, what, i,
                    g_array_index(found, int32_t, i), json_array_get_int_element(wanted, i));
    if (found->len != json_array_get_length(wanted))
        g_error("%s: %u tokens, the reference has %u", what, found->len, json_array_get_length(wanted));
}

GPtrArray *support_messages(JsonArray *array)
{
    GPtrArray *messages = g_ptr_array_new_with_free_func((GDestroyNotify)hone_message_free);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonObject *m = json_array_get_object_element(array, i);
        const char *role = json_object_get_string_member(m, "role");
        double weight = json_object_get_double_member_with_default(m, "weight", hone_message_default_weight(role));
        g_ptr_array_add(messages, hone_message_new(role, json_object_get_string_member(m, "content"), weight));
    }
    return messages;
}

static GPtrArray *copy_strings(const HoneGguf *gguf, const char *key)
{
    size_t n = 0;
    const char *const *strings = hone_gguf_strings(gguf, key, &n);
    GPtrArray *copy = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < n; i++)
        g_ptr_array_add(copy, g_strdup(strings[i]));
    return copy;
}

SupportVocabulary *support_vocabulary(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = support_path("tiny.gguf");
    g_autoptr(HoneGguf) gguf = hone_gguf_open(path, &error);
    g_assert_no_error(error);
    size_t n = 0;
    const int64_t *types = hone_gguf_ints(gguf, "tokenizer.ggml.token_type", &n);
    SupportVocabulary *v = g_new0(SupportVocabulary, 1);
    v->model = "gpt2";
    v->pre = "smollm";
    v->chat_template = g_intern_string(hone_gguf_string(gguf, "tokenizer.chat_template"));
    v->tokens = copy_strings(gguf, "tokenizer.ggml.tokens");
    v->merges = copy_strings(gguf, "tokenizer.ggml.merges");
    v->types = g_array_new(FALSE, FALSE, sizeof(int32_t));
    for (size_t i = 0; i < n; i++) {
        int32_t type = (int32_t)types[i];
        g_array_append_val(v->types, type);
    }
    v->bos = 1;
    v->eos = 2;
    return v;
}

void support_vocabulary_free(SupportVocabulary *v)
{
    g_clear_pointer(&v->tokens, g_ptr_array_unref);
    g_clear_pointer(&v->merges, g_ptr_array_unref);
    g_clear_pointer(&v->types, g_array_unref);
    g_free(v);
}

/* ---- The file. ---- */

static void put_u32(GString *out, uint32_t value)
{
    uint32_t little = GUINT32_TO_LE(value);
    g_string_append_len(out, (const char *)&little, 4);
}

static void put_u64(GString *out, uint64_t value)
{
    uint64_t little = GUINT64_TO_LE(value);
    g_string_append_len(out, (const char *)&little, 8);
}

static void put_string(GString *out, const char *text)
{
    put_u64(out, strlen(text));
    g_string_append(out, text);
}

static void put_key(GString *out, const char *key, uint32_t type, uint64_t *count)
{
    put_string(out, key);
    put_u32(out, type);
    (*count)++;
}

static void put_strings(GString *out, const char *key, const GPtrArray *strings, uint64_t *count)
{
    if (!strings)
        return;
    put_key(out, key, GGUF_ARRAY, count);
    put_u32(out, GGUF_STRING);
    put_u64(out, strings->len);
    for (guint i = 0; i < strings->len; i++)
        put_string(out, strings->pdata[i]);
}

static void put_text(GString *out, const char *key, const char *text, uint64_t *count)
{
    if (!text)
        return;
    put_key(out, key, GGUF_STRING, count);
    put_string(out, text);
}

static void put_number(GString *out, const char *key, int64_t value, uint64_t *count)
{
    if (value < 0)
        return;
    put_key(out, key, GGUF_U32, count);
    put_u32(out, (uint32_t)value);
}

HoneGguf *support_open(const SupportVocabulary *v)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) body = g_string_new(NULL), file = g_string_new("GGUF");
    g_autofree char *path = NULL;
    uint64_t count = 0;
    put_text(body, "tokenizer.ggml.model", v->model, &count);
    put_text(body, "tokenizer.ggml.pre", v->pre, &count);
    put_text(body, "tokenizer.chat_template", v->chat_template, &count);
    put_strings(body, "tokenizer.ggml.tokens", v->tokens, &count);
    put_strings(body, "tokenizer.ggml.merges", v->merges, &count);
    if (v->types) {
        put_key(body, "tokenizer.ggml.token_type", GGUF_ARRAY, &count);
        put_u32(body, GGUF_I32);
        put_u64(body, v->types->len);
        for (guint i = 0; i < v->types->len; i++)
            put_u32(body, (uint32_t)g_array_index(v->types, int32_t, i));
    }
    put_number(body, "tokenizer.ggml.bos_token_id", v->bos, &count);
    put_number(body, "tokenizer.ggml.eos_token_id", v->eos, &count);
    put_u32(file, 3);
    put_u64(file, 0);
    put_u64(file, count);
    g_string_append_len(file, body->str, (gssize)body->len);
    int fd = g_file_open_tmp("hone-vocabulary-XXXXXX.gguf", &path, &error);
    g_assert_no_error(error);
    close(fd);
    g_file_set_contents(path, file->str, (gssize)file->len, &error);
    g_assert_no_error(error);
    HoneGguf *gguf = hone_gguf_open(path, &error);
    g_assert_no_error(error);
    g_unlink(path);
    return gguf;
}

HoneTokenizer *support_tokenizer(const char *pre)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SupportVocabulary) v = support_vocabulary();
    v->pre = pre;
    g_autoptr(HoneGguf) gguf = support_open(v);
    HoneTokenizer *tokenizer = hone_tokenizer_from_gguf(gguf, &error);
    g_assert_no_error(error);
    return tokenizer;
}

static void write_json(const char *folder, const char *name, JsonObject *object)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), object);
    g_autofree char *text = hone_json_text(node);
    g_file_set_contents(path, text, -1, &error);
    g_assert_no_error(error);
}

HoneTokenizer *support_folder(JsonObject *tokenizer, JsonObject *config, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autofree char *folder = g_dir_make_tmp("hone-text-XXXXXX", &problem);
    g_assert_no_error(problem);
    write_json(folder, "tokenizer.json", tokenizer);
    if (config)
        write_json(folder, "tokenizer_config.json", config);
    HoneTokenizer *t = hone_tokenizer_from_folder(folder, NULL, 0, error);
    static const char *const names[] = {"tokenizer.json", "tokenizer_config.json"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(folder, names[i], NULL);
        g_unlink(path);
    }
    g_rmdir(folder);
    return t;
}

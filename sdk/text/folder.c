/* SPDX-License-Identifier: Apache-2.0
 * folder.c: a tokenizer from a folder's tokenizer.json and tokenizer_config.json.
 */
#include "internal.h"

#include <hone/file.h>
#include <string.h>

#define MAX_FILE ((size_t)256 << 20) /* the largest published ones are 35 MB */

typedef struct Reader {
    HoneTokenizer *t;
    char *place; /* the path of tokenizer.json, for errors */
    GChecksum *sum;
} Reader;

static JsonNode *member(JsonObject *object, const char *name)
{
    JsonNode *node = object ? json_object_get_member(object, name) : NULL;
    return node && !JSON_NODE_HOLDS_NULL(node) ? node : NULL;
}

static JsonObject *object_member(JsonObject *object, const char *name)
{
    JsonNode *node = member(object, name);
    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static JsonArray *array_member(JsonObject *object, const char *name)
{
    JsonNode *node = member(object, name);
    return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

static const char *string_of(JsonNode *node)
{
    return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
               ? json_node_get_string(node)
               : NULL;
}

static const char *string_member(JsonObject *object, const char *name)
{
    return string_of(member(object, name));
}

static bool bool_member(JsonObject *object, const char *name, bool otherwise)
{
    JsonNode *node = member(object, name);
    return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_BOOLEAN
               ? json_node_get_boolean(node)
               : otherwise;
}

/* A token id, or -1 for anything else. */
static int32_t id_of(JsonNode *node)
{
    if (!node || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_INT64)
        return -1;
    gint64 value = json_node_get_int(node);
    return value >= 0 && value < INT32_MAX ? (int32_t)value : -1;
}

static bool unsupported(const Reader *r, GError **error, const char *part, const char *type)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                "%s: its %s is of the kind \"%.64s\", which Hone does not run", r->place, part, type ? type : "none");
    return false;
}

/* ---- Tokens. ---- */

static bool check_text(const Reader *r, int32_t id, const char *text, GError **error)
{
    size_t length = strlen(text);
    if (length == 0 || length > TEXT_MAX_PIECE)
        return text_invalid(r->place, error, "token %d is %s", id, length == 0 ? "empty" : "longer than 64 KiB");
    return true;
}

static bool set_token(const Reader *r, int32_t id, const char *text, GError **error)
{
    HoneTokenizer *t = r->t;
    if (id < 0 || (size_t)id >= t->size)
        return text_invalid(r->place, error, "the token \"%.64s\" has an id that cannot be", text);
    if (!check_text(r, id, text, error))
        return false;
    if (t->texts[id] && strcmp(t->texts[id], text) == 0)
        return true;
    if (t->texts[id])
        return text_invalid(r->place, error, "token %d is both \"%.64s\" and \"%.64s\"", id, t->texts[id], text);
    int32_t other = hone_tokenizer_id(t, text);
    if (other >= 0)
        return text_invalid(r->place, error, "tokens %d and %d are both \"%.64s\"", other, id, text);
    t->texts[id] = g_strdup(text);
    g_hash_table_insert(t->ids, t->texts[id], GINT_TO_POINTER(id + 1));
    return true;
}

static bool read_tokens(Reader *r, JsonObject *root, JsonObject *vocabulary, GError **error)
{
    HoneTokenizer *t = r->t;
    JsonArray *added = array_member(root, "added_tokens");
    guint n_added = added ? json_array_get_length(added) : 0;
    size_t n = json_object_get_size(vocabulary) + n_added;
    int32_t last = -1;
    JsonObjectIter iter;
    const char *text;
    JsonNode *node;
    json_object_iter_init_ordered(&iter, vocabulary);
    while (json_object_iter_next_ordered(&iter, &text, &node))
        last = MAX(last, id_of(node));
    for (guint i = 0; i < n_added; i++) {
        JsonNode *entry = json_array_get_element(added, i);
        if (!JSON_NODE_HOLDS_OBJECT(entry))
            return text_invalid(r->place, error, "/added_tokens/%u is no object", i);
        last = MAX(last, id_of(member(json_node_get_object(entry), "id")));
    }
    /* Ids may have gaps, but a file cannot claim a table much larger than itself. */
    if (n == 0 || (size_t)last >= 2 * n + 65536)
        return text_invalid(r->place, error, "it has %zu tokens, and the last id is %d", n, last);
    t->size = (size_t)last + 1;
    t->texts = g_new0(char *, t->size + 1);
    t->flags = g_new0(uint8_t, t->size);
    json_object_iter_init_ordered(&iter, vocabulary);
    while (json_object_iter_next_ordered(&iter, &text, &node))
        if (!set_token(r, id_of(node), text, error))
            return false;
    for (guint i = 0; i < n_added; i++) {
        JsonObject *entry = json_array_get_object_element(added, i);
        int32_t id = id_of(member(entry, "id"));
        text = string_member(entry, "content");
        if (!text)
            return text_invalid(r->place, error, "/added_tokens/%u has no content", i);
        if (!set_token(r, id, text, error))
            return false;
        t->flags[id] |= TEXT_ADDED | (bool_member(entry, "special", false) ? TEXT_SPECIAL : 0);
    }
    return true;
}

static bool read_merges(Reader *r, JsonObject *model, GError **error)
{
    JsonArray *merges = array_member(model, "merges");
    if (!merges)
        return text_invalid(r->place, error, "it has no list of merges (/model/merges)");
    guint n = json_array_get_length(merges);
    text_merges_init(&r->t->merges, n);
    for (guint i = 0; i < n; i++) {
        JsonNode *node = json_array_get_element(merges, i);
        JsonArray *pair = JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
        const char *line = string_of(node), *left = NULL, *right = NULL;
        if (pair && json_array_get_length(pair) == 2) {
            left = string_of(json_array_get_element(pair, 0));
            right = string_of(json_array_get_element(pair, 1));
        }
        if (!line && (!left || !right))
            return text_invalid(r->place, error, "/model/merges/%u is neither a line nor a pair of texts", i);
        if (!(line ? text_add_merge_line(r->t, i, line, r->place, error)
                   : text_add_merge(r->t, i, left, right, r->place, error)))
            return false;
    }
    return true;
}

/* ---- tokenizer_config.json. ---- */

/* A token's text, written as itself or as an object with "content"; its id, -1 where it is not set. */
static bool read_named(const Reader *r, JsonObject *config, const char *name, int32_t *id, GError **error)
{
    JsonObject *object = object_member(config, name);
    const char *text = object ? string_member(object, "content") : string_member(config, name);
    *id = -1;
    if (!text)
        return true;
    *id = hone_tokenizer_id(r->t, text);
    if (*id < 0)
        return text_invalid(r->place, error, "tokenizer_config.json's %s is \"%.64s\", which is no token", name, text);
    r->t->flags[*id] |= TEXT_SPECIAL | TEXT_ADDED;
    return true;
}

static bool read_config(const Reader *r, const char *folder, const int32_t *more_ends, size_t n, GError **error)
{
    HoneTokenizer *t = r->t;
    g_autofree char *path = g_build_filename(folder, "tokenizer_config.json", NULL);
    g_autoptr(JsonObject) config = NULL;
    t->bos = t->eos = -1;
    if (g_file_test(path, G_FILE_TEST_EXISTS)) {
        config = hone_file_read_json(path, MAX_FILE, error);
        if (!config)
            return false;
    }
    if (!read_named(r, config, "bos_token", &t->bos, error) || !read_named(r, config, "eos_token", &t->eos, error))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (more_ends[i] < 0 || (size_t)more_ends[i] >= t->size || !t->texts[more_ends[i]])
            return text_invalid(r->place, error, "token %d, which is to end generation, is not in it", more_ends[i]);
        t->flags[more_ends[i]] |= TEXT_SPECIAL | TEXT_ADDED | TEXT_ENDS;
    }
    if (t->eos < 0 && n > 0)
        t->eos = more_ends[0];
    if (t->eos >= 0)
        t->flags[t->eos] |= TEXT_ENDS;
    if (n == 0)
        text_mark_known_ends(t);
    return true;
}

/* ---- The file. ---- */

static bool read_steps(Reader *r, JsonObject *root, GError **error)
{
    JsonObject *before = object_member(root, "pre_tokenizer");
    const char *type = string_member(before, "type");
    if (member(root, "normalizer"))
        return unsupported(r, error, "normalizer", string_member(object_member(root, "normalizer"), "type"));
    if (g_strcmp0(type, "ByteLevel") != 0 || !bool_member(before, "use_regex", true) ||
        bool_member(before, "add_prefix_space", true))
        return unsupported(r, error, "pre_tokenizer", type);
    type = string_member(object_member(root, "decoder"), "type");
    if (g_strcmp0(type, "ByteLevel") != 0)
        return unsupported(r, error, "decoder", type);
    r->t->splitter = text_splitter_new("gpt-2", error);
    return r->t->splitter != NULL;
}

static bool read_vocabulary(Reader *r, JsonObject *root, GError **error)
{
    JsonObject *model = object_member(root, "model"), *vocabulary = object_member(model, "vocab");
    const char *type = string_member(model, "type");
    if (!model)
        return text_invalid(r->place, error, "it has no model");
    if (g_strcmp0(type, "BPE") != 0)
        return unsupported(r, error, "model", type);
    if (!vocabulary)
        return text_invalid(r->place, error, "it has no list of tokens (/model/vocab)");
    return read_tokens(r, root, vocabulary, error);
}

HoneTokenizer *hone_tokenizer_from_folder(const char *folder, const int32_t *more_ends, size_t n, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "tokenizer.json", NULL);
    g_autoptr(JsonObject) root = hone_file_read_json(path, MAX_FILE, error);
    if (!root)
        return NULL;
    g_autoptr(HoneTokenizer) t = g_new0(HoneTokenizer, 1);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    Reader reader = {t, path, sum};
    t->ids = g_hash_table_new(g_str_hash, g_str_equal);
    if (!read_steps(&reader, root, error) || !read_vocabulary(&reader, root, error) ||
        !read_config(&reader, folder, more_ends, n, error) || !text_make_bytes(t, path, error) ||
        !read_merges(&reader, object_member(root, "model"), error))
        return NULL;
    text_index_added(t);
    text_hash_tokens(t, "gpt-2", sum);
    t->hash = g_strdup(g_checksum_get_string(sum));
    return g_steal_pointer(&t);
}

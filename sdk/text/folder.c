/* SPDX-License-Identifier: Apache-2.0
 * folder.c: a tokenizer from a folder's tokenizer.json, tokenizer_config.json and special_tokens_map.json.
 */
#include "folder.h"

#include <hone/file.h>
#include <string.h>

#define MAX_FILE ((size_t)128 << 20) /* the largest published ones are 35 MB */

/* ---- Which tokens begin and end texts. ---- */

/* A named token, written as its text or as an object with "content"; NULL: none. */
static const char *named_text(JsonObject *config, const char *name)
{
    JsonNode *node = text_json_member(config, name);
    if (node && JSON_NODE_HOLDS_OBJECT(node))
        return text_json_string(text_json_member(json_node_get_object(node), "content"));
    return text_json_string(node);
}

static bool read_named(HoneTokenizer *t, const char *place, JsonObject *config, JsonObject *map, const char *name,
                       int32_t *id, GError **error)
{
    const char *text = named_text(config, name);
    if (!text)
        text = named_text(map, name);
    *id = -1;
    if (!text || !*text)
        return true;
    *id = hone_tokenizer_id(t, text);
    if (*id < 0)
        return text_invalid(place, error, "tokenizer_config.json's %s is \"%.64s\", which is no token", name, text);
    return true;
}

/* The other named tokens are special too, where the vocabulary has them. */
static void mark_named(HoneTokenizer *t, JsonObject *config)
{
    static const char *const names[] = {"unk_token", "pad_token", "sep_token", "cls_token", "mask_token"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *text = named_text(config, names[i]);
        int32_t id = text ? hone_tokenizer_id(t, text) : -1;
        if (id >= 0 && !(t->flags[id] & TEXT_ADDED))
            text_mark_special(t, id, 0);
    }
}

static bool read_ends(HoneTokenizer *t, const char *place, JsonObject *config, JsonObject *map,
                      const int32_t *more_ends, size_t n, GError **error)
{
    if (!read_named(t, place, config, map, "bos_token", &t->bos, error) ||
        !read_named(t, place, config, map, "eos_token", &t->eos, error))
        return false;
    mark_named(t, config);
    for (size_t i = 0; i < n; i++) {
        if (more_ends[i] < 0 || (size_t)more_ends[i] >= t->size || !t->texts[more_ends[i]])
            return text_invalid(place, error, "token %d, which is to end generation, is not in it", more_ends[i]);
        text_mark_special(t, more_ends[i], TEXT_ENDS);
    }
    if (t->eos < 0 && n > 0)
        t->eos = more_ends[0];
    if (t->eos >= 0)
        text_mark_special(t, t->eos, TEXT_ENDS);
    if (t->bos >= 0)
        text_mark_special(t, t->bos, 0);
    if (n == 0)
        text_mark_known_ends(t);
    return true;
}

/* ---- The files. ---- */

/* A file that need not be there. */
static bool read_optional(const char *folder, const char *name, JsonObject **object, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    *object = NULL;
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return true;
    *object = hone_file_read_json(path, MAX_FILE, error);
    return *object != NULL;
}

/* Truncation and padding are about batches; all other sections are read. */
static bool check_sections(const char *place, JsonObject *root, GError **error)
{
    static const char *const names[] = {"version",       "truncation",     "padding", "added_tokens", "normalizer",
                                        "pre_tokenizer", "post_processor", "decoder", "model",        NULL};
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;
    json_object_iter_init_ordered(&iter, root);
    while (json_object_iter_next_ordered(&iter, &name, &node))
        if (!g_strv_contains(names, name)) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                        "%s: it has a section \"%.64s\", which Hone does not know", place, name);
            return false;
        }
    JsonNode *model = text_json_member(root, "model");
    if (!model || !JSON_NODE_HOLDS_OBJECT(model))
        return text_invalid(place, error, "it has no model");
    return true;
}

/* All that decides about ids beside the tokens and merges, as canonical JSON. */
static char *describe(const HoneTokenizer *t, JsonObject *root)
{
    static const char *const sections[] = {"normalizer", "pre_tokenizer", "post_processor", "decoder"};
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    JsonObject *all = json_object_new(), *model = json_node_get_object(text_json_member(root, "model"));
    json_node_take_object(node, all);
    for (size_t i = 0; i < G_N_ELEMENTS(sections); i++)
        if (text_json_member(root, sections[i]))
            json_object_set_member(all, sections[i], json_node_ref(text_json_member(root, sections[i])));
    JsonObjectIter iter;
    const char *name;
    JsonNode *member;
    json_object_iter_init(&iter, model);
    while (json_object_iter_next(&iter, &name, &member))
        if (strcmp(name, "vocab") != 0 && strcmp(name, "merges") != 0)
            json_object_set_member(all, name, json_node_ref(member));
    g_autofree char *json = hone_json_canonical(node);
    g_autoptr(GString) text = g_string_new(json);
    for (guint i = 0; i < t->added->len; i++) {
        const TextAdded *added = &g_array_index(t->added, TextAdded, i);
        g_string_append_printf(text, " %d:%d%d%d%d", added->id, added->single_word, added->lstrip, added->rstrip,
                               added->normalized);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static bool read_all(HoneTokenizer *t, const char *folder, const char *place, const int32_t *more_ends, size_t n,
                     GError **error)
{
    g_autoptr(JsonObject) root = hone_file_read_json(place, MAX_FILE, error), config = NULL, map = NULL;
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    if (!root || !check_sections(place, root, error) ||
        !read_optional(folder, "tokenizer_config.json", &config, error) ||
        !read_optional(folder, "special_tokens_map.json", &map, error) ||
        !text_read_normalizer(t, place, text_json_member(root, "normalizer"), error) ||
        !text_read_pre_tokenizer(t, place, text_json_member(root, "pre_tokenizer"), error) ||
        !text_read_decoder(t, place, text_json_member(root, "decoder"), error) ||
        !text_read_vocabulary(t, place, root, config, error) ||
        !text_read_post_processor(t, place, text_json_member(root, "post_processor"), error) ||
        !read_ends(t, place, config, map, more_ends, n, error) || !text_read_model(t, place, root, sum, error) ||
        !text_tables_finish(t, place, error))
        return false;
    g_autofree char *settings = describe(t, root);
    text_hash_tokens(t, settings, sum);
    return true;
}

HoneTokenizer *hone_tokenizer_from_folder(const char *folder, const int32_t *more_ends, size_t n, GError **error)
{
    g_autofree char *place = g_build_filename(folder, "tokenizer.json", NULL);
    g_autoptr(HoneTokenizer) t = text_tokenizer_new();
    return read_all(t, folder, place, more_ends, n, error) ? g_steal_pointer(&t) : NULL;
}

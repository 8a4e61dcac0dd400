/* SPDX-License-Identifier: Apache-2.0
 * checkpoint_text.c: a checkpoint's tokenizer, its chat template, and the ids at which generation ends.
 */
#include "checkpoint-read.h"
#include "mapped.h"
#include <string.h>

#define TEMPLATE "chat_template.jinja"
#define TEMPLATE_LIMIT ((size_t)4 << 20) /* bytes; published ones have some thousands */
#define TOKENIZER_CONFIG "tokenizer_config.json"

/* ---- The template. ---- */

static bool read_template_file(HoneCheckpoint *checkpoint, GError **error)
{
    g_autofree char *path = g_build_filename(checkpoint->path, TEMPLATE, NULL);
    const uint8_t *map = NULL;
    size_t size = 0;
    if (!mapped_open(path, "template", &map, &size, error))
        return false;
    if (size > TEMPLATE_LIMIT)
        checkpoint_fail(checkpoint, TEMPLATE, HONE_ERROR_INVALID, error, "%zu bytes, more than the %zu allowed", size,
                        TEMPLATE_LIMIT);
    else if (!g_utf8_validate((const char *)map, (gssize)size, NULL))
        checkpoint_fail(checkpoint, TEMPLATE, HONE_ERROR_INVALID, error,
                        "not valid UTF-8 (or holds a NUL); it is no template: fetch it again");
    else
        checkpoint->template = g_strndup((const char *)map, size);
    mapped_close(map, size);
    checkpoint->template_place = g_steal_pointer(&path);
    return checkpoint->template != NULL;
}

static const char *string_member(JsonNode *node, const char *name)
{
    node = node && JSON_NODE_HOLDS_OBJECT(node) ? json_object_get_member(json_node_get_object(node), name) : NULL;
    return node && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_string(node) : NULL;
}

/* "chat_template" is a text, or a list of {"name", "template"}. */
static bool read_template_member(HoneCheckpoint *checkpoint, GError **error)
{
    JsonObject *config = hone_checkpoint_json(checkpoint, TOKENIZER_CONFIG);
    JsonNode *node = config ? json_object_get_member(config, "chat_template") : NULL;
    if (!node || JSON_NODE_HOLDS_NULL(node))
        return true;
    checkpoint->template_place = g_build_filename(checkpoint->path, TOKENIZER_CONFIG, NULL);
    const char *text = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_string(node) : NULL;
    if (JSON_NODE_HOLDS_ARRAY(node)) {
        JsonArray *list = json_node_get_array(node);
        for (guint i = 0; !text && i < json_array_get_length(list); i++) {
            JsonNode *entry = json_array_get_element(list, i);
            if (g_strcmp0(string_member(entry, "name"), "default") == 0)
                text = string_member(entry, "template");
        }
    }
    if (!text)
        return checkpoint_fail(checkpoint, TOKENIZER_CONFIG, HONE_ERROR_INVALID, error,
                               "\"chat_template\" must be a text, or a list of {\"name\", \"template\"} with one named "
                               "\"default\"");
    if (strlen(text) > TEMPLATE_LIMIT)
        return checkpoint_fail(checkpoint, TOKENIZER_CONFIG, HONE_ERROR_INVALID, error,
                               "\"chat_template\" has %zu bytes, more than the %zu allowed", strlen(text),
                               TEMPLATE_LIMIT);
    checkpoint->template = g_strdup(text);
    return true;
}

/* ---- Where generation ends. ---- */

static bool add_end(HoneCheckpoint *checkpoint, const char *file, JsonNode *node, GError **error)
{
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_INT64 || json_node_get_int(node) < 0 ||
        json_node_get_int(node) > INT32_MAX)
        return checkpoint_fail(checkpoint, file, HONE_ERROR_INVALID, error,
                               "\"eos_token_id\" must be a token id, or a list of token ids");
    int32_t id = (int32_t)json_node_get_int(node);
    g_array_append_val(checkpoint->end_ids, id);
    return true;
}

/* False with an error; *found: the file has the key. */
static bool read_ends(HoneCheckpoint *checkpoint, const char *file, bool *found, GError **error)
{
    JsonObject *object = hone_checkpoint_json(checkpoint, file);
    JsonNode *node = object ? json_object_get_member(object, "eos_token_id") : NULL;
    *found = node && !JSON_NODE_HOLDS_NULL(node);
    if (!*found)
        return true;
    if (!JSON_NODE_HOLDS_ARRAY(node))
        return add_end(checkpoint, file, node, error);
    JsonArray *list = json_node_get_array(node);
    for (guint i = 0; i < json_array_get_length(list); i++)
        if (!add_end(checkpoint, file, json_array_get_element(list, i), error))
            return false;
    return true;
}

bool checkpoint_read_text(HoneCheckpoint *checkpoint, GError **error)
{
    bool found;
    checkpoint->end_ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    if (!read_ends(checkpoint, "generation_config.json", &found, error) ||
        (!found && !read_ends(checkpoint, "config.json", &found, error)))
        return false;
    return checkpoint_has(checkpoint, TEMPLATE) ? read_template_file(checkpoint, error)
                                                : read_template_member(checkpoint, error);
}

/* ---- What is made of them. ---- */

HoneTokenizer *hone_checkpoint_tokenizer(const HoneCheckpoint *checkpoint, GError **error)
{
    if (checkpoint->gguf)
        return hone_tokenizer_from_gguf(checkpoint->gguf, error);
    return hone_tokenizer_from_folder(checkpoint->path, (const int32_t *)(const void *)checkpoint->end_ids->data,
                                      checkpoint->end_ids->len, error);
}

HoneChat *hone_checkpoint_chat(const HoneCheckpoint *checkpoint, const HoneTokenizer *tokenizer, GError **error)
{
    if (checkpoint->gguf)
        return hone_chat_from_gguf(checkpoint->gguf, tokenizer, error);
    return hone_chat_new(checkpoint->template, tokenizer,
                         checkpoint->template ? checkpoint->template_place : checkpoint->path, error);
}

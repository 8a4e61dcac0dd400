/* SPDX-License-Identifier: Apache-2.0
 * checkpoint_folder.c: a Hugging Face folder: config.json, and weights in model.safetensors or in the shards that
 * model.safetensors.index.json names.
 *
 * Where both are there, model.safetensors holds, as for transformers. A shard is a file of the folder itself (the index
 * cannot name one elsewhere), which may be a link: the hub's cache keeps files so.
 */
#include "checkpoint-read.h"
#include <hone/file.h>
#include <string.h>

#define JSON_LIMIT ((size_t)64 << 20) /* bytes; an index of 10,000 tensors has one million */
#define WEIGHTS "model.safetensors"
#define INDEX "model.safetensors.index.json"

/* Files that are read as JSON at opening; the first must be there. */
static const char *const json_files[] = {"config.json", "generation_config.json", "tokenizer_config.json"};

/* Files beside weights and config that make the model what it is, or that other tools read with it. */
static const char *const other_files[] = {
    "added_tokens.json", "chat_template.jinja", "merges.txt", "special_tokens_map.json",
    "tokenizer.json",    "tokenizer.model",     "vocab.json",
};

static JsonObject *read_json(const HoneCheckpoint *checkpoint, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(checkpoint->path, name, NULL);
    return hone_file_read_json(path, JSON_LIMIT, error);
}

/* ---- No model here: what is. ---- */

/* The first file of the folder (by name) that ends so, or NULL. Caller frees. */
static char *file_ending(const HoneCheckpoint *checkpoint, const char *suffix)
{
    g_autoptr(GDir) folder = g_dir_open(checkpoint->path, 0, NULL);
    g_autofree char *first = NULL;
    const char *name;
    while (folder && (name = g_dir_read_name(folder)))
        if (g_str_has_suffix(name, suffix) && (!first || strcmp(name, first) < 0)) {
            g_free(first);
            first = g_strdup(name);
        }
    return g_steal_pointer(&first);
}

static bool no_config(const HoneCheckpoint *checkpoint, GError **error)
{
    g_autofree char *gguf = file_ending(checkpoint, ".gguf");
    if (gguf)
        return checkpoint_fail(checkpoint, NULL, HONE_ERROR_NOT_FOUND, error,
                               "the folder has no config.json; a GGUF is given by its own path: %s/%s",
                               checkpoint->path, gguf);
    if (checkpoint_has(checkpoint, "adapter_config.json"))
        return checkpoint_fail(checkpoint, NULL, HONE_ERROR_NOT_FOUND, error,
                               "the folder holds an adapter, not a model; give the path of the model that it is for");
    return checkpoint_fail(checkpoint, NULL, HONE_ERROR_NOT_FOUND, error,
                           "the folder has no config.json, so it holds no model; give a GGUF file or a folder with "
                           "config.json, safetensors and tokenizer.json");
}

static bool no_weights(const HoneCheckpoint *checkpoint, GError **error)
{
    g_autofree char *pickle = file_ending(checkpoint, ".bin");
    if (pickle)
        return checkpoint_fail(checkpoint, NULL, HONE_ERROR_UNSUPPORTED, error,
                               "the weights are in %s, whose format can run code, so Hone does not read it; convert to "
                               "safetensors (in Python: AutoModelForCausalLM.from_pretrained(FOLDER)"
                               ".save_pretrained(NEW), then copy the tokenizer's files)",
                               pickle);
    return checkpoint_fail(checkpoint, NULL, HONE_ERROR_NOT_FOUND, error,
                           "the folder has neither " WEIGHTS " nor " INDEX "; fetch the model's weights too");
}

/* ---- Weights. ---- */

static int by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A file in the folder itself. */
static bool is_plain_name(const char *name)
{
    return *name && !strchr(name, '/') && g_str_has_suffix(name, ".safetensors");
}

/* The shards that an index names, each once, sorted. */
static GPtrArray *shard_names(const HoneCheckpoint *checkpoint, JsonObject *map, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    JsonObjectIter iter;
    JsonNode *value;
    const char *tensor;
    json_object_iter_init(&iter, map);
    while (json_object_iter_next(&iter, &tensor, &value)) {
        const char *name = JSON_NODE_HOLDS_VALUE(value) ? json_node_get_string(value) : NULL;
        if (!name || !is_plain_name(name)) {
            checkpoint_fail(checkpoint, INDEX, HONE_ERROR_INVALID, error,
                            "the file of tensor '%s' must be the name of a .safetensors file in the same folder%s%s%s",
                            tensor, name ? ", not \"" : "", name ? name : "", name ? "\"" : "");
            return NULL;
        }
        if (g_hash_table_add(seen, (char *)name))
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, by_name);
    return g_steal_pointer(&names);
}

/* Takes a shard's tensors over. map: where the index puts each, or NULL without an index. */
static bool add_tensors(HoneCheckpoint *checkpoint, const HoneSafetensors *shard, const char *name, JsonObject *map,
                        GError **error)
{
    for (size_t i = 0; i < hone_safetensors_count(shard); i++) {
        const HoneSafetensor *t = hone_safetensors_get(shard, i);
        size_t before = GPOINTER_TO_SIZE(g_hash_table_lookup(checkpoint->by_name, t->name));
        if (before)
            return checkpoint_fail(checkpoint, name, HONE_ERROR_INVALID, error,
                                   "tensor '%s' is in another shard of %s as well, so which one holds is not known; "
                                   "fetch the model again",
                                   t->name, INDEX);
        JsonNode *place = map ? json_object_get_member(map, t->name) : NULL;
        if (map && !place)
            return checkpoint_fail(checkpoint, name, HONE_ERROR_INVALID, error,
                                   "tensor '%s' is not in %s; shards and index are of different versions: fetch the "
                                   "model again",
                                   t->name, INDEX);
        if (map && strcmp(json_node_get_string(place), name) != 0)
            return checkpoint_fail(checkpoint, name, HONE_ERROR_INVALID, error,
                                   "has tensor '%s', which %s puts into %s; fetch the model again", t->name, INDEX,
                                   json_node_get_string(place));
        HoneGgufTensor tensor = {t->name, t->type, t->rank, {0}, t->data, t->bytes};
        memcpy(tensor.shape, t->shape, sizeof tensor.shape);
        g_array_append_val(checkpoint->tensors, tensor);
        g_hash_table_insert(checkpoint->by_name, (char *)t->name, GSIZE_TO_POINTER((size_t)checkpoint->tensors->len));
    }
    return true;
}

static bool open_shards(HoneCheckpoint *checkpoint, GPtrArray *names, JsonObject *map, GError **error)
{
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        if (map && !checkpoint_has(checkpoint, name))
            return checkpoint_fail(checkpoint, name, HONE_ERROR_NOT_FOUND, error,
                                   "%s names this file, one of %u, and it is not there; fetch the model's missing "
                                   "files",
                                   INDEX, names->len);
        g_autofree char *path = g_build_filename(checkpoint->path, name, NULL);
        HoneSafetensors *shard = hone_safetensors_open(path, error);
        if (!shard)
            return false;
        g_ptr_array_add(checkpoint->shards, shard);
        if (!add_tensors(checkpoint, shard, name, map, error))
            return false;
        g_ptr_array_add(checkpoint->files, g_strdup(name));
    }
    return true;
}

static bool read_index(HoneCheckpoint *checkpoint, GError **error)
{
    g_autoptr(JsonObject) index = read_json(checkpoint, INDEX, error);
    if (!index)
        return false;
    JsonNode *node = json_object_get_member(index, "weight_map");
    if (!node || !JSON_NODE_HOLDS_OBJECT(node))
        return checkpoint_fail(checkpoint, INDEX, HONE_ERROR_INVALID, error,
                               "needs \"weight_map\", an object that gives each tensor's file");
    JsonObject *map = json_node_get_object(node);
    g_autoptr(GPtrArray) names = shard_names(checkpoint, map, error);
    if (!names || !open_shards(checkpoint, names, map, error))
        return false;
    JsonObjectIter iter;
    const char *tensor;
    json_object_iter_init(&iter, map);
    while (json_object_iter_next(&iter, &tensor, &node))
        if (!g_hash_table_contains(checkpoint->by_name, tensor))
            return checkpoint_fail(checkpoint, json_node_get_string(node), HONE_ERROR_INVALID, error,
                                   "lacks tensor '%s', which %s puts there; fetch the model again", tensor, INDEX);
    g_ptr_array_add(checkpoint->files, g_strdup(INDEX));
    return true;
}

static bool read_weights(HoneCheckpoint *checkpoint, GError **error)
{
    checkpoint->shards = g_ptr_array_new_with_free_func((GDestroyNotify)hone_safetensors_free);
    checkpoint->tensors = g_array_new(FALSE, FALSE, sizeof(HoneGgufTensor));
    checkpoint->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    if (checkpoint_has(checkpoint, WEIGHTS)) {
        g_autoptr(GPtrArray) one = g_ptr_array_new();
        g_ptr_array_add(one, (char *)WEIGHTS);
        return open_shards(checkpoint, one, NULL, error);
    }
    return checkpoint_has(checkpoint, INDEX) ? read_index(checkpoint, error) : no_weights(checkpoint, error);
}

bool checkpoint_read_folder(HoneCheckpoint *checkpoint, GError **error)
{
    if (!checkpoint_has(checkpoint, json_files[0]))
        return no_config(checkpoint, error);
    checkpoint->json = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)json_object_unref);
    for (size_t i = 0; i < G_N_ELEMENTS(json_files); i++) {
        if (!checkpoint_has(checkpoint, json_files[i]))
            continue;
        JsonObject *object = read_json(checkpoint, json_files[i], error);
        if (!object)
            return false;
        g_hash_table_insert(checkpoint->json, (char *)json_files[i], object);
        g_ptr_array_add(checkpoint->files, g_strdup(json_files[i]));
    }
    if (!read_weights(checkpoint, error))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(other_files); i++)
        if (checkpoint_has(checkpoint, other_files[i]))
            g_ptr_array_add(checkpoint->files, g_strdup(other_files[i]));
    g_ptr_array_sort(checkpoint->files, by_name);
    return true;
}

/* SPDX-License-Identifier: Apache-2.0
 * list.c: what a repository holds, and which of it a model needs.
 */
#include "private.h"
#include <string.h>

#define LIST_LIMIT ((size_t)32 << 20)
#define MOST_FILES 100000
#define LISTED 12

HubFile *hub_file_new(const Hub *hub, const char *name)
{
    HubFile *file = g_new0(HubFile, 1);
    g_autofree char *path = g_uri_escape_string(name, "/", FALSE);
    file->name = g_strdup(name);
    file->url = g_strdup_printf("%s/%s/resolve/%s/%s", hub->place.endpoint, hub->name.repository, hub->commit, path);
    return file;
}

void hub_file_free(HubFile *file)
{
    g_free(file->name);
    g_free(file->url);
    g_free(file->etag);
    g_free(file);
}

static JsonObject *ask(HubClient *client, const char *revision, GError **error)
{
    const Hub *hub = client->hub;
    g_autofree char *escaped = g_uri_escape_string(revision, NULL, FALSE);
    g_autofree char *url =
        g_strdup_printf("%s/api/models/%s/revision/%s", hub->place.endpoint, hub->name.repository, escaped);
    JsonObject *object = hub_get_json(client, url, LIST_LIMIT, error);
    if (!object)
        g_prefix_error(error, "%s at %s: ", hub->name.repository, hub->place.endpoint);
    return object;
}

static const char *text_member(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : "";
}

char *hub_ask_commit(HubClient *client, GError **error)
{
    const Hub *hub = client->hub;
    g_autoptr(JsonObject) object = ask(client, hub->name.revision, error);
    if (!object)
        return NULL;
    const char *commit = text_member(object, "sha");
    if (hone_hub_is_commit(commit))
        return g_strdup(commit);
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "%s at %s: the hub does not say which commit \"%s\" is; is HF_ENDPOINT the address of a hub?",
                hub->name.repository, hub->place.endpoint, hub->name.revision);
    return NULL;
}

char **hub_ask_names(HubClient *client, GError **error)
{
    const Hub *hub = client->hub;
    g_autoptr(JsonObject) object = ask(client, hub->commit, error);
    if (!object)
        return NULL;
    const char *commit = text_member(object, "sha");
    JsonNode *node = json_object_get_member(object, "siblings");
    JsonArray *list = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
    if (!list || !g_str_equal(commit, hub->commit) || json_array_get_length(list) > MOST_FILES) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s at %s: the hub's answer %s", hub->name.repository,
                    hub->place.endpoint,
                    !list                               ? "has no list of files"
                    : !g_str_equal(commit, hub->commit) ? "is about another commit than the one asked for"
                                                        : "lists more files than a model has");
        return NULL;
    }
    g_auto(GStrv) names = g_new0(char *, json_array_get_length(list) + 1);
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonNode *element = json_array_get_element(list, i);
        const char *name =
            JSON_NODE_HOLDS_OBJECT(element) ? text_member(json_node_get_object(element), "rfilename") : "";
        /* Names become paths of the cache. */
        if (!hone_hub_good_path(name)) {
            g_autofree char *printable = g_strescape(name, NULL);
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                        "%s at %s: the hub lists the file \"%.100s\", which would lie outside the model's folder; "
                        "nothing is fetched",
                        hub->name.repository, hub->place.endpoint, printable);
            return NULL;
        }
        names[i] = g_strdup(name);
    }
    return g_steal_pointer(&names);
}

/* ---- The choice. ---- */

/* What a folder of safetensors has beside its weights. */
static bool is_wanted(const char *name)
{
    static const char *const exact[] = {"config.json",
                                        "generation_config.json",
                                        "special_tokens_map.json",
                                        "added_tokens.json",
                                        "chat_template.jinja",
                                        "chat_template.json",
                                        "tokenizer.model",
                                        "vocab.json",
                                        "merges.txt",
                                        "README.md",
                                        NULL};
    if (g_strv_contains(exact, name))
        return true;
    if (g_str_has_prefix(name, "tokenizer") && g_str_has_suffix(name, ".json") && !strchr(name, '/'))
        return true;
    return g_str_has_prefix(name, "LICENSE") && !strchr(name, '/');
}

/* "a, b and 3 more". Caller frees. */
static char *listed(const GPtrArray *names)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < MIN(names->len, LISTED); i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", (const char *)names->pdata[i]);
    if (names->len > LISTED)
        g_string_append_printf(text, " and %u more", names->len - LISTED);
    return g_string_free(text, FALSE);
}

static bool refuse(const Hub *hub, GError **error, HoneError code, const char *format, ...) G_GNUC_PRINTF(4, 5);
static bool refuse(const Hub *hub, GError **error, HoneError code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, HONE_ERROR, code, "%s@%s: %s", hub->name.repository, hub->name.revision, text);
    return false;
}

/* "x-00002-of-00003.gguf" */
static bool is_part(const char *name)
{
    return g_regex_match_simple("-[0-9]{5}-of-[0-9]{5}\\.gguf$", name, 0, 0);
}

static bool choose_gguf(const Hub *hub, char **names, const char *name, GPtrArray *files, GError **error)
{
    if (!g_str_has_suffix(name, ".gguf"))
        return refuse(hub, error, HONE_ERROR_UNSUPPORTED,
                      "\"%s\" cannot be picked: only a .gguf file is a model by itself", name);
    if (is_part(name))
        return refuse(hub, error, HONE_ERROR_UNSUPPORTED, "\"%s\" is one part of a GGUF; pick one that is whole", name);
    if (!g_strv_contains((const char *const *)names, name)) {
        const char *near = hone_nearest(name, (const char *const *)names, g_strv_length(names));
        return refuse(hub, error, HONE_ERROR_NOT_FOUND, "has no file \"%s\"%s%s%s", name,
                      near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    g_ptr_array_add(files, hub_file_new(hub, name));
    return true;
}

static bool choose_among_ggufs(const Hub *hub, char **names, const GPtrArray *ggufs, GPtrArray *files, GError **error)
{
    if (ggufs->len == 1)
        return choose_gguf(hub, names, ggufs->pdata[0], files, error);
    g_autofree char *all = listed(ggufs);
    return refuse(hub, error, HONE_ERROR_INVALID, "holds %u GGUF files; pick one with \"%s@%s:FILE\": %s", ggufs->len,
                  hub->name.repository, hub->name.revision, all);
}

bool hub_choose(const Hub *hub, char **names, GPtrArray *files, bool *index, GError **error)
{
    *index = false;
    if (hub->name.file)
        return choose_gguf(hub, names, hub->name.file, files, error);
    const char *const *all = (const char *const *)names;
    bool whole = g_strv_contains(all, HUB_WEIGHTS), shards = g_strv_contains(all, HUB_INDEX);
    g_autoptr(GPtrArray) ggufs = g_ptr_array_new();
    bool tensors = false, pickled = false;
    for (size_t i = 0; names[i]; i++) {
        if (g_str_has_suffix(names[i], ".gguf"))
            g_ptr_array_add(ggufs, names[i]);
        tensors = tensors || g_str_has_suffix(names[i], ".safetensors");
        pickled = pickled || g_str_has_suffix(names[i], ".bin") || g_str_has_suffix(names[i], ".pth") ||
                  g_str_has_suffix(names[i], ".pt");
    }
    if (!whole && !shards && ggufs->len > 0)
        return choose_among_ggufs(hub, names, ggufs, files, error);
    if (!whole && !shards && g_strv_contains(all, "adapter_config.json"))
        return refuse(hub, error, HONE_ERROR_UNSUPPORTED,
                      "holds an adapter and no model; name the model that it belongs to");
    if (!whole && !shards)
        return refuse(hub, error, HONE_ERROR_UNSUPPORTED, "%s",
                      tensors ? "its safetensors are not where a model's are (no " HUB_WEIGHTS " and no " HUB_INDEX
                                "); look for another repository of this model"
                      : pickled ? "its weights are pickled (.bin), which can run code when they are read and are not "
                                  "read here; look for a revision or a repository with safetensors"
                                : "holds no weights (no safetensors and no GGUF)");
    if (!g_strv_contains(all, "config.json"))
        return refuse(hub, error, HONE_ERROR_UNSUPPORTED,
                      "has weights and no config.json: it is no model of transformers");
    for (size_t i = 0; names[i]; i++) {
        if (is_wanted(names[i]))
            g_ptr_array_add(files, hub_file_new(hub, names[i]));
    }
    *index = !whole;
    g_ptr_array_add(files, hub_file_new(hub, whole ? HUB_WEIGHTS : HUB_INDEX));
    return true;
}

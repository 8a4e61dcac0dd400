/* SPDX-License-Identifier: Apache-2.0
 * row_source.c: see row_source.h.
 */
#include "row_source.h"
#include "locate.h"
#include <hone/json.h>
#include <string.h>

#define LINE_LIMIT ((size_t)16 << 20)

struct HoneRowSource {
    char *name;
    HoneLines *lines; /* of a file; else */
    HoneArtifact *artifact;
    HoneRowReader *reader;
};

static bool open_node(HoneRowSource *source, const char *store, GError **error)
{
    g_autoptr(HoneStore) results = hone_store_open(store, false, error);
    g_autofree char *folder = results ? hone_store_locate(results, source->name, error) : NULL;
    source->artifact = folder ? hone_artifact_open(folder, false, error) : NULL;
    if (!source->artifact)
        return false;
    HoneArtifactType type = hone_artifact_type(source->artifact);
    if (type != HONE_DATASET && type != HONE_PREFERENCES) {
        g_autofree char *is = hone_artifact_types_name(type);
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "the result of \"%s\" is a %s; name a node that gives a dataset, or a JSON lines file",
                    source->name, is);
        return false;
    }
    hone_artifact_set_label(source->artifact, source->name);
    source->reader = hone_row_reader_open(source->artifact, error);
    return source->reader != NULL;
}

HoneRowSource *hone_row_source_open(const char *name, const char *store, GError **error)
{
    g_autoptr(HoneRowSource) source = g_new0(HoneRowSource, 1);
    source->name = g_strdup(name);
    bool file =
        strchr(name, G_DIR_SEPARATOR) || g_str_has_suffix(name, ".jsonl") || g_file_test(name, G_FILE_TEST_IS_REGULAR);
    if (file)
        source->lines = hone_lines_open(name, LINE_LIMIT, error);
    else
        open_node(source, store, error);
    return source->lines || source->reader ? g_steal_pointer(&source) : NULL;
}

static const char *text_member(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : NULL;
}

static HoneRow *row_of_line(const char *line, size_t length, const char *where, size_t number, GError **error)
{
    g_autoptr(JsonNode) node = hone_json_parse(line, length, where, error);
    if (!node)
        return NULL;
    g_autofree char *id = g_strdup_printf("%zu", number);
    JsonObject *object = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    const char *prompt = object ? text_member(object, "prompt") : NULL;
    if (object && !json_object_has_member(object, "messages") && prompt) {
        const char *given = text_member(object, "id"), *completion = text_member(object, "completion");
        HoneRow *row = hone_row_new(given ? given : id);
        g_ptr_array_add(row->messages, hone_message_new("user", prompt, 0));
        if (completion)
            g_ptr_array_add(row->messages, hone_message_new("assistant", completion, 1));
        return row;
    }
    if (object && !json_object_has_member(object, "messages")) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: a row needs \"messages\" or \"prompt\"", where);
        return NULL;
    }
    if (object && !json_object_has_member(object, "id"))
        json_object_set_string_member(object, "id", id);
    return hone_row_from_json(node, where, error);
}

HoneRow *hone_row_source_next(HoneRowSource *source, GError **error)
{
    if (source->reader)
        return hone_row_reader_next(source->reader, error);
    const char *line;
    size_t length;
    while ((line = hone_lines_next(source->lines, &length, error)) != NULL) {
        if (strspn(line, " \t") == length)
            continue;
        size_t number = hone_lines_number(source->lines);
        g_autofree char *where = g_strdup_printf("%s:%zu", source->name, number);
        return row_of_line(line, length, where, number, error);
    }
    return NULL;
}

void hone_row_source_free(HoneRowSource *source)
{
    if (!source)
        return;
    g_clear_pointer(&source->reader, hone_row_reader_free);
    g_clear_pointer(&source->artifact, hone_artifact_free);
    g_clear_pointer(&source->lines, hone_lines_free);
    g_free(source->name);
    g_free(source);
}

/* SPDX-License-Identifier: Apache-2.0
 * source.c: reads a pipeline's file and those it includes, and takes in what the command line says.
 */
#include "source.h"
#include <hone/json.h>
#include <stdlib.h>
#include <string.h>

#define MOST_FILES 64
#define MOST_NODES 4096
#define MOST_VARS 512 /* one may lead to the next, and each is a level of recursion */
#define LONGEST_NAME 64

static const char *const top_keys[] = {"hone", "name", "description", "vars", "nodes", "include"};

static void load_file(HoneSource *source, const char *file, GPtrArray *open, HonePlace from);

static void free_file(gpointer data)
{
    HoneSourceFile *file = data;
    hone_json_text_free(file->text);
    g_free(file->folder);
    g_free(file);
}

static void free_variable(gpointer data)
{
    HoneVariable *variable = data;
    g_free(variable->name);
    g_free(variable->origin);
    json_node_unref(variable->value);
    g_free(variable);
}

static void free_set(gpointer data)
{
    HoneSet *set = data;
    g_free(set->text);
    json_node_unref(set->value);
    g_free(set);
}

static void free_node(gpointer data)
{
    HoneSourceNode *node = data;
    g_free(node->name);
    g_free(node->pointer);
    g_hash_table_unref(node->sets);
    g_free(node);
}

void hone_source_free(HoneSource *source)
{
    if (source == NULL)
        return;
    g_free(source->name);
    g_free(source->description);
    g_ptr_array_unref(source->vars);
    g_ptr_array_unref(source->nodes);
    g_ptr_array_unref(source->files);
    g_free(source);
}

bool hone_source_name_valid(const char *name, bool hyphen)
{
    if (!g_ascii_isalpha(name[0]) && name[0] != '_')
        return false;
    for (const char *c = name; *c != 0; c++) {
        if (!g_ascii_isalnum(*c) && *c != '_' && !(hyphen && *c == '-'))
            return false;
    }
    return strlen(name) <= LONGEST_NAME;
}

HoneVariable *hone_source_find_variable(const HoneSource *source, const char *name)
{
    for (guint i = 0; i < source->vars->len; i++) {
        HoneVariable *variable = source->vars->pdata[i];
        if (strcmp(variable->name, name) == 0)
            return variable;
    }
    return NULL;
}

char *hone_source_variable_hint(const HoneSource *source, const char *name)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < source->vars->len; i++)
        g_ptr_array_add(names, ((HoneVariable *)source->vars->pdata[i])->name);
    return hone_did_you_mean(name, (const char *const *)names->pdata, names->len);
}

static HoneSourceNode *find_node(const HoneSource *source, const char *name)
{
    for (guint i = 0; i < source->nodes->len; i++) {
        HoneSourceNode *node = source->nodes->pdata[i];
        if (strcmp(node->name, name) == 0)
            return node;
    }
    return NULL;
}

/* The includer's value wins over that of the file it includes, which has been read before. */
static void take_vars(HoneSource *source, const HoneSourceFile *file, JsonNode *vars)
{
    if (!JSON_NODE_HOLDS_OBJECT(vars)) {
        hone_mistakes_add(source->mistakes, hone_json_text_value(file->text, "/vars"),
                          "\"vars\" must be an object of names and values");
        return;
    }
    g_autoptr(GList) names = json_object_get_members(json_node_get_object(vars));
    for (GList *l = names; l != NULL; l = l->next) {
        g_autofree char *pointer = hone_json_pointer("/vars", l->data);
        HonePlace name_at = hone_json_text_name(file->text, pointer);
        if (!hone_source_name_valid(l->data, false)) {
            hone_mistakes_add(source->mistakes, name_at,
                              "a variable's name is made of letters, digits and _, not \"%s\"", (char *)l->data);
            continue;
        }
        HoneVariable *variable = hone_source_find_variable(source, l->data);
        if (variable == NULL) {
            if (source->vars->len == MOST_VARS) {
                hone_mistakes_add(source->mistakes, name_at, "more than %d variables", MOST_VARS);
                return;
            }
            variable = g_new0(HoneVariable, 1);
            variable->name = g_strdup(l->data);
            g_ptr_array_add(source->vars, variable);
        } else {
            json_node_unref(variable->value);
        }
        variable->value = json_node_ref(json_object_get_member(json_node_get_object(vars), l->data));
        variable->place = hone_json_text_value(file->text, pointer);
        variable->name_at = name_at;
        variable->main = file == source->files->pdata[0];
    }
}

static void take_nodes(HoneSource *source, const HoneSourceFile *file, JsonNode *nodes)
{
    if (!JSON_NODE_HOLDS_OBJECT(nodes)) {
        hone_mistakes_add(source->mistakes, hone_json_text_value(file->text, "/nodes"),
                          "\"nodes\" must be an object of names and nodes");
        return;
    }
    g_autoptr(GList) names = json_object_get_members(json_node_get_object(nodes));
    for (GList *l = names; l != NULL; l = l->next) {
        g_autofree char *pointer = hone_json_pointer("/nodes", l->data);
        HonePlace place = hone_json_text_name(file->text, pointer);
        const HoneSourceNode *other = find_node(source, l->data);
        if (source->nodes->len == MOST_NODES) {
            hone_mistakes_add(source->mistakes, place, "more than %d nodes", MOST_NODES);
            return;
        }
        if (!hone_source_name_valid(l->data, true)) {
            hone_mistakes_add(source->mistakes, place,
                              "a node's name is made of letters, digits, _ and -, at most %d of them, not \"%.80s\"",
                              LONGEST_NAME, (char *)l->data);
        } else if (other != NULL) {
            HonePlace first = hone_json_text_name(other->file->text, other->pointer);
            hone_mistakes_add(source->mistakes, place, "the node \"%s\" is in %s:%u already", other->name, first.file,
                              first.line);
        } else {
            HoneSourceNode *node = g_new0(HoneSourceNode, 1);
            node->name = g_strdup(l->data);
            node->pointer = g_steal_pointer(&pointer);
            node->file = file;
            node->value = json_object_get_member(json_node_get_object(nodes), l->data);
            node->sets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_set);
            g_ptr_array_add(source->nodes, node);
        }
    }
}

/* Beside the file that includes it, as the user would name it from where he is. */
static void include(HoneSource *source, const HoneSourceFile *file, const char *pointer, JsonNode *value,
                    GPtrArray *open)
{
    HonePlace place = hone_json_text_value(file->text, pointer);
    if (!hone_json_is_string(value) || *json_node_get_string(value) == 0) {
        hone_mistakes_add(source->mistakes, place, "\"include\" takes a file's name, or a list of them");
        return;
    }
    const char *path = json_node_get_string(value);
    g_autofree char *folder = g_path_get_dirname(hone_json_text_file(file->text));
    g_autofree char *shown =
        g_path_is_absolute(path) || strcmp(folder, ".") == 0 ? g_strdup(path) : g_build_filename(folder, path, NULL);
    load_file(source, shown, open, place);
}

static void take_includes(HoneSource *source, const HoneSourceFile *file, JsonNode *value, GPtrArray *open)
{
    if (!JSON_NODE_HOLDS_ARRAY(value)) {
        include(source, file, "/include", value, open);
        return;
    }
    JsonArray *list = json_node_get_array(value);
    for (guint i = 0; i < json_array_get_length(list); i++) {
        g_autofree char *pointer = hone_json_pointer_index("/include", i);
        include(source, file, pointer, json_array_get_element(list, i), open);
    }
}

static void check_version(HoneSource *source, const HoneSourceFile *file, JsonObject *root)
{
    JsonNode *version = json_object_get_member(root, "hone");
    HonePlace place = hone_json_text_value(file->text, version != NULL ? "/hone" : "");
    if (version == NULL)
        hone_mistakes_add(source->mistakes, place, "\"hone\": 1 is missing: it says which notation this file is in");
    else if (!JSON_NODE_HOLDS_VALUE(version) || json_node_get_value_type(version) != G_TYPE_INT64 ||
             json_node_get_int(version) != 1)
        hone_mistakes_add(source->mistakes, place, "\"hone\" must be 1, the notation that this version reads");
}

static void take_text(HoneSource *source, const HoneSourceFile *file, JsonObject *root, const char *key, char **text)
{
    JsonNode *value = json_object_get_member(root, key);
    if (value == NULL)
        return;
    g_autofree char *pointer = hone_json_pointer("", key);
    if (!hone_json_is_string(value))
        hone_mistakes_add(source->mistakes, hone_json_text_value(file->text, pointer), "\"%s\" must be a string", key);
    else if (file == source->files->pdata[0])
        *text = json_node_dup_string(value);
}

static void take_root(HoneSource *source, const HoneSourceFile *file, GPtrArray *open)
{
    JsonNode *node = hone_json_text_root(file->text);
    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        hone_mistakes_add(source->mistakes, hone_json_text_value(file->text, ""),
                          "a pipeline is an object: {\"hone\": 1, \"nodes\": {...}}");
        return;
    }
    JsonObject *root = json_node_get_object(node);
    g_autoptr(GList) keys = json_object_get_members(root);
    for (GList *l = keys; l != NULL; l = l->next) {
        bool known = false;
        for (gsize i = 0; i < G_N_ELEMENTS(top_keys); i++)
            known = known || strcmp(top_keys[i], l->data) == 0;
        if (known)
            continue;
        g_autofree char *hint = hone_did_you_mean(l->data, top_keys, G_N_ELEMENTS(top_keys));
        g_autofree char *pointer = hone_json_pointer("", l->data);
        hone_mistakes_add(source->mistakes, hone_json_text_name(file->text, pointer),
                          "unknown key \"%s\" in a pipeline%s", (char *)l->data, hint);
    }
    check_version(source, file, root);
    take_text(source, file, root, "name", &source->name);
    take_text(source, file, root, "description", &source->description);
    JsonNode *includes = json_object_get_member(root, "include");
    if (includes != NULL)
        take_includes(source, file, includes, open);
    JsonNode *vars = json_object_get_member(root, "vars"), *nodes = json_object_get_member(root, "nodes");
    if (vars != NULL)
        take_vars(source, file, vars);
    if (nodes != NULL)
        take_nodes(source, file, nodes);
}

/* open: real paths of the files that are being read, outermost first. `from` is where the file is named. */
static void load_file(HoneSource *source, const char *file, GPtrArray *open, HonePlace from)
{
    g_autofree char *resolved = realpath(file, NULL);
    if (resolved == NULL && open->len > 0) {
        hone_mistakes_add(source->mistakes, from, "no file \"%s\" to include", file);
        return;
    }
    char *real = g_strdup(resolved != NULL ? resolved : file);
    for (guint i = 0; i < open->len; i++) {
        if (strcmp(open->pdata[i], real) == 0) {
            hone_mistakes_add(source->mistakes, from, "\"%s\" includes itself%s", file,
                              i + 1 < open->len ? " by way of others" : "");
            g_free(real);
            return;
        }
    }
    for (guint i = 0; i < source->files->len; i++) {
        const HoneSourceFile *read = source->files->pdata[i];
        g_autofree char *other = realpath(hone_json_text_file(read->text), NULL);
        if (g_strcmp0(other, real) == 0) {
            g_free(real);
            return; /* included twice by different ways: it counts once */
        }
    }
    if (source->files->len == MOST_FILES) {
        hone_mistakes_add(source->mistakes, from, "more than %d files are included", MOST_FILES);
        g_free(real);
        return;
    }
    g_ptr_array_add(open, real);
    HoneJsonText *text = hone_json_text_read(file, source->mistakes);
    if (text != NULL) {
        HoneSourceFile *entry = g_new0(HoneSourceFile, 1);
        entry->text = text;
        g_autofree char *folder = g_path_get_dirname(file);
        entry->folder = g_canonicalize_filename(folder, NULL);
        g_ptr_array_add(source->files, entry);
        take_root(source, entry, open);
    }
    g_ptr_array_remove_index(open, open->len - 1);
}

/* The text after '=' as JSON, or as a string where it is none. */
static JsonNode *command_line_value(const char *text)
{
    JsonNode *node = hone_json_parse(text, strlen(text), NULL, NULL);
    return node != NULL ? node : json_node_init_string(json_node_alloc(), text);
}

static HonePlace command_line(char *text)
{
    return (HonePlace){.file = text};
}

static void apply_var(HoneSource *source, const char *text)
{
    g_autofree char *origin = g_strdup_printf("--var %s", text);
    const char *equals = strchr(text, '=');
    if (!g_utf8_validate(text, -1, NULL) || equals == NULL || equals == text) {
        g_autofree char *shown = g_utf8_make_valid(origin, -1);
        hone_mistakes_add(source->mistakes, command_line(shown), "must be NAME=VALUE");
        return;
    }
    g_autofree char *name = g_strndup(text, (gsize)(equals - text));
    HoneVariable *variable = hone_source_find_variable(source, name);
    if (variable == NULL) {
        g_autofree char *hint = hone_source_variable_hint(source, name);
        hone_mistakes_add(source->mistakes, command_line(origin), "the pipeline has no variable \"%s\"%s", name, hint);
        return;
    }
    json_node_unref(variable->value);
    variable->value = command_line_value(equals + 1);
    g_free(variable->origin);
    variable->origin = g_steal_pointer(&origin);
    variable->place = command_line(variable->origin);
}

static void apply_set(HoneSource *source, const char *text)
{
    g_autofree char *origin = g_strdup_printf("--set %s", text);
    const char *equals = strchr(text, '='), *dot = strchr(text, '.');
    if (!g_utf8_validate(text, -1, NULL) || equals == NULL || dot == NULL || dot == text || dot > equals ||
        dot + 1 == equals) {
        g_autofree char *shown = g_utf8_make_valid(origin, -1);
        hone_mistakes_add(source->mistakes, command_line(shown), "must be NODE.PARAM=VALUE");
        return;
    }
    g_autofree char *name = g_strndup(text, (gsize)(dot - text));
    HoneSourceNode *node = find_node(source, name);
    if (node == NULL) {
        g_autoptr(GPtrArray) names = g_ptr_array_new();
        for (guint i = 0; i < source->nodes->len; i++)
            g_ptr_array_add(names, ((HoneSourceNode *)source->nodes->pdata[i])->name);
        g_autofree char *hint = hone_did_you_mean(name, (const char *const *)names->pdata, names->len);
        hone_mistakes_add(source->mistakes, command_line(origin), "the pipeline has no node \"%s\"%s", name, hint);
        return;
    }
    HoneSet *set = g_new(HoneSet, 1);
    set->text = g_steal_pointer(&origin);
    set->value = command_line_value(equals + 1);
    g_hash_table_insert(node->sets, g_strndup(dot + 1, (gsize)(equals - dot - 1)), set);
}

HoneSource *hone_source_load(const char *file, const char *const *vars, const char *const *sets, HoneMistakes *mistakes)
{
    g_autoptr(HoneSource) source = g_new0(HoneSource, 1);
    source->mistakes = mistakes;
    source->files = g_ptr_array_new_with_free_func(free_file);
    source->vars = g_ptr_array_new_with_free_func(free_variable);
    source->nodes = g_ptr_array_new_with_free_func(free_node);
    g_autoptr(GPtrArray) open = g_ptr_array_new_with_free_func(g_free);
    HonePlace nowhere = {.file = file};
    load_file(source, file, open, nowhere);
    if (source->files->len == 0)
        return NULL;
    const HoneSourceFile *own = source->files->pdata[0];
    JsonNode *root = hone_json_text_root(own->text);
    bool has_nodes = JSON_NODE_HOLDS_OBJECT(root) && json_object_has_member(json_node_get_object(root), "nodes");
    if (JSON_NODE_HOLDS_OBJECT(root) && source->nodes->len == 0)
        hone_mistakes_add(mistakes, hone_json_text_value(own->text, "/nodes"), "the pipeline has no %s",
                          has_nodes ? "node that could run" : "\"nodes\"");
    for (gsize i = 0; vars != NULL && vars[i] != NULL; i++)
        apply_var(source, vars[i]);
    for (gsize i = 0; sets != NULL && sets[i] != NULL; i++)
        apply_set(source, sets[i]);
    return g_steal_pointer(&source);
}

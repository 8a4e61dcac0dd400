/* SPDX-License-Identifier: Apache-2.0
 * draft.c: reads one node: its keys, its stage, its options and the axes of its matrix.
 */
#include "draft.h"
#include <hone/json.h>
#include <math.h>
#include <string.h>

static const char *const node_keys[] = {"stage",  "in",   "params", "matrix",     "timeout",
                                        "memory", "cpus", "gpus",   "description"};

/* Pointer of a place inside the node. Caller frees. */
static char *inside(const HoneDraft *draft, const char *key)
{
    return hone_json_pointer(draft->source->pointer, key);
}

static HonePlace value_place(const HoneDraft *draft, const char *key)
{
    g_autofree char *pointer = inside(draft, key);
    return hone_json_text_value(draft->source->file->text, pointer);
}

HonePlace hone_draft_place(const HoneDraft *draft)
{
    return hone_json_text_name(draft->source->file->text, draft->source->pointer);
}

/* The value of a key, or NULL where it is absent or lost with an unknown variable. */
static JsonNode *get(const HoneDraft *draft, const char *key)
{
    g_autofree char *pointer = inside(draft, key);
    if (g_hash_table_contains(draft->broken, pointer))
        return NULL;
    return json_object_get_member(draft->object, key);
}

static bool holds_number(JsonNode *node)
{
    return JSON_NODE_HOLDS_VALUE(node) &&
           (json_node_get_value_type(node) == G_TYPE_INT64 || json_node_get_value_type(node) == G_TYPE_DOUBLE);
}

static void check_keys(const HoneDraft *draft, HoneMistakes *mistakes)
{
    g_autoptr(GList) keys = json_object_get_members(draft->object);
    for (GList *l = keys; l != NULL; l = l->next) {
        bool known = false;
        for (gsize i = 0; i < G_N_ELEMENTS(node_keys); i++)
            known = known || strcmp(node_keys[i], l->data) == 0;
        if (known)
            continue;
        g_autofree char *pointer = inside(draft, l->data);
        HonePlace place = hone_json_text_name(draft->source->file->text, pointer);
        const HoneComponent *component = draft->entry != NULL ? draft->entry->component : NULL;
        if (component != NULL && hone_component_find_param(component, l->data) != NULL) {
            hone_mistakes_add(mistakes, place, "\"%s\" is a parameter of \"%s\": it belongs inside \"params\"",
                              (char *)l->data, component->name);
        } else if (component != NULL && hone_component_find_port(component, HONE_PORT_IN, l->data) != NULL) {
            hone_mistakes_add(mistakes, place, "\"%s\" is an input of \"%s\": it belongs inside \"in\"",
                              (char *)l->data, component->name);
        } else {
            g_autofree char *hint = hone_did_you_mean(l->data, node_keys, G_N_ELEMENTS(node_keys));
            hone_mistakes_add(mistakes, place, "unknown key \"%s\" in a node%s", (char *)l->data, hint);
        }
    }
    JsonNode *description = get(draft, "description");
    if (description != NULL && !hone_json_is_string(description))
        hone_mistakes_add(mistakes, value_place(draft, "description"), "\"description\" must be a string");
}

static void find_stage(HoneDraft *draft, const HoneRegistry *registry, HoneMistakes *mistakes)
{
    JsonNode *stage = get(draft, "stage");
    if (stage == NULL) {
        if (!json_object_has_member(draft->object, "stage"))
            hone_mistakes_add(mistakes, hone_draft_place(draft), "the node \"%s\" has no \"stage\"",
                              draft->source->name);
        return;
    }
    if (!hone_json_is_string(stage)) {
        hone_mistakes_add(mistakes, value_place(draft, "stage"), "\"stage\" must be the name of a stage");
        return;
    }
    g_autoptr(GError) error = NULL;
    const char *name = json_node_get_string(stage);
    draft->entry = hone_registry_find(registry, HONE_STAGE, name, &error);
    if (draft->entry != NULL)
        return;
    for (HoneKind kind = HONE_BACKEND; kind <= HONE_LAST_KIND; kind++) {
        if (hone_registry_find(registry, kind, name, NULL) != NULL) {
            hone_mistakes_add(mistakes, value_place(draft, "stage"), "\"%s\" is a %s, not a stage", name,
                              hone_kind_name(kind));
            return;
        }
    }
    hone_mistakes_add(mistakes, value_place(draft, "stage"), "%s", error->message);
}

static guint take_count(const HoneDraft *draft, const char *key, guint min, guint max, HoneMistakes *mistakes)
{
    JsonNode *node = get(draft, key);
    if (node == NULL)
        return 0;
    double value = holds_number(node) ? json_node_get_double(node) : NAN;
    if (value >= min && value <= max && value == floor(value))
        return (guint)value;
    hone_mistakes_add(mistakes, value_place(draft, key), "\"%s\" must be a whole number from %u to %u", key, min, max);
    return 0;
}

static void take_timeout(HoneDraft *draft, HoneMistakes *mistakes)
{
    JsonNode *node = get(draft, "timeout");
    if (node == NULL)
        return;
    double value = holds_number(node) ? json_node_get_double(node) : NAN;
    if (value > 0 && value <= 1e9)
        draft->timeout = value;
    else
        hone_mistakes_add(mistakes, value_place(draft, "timeout"), "\"timeout\" must be a number of seconds above 0");
}

/* "1.5 GiB" in bytes, or 0. */
static guint64 parse_size(const char *text)
{
    static const struct {
        const char *unit;
        double bytes;
    } units[] = {{"KB", 1e3},     {"MB", 1e6},        {"GB", 1e9},           {"TB", 1e12},
                 {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}, {"TiB", 1099511627776.0}};
    char *end;
    double value = g_ascii_strtod(text, &end);
    while (*end == ' ')
        end++;
    for (gsize i = 0; i < G_N_ELEMENTS(units); i++) {
        double bytes = value * units[i].bytes;
        if (strcmp(end, units[i].unit) == 0)
            return g_ascii_isdigit(text[0]) && bytes >= 1e6 && bytes <= 1e15 ? (guint64)bytes : 0;
    }
    return 0;
}

static void take_memory(HoneDraft *draft, HoneMistakes *mistakes)
{
    JsonNode *node = get(draft, "memory");
    if (node == NULL)
        return;
    double megabytes = holds_number(node) ? json_node_get_double(node) : 0;
    if (megabytes >= 1 && megabytes <= 1e9)
        draft->memory = (guint64)(megabytes * 1e6);
    else if (hone_json_is_string(node))
        draft->memory = parse_size(json_node_get_string(node));
    if (draft->memory == 0)
        hone_mistakes_add(mistakes, value_place(draft, "memory"),
                          "\"memory\" must be a number of megabytes, or text such as \"2 GiB\"; at least 1 MB");
}

/* What a value looks like in a node's name. Caller frees. */
static char *value_label(JsonNode *value, guint index)
{
    g_autofree char *text = NULL;
    if (hone_json_is_string(value))
        text = json_node_dup_string(value);
    else if (JSON_NODE_HOLDS_VALUE(value) || JSON_NODE_HOLDS_NULL(value))
        text = hone_json_text(value);
    if (text == NULL || *text == 0 || strlen(text) > 32)
        return g_strdup_printf("#%u", index + 1);
    for (char *c = text; *c != 0; c++) {
        if (!g_ascii_isalnum(*c) && strchr("_.+-", *c) == NULL)
            *c = '_';
    }
    return g_steal_pointer(&text);
}

static void free_axis(gpointer data)
{
    HoneDraftAxis *axis = data;
    g_free(axis->param);
    json_array_unref(axis->values);
    g_strfreev(axis->labels);
    g_free(axis);
}

static HoneDraftAxis *new_axis(const char *param, JsonArray *values)
{
    HoneDraftAxis *axis = g_new0(HoneDraftAxis, 1);
    guint n = json_array_get_length(values);
    axis->param = g_strdup(param);
    axis->values = json_array_ref(values);
    axis->labels = g_new0(char *, n + 1);
    for (guint i = 0; i < n; i++)
        axis->labels[i] = value_label(json_array_get_element(values, i), i);
    /* Values that look alike are told apart by their number. */
    for (guint i = 0; i < n; i++) {
        for (guint k = i + 1; k < n; k++) {
            if (strcmp(axis->labels[i], axis->labels[k]) != 0)
                continue;
            g_free(axis->labels[k]);
            axis->labels[k] = g_strdup_printf("#%u", k + 1);
        }
    }
    return axis;
}

static void take_matrix(HoneDraft *draft, HoneMistakes *mistakes)
{
    const guint most_values = 256;
    JsonNode *node = get(draft, "matrix");
    if (node == NULL)
        return;
    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        hone_mistakes_add(mistakes, value_place(draft, "matrix"),
                          "\"matrix\" must be an object: {\"parameter\": [value, ...]}");
        return;
    }
    JsonObject *matrix = json_node_get_object(node);
    g_autofree char *base = inside(draft, "matrix");
    g_autoptr(GList) names = json_object_get_members(matrix);
    for (GList *l = names; l != NULL; l = l->next) {
        g_autofree char *pointer = hone_json_pointer(base, l->data);
        HonePlace place = hone_json_text_value(draft->source->file->text, pointer);
        JsonNode *values = json_object_get_member(matrix, l->data);
        guint n = JSON_NODE_HOLDS_ARRAY(values) ? json_array_get_length(json_node_get_array(values)) : 0;
        if (g_hash_table_contains(draft->broken, pointer)) {
            continue;
        } else if (n == 0 || n > most_values) {
            hone_mistakes_add(mistakes, place, "an axis of the matrix is a list of 1 to %u values of \"%s\"",
                              most_values, (char *)l->data);
        } else if (json_object_has_member(draft->params, l->data)) {
            hone_mistakes_add(mistakes, hone_json_text_name(draft->source->file->text, pointer),
                              "\"%s\" is in \"params\" too; keep one of the two", (char *)l->data);
        } else if (!g_hash_table_contains(draft->source->sets, l->data)) {
            g_ptr_array_add(draft->axes, new_axis(l->data, json_node_get_array(values)));
        }
    }
}

/* Into a new object: the node's own may be a variable's value, which others share. False where there is nothing to
 * judge. */
static bool take_params(HoneDraft *draft, HoneMistakes *mistakes)
{
    draft->params = json_object_new();
    JsonNode *node = get(draft, "params");
    if (node == NULL)
        return !json_object_has_member(draft->object, "params"); /* else lost with an unknown variable */
    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        hone_mistakes_add(mistakes, value_place(draft, "params"), "\"params\" must be an object of names and values");
        return false;
    }
    JsonObject *params = json_node_get_object(node);
    g_autoptr(GList) names = json_object_get_members(params);
    for (GList *l = names; l != NULL; l = l->next)
        json_object_set_member(draft->params, l->data, json_node_copy(json_object_get_member(params, l->data)));
    return true;
}

static void apply_sets(HoneDraft *draft)
{
    GHashTableIter iter;
    gpointer name, value;
    g_hash_table_iter_init(&iter, draft->source->sets);
    while (g_hash_table_iter_next(&iter, &name, &value))
        json_object_set_member(draft->params, name, json_node_copy(((const HoneSet *)value)->value));
}

static void free_edge(gpointer data)
{
    HoneDraftEdge *edge = data;
    g_free(edge->pointer);
    g_free(edge);
}

static void free_input(gpointer data)
{
    HoneDraftInput *input = data;
    g_ptr_array_unref(input->edges);
    g_free(input);
}

static void free_draft(gpointer data)
{
    HoneDraft *draft = data;
    json_object_unref(draft->object);
    json_object_unref(draft->params);
    g_hash_table_unref(draft->broken);
    g_ptr_array_unref(draft->axes);
    g_ptr_array_unref(draft->inputs);
    g_ptr_array_unref(draft->instances);
    g_free(draft);
}

HoneDraftInput *hone_draft_add_input(HoneDraft *draft, const HonePort *port)
{
    HoneDraftInput *input = g_new0(HoneDraftInput, 1);
    input->port = port;
    input->edges = g_ptr_array_new_with_free_func(free_edge);
    g_ptr_array_add(draft->inputs, input);
    return input;
}

static HoneDraft *new_draft(const HoneSourceNode *node, JsonNode *value, GHashTable *broken)
{
    HoneDraft *draft = g_new0(HoneDraft, 1);
    draft->source = node;
    draft->object = json_object_ref(json_node_get_object(value));
    draft->broken = g_hash_table_ref(broken);
    draft->faulty = g_hash_table_size(broken) > 0;
    draft->axes = g_ptr_array_new_with_free_func(free_axis);
    draft->inputs = g_ptr_array_new_with_free_func(free_input);
    draft->instances = g_ptr_array_new();
    return draft;
}

GPtrArray *hone_drafts_new(HoneSource *source, const HoneRegistry *registry, const HonePipelineOptions *options)
{
    HoneMistakes *mistakes = source->mistakes;
    GPtrArray *drafts = g_ptr_array_new_with_free_func(free_draft);
    for (guint i = 0; i < source->nodes->len && !hone_mistakes_full(mistakes); i++) {
        const HoneSourceNode *node = source->nodes->pdata[i];
        if (!JSON_NODE_HOLDS_OBJECT(node->value)) {
            hone_mistakes_add(mistakes, hone_json_text_value(node->file->text, node->pointer),
                              "a node is an object: {\"stage\": ..., \"in\": {...}, \"params\": {...}}");
            continue;
        }
        g_autoptr(GHashTable) broken = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_autoptr(JsonNode) value = hone_source_substitute(source, node->file, node->pointer, node->value, broken);
        HoneDraft *draft = new_draft(node, value, broken);
        draft->index = drafts->len;
        g_ptr_array_add(drafts, draft);
        find_stage(draft, registry, mistakes);
        check_keys(draft, mistakes);
        bool readable = take_params(draft, mistakes);
        draft->faulty = draft->faulty || !readable;
        take_matrix(draft, mistakes);
        apply_sets(draft);
        take_timeout(draft, mistakes);
        take_memory(draft, mistakes);
        draft->cpus = take_count(draft, "cpus", 1, 65536, mistakes);
        draft->gpus = take_count(draft, "gpus", 0, 1024, mistakes);
        if (draft->entry != NULL && readable)
            hone_draft_check_params(draft, registry, options, mistakes);
    }
    return drafts;
}

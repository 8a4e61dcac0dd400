/* SPDX-License-Identifier: Apache-2.0
 * wiring.c: which node's output flows into which port, whether it may, and in which order that lets the nodes run.
 */
#include "draft.h"
#include <string.h>

static HoneDraft *find_draft(const GPtrArray *drafts, const char *name)
{
    for (guint i = 0; i < drafts->len; i++) {
        HoneDraft *draft = drafts->pdata[i];
        if (strcmp(draft->source->name, name) == 0)
            return draft;
    }
    return NULL;
}

static char *names_hint(const GPtrArray *drafts, const char *name)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < drafts->len; i++)
        g_ptr_array_add(names, ((HoneDraft *)drafts->pdata[i])->source->name);
    return hone_did_you_mean(name, (const char *const *)names->pdata, names->len);
}

/* The ports of one direction as candidates for a mistyped one, and as a list to read. Caller frees. */
static char *ports_hint(const HoneComponent *component, HonePortDirection direction, const char *name)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const HonePort *port;
    GString *list = g_string_new(NULL);
    for (size_t i = 0; (port = hone_component_port(component, i)) != NULL; i++) {
        if (port->direction != direction)
            continue;
        g_ptr_array_add(names, (gpointer)port->name);
        g_string_append_printf(list, "%s\"%s\"", list->len > 0 ? ", " : "", port->name);
    }
    g_autofree char *all = g_string_free(list, FALSE);
    const char *near = hone_nearest(name, (const char *const *)names->pdata, names->len);
    if (near != NULL)
        return g_strdup_printf("; did you mean \"%s\"?", near);
    return names->len > 0 ? g_strdup_printf("; it has %s", all) : g_strdup("; it has none");
}

static const HonePort *first_output(const HoneComponent *component)
{
    const HonePort *port;
    for (size_t i = 0; (port = hone_component_port(component, i)) != NULL; i++) {
        if (port->direction == HONE_PORT_OUT)
            return port;
    }
    return NULL;
}

static void connect_edge(HoneDraft *draft, HoneDraftInput *input, const char *pointer, const char *text,
                         const GPtrArray *drafts, HoneMistakes *mistakes)
{
    HonePlace place = hone_json_text_value(draft->source->file->text, pointer);
    const char *dot = strchr(text, '.');
    g_autofree char *name = dot != NULL ? g_strndup(text, (gsize)(dot - text)) : g_strdup(text);
    HoneDraft *from = find_draft(drafts, name);
    if (from == NULL) {
        g_autofree char *hint = names_hint(drafts, name);
        hone_mistakes_add(mistakes, place, "no node \"%s\"%s", name, hint);
        return;
    }
    if (from->entry == NULL)
        return; /* its stage is unknown: that is the mistake */
    const HoneComponent *source = from->entry->component;
    const HonePort *output =
        dot != NULL ? hone_component_find_port(source, HONE_PORT_OUT, dot + 1) : first_output(source);
    if (output == NULL) {
        g_autofree char *hint = ports_hint(source, HONE_PORT_OUT, dot + 1);
        hone_mistakes_add(mistakes, place, "\"%s\" (%s) has no output \"%s\"%s", name, source->name, dot + 1, hint);
        return;
    }
    if ((output->types & input->port->types) == 0) {
        g_autofree char *gives = hone_artifact_types_name(output->types);
        g_autofree char *takes = hone_artifact_types_name(input->port->types);
        hone_mistakes_add(mistakes, place, "\"%s.%s\" (%s) gives %s, but the input \"%s\" of \"%s\" (%s) takes %s",
                          name, output->name, source->name, gives, input->port->name, draft->source->name,
                          draft->entry->component->name, takes);
        return;
    }
    HoneDraftEdge *edge = g_new0(HoneDraftEdge, 1);
    edge->from = from;
    edge->output = output;
    edge->pointer = g_strdup(pointer);
    g_ptr_array_add(input->edges, edge);
}

static void connect_value(HoneDraft *draft, const HonePort *port, const char *pointer, JsonNode *value,
                          const GPtrArray *drafts, HoneMistakes *mistakes)
{
    bool list = JSON_NODE_HOLDS_ARRAY(value), repeated = (port->flags & HONE_PORT_REPEATED) != 0;
    HonePlace place = hone_json_text_value(draft->source->file->text, pointer);
    if ((list && !repeated) || (!list && !hone_json_is_string(value))) {
        hone_mistakes_add(mistakes, place, "the input \"%s\" takes \"node\" or \"node.output\"%s", port->name,
                          repeated ? ", or a list of them" : ", only one");
        return;
    }
    HoneDraftInput *input = hone_draft_add_input(draft, port);
    if (!list) {
        connect_edge(draft, input, pointer, json_node_get_string(value), drafts, mistakes);
        return;
    }
    JsonArray *array = json_node_get_array(value);
    guint n = json_array_get_length(array);
    if (n == 0 && (port->flags & HONE_PORT_OPTIONAL) == 0)
        hone_mistakes_add(mistakes, place, "the input \"%s\" needs at least one node", port->name);
    for (guint i = 0; i < n && !hone_mistakes_full(mistakes); i++) {
        JsonNode *element = json_array_get_element(array, i);
        g_autofree char *below = hone_json_pointer_index(pointer, i);
        if (g_hash_table_contains(draft->broken, below))
            continue;
        if (hone_json_is_string(element))
            connect_edge(draft, input, below, json_node_get_string(element), drafts, mistakes);
        else
            hone_mistakes_add(mistakes, hone_json_text_value(draft->source->file->text, below),
                              "the input \"%s\" takes \"node\" or \"node.output\"", port->name);
    }
}

static void connect_draft(HoneDraft *draft, const GPtrArray *drafts, HoneMistakes *mistakes)
{
    const HoneComponent *component = draft->entry->component;
    const HoneJsonText *text = draft->source->file->text;
    g_autofree char *base = hone_json_pointer(draft->source->pointer, "in");
    JsonNode *node = json_object_get_member(draft->object, "in");
    if (g_hash_table_contains(draft->broken, base))
        return;
    if (node != NULL && !JSON_NODE_HOLDS_OBJECT(node)) {
        hone_mistakes_add(mistakes, hone_json_text_value(text, base),
                          "\"in\" must be an object: {\"port\": \"node.output\"}");
        return;
    }
    JsonObject *in = node != NULL ? json_node_get_object(node) : NULL;
    g_autoptr(GList) names = in != NULL ? json_object_get_members(in) : NULL;
    for (GList *l = names; l != NULL; l = l->next) {
        if (hone_component_find_port(component, HONE_PORT_IN, l->data) != NULL)
            continue;
        g_autofree char *pointer = hone_json_pointer(base, l->data);
        g_autofree char *hint = ports_hint(component, HONE_PORT_IN, l->data);
        bool output = hone_component_find_port(component, HONE_PORT_OUT, l->data) != NULL;
        hone_mistakes_add(mistakes, hone_json_text_name(text, pointer), "\"%s\" (%s) has no input \"%s\"%s%s",
                          draft->source->name, component->name, (char *)l->data, output ? ", that is an output" : "",
                          hint);
    }
    const HonePort *port;
    for (size_t i = 0; (port = hone_component_port(component, i)) != NULL; i++) {
        if (port->direction != HONE_PORT_IN)
            continue;
        g_autofree char *pointer = hone_json_pointer(base, port->name);
        JsonNode *value = in != NULL ? json_object_get_member(in, port->name) : NULL;
        if (g_hash_table_contains(draft->broken, pointer))
            continue;
        if (value != NULL) {
            connect_value(draft, port, pointer, value, drafts, mistakes);
        } else if ((port->flags & HONE_PORT_OPTIONAL) == 0) {
            g_autofree char *types = hone_artifact_types_name(port->types);
            hone_mistakes_add(mistakes, in != NULL ? hone_json_text_value(text, base) : hone_draft_place(draft),
                              "\"%s\" (%s) needs an input \"%s\" (%s): %s", draft->source->name, component->name,
                              port->name, types, port->help);
        }
    }
}

void hone_drafts_connect(GPtrArray *drafts, HoneMistakes *mistakes)
{
    for (guint i = 0; i < drafts->len && !hone_mistakes_full(mistakes); i++) {
        HoneDraft *draft = drafts->pdata[i];
        if (draft->entry != NULL)
            connect_draft(draft, drafts, mistakes);
    }
}

enum { NEW, OPEN, DONE };

typedef struct {
    GPtrArray *order, *path; /* of HoneDraft * */
    HoneMistakes *mistakes;
    bool cyclic;
} Walk;

/* `edge` leads from the last node of the path back to `first`, which is on the path. */
static void report_cycle(Walk *walk, const HoneDraft *first, const HoneDraftEdge *edge)
{
    GString *names = g_string_new(NULL);
    guint start = 0;
    while (walk->path->pdata[start] != first)
        start++;
    /* The path goes from a node to its inputs: read backwards it is the way the data would go. */
    for (guint i = walk->path->len; i-- > start;)
        g_string_append_printf(names, "\"%s\" -> ", ((const HoneDraft *)walk->path->pdata[i])->source->name);
    const HoneDraft *last = walk->path->pdata[walk->path->len - 1];
    hone_mistakes_add(walk->mistakes, hone_json_text_value(last->source->file->text, edge->pointer),
                      "these nodes wait for one another: %s\"%s\"", names->str, last->source->name);
    g_string_free(names, TRUE);
    walk->cyclic = true;
}

static void visit(Walk *walk, HoneDraft *draft)
{
    draft->state = OPEN;
    g_ptr_array_add(walk->path, draft);
    for (guint i = 0; i < draft->inputs->len; i++) {
        const HoneDraftInput *input = draft->inputs->pdata[i];
        for (guint k = 0; k < input->edges->len && !hone_mistakes_full(walk->mistakes); k++) {
            const HoneDraftEdge *edge = input->edges->pdata[k];
            if (edge->from->state == OPEN)
                report_cycle(walk, edge->from, edge);
            else if (edge->from->state == NEW)
                visit(walk, edge->from);
        }
    }
    draft->state = DONE;
    g_ptr_array_set_size(walk->path, (gint)walk->path->len - 1);
    g_ptr_array_add(walk->order, draft);
}

GPtrArray *hone_drafts_order(GPtrArray *drafts, HoneMistakes *mistakes)
{
    g_autoptr(GPtrArray) order = g_ptr_array_new(), path = g_ptr_array_new();
    Walk walk = {.order = order, .path = path, .mistakes = mistakes};
    for (guint i = 0; i < drafts->len; i++) {
        HoneDraft *draft = drafts->pdata[i];
        if (draft->state == NEW)
            visit(&walk, draft);
    }
    return walk.cyclic ? NULL : g_steal_pointer(&order);
}

/* SPDX-License-Identifier: Apache-2.0
 * matrix.c: from drafts with matrices to one node for every combination.
 *
 * An axis is one parameter of one node's matrix. A node lies on its own axes and on those of everything that flows into
 * it through ports that take one artifact; it is made once for every combination of their values. A port that takes a
 * list gathers: of each node it names, all that agree with this one on the axes they share.
 */
#include "draft.h"
#include <string.h>

#define MOST_INSTANCES 4096
#define NONE (-1)

typedef struct {
    const HoneDraft *draft;
    const HoneDraftAxis *axis;
    char *label; /* "rank", or "tuned.rank" where two axes are named alike */
} Axis;

typedef struct {
    GPtrArray *axes;    /* of Axis *: all of the pipeline */
    GPtrArray *nodes;   /* of HonePipelineNode * */
    GPtrArray *choices; /* of int *, beside nodes: the value on each axis, or NONE */
    HoneMistakes *mistakes;
} Expansion;

static void free_axis(gpointer data)
{
    Axis *axis = data;
    g_free(axis->label);
    g_free(axis);
}

static GPtrArray *list_axes(const GPtrArray *drafts)
{
    GPtrArray *axes = g_ptr_array_new_with_free_func(free_axis);
    for (guint i = 0; i < drafts->len; i++) {
        const HoneDraft *draft = drafts->pdata[i];
        for (guint a = 0; a < draft->axes->len; a++) {
            Axis *axis = g_new0(Axis, 1);
            axis->draft = draft;
            axis->axis = draft->axes->pdata[a];
            g_ptr_array_add(axes, axis);
        }
    }
    for (guint i = 0; i < axes->len; i++) {
        Axis *axis = axes->pdata[i];
        bool alone = true;
        for (guint k = 0; k < axes->len; k++)
            alone = alone && (k == i || strcmp(((Axis *)axes->pdata[k])->axis->param, axis->axis->param) != 0);
        axis->label = alone ? g_strdup(axis->axis->param)
                            : g_strdup_printf("%s.%s", axis->draft->source->name, axis->axis->param);
    }
    return axes;
}

/* Which axes a draft lies on: its own, and those of its inputs. Its inputs have been expanded. */
static bool *find_axes(const Expansion *e, const HoneDraft *draft)
{
    bool *on = g_new0(bool, e->axes->len + 1);
    for (guint g = 0; g < e->axes->len; g++)
        on[g] = ((const Axis *)e->axes->pdata[g])->draft == draft;
    for (guint i = 0; i < draft->inputs->len; i++) {
        const HoneDraftInput *input = draft->inputs->pdata[i];
        if ((input->port->flags & HONE_PORT_REPEATED) != 0 || input->edges->len == 0)
            continue;
        const HoneDraftEdge *edge = input->edges->pdata[0];
        const HonePipelineNode *from = edge->from->instances->pdata[0];
        const int *choice = e->choices->pdata[from->index];
        for (guint g = 0; g < e->axes->len; g++)
            on[g] = on[g] || choice[g] != NONE;
    }
    return on;
}

static guint axis_size(const Expansion *e, guint g)
{
    return json_array_get_length(((const Axis *)e->axes->pdata[g])->axis->values);
}

/* "tuned[rank=8,epochs=2]". Caller frees. */
static char *instance_name(const Expansion *e, const HoneDraft *draft, const int *choice)
{
    GString *name = g_string_new(draft->source->name);
    bool first = true;
    for (guint g = 0; g < e->axes->len; g++) {
        if (choice[g] == NONE)
            continue;
        const Axis *axis = e->axes->pdata[g];
        g_string_append_printf(name, "%c%s=%s", first ? '[' : ',', axis->label, axis->axis->labels[choice[g]]);
        first = false;
    }
    if (!first)
        g_string_append_c(name, ']');
    return g_string_free(name, FALSE);
}

static bool agree(const Expansion *e, const int *a, const int *b)
{
    for (guint g = 0; g < e->axes->len; g++) {
        if (a[g] != NONE && b[g] != NONE && a[g] != b[g])
            return false;
    }
    return true;
}

static void free_edge(gpointer data)
{
    HonePipelineEdge *edge = data;
    g_free(edge->label);
    g_free(edge);
}

static void free_input(gpointer data)
{
    HonePipelineInput *input = data;
    g_ptr_array_unref(input->edges);
    g_free(input);
}

static void connect_input(const Expansion *e, HonePipelineNode *node, const int *choice, const HoneDraftInput *input)
{
    HonePipelineInput *out = g_new0(HonePipelineInput, 1);
    out->port = input->port;
    out->edges = g_ptr_array_new_with_free_func(free_edge);
    for (guint k = 0; k < input->edges->len; k++) {
        const HoneDraftEdge *edge = input->edges->pdata[k];
        for (guint i = 0; i < edge->from->instances->len; i++) {
            HonePipelineNode *from = edge->from->instances->pdata[i];
            if (!agree(e, e->choices->pdata[from->index], choice))
                continue;
            HonePipelineEdge *made = g_new0(HonePipelineEdge, 1);
            made->from = from;
            made->output = edge->output;
            made->label = g_strdup_printf("%s.%s", from->name, edge->output->name);
            g_ptr_array_add(out->edges, made);
        }
    }
    if (out->edges->len > 0)
        g_ptr_array_add(node->inputs, out);
    else
        free_input(out);
}

static void add_instance(Expansion *e, HoneDraft *draft, const int *choice)
{
    HonePipelineNode *node = g_new0(HonePipelineNode, 1);
    node->name = instance_name(e, draft, choice);
    node->index = e->nodes->len;
    node->component = draft->entry->component;
    node->plugin = draft->entry->plugin;
    node->folder = g_strdup(draft->source->file->folder);
    node->place = hone_draft_place(draft);
    node->place.file = g_strdup(node->place.file);
    node->timeout = draft->timeout;
    node->memory = draft->memory;
    node->cpus = draft->cpus;
    node->gpus = draft->gpus;
    node->inputs = g_ptr_array_new_with_free_func(free_input);
    node->matrix = json_object_new();
    g_autofree guint *own = g_new0(guint, draft->axes->len + 1);
    guint n_own = 0;
    for (guint g = 0; g < e->axes->len; g++) {
        const Axis *axis = e->axes->pdata[g];
        if (choice[g] == NONE)
            continue;
        if (axis->draft == draft)
            own[n_own++] = (guint)choice[g];
        json_object_set_member(node->matrix, axis->label,
                               json_node_copy(json_array_get_element(axis->axis->values, (guint)choice[g])));
    }
    node->params = hone_draft_params(draft, own);
    for (guint i = 0; i < draft->inputs->len; i++)
        connect_input(e, node, choice, draft->inputs->pdata[i]);
    g_ptr_array_add(e->nodes, node);
    g_ptr_array_add(e->choices, g_memdup2(choice, sizeof(int) * (e->axes->len + 1)));
    g_ptr_array_add(draft->instances, node);
}

static bool expand(Expansion *e, HoneDraft *draft)
{
    g_autofree bool *on = find_axes(e, draft);
    g_autofree int *choice = g_new0(int, e->axes->len + 1);
    guint64 n = 1;
    for (guint g = 0; g < e->axes->len; g++) {
        n = on[g] ? n * axis_size(e, g) : n; /* below 2^12 · 2^8 */
        choice[g] = on[g] ? 0 : NONE;
        if (n + e->nodes->len > MOST_INSTANCES) {
            hone_mistakes_add(e->mistakes, hone_draft_place(draft),
                              "the matrices make more than %d nodes out of the pipeline", MOST_INSTANCES);
            return false;
        }
    }
    for (guint64 i = 0; i < n; i++) {
        add_instance(e, draft, choice);
        /* Counts up, the last axis fastest. */
        for (guint g = e->axes->len; g-- > 0;) {
            if (!on[g])
                continue;
            if (++choice[g] < (int)axis_size(e, g))
                break;
            choice[g] = 0;
        }
    }
    return true;
}

static void free_node(gpointer data)
{
    HonePipelineNode *node = data;
    g_free(node->name);
    g_free(node->folder);
    g_free((char *)node->place.file);
    g_clear_pointer(&node->params, json_object_unref);
    g_clear_pointer(&node->matrix, json_object_unref);
    g_ptr_array_unref(node->inputs);
    g_free(node);
}

GPtrArray *hone_drafts_expand(GPtrArray *drafts, HoneMistakes *mistakes)
{
    g_autoptr(GPtrArray) axes = list_axes(drafts), choices = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func(free_node);
    Expansion e = {.axes = axes, .nodes = nodes, .choices = choices, .mistakes = mistakes};
    for (guint i = 0; i < drafts->len; i++) {
        if (!expand(&e, drafts->pdata[i]))
            return NULL;
    }
    return g_steal_pointer(&nodes);
}

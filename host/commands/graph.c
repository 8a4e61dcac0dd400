/* SPDX-License-Identifier: Apache-2.0
 * graph.c: `hone graph FILE` prints the expanded pipeline for Graphviz.
 */
#include "command.h"

/* A DOT string; names hold no quotes, summaries may. Caller frees. */
static char *quote(const char *text)
{
    GString *out = g_string_new("\"");
    for (const char *c = text; *c != 0; c++) {
        if (*c == '"' || *c == '\\')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *c);
    }
    g_string_append_c(out, '"');
    return g_string_free(out, FALSE);
}

static void print_edges(const HonePipelineNode *node)
{
    for (guint i = 0; i < node->inputs->len; i++) {
        const HonePipelineInput *input = node->inputs->pdata[i];
        for (guint k = 0; k < input->edges->len; k++) {
            const HonePipelineEdge *edge = input->edges->pdata[k];
            g_autofree char *from = quote(edge->from->name), *to = quote(node->name);
            printf("  %s -> %s [taillabel=\"%s\", headlabel=\"%s\"];\n", from, to, edge->output->name,
                   input->port->name);
        }
    }
}

int hone_command_graph(int argc, char **argv)
{
    g_auto(HoneCommandOptions) options = {0};
    const GOptionEntry entries[] = {HONE_PIPELINE_OPTIONS(options), {NULL}};
    int status;
    if (!hone_command_parse(entries, 1, 1, &argc, &argv, &status))
        return status;
    g_autoptr(HoneRegistry) registry = hone_registry_new((const char *const *)options.plugin_path);
    g_autoptr(HonePipeline) pipeline = hone_command_load(argv[1], &options, registry, true);
    if (pipeline == NULL)
        return HONE_EXIT_USAGE;
    g_autofree char *name = quote(pipeline->name);
    printf("digraph %s {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];\n"
           "  edge [fontname=\"sans-serif\", fontsize=9];\n",
           name);
    for (guint i = 0; i < pipeline->nodes->len; i++) {
        const HonePipelineNode *node = pipeline->nodes->pdata[i];
        g_autofree char *id = quote(node->name);
        printf("  %s [label=\"%s\\n%s\"];\n", id, node->name, node->component->name);
    }
    for (guint i = 0; i < pipeline->nodes->len; i++)
        print_edges(pipeline->nodes->pdata[i]);
    puts("}");
    return HONE_EXIT_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 * graph.c: the pipeline drawn left to right: a node stands one column right of the last of its inputs.
 */
#include "html.h"
#include "sections.h"

#define NODE_WIDTH 128.0
#define NODE_HEIGHT 40.0
#define GAP_X 42.0
#define GAP_Y 14.0

typedef struct Placed {
    const char *name, *stage;
    JsonArray *inputs; /* of names of nodes */
    guint column, row;
} Placed;

static Placed *find(GArray *nodes, const char *name)
{
    for (guint i = 0; i < nodes->len; i++) {
        Placed *node = &g_array_index(nodes, Placed, i);

        if (g_strcmp0(node->name, name) == 0) {
            return node;
        }
    }
    return NULL;
}

/* Columns by the longest way; as many rounds as nodes settle any graph without a cycle, and end with one too. */
static void place(GArray *nodes, guint *columns, guint *rows)
{
    for (guint round = 0; round < nodes->len; round++) {
        for (guint i = 0; i < nodes->len; i++) {
            Placed *node = &g_array_index(nodes, Placed, i);

            for (guint k = 0; k < json_length(node->inputs); k++) {
                Placed *from = find(nodes, json_text_element(node->inputs, k));

                if (from && from != node && from->column < nodes->len) {
                    node->column = MAX(node->column, from->column + 1);
                }
            }
        }
    }
    *columns = *rows = 0;
    for (guint i = 0; i < nodes->len; i++) {
        Placed *node = &g_array_index(nodes, Placed, i);

        for (guint k = 0; k < i; k++) {
            node->row += g_array_index(nodes, Placed, k).column == node->column;
        }
        *columns = MAX(*columns, node->column + 1);
        *rows = MAX(*rows, node->row + 1);
    }
}

static double left_of(const Placed *node)
{
    return 1 + node->column * (NODE_WIDTH + GAP_X);
}

static double top_of(const Placed *node)
{
    return 1 + node->row * (NODE_HEIGHT + GAP_Y);
}

static void draw_edges(GString *out, GArray *nodes)
{
    for (guint i = 0; i < nodes->len; i++) {
        const Placed *to = &g_array_index(nodes, Placed, i);

        for (guint k = 0; k < json_length(to->inputs); k++) {
            const Placed *from = find(nodes, json_text_element(to->inputs, k));

            if (from && from != to) {
                double x = left_of(from) + NODE_WIDTH, y = top_of(from) + NODE_HEIGHT / 2;
                double x2 = left_of(to), y2 = top_of(to) + NODE_HEIGHT / 2;

                html(out, "<path d=\"M%f %fC%f %f %f %f %f %f\"/>", x, y, x + GAP_X, y, x2 - GAP_X, y2, x2, y2);
            }
        }
    }
}

void draw_graph(GString *out, JsonArray *nodes)
{
    g_autoptr(GArray) placed = g_array_new(FALSE, TRUE, sizeof(Placed));
    guint columns, rows;

    for (guint i = 0; i < json_length(nodes); i++) {
        JsonObject *from = json_object_element(nodes, i);
        Placed node = {.name = json_text_member(from, "name"),
                       .stage = json_text_member(from, "stage"),
                       .inputs = json_array_member(from, "from")};

        if (node.name) {
            g_array_append_val(placed, node);
        }
    }
    if (placed->len < 2) {
        return;
    }
    place(placed, &columns, &rows);
    html(out,
         "<div class=\"dag\" tabindex=\"0\" role=\"region\" aria-label=\"Graph of the pipeline\"><svg viewBox=\"0 0 %f "
         "%f\" style=\"max-width:%fpx\" role=\"img\"><title>The pipeline's nodes and what flows between them"
         "</title><desc>The table below lists the same nodes with their inputs.</desc>",
         2 + columns * (NODE_WIDTH + GAP_X) - GAP_X, 2 + rows * (NODE_HEIGHT + GAP_Y) - GAP_Y,
         2 + columns * (NODE_WIDTH + GAP_X) - GAP_X);
    draw_edges(out, placed);
    for (guint i = 0; i < placed->len; i++) {
        const Placed *node = &g_array_index(placed, Placed, i);
        g_autofree char *name = text_cut(node->name, 15);
        char *end = g_strrstr(name, " … (");

        if (end) {
            end[sizeof " …" - 1] = '\0';
        }
        html(out,
             "<rect x=\"%f\" y=\"%f\" width=\"%f\" height=\"%f\" rx=\"8\"/><text class=\"name\" x=\"%f\" y=\"%f\">%s"
             "</text><text x=\"%f\" y=\"%f\">%s</text>",
             left_of(node), top_of(node), NODE_WIDTH, NODE_HEIGHT, left_of(node) + 10, top_of(node) + 17, name,
             left_of(node) + 10, top_of(node) + 32, node->stage);
    }
    html(out, "</svg></div>");
}

/* SPDX-License-Identifier: Apache-2.0
 * histogram.c: see histogram.h.
 */
#include "histogram.h"
#include <math.h>

#define BINS 20

static int by_size(gconstpointer a, gconstpointer b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

JsonNode *histogram_of(const GPtrArray *rows, size_t offset, const char *name, const char *label, const char *unit)
{
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(size_t));
    double sum = 0;
    for (guint i = 0; i < rows->len; i++) {
        const Facts *row = rows->pdata[i];
        if (row->dropped)
            continue;
        size_t value = *(const size_t *)(gconstpointer)((const char *)row + offset);
        g_array_append_val(values, value);
        sum += (double)value;
    }
    JsonObject *object = json_object_new();
    json_object_set_string_member(object, "name", name);
    json_object_set_string_member(object, "label", label);
    json_object_set_string_member(object, "unit", unit);
    JsonArray *edges = json_array_new(), *counts = json_array_new();
    if (values->len > 0) {
        g_array_sort(values, by_size);
        const size_t *v = (const size_t *)(gconstpointer)values->data;
        size_t low = v[0], high = v[values->len - 1];
        /* Whole widths, so that every bin holds as many of the whole numbers. */
        size_t width = (high - low) / BINS + 1, bins = (high - low) / width + 1, at = 0;
        for (size_t b = 0; b <= bins; b++)
            json_array_add_int_element(edges, (gint64)(low + b * width));
        for (size_t b = 0; b < bins; b++) {
            size_t from = at;
            while (at < values->len && v[at] < low + (b + 1) * width)
                at++;
            json_array_add_int_element(counts, (gint64)(at - from));
        }
        json_object_set_int_member(object, "min", (gint64)low);
        json_object_set_int_member(object, "median", (gint64)v[values->len / 2]);
        json_object_set_int_member(object, "max", (gint64)high);
        json_object_set_double_member(object, "mean", sum / values->len);
    }
    json_object_set_array_member(object, "edges", edges);
    json_object_set_array_member(object, "counts", counts);
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);
    json_node_take_object(node, object);
    return node;
}

/* SPDX-License-Identifier: Apache-2.0
 * canonical.c: one text for one JSON value, so that equal values have equal hashes.
 *
 * As RFC 8785 does: members sorted by their bytes, the shortest escapes, numbers in the fewest digits that read back as
 * the same double. A whole number prints the same whether it was written 2 or 2.0. Non-finite numbers are null.
 */
#include "json_text.h"
#include <hone/file.h>
#include <math.h>
#include <string.h>

static void put_string(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        switch (*p) {
        case '"':
            g_string_append(out, "\\\"");
            break;
        case '\\':
            g_string_append(out, "\\\\");
            break;
        case '\b':
            g_string_append(out, "\\b");
            break;
        case '\f':
            g_string_append(out, "\\f");
            break;
        case '\n':
            g_string_append(out, "\\n");
            break;
        case '\r':
            g_string_append(out, "\\r");
            break;
        case '\t':
            g_string_append(out, "\\t");
            break;
        default:
            if (*p < 0x20)
                g_string_append_printf(out, "\\u%04x", *p);
            else
                g_string_append_c(out, (char)*p);
        }
    }
    g_string_append_c(out, '"');
}

/* What `indent` says beyond the depth of what is written: all on one line, with members sorted or in their order. */
#define CANONICAL (-1)
#define COMPACT (-2)

static void put_double(GString *out, double value, int indent)
{
    if (!isfinite(value)) {
        g_string_append(out, "null");
        return;
    }
    /* A whole number reads back as an integer, so it must print as one to give the same text then. 2^63 is the first
     * that an integer cannot hold. */
    if (value == floor(value) && fabs(value) < 9223372036854775808.0) {
        g_string_append_printf(out, "%" G_GINT64_FORMAT "%s", (gint64)value, indent == CANONICAL ? "" : ".0");
        return;
    }
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    for (int digits = 1; digits <= 17; digits++) {
        char format[8];
        g_snprintf(format, sizeof format, "%%.%dg", digits);
        g_ascii_formatd(text, sizeof text, format, value);
        if (g_ascii_strtod(text, NULL) == value)
            break;
    }
    g_string_append(out, text);
}

static int by_bytes(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_break(GString *out, int indent)
{
    if (indent >= 0)
        g_string_append_printf(out, "\n%*s", indent * 2, "");
}

static void put_node(GString *out, JsonNode *node, int indent);

static void put_object(GString *out, JsonObject *object, int indent)
{
    int inner = indent < 0 ? indent : indent + 1;
    g_autoptr(GList) members = json_object_get_members(object);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (GList *l = members; l; l = l->next)
        g_ptr_array_add(names, l->data);
    if (indent == CANONICAL)
        g_ptr_array_sort(names, by_bytes);
    g_string_append_c(out, '{');
    for (guint i = 0; i < names->len; i++) {
        if (i > 0)
            g_string_append_c(out, ',');
        put_break(out, inner);
        put_string(out, names->pdata[i]);
        g_string_append(out, indent < 0 ? ":" : ": ");
        put_node(out, json_object_get_member(object, names->pdata[i]), inner);
    }
    if (names->len > 0)
        put_break(out, indent);
    g_string_append_c(out, '}');
}

static void put_array(GString *out, JsonArray *array, int indent)
{
    int inner = indent < 0 ? indent : indent + 1;
    guint n = json_array_get_length(array);
    g_string_append_c(out, '[');
    for (guint i = 0; i < n; i++) {
        if (i > 0)
            g_string_append_c(out, ',');
        put_break(out, inner);
        put_node(out, json_array_get_element(array, i), inner);
    }
    if (n > 0)
        put_break(out, indent);
    g_string_append_c(out, ']');
}

static void put_value(GString *out, JsonNode *node, int indent)
{
    switch (json_node_get_value_type(node)) {
    case G_TYPE_INT64:
        g_string_append_printf(out, "%" G_GINT64_FORMAT, json_node_get_int(node));
        break;
    case G_TYPE_BOOLEAN:
        g_string_append(out, json_node_get_boolean(node) ? "true" : "false");
        break;
    case G_TYPE_DOUBLE:
        put_double(out, json_node_get_double(node), indent);
        break;
    default:
        put_string(out, json_node_get_string(node));
    }
}

static void put_node(GString *out, JsonNode *node, int indent)
{
    switch (json_node_get_node_type(node)) {
    case JSON_NODE_OBJECT:
        put_object(out, json_node_get_object(node), indent);
        break;
    case JSON_NODE_ARRAY:
        put_array(out, json_node_get_array(node), indent);
        break;
    case JSON_NODE_VALUE:
        put_value(out, node, indent);
        break;
    case JSON_NODE_NULL:
        g_string_append(out, "null");
        break;
    }
}

char *hone_json_canonical(JsonNode *node)
{
    GString *out = g_string_new(NULL);
    put_node(out, node, CANONICAL);
    return g_string_free(out, FALSE);
}

GString *hone_json_indented(JsonNode *node)
{
    GString *out = g_string_new(NULL);
    put_node(out, node, 0);
    return out;
}

GString *hone_json_compact(JsonNode *node)
{
    GString *out = g_string_new(NULL);
    put_node(out, node, COMPACT);
    return out;
}

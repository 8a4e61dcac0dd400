/* SPDX-License-Identifier: Apache-2.0
 * config_layers.c: which layers of a folder's model attend to a window, and which have no positions.
 */
#include "config-folder.h"

#include <string.h>

/* The layers whose attention is local, from a list of their types. */
static bool read_layer_types(ConfigReader *r, ConfigKeys *k, JsonArray *types)
{
    HoneModel *m = r->model;
    if (json_array_get_length(types) != m->config.layers)
        return keys_refuse(k, "layer_types", HONE_ERROR_INVALID, "it needs an entry for each layer");
    for (guint l = 0; l < json_array_get_length(types); l++) {
        JsonNode *node = json_array_get_element(types, l);
        const char *type = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_string(node) : NULL;
        m->forms[l].local = g_strcmp0(type, "sliding_attention") == 0;
        if (!m->forms[l].local && g_strcmp0(type, "full_attention") != 0)
            return keys_refuse(k, "layer_types", HONE_ERROR_UNSUPPORTED,
                               "Hone has \"full_attention\" and \"sliding_attention\"");
        if (m->forms[l].local && m->config.window == 0)
            return keys_refuse(k, "layer_types", HONE_ERROR_INVALID, "there is no sliding window for them");
    }
    return true;
}

bool config_read_window(ConfigReader *r, ConfigKeys *k, const FolderFacts *f)
{
    HoneModel *m = r->model;
    HoneModelConfig *c = &m->config;
    JsonArray *types;
    if (!keys_array(k, "layer_types", &types))
        return false;
    if ((f->parts & (WINDOW_EVERYWHERE | WINDOW_IF_USED | READS_LAYER_TYPES)) == 0)
        return types == NULL || read_layer_types(r, k, types);
    /* Null is no window, absence the class's. */
    c->window = keys_present(k, "sliding_window") ? 0 : f->window;
    if (!keys_size(k, "sliding_window", MOST_CONTEXT, &c->window))
        return false;
    if (f->parts & WINDOW_EVERYWHERE) {
        /* The class knows no layer_types. */
        if (types != NULL && !read_layer_types(r, k, types))
            return false;
        for (size_t l = 0; l < c->layers; l++) {
            if (types != NULL && m->forms[l].local != (c->window > 0))
                return keys_refuse(k, "layer_types", HONE_ERROR_UNSUPPORTED,
                                   "in this family sliding_window holds in all layers or in none");
            m->forms[l].local = c->window > 0;
        }
        return true;
    }
    if (f->parts & WINDOW_IF_USED) {
        bool used = false;
        if (!keys_bool(k, "use_sliding_window", &used))
            return false;
        c->window = used ? c->window : 0;
    }
    size_t first = 28, period = f->period;
    if (f->parts & WINDOW_FROM_LAYER) {
        /* 0: from the first layer on. */
        JsonNode *node = keys_take(k, "max_window_layers");
        if (node != NULL && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_INT64 &&
            json_node_get_int(node) == 0)
            first = 0;
        else if (!keys_size(k, "max_window_layers", MOST_LAYERS, &first))
            return false;
    }
    if (f->parts & READS_LOGIT_CAP && !keys_size(k, "sliding_window_pattern", MOST_LAYERS, &period))
        return false;
    /* An older name of Gemma 2's, beside the newer. */
    size_t again = c->window;
    if (f->parts & READS_CAPS && !keys_size(k, "sliding_window_size", MOST_CONTEXT, &again))
        return false;
    if (again != c->window)
        return keys_refuse(k, "sliding_window_size", HONE_ERROR_INVALID, "\"sliding_window\" says another size");
    if (types != NULL)
        return read_layer_types(r, k, types);
    for (size_t l = 0; l < c->layers && c->window > 0; l++) {
        if (period > 0)
            m->forms[l].local = (l + 1) % period != 0;
        else if (f->parts & WINDOW_FROM_LAYER)
            m->forms[l].local = l >= first;
        else
            m->forms[l].local = m->forms[l].rope < 0; /* SmolLM 3 */
    }
    return true;
}

/* SmolLM 3: 1 where a layer has positions, 0 where it has none. */
bool config_read_no_rope(ConfigReader *r, ConfigKeys *k)
{
    HoneModel *m = r->model;
    JsonArray *list;
    size_t interval = 4;
    if (!keys_array(k, "no_rope_layers", &list) || !keys_size(k, "no_rope_layer_interval", MOST_LAYERS, &interval))
        return false;
    if (list != NULL && json_array_get_length(list) < m->config.layers)
        return keys_refuse(k, "no_rope_layers", HONE_ERROR_INVALID, "it needs an entry for each layer");
    for (size_t l = 0; l < m->config.layers; l++) {
        bool positions = (l + 1) % interval != 0;
        if (list != NULL) {
            JsonNode *node = json_array_get_element(list, (guint)l);
            gint64 value = JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_INT64
                               ? json_node_get_int(node)
                               : -1;
            if (value != 0 && value != 1)
                return keys_refuse(k, "no_rope_layers", HONE_ERROR_INVALID, "each entry is 0 or 1");
            positions = value == 1;
        }
        m->forms[l].rope = positions ? 0 : -1;
    }
    return true;
}

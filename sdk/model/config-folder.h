/* SPDX-License-Identifier: Apache-2.0
 * config-folder.h: inside the reader of config.json: what is known of a family's configuration class.
 */
#ifndef HONE_CONFIG_FOLDER_H
#define HONE_CONFIG_FOLDER_H

#include "config-read.h"

/* Which optional parts of config.json a family reads. */
enum {
    READS_ATTENTION_BIAS = 1 << 0, /* attention_bias: of q, k, v and o */
    HAS_QKV_BIAS = 1 << 1,         /* q, k and v always have one */
    READS_MLP_BIAS = 1 << 2,
    WINDOW_EVERYWHERE = 1 << 3, /* sliding_window holds in every layer */
    WINDOW_IF_USED = 1 << 4,    /* use_sliding_window, layer_types */
    WINDOW_FROM_LAYER = 1 << 5, /* max_window_layers, where layer_types is absent */
    READS_LAYER_TYPES = 1 << 6, /* and a window that is always used */
    READS_NO_ROPE = 1 << 7,
    READS_QUERY_SCALAR = 1 << 8,
    READS_CAPS = 1 << 9,         /* Gemma 2: of scores and of logits */
    READS_LOGIT_CAP = 1 << 10,   /* Gemma 3: of logits only */
    SCALES_EMBEDDING = 1 << 11,  /* by sqrt(C) */
    READS_MULTIPLIERS = 1 << 12, /* Granite's four */
    READS_HIDDEN_ACTIVATION = 1 << 13,
};

typedef struct FolderFacts {
    const char *family;
    uint32_t parts;
    /* The defaults of the configuration class. 0 key heads: as many as query heads; 0 head width: a share of C. */
    size_t vocab, width, ffn, layers, heads, kv_heads, head_dim, context, window;
    double epsilon, rope_base;
    bool tied;
    size_t period; /* every so many layers one with global attention, where layer_types is absent */
} FolderFacts;

/* config_layers.c: what differs from layer to layer. SmolLM 3's layers without positions first: its windows may follow
 * from them. */
bool config_read_no_rope(ConfigReader *reader, ConfigKeys *keys);
bool config_read_window(ConfigReader *reader, ConfigKeys *keys, const FolderFacts *facts);

#endif

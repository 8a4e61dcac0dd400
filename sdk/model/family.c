/* SPDX-License-Identifier: Apache-2.0
 * family.c: the architecture table. A family of models is a row; the transformer's code reads only the row.
 *
 * Names on the left are those of GGUF files, on the right those of transformers (and so of PEFT).
 */
#include "internal.h"

#include <string.h>

static const Family families[] = {
    {
        .name = "llama",
        .paired_rows = true,
        .activation = HONE_SILU,
        .norm_offset = 0,
        .embedding = "token_embd.weight",
        .output_norm = "output_norm.weight",
        .head = "output.weight",
        .attention_norm = "attn_norm",
        .mlp_norm = "ffn_norm",
        .linears =
            {
                [LINEAR_Q] = {"attn_q", "self_attn.q_proj"},
                [LINEAR_K] = {"attn_k", "self_attn.k_proj"},
                [LINEAR_V] = {"attn_v", "self_attn.v_proj"},
                [LINEAR_O] = {"attn_output", "self_attn.o_proj"},
                [LINEAR_GATE] = {"ffn_gate", "mlp.gate_proj"},
                [LINEAR_UP] = {"ffn_up", "mlp.up_proj"},
                [LINEAR_DOWN] = {"ffn_down", "mlp.down_proj"},
            },
    },
};

const Family *family_find(const char *name, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        if (strcmp(families[i].name, name) == 0)
            return &families[i];
        g_string_append_printf(known, "%s%s", i > 0 ? ", " : "", families[i].name);
    }
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED, "architecture \"%s\" is not one that Hone runs (%s)", name,
                known->str);
    return NULL;
}

static const struct {
    Linear first;
    size_t size;
} groups[N_GROUP] = {
    [GROUP_QKV] = {LINEAR_Q, 3},
    [GROUP_O] = {LINEAR_O, 1},
    [GROUP_GATE_UP] = {LINEAR_GATE, 2},
    [GROUP_DOWN] = {LINEAR_DOWN, 1},
};

Linear group_first(Group group)
{
    return groups[group].first;
}

size_t group_size(Group group)
{
    return groups[group].size;
}

Group linear_group(Linear linear)
{
    for (Group g = 0; g < N_GROUP; g++)
        if (linear < groups[g].first + groups[g].size)
            return g;
    g_assert_not_reached();
}

size_t linear_in(const HoneModelConfig *config, Linear linear)
{
    switch (linear) {
    case LINEAR_O:
        return config->heads * config->head_dim;
    case LINEAR_DOWN:
        return config->ffn;
    default:
        return config->width;
    }
}

size_t linear_out(const HoneModelConfig *config, Linear linear)
{
    switch (linear) {
    case LINEAR_Q:
        return config->heads * config->head_dim;
    case LINEAR_K:
    case LINEAR_V:
        return config->kv_heads * config->head_dim;
    case LINEAR_GATE:
    case LINEAR_UP:
        return config->ffn;
    default:
        return config->width;
    }
}

const char *linear_target(const Family *family, Linear linear)
{
    return strrchr(family->linears[linear].module, '.') + 1;
}

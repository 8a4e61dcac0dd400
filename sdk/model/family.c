/* SPDX-License-Identifier: Apache-2.0
 * family.c: the architecture table. A family of models is a row; the transformer's code reads only the row.
 *
 * Names on the left are those of GGUF files, on the right those of transformers (and so of PEFT). The rows' facts
 * follow the modelling files of transformers 5.23 and, for GGUF, llama.cpp's converter: its LlamaModel, and what
 * derives from it (Mistral, Granite, SmolLM3), interleaves the rows of q and k; Gemma's norms are stored with the 1
 * added.
 */
#include "internal.h"

#include <string.h>

#define LINEARS                                                                                                        \
    {                                                                                                                  \
        [LINEAR_Q] = {"attn_q", "self_attn.q_proj"}, [LINEAR_K] = {"attn_k", "self_attn.k_proj"},                      \
        [LINEAR_V] = {"attn_v", "self_attn.v_proj"}, [LINEAR_O] = {"attn_output", "self_attn.o_proj"},                 \
        [LINEAR_GATE] = {"ffn_gate", "mlp.gate_proj"}, [LINEAR_UP] = {"ffn_up", "mlp.up_proj"},                        \
        [LINEAR_DOWN] = {"ffn_down", "mlp.down_proj"},                                                                 \
    }
#define FUSED_LINEARS                                                                                                  \
    {                                                                                                                  \
        [LINEAR_Q] = {"attn_qkv", "self_attn.qkv_proj"}, [LINEAR_K] = {"attn_qkv", "self_attn.qkv_proj"},              \
        [LINEAR_V] = {"attn_qkv", "self_attn.qkv_proj"}, [LINEAR_O] = {"attn_output", "self_attn.o_proj"},             \
        [LINEAR_GATE] = {"ffn_up", "mlp.gate_up_proj"}, [LINEAR_UP] = {"ffn_up", "mlp.gate_up_proj"},                  \
        [LINEAR_DOWN] = {"ffn_down", "mlp.down_proj"},                                                                 \
    }
#define Q_K_NORMS [NORM_Q] = {"attn_q_norm", "self_attn.q_norm"}, [NORM_K] = {"attn_k_norm", "self_attn.k_norm"}
#define NORMS_BEFORE                                                                                                   \
    [NORM_ATTENTION] = {"attn_norm", "input_layernorm"}, [NORM_MLP] = {"ffn_norm", "post_attention_layernorm"}
#define NORMS_BEFORE_AFTER                                                                                             \
    [NORM_ATTENTION] = {"attn_norm", "input_layernorm"},                                                               \
    [NORM_POST_ATTENTION] = {"post_attention_norm", "post_attention_layernorm"},                                       \
    [NORM_MLP] = {"ffn_norm", "pre_feedforward_layernorm"},                                                            \
    [NORM_POST_MLP] = {"post_ffw_norm", "post_feedforward_layernorm"}
#define NORMS_AFTER                                                                                                    \
    [NORM_POST_ATTENTION] = {"post_attention_norm", "post_attention_layernorm"}, [NORM_POST_MLP] = {                   \
                                                                                     "post_ffw_norm",                  \
                                                                                     "post_feedforward_layernorm"}

static const Family families[] = {
    {.name = "llama",
     .architecture = "llama",
     .class_name = "LlamaForCausalLM",
     .paired_rows = true,
     .activation = HONE_SILU,
     .norms = {NORMS_BEFORE},
     .linears = LINEARS},
    /* A GGUF of a Mistral says "llama", which is the row above. */
    {.name = "mistral",
     .architecture = "llama",
     .class_name = "MistralForCausalLM",
     .paired_rows = true,
     .activation = HONE_SILU,
     .norms = {NORMS_BEFORE},
     .linears = LINEARS},
    {.name = "smollm3",
     .architecture = "smollm3",
     .class_name = "SmolLM3ForCausalLM",
     .paired_rows = true,
     .activation = HONE_SILU,
     .norms = {NORMS_BEFORE},
     .linears = LINEARS},
    {.name = "qwen2",
     .architecture = "qwen2",
     .class_name = "Qwen2ForCausalLM",
     .activation = HONE_SILU,
     .norms = {NORMS_BEFORE},
     .linears = LINEARS},
    {.name = "qwen3",
     .architecture = "qwen3",
     .class_name = "Qwen3ForCausalLM",
     .activation = HONE_SILU,
     .qk_norm = QK_NORM_HEAD,
     .norms = {NORMS_BEFORE, Q_K_NORMS},
     .linears = LINEARS},
    {.name = "gemma",
     .architecture = "gemma",
     .class_name = "GemmaForCausalLM",
     .activation = HONE_GELU_TANH,
     .norm_offset = 1,
     .norms = {NORMS_BEFORE},
     .linears = LINEARS},
    {.name = "gemma2",
     .architecture = "gemma2",
     .class_name = "Gemma2ForCausalLM",
     .activation = HONE_GELU_TANH,
     .norm_offset = 1,
     .place = NORM_BEFORE_AFTER,
     .norms = {NORMS_BEFORE_AFTER},
     .linears = LINEARS},
    {.name = "gemma3_text",
     .architecture = "gemma3",
     .class_name = "Gemma3ForCausalLM",
     .activation = HONE_GELU_TANH,
     .norm_offset = 1,
     .place = NORM_BEFORE_AFTER,
     .qk_norm = QK_NORM_HEAD,
     .norms = {NORMS_BEFORE_AFTER, Q_K_NORMS},
     .linears = LINEARS},
    {.name = "granite",
     .architecture = "granite",
     .class_name = "GraniteForCausalLM",
     .paired_rows = true,
     .activation = HONE_SILU,
     .norms = {NORMS_BEFORE},
     .linears = LINEARS},
    {.name = "phi3",
     .architecture = "phi3",
     .class_name = "Phi3ForCausalLM",
     .activation = HONE_SILU,
     .norms = {NORMS_BEFORE},
     .linears = FUSED_LINEARS},
    {.name = "olmo2",
     .architecture = "olmo2",
     .class_name = "Olmo2ForCausalLM",
     .activation = HONE_SILU,
     .place = NORM_AFTER,
     .qk_norm = QK_NORM_ALL,
     .norms = {NORMS_AFTER, Q_K_NORMS},
     .linears = LINEARS},
};

const Family *family_of_architecture(const char *architecture, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        const Family *family = &families[i];
        if (strcmp(family->architecture, architecture) == 0)
            return family;
        if (strcmp(family->name, "mistral") != 0)
            g_string_append_printf(known, "%s%s", i > 0 ? ", " : "", family->architecture);
    }
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED, "architecture \"%s\" is not one that Hone runs (%s)",
                architecture, known->str);
    return NULL;
}

const Family *family_of_model_type(const char *model_type, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        if (strcmp(families[i].name, model_type) == 0)
            return &families[i];
        g_string_append_printf(known, "%s%s", i > 0 ? ", " : "", families[i].name);
    }
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED, "model_type \"%s\" is not one that Hone runs (%s, gemma3)",
                model_type, known->str);
    return NULL;
}

bool family_fused(const Family *family, Group group)
{
    const TensorName *first = &family->linears[group_first(group)];
    return group_size(group) > 1 && strcmp(first[0].module, first[1].module) == 0;
}

bool family_has_norm(const Family *family, Norm norm)
{
    return family->norms[norm].module != NULL;
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

bool linear_bias(const HoneModelConfig *config, Linear linear)
{
    switch (linear_group(linear)) {
    case GROUP_QKV:
        return config->qkv_bias;
    case GROUP_O:
        return config->o_bias;
    default:
        return config->mlp_bias;
    }
}

const char *linear_target(const Family *family, Linear linear)
{
    return strrchr(family->linears[linear].module, '.') + 1;
}

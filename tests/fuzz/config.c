/* SPDX-License-Identifier: Apache-2.0
 * config.c: fuzz target of config.json's reader: an object to an error, or to numbers that can be computed with.
 *
 * Bytes changed at random end at the JSON's parser. So each input is used twice: as it is, and as the source of random
 * choices, by which keys of a good configuration get other values.
 */
#include "../../sdk/model/config-read.h"
#include "fuzz.h"

#include <hone/json.h>
#include <math.h>
#include <string.h>

static const char *const families[] = {"llama",  "mistral",     "smollm3", "qwen2", "qwen3", "gemma",
                                       "gemma2", "gemma3_text", "granite", "phi3",  "olmo2", "gemma3"};
static const char *const keys[] = {
    "architectures",
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "max_position_embeddings",
    "rms_norm_eps",
    "hidden_act",
    "hidden_activation",
    "attention_bias",
    "mlp_bias",
    "tie_word_embeddings",
    "sliding_window",
    "use_sliding_window",
    "max_window_layers",
    "layer_types",
    "no_rope_layers",
    "no_rope_layer_interval",
    "query_pre_attn_scalar",
    "attn_logit_softcapping",
    "final_logit_softcapping",
    "embedding_multiplier",
    "logits_scaling",
    "residual_multiplier",
    "attention_multiplier",
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "rope_local_base_freq",
    "partial_rotary_factor",
    "original_max_position_embeddings",
    "sliding_window_pattern",
    "text_config",
    "full_attn_mod",
};
static const char *const form_keys[] = {
    "type",
    "rope_type",
    "rope_theta",
    "factor",
    "original_max_position_embeddings",
    "attention_factor",
    "beta_fast",
    "beta_slow",
    "mscale",
    "mscale_all_dim",
    "truncate",
    "low_freq_factor",
    "high_freq_factor",
    "short_factor",
    "long_factor",
    "partial_rotary_factor",
    "full_attention",
    "sliding_attention",
};
static const char *const values[] = {
    "null",
    "true",
    "false",
    "0",
    "1",
    "2",
    "3",
    "4",
    "8",
    "16",
    "64",
    "1024",
    "4096",
    "-1",
    "1e-6",
    "0.5",
    "0.75",
    "1.5",
    "1e300",
    "9223372036854775807",
    "268435456",
    "[]",
    "{}",
    "[1,1,0,1]",
    "[1,2]",
    "[1.5,2,3,4]",
    "\"silu\"",
    "\"gelu_pytorch_tanh\"",
    "\"linear\"",
    "\"dynamic\"",
    "\"llama3\"",
    "\"yarn\"",
    "\"longrope\"",
    "\"default\"",
    "[\"full_attention\",\"sliding_attention\"]",
    "[\"sliding_attention\"]",
};

static guint next(guint32 *state, guint n)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % n;
}

static void set(JsonObject *object, const char *key, const char *text)
{
    JsonNode *value = hone_json_parse(text, strlen(text), NULL, NULL);
    g_assert(value != NULL);
    json_object_set_member(object, key, value);
}

static JsonObject *form_of(guint32 *state, int depth)
{
    JsonObject *form = json_object_new();
    for (guint n = next(state, 7); n > 0; n--) {
        const char *key = form_keys[next(state, G_N_ELEMENTS(form_keys))];
        if (depth > 0 && g_str_has_suffix(key, "_attention"))
            json_object_set_object_member(form, key, form_of(state, depth - 1));
        else
            set(form, key, values[next(state, G_N_ELEMENTS(values))]);
    }
    return form;
}

static JsonObject *config_of(guint32 *state, int depth)
{
    JsonObject *config = json_object_new();
    guint family = next(state, G_N_ELEMENTS(families) - (depth > 0 ? 0 : 1));
    json_object_set_string_member(config, "model_type", families[family]);
    set(config, "num_hidden_layers", "4");
    if (next(state, 2) == 0)
        set(config, "head_dim", "8");
    for (guint n = next(state, 8); n > 0; n--) {
        const char *key = keys[next(state, G_N_ELEMENTS(keys))];
        if (g_str_has_prefix(key, "rope_scaling") || g_str_has_prefix(key, "rope_parameters"))
            json_object_set_object_member(config, key, form_of(state, 1));
        else
            set(config, key, values[next(state, G_N_ELEMENTS(values))]);
    }
    if (depth > 0 && strcmp(families[family], "gemma3") == 0)
        json_object_set_object_member(config, "text_config", config_of(state, depth - 1));
    return config;
}

static void read_config(JsonObject *config)
{
    g_autoptr(GError) error = NULL;
    HoneModel *m = g_new0(HoneModel, 1);
    ConfigReader reader = {.model = m, .place = (char *)"config.json", .error = &error};
    m->format = HONE_CHECKPOINT_FOLDER;
    m->trunk = m->file_trunk = "model.";
    bool good = config_read_folder(&reader, config);
    for (size_t i = 0; good && i < m->n_ropes; i++)
        good = config_check_rope(&reader, &m->ropes[i]);
    g_assert(good == (error == NULL));
    for (size_t i = 0; good && i < m->n_ropes; i++) {
        const RopeForm *form = &m->ropes[i];
        size_t lengths[] = {1, form->original_context, form->original_context + 1, 4096};
        g_autofree float *frequency = g_new(float, form->rotated / 2), *row = g_new(float, form->rotated);
        for (size_t n = 0; n < G_N_ELEMENTS(lengths); n++) {
            rope_frequencies(form, lengths[n], frequency);
            rope_row(form, frequency, 0, row);
            for (size_t f = 0; f < form->rotated / 2; f++)
                g_assert(isfinite(frequency[f]) && frequency[f] >= 0 && isfinite(row[2 * f]));
        }
    }
    for (size_t l = 0; good && l < m->config.layers; l++)
        g_assert(m->forms[l].rope < (int)m->n_ropes && (!m->forms[l].local || m->config.window > 0));
    config_free(m);
    g_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(JsonNode) node = hone_json_parse((const char *)data, size, NULL, NULL);
    if (node != NULL && JSON_NODE_HOLDS_OBJECT(node))
        read_config(json_node_get_object(node));
    guint32 state = 2166136261u; /* FNV-1a: any spread will do */
    for (size_t i = 0; i < size; i++)
        state = (state ^ data[i]) * 16777619u;
    for (int i = 0; i < 8; i++) {
        g_autoptr(JsonObject) config = config_of(&state, 1);
        read_config(config);
    }
    return 0;
}

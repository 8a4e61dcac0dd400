/* SPDX-License-Identifier: Apache-2.0
 * config_folder.c: a model's numbers from config.json, read as transformers 5.23 reads it: what a key's absence means
 * is what the family's configuration class there says, and a key that changes the computation in a way that Hone does
 * not know is an error.
 */
#include "config-folder.h"

#include <math.h>
#include <string.h>

static const FolderFacts facts[] = {
    {"llama", READS_ATTENTION_BIAS | READS_MLP_BIAS, 32000, 4096, 11008, 32, 32, 0, 0, 2048, 0, 1e-6, 1e4, false, 0},
    {"mistral", WINDOW_EVERYWHERE, 32000, 4096, 14336, 32, 32, 8, 0, 131072, 4096, 1e-6, 1e4, false, 0},
    {"smollm3", READS_ATTENTION_BIAS | READS_MLP_BIAS | WINDOW_IF_USED | READS_NO_ROPE, 128256, 2048, 11008, 36, 16, 4,
     0, 32768, 0, 1e-6, 2e6, true, 0},
    {"qwen2", HAS_QKV_BIAS | WINDOW_IF_USED | WINDOW_FROM_LAYER, 151936, 4096, 22016, 32, 32, 32, 0, 32768, 4096, 1e-6,
     1e4, false, 0},
    {"qwen3", READS_ATTENTION_BIAS | WINDOW_IF_USED | WINDOW_FROM_LAYER, 151936, 4096, 22016, 32, 32, 32, 128, 32768,
     4096, 1e-6, 1e4, false, 0},
    {"gemma", READS_ATTENTION_BIAS | SCALES_EMBEDDING, 256000, 3072, 24576, 28, 16, 16, 256, 8192, 0, 1e-6, 1e4, true,
     0},
    {"gemma2",
     READS_ATTENTION_BIAS | SCALES_EMBEDDING | READS_LAYER_TYPES | READS_QUERY_SCALAR | READS_CAPS |
         READS_HIDDEN_ACTIVATION,
     256000, 2304, 9216, 26, 8, 4, 256, 8192, 4096, 1e-6, 1e4, true, 2},
    {"gemma3_text",
     READS_ATTENTION_BIAS | SCALES_EMBEDDING | READS_LAYER_TYPES | READS_QUERY_SCALAR | READS_LOGIT_CAP |
         READS_HIDDEN_ACTIVATION,
     262208, 2304, 9216, 26, 8, 4, 256, 131072, 4096, 1e-6, 1e6, true, 6},
    {"granite", READS_ATTENTION_BIAS | READS_MLP_BIAS | READS_MULTIPLIERS, 32000, 4096, 11008, 32, 32, 0, 0, 2048, 0,
     1e-6, 1e4, false, 0},
    {"phi3", WINDOW_EVERYWHERE, 32064, 3072, 8192, 32, 32, 0, 0, 4096, 0, 1e-5, 1e4, false, 0},
    {"olmo2", READS_ATTENTION_BIAS, 50304, 4096, 11008, 32, 32, 0, 0, 2048, 0, 1e-5, 1e4, false, 0},
};

/* Keys that do not touch the forward pass, whatever they say. The dropouts are a choice of the training run, which in
 * Hone is the adapter's dropout alone. */
static const char *const known[] = {
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_commit_hash",
    "_from_model_config",
    "_model_name_or_path",
    "_name_or_path",
    "_sliding_window_pattern",
    "architectures",
    "attention_dropout",
    "attn_implementation",
    "auto_map",
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token_id",
    "cache_implementation",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "dtype",
    "early_stopping",
    "embd_pdrop",
    "encoder_no_repeat_ngram_size",
    "eos_token_id",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "id2label",
    "init_std",
    "initializer_range",
    "is_decoder",
    "is_llama_config",
    "label2id",
    "length_penalty",
    "license",
    "max_length",
    "max_window_layers",
    "min_length",
    "model_type",
    "name_or_path",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_labels",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "pad_token_id",
    "prefix",
    "pretraining_tp",
    "problem_type",
    "remove_invalid_values",
    "repetition_penalty",
    "resid_pdrop",
    "return_dict",
    "return_dict_in_generate",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "torchscript",
    "transformers.js_config",
    "transformers_version",
    "typical_p",
    "unk_token_id",
    "unsloth_fixed",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
    "use_return_dict",
    NULL,
};

/* Keys that change the model where they are not null, false, 0 or empty; some families read some of them. */
static const char *const off[] = {
    "add_cross_attention",
    "attention_bias",
    "attn_logit_softcapping",
    "chunk_size_feed_forward",
    "cross_attention_hidden_size",
    "final_logit_softcapping",
    "head_bias",
    "is_encoder_decoder",
    "layer_types",
    "lm_head_bias",
    "mlp_bias",
    "no_rope_layers",
    "num_experts",
    "num_experts_per_tok",
    "num_local_experts",
    "pruned_heads",
    "quantization_config",
    "qkv_bias",
    "rope_interleaved",
    "sliding_window",
    "tie_encoder_decoder",
    "use_bidirectional_attention",
    "use_mrope",
    "use_qk_norm",
    "use_sliding_window",
    NULL,
};

static const FolderFacts *facts_of(const Family *family)
{
    for (size_t i = 0; i < G_N_ELEMENTS(facts); i++)
        if (strcmp(facts[i].family, family->name) == 0)
            return &facts[i];
    g_assert_not_reached();
}

static bool find_family(ConfigReader *r, const char *type)
{
    r->model->family = family_of_model_type(type, r->error);
    if (r->model->family == NULL)
        g_prefix_error(r->error, "%s: ", r->place);
    return r->model->family != NULL;
}

static bool check_class(ConfigKeys *keys, const char *class_name)
{
    JsonArray *classes;
    if (!keys_array(keys, "architectures", &classes))
        return false;
    for (guint i = 0; classes != NULL && i < json_array_get_length(classes); i++) {
        JsonNode *node = json_array_get_element(classes, i);
        if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING ||
            strcmp(json_node_get_string(node), class_name) != 0) {
            g_autofree char *what = g_strdup_printf("of this model_type Hone runs %s", class_name);
            return keys_refuse(keys, "architectures", HONE_ERROR_UNSUPPORTED, what);
        }
    }
    return true;
}

static bool read_sizes(ConfigReader *r, ConfigKeys *k, const FolderFacts *f)
{
    HoneModelConfig *c = &r->model->config;
    c->vocab = f->vocab;
    c->width = f->width;
    c->ffn = f->ffn;
    c->layers = f->layers;
    c->heads = f->heads;
    c->context = f->context;
    c->norm_epsilon = f->epsilon;
    if (!keys_size(k, "vocab_size", MOST_VOCAB, &c->vocab) || !keys_size(k, "hidden_size", MOST_WIDTH, &c->width) ||
        !keys_size(k, "intermediate_size", MOST_WIDTH, &c->ffn) ||
        !keys_size(k, "num_hidden_layers", MOST_LAYERS, &c->layers) ||
        !keys_size(k, "num_attention_heads", MOST_HEADS, &c->heads) ||
        !keys_size(k, "max_position_embeddings", MOST_CONTEXT, &c->context) ||
        !keys_number(k, "rms_norm_eps", 0, 1, &c->norm_epsilon))
        return false;
    /* Null means the share of each head; absence the class's default, which may be a number. */
    c->kv_heads = f->kv_heads > 0 && !keys_present(k, "num_key_value_heads") ? f->kv_heads : c->heads;
    c->head_dim = f->head_dim > 0 && !keys_present(k, "head_dim") ? f->head_dim : MAX(c->width / c->heads, 1);
    return keys_size(k, "num_key_value_heads", MOST_HEADS, &c->kv_heads) &&
           keys_size(k, "head_dim", MOST_WIDTH, &c->head_dim);
}

static bool read_activation(ConfigReader *r, ConfigKeys *k, const FolderFacts *f)
{
    static const struct {
        const char *name;
        HoneActivation activation;
    } names[] = {{"silu", HONE_SILU}, {"swish", HONE_SILU}, {"gelu_pytorch_tanh", HONE_GELU_TANH}};
    HoneModel *m = r->model;
    m->activation = m->family->activation;
    const char *key = f->parts & READS_HIDDEN_ACTIVATION ? "hidden_activation" : "hidden_act", *name = NULL;
    /* Of Gemma's two keys the class reads one; the other is what older code read. */
    if (m->family->activation == HONE_GELU_TANH)
        keys_take(k, f->parts & READS_HIDDEN_ACTIVATION ? "hidden_act" : "hidden_activation");
    if (!keys_string(k, key, &name))
        return false;
    if (name == NULL)
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(names[i].name, name) == 0) {
            m->activation = names[i].activation;
            return true;
        }
    }
    /* Gemma 1 was published with "gelu" and means the approximation by tanh. */
    if (strcmp(m->family->name, "gemma") == 0 && strcmp(name, "gelu") == 0)
        return true;
    return keys_refuse(k, key, HONE_ERROR_UNSUPPORTED, "Hone has \"silu\" and \"gelu_pytorch_tanh\"");
}

static bool read_biases(ConfigReader *r, ConfigKeys *k, const FolderFacts *f)
{
    HoneModelConfig *c = &r->model->config;
    c->qkv_bias = (f->parts & HAS_QKV_BIAS) != 0;
    if (f->parts & READS_ATTENTION_BIAS) {
        if (!keys_bool(k, "attention_bias", &c->qkv_bias))
            return false;
        c->o_bias = c->qkv_bias;
    }
    return (f->parts & READS_MLP_BIAS) == 0 || keys_bool(k, "mlp_bias", &c->mlp_bias);
}

static bool read_scales(ConfigReader *r, ConfigKeys *k, const FolderFacts *f)
{
    HoneModelConfig *c = &r->model->config;
    if (f->parts & SCALES_EMBEDDING)
        c->embedding_scale = sqrt((double)c->width);
    if (f->parts & READS_QUERY_SCALAR) {
        double scalar = 256;
        if (!keys_number(k, "query_pre_attn_scalar", 0, 1e12, &scalar))
            return false;
        c->attention_scale = 1 / sqrt(scalar);
    }
    if (f->parts & READS_CAPS) {
        c->attention_cap = keys_present(k, "attn_logit_softcapping") ? 0 : 50;
        c->logit_cap = keys_present(k, "final_logit_softcapping") ? 0 : 30;
        if (!keys_number(k, "attn_logit_softcapping", 0, 1e12, &c->attention_cap))
            return false;
    }
    if ((f->parts & (READS_CAPS | READS_LOGIT_CAP)) &&
        !keys_number(k, "final_logit_softcapping", 0, 1e12, &c->logit_cap))
        return false;
    if ((f->parts & READS_MULTIPLIERS) == 0)
        return true;
    double divisor = 1;
    c->embedding_scale = c->residual_scale = c->attention_scale = 1;
    if (!keys_number(k, "embedding_multiplier", 0, 1e12, &c->embedding_scale) ||
        !keys_number(k, "residual_multiplier", 0, 1e12, &c->residual_scale) ||
        !keys_number(k, "attention_multiplier", 0, 1e12, &c->attention_scale) ||
        !keys_number(k, "logits_scaling", 0, 1e12, &divisor))
        return false;
    c->logit_scale = 1 / divisor;
    return true;
}

/* Phi-4-mini's two keys that may only say 1. */
static bool read_ones(ConfigKeys *k)
{
    static const char *const ones[] = {"full_attn_mod", "interpolate_factor"};
    for (size_t i = 0; i < G_N_ELEMENTS(ones); i++) {
        double value = 1;
        if (!keys_number(k, ones[i], -1e12, 1e12, &value))
            return false;
        if (value != 1)
            return keys_refuse(k, ones[i], HONE_ERROR_UNSUPPORTED, "only 1 is supported");
    }
    return true;
}

static bool read_text_model(ConfigReader *r, ConfigKeys *keys, bool tied)
{
    HoneModel *m = r->model;
    const FolderFacts *f = facts_of(m->family);
    bool own = tied;
    if (!keys_bool(keys, "tie_word_embeddings", &own) || !read_sizes(r, keys, f))
        return false;
    /* Of a larger model its own word holds; the text part's is not read. */
    tied = m->text_part ? tied : own;
    m->norm_offset = m->family->norm_offset;
    m->forms = g_new0(LayerForm, m->config.layers);
    if (((f->parts & READS_NO_ROPE) && !config_read_no_rope(r, keys)) || !read_activation(r, keys, f) ||
        !read_biases(r, keys, f) || !config_read_window(r, keys, f) || !read_scales(r, keys, f) || !read_ones(keys) ||
        !config_read_ropes(r, keys, f->rope_base) || !keys_finish(keys, known, off))
        return false;
    m->config.tied_head = tied;
    return true;
}

/* Gemma 3 with images: its text part is a model as any other, under "text_config". */
static bool read_larger(ConfigReader *r, ConfigKeys *keys)
{
    static const char *const parts[] = {"boi_token_id",        "boi_token_index", "eoi_token_id",
                                        "eoi_token_index",     "image_token_id",  "image_token_index",
                                        "mm_tokens_per_image", "vision_config",   NULL};
    HoneModel *m = r->model;
    JsonObject *text;
    const char *type = NULL;
    bool tied = true;
    if (!check_class(keys, "Gemma3ForConditionalGeneration") || !keys_object(keys, "text_config", &text) ||
        !keys_bool(keys, "tie_word_embeddings", &tied))
        return false;
    if (text == NULL)
        return config_fail(r, HONE_ERROR_INVALID, "\"text_config\" is absent");
    for (size_t i = 0; parts[i] != NULL; i++)
        keys_take(keys, parts[i]);
    if (!keys_finish(keys, known, off))
        return false;
    g_auto(ConfigKeys) text_keys;
    keys_init(&text_keys, r, "text_config.", text);
    if (!keys_string(&text_keys, "model_type", &type))
        return false;
    if (type != NULL && strcmp(type, "gemma3_text") != 0)
        return keys_refuse(&text_keys, "model_type", HONE_ERROR_UNSUPPORTED, "the text part is a gemma3_text");
    if (!find_family(r, "gemma3_text"))
        return false;
    m->text_part = true;
    m->trunk = "model.language_model.";
    return read_text_model(r, &text_keys, tied);
}

bool config_read_folder(ConfigReader *r, JsonObject *object)
{
    g_auto(ConfigKeys) keys;
    keys_init(&keys, r, "", object);
    const char *type = NULL;
    if (!keys_string(&keys, "model_type", &type))
        return false;
    if (type == NULL)
        return config_fail(r, HONE_ERROR_INVALID, "\"model_type\" is absent; the folder holds no model");
    if (strcmp(type, "gemma3") == 0)
        return read_larger(r, &keys);
    return find_family(r, type) && check_class(&keys, r->model->family->class_name) &&
           read_text_model(r, &keys, facts_of(r->model->family)->tied);
}

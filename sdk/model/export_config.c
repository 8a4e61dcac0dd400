/* SPDX-License-Identifier: Apache-2.0
 * export_config.c: a model's numbers as the config.json that config_folder.c and transformers read.
 */
#include "export.h"

#include <math.h>
#include <string.h>

typedef struct Config {
    JsonObject *object;
    const HoneModel *model;
} Config;

static bool is_family(const Config *c, const char *name)
{
    return strcmp(c->model->family->name, name) == 0;
}

/* GGUF holds numbers in f32: the shortest decimal that is this f32 is what the model's makers wrote. */
static double shortest(double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    for (int digits = 1; digits <= 9; digits++) {
        g_autofree char *format = g_strdup_printf("%%.%dg", digits);
        double back = g_ascii_strtod(g_ascii_formatd(text, sizeof text, format, value), NULL);
        if ((float)back == (float)value)
            return back;
    }
    return value;
}

static void put_size(const Config *c, const char *name, size_t value)
{
    json_object_set_int_member(c->object, name, (gint64)value);
}

static void put_number_in(JsonObject *object, const char *name, double value)
{
    json_object_set_double_member(object, name, shortest(value));
}

static void put_number(const Config *c, const char *name, double value)
{
    put_number_in(c->object, name, value);
}

/* ---- Rotary positions. ---- */

static void put_list(JsonObject *object, const char *name, const double *values, size_t n)
{
    JsonArray *list = json_array_new();
    for (size_t i = 0; i < n; i++)
        json_array_add_double_element(list, shortest(values[i]));
    json_object_set_array_member(object, name, list);
}

/* A GGUF keeps llama3's scaling as the factors that it makes: the published parameters are tried. */
static JsonObject *as_llama3(const RopeForm *f)
{
    static const double contexts[] = {8192, 4096, 2048, 16384, 32768};
    size_t pairs = f->rotated / 2;
    g_autofree float *wanted = g_new(float, pairs), *made = g_new(float, pairs);
    rope_frequencies(f, 1, wanted);
    double factor = 1;
    for (size_t i = 0; i < pairs; i++)
        factor = MAX(factor, f->short_factor[i]);
    for (size_t k = 0; k < G_N_ELEMENTS(contexts); k++) {
        RopeForm guess = {.kind = ROPE_LLAMA3,
                          .base = f->base,
                          .rotated = f->rotated,
                          .factor = shortest(factor),
                          .low_factor = 1,
                          .high_factor = 4,
                          .original_context = (size_t)contexts[k]};
        bool same = true;
        rope_frequencies(&guess, 1, made);
        /* The factors were rounded to f32, and so were these frequencies. */
        for (size_t i = 0; i < pairs; i++)
            same = same && fabsf(made[i] - wanted[i]) <= 4e-7f * wanted[i];
        if (!same)
            continue;
        JsonObject *scaling = json_object_new();
        json_object_set_string_member(scaling, "rope_type", "llama3");
        put_number_in(scaling, "factor", guess.factor);
        put_number_in(scaling, "low_freq_factor", 1);
        put_number_in(scaling, "high_freq_factor", 4);
        json_object_set_int_member(scaling, "original_max_position_embeddings", (gint64)guess.original_context);
        return scaling;
    }
    return NULL;
}

static JsonObject *longrope(const HoneModel *m, const RopeForm *f)
{
    JsonObject *scaling = f->long_factor == NULL ? as_llama3(f) : NULL;
    if (scaling != NULL)
        return scaling;
    /* Phi-3's own notation has these three and no more; what its class makes of the rest is compared afterwards. */
    bool phi3 = strcmp(m->family->name, "phi3") == 0;
    scaling = json_object_new();
    json_object_set_string_member(scaling, phi3 ? "type" : "rope_type", "longrope");
    put_list(scaling, "short_factor", f->short_factor, f->rotated / 2);
    put_list(scaling, "long_factor", f->long_factor != NULL ? f->long_factor : f->short_factor, f->rotated / 2);
    if (phi3)
        return scaling;
    put_number_in(scaling, "attention_factor", f->attention_factor > 0 ? f->attention_factor : 1);
    put_number_in(scaling, "factor", (double)m->config.context / (double)f->original_context);
    json_object_set_int_member(scaling, "original_max_position_embeddings", (gint64)f->original_context);
    return scaling;
}

/* NULL: none. */
static JsonObject *scaling_of(const HoneModel *m, const RopeForm *f)
{
    JsonObject *scaling;
    switch (f->kind) {
    case ROPE_LINEAR:
        scaling = json_object_new();
        json_object_set_string_member(scaling, "rope_type", "linear");
        put_number_in(scaling, "factor", f->factor);
        return scaling;
    case ROPE_YARN:
        scaling = json_object_new();
        json_object_set_string_member(scaling, "rope_type", "yarn");
        put_number_in(scaling, "factor", f->factor);
        put_number_in(scaling, "beta_fast", f->beta_fast);
        put_number_in(scaling, "beta_slow", f->beta_slow);
        put_number_in(scaling, "attention_factor", f->attention_factor);
        json_object_set_int_member(scaling, "original_max_position_embeddings", (gint64)f->original_context);
        return scaling;
    case ROPE_LONGROPE:
        return longrope(m, f);
    default: /* a GGUF has no other kinds */
        return NULL;
    }
}

static void put_ropes(const Config *c)
{
    const HoneModel *m = c->model;
    const RopeForm *f = &m->ropes[0];
    put_number(c, "rope_theta", f->base);
    if (m->n_ropes > 1)
        put_number(c, "rope_local_base_freq", m->ropes[1].base);
    if (f->rotated != m->config.head_dim)
        put_number(c, "partial_rotary_factor", (double)f->rotated / (double)m->config.head_dim);
    if (is_family(c, "phi3"))
        put_size(c, "original_max_position_embeddings", f->original_context);
    JsonObject *scaling = scaling_of(m, f);
    if (scaling != NULL)
        json_object_set_object_member(c->object, "rope_scaling", scaling);
    else
        json_object_set_null_member(c->object, "rope_scaling");
}

/* ---- The rest. ---- */

static void put_sizes(const Config *c)
{
    const HoneModelConfig *m = &c->model->config;
    put_size(c, "vocab_size", m->vocab);
    put_size(c, "hidden_size", m->width);
    put_size(c, "intermediate_size", m->ffn);
    put_size(c, "num_hidden_layers", m->layers);
    put_size(c, "num_attention_heads", m->heads);
    put_size(c, "num_key_value_heads", m->kv_heads);
    put_size(c, "head_dim", m->head_dim);
    put_size(c, "max_position_embeddings", m->context);
    put_number(c, "rms_norm_eps", m->norm_epsilon);
    json_object_set_boolean_member(c->object, "tie_word_embeddings", m->tied_head);
    bool gelu = c->model->activation == HONE_GELU_TANH;
    const char *name = gelu ? "gelu_pytorch_tanh" : "silu";
    json_object_set_string_member(c->object, "hidden_act", name);
    if (gelu)
        json_object_set_string_member(c->object, "hidden_activation", name);
}

static void put_layer_types(const Config *c)
{
    JsonArray *types = json_array_new();
    for (size_t l = 0; l < c->model->config.layers; l++)
        json_array_add_string_element(types, c->model->forms[l].local ? "sliding_attention" : "full_attention");
    json_object_set_array_member(c->object, "layer_types", types);
}

static void put_window(const Config *c)
{
    bool gemma = is_family(c, "gemma2") || is_family(c, "gemma3_text");
    if (c->model->config.window > 0)
        put_size(c, "sliding_window", c->model->config.window);
    else if (gemma || is_family(c, "phi3") || is_family(c, "mistral"))
        json_object_set_null_member(c->object, "sliding_window");
    if (gemma)
        put_layer_types(c);
    if (!is_family(c, "smollm3"))
        return;
    JsonArray *positions = json_array_new();
    for (size_t l = 0; l < c->model->config.layers; l++)
        json_array_add_int_element(positions, c->model->forms[l].rope >= 0);
    json_object_set_array_member(c->object, "no_rope_layers", positions);
    json_object_set_boolean_member(c->object, "use_sliding_window", FALSE);
}

static void put_scales(const Config *c)
{
    const HoneModelConfig *m = &c->model->config;
    if (is_family(c, "granite")) {
        put_number(c, "embedding_multiplier", m->embedding_scale);
        put_number(c, "residual_multiplier", m->residual_scale);
        put_number(c, "attention_multiplier", m->attention_scale);
        put_number(c, "logits_scaling", 1 / m->logit_scale);
    }
    bool gemma2 = is_family(c, "gemma2");
    if (!gemma2 && !is_family(c, "gemma3_text"))
        return;
    double scale = m->attention_scale > 0 ? m->attention_scale : 1 / sqrt((double)m->head_dim);
    double scalar = 1 / (scale * scale);
    put_number(c, "query_pre_attn_scalar", fabs(scalar - round(scalar)) < 1e-6 * scalar ? round(scalar) : scalar);
    if (gemma2 && m->attention_cap > 0)
        put_number(c, "attn_logit_softcapping", m->attention_cap);
    else
        json_object_set_null_member(c->object, "attn_logit_softcapping");
    if (m->logit_cap > 0)
        put_number(c, "final_logit_softcapping", m->logit_cap);
    else
        json_object_set_null_member(c->object, "final_logit_softcapping");
}

static void put_biases(const Config *c)
{
    const HoneModelConfig *m = &c->model->config;
    /* Qwen 2 always has those of q, k and v, Mistral and Phi-3 never. */
    if (!is_family(c, "qwen2") && !is_family(c, "mistral") && !is_family(c, "phi3"))
        json_object_set_boolean_member(c->object, "attention_bias", m->qkv_bias);
    if (is_family(c, "llama") || is_family(c, "granite") || is_family(c, "smollm3"))
        json_object_set_boolean_member(c->object, "mlp_bias", m->mlp_bias);
}

static void put_ids(const Config *c, const char *key, const char *gguf_key)
{
    const HoneGguf *gguf = hone_checkpoint_gguf(c->model->checkpoint);
    uint64_t id;
    if (gguf == NULL) {
        JsonNode *own = json_object_get_member(hone_checkpoint_json(c->model->checkpoint, "config.json"), key);
        if (own != NULL)
            json_object_set_member(c->object, key, json_node_copy(own));
    } else if (hone_gguf_u64(gguf, gguf_key, &id) && id < c->model->config.vocab)
        json_object_set_int_member(c->object, key, (gint64)id);
}

const char *export_dtype_name(HoneType type)
{
    return type == HONE_F32 ? "float32" : type == HONE_F16 ? "float16" : "bfloat16";
}

JsonNode *export_config_json(const HoneModel *model, HoneType type)
{
    g_autoptr(JsonObject) object = json_object_new();
    Config c = {object, model};
    JsonArray *classes = json_array_new();
    json_array_add_string_element(classes, model->family->class_name);
    json_object_set_array_member(object, "architectures", classes);
    json_object_set_string_member(object, "model_type", model->family->name);
    put_sizes(&c);
    put_biases(&c);
    put_window(&c);
    put_scales(&c);
    put_ropes(&c);
    put_ids(&c, "bos_token_id", "tokenizer.ggml.bos_token_id");
    put_ids(&c, "eos_token_id", "tokenizer.ggml.eos_token_id");
    put_ids(&c, "pad_token_id", "tokenizer.ggml.padding_token_id");
    json_object_set_string_member(object, "torch_dtype", export_dtype_name(type));
    json_object_set_boolean_member(object, "use_cache", TRUE);
    return json_node_init_object(json_node_alloc(), object);
}

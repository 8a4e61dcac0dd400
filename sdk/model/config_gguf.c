/* SPDX-License-Identifier: Apache-2.0
 * config_gguf.c: a model's numbers from a GGUF's metadata. What the metadata leave out is what llama.cpp takes it to
 * be: Gemma's windows alternate, the scale of scores follows from its published sizes.
 */
#include "config-read.h"

#include <math.h>
#include <string.h>

const char *const config_rope_tensors[N_ROPE_TENSORS] = {
    [TENSOR_ROPE_FACTORS] = "rope_freqs.weight",
    [TENSOR_ROPE_LONG] = "rope_factors_long.weight",
    [TENSOR_ROPE_SHORT] = "rope_factors_short.weight",
};

typedef struct Meta {
    ConfigReader *r;
    const HoneGguf *gguf;
    const char *architecture;
} Meta;

static char *key_of(const Meta *meta, const char *name)
{
    return g_strdup_printf("%s.%s", meta->architecture, name);
}

static bool is_family(const Meta *meta, const char *name)
{
    return strcmp(meta->r->model->family->name, name) == 0;
}

/* An integer in [1, most]. fallback 0: the key is required. */
static bool read_size(const Meta *meta, const char *name, size_t most, size_t fallback, size_t *value)
{
    g_autofree char *key = key_of(meta, name);
    uint64_t number;
    if (!hone_gguf_u64(meta->gguf, key, &number)) {
        if (fallback == 0)
            return config_fail(meta->r, HONE_ERROR_INVALID, "metadata key \"%s\" is absent or no integer", key);
        *value = fallback;
        return true;
    }
    if (number < 1 || number > most)
        return config_fail(meta->r, HONE_ERROR_INVALID, "\"%s\" is %" G_GUINT64_FORMAT "; it must lie in 1 .. %zu", key,
                           number, most);
    *value = (size_t)number;
    return true;
}

/* An integer where the key is there, 0 included; else *value stays. */
static bool read_count(const Meta *meta, const char *name, size_t most, size_t *value)
{
    g_autofree char *key = key_of(meta, name);
    uint64_t number;
    if (!hone_gguf_u64(meta->gguf, key, &number))
        return true;
    if (number > most)
        return config_fail(meta->r, HONE_ERROR_INVALID, "\"%s\" is %" G_GUINT64_FORMAT "; it must lie in 0 .. %zu", key,
                           number, most);
    *value = (size_t)number;
    return true;
}

/* A number in (low, high]; *value stays where the key is absent, NaN: the key is required. */
static bool read_number(const Meta *meta, const char *name, double low, double high, double *value)
{
    g_autofree char *key = key_of(meta, name);
    if (!hone_gguf_f64(meta->gguf, key, value)) {
        uint64_t number;
        if (hone_gguf_u64(meta->gguf, key, &number))
            *value = (double)number;
        else if (isnan(*value))
            return config_fail(meta->r, HONE_ERROR_INVALID, "metadata key \"%s\" is absent or no number", key);
        else
            return true;
    }
    if (!(*value > low && *value <= high))
        return config_fail(meta->r, HONE_ERROR_INVALID, "\"%s\" is %g; it must lie above %g, up to %g", key, *value,
                           low, high);
    return true;
}

static bool find_family(Meta *meta)
{
    HoneModel *m = meta->r->model;
    meta->architecture = hone_gguf_string(meta->gguf, "general.architecture");
    if (meta->architecture == NULL)
        return config_fail(meta->r, HONE_ERROR_INVALID,
                           "metadata key \"general.architecture\" is absent; the file holds no model");
    m->family = family_of_architecture(meta->architecture, meta->r->error);
    if (m->family == NULL) {
        g_prefix_error(meta->r->error, "%s: ", meta->r->place);
        return false;
    }
    m->activation = m->family->activation;
    return true;
}

static bool read_sizes(const Meta *meta)
{
    HoneModelConfig *c = &meta->r->model->config;
    c->norm_epsilon = NAN;
    if (!read_size(meta, "block_count", MOST_LAYERS, 0, &c->layers) ||
        !read_size(meta, "embedding_length", MOST_WIDTH, 0, &c->width) ||
        !read_size(meta, "feed_forward_length", MOST_WIDTH, 0, &c->ffn) ||
        !read_size(meta, "attention.head_count", MOST_HEADS, 0, &c->heads) ||
        !read_size(meta, "attention.head_count_kv", MOST_HEADS, c->heads, &c->kv_heads) ||
        !read_size(meta, "context_length", MOST_CONTEXT, 0, &c->context) ||
        !read_number(meta, "attention.layer_norm_rms_epsilon", 0, 1, &c->norm_epsilon))
        return false;
    /* Where the file is silent, the rotated part is the head, else heads share the model's width; the shapes of the
     * tensors decide at the end. Only Phi-3 rotates a part. */
    size_t share = MAX(c->width / c->heads, 1), value_width;
    if (!is_family(meta, "phi3") && !read_size(meta, "rope.dimension_count", MOST_WIDTH, share, &share))
        return false;
    if (!read_size(meta, "attention.key_length", MOST_WIDTH, share, &c->head_dim) ||
        !read_size(meta, "attention.value_length", MOST_WIDTH, c->head_dim, &value_width))
        return false;
    if (value_width != c->head_dim)
        return config_fail(meta->r, HONE_ERROR_UNSUPPORTED,
                           "values of width %zu beside keys of width %zu are not supported", value_width, c->head_dim);
    const HoneGgufTensor *embedding = hone_gguf_find(meta->gguf, "token_embd.weight");
    if (embedding == NULL || embedding->rank != 2)
        return config_fail(meta->r, HONE_ERROR_INVALID, "tensor \"token_embd.weight\" is missing or no matrix");
    c->vocab = embedding->shape[0];
    if (c->vocab < 1 || c->vocab > MOST_VOCAB)
        return config_fail(meta->r, HONE_ERROR_INVALID,
                           "tensor \"token_embd.weight\" has %zu rows; 1 .. %u are possible", c->vocab, MOST_VOCAB);
    c->tied_head = !config_has_tensor(meta->r, "output.weight");
    return true;
}

/* Biases are where the first layer has them; the shapes are checked in each. */
static void read_biases(const Meta *meta)
{
    HoneModelConfig *c = &meta->r->model->config;
    g_autofree char *q = name_linear(meta->r->model, NAME_FILE, 0, LINEAR_Q, true);
    g_autofree char *o = name_linear(meta->r->model, NAME_FILE, 0, LINEAR_O, true);
    g_autofree char *down = name_linear(meta->r->model, NAME_FILE, 0, LINEAR_DOWN, true);
    c->qkv_bias = config_has_tensor(meta->r, q);
    c->o_bias = config_has_tensor(meta->r, o);
    c->mlp_bias = config_has_tensor(meta->r, down);
}

static bool read_window(const Meta *meta)
{
    HoneModel *m = meta->r->model;
    HoneModelConfig *c = &m->config;
    bool gemma2 = is_family(meta, "gemma2"), gemma3 = is_family(meta, "gemma3_text");
    g_autofree char *window_key = key_of(meta, "attention.sliding_window");
    g_autofree char *pattern_key = key_of(meta, "attention.sliding_window_pattern");
    size_t period = gemma2 ? 2 : 6, n;
    c->window = gemma2 ? 4096 : 0;
    if (!read_count(meta, "attention.sliding_window", MOST_CONTEXT, &c->window))
        return false;
    if (c->window == 0)
        return true;
    if (is_family(meta, "phi3")) {
        for (size_t l = 0; l < c->layers; l++)
            m->forms[l].local = true;
        return true;
    }
    if (!gemma2 && !gemma3)
        return config_fail(meta->r, HONE_ERROR_UNSUPPORTED, "\"%s\" is %zu; only 0 is supported in a %s model",
                           window_key, c->window, m->family->name);
    if (hone_gguf_ints(meta->gguf, pattern_key, &n) != NULL)
        return config_fail(meta->r, HONE_ERROR_UNSUPPORTED, "\"%s\" is a list; a period is supported", pattern_key);
    if (!read_size(meta, "attention.sliding_window_pattern", MOST_LAYERS, period, &period))
        return false;
    for (size_t l = 0; l < c->layers; l++)
        m->forms[l].local = (l + 1) % period != 0;
    return true;
}

static bool read_scales(const Meta *meta)
{
    HoneModelConfig *c = &meta->r->model->config;
    bool gemma2 = is_family(meta, "gemma2"), gemma3 = is_family(meta, "gemma3_text");
    if (gemma2 || gemma3 || is_family(meta, "gemma"))
        c->embedding_scale = sqrt((double)c->width);
    /* The two 27B models divide by the square root of a head's share of C, which their metadata do not say. */
    if ((gemma2 && c->layers == 46) || (gemma3 && c->layers == 62))
        c->attention_scale = 1 / sqrt((double)(c->width / c->heads));
    if (gemma2) {
        c->attention_cap = 50;
        c->logit_cap = 30;
        if (!read_number(meta, "attn_logit_softcapping", 0, 1e12, &c->attention_cap))
            return false;
    }
    if ((gemma2 || gemma3) && !read_number(meta, "final_logit_softcapping", 0, 1e12, &c->logit_cap))
        return false;
    if (!is_family(meta, "granite"))
        return true;
    double divisor = NAN;
    if (!read_number(meta, "embedding_scale", 0, 1e12, &c->embedding_scale) ||
        !read_number(meta, "residual_scale", 0, 1e12, &c->residual_scale) ||
        !read_number(meta, "attention.scale", 0, 1e12, &c->attention_scale) ||
        !read_number(meta, "logit_scale", 0, 1e12, &divisor))
        return false;
    c->logit_scale = 1 / divisor;
    return true;
}

/* Metadata that would change the forward pass in a way this family's row does not describe. */
static bool check_unsupported(const Meta *meta)
{
    /* Granite's are read. */
    static const char *const scales[] = {"attention.scale", "embedding_scale", "residual_scale", "logit_scale"};
    static const char *const numbers[] = {"expert_count",
                                          "attention.max_alibi_bias",
                                          "attention.clamp_kqv",
                                          "attention.temperature_length",
                                          "attention.temperature_scale",
                                          "rope.scaling.yarn_log_multiplier",
                                          "nextn_predict_layers"};
    for (size_t i = 0; i < G_N_ELEMENTS(numbers) + G_N_ELEMENTS(scales); i++) {
        bool scale = i >= G_N_ELEMENTS(numbers);
        if (scale && is_family(meta, "granite"))
            continue;
        g_autofree char *key = key_of(meta, scale ? scales[i - G_N_ELEMENTS(numbers)] : numbers[i]);
        uint64_t integer = 0;
        double value = 0;
        if (!hone_gguf_f64(meta->gguf, key, &value) && hone_gguf_u64(meta->gguf, key, &integer))
            value = (double)integer;
        if (value != 0)
            return config_fail(meta->r, HONE_ERROR_UNSUPPORTED,
                               "\"%s\" is %g; Hone has no support for it in a %s model", key, value,
                               meta->r->model->family->name);
    }
    static const char *const trues[] = {"attention.causal", "rope.scaling.finetuned"};
    for (size_t i = 0; i < G_N_ELEMENTS(trues); i++) {
        g_autofree char *key = key_of(meta, trues[i]);
        bool value = true;
        /* The second turns Granite's positions off, and says nothing elsewhere. */
        if (hone_gguf_bool(meta->gguf, key, &value) && !value && (i == 0 || is_family(meta, "granite")))
            return config_fail(meta->r, HONE_ERROR_UNSUPPORTED, "\"%s\" is false; only true is supported", key);
    }
    return true;
}

static bool read_scaling(const Meta *meta, RopeForm *f)
{
    static const struct {
        const char *name;
        RopeKind kind;
    } kinds[] = {{"none", ROPE_PLAIN}, {"linear", ROPE_LINEAR}, {"yarn", ROPE_YARN}, {"longrope", ROPE_LONGROPE}};
    ConfigReader *r = meta->r;
    g_autofree char *type_key = key_of(meta, "rope.scaling.type");
    const char *type = hone_gguf_string(meta->gguf, type_key);
    bool found = type == NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds) && !found; i++) {
        found = strcmp(kinds[i].name, type) == 0;
        f->kind = kinds[i].kind;
    }
    if (!found)
        return config_fail(r, HONE_ERROR_UNSUPPORTED, "\"%s\" is \"%s\"; none, linear, yarn and longrope are supported",
                           type_key, type);
    /* Older files: a factor for positions and no type. */
    f->factor = 1;
    if (type == NULL && !read_number(meta, "rope.scale_linear", 0, 1e6, &f->factor))
        return false;
    if (!read_number(meta, "rope.scaling.factor", 0, 1e6, &f->factor))
        return false;
    if (type == NULL && f->factor != 1)
        f->kind = ROPE_LINEAR;
    f->original_context = r->model->config.context;
    if (!read_count(meta, "rope.scaling.original_context_length", MOST_CONTEXT, &f->original_context))
        return false;
    if (f->original_context == 0)
        f->original_context = r->model->config.context;
    double extrapolation = 1;
    if (f->kind == ROPE_YARN) {
        f->beta_fast = 32;
        f->beta_slow = 1;
        f->attention_factor = config_yarn_scale(f->factor, 1);
        if (!read_number(meta, "rope.scaling.yarn_beta_fast", 0, 1e6, &f->beta_fast) ||
            !read_number(meta, "rope.scaling.yarn_beta_slow", 0, 1e6, &f->beta_slow) ||
            !read_number(meta, "rope.scaling.yarn_attn_factor", 0, 1e6, &f->attention_factor) ||
            !read_number(meta, "rope.scaling.yarn_ext_factor", -2, 1e6, &extrapolation))
            return false;
        if (extrapolation != 1 && extrapolation != -1)
            return config_fail(r, HONE_ERROR_UNSUPPORTED,
                               "\"%s.rope.scaling.yarn_ext_factor\" is %g; only 1 is supported", meta->architecture,
                               extrapolation);
    }
    return true;
}

/* The factors that the file keeps as tensors: one list (Llama 3's, computed by the converter), or two (longrope). */
static bool read_factors(const Meta *meta, RopeForm *f)
{
    ConfigReader *r = meta->r;
    bool one = config_has_tensor(r, config_rope_tensors[TENSOR_ROPE_FACTORS]);
    bool long_list = config_has_tensor(r, config_rope_tensors[TENSOR_ROPE_LONG]);
    bool short_list = config_has_tensor(r, config_rope_tensors[TENSOR_ROPE_SHORT]);
    if (!one && !long_list && !short_list) {
        if (f->kind == ROPE_LONGROPE)
            return config_fail(r, HONE_ERROR_INVALID, "tensor \"%s\" is missing",
                               config_rope_tensors[TENSOR_ROPE_LONG]);
        return true;
    }
    if (long_list != short_list || (one && long_list) || (f->kind != ROPE_PLAIN && f->kind != ROPE_LONGROPE) ||
        (one && f->kind == ROPE_LONGROPE))
        return config_fail(
            r, HONE_ERROR_UNSUPPORTED,
            "rotary factors in tensors (rope_freqs, rope_factors_long, rope_factors_short) do not go with "
            "each other or with the scaling that the metadata name");
    size_t pairs = f->rotated / 2;
    f->kind = ROPE_LONGROPE;
    f->short_factor = config_divisors(r, config_rope_tensors[one ? TENSOR_ROPE_FACTORS : TENSOR_ROPE_SHORT], pairs);
    if (f->short_factor == NULL)
        return false;
    if (one)
        return true;
    f->long_factor = config_divisors(r, config_rope_tensors[TENSOR_ROPE_LONG], pairs);
    if (f->long_factor == NULL)
        return false;
    f->attention_factor =
        config_longrope_scale((double)r->model->config.context / (double)f->original_context, f->original_context);
    return read_number(meta, "rope.scaling.attn_factor", 0, 1e6, &f->attention_factor);
}

static bool read_ropes(const Meta *meta)
{
    HoneModel *m = meta->r->model;
    RopeForm *f = &m->ropes[0];
    f->base = 10000;
    if (!read_number(meta, "rope.freq_base", 1, 1e12, &f->base) ||
        !read_size(meta, "rope.dimension_count", MOST_WIDTH, m->config.head_dim, &f->rotated))
        return false;
    m->n_ropes = 1;
    if (!read_scaling(meta, f) || !config_check_rope(meta->r, f) || !read_factors(meta, f))
        return false;
    if (f->rotated != m->config.head_dim && !is_family(meta, "phi3"))
        return config_fail(meta->r, HONE_ERROR_UNSUPPORTED,
                           "%zu rotary dimensions in heads of width %zu are not supported in a %s model", f->rotated,
                           m->config.head_dim, m->family->name);
    for (size_t l = 0; l < m->config.layers; l++) {
        if (is_family(meta, "gemma3_text") && m->config.window > 0) {
            m->forms[l].rope = m->forms[l].local ? 1 : 0;
            m->n_ropes = 2;
        } else if (is_family(meta, "smollm3"))
            m->forms[l].rope = (l + 1) % 4 != 0 ? 0 : -1;
    }
    m->ropes[1] = (RopeForm){.kind = ROPE_PLAIN, .base = 10000, .rotated = f->rotated};
    return m->n_ropes == 1 || read_number(meta, "rope.freq_base_swa", 1, 1e12, &m->ropes[1].base);
}

bool config_read_gguf(ConfigReader *r, const HoneGguf *gguf)
{
    Meta meta = {.r = r, .gguf = gguf};
    if (!find_family(&meta) || !read_sizes(&meta))
        return false;
    r->model->forms = g_new0(LayerForm, r->model->config.layers);
    read_biases(&meta);
    return check_unsupported(&meta) && read_window(&meta) && read_scales(&meta) && read_ropes(&meta);
}

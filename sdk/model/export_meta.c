/* SPDX-License-Identifier: Apache-2.0
 * export_meta.c: a model's numbers as a GGUF's metadata, with the keys that config_gguf.c reads and llama.cpp knows.
 *
 * What a family does not have in GGUF is found when the file is opened again and compared (export_check.c); here are
 * only the things that could not be seen so.
 */
#include "export.h"

#include <math.h>
#include <string.h>

typedef struct Meta {
    HoneGgufWriter *writer;
    const HoneModel *model;
    const char *architecture;
} Meta;

static void put_size(const Meta *meta, const char *name, size_t value)
{
    g_autofree char *key = g_strdup_printf("%s.%s", meta->architecture, name);
    hone_gguf_writer_u32(meta->writer, key, (uint32_t)value); /* config_read bounds each far below 2^32 */
}

static void put_number(const Meta *meta, const char *name, double value)
{
    g_autofree char *key = g_strdup_printf("%s.%s", meta->architecture, name);
    hone_gguf_writer_f32(meta->writer, key, (float)value);
}

static void put_string(const Meta *meta, const char *name, const char *value)
{
    g_autofree char *key = g_strdup_printf("%s.%s", meta->architecture, name);
    hone_gguf_writer_string(meta->writer, key, value);
}

static bool is_family(const Meta *meta, const char *name)
{
    return strcmp(meta->model->family->name, name) == 0;
}

/* Families whose windows GGUF has a key for. */
static bool has_window(const HoneModel *m)
{
    static const char *const names[] = {"gemma2", "gemma3_text", "phi3"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp(m->family->name, names[i]) == 0)
            return true;
    return false;
}

size_t export_gguf_context(const HoneModel *m)
{
    bool cut = m->config.window > 0 && !has_window(m);
    return cut ? MIN(m->config.context, m->config.window) : m->config.context;
}

static void put_sizes(const Meta *meta)
{
    const HoneModelConfig *c = &meta->model->config;
    put_size(meta, "block_count", c->layers);
    put_size(meta, "context_length", export_gguf_context(meta->model));
    put_size(meta, "embedding_length", c->width);
    put_size(meta, "feed_forward_length", c->ffn);
    put_size(meta, "attention.head_count", c->heads);
    put_size(meta, "attention.head_count_kv", c->kv_heads);
    put_size(meta, "attention.key_length", c->head_dim);
    put_size(meta, "attention.value_length", c->head_dim);
    put_number(meta, "attention.layer_norm_rms_epsilon", c->norm_epsilon);
    put_size(meta, "vocab_size", c->vocab);
}

static void put_window(const Meta *meta)
{
    const HoneModel *m = meta->model;
    if (m->config.window == 0 || !has_window(m))
        return;
    put_size(meta, "attention.sliding_window", m->config.window);
    /* The first layer with global attention ends the period. */
    size_t period = 1;
    while (period <= m->config.layers && m->forms[period - 1].local)
        period++;
    if (is_family(meta, "gemma3_text") && period <= m->config.layers)
        put_size(meta, "attention.sliding_window_pattern", period);
}

static void put_scales(const Meta *meta)
{
    const HoneModelConfig *c = &meta->model->config;
    if (is_family(meta, "gemma2") && c->attention_cap > 0)
        put_number(meta, "attn_logit_softcapping", c->attention_cap);
    if (c->logit_cap > 0)
        put_number(meta, "final_logit_softcapping", c->logit_cap);
    if (!is_family(meta, "granite"))
        return;
    put_number(meta, "embedding_scale", c->embedding_scale);
    put_number(meta, "residual_scale", c->residual_scale);
    put_number(meta, "attention.scale", c->attention_scale);
    put_number(meta, "logit_scale", 1 / c->logit_scale);
}

/* What llama.cpp, for which a GGUF is written, does not load in these families although the format could hold it. */
static bool check_loads(const HoneModel *m, GError **error)
{
    static const char *const without_bias[] = {"qwen3", "olmo2", "gemma", "gemma2", "gemma3_text", "smollm3"};
    const char *what = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(without_bias); i++)
        if (strcmp(m->family->name, without_bias[i]) == 0 && (m->config.qkv_bias || m->config.o_bias))
            what = "biases of attention";
    if (strcmp(m->family->name, "olmo2") == 0 && m->config.tied_head)
        what = "a tied head";
    if (what != NULL)
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "%s: llama.cpp loads no %s model with %s from a GGUF; export a folder.", m->path, m->family->name,
                    what);
    return what == NULL;
}

static bool put_rope(const Meta *meta, GError **error)
{
    const HoneModel *m = meta->model;
    const RopeForm *f = &m->ropes[0];
    put_size(meta, "rope.dimension_count", f->rotated);
    put_number(meta, "rope.freq_base", f->base);
    if (m->n_ropes > 1)
        put_number(meta, "rope.freq_base_swa", m->ropes[1].base);
    switch (f->kind) {
    case ROPE_PLAIN:
    case ROPE_LLAMA3: /* as factors in a tensor */
        return true;
    case ROPE_LINEAR:
        put_string(meta, "rope.scaling.type", "linear");
        put_number(meta, "rope.scaling.factor", f->factor);
        return true;
    case ROPE_LONGROPE:
        if (f->long_factor == NULL) /* that tensor, from a GGUF */
            return true;
        put_string(meta, "rope.scaling.type", "longrope");
        put_size(meta, "rope.scaling.original_context_length", f->original_context);
        put_number(meta, "rope.scaling.attn_factor", f->attention_factor > 0 ? f->attention_factor : 1);
        return true;
    case ROPE_YARN:
        /* llama.cpp derives the scale of cosine and sine from the factor, and takes the betas from its own options. */
        if (f->no_truncate || f->beta_fast != 32 || f->beta_slow != 1 ||
            fabs(f->attention_factor - (f->factor <= 1 ? 1 : 0.1 * log(f->factor) + 1)) > 1e-6) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                        "%s: its yarn scaling has settings of its own (betas, attention_factor, mscale, truncate) that "
                        "llama.cpp does not take from a GGUF; export a folder.",
                        m->path);
            return false;
        }
        put_string(meta, "rope.scaling.type", "yarn");
        put_number(meta, "rope.scaling.factor", f->factor);
        put_size(meta, "rope.scaling.original_context_length", f->original_context);
        return true;
    case ROPE_DYNAMIC:
        break;
    }
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                "%s: its rotary positions scale with the length (dynamic), which GGUF has no key for; export a folder.",
                m->path);
    return false;
}

bool export_put_meta(HoneGgufWriter *writer, const HoneModel *model, const char *name, GError **error)
{
    Meta meta = {writer, model, model->family->architecture};
    hone_gguf_writer_string(writer, "general.architecture", meta.architecture);
    hone_gguf_writer_string(writer, "general.type", "model");
    name = name != NULL ? name : model->config.name;
    if (*name != '\0')
        hone_gguf_writer_string(writer, "general.name", name);
    put_sizes(&meta);
    put_window(&meta);
    put_scales(&meta);
    return check_loads(model, error) && put_rope(&meta, error);
}

static void add_factors(GArray *list, const char *name, size_t n, const double *divisors)
{
    RopeFactors factors = {name, g_new(float, n), n};
    for (size_t i = 0; i < n; i++)
        factors.values[i] = (float)divisors[i];
    g_array_append_val(list, factors);
}

static void clear_factors(gpointer data)
{
    g_free(((RopeFactors *)data)->values);
}

GArray *export_rope_factors(const HoneModel *m)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(RopeFactors));
    const RopeForm *f = &m->ropes[0];
    size_t pairs = f->rotated / 2;
    g_array_set_clear_func(list, clear_factors);
    if (f->kind == ROPE_LONGROPE) {
        add_factors(list, f->long_factor != NULL ? "rope_factors_short.weight" : "rope_freqs.weight", pairs,
                    f->short_factor);
        if (f->long_factor != NULL)
            add_factors(list, "rope_factors_long.weight", pairs, f->long_factor);
    } else if (f->kind == ROPE_LLAMA3) {
        /* What divides each pair's plain frequency. */
        RopeForm plain = *f;
        plain.kind = ROPE_PLAIN;
        g_autofree float *scaled = g_new(float, pairs), *unscaled = g_new(float, pairs);
        g_autofree double *divisors = g_new(double, pairs);
        rope_frequencies(f, 1, scaled);
        rope_frequencies(&plain, 1, unscaled);
        for (size_t i = 0; i < pairs; i++)
            divisors[i] = (double)unscaled[i] / (double)scaled[i];
        add_factors(list, "rope_freqs.weight", pairs, divisors);
    }
    return list;
}

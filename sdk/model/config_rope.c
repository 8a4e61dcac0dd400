/* SPDX-License-Identifier: Apache-2.0
 * config_rope.c: a folder's rotary positions: the newer "rope_parameters" (of one form, or of one for each kind of
 * layer) and the older "rope_theta", "rope_scaling", "rope_local_base_freq", "partial_rotary_factor" beside it.
 */
#include "config-read.h"

#include <math.h>
#include <string.h>

#define MOST_FACTOR 1e6
#define MOST_BASE 1e12

double config_yarn_scale(double factor, double mscale)
{
    return factor <= 1 ? 1 : 0.1 * mscale * log(factor) + 1;
}

double config_longrope_scale(double factor, size_t original_context)
{
    return factor <= 1 ? 1 : sqrt(1 + log(factor) / log((double)original_context));
}

bool config_check_rope(const ConfigReader *r, const RopeForm *f)
{
    if (f->rotated < 2 || f->rotated % 2 != 0)
        return config_fail(r, HONE_ERROR_INVALID, "%zu dimensions of a head cannot be rotated: the number must be even",
                           f->rotated);
    if (f->rotated > r->model->config.head_dim)
        return config_fail(r, HONE_ERROR_INVALID, "%zu dimensions are to be rotated in heads of width %zu", f->rotated,
                           r->model->config.head_dim);
    if (f->kind == ROPE_DYNAMIC && f->rotated == 2)
        return config_fail(r, HONE_ERROR_UNSUPPORTED, "dynamic rotary scaling needs more than 2 dimensions");
    if (f->kind == ROPE_LLAMA3 && !(f->high_factor > f->low_factor))
        return config_fail(r, HONE_ERROR_INVALID, "llama3's high_freq_factor %g is not above its low_freq_factor %g",
                           f->high_factor, f->low_factor);
    if (f->kind == ROPE_LONGROPE && f->original_context < 2)
        return config_fail(r, HONE_ERROR_INVALID, "longrope needs a trained length of 2 positions or more");
    return true;
}

/* A list of a number for each pair. */
static double *read_factors(ConfigKeys *k, const char *name, size_t n)
{
    JsonArray *array;
    if (!keys_array(k, name, &array))
        return NULL;
    if (array == NULL) {
        config_fail(k->reader, HONE_ERROR_INVALID, "\"%s%s\" is absent", k->prefix, name);
        return NULL;
    }
    g_autofree char *what = g_strdup_printf("%zu numbers above 0 are needed, one for each rotated pair", n);
    g_autofree double *values = g_new0(double, MAX(n, 1));
    bool good = json_array_get_length(array) == n;
    for (size_t i = 0; good && i < n; i++) {
        JsonNode *node = json_array_get_element(array, (guint)i);
        bool number = JSON_NODE_HOLDS_VALUE(node) && (json_node_get_value_type(node) == G_TYPE_INT64 ||
                                                      json_node_get_value_type(node) == G_TYPE_DOUBLE);
        values[i] = number ? json_node_get_double(node) : 0;
        good = values[i] > 0 && values[i] <= MOST_BASE;
    }
    if (!good) {
        keys_refuse(k, name, HONE_ERROR_INVALID, what);
        return NULL;
    }
    return g_steal_pointer(&values);
}

static bool read_kind(ConfigKeys *k, RopeKind *kind)
{
    static const struct {
        const char *name;
        RopeKind kind;
    } kinds[] = {
        {"default", ROPE_PLAIN}, {"linear", ROPE_LINEAR}, {"dynamic", ROPE_DYNAMIC},
        {"llama3", ROPE_LLAMA3}, {"yarn", ROPE_YARN},     {"longrope", ROPE_LONGROPE},
    };
    const char *name = NULL, *old = NULL;
    if (!keys_string(k, "rope_type", &name) || !keys_string(k, "type", &old))
        return false;
    const char *key = name != NULL ? "rope_type" : "type";
    name = name != NULL ? name : old;
    *kind = ROPE_PLAIN;
    if (name == NULL)
        return true;
    /* Phi-3's first releases called their lists "su", then "yarn", and mean longrope. */
    if (strcmp(k->reader->model->family->name, "phi3") == 0) {
        *kind = ROPE_LONGROPE;
        if (strcmp(name, "su") == 0 || strcmp(name, "yarn") == 0)
            return true;
        if (strcmp(name, "longrope") != 0 && strcmp(name, "default") != 0)
            return keys_refuse(k, key, HONE_ERROR_UNSUPPORTED, "this family has \"default\" and \"longrope\"");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            *kind = kinds[i].kind;
            return true;
        }
    }
    return keys_refuse(k, key, HONE_ERROR_UNSUPPORTED,
                       "Hone has \"default\", \"linear\", \"dynamic\", \"llama3\", \"yarn\" and \"longrope\"");
}

/* What a scaling's numbers are where they are not given: outside of the form's own object. */
typedef struct Around {
    double base, partial;
    size_t original_context; /* 0: not given */
} Around;

static bool need(ConfigKeys *k, const char *name)
{
    JsonNode *node = keys_take(k, name);
    if (node != NULL && !JSON_NODE_HOLDS_NULL(node))
        return true;
    return config_fail(k->reader, HONE_ERROR_INVALID, "\"%s%s\" is absent", k->prefix, name);
}

static bool read_yarn(ConfigKeys *k, RopeForm *f, bool factor_given, bool nested)
{
    double mscale = 0, all_dim = 0;
    bool truncate = true;
    f->beta_fast = 32;
    f->beta_slow = 1;
    if (!keys_number(k, "beta_fast", 0, MOST_FACTOR, &f->beta_fast) ||
        !keys_number(k, "beta_slow", 0, MOST_FACTOR, &f->beta_slow) ||
        !keys_number(k, "mscale", 0, MOST_FACTOR, &mscale) ||
        !keys_number(k, "mscale_all_dim", 0, MOST_FACTOR, &all_dim) || !keys_bool(k, "truncate", &truncate))
        return false;
    /* transformers looks for it in the wrong object there. */
    if (nested && !truncate)
        return keys_refuse(k, "truncate", HONE_ERROR_UNSUPPORTED, "only true is supported for one kind of layer");
    f->no_truncate = !truncate;
    if (!factor_given)
        f->factor = (double)k->reader->model->config.context / (double)f->original_context;
    if (f->attention_factor == 0)
        f->attention_factor = mscale > 0 && all_dim > 0
                                  ? config_yarn_scale(f->factor, mscale) / config_yarn_scale(f->factor, all_dim)
                                  : config_yarn_scale(f->factor, 1);
    return true;
}

static bool read_longrope(ConfigKeys *k, RopeForm *f, bool factor_given)
{
    f->short_factor = read_factors(k, "short_factor", f->rotated / 2);
    f->long_factor = f->short_factor != NULL ? read_factors(k, "long_factor", f->rotated / 2) : NULL;
    if (f->long_factor == NULL)
        return false;
    double factor = factor_given ? f->factor : (double)k->reader->model->config.context / (double)f->original_context;
    if (f->attention_factor == 0)
        f->attention_factor = config_longrope_scale(factor, f->original_context);
    return true;
}

/* One form from its object; NULL: a plain one. */
static bool read_form(const ConfigReader *r, RopeForm *f, const char *prefix, JsonObject *object, const Around *around,
                      bool nested)
{
    static const char *const harmless[] = {
        /* Unused by the kind at hand where not read above. */
        "attention_factor",
        "beta_fast",
        "beta_slow",
        "factor",
        "finetuned",
        "high_freq_factor",
        "long_factor",
        "low_freq_factor",
        "mscale",
        "mscale_all_dim",
        "original_max_position_embeddings",
        "short_factor",
        "truncate",
        "type",
        NULL,
    };
    static const char *const nothing[] = {NULL};
    g_autoptr(JsonObject) empty = json_object_new();
    g_auto(ConfigKeys) k;
    keys_init(&k, r, prefix, object != NULL ? object : empty);
    const HoneModelConfig *c = &r->model->config;
    *f = (RopeForm){.base = around->base};
    double partial = around->partial;
    bool fixed = false;
    if (!read_kind(&k, &f->kind) || !keys_number(&k, "rope_theta", 1, MOST_BASE, &f->base) ||
        !keys_number(&k, "partial_rotary_factor", 0, 1, &partial))
        return false;
    /* Elsewhere transformers' own code rotates whole heads, whatever the factor says, or fails. */
    if (partial != 1 && strcmp(r->model->family->name, "phi3") != 0)
        return config_fail(r, HONE_ERROR_UNSUPPORTED, "\"partial_rotary_factor\" is %g; in this family only 1 is",
                           partial);
    f->rotated = (size_t)((double)c->head_dim * partial);
    if (f->rotated < 2)
        return config_check_rope(r, f);
    f->original_context = c->context;
    if (f->kind == ROPE_LLAMA3 || f->kind == ROPE_YARN || f->kind == ROPE_LONGROPE) {
        /* The model's own number goes before that of the form. */
        if (around->original_context > 0) {
            keys_take(&k, "original_max_position_embeddings");
            f->original_context = around->original_context;
        } else if (!keys_size(&k, "original_max_position_embeddings", MOST_CONTEXT, &f->original_context))
            return false;
    }
    JsonNode *factor = json_object_get_member(k.object, "factor");
    fixed = factor != NULL && !JSON_NODE_HOLDS_NULL(factor);
    if (f->kind != ROPE_PLAIN && !keys_number(&k, "factor", 0, MOST_FACTOR, &f->factor))
        return false;
    if ((f->kind == ROPE_LINEAR || f->kind == ROPE_DYNAMIC || f->kind == ROPE_LLAMA3) && !need(&k, "factor"))
        return false;
    if (f->kind == ROPE_YARN && factor == NULL && !need(&k, "factor"))
        return false;
    if ((f->kind == ROPE_YARN || f->kind == ROPE_LONGROPE) &&
        !keys_number(&k, "attention_factor", 0, MOST_FACTOR, &f->attention_factor))
        return false;
    if (f->kind == ROPE_LLAMA3 && (!need(&k, "low_freq_factor") || !need(&k, "high_freq_factor") ||
                                   !keys_number(&k, "low_freq_factor", 0, MOST_FACTOR, &f->low_factor) ||
                                   !keys_number(&k, "high_freq_factor", 0, MOST_FACTOR, &f->high_factor)))
        return false;
    if (f->kind == ROPE_YARN && !read_yarn(&k, f, fixed, nested))
        return false;
    if (f->kind == ROPE_LONGROPE && !read_longrope(&k, f, fixed))
        return false;
    return keys_finish(&k, harmless, nothing);
}

/* Gemma 3: a form for the layers with global attention and one for those with local. */
static bool read_two(ConfigReader *r, ConfigKeys *keys, Around around)
{
    static const char *const nothing[] = {NULL};
    HoneModel *m = r->model;
    JsonObject *both, *scaling, *global = NULL, *local = NULL;
    double local_base = 10000;
    if (!keys_object(keys, "rope_parameters", &both) || !keys_object(keys, "rope_scaling", &scaling) ||
        !keys_number(keys, "rope_local_base_freq", 1, MOST_BASE, &local_base))
        return false;
    const char *global_prefix = "rope_scaling.";
    if (scaling != NULL && !json_object_has_member(scaling, "rope_type"))
        return keys_refuse(keys, "rope_scaling", HONE_ERROR_UNSUPPORTED,
                           "its kind must be named \"rope_type\"; under another name transformers scales nothing");
    if (both != NULL) {
        g_auto(ConfigKeys) k;
        keys_init(&k, r, "rope_parameters.", both);
        if (!keys_object(&k, "full_attention", &global) || !keys_object(&k, "sliding_attention", &local) ||
            !keys_finish(&k, nothing, nothing))
            return false;
        if (scaling != NULL)
            return keys_refuse(keys, "rope_scaling", HONE_ERROR_UNSUPPORTED, "\"rope_parameters\" is there too");
        global_prefix = "rope_parameters.full_attention.";
    } else
        global = scaling;
    Around beside = {.base = local_base, .partial = 1};
    around.original_context = 0; /* each form has its own */
    if (!read_form(r, &m->ropes[0], global_prefix, global, &around, true) ||
        !read_form(r, &m->ropes[1], "rope_parameters.sliding_attention.", local, &beside, true))
        return false;
    m->n_ropes = 2;
    for (size_t l = 0; l < m->config.layers; l++)
        m->forms[l].rope = m->forms[l].local ? 1 : 0;
    return true;
}

bool config_read_ropes(ConfigReader *r, ConfigKeys *keys, double default_base)
{
    HoneModel *m = r->model;
    Around around = {.base = default_base, .partial = 1};
    bool phi3 = strcmp(m->family->name, "phi3") == 0;
    if (phi3)
        around.original_context = 4096;
    if (!keys_number(keys, "rope_theta", 1, MOST_BASE, &around.base) ||
        !keys_number(keys, "partial_rotary_factor", 0, 1, &around.partial) ||
        !keys_size(keys, "original_max_position_embeddings", MOST_CONTEXT, &around.original_context))
        return false;
    if (strcmp(m->family->name, "gemma3_text") == 0)
        return read_two(r, keys, around);
    JsonObject *object, *scaling;
    if (!keys_object(keys, "rope_parameters", &object) || !keys_object(keys, "rope_scaling", &scaling))
        return false;
    bool old = scaling != NULL && json_object_get_size(scaling) > 0;
    m->n_ropes = 1;
    return read_form(r, &m->ropes[0], old ? "rope_scaling." : "rope_parameters.", old ? scaling : object, &around,
                     false);
}

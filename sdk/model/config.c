/* SPDX-License-Identifier: Apache-2.0
 * config.c: a model's numbers from a GGUF's metadata, each checked before anything is sized by it.
 */
#include "internal.h"

#include <math.h>
#include <string.h>

/* Far above any model, and small enough that products of three of them and a float's size fit 64 bits. */
#define MOST_LAYERS 1024
#define MOST_WIDTH (1u << 18)
#define MOST_HEADS 4096
#define MOST_VOCAB (1u << 23)
#define MOST_CONTEXT (1u << 28)

typedef struct Reader {
    const HoneGguf *gguf;
    const HoneModel *model;
    GError **error;
} Reader;

static bool fail(const Reader *r, HoneError code, const char *format, ...) G_GNUC_PRINTF(3, 4);

static bool fail(const Reader *r, HoneError code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(r->error, HONE_ERROR, code, "%s: %s.", hone_gguf_path(r->gguf), text);
    return false;
}

static char *key_of(const Reader *r, const char *name)
{
    return g_strdup_printf("%s.%s", r->model->family->architecture, name);
}

/* An integer in [1, most]. fallback 0: the key is required. */
static bool read_size(const Reader *r, const char *name, size_t most, size_t fallback, size_t *value)
{
    g_autofree char *key = key_of(r, name);
    uint64_t number;
    if (!hone_gguf_u64(r->gguf, key, &number)) {
        if (fallback == 0)
            return fail(r, HONE_ERROR_INVALID, "metadata key \"%s\" is absent or no integer", key);
        *value = fallback;
        return true;
    }
    if (number < 1 || number > most)
        return fail(r, HONE_ERROR_INVALID, "\"%s\" is %" G_GUINT64_FORMAT "; it must lie in 1 .. %zu", key, number,
                    most);
    *value = (size_t)number;
    return true;
}

/* A number in (low, high]. fallback 0: the key is required. */
static bool read_number(const Reader *r, const char *name, double low, double high, double fallback, double *value)
{
    g_autofree char *key = key_of(r, name);
    if (!hone_gguf_f64(r->gguf, key, value)) {
        if (fallback == 0)
            return fail(r, HONE_ERROR_INVALID, "metadata key \"%s\" is absent or no number", key);
        *value = fallback;
    }
    if (!(*value > low && *value <= high))
        return fail(r, HONE_ERROR_INVALID, "\"%s\" is %g; it must lie above %g, up to %g", key, *value, low, high);
    return true;
}

static bool expect_shape(const Reader *r, const char *name, size_t rows, size_t columns)
{
    const HoneGgufTensor *tensor = hone_gguf_find(r->gguf, name);
    if (tensor == NULL)
        return fail(r, HONE_ERROR_INVALID, "tensor \"%s\" is missing", name);
    if (tensor->type == HONE_I32)
        return fail(r, HONE_ERROR_INVALID, "tensor \"%s\" holds integers", name);
    bool fits = columns == 0 ? tensor->rank == 1 && tensor->shape[0] == rows
                             : tensor->rank == 2 && tensor->shape[0] == rows && tensor->shape[1] == columns;
    if (fits)
        return true;
    g_autoptr(GString) found = g_string_new(NULL);
    for (uint32_t i = 0; i < tensor->rank; i++)
        g_string_append_printf(found, "%s%zu", i > 0 ? " x " : "", tensor->shape[i]);
    if (columns == 0)
        return fail(r, HONE_ERROR_INVALID, "tensor \"%s\" is %s; the metadata ask for %zu", name, found->str, rows);
    return fail(r, HONE_ERROR_INVALID, "tensor \"%s\" is %s; the metadata ask for %zu x %zu", name, found->str, rows,
                columns);
}

/* Every tensor that the family names is there with its shape, and no other: a tensor that is passed over (a bias,
 * scaled rotary frequencies, experts) would silently make another model. */
static bool check_tensors(const Reader *r, const HoneModelConfig *c)
{
    const HoneModel *m = r->model;
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    char *name = name_embedding(m, NAME_FILE);
    g_hash_table_add(known, name);
    if (!expect_shape(r, name, c->vocab, c->width))
        return false;
    g_hash_table_add(known, name = name_output_norm(m, NAME_FILE));
    if (!expect_shape(r, name, c->width, 0))
        return false;
    g_hash_table_add(known, name = name_head(m, NAME_FILE));
    if (!c->tied_head && !expect_shape(r, name, c->vocab, c->width))
        return false;
    for (size_t l = 0; l < c->layers; l++) {
        for (Linear i = 0; i < N_LINEAR; i++) {
            g_hash_table_add(known, name = name_linear(m, NAME_FILE, l, i, false));
            if (!expect_shape(r, name, linear_out(c, i), linear_in(c, i)))
                return false;
        }
        for (Norm i = 0; i < N_NORM; i++) {
            if (!family_has_norm(m->family, i))
                continue;
            g_hash_table_add(known, name = name_norm(m, NAME_FILE, l, i));
            if (!expect_shape(r, name, norm_size(m, i), 0))
                return false;
        }
    }
    size_t n = hone_gguf_n_tensors(r->gguf);
    for (size_t i = 0; i < n; i++) {
        name = (char *)hone_gguf_tensor(r->gguf, i)->name;
        if (!g_hash_table_contains(known, name))
            return fail(r, HONE_ERROR_UNSUPPORTED,
                        "tensor \"%s\" is not part of a %s model as Hone knows it; leaving it out would change the "
                        "model",
                        name, m->family->name);
    }
    return true;
}

/* Metadata that would change the forward pass in a way this family's row does not describe. */
static bool check_unsupported(const Reader *r, const HoneModelConfig *c)
{
    g_autofree char *scaling = key_of(r, "rope.scaling.type");
    const char *kind = hone_gguf_string(r->gguf, scaling);
    if (kind != NULL && strcmp(kind, "none") != 0)
        return fail(r, HONE_ERROR_UNSUPPORTED, "\"%s\" is \"%s\"; only unscaled rotary positions are supported",
                    scaling, kind);
    static const char *const counts[] = {"expert_count", "attention.sliding_window"};
    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
        g_autofree char *key = key_of(r, counts[i]);
        uint64_t value;
        if (hone_gguf_u64(r->gguf, key, &value) && value > 0)
            return fail(r, HONE_ERROR_UNSUPPORTED, "\"%s\" is %" G_GUINT64_FORMAT "; only 0 is supported", key, value);
    }
    size_t value_width, rotary;
    if (!read_size(r, "attention.value_length", MOST_WIDTH, c->head_dim, &value_width) ||
        !read_size(r, "rope.dimension_count", MOST_WIDTH, c->head_dim, &rotary))
        return false;
    if (value_width != c->head_dim)
        return fail(r, HONE_ERROR_UNSUPPORTED, "values of width %zu beside keys of width %zu are not supported",
                    value_width, c->head_dim);
    if (rotary != c->head_dim)
        return fail(r, HONE_ERROR_UNSUPPORTED, "%zu rotary dimensions in heads of width %zu are not supported", rotary,
                    c->head_dim);
    return true;
}

void config_free(HoneModel *m)
{
    for (size_t i = 0; i < m->n_ropes; i++) {
        g_free(m->ropes[i].short_factor);
        g_free(m->ropes[i].long_factor);
    }
    g_free(m->forms);
}

bool config_read(HoneModel *m, GError **error)
{
    const HoneGguf *gguf = hone_checkpoint_gguf(m->checkpoint);
    if (gguf == NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED, "%s: folders are not read.", m->path);
        return false;
    }
    Reader reader = {.gguf = gguf, .model = m, .error = error}, *r = &reader;
    HoneModelConfig *c = &m->config;
    const char *architecture = hone_gguf_string(gguf, "general.architecture");
    if (architecture == NULL)
        return fail(r, HONE_ERROR_INVALID, "metadata key \"general.architecture\" is absent; the file holds no model");
    m->family = family_of_architecture(architecture, error);
    if (m->family == NULL) {
        g_prefix_error(error, "%s: ", hone_gguf_path(gguf));
        return false;
    }
    if (strcmp(m->family->name, "llama") != 0)
        return fail(r, HONE_ERROR_UNSUPPORTED, "architecture \"%s\" is not one that Hone runs from a GGUF",
                    architecture);
    m->format = HONE_CHECKPOINT_GGUF;
    m->trunk = m->file_trunk = "model.";
    m->activation = m->family->activation;
    g_strlcpy(c->family, m->family->name, sizeof(c->family));
    const char *name = hone_gguf_string(gguf, "general.name");
    if (name != NULL) {
        g_strlcpy(c->name, name, sizeof(c->name));
        /* The copy may have cut a character in two. */
        const char *end;
        if (!g_utf8_validate(c->name, -1, &end))
            c->name[end - c->name] = '\0';
    }

    if (!read_size(r, "block_count", MOST_LAYERS, 0, &c->layers) ||
        !read_size(r, "embedding_length", MOST_WIDTH, 0, &c->width) ||
        !read_size(r, "feed_forward_length", MOST_WIDTH, 0, &c->ffn) ||
        !read_size(r, "attention.head_count", MOST_HEADS, 0, &c->heads) ||
        !read_size(r, "attention.head_count_kv", MOST_HEADS, c->heads, &c->kv_heads) ||
        !read_size(r, "context_length", MOST_CONTEXT, 0, &c->context) ||
        !read_number(r, "rope.freq_base", 1, 1e12, 10000, &c->rope_base) ||
        !read_number(r, "attention.layer_norm_rms_epsilon", 0, 1, 0, &c->norm_epsilon))
        return false;
    if (c->heads % c->kv_heads != 0)
        return fail(r, HONE_ERROR_INVALID, "%zu query heads are no multiple of %zu key heads", c->heads, c->kv_heads);
    /* Where the file is silent, heads share the model's width; the shapes of the tensors decide at the end. */
    size_t share = c->width / c->heads;
    if (!read_size(r, "rope.dimension_count", MOST_WIDTH, MAX(share, 1), &share) ||
        !read_size(r, "attention.key_length", MOST_WIDTH, share, &c->head_dim))
        return false;
    if (c->head_dim % 2 != 0)
        return fail(r, HONE_ERROR_INVALID, "heads of width %zu cannot be rotated: the width must be even", c->head_dim);
    if (c->heads * c->head_dim > MOST_WIDTH)
        return fail(r, HONE_ERROR_INVALID, "%zu heads of width %zu are too many", c->heads, c->head_dim);

    const HoneGgufTensor *embedding = hone_gguf_find(gguf, "token_embd.weight");
    if (embedding == NULL || embedding->rank != 2)
        return fail(r, HONE_ERROR_INVALID, "tensor \"token_embd.weight\" is missing or no matrix");
    c->vocab = embedding->shape[0];
    if (c->vocab < 1 || c->vocab > MOST_VOCAB)
        return fail(r, HONE_ERROR_INVALID, "tensor \"token_embd.weight\" has %zu rows; 1 .. %u are possible", c->vocab,
                    MOST_VOCAB);
    c->tied_head = hone_gguf_find(gguf, "output.weight") == NULL;
    if (!check_unsupported(r, c) || !check_tensors(r, c))
        return false;
    m->forms = g_new0(LayerForm, c->layers);
    m->ropes[0] = (RopeForm){.kind = ROPE_PLAIN, .base = c->rope_base, .rotated = c->head_dim};
    m->n_ropes = 1;
    return true;
}

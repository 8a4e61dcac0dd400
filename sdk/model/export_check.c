/* SPDX-License-Identifier: Apache-2.0
 * export_check.c: what was written is opened again: it must describe the model that it was made of, and its tokenizer
 * must give the same ids. A format that cannot say something of a model is found here, whatever the something is.
 */
#include "../text/convert.h"
#include "export.h"

#include <math.h>
#include <string.h>

static bool differs(const HoneExport *source, GError **error, const char *what)
{
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                "%s: the format that was asked for cannot say this of the %s model: %s. Choose another format.",
                source->model->path, source->model->family->name, what);
    return false;
}

/* GGUF holds numbers in f32. */
static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-6 * MAX(fabs(a), fabs(b));
}

static double scale_of(const HoneModelConfig *c)
{
    return c->attention_scale > 0 ? c->attention_scale : 1 / sqrt((double)c->head_dim);
}

static bool same_number(double a, double b, double unset)
{
    return near(a > 0 ? a : unset, b > 0 ? b : unset);
}

/* The context was cut to the window, so that there is none. */
static bool is_cut(const HoneModel *x, const HoneModel *y)
{
    return y->format == HONE_CHECKPOINT_GGUF && y->config.window == 0 && y->config.context <= x->config.window;
}

static const char *difference_of_numbers(const HoneModel *x, const HoneModel *y)
{
    const HoneModelConfig *a = &x->config, *b = &y->config;
    if (a->layers != b->layers || a->width != b->width || a->ffn != b->ffn || a->heads != b->heads ||
        a->kv_heads != b->kv_heads || a->head_dim != b->head_dim || a->vocab != b->vocab)
        return "its sizes";
    if (b->context != (y->format == HONE_CHECKPOINT_GGUF ? export_gguf_context(x) : a->context))
        return "the length of its context";
    if (!near(a->norm_epsilon, b->norm_epsilon))
        return "the epsilon of its norms";
    if (x->activation != y->activation)
        return "its activation";
    if (a->tied_head != b->tied_head)
        return "whether its head is tied";
    if (a->qkv_bias != b->qkv_bias || a->o_bias != b->o_bias || a->mlp_bias != b->mlp_bias)
        return "its biases";
    if (a->window != b->window && !is_cut(x, y))
        return "its sliding window";
    if (!near(scale_of(a), scale_of(b)))
        return "the scale of its attention's scores";
    if (!same_number(a->attention_cap, b->attention_cap, 0) || !same_number(a->logit_cap, b->logit_cap, 0))
        return "its soft caps";
    if (!same_number(a->embedding_scale, b->embedding_scale, 1) ||
        !same_number(a->residual_scale, b->residual_scale, 1) || !same_number(a->logit_scale, b->logit_scale, 1))
        return "its multipliers";
    return NULL;
}

/* The angles that a form gives, at lengths on both sides of where forms change. */
static bool same_rope(const RopeForm *a, const RopeForm *b, size_t context)
{
    if (a->rotated != b->rotated)
        return false;
    size_t pairs = a->rotated / 2;
    const size_t lengths[] = {1, context / 2 + 1, context, 2 * context, a->original_context, a->original_context + 1};
    g_autofree float *x = g_new(float, pairs), *y = g_new(float, pairs);
    g_autofree float *row_x = g_new(float, 2 * pairs), *row_y = g_new(float, 2 * pairs);
    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        rope_frequencies(a, MAX(lengths[i], 1), x);
        rope_frequencies(b, MAX(lengths[i], 1), y);
        /* Rounded to f32, made of factors that were rounded to f32. */
        for (size_t k = 0; k < pairs; k++)
            if (!(fabsf(x[k] - y[k]) <= 1e-6f * fabsf(x[k])))
                return false;
        /* Position 0 shows the scale of cosine and sine. */
        rope_row(a, x, 0, row_x);
        rope_row(b, y, 0, row_y);
        if (!near(row_x[0], row_y[0]))
            return false;
    }
    return true;
}

static const char *difference_of_layers(const HoneModel *x, const HoneModel *y)
{
    for (size_t l = 0; l < x->config.layers; l++) {
        const LayerForm *a = &x->forms[l], *b = &y->forms[l];
        if (a->local != b->local && !is_cut(x, y))
            return "which layers attend locally";
        if ((a->rope < 0) != (b->rope < 0))
            return "which layers have positions";
        if (a->rope >= 0 && !same_rope(&x->ropes[a->rope], &y->ropes[b->rope], x->config.context))
            return "its rotary positions";
    }
    return NULL;
}

bool export_check(const HoneExport *source, const char *path, HoneProgress *progress, GError **error)
{
    g_autoptr(HoneModel) written = export_describe(path, error);
    if (written == NULL) {
        g_prefix_error(error, "What was written cannot be read: ");
        return false;
    }
    const char *difference = difference_of_numbers(source->model, written);
    if (difference == NULL)
        difference = difference_of_layers(source->model, written);
    if (difference != NULL)
        return differs(source, error, difference);
    g_autoptr(HoneTokenizer) mine = hone_checkpoint_tokenizer(source->model->checkpoint, error);
    g_autoptr(HoneTokenizer) other = mine != NULL ? hone_checkpoint_tokenizer(written->checkpoint, error) : NULL;
    if (other == NULL)
        return false;
    g_autofree char *tokens = text_convert_difference(mine, other);
    if (tokens != NULL)
        return differs(source, error, tokens);
    const char *a = hone_checkpoint_template(source->model->checkpoint);
    const char *b = hone_checkpoint_template(written->checkpoint);
    if (g_strcmp0(a, b) != 0)
        return differs(source, error, "its chat template");
    g_autofree char *spaces = text_convert_space_difference(mine, other);
    if (written->config.context < source->model->config.context)
        hone_progress_note(
            progress, HONE_NOTE_WARNING,
            "%s: a GGUF of this family has no sliding window, so its context is cut from %zu positions to "
            "the window's %zu, within which the model is the same",
            path, source->model->config.context, written->config.context);
    if (written->format == HONE_CHECKPOINT_GGUF && written->config.window > 0 &&
        strcmp(written->family->name, "phi3") == 0)
        hone_progress_note(
            progress, HONE_NOTE_WARNING,
            "%s: llama.cpp leaves out the sliding window of Phi-3: past %zu positions its text is another", path,
            written->config.window);
    if (spaces != NULL)
        hone_progress_note(progress, HONE_NOTE_WARNING, "%s: the format cannot say %s", path, spaces);
    return true;
}

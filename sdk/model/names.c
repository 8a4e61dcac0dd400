/* SPDX-License-Identifier: Apache-2.0
 * names.c: what a model's tensors are called, in its files and in transformers.
 */
#include "internal.h"

#include <string.h>

static bool in_gguf(const HoneModel *m, NameKind kind)
{
    return kind == NAME_FILE && m->format == HONE_CHECKPOINT_GGUF;
}

static const char *trunk(const HoneModel *m, NameKind kind)
{
    return kind == NAME_FILE ? m->file_trunk : m->trunk;
}

char *name_embedding(const HoneModel *m, NameKind kind)
{
    return in_gguf(m, kind) ? g_strdup("token_embd.weight") : g_strconcat(trunk(m, kind), "embed_tokens.weight", NULL);
}

char *name_output_norm(const HoneModel *m, NameKind kind)
{
    return in_gguf(m, kind) ? g_strdup("output_norm.weight") : g_strconcat(trunk(m, kind), "norm.weight", NULL);
}

char *name_head(const HoneModel *m, NameKind kind)
{
    if (in_gguf(m, kind))
        return g_strdup("output.weight");
    /* It stands beside the trunk where that is a model of its own in the folder. */
    bool nested = kind == NAME_FILE && strcmp(m->file_trunk, "language_model.model.") == 0;
    return g_strdup(nested ? "language_model.lm_head.weight" : "lm_head.weight");
}

static char *name_in_layer(const HoneModel *m, NameKind kind, size_t layer, const TensorName *name, const char *suffix)
{
    if (in_gguf(m, kind))
        return g_strdup_printf("blk.%zu.%s%s", layer, name->file, suffix);
    return g_strdup_printf("%slayers.%zu.%s%s", trunk(m, kind), layer, name->module, suffix);
}

char *name_norm(const HoneModel *m, NameKind kind, size_t layer, Norm norm)
{
    return name_in_layer(m, kind, layer, &m->family->norms[norm], ".weight");
}

char *name_linear(const HoneModel *m, NameKind kind, size_t layer, Linear linear, bool bias)
{
    return name_in_layer(m, kind, layer, &m->family->linears[linear], bias ? ".bias" : ".weight");
}

char *name_module(const HoneModel *m, size_t layer, Linear linear)
{
    return name_in_layer(m, NAME_PARAMETER, layer, &m->family->linears[linear], "");
}

size_t norm_size(const HoneModel *m, Norm norm)
{
    const HoneModelConfig *c = &m->config;
    if (norm != NORM_Q && norm != NORM_K)
        return c->width;
    size_t heads = m->family->qk_norm == QK_NORM_HEAD ? 1 : norm == NORM_Q ? c->heads : c->kv_heads;
    return heads * c->head_dim;
}

/* SPDX-License-Identifier: Apache-2.0
 * export_gguf.c: a model as one GGUF. From a GGUF its metadata are carried along as they are; from a folder they are
 * made.
 */
#include "../text/convert.h"
#include "export.h"

#include <string.h>

/* general.file_type, as llama.cpp numbers it, of each type that is written. */
static const struct {
    HoneType type;
    uint32_t number;
} file_types[] = {{HONE_F32, 0}, {HONE_F16, 1}, {HONE_Q4_0, 2}, {HONE_Q8_0, 7}, {HONE_Q4_K, 14}, {HONE_BF16, 32}};

static HoneType whole_type(const HoneExport *source, HoneType asked)
{
    if (asked != 0)
        return asked;
    HoneType own = export_tensor(source, 0)->type; /* the embedding's */
    return own == HONE_F32 || own == HONE_F16 ? own : HONE_BF16;
}

/* What a 4-bit type would lose most by: every token's first and last step. */
static bool is_outer(const Parameter *p)
{
    return g_str_has_suffix(p->name, "embed_tokens.weight") || strcmp(p->name, "lm_head.weight") == 0;
}

static HoneType type_of(const Parameter *p, HoneType whole)
{
    if (p->columns == 0)
        return HONE_F32;
    HoneType type = is_outer(p) && (whole == HONE_Q4_0 || whole == HONE_Q4_K) ? HONE_Q8_0 : whole;
    if (p->columns % hone_type_block(type) == 0)
        return type;
    return p->columns % hone_type_block(HONE_Q8_0) == 0 ? HONE_Q8_0 : HONE_F16;
}

/* ---- Metadata. ---- */

/* What says how the base's own file was made. */
static bool is_of_the_file(const char *key)
{
    static const char *const keys[] = {"general.file_type", "general.quantization_version", "general.alignment"};
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return g_str_has_prefix(key, "split.") || g_str_has_prefix(key, "quantize.");
}

static bool put_tokenizer(HoneGgufWriter *writer, const HoneModel *m, GError **error)
{
    g_autoptr(HoneTokenizer) tokenizer = hone_checkpoint_tokenizer(m->checkpoint, error);
    if (tokenizer == NULL || !text_put_gguf(tokenizer, m->config.vocab, writer, m->path, error))
        return false;
    JsonNode *pad = json_object_get_member(hone_checkpoint_json(m->checkpoint, "config.json"), "pad_token_id");
    if (pad != NULL && JSON_NODE_HOLDS_VALUE(pad) && json_node_get_value_type(pad) == G_TYPE_INT64 &&
        json_node_get_int(pad) >= 0 && (guint64)json_node_get_int(pad) < m->config.vocab)
        hone_gguf_writer_u32(writer, "tokenizer.ggml.padding_token_id", (uint32_t)json_node_get_int(pad));
    const char *template = hone_checkpoint_template(m->checkpoint);
    if (template != NULL)
        hone_gguf_writer_string(writer, "tokenizer.chat_template", template);
    return true;
}

static bool put_metadata(HoneGgufWriter *writer, const HoneModel *m, HoneType type, const char *name, GError **error)
{
    const HoneGguf *gguf = hone_checkpoint_gguf(m->checkpoint);
    for (size_t i = 0; gguf != NULL && i < hone_gguf_n_keys(gguf); i++)
        if (!is_of_the_file(hone_gguf_key(gguf, i)))
            hone_gguf_writer_copy(writer, gguf, hone_gguf_key(gguf, i));
    if (gguf == NULL && (!export_put_meta(writer, m, name, error) || !put_tokenizer(writer, m, error)))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(file_types); i++)
        if (file_types[i].type == type)
            hone_gguf_writer_u32(writer, "general.file_type", file_types[i].number);
    hone_gguf_writer_u32(writer, "general.quantization_version", 2); /* of the block layouts, since 2023 */
    return true;
}

/* ---- Tensors. ---- */

static void describe(HoneGgufWriter *writer, const HoneExport *source, HoneType whole, const GArray *factors,
                     HoneExportFacts *facts)
{
    for (size_t i = 0; i < export_n_parameters(source); i++) {
        const Parameter *p = export_parameter(source, i);
        HoneType type = type_of(p, whole);
        hone_gguf_writer_tensor(writer, export_target(source, i, TO_GGUF)->file, type, p->columns > 0 ? 2 : 1,
                                (const size_t[]){p->rows, p->columns});
        facts->other_types += p->columns > 0 && type != whole && !(is_outer(p) && type == HONE_Q8_0);
    }
    for (guint i = 0; i < factors->len; i++) {
        const RopeFactors *f = &g_array_index(factors, RopeFactors, i);
        hone_gguf_writer_tensor(writer, f->name, HONE_F32, 1, &f->n);
    }
}

static bool put(void *to, const void *data, size_t size, GError **error)
{
    return hone_gguf_writer_put(to, data, size, error);
}

static bool write_tensors(HoneGgufWriter *writer, HoneExport *source, HoneType whole, const HoneExportOptions *options,
                          const GArray *factors, HoneExportFacts *facts, GError **error)
{
    Stream stream;
    size_t other_types = facts->other_types;
    stream_init(&stream, source, options, TO_GGUF, facts);
    stream.put = put;
    stream.to = writer;
    facts->type = whole;
    facts->other_types = other_types;
    for (size_t i = 0; i < export_n_parameters(source); i++)
        if (!stream_parameter(&stream, i, type_of(export_parameter(source, i), whole), error))
            return false;
    for (guint i = 0; i < factors->len; i++) {
        const RopeFactors *f = &g_array_index(factors, RopeFactors, i);
        if (!hone_gguf_writer_put(writer, f->values, f->n * sizeof(float), error))
            return false;
    }
    return stream_finish(&stream, error);
}

bool hone_export_gguf(HoneExport *source, const char *path, const HoneExportOptions *options, HoneExportFacts *facts,
                      GError **error)
{
    g_return_val_if_fail(source != NULL && path != NULL && options != NULL, false);
    HoneType whole = whole_type(source, options->type);
    if (!hone_type_is_written(whole)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "Hone does not write %s; f32, f16, bf16, q8_0, q4_0 and q4_k are possible.", hone_type_name(whole));
        return false;
    }
    HoneExportFacts own = {0};
    facts = facts != NULL ? facts : &own;
    *facts = (HoneExportFacts){0};
    g_autoptr(HoneGgufWriter) writer = hone_gguf_writer_new();
    g_autoptr(GArray) factors = export_rope_factors(source->model);
    if (!put_metadata(writer, source->model, whole, options->name, error))
        return false;
    describe(writer, source, whole, factors, facts);
    return hone_gguf_writer_begin(writer, path, error) &&
           write_tensors(writer, source, whole, options, factors, facts, error) &&
           hone_gguf_writer_finish(writer, error) && export_check(source, path, options->progress, error);
}

/* ---- The adapter alone. ---- */

static bool put_pair(HoneGgufWriter *writer, const HoneExport *source, size_t parameter, double alpha, GError **error)
{
    const Delta *delta = &source->deltas[parameter];
    size_t rank = delta->a->shape[0], rows = delta->b->shape[0], n = delta->a->shape[1] * rank;
    size_t width = export_target(source, parameter, TO_GGUF)->heads > 0 ? source->model->config.head_dim : 0;
    g_autofree float *a = g_new(float, n), *b = g_new(float, rows *rank), *ordered = g_new(float, rows *rank);
    hone_type_to_f32(delta->a->type, delta->a->data, a, n);
    hone_type_to_f32(delta->b->type, delta->b->data, b, rows * rank);
    for (size_t row = 0; row < rows; row++)
        memcpy(ordered + row * rank, b + (width > 0 ? rows_plain(row, width) : row) * rank, rank * sizeof *b);
    /* Loaders scale by the one alpha / rank of the tensor: another scale goes into B. */
    float factor = (float)(delta->scale * (double)rank / alpha);
    for (size_t i = 0; i < rows * rank && factor != 1; i++)
        ordered[i] *= factor;
    return hone_gguf_writer_put(writer, a, n * sizeof *a, error) &&
           hone_gguf_writer_put(writer, ordered, rows * rank * sizeof *ordered, error);
}

bool hone_export_gguf_adapter(HoneExport *source, const char *path, GError **error)
{
    g_return_val_if_fail(source != NULL && path != NULL, false);
    if (source->pairs == NULL) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: is a model without an adapter; name the node that trained one.", source->model->path);
        return false;
    }
    if (source->settings.dora) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "%s: a GGUF adapter has no place for DoRA's magnitudes; merge it into the model instead.",
                    source->adapter);
        return false;
    }
    g_autoptr(HoneGgufWriter) writer = hone_gguf_writer_new();
    hone_gguf_writer_string(writer, "general.architecture", source->model->family->architecture);
    hone_gguf_writer_string(writer, "general.type", "adapter");
    hone_gguf_writer_string(writer, "adapter.type", "lora");
    /* Loaders scale by alpha / rank; with rsLoRA that is another alpha than PEFT's. */
    double scale, alpha = (double)adapter_module(&source->settings, "", &scale);
    alpha *= scale;
    hone_gguf_writer_f32(writer, "adapter.lora.alpha", (float)alpha);
    for (size_t i = 0; i < export_n_parameters(source); i++) {
        const Delta *delta = &source->deltas[i];
        if (delta->a == NULL)
            continue;
        const char *name = export_target(source, i, TO_GGUF)->file;
        g_autofree char *a = g_strconcat(name, ".lora_a", NULL), *b = g_strconcat(name, ".lora_b", NULL);
        hone_gguf_writer_tensor(writer, a, HONE_F32, 2, delta->a->shape);
        hone_gguf_writer_tensor(writer, b, HONE_F32, 2, delta->b->shape);
    }
    if (!hone_gguf_writer_begin(writer, path, error))
        return false;
    for (size_t i = 0; i < export_n_parameters(source); i++)
        if (source->deltas[i].a != NULL && !put_pair(writer, source, i, alpha, error))
            return false;
    return hone_gguf_writer_finish(writer, error);
}

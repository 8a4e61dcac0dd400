/* SPDX-License-Identifier: Apache-2.0
 * export_folder.c: a model as transformers reads it: config.json, safetensors in one file or in shards, the tokenizer's
 * files. From a folder they are carried along; from a GGUF they are made.
 */
#include "../text/convert.h"
#include "export.h"

#include <hone/file.h>
#include <string.h>

#define INDEX "model.safetensors.index.json"

typedef struct Plan {
    HoneExport *source;
    const HoneExportOptions *options;
    const char *folder;
    HoneSafetensor *tensors; /* [parameters], without data */
    size_t *shard;           /* [parameters] */
    size_t n_shards;
    uint64_t total;
    HoneType type; /* of most */
} Plan;

static bool is_plain(HoneType type)
{
    return type == HONE_F32 || type == HONE_F16 || type == HONE_BF16;
}

/* Each tensor of a folder keeps its own type where none is asked for; the blocks of a GGUF have no counterpart. */
static HoneType type_of(const HoneExport *source, size_t parameter, HoneType asked)
{
    if (asked != 0)
        return asked;
    bool folder = source->model->format == HONE_CHECKPOINT_FOLDER;
    HoneType own = export_tensor(source, folder ? parameter : 0)->type; /* the embedding comes first */
    return is_plain(own) ? own : HONE_BF16;
}

static void make_plan(Plan *plan)
{
    size_t n = export_n_parameters(plan->source);
    uint64_t in_shard = 0, limit = plan->options->shard > 0 ? plan->options->shard : UINT64_MAX;
    plan->tensors = g_new0(HoneSafetensor, n);
    plan->shard = g_new0(size_t, n);
    plan->type = type_of(plan->source, 0, plan->options->type);
    for (size_t i = 0; i < n; i++) {
        const Parameter *p = export_parameter(plan->source, i);
        HoneSafetensor *t = &plan->tensors[i];
        *t = (HoneSafetensor){.name = export_target(plan->source, i, TO_FOLDER)->file,
                              .type = type_of(plan->source, i, plan->options->type),
                              .rank = p->columns > 0 ? 2 : 1,
                              .shape = {p->rows, p->columns}};
        bool fits = hone_type_bytes(t->type, p->rows * MAX(p->columns, 1), &t->bytes);
        g_assert(fits);
        if (in_shard > 0 && t->bytes > limit - MIN(in_shard, limit)) {
            plan->n_shards++;
            in_shard = 0;
        }
        in_shard += t->bytes;
        plan->total += t->bytes;
        plan->shard[i] = plan->n_shards;
    }
    plan->n_shards++;
}

static char *shard_name(const Plan *plan, size_t shard)
{
    return plan->n_shards == 1 ? g_strdup("model.safetensors")
                               : g_strdup_printf("model-%05zu-of-%05zu.safetensors", shard + 1, plan->n_shards);
}

static bool put(void *to, const void *data, size_t size, GError **error)
{
    return hone_safetensors_writer_put(to, data, size, error);
}

/* Parameters [first, end). */
static bool write_shard(const Plan *plan, Stream *stream, size_t first, size_t end, GError **error)
{
    g_autofree char *name = shard_name(plan, plan->shard[first]), *path = g_build_filename(plan->folder, name, NULL);
    g_autoptr(JsonObject) meta = json_object_new();
    json_object_set_string_member(meta, "format", "pt"); /* transformers refuses a file that does not say it */
    g_autoptr(HoneSafetensorsWriter) writer =
        hone_safetensors_writer_new(path, plan->tensors + first, end - first, meta, error);
    if (writer == NULL)
        return false;
    stream->put = put;
    stream->to = writer;
    for (size_t i = first; i < end; i++)
        if (!stream_parameter(stream, i, plan->tensors[i].type, error))
            return false;
    return hone_safetensors_writer_finish(writer, error);
}

static bool write_index(const Plan *plan, GError **error)
{
    g_autoptr(JsonObject) index = json_object_new();
    JsonObject *meta = json_object_new(), *map = json_object_new();
    json_object_set_int_member(meta, "total_size", (gint64)plan->total);
    for (size_t i = 0; i < export_n_parameters(plan->source); i++) {
        g_autofree char *name = shard_name(plan, plan->shard[i]);
        json_object_set_string_member(map, plan->tensors[i].name, name);
    }
    json_object_set_object_member(index, "metadata", meta);
    json_object_set_object_member(index, "weight_map", map);
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), index);
    g_autofree char *path = g_build_filename(plan->folder, INDEX, NULL);
    return hone_file_write_json(path, node, error);
}

static bool write_weights(const Plan *plan, HoneExportFacts *facts, GError **error)
{
    size_t n = export_n_parameters(plan->source);
    Stream stream;
    stream_init(&stream, plan->source, plan->options, TO_FOLDER, facts);
    facts->type = plan->type;
    for (size_t first = 0, end; first < n; first = end) {
        for (end = first; end < n && plan->shard[end] == plan->shard[first];)
            end++;
        if (!write_shard(plan, &stream, first, end, error))
            return false;
    }
    return stream_finish(&stream, error) && (plan->n_shards == 1 || write_index(plan, error));
}

/* ---- What stands beside the weights. ---- */

static bool carry(const Plan *plan, const char *name, GError **error)
{
    g_autofree char *from = g_build_filename(hone_checkpoint_path(plan->source->model->checkpoint), name, NULL);
    g_autofree char *to = g_build_filename(plan->folder, name, NULL);
    return hone_file_copy(from, to, error);
}

/* The terms of a model go where the model goes. */
static bool carry_licences(const Plan *plan, GError **error)
{
    static const char *const prefixes[] = {"LICENSE", "LICENCE", "NOTICE", "USE_POLICY"};
    g_autoptr(GDir) dir = g_dir_open(hone_checkpoint_path(plan->source->model->checkpoint), 0, NULL);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
            g_autofree char *path = g_build_filename(hone_checkpoint_path(plan->source->model->checkpoint), name, NULL);
            if (g_str_has_prefix(name, prefixes[i]) && g_file_test(path, G_FILE_TEST_IS_REGULAR) &&
                !carry(plan, name, error))
                return false;
        }
    return true;
}

static bool write_json(const Plan *plan, const char *name, JsonNode *node, GError **error)
{
    g_autofree char *path = g_build_filename(plan->folder, name, NULL);
    return hone_file_write_json(path, node, error);
}

/* The folder's own config.json but for the type of the weights. */
static bool carry_config(const Plan *plan, GError **error)
{
    if (plan->source->model->text_part) { /* of a model with images: a text model from here on */
        g_autoptr(JsonNode) made = export_config_json(plan->source->model, plan->type);
        return write_json(plan, "config.json", made, error);
    }
    JsonObject *own = hone_checkpoint_json(plan->source->model->checkpoint, "config.json");
    g_autoptr(JsonObject) copy = json_object_new();
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;
    json_object_iter_init_ordered(&iter, own);
    while (json_object_iter_next_ordered(&iter, &name, &value))
        json_object_set_member(copy, name, json_node_copy(value));
    /* transformers' name since 5, and before. */
    json_object_set_string_member(copy, json_object_has_member(own, "dtype") ? "dtype" : "torch_dtype",
                                  export_dtype_name(plan->type));
    g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), copy);
    return write_json(plan, "config.json", node, error);
}

static JsonNode *generation_config(const HoneTokenizer *tokenizer)
{
    g_autoptr(JsonObject) object = json_object_new();
    if (hone_tokenizer_bos(tokenizer) >= 0)
        json_object_set_int_member(object, "bos_token_id", hone_tokenizer_bos(tokenizer));
    json_object_set_array_member(object, "eos_token_id", text_folder_ends(tokenizer));
    return json_node_init_object(json_node_alloc(), object);
}

/* What a GGUF says in metadata, in the files that a folder has for it. */
static bool make_beside(const Plan *plan, GError **error)
{
    const HoneModel *m = plan->source->model;
    g_autoptr(HoneTokenizer) tokenizer = hone_checkpoint_tokenizer(m->checkpoint, error);
    g_autoptr(JsonNode) tokens = tokenizer != NULL ? text_folder_json(tokenizer, m->path, error) : NULL;
    if (tokens == NULL)
        return false;
    g_autoptr(JsonNode) config = export_config_json(m, plan->type);
    g_autoptr(JsonNode) settings = text_folder_config(tokenizer, m->config.context);
    g_autoptr(JsonNode) generation = generation_config(tokenizer);
    const char *template = hone_checkpoint_template(m->checkpoint);
    g_autofree char *path = g_build_filename(plan->folder, "chat_template.jinja", NULL);
    return write_json(plan, "config.json", config, error) && write_json(plan, "tokenizer.json", tokens, error) &&
           write_json(plan, "tokenizer_config.json", settings, error) &&
           write_json(plan, "generation_config.json", generation, error) &&
           (template == NULL || hone_file_write(path, template, strlen(template), error));
}

static bool write_beside(const Plan *plan, GError **error)
{
    const HoneCheckpoint *checkpoint = plan->source->model->checkpoint;
    if (hone_checkpoint_format(checkpoint) == HONE_CHECKPOINT_GGUF)
        return make_beside(plan, error);
    for (const char *const *name = hone_checkpoint_files(checkpoint); *name != NULL; name++)
        if (!g_str_has_suffix(*name, ".safetensors") && strcmp(*name, INDEX) != 0 &&
            strcmp(*name, "config.json") != 0 && !carry(plan, *name, error))
            return false;
    return carry_licences(plan, error) && carry_config(plan, error);
}

bool hone_export_folder(HoneExport *source, const char *folder, const HoneExportOptions *options,
                        HoneExportFacts *facts, GError **error)
{
    g_return_val_if_fail(source != NULL && folder != NULL && options != NULL, false);
    HoneExportFacts own;
    if (options->type != 0 && !is_plain(options->type)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "A folder of safetensors holds f32, f16 or bf16, not %s; write a GGUF for it.",
                    hone_type_name(options->type));
        return false;
    }
    Plan plan = {.source = source, .options = options, .folder = folder};
    make_plan(&plan);
    /* What may be refused comes before the work. */
    bool ok = write_beside(&plan, error) && write_weights(&plan, facts != NULL ? facts : &own, error) &&
              export_check(source, folder, options->progress, error);
    g_free(plan.tensors);
    g_free(plan.shard);
    return ok;
}

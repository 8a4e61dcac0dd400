/* SPDX-License-Identifier: Apache-2.0
 * adapter_io.c: an adapter as PEFT keeps it: adapter_model.safetensors and adapter_config.json.
 *
 * Written so that peft 0.21 reads it, and read as peft writes it. What would change the adapter's meaning and is not
 * supported (DoRA, biases, ranks that differ by pattern, whole modules saved beside it) is refused, never passed over.
 */
#include "internal.h"

#include <hone/file.h>
#include <math.h>
#include <string.h>

#define MOST_CONFIG (1u << 20) /* bytes of adapter_config.json */
#define TENSORS "adapter_model.safetensors"
#define CONFIG "adapter_config.json"

/* ---- Reading. ---- */

static bool refuse(GError **error, const char *path, const char *format, ...) G_GNUC_PRINTF(3, 4);

static bool refuse(GError **error, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED, "%s: %s.", path, text);
    return false;
}

/* Absent, null, false, "", 0 or an empty list or object: the feature is off. */
static bool is_off(JsonObject *config, const char *name)
{
    JsonNode *node = json_object_get_member(config, name);
    if (node == NULL || JSON_NODE_HOLDS_NULL(node))
        return true;
    if (JSON_NODE_HOLDS_ARRAY(node))
        return json_array_get_length(json_node_get_array(node)) == 0;
    if (JSON_NODE_HOLDS_OBJECT(node))
        return json_object_get_size(json_node_get_object(node)) == 0;
    if (json_node_get_value_type(node) == G_TYPE_STRING)
        return *json_node_get_string(node) == '\0';
    if (json_node_get_value_type(node) == G_TYPE_BOOLEAN)
        return !json_node_get_boolean(node);
    return json_node_get_double(node) == 0;
}

static bool number_of(JsonObject *config, const char *name, double *value)
{
    JsonNode *node = json_object_get_member(config, name);
    if (node == NULL || !JSON_NODE_HOLDS_VALUE(node))
        return false;
    GType type = json_node_get_value_type(node);
    if (type != G_TYPE_INT64 && type != G_TYPE_DOUBLE)
        return false;
    *value = json_node_get_double(node);
    return isfinite(*value);
}

static bool is_text(JsonObject *config, const char *name, const char *text)
{
    JsonNode *node = json_object_get_member(config, name);
    return node != NULL && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING &&
           strcmp(json_node_get_string(node), text) == 0;
}

static bool read_settings(const char *path, AdapterSettings *settings, GError **error)
{
    g_autoptr(JsonObject) config = hone_file_read_json(path, MOST_CONFIG, error);
    if (config == NULL)
        return false;
    if (!is_text(config, "peft_type", "LORA"))
        return refuse(error, path, "\"peft_type\" is not \"LORA\"; only LoRA adapters are supported");
    if (!is_off(config, "bias") && !is_text(config, "bias", "none"))
        return refuse(error, path, "\"bias\" is not \"none\"; adapters with biases are not supported");
    static const char *const features[] = {
        "use_dora",          "use_qalora",
        "use_bdlora",        "lora_bias",
        "fan_in_fan_out",    "rank_pattern",
        "alpha_pattern",     "modules_to_save",
        "layer_replication", "trainable_token_indices",
        "target_parameters", "alora_invocation_tokens",
        "arrow_config",      "velora_config",
        "monteclora_config", "kasa_config",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(features); i++)
        if (!is_off(config, features[i]))
            return refuse(error, path, "\"%s\" is set; this kind of adapter is not supported", features[i]);
    double rank, dropout = 0;
    if (!number_of(config, "r", &rank) || !(rank >= 1 && rank <= 65536) || rank != floor(rank))
        return refuse(error, path, "\"r\" is no rank");
    if (!number_of(config, "lora_alpha", &settings->alpha) || !(settings->alpha > 0))
        return refuse(error, path, "\"lora_alpha\" is no number above 0");
    if (json_object_has_member(config, "lora_dropout") && !number_of(config, "lora_dropout", &dropout))
        return refuse(error, path, "\"lora_dropout\" is no number");
    settings->rank = (size_t)rank;
    settings->dropout = dropout;
    settings->rslora = !is_off(config, "use_rslora");
    return true;
}

/* Where a tensor of the file belongs. */
typedef struct Place {
    size_t layer;
    Linear linear; /* the first of its module's */
    bool is_b;
} Place;

/* Name of a tensor -> Place, of every adapter that the model can carry. */
static GHashTable *list_places(const HoneModel *m)
{
    GHashTable *places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (size_t l = 0; l < m->config.layers; l++)
        for (Linear i = 0; i < N_LINEAR; i++)
            for (int is_b = 0; is_b < 2 && linear_span(m->family, i) > 0; is_b++)
                g_hash_table_insert(places, adapter_name(m, l, i, is_b),
                                    g_memdup2(&(Place){l, i, is_b}, sizeof(Place)));
    return places;
}

static bool find_places(const HoneModel *m, const HoneSafetensors *file, const char *path, size_t rank, uint32_t *mask,
                        GError **error)
{
    g_autofree uint32_t *b_mask = g_new0(uint32_t, m->config.layers);
    g_autoptr(GHashTable) places = list_places(m);
    for (size_t i = 0; i < hone_safetensors_count(file); i++) {
        const HoneSafetensor *tensor = hone_safetensors_get(file, i);
        const Place *place = g_hash_table_lookup(places, tensor->name);
        if (place == NULL)
            return refuse(error, path, "tensor \"%s\" belongs to no linear map of this model (%s, %zu layers)",
                          tensor->name, m->config.family, m->config.layers);
        size_t rows = place->is_b ? adapter_out(m, place->linear) : rank;
        size_t columns = place->is_b ? rank : linear_in(&m->config, place->linear);
        if (tensor->rank != 2 || tensor->shape[0] != rows || tensor->shape[1] != columns || tensor->type == HONE_I32)
            return refuse(error, path, "tensor \"%s\" is no matrix of %zu x %zu, which this model and rank %zu need",
                          tensor->name, rows, columns, rank);
        (place->is_b ? b_mask : mask)[place->layer] |= linear_mask(m->family, place->linear);
    }
    for (size_t l = 0; l < m->config.layers; l++)
        if (mask[l] != b_mask[l])
            return refuse(error, path, "layer %zu has a lora_A without its lora_B, or the reverse", l);
    return true;
}

HoneSafetensors *adapter_open(const HoneModel *m, const char *folder, AdapterSettings *settings, uint32_t *mask,
                              GError **error)
{
    g_autofree char *config_path = g_build_filename(folder, CONFIG, NULL);
    g_autofree char *path = g_build_filename(folder, TENSORS, NULL);
    if (!read_settings(config_path, settings, error))
        return NULL;
    g_autoptr(HoneSafetensors) file = hone_safetensors_open(path, error);
    if (file == NULL || !find_places(m, file, path, settings->rank, mask, error))
        return NULL;
    return g_steal_pointer(&file);
}

bool hone_model_load_adapter(HoneModel *m, const char *folder, GError **error)
{
    g_return_val_if_fail(m != NULL && folder != NULL, false);
    if (m->has_adapter) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED, "The model has an adapter already; it takes one.");
        return false;
    }
    if (m->trains_weights) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED, "The model's weights are trained; it takes no adapter.");
        return false;
    }
    AdapterSettings settings;
    g_autofree uint32_t *mask = g_new0(uint32_t, m->config.layers);
    g_autoptr(HoneSafetensors) file = adapter_open(m, folder, &settings, mask, error);
    if (file == NULL)
        return false;
    if (!adapter_create(m, mask, settings.rank, settings.alpha, settings.dropout, settings.rslora, error)) {
        g_prefix_error(error, "%s: ", folder);
        return false;
    }
    g_autofree float *values = g_new0(float, m->all_values.shape[0]);
    for (size_t i = 0; i < m->n_trainables; i++) {
        const HoneTrainable *t = &m->trainables[i];
        const HoneSafetensor *tensor = hone_safetensors_find(file, t->name);
        hone_type_to_f32(tensor->type, tensor->data, values + t->value.offset / sizeof(float),
                         hone_tensor_count(t->value));
    }
    if (!hone_backend_upload(m->backend, m->all_values, values, error)) {
        adapter_remove(m);
        return false;
    }
    return true;
}

/* ---- Writing. ---- */

static void add_targets(JsonBuilder *builder, const HoneModel *m)
{
    uint32_t masks[2] = {0, UINT32_MAX}; /* in some layer; in every layer */
    for (size_t l = 0; l < m->config.layers; l++) {
        uint32_t mask = 0;
        for (Linear i = 0; i < N_LINEAR; i++)
            if (m->layers[l].adapter[i].a.buffer != NULL)
                mask |= 1u << i;
        masks[0] |= mask;
        masks[1] &= mask;
    }
    json_builder_begin_array(builder);
    /* The other parts of a larger model have modules of the same names. */
    if (masks[0] == masks[1] && !m->text_part) {
        for (Linear i = 0; i < N_LINEAR; i++)
            if (masks[0] & (1u << i) && linear_span(m->family, i) > 0)
                json_builder_add_string_value(builder, linear_target(m->family, i));
    } else {
        for (size_t l = 0; l < m->config.layers; l++) {
            for (Linear i = 0; i < N_LINEAR; i++) {
                if (m->layers[l].adapter[i].a.buffer == NULL || linear_span(m->family, i) == 0)
                    continue;
                g_autofree char *name = name_module(m, l, i);
                json_builder_add_string_value(builder, name);
            }
        }
    }
    json_builder_end_array(builder);
}

static JsonNode *settings_json(const HoneModel *m)
{
    g_autoptr(JsonBuilder) b = json_builder_new();
    json_builder_begin_object(b);
    json_builder_set_member_name(b, "base_model_name_or_path");
    json_builder_add_null_value(b);
    json_builder_set_member_name(b, "bias");
    json_builder_add_string_value(b, "none");
    json_builder_set_member_name(b, "fan_in_fan_out");
    json_builder_add_boolean_value(b, FALSE);
    json_builder_set_member_name(b, "inference_mode");
    json_builder_add_boolean_value(b, TRUE);
    json_builder_set_member_name(b, "init_lora_weights");
    json_builder_add_boolean_value(b, TRUE);
    json_builder_set_member_name(b, "lora_alpha");
    /* peft writes whole numbers as integers. */
    if (m->alpha == floor(m->alpha))
        json_builder_add_int_value(b, (gint64)m->alpha);
    else
        json_builder_add_double_value(b, m->alpha);
    json_builder_set_member_name(b, "lora_dropout");
    json_builder_add_double_value(b, m->dropout);
    json_builder_set_member_name(b, "modules_to_save");
    json_builder_add_null_value(b);
    json_builder_set_member_name(b, "peft_type");
    json_builder_add_string_value(b, "LORA");
    json_builder_set_member_name(b, "r");
    json_builder_add_int_value(b, (gint64)m->rank);
    json_builder_set_member_name(b, "target_modules");
    add_targets(b, m);
    json_builder_set_member_name(b, "task_type");
    json_builder_add_string_value(b, "CAUSAL_LM");
    json_builder_set_member_name(b, "use_dora");
    json_builder_add_boolean_value(b, FALSE);
    json_builder_set_member_name(b, "use_rslora");
    json_builder_add_boolean_value(b, m->rslora);
    json_builder_end_object(b);
    return json_builder_get_root(b);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const HoneSafetensor *)a)->name, ((const HoneSafetensor *)b)->name);
}

bool hone_model_save_adapter(HoneModel *m, const char *folder, GError **error)
{
    g_return_val_if_fail(m != NULL && folder != NULL, false);
    if (!m->has_adapter) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "The model has no adapter to save.");
        return false;
    }
    g_autofree float *values = g_new(float, m->all_values.shape[0]);
    if (!hone_backend_download(m->backend, values, m->all_values, error))
        return false;
    g_autofree HoneSafetensor *tensors = g_new0(HoneSafetensor, m->n_trainables);
    for (size_t i = 0; i < m->n_trainables; i++) {
        const HoneTrainable *t = &m->trainables[i];
        tensors[i] = (HoneSafetensor){.name = t->name,
                                      .type = HONE_F32,
                                      .rank = 2,
                                      .shape = {t->value.shape[0], t->value.shape[1]},
                                      .data = values + t->value.offset / sizeof(float),
                                      .bytes = hone_tensor_bytes(t->value)};
    }
    qsort(tensors, m->n_trainables, sizeof(*tensors), by_name);
    g_autoptr(JsonObject) meta = json_object_new();
    json_object_set_string_member(meta, "format", "pt");
    g_autofree char *path = g_build_filename(folder, TENSORS, NULL);
    g_autofree char *config_path = g_build_filename(folder, CONFIG, NULL);
    g_autoptr(JsonNode) settings = settings_json(m);
    return hone_safetensors_write(path, tensors, m->n_trainables, meta, error) &&
           hone_file_write_json(config_path, settings, error);
}

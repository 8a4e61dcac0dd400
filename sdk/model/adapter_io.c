/* SPDX-License-Identifier: Apache-2.0
 * adapter_io.c: an adapter as PEFT keeps it: adapter_model.safetensors and adapter_config.json.
 *
 * Written so that peft 0.21 reads it, and read as peft writes it. What would change the adapter's meaning and is not
 * supported (biases, whole modules saved beside it, a start that changed the base) is refused, never passed over.
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

/* An object of numbers by pattern; is *patterns NULL, there are none. */
static void read_patterns(JsonObject *config, const char *name, JsonObject **patterns)
{
    if (!is_off(config, name) && JSON_NODE_HOLDS_OBJECT(json_object_get_member(config, name)))
        *patterns = json_object_ref(json_object_get_object_member(config, name));
}

/* Such a start takes a part of the base's weights into the adapter, so the adapter does not fit the base's files. */
static bool changed_base(JsonObject *config)
{
    JsonNode *node = json_object_get_member(config, "init_lora_weights");
    if (node == NULL || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING)
        return false;
    const char *start = json_node_get_string(node);
    return g_str_has_prefix(start, "pissa") || strcmp(start, "olora") == 0 || strcmp(start, "corda") == 0;
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
        "use_qalora",        "use_bdlora",        "lora_bias",
        "fan_in_fan_out",    "modules_to_save",   "layer_replication",
        "target_parameters", "arrow_config",      "trainable_token_indices",
        "kasa_config",       "monteclora_config", "alora_invocation_tokens",
        "velora_config",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(features); i++)
        if (!is_off(config, features[i]))
            return refuse(error, path, "\"%s\" is set; this kind of adapter is not supported", features[i]);
    if (changed_base(config))
        return refuse(error, path,
                      "\"init_lora_weights\" says that the base was changed for this adapter; convert it to plain LoRA "
                      "when saving it (peft: path_initial_model_for_weight_conversion)");
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
    settings->dora = !is_off(config, "use_dora");
    /* Its dropout would matter only in training. */
    if (settings->dora)
        settings->dropout = 0;
    read_patterns(config, "rank_pattern", &settings->rank_pattern);
    read_patterns(config, "alpha_pattern", &settings->alpha_pattern);
    if (adapter_settings_check(settings, error))
        return true;
    g_prefix_error(error, "%s: ", path);
    return false;
}

/* Where a tensor of the file belongs. */
typedef struct Place {
    size_t layer;
    Linear linear; /* the first of its module's */
    AdapterPart part;
} Place;

/* Name of a tensor -> Place, of every adapter that the model can carry. */
static GHashTable *list_places(const HoneModel *m)
{
    GHashTable *places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (size_t l = 0; l < m->config.layers; l++)
        for (Linear i = 0; i < N_LINEAR; i++)
            for (AdapterPart part = 0; part < N_PART && linear_span(m->family, i) > 0; part++)
                g_hash_table_insert(places, adapter_name(m, l, i, part),
                                    g_memdup2(&(Place){l, i, part}, sizeof(Place)));
    return places;
}

/* Whether a tensor has the shape that its place needs. */
static bool fits(const HoneModel *m, const HoneSafetensor *tensor, const Place *place, const AdapterSettings *settings,
                 const char *path, GError **error)
{
    g_autofree char *module = name_module(m, place->layer, place->linear);
    double scale;
    size_t rank = adapter_module(settings, module, &scale), out = adapter_out(m, place->linear);
    size_t rows = place->part == PART_A ? rank : out;
    size_t columns = place->part == PART_A ? linear_in(&m->config, place->linear) : rank;
    if (place->part == PART_MAGNITUDE) {
        if (!settings->dora)
            return refuse(error, path, "tensor \"%s\" is a magnitude, but \"use_dora\" is not set", tensor->name);
        if (tensor->rank != 1 || tensor->shape[0] != out || tensor->type == HONE_I32)
            return refuse(error, path, "tensor \"%s\" is no vector of %zu, which this model needs", tensor->name, out);
        return true;
    }
    if (tensor->rank != 2 || tensor->shape[0] != rows || tensor->shape[1] != columns || tensor->type == HONE_I32)
        return refuse(error, path, "tensor \"%s\" is no matrix of %zu x %zu, which this model and rank %zu need",
                      tensor->name, rows, columns, rank);
    return true;
}

static bool find_places(const HoneModel *m, const HoneSafetensors *file, const char *path,
                        const AdapterSettings *settings, uint32_t *mask, GError **error)
{
    size_t layers = m->config.layers;
    g_autofree uint32_t *masks = g_new0(uint32_t, N_PART * layers);
    g_autoptr(GHashTable) places = list_places(m);
    for (size_t i = 0; i < hone_safetensors_count(file); i++) {
        const HoneSafetensor *tensor = hone_safetensors_get(file, i);
        const Place *place = g_hash_table_lookup(places, tensor->name);
        if (place == NULL)
            return refuse(error, path, "tensor \"%s\" belongs to no linear map of this model (%s, %zu layers)",
                          tensor->name, m->config.family, layers);
        if (!fits(m, tensor, place, settings, path, error))
            return false;
        masks[place->part * layers + place->layer] |= linear_mask(m->family, place->linear);
    }
    for (size_t l = 0; l < layers; l++) {
        mask[l] = masks[PART_A * layers + l];
        if (mask[l] != masks[PART_B * layers + l])
            return refuse(error, path, "layer %zu has a lora_A without its lora_B, or the reverse", l);
        if (settings->dora && mask[l] != masks[PART_MAGNITUDE * layers + l])
            return refuse(error, path, "layer %zu has an adapter without its lora_magnitude_vector, or the reverse", l);
    }
    return true;
}

HoneSafetensors *adapter_open(const HoneModel *m, const char *folder, AdapterSettings *settings, uint32_t *mask,
                              GError **error)
{
    g_autofree char *config_path = g_build_filename(folder, CONFIG, NULL);
    g_autofree char *path = g_build_filename(folder, TENSORS, NULL);
    *settings = (AdapterSettings){0};
    g_autoptr(HoneSafetensors) file =
        read_settings(config_path, settings, error) ? hone_safetensors_open(path, error) : NULL;
    if (file == NULL || !find_places(m, file, path, settings, mask, error)) {
        adapter_settings_clear(settings);
        return NULL;
    }
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
    bool made = adapter_create(m, mask, &settings, error);
    adapter_settings_clear(&settings);
    if (!made) {
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

/* peft writes whole numbers as integers. */
static void add_number(JsonBuilder *builder, double value)
{
    if (value == floor(value))
        json_builder_add_int_value(builder, (gint64)value);
    else
        json_builder_add_double_value(builder, value);
}

static void add_patterns(JsonBuilder *builder, const char *name, JsonObject *patterns, double factor)
{
    JsonObjectIter iter;
    const char *pattern;
    JsonNode *value;
    json_builder_set_member_name(builder, name);
    json_builder_begin_object(builder);
    if (patterns != NULL) {
        json_object_iter_init_ordered(&iter, patterns);
        while (json_object_iter_next_ordered(&iter, &pattern, &value)) {
            json_builder_set_member_name(builder, pattern);
            add_number(builder, json_node_get_double(value) * factor);
        }
    }
    json_builder_end_object(builder);
}

/* An adapter with PiSSA's start is written as one of twice the rank; alpha grows with it, so that the scale stays. */
static double rank_factor(const HoneModel *m)
{
    return m->adapter.pissa ? 2 : 1;
}

static double alpha_factor(const HoneModel *m)
{
    return !m->adapter.pissa ? 1 : m->adapter.rslora ? sqrt(2) : 2;
}

static JsonNode *settings_json(const HoneModel *m)
{
    const AdapterSettings *s = &m->adapter;
    g_autoptr(JsonBuilder) b = json_builder_new();
    json_builder_begin_object(b);
    add_patterns(b, "alpha_pattern", s->alpha_pattern, alpha_factor(m));
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
    add_number(b, s->alpha * alpha_factor(m));
    json_builder_set_member_name(b, "lora_dropout");
    json_builder_add_double_value(b, s->dropout);
    json_builder_set_member_name(b, "modules_to_save");
    json_builder_add_null_value(b);
    json_builder_set_member_name(b, "peft_type");
    json_builder_add_string_value(b, "LORA");
    json_builder_set_member_name(b, "r");
    json_builder_add_int_value(b, (gint64)((double)s->rank * rank_factor(m)));
    add_patterns(b, "rank_pattern", s->rank_pattern, rank_factor(m));
    json_builder_set_member_name(b, "target_modules");
    add_targets(b, m);
    json_builder_set_member_name(b, "task_type");
    json_builder_add_string_value(b, "CAUSAL_LM");
    json_builder_set_member_name(b, "use_dora");
    json_builder_add_boolean_value(b, s->dora);
    json_builder_set_member_name(b, "use_rslora");
    json_builder_add_boolean_value(b, s->rslora);
    json_builder_end_object(b);
    return json_builder_get_root(b);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const HoneSafetensor *)a)->name, ((const HoneSafetensor *)b)->name);
}

/* With PiSSA's start: [A; A₀] and [B, -B₀]. Caller frees. */
static float *with_start(const HoneModel *m, const Adapter *adapter, Linear first, AdapterPart part,
                         const float *trained, const float *fixed)
{
    size_t rank = adapter->rank, out = adapter_out(m, first), in = adapter->a.shape[1];
    const float *start = fixed + (part == PART_A ? adapter->start_a : adapter->start_b).offset / sizeof(float);
    if (part == PART_A) {
        float *a = g_new(float, 2 * rank * in);
        memcpy(a, trained, rank * in * sizeof *a);
        memcpy(a + rank * in, start, rank * in * sizeof *a);
        return a;
    }
    float *b = g_new(float, 2 * rank * out);
    for (size_t r = 0; r < out; r++)
        for (size_t k = 0; k < rank; k++) {
            b[2 * r * rank + k] = trained[r * rank + k];
            b[2 * r * rank + rank + k] = -start[r * rank + k];
        }
    return b;
}

static bool write_tensors(HoneModel *m, const char *path, HoneSafetensor *tensors, GError **error)
{
    qsort(tensors, m->n_trainables, sizeof(*tensors), by_name);
    g_autoptr(JsonObject) meta = json_object_new();
    json_object_set_string_member(meta, "format", "pt");
    return hone_safetensors_write(path, tensors, m->n_trainables, meta, error);
}

/* The adapter's tensors from the host's values, in the order of the trainables; what is made for them goes to `owned`.
 */
static HoneSafetensor *list_tensors(const HoneModel *m, const float *values, const float *fixed, GPtrArray *owned)
{
    HoneSafetensor *tensors = g_new0(HoneSafetensor, m->n_trainables), *next = tensors;
    const HoneTrainable *t = m->trainables;
    for (size_t l = 0; l < m->config.layers; l++)
        for (Linear i = 0; i < N_LINEAR; i++) {
            const Adapter *adapter = &m->layers[l].adapter[i];
            if (adapter->a.buffer == NULL || linear_span(m->family, i) == 0)
                continue;
            for (AdapterPart part = 0; part < (m->adapter.dora ? N_PART : PART_MAGNITUDE); part++, t++, next++) {
                HoneTensor value = t->value;
                const float *data = values + value.offset / sizeof(float);
                if (m->adapter.pissa) {
                    value.shape[part == PART_A ? 0 : 1] *= 2;
                    data = with_start(m, adapter, i, part, data, fixed);
                    g_ptr_array_add(owned, (gpointer)data);
                }
                *next = (HoneSafetensor){.name = t->name,
                                         .type = HONE_F32,
                                         .rank = value.rank,
                                         .shape = {value.shape[0], value.rank > 1 ? value.shape[1] : 0},
                                         .data = data,
                                         .bytes = hone_tensor_bytes(value)};
            }
        }
    return tensors;
}

bool hone_model_save_adapter(HoneModel *m, const char *folder, GError **error)
{
    g_return_val_if_fail(m != NULL && folder != NULL, false);
    if (!m->has_adapter) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND, "The model has no adapter to save.");
        return false;
    }
    g_autofree float *values = g_new(float, m->all_values.shape[0]), *fixed = g_new(float, m->all_fixed.shape[0] + 1);
    if (!hone_backend_download(m->backend, values, m->all_values, error) ||
        (m->adapter.pissa && !hone_backend_download(m->backend, fixed, m->all_fixed, error)))
        return false;
    g_autoptr(GPtrArray) owned = g_ptr_array_new_with_free_func(g_free);
    g_autofree HoneSafetensor *tensors = list_tensors(m, values, fixed, owned);
    g_autofree char *path = g_build_filename(folder, TENSORS, NULL);
    g_autofree char *config_path = g_build_filename(folder, CONFIG, NULL);
    g_autoptr(JsonNode) settings = settings_json(m);
    return write_tensors(m, path, tensors, error) && hone_file_write_json(config_path, settings, error);
}

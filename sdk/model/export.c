/* SPDX-License-Identifier: Apache-2.0
 * export.c: a model's files and an adapter's, looked at but not loaded.
 */
#include "export.h"

#include <string.h>

/* What the files say a model is, without a backend and without its weights. */
static HoneModel *describe(const char *path, GError **error)
{
    g_autoptr(HoneModel) m = g_new0(HoneModel, 1);
    m->path = g_strdup(path);
    m->checkpoint = hone_checkpoint_open(path, error);
    if (m->checkpoint == NULL || !config_read(m, error))
        return NULL;
    m->layers = g_new0(Layer, m->config.layers);
    parameters_list(m);
    return g_steal_pointer(&m);
}

HoneModel *export_describe(const char *path, GError **error)
{
    return describe(path, error);
}

/* The same parameters as the two formats have them: of a model with images, the text model alone. */
static GArray *list_for(const HoneModel *m, HoneCheckpointFormat format)
{
    HoneModel twin = *m;
    twin.format = format;
    twin.trunk = twin.file_trunk = "model.";
    parameters_list(&twin);
    return twin.parameters;
}

static void free_parameters(GArray *parameters)
{
    HoneModel holder = {.parameters = parameters};
    parameters_free(&holder);
}

/* "X.weight" has its adapter in "base_model.model.X.lora_A.weight" and so on. */
static const HoneSafetensor *find_part(const HoneExport *source, const char *module, const char *part)
{
    g_autofree char *name = g_strdup_printf("base_model.model.%s.%s", module, part);
    return hone_safetensors_find(source->pairs, name);
}

static bool open_adapter(HoneExport *source, const char *folder, GError **error)
{
    g_autofree uint32_t *mask = g_new0(uint32_t, source->model->config.layers);
    source->adapter = g_strdup(folder);
    source->pairs = adapter_open(source->model, folder, &source->settings, mask, error);
    if (source->pairs == NULL)
        return false;
    for (size_t i = 0; i < export_n_parameters(source); i++) {
        const Parameter *p = export_parameter(source, i);
        if (p->columns == 0 || !g_str_has_suffix(p->name, ".weight"))
            continue;
        g_autofree char *module = g_strndup(p->name, strlen(p->name) - strlen(".weight"));
        Delta *delta = &source->deltas[i];
        delta->a = find_part(source, module, "lora_A.weight");
        delta->b = find_part(source, module, "lora_B.weight");
        delta->magnitude = find_part(source, module, "lora_magnitude_vector");
        adapter_module(&source->settings, module, &delta->scale);
        source->n_deltas += delta->a != NULL;
    }
    /* adapter_open has matched every tensor with a module of the model. */
    g_assert((source->settings.dora ? 3 : 2) * source->n_deltas == hone_safetensors_count(source->pairs));
    if (source->n_deltas > 0)
        return true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: the adapter has no tensors; train it again.", folder);
    return false;
}

HoneExport *hone_export_open(const char *model, const char *adapter, GError **error)
{
    g_return_val_if_fail(model != NULL, NULL);
    g_autoptr(HoneExport) source = g_new0(HoneExport, 1);
    source->model = describe(model, error);
    if (source->model == NULL)
        return NULL;
    source->targets[TO_FOLDER] = list_for(source->model, HONE_CHECKPOINT_FOLDER);
    source->targets[TO_GGUF] = list_for(source->model, HONE_CHECKPOINT_GGUF);
    source->deltas = g_new0(Delta, export_n_parameters(source));
    if (adapter != NULL && !open_adapter(source, adapter, error))
        return NULL;
    return g_steal_pointer(&source);
}

HoneExport *hone_export_open_artifact(HoneArtifact *artifact, const char *hash_folder, GError **error)
{
    g_autoptr(HoneCheckpoint) checkpoint = hone_checkpoint_open_artifact(artifact, hash_folder, error);
    if (checkpoint == NULL)
        return NULL;
    bool adapter = hone_artifact_type(artifact) == HONE_ADAPTER;
    return hone_export_open(hone_checkpoint_path(checkpoint), adapter ? hone_artifact_folder(artifact) : NULL, error);
}

void hone_export_free(HoneExport *source)
{
    if (source == NULL)
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(source->targets); i++)
        free_parameters(source->targets[i]);
    g_clear_pointer(&source->model, hone_model_free);
    g_clear_pointer(&source->pairs, hone_safetensors_free);
    adapter_settings_clear(&source->settings);
    g_free(source->deltas);
    g_free(source->adapter);
    g_free(source);
}

bool hone_export_has_adapter(const HoneExport *source)
{
    return source->pairs != NULL;
}

const HoneModelConfig *hone_export_config(const HoneExport *source)
{
    return &source->model->config;
}

bool hone_model_save_weights(HoneModel *m, const char *folder, HoneType type, GError **error)
{
    g_return_val_if_fail(m != NULL && folder != NULL, false);
    if (!m->trains_weights) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_NOT_FOUND,
                    "The model's weights are as in %s: none were trained, so there are none to save.", m->path);
        return false;
    }
    g_autoptr(HoneExport) source = hone_export_open(hone_checkpoint_path(m->checkpoint), NULL, error);
    if (source == NULL)
        return false;
    source->trained = m;
    const HoneExportOptions options = {.size = sizeof(options), .type = type};
    return hone_export_folder(source, folder, &options, NULL, error);
}

size_t export_n_parameters(const HoneExport *source)
{
    return source->model->parameters->len;
}

const Parameter *export_parameter(const HoneExport *source, size_t i)
{
    return &g_array_index(source->model->parameters, Parameter, i);
}

const Parameter *export_target(const HoneExport *source, size_t i, ExportTarget target)
{
    return &g_array_index(source->targets[target], Parameter, i);
}

const HoneGgufTensor *export_tensor(const HoneExport *source, size_t i)
{
    const HoneGgufTensor *tensor = hone_checkpoint_find(source->model->checkpoint, export_parameter(source, i)->file);
    g_assert(tensor != NULL); /* config_read has seen to it */
    return tensor;
}

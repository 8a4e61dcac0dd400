/* SPDX-License-Identifier: Apache-2.0
 * model.c: names a model file: the stage that begins most pipelines.
 *
 * The file stays where it is: the artifact holds its path and the hash of its content, which everything that opens the
 * artifact compares again.
 */
#include <glib/gstdio.h>
#include <hone/file.h>
#include <hone/gguf.h>
#include <hone/stage.h>
#include <stdlib.h>

typedef struct Model {
    char *path;
} Model;

static const HoneParam own[] = {
    HONE_PATH(Model, path, NULL, "a model in GGUF format"),
    {0},
};

static const HoneParamGroup groups[] = {
    HONE_OWN_PARAMS(own),
    {0},
};

static const HonePort ports[] = {
    {"model", HONE_PORT_OUT, HONE_MODEL, 0, "the file's path and content hash"},
    {0},
};

static HoneGguf *open_model(const char *path, GError **error)
{
    if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
        g_set_error(
            error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
            "%s: is a folder; give the path of one GGUF file (folders of safetensors and names of a hub are not "
            "read)",
            path);
        return NULL;
    }
    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        g_set_error(
            error, HONE_ERROR, HONE_ERROR_NOT_FOUND,
            "%s: no such file; give the path of a GGUF file that is on this machine (names of a hub are not read)",
            path);
        return NULL;
    }
    g_autoptr(HoneGguf) gguf = hone_gguf_open(path, error);
    if (gguf && !hone_gguf_string(gguf, "general.architecture")) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: metadata 'general.architecture' is missing, so its family is not known; convert it again",
                    path);
        return NULL;
    }
    return g_steal_pointer(&gguf);
}

static bool check(const void *params, GError **error)
{
    const Model *model = params;
    g_autoptr(HoneGguf) gguf = open_model(model->path, error);
    return gguf != NULL;
}

/* Values in all of the file's tensors. */
static double count_values(const HoneGguf *gguf)
{
    double total = 0;
    for (size_t i = 0; i < hone_gguf_n_tensors(gguf); i++) {
        const HoneGgufTensor *tensor = hone_gguf_tensor(gguf, i);
        double values = 1;
        for (uint32_t k = 0; k < tensor->rank; k++)
            values *= (double)tensor->shape[k];
        total += values;
    }
    return total;
}

static bool run(HoneStage *stage, void *params, GError **error)
{
    const Model *model = params;
    /* A link may point elsewhere tomorrow. */
    /* realpath allocates with malloc, which is what g_free frees. */
    g_autofree char *real = realpath(model->path, NULL), *path = g_strdup(real ? real : model->path);
    g_autoptr(HoneGguf) gguf = open_model(path, error);
    if (!gguf)
        return false;
    hone_progress_step(hone_stage_progress(stage), 0, 0, "reading", NULL);
    g_autofree char *hash = hone_file_hash_cached(path, hone_stage_hash_folder(stage), error);
    HoneArtifact *artifact = hash ? hone_stage_output(stage, "model", HONE_MODEL, error) : NULL;
    GStatBuf info;
    if (!artifact)
        return false;
    if (g_stat(path, &info) != 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_IO, "%s: was there a moment ago and is not now", path);
        return false;
    }
    const char *family = hone_gguf_string(gguf, "general.architecture"), *name = hone_gguf_string(gguf, "general.name");
    g_autofree char *context_key = g_strdup_printf("%s.context_length", family), *base = g_path_get_basename(path);
    uint64_t context;
    JsonObject *meta = hone_artifact_meta(artifact);
    json_object_set_string_member(meta, "path", path);
    json_object_set_string_member(meta, "sha256", hash);
    json_object_set_string_member(meta, "format", "gguf");
    json_object_set_string_member(meta, "family", family);
    json_object_set_string_member(meta, "name", name ? name : base);
    json_object_set_int_member(meta, "parameters", (gint64)count_values(gguf));
    json_object_set_int_member(meta, "size", (gint64)info.st_size);
    if (hone_gguf_u64(gguf, context_key, &context) && context <= G_MAXINT64)
        json_object_set_int_member(meta, "context", (gint64)context);
    return true;
}

static const HoneStageOps ops = {
    .size = sizeof(HoneStageOps),
    .run = run,
    .check = check,
};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "model",
    .version = "1",
    .summary = "names a model file by its path and content",
    .params = groups,
    .instance_size = sizeof(Model),
    .ports = ports,
    .ops = &ops,
};

static const HoneComponent *const components[] = {&component, NULL};

static const HonePlugin plugin = {
    HONE_PLUGIN_HEADER,           .name = "model",          .version = "1", .licence = "Apache-2.0",
    .summary = "models as files", .components = components,
};

HONE_EXPORT const HonePlugin *hone_plugin(void)
{
    return &plugin;
}

/* SPDX-License-Identifier: Apache-2.0
 * export.c: a tuned model in a format that other programs load.
 *
 *     peft          the adapter alone, for peft (adapter_model.safetensors, adapter_config.json)
 *     gguf-adapter  the adapter alone, for llama.cpp's --lora
 *     folder        the model with the adapter folded in, for transformers
 *     gguf          the same as one file, for llama.cpp and what is built on it
 */
#include "written.h"
#include <hone/file.h>
#include <string.h>

typedef struct Export {
    char *format, *type;
    double shard;
} Export;

static const char *const formats[] = {"folder", "gguf", "peft", "gguf-adapter", NULL};
static const char *const types[] = {"auto", "f32", "f16", "bf16", "q8_0", "q4_0", "q4_k", NULL};

static const HoneParam own[] = {
    HONE_CHOICE(Export, format, NULL, formats, "what is written"),
    HONE_CHOICE(Export, type, "\"auto\"", types,
                "of the weights in folder (f32, f16, bf16) and gguf; auto: the base's where it has 16 or 32 bits, else "
                "bf16"),
    HONE_NUMBER(Export, shard, "5000", 0, 1e9, "largest file of weights in a folder; 0: one file", .unit = "MB"),
    {0},
};
static const HoneParamGroup groups[] = {HONE_OWN_PARAMS(own), {0}};

static const HonePort ports[] = {
    {.name = "model", .direction = HONE_PORT_IN, .types = HONE_MODEL | HONE_ADAPTER, .help = "what is written"},
    {.name = "files",
     .direction = HONE_PORT_OUT,
     .types = HONE_MODEL | HONE_ADAPTER | HONE_REPORT,
     .help = "the files: a model (folder, gguf), an adapter (peft), or else a report"},
    {0},
};

static bool is(const Export *export, const char *format)
{
    return strcmp(export->format, format) == 0;
}

static bool is_adapter_format(const Export *export)
{
    return is(export, "peft") || is(export, "gguf-adapter");
}

static bool check(const void *params, GError **error)
{
    const Export *export = params;
    HoneType type = written_type(export->type);
    bool whole = type == 0 || hone_type_block(type) == 1;
    if (is_adapter_format(export) && type != 0)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "\"type\" is \"%s\", but an adapter is written in f32 as it was trained; leave \"type\" out",
                    export->type);
    else if (is(export, "folder") && !whole)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "\"type\" is \"%s\", which safetensors do not hold; choose f32, f16 or bf16, or the format gguf",
                    export->type);
    else
        return true;
    return false;
}

static bool write_model(HoneStage *stage, const Export *export, HoneExport *source, GError **error)
{
    HoneArtifact *artifact = hone_stage_output(stage, "files", HONE_MODEL, error);
    HoneExportOptions options = written_options(stage, export->type, export->shard);
    HoneExportFacts facts = {.size = sizeof facts};
    if (!artifact)
        return false;
    bool gguf = is(export, "gguf");
    g_autofree char *path = hone_artifact_file(artifact, "model.gguf");
    if (!(gguf ? hone_export_gguf(source, path, &options, &facts, error)
               : hone_export_folder(source, hone_artifact_folder(artifact), &options, &facts, error)) ||
        !written_refer(stage, artifact, source, gguf ? "model.gguf" : ".", &facts, error))
        return false;
    written_record(stage, artifact, &facts, hone_export_has_adapter(source));
    return true;
}

static bool copy(const char *from, const char *to, const char *name, GError **error)
{
    g_autofree char *source = g_build_filename(from, name, NULL), *target = g_build_filename(to, name, NULL);
    return hone_file_copy(source, target, error);
}

/* The adapter's two files and what it is for, without the log of its training. */
static bool write_peft(HoneStage *stage, GError **error)
{
    HoneArtifact *input = hone_stage_input(stage, "model");
    HoneArtifact *artifact = hone_stage_output(stage, "files", HONE_ADAPTER, error);
    const char *from = hone_artifact_folder(input);
    if (!artifact || !copy(from, hone_artifact_folder(artifact), "adapter_model.safetensors", error) ||
        !copy(from, hone_artifact_folder(artifact), "adapter_config.json", error))
        return false;
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;
    json_object_iter_init_ordered(&iter, hone_artifact_meta(input));
    while (json_object_iter_next_ordered(&iter, &name, &value))
        json_object_set_member(hone_artifact_meta(artifact), name, json_node_copy(value));
    return true;
}

static bool write_gguf_adapter(HoneStage *stage, HoneExport *source, GError **error)
{
    HoneArtifact *artifact = hone_stage_output(stage, "files", HONE_REPORT, error);
    if (!artifact)
        return false;
    g_autofree char *path = hone_artifact_file(artifact, "adapter.gguf");
    return hone_export_gguf_adapter(source, path, error);
}

static bool run(HoneStage *stage, void *params, GError **error)
{
    const Export *export = params;
    HoneArtifact *input = hone_stage_input(stage, "model");
    if (!check(export, error))
        return false;
    g_autoptr(HoneExport) source = hone_export_open_artifact(input, hone_stage_hash_folder(stage), error);
    if (!source)
        return false;
    if (!is_adapter_format(export))
        return write_model(stage, export, source, error);
    if (!hone_export_has_adapter(source)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s is a model without an adapter, so the format %s has nothing to write; choose folder or gguf",
                    hone_artifact_label(input), export->format);
        return false;
    }
    return is(export, "peft") ? write_peft(stage, error) : write_gguf_adapter(stage, source, error);
}

static const HoneStageOps ops = {.size = sizeof(HoneStageOps), .run = run, .check = check};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "export",
    .version = "1",
    .summary = "Write a model or adapter in a format that other programs load",
    .help = "An adapter is folded into its base for folder and gguf. Vectors of a gguf are f32; its embedding and head "
            "stay at q8_0 with the 4-bit types; rows that are no multiple of a block take q8_0, else f16. What was "
            "written is opened again and compared with its source. `hone copy NODE PLACE` puts the files where they "
            "are wanted.",
    .params = groups,
    .instance_size = sizeof(Export),
    .ports = ports,
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("export", "1", "Apache-2.0", "Models for other programs", &component)

/* SPDX-License-Identifier: Apache-2.0
 * merge.c: folds an adapter into its base: a model in a folder of its own, as transformers writes it.
 *
 *     W' = round(W + scale·B·A)     scale = alpha/R, or alpha/sqrt(R) with rsLoRA
 *
 * computed in f32 from the base's values, whatever type the base is stored in, and rounded once. A merge into 4 bits
 * would round most of the tuning away; that is what `export` warns of, and why the types here have 16 bits or more.
 */
#include "written.h"
#include <hone/file.h>

typedef struct Merge {
    char *type;
    double shard;
} Merge;

static const char *const types[] = {"auto", "f32", "f16", "bf16", NULL};

static const HoneParam own[] = {
    HONE_CHOICE(Merge, type, "\"auto\"", types,
                "of the weights; auto: the base's where it has 16 or 32 bits, else bf16"),
    HONE_NUMBER(Merge, shard, "5000", 0, 1e9, "largest file of weights; 0: one file", .unit = "MB"),
    {0},
};
static const HoneParamGroup groups[] = {HONE_OWN_PARAMS(own), {0}};

static const HonePort ports[] = {
    {.name = "model",
     .direction = HONE_PORT_IN,
     .types = HONE_MODEL | HONE_ADAPTER,
     .help = "an adapter with its base"},
    {.name = "model", .direction = HONE_PORT_OUT, .types = HONE_MODEL, .help = "the merged model, in files of its own"},
    {0},
};

static bool run(HoneStage *stage, void *params, GError **error)
{
    const Merge *merge = params;
    HoneArtifact *input = hone_stage_input(stage, "model");
    g_autoptr(HoneExport) source = hone_export_open_artifact(input, hone_stage_hash_folder(stage), error);
    if (!source)
        return false;
    if (!hone_export_has_adapter(source)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s is a model without an adapter, so there is nothing to merge; connect the node that trained one "
                    "(to write a model in another format, use the stage export)",
                    hone_artifact_label(input));
        return false;
    }
    HoneArtifact *artifact = hone_stage_output(stage, "model", HONE_MODEL, error);
    HoneExportOptions options = written_options(stage, merge->type, merge->shard);
    HoneExportFacts facts = {.size = sizeof facts};
    if (!artifact || !hone_export_folder(source, hone_artifact_folder(artifact), &options, &facts, error) ||
        !written_refer(stage, artifact, source, ".", &facts, error))
        return false;
    written_record(stage, artifact, &facts, true);
    return true;
}

static const HoneStageOps ops = {.size = sizeof(HoneStageOps), .run = run};

static const HoneComponent component = {
    HONE_COMPONENT_HEADER,
    .kind = HONE_STAGE,
    .name = "merge",
    .version = "1",
    .summary = "Fold an adapter into its base model",
    .help = "Writes a Hugging Face folder: config.json, safetensors (in shards where they are large), tokenizer and "
            "chat template. Fails where the adapter changes nothing, and says how much it changes and how much of that "
            "rounding takes.",
    .params = groups,
    .instance_size = sizeof(Merge),
    .ports = ports,
    .ops = &ops,
};

HONE_DEFINE_PLUGIN("merge", "1", "Apache-2.0", "Merging of adapters", &component)

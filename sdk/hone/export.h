/* SPDX-License-Identifier: Apache-2.0
 * export.h: a tuned model in the formats that other programs load: a Hugging Face folder, a GGUF, a GGUF adapter.
 *
 * An adapter is folded in on the way: every weight is W + scale·B·A, computed in f32 from the base's values and rounded
 * once. Weights stream by in rows: memory does not grow with the model. What was written is opened again and compared
 * with what it was made of (the model's numbers, its rotary angles, its tokenizer); a difference is an error.
 */
#ifndef HONE_EXPORT_FILES_H
#define HONE_EXPORT_FILES_H

#include <hone/model.h>

typedef struct HoneExport HoneExport;

/* Looks at a model's files and, where adapter is not NULL, at that folder (PEFT's format). No weights are read yet. */
HONE_EXPORT HoneExport *hone_export_open(const char *model, const char *adapter, GError **error);
/* The same from an artifact: its content hash is checked. */
HONE_EXPORT HoneExport *hone_export_open_artifact(HoneArtifact *artifact, const char *hash_folder, GError **error);
HONE_EXPORT void hone_export_free(HoneExport *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneExport, hone_export_free)
HONE_EXPORT bool hone_export_has_adapter(const HoneExport *source);
HONE_EXPORT const HoneModelConfig *hone_export_config(const HoneExport *source);

typedef struct HoneExportOptions {
    uint32_t size;
    HoneType type;                 /* of the weight matrices; 0: the base's where it has 16 or 32 bits, else bf16 */
    const char *name;              /* for a GGUF's metadata where the base is a folder; NULL: as its files say */
    uint64_t shard;                /* bytes of weights in one file of a folder; 0: no limit */
    HoneProgress *progress;        /* or NULL */
    bool (*cancelled)(void *data); /* asked between pieces; or NULL */
    void *data;
} HoneExportOptions;

/* What was written. Errors of rounding are those between f32 and what the file holds. */
typedef struct HoneExportFacts {
    uint32_t size;
    uint64_t bytes; /* of the weights */
    double parameters;
    HoneType type;      /* of most matrices */
    size_t other_types; /* matrices that had to take another type: their rows are no multiple of the block */
    size_t adapted;     /* tensors that the adapter changes */
    double change;      /* ‖ΔW‖ / ‖W‖ over those, W the base's */
    double error;       /* largest ‖error‖ / ‖W‖ of a tensor */
    char error_tensor[160];
    double error_to_change; /* ‖error‖ / ‖ΔW‖ over the adapted tensors: from 1 on, rounding drowns the tuning */
} HoneExportFacts;

/* Writes config.json, weights (model.safetensors, or shards with their index), tokenizer and template files into a
 * folder that exists and is empty but for what the caller put there. type: F32, F16, BF16. An adapter that changes
 * nothing is an error. */
HONE_EXPORT bool hone_export_folder(HoneExport *source, const char *folder, const HoneExportOptions *options,
                                    HoneExportFacts *facts, GError **error);
/* type: F32, F16, BF16, Q8_0, Q4_0, Q4_K. Vectors are f32; embedding and head of the 4-bit types are Q8_0; rows that
 * are no multiple of a block take Q8_0, else F16. */
HONE_EXPORT bool hone_export_gguf(HoneExport *source, const char *path, const HoneExportOptions *options,
                                  HoneExportFacts *facts, GError **error);
/* The adapter alone, as llama.cpp loads it (--lora) on the base's GGUF; f32. */
HONE_EXPORT bool hone_export_gguf_adapter(HoneExport *source, const char *path, GError **error);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * checkpoint.h: a model's files, whatever their format: one GGUF, or a Hugging Face folder (config.json, safetensors in
 * one file or in shards, tokenizer.json, tokenizer_config.json, chat_template.jinja, generation_config.json).
 *
 * Tensors are mapped read-only and never copied here. Every count, offset, size and type is checked at opening, so
 * accessors cannot fail afterwards.
 */
#ifndef HONE_CHECKPOINT_H
#define HONE_CHECKPOINT_H

#include <hone/chat.h>
#include <hone/gguf.h>

typedef struct HoneCheckpoint HoneCheckpoint;

typedef enum {
    HONE_CHECKPOINT_GGUF = 1,
    HONE_CHECKPOINT_FOLDER, /* of safetensors */
} HoneCheckpointFormat;

/* path: a GGUF file; a folder with config.json; or such a folder's config.json. A folder without weights, with a shard
 * missing, with a tensor in two shards or with one that the index puts elsewhere is an error that names it. */
HONE_EXPORT HoneCheckpoint *hone_checkpoint_open(const char *path, GError **error);
HONE_EXPORT void hone_checkpoint_free(HoneCheckpoint *checkpoint);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneCheckpoint, hone_checkpoint_free)

HONE_EXPORT const char *hone_checkpoint_path(const HoneCheckpoint *checkpoint); /* the file, or the folder */
HONE_EXPORT HoneCheckpointFormat hone_checkpoint_format(const HoneCheckpoint *checkpoint);
/* The GGUF behind it, or NULL: for its metadata. */
HONE_EXPORT const HoneGguf *hone_checkpoint_gguf(const HoneCheckpoint *checkpoint);
/* A folder's JSON file of that name ("config.json", "generation_config.json", "tokenizer_config.json"), or NULL where
 * the folder lacks it (config.json is always there) or the checkpoint is a GGUF. */
HONE_EXPORT JsonObject *hone_checkpoint_json(const HoneCheckpoint *checkpoint, const char *name);
/* The chat template's text: chat_template.jinja, else tokenizer_config.json's "chat_template" (of several named ones
 * the one called "default"), else tokenizer.chat_template of a GGUF; NULL: none. */
HONE_EXPORT const char *hone_checkpoint_template(const HoneCheckpoint *checkpoint);

/* Tensors, under the names that the files use. HoneGgufTensor's fields hold for both formats. */
HONE_EXPORT size_t hone_checkpoint_n_tensors(const HoneCheckpoint *checkpoint);
HONE_EXPORT const HoneGgufTensor *hone_checkpoint_tensor(const HoneCheckpoint *checkpoint, size_t i);
HONE_EXPORT const HoneGgufTensor *hone_checkpoint_find(const HoneCheckpoint *checkpoint, const char *name);
/* Tells the system that the mapped bytes of a tensor will not be read again soon. */
HONE_EXPORT void hone_checkpoint_drop(const HoneCheckpoint *checkpoint, const HoneGgufTensor *tensor);

/* The files that make the checkpoint what it is, as names relative to its folder, sorted (weights, their index,
 * config, tokenizer, template): what is hashed, exported and carried along. NULL-terminated, owned by the checkpoint.
 */
HONE_EXPORT const char *const *hone_checkpoint_files(const HoneCheckpoint *checkpoint);
/* SHA-256 in hex over those files: of a GGUF its content's hash; of a folder the hash over "name\0hash\n" of each file.
 * Remembered in hash_folder (may be NULL). Caller frees. */
HONE_EXPORT char *hone_checkpoint_hash(const HoneCheckpoint *checkpoint, const char *hash_folder, GError **error);

/* The model's own tokenizer and template. Ids that end generation: the tokenizer's, and all of generation_config.json's
 * (else config.json's) "eos_token_id". */
HONE_EXPORT HoneTokenizer *hone_checkpoint_tokenizer(const HoneCheckpoint *checkpoint, GError **error);
HONE_EXPORT HoneChat *hone_checkpoint_chat(const HoneCheckpoint *checkpoint, const HoneTokenizer *tokenizer,
                                           GError **error);

#endif

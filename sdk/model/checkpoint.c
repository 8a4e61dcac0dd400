/* SPDX-License-Identifier: Apache-2.0
 * checkpoint.c: a model's files behind one face, a GGUF or a Hugging Face folder; checkpoint_folder.c reads the latter.
 */
#include "checkpoint-read.h"
#include "mapped.h"
#include <hone/file.h>
#include <string.h>

bool checkpoint_fail(const HoneCheckpoint *checkpoint, const char *name, HoneError code, GError **error,
                     const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, HONE_ERROR, code, "%s%s%s: %s", checkpoint->path, name ? "/" : "", name ? name : "", text);
    return false;
}

bool checkpoint_has(const HoneCheckpoint *checkpoint, const char *name)
{
    g_autofree char *path = g_build_filename(checkpoint->path, name, NULL);
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

/* ---- Opening. ---- */

static bool open_gguf(HoneCheckpoint *checkpoint, GError **error)
{
    checkpoint->gguf = hone_gguf_open(checkpoint->path, error);
    if (!checkpoint->gguf)
        return false;
    uint64_t parts;
    if (hone_gguf_u64(checkpoint->gguf, "split.count", &parts) && parts > 1)
        return checkpoint_fail(checkpoint, NULL, HONE_ERROR_UNSUPPORTED, error,
                               "is one of %" G_GUINT64_FORMAT " parts of a model; join them into one GGUF (llama.cpp: "
                               "llama-gguf-split --merge)",
                               parts);
    checkpoint->template = g_strdup(hone_gguf_string(checkpoint->gguf, "tokenizer.chat_template"));
    g_ptr_array_add(checkpoint->files, g_path_get_basename(checkpoint->path));
    return true;
}

/* Weights alone are no model: what was meant is the folder around them. */
static bool check_suffix(const char *path, GError **error)
{
    if (!g_str_has_suffix(path, ".safetensors") && !g_str_has_suffix(path, ".safetensors.index.json"))
        return true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "%s: holds weights only; give the path of the folder that holds it, with config.json and the tokenizer",
                path);
    return false;
}

HoneCheckpoint *hone_checkpoint_open(const char *path, GError **error)
{
    g_return_val_if_fail(path != NULL, NULL);
    g_autoptr(HoneCheckpoint) checkpoint = g_new0(HoneCheckpoint, 1);
    g_autofree char *name = g_path_get_basename(path);
    checkpoint->files = g_ptr_array_new_with_free_func(g_free);
    bool inside = strcmp(name, "config.json") == 0 && !g_file_test(path, G_FILE_TEST_IS_DIR);
    checkpoint->path = inside ? g_path_get_dirname(path) : g_strdup(path);
    bool folder = inside || g_file_test(path, G_FILE_TEST_IS_DIR);
    checkpoint->format = folder ? HONE_CHECKPOINT_FOLDER : HONE_CHECKPOINT_GGUF;
    if (folder ? !checkpoint_read_folder(checkpoint, error) || !checkpoint_read_text(checkpoint, error)
               : !check_suffix(path, error) || !open_gguf(checkpoint, error))
        return NULL;
    g_ptr_array_add(checkpoint->files, NULL);
    return g_steal_pointer(&checkpoint);
}

void hone_checkpoint_free(HoneCheckpoint *checkpoint)
{
    if (!checkpoint)
        return;
    g_clear_pointer(&checkpoint->gguf, hone_gguf_free);
    g_clear_pointer(&checkpoint->by_name, g_hash_table_unref);
    g_clear_pointer(&checkpoint->tensors, g_array_unref);
    g_clear_pointer(&checkpoint->shards, g_ptr_array_unref);
    g_clear_pointer(&checkpoint->json, g_hash_table_unref);
    g_clear_pointer(&checkpoint->end_ids, g_array_unref);
    g_ptr_array_unref(checkpoint->files);
    g_free(checkpoint->template);
    g_free(checkpoint->template_place);
    g_free(checkpoint->path);
    g_free(checkpoint);
}

/* ---- What it holds. ---- */

const char *hone_checkpoint_path(const HoneCheckpoint *checkpoint)
{
    return checkpoint->path;
}

HoneCheckpointFormat hone_checkpoint_format(const HoneCheckpoint *checkpoint)
{
    return checkpoint->format;
}

const HoneGguf *hone_checkpoint_gguf(const HoneCheckpoint *checkpoint)
{
    return checkpoint->gguf;
}

JsonObject *hone_checkpoint_json(const HoneCheckpoint *checkpoint, const char *name)
{
    return checkpoint->json ? g_hash_table_lookup(checkpoint->json, name) : NULL;
}

const char *hone_checkpoint_template(const HoneCheckpoint *checkpoint)
{
    return checkpoint->template;
}

size_t hone_checkpoint_n_tensors(const HoneCheckpoint *checkpoint)
{
    return checkpoint->gguf ? hone_gguf_n_tensors(checkpoint->gguf) : checkpoint->tensors->len;
}

const HoneGgufTensor *hone_checkpoint_tensor(const HoneCheckpoint *checkpoint, size_t i)
{
    if (checkpoint->gguf)
        return hone_gguf_tensor(checkpoint->gguf, i);
    g_assert(i < checkpoint->tensors->len);
    return &g_array_index(checkpoint->tensors, HoneGgufTensor, i);
}

const HoneGgufTensor *hone_checkpoint_find(const HoneCheckpoint *checkpoint, const char *name)
{
    if (checkpoint->gguf)
        return hone_gguf_find(checkpoint->gguf, name);
    size_t place = GPOINTER_TO_SIZE(g_hash_table_lookup(checkpoint->by_name, name));
    return place ? hone_checkpoint_tensor(checkpoint, place - 1) : NULL;
}

void hone_checkpoint_drop(const HoneCheckpoint *checkpoint, const HoneGgufTensor *tensor)
{
    mapped_drop(tensor->data, tensor->bytes);
}

const char *const *hone_checkpoint_files(const HoneCheckpoint *checkpoint)
{
    return (const char *const *)(void *)checkpoint->files->pdata;
}

char *hone_checkpoint_hash(const HoneCheckpoint *checkpoint, const char *hash_folder, GError **error)
{
    if (checkpoint->gguf)
        return hone_file_hash_cached(checkpoint->path, hash_folder, error);
    g_autoptr(GChecksum) all = g_checksum_new(G_CHECKSUM_SHA256);
    for (const char *const *name = hone_checkpoint_files(checkpoint); *name; name++) {
        g_autofree char *path = g_build_filename(checkpoint->path, *name, NULL);
        g_autofree char *hash = hone_file_hash_cached(path, hash_folder, error);
        if (!hash)
            return NULL;
        g_checksum_update(all, (const guchar *)*name, (gssize)strlen(*name) + 1);
        g_checksum_update(all, (const guchar *)hash, (gssize)strlen(hash));
        g_checksum_update(all, (const guchar *)"\n", 1);
    }
    return g_strdup(g_checksum_get_string(all));
}

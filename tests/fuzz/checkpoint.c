/* SPDX-License-Identifier: Apache-2.0
 * checkpoint.c: fuzz target of a Hugging Face folder's JSON: config, index, generation config, tokenizer config and
 * template, in this order and parted by form feeds, beside two good shards. An empty part: no such file.
 */
#include "fuzz.h"
#include <glib/gstdio.h>
#include <hone/checkpoint.h>
#include <hone/safetensors.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"config.json", "model.safetensors.index.json", "generation_config.json",
                                    "tokenizer_config.json", "chat_template.jinja"};
static char *folder;
static volatile unsigned sink;

static void remove_folder(void)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_remove(path);
    }
    g_rmdir(folder);
    g_free(folder);
}

static void put_shard(const char *file, const char *first, const char *second)
{
    static const float values[3] = {1, 2, 3};
    const HoneSafetensor tensors[] = {{first, HONE_F32, 1, {3}, values, 12}, {second, HONE_F32, 2, {1, 3}, values, 12}};
    g_autofree char *path = g_build_filename(folder, file, NULL);
    g_assert_true(hone_safetensors_write(path, tensors, 2, NULL, NULL));
}

static void make_folder(void)
{
    folder = g_dir_make_tmp("hone-fuzz-XXXXXX", NULL);
    g_assert_nonnull(folder);
    atexit(remove_folder);
    put_shard("one.safetensors", "a", "b");
    put_shard("two.safetensors", "c", "d");
}

static void put_parts(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const uint8_t *end = size ? memchr(data, '\f', size) : NULL;
        size_t part = end ? (size_t)(end - data) : size;
        g_autofree char *path = g_build_filename(folder, names[i], NULL);
        g_remove(path);
        FILE *file = part ? g_fopen(path, "wb") : NULL;
        if (file) {
            g_assert_cmpuint(fwrite(data, 1, part, file), ==, part);
            g_assert_cmpint(fclose(file), ==, 0);
        }
        part += end != NULL;
        data += part;
        size -= part;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!folder)
        make_folder();
    put_parts(data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(HoneCheckpoint) checkpoint = hone_checkpoint_open(folder, &error);
    g_assert((checkpoint == NULL) == (error != NULL));
    if (!checkpoint)
        return 0;
    g_assert_nonnull(hone_checkpoint_json(checkpoint, "config.json"));
    const char *template = hone_checkpoint_template(checkpoint);
    g_assert_true(!template || g_utf8_validate(template, -1, NULL));
    for (size_t i = 0; i < hone_checkpoint_n_tensors(checkpoint); i++) {
        const HoneGgufTensor *tensor = hone_checkpoint_tensor(checkpoint, i);
        g_assert_true(hone_checkpoint_find(checkpoint, tensor->name) == tensor);
        for (size_t k = 0; k < tensor->bytes; k++)
            sink += ((const uint8_t *)tensor->data)[k];
    }
    for (const char *const *name = hone_checkpoint_files(checkpoint); *name; name++)
        g_assert_null(strchr(*name, '/'));
    return 0;
}

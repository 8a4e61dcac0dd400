/* SPDX-License-Identifier: Apache-2.0
 * checkpoint-read.h: inside a checkpoint: what its opening fills.
 */
#ifndef HONE_CHECKPOINT_READ_H
#define HONE_CHECKPOINT_READ_H

#include <hone/checkpoint.h>
#include <hone/safetensors.h>

struct HoneCheckpoint {
    HoneCheckpointFormat format;
    char *path;     /* the GGUF, or the folder */
    HoneGguf *gguf; /* or NULL */

    /* Of a folder. */
    GPtrArray *shards;   /* of HoneSafetensors *, sorted by file name */
    GArray *tensors;     /* of HoneGgufTensor; names are the shards' */
    GHashTable *by_name; /* name -> index + 1 */
    GHashTable *json;    /* file name -> JsonObject * */

    char *template, *template_place; /* or NULL; place: the file that holds it, for messages */
    GArray *end_ids;                 /* int32_t: ids that generation_config.json or config.json ends at */
    GPtrArray *files;                /* char *, sorted, NULL last */
};

/* Sets an error that begins with the folder's path, then `name` where it is not NULL; returns false. */
bool checkpoint_fail(const HoneCheckpoint *checkpoint, const char *name, HoneError code, GError **error,
                     const char *format, ...) G_GNUC_PRINTF(5, 6);
/* True where the folder has a file of that name (a link to a file is one). */
bool checkpoint_has(const HoneCheckpoint *checkpoint, const char *name);

/* checkpoint_folder.c: the JSON files, the weights, the files' names. */
bool checkpoint_read_folder(HoneCheckpoint *checkpoint, GError **error);
/* checkpoint_text.c: the template and the ids that end generation. */
bool checkpoint_read_text(HoneCheckpoint *checkpoint, GError **error);

#endif

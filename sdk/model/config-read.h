/* SPDX-License-Identifier: Apache-2.0
 * config-read.h: inside config_read: what the readers of the two formats share.
 */
#ifndef HONE_CONFIG_READ_H
#define HONE_CONFIG_READ_H

#include "internal.h"

/* Far above any model, and small enough that products of three of them and a float's size fit 64 bits. */
#define MOST_LAYERS 1024
#define MOST_WIDTH (1u << 18)
#define MOST_HEADS 4096
#define MOST_VOCAB (1u << 23)
#define MOST_CONTEXT (1u << 28)

typedef struct ConfigReader {
    HoneModel *model;
    char *place; /* the file that is read: begins each message */
    GError **error;
} ConfigReader;

/* Sets the error to "place: text." and returns false. */
bool config_fail(const ConfigReader *reader, HoneError code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* config_gguf.c, config_folder.c: everything but the shapes of tensors. They set family, activation, config, forms and
 * ropes; a folder's reader looks at no tensor. */
bool config_read_gguf(ConfigReader *reader, const HoneGguf *gguf);
bool config_read_folder(ConfigReader *reader, JsonObject *object);

/* The rotary factors that a GGUF keeps as tensors: config_gguf.c reads each that is there. */
enum { TENSOR_ROPE_FACTORS, TENSOR_ROPE_LONG, TENSOR_ROPE_SHORT, N_ROPE_TENSORS };
extern const char *const config_rope_tensors[N_ROPE_TENSORS];

/* config_tensors.c. Whether the file holds that tensor. */
bool config_has_tensor(const ConfigReader *reader, const char *name);
/* n values above 0 from a vector of the file, or NULL with an error. Caller frees. */
double *config_divisors(const ConfigReader *reader, const char *name, size_t n);
/* Whether a model that is said to be tied has a head of its own in its files all the same, other than the embedding:
 * then it is not tied, as in transformers. */
bool config_has_own_head(const ConfigReader *reader);
/* Every tensor of the model is in the file with its shape, and no other. */
bool config_check_tensors(const ConfigReader *reader);

/* config_keys.c: the members of a JSON object, each of which must be taken. */
typedef struct ConfigKeys {
    const ConfigReader *reader;
    const char *prefix; /* "rope_scaling." or "": precedes a key's name in messages */
    JsonObject *object;
    GHashTable *taken;
} ConfigKeys;

void keys_init(ConfigKeys *keys, const ConfigReader *reader, const char *prefix, JsonObject *object);
void keys_clear(ConfigKeys *keys);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ConfigKeys, keys_clear)
/* The member, marked as taken; NULL where it is absent. Null is a node. */
JsonNode *keys_take(ConfigKeys *keys, const char *name);
bool keys_present(const ConfigKeys *keys, const char *name);
/* Each leaves *value as it is where the key is absent or null, and refuses what is of another type or out of range. */
bool keys_size(ConfigKeys *keys, const char *name, size_t most, size_t *value);               /* 1 .. most */
bool keys_number(ConfigKeys *keys, const char *name, double low, double high, double *value); /* low < v <= high */
bool keys_bool(ConfigKeys *keys, const char *name, bool *value);
bool keys_string(ConfigKeys *keys, const char *name, const char **value); /* borrowed */
/* The member as an array or object; *value NULL where absent or null. Borrowed. */
bool keys_array(ConfigKeys *keys, const char *name, JsonArray **value);
bool keys_object(ConfigKeys *keys, const char *name, JsonObject **value);
/* "key \"x\" is VALUE; WHAT". Returns false. */
bool keys_refuse(const ConfigKeys *keys, const char *name, HoneError code, const char *what);
/* A key that is neither taken nor in one of the lists is refused by its name: `known` end with NULL and may have any
 * value; `off` may only be null, false, 0 or empty. */
bool keys_finish(ConfigKeys *keys, const char *const *known, const char *const *off);

/* config_rope.c: a folder's rotary positions. default_base: where the file names none. */
bool config_read_ropes(ConfigReader *reader, ConfigKeys *keys, double default_base);
/* Checks a form's numbers against each other. */
bool config_check_rope(const ConfigReader *reader, const RopeForm *form);
/* yarn's scale of cosine and sine for a factor, times `mscale` in its growth. */
double config_yarn_scale(double factor, double mscale);
double config_longrope_scale(double factor, size_t original_context);

#endif

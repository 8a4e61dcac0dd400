/* SPDX-License-Identifier: Apache-2.0
 * folder.h: what the readers of a folder's tokenizer files share.
 */
#ifndef HONE_TEXT_FOLDER_H
#define HONE_TEXT_FOLDER_H

#include "internal.h"

#include <json-glib/json-glib.h>

#define TEXT_MAX_STEPS 64 /* normalizers, pre-tokenizers, decoders; real ones stay below ten */
#define TEXT_MAX_NESTED 8 /* lists of steps within each other */

/* A step, or another object of the file: its members are read by name and checked. The first thing wrong stays in
 * `problem`, and later reads give what they are told to give otherwise. */
typedef struct TextStepReader {
    HoneTokenizer *t;
    const char *place; /* the file */
    const char *where; /* in it: "/normalizer" */
    JsonObject *object;
    const char *type;
    GError *problem;
} TextStepReader;

/* folder_json.c. node: must be an object with a "type". */
TextStepReader text_step_open(HoneTokenizer *t, const char *place, const char *where, JsonNode *node);
void text_step_fail(TextStepReader *step, const char *format, ...) G_GNUC_PRINTF(2, 3);
void text_step_unsupported(TextStepReader *step, const char *what);
bool text_step_is(const TextStepReader *step, const char *type);
/* NULL where the member is absent or null. */
JsonNode *text_step_member(const TextStepReader *step, const char *name);
bool text_step_bool(TextStepReader *step, const char *name, bool otherwise);
/* otherwise NULL: the member may be absent only if `optional`. */
const char *text_step_string(TextStepReader *step, const char *name, bool optional);
int32_t text_step_id(TextStepReader *step, const char *name, int32_t otherwise);
JsonArray *text_step_array(TextStepReader *step, const char *name);
/* Only these members (besides "type") may be there; NULL-terminated. */
void text_step_only(TextStepReader *step, const char *const *names);
/* Hands the problem on; true where there is none. */
bool text_step_close(TextStepReader *step, GError **error);

/* Metaspace's members, as pre-tokenizer and as decoder (folder_steps.c). */
TextPrepend text_step_prepend(TextStepReader *step);
const char *text_step_replacement(TextStepReader *step);

const char *text_json_string(JsonNode *node);                     /* NULL: no string */
int32_t text_json_id(JsonNode *node);                             /* -1: no number that can be an id */
JsonNode *text_json_member(JsonObject *object, const char *name); /* NULL: absent or null */

/* folder_steps.c, folder_after.c: each takes its section of the file, NULL where it is absent. */
bool text_read_normalizer(HoneTokenizer *t, const char *place, JsonNode *node, GError **error);
bool text_read_pre_tokenizer(HoneTokenizer *t, const char *place, JsonNode *node, GError **error);
bool text_read_decoder(HoneTokenizer *t, const char *place, JsonNode *node, GError **error);
bool text_read_post_processor(HoneTokenizer *t, const char *place, JsonNode *node, GError **error);

/* folder_model.c. config: tokenizer_config.json or NULL. */
bool text_read_vocabulary(HoneTokenizer *t, const char *place, JsonObject *root, JsonObject *config, GError **error);
bool text_read_model(HoneTokenizer *t, const char *place, JsonObject *root, GChecksum *sum, GError **error);

#endif

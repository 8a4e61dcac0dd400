/* SPDX-License-Identifier: Apache-2.0
 * support.h: what the tests of sdk/text share: the fixture's data, and GGUF files that say anything at all.
 */
#ifndef TESTS_TEXT_SUPPORT_H
#define TESTS_TEXT_SUPPORT_H

#include <hone/chat.h>

/* data/NAME in the source tree; the same, parsed. */
char *support_path(const char *name);
JsonObject *support_json(const char *name);
/* ids of a JSON array of integers. */
GArray *support_ids(JsonArray *array);
void support_assert_ids(const GArray *found, JsonArray *wanted, const char *what);

/* Of HoneMessage *, from a JSON array of objects with role, content and perhaps weight. */
GPtrArray *support_messages(JsonArray *array);

/* A tokenizer's metadata, to be spoiled before it is written. */
typedef struct SupportVocabulary {
    const char *model, *pre, *chat_template; /* NULL: left out, as below */
    GPtrArray *tokens, *merges;              /* of char *, owned; NULL: left out */
    GArray *types;                           /* int32_t; NULL: left out */
    int64_t bos, eos;                        /* -1: left out */
} SupportVocabulary;

/* The fixture's vocabulary. */
SupportVocabulary *support_vocabulary(void);
void support_vocabulary_free(SupportVocabulary *vocabulary);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SupportVocabulary, support_vocabulary_free)
/* Written to a temporary file and opened; the file is gone afterwards. */
HoneGguf *support_open(const SupportVocabulary *vocabulary);
HoneTokenizer *support_tokenizer(const char *pre);
/* A temporary folder with these files, read; config may be NULL. The folder is gone afterwards. */
HoneTokenizer *support_folder(JsonObject *tokenizer, JsonObject *config, GError **error);

#endif

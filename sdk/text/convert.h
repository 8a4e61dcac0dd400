/* SPDX-License-Identifier: Apache-2.0
 * convert.h: a tokenizer in another format's notation, for the export of models.
 */
#ifndef HONE_TEXT_CONVERT_H
#define HONE_TEXT_CONVERT_H

#include <hone/gguf_write.h>
#include <hone/tokenizer.h>

/* tokenizer.ggml.*: the kind, the rule that splits text, tokens (padded to `vocab`), merges or scores, special ids. */
bool text_put_gguf(const HoneTokenizer *tokenizer, size_t vocab, HoneGgufWriter *writer, const char *place,
                   GError **error);
/* The content of tokenizer.json, or NULL with an error that says what has no notation there. */
JsonNode *text_folder_json(const HoneTokenizer *tokenizer, const char *place, GError **error);
/* That of tokenizer_config.json. context: the longest text. */
JsonNode *text_folder_config(const HoneTokenizer *tokenizer, size_t context);
/* Every id at which generation ends. */
JsonArray *text_folder_ends(const HoneTokenizer *tokenizer);

/* What two tokenizers do differently, in words, or NULL: ids of hard text, texts of tokens, which tokens end. Caller
 * frees. */
char *text_convert_difference(const HoneTokenizer *a, const HoneTokenizer *b);
/* The same of white space at the start of a text and around special tokens, which the formats take differently. */
char *text_convert_space_difference(const HoneTokenizer *a, const HoneTokenizer *b);

/* An id that no text becomes: a gap, or a GGUF's padding. */
bool text_is_unused(const HoneTokenizer *tokenizer, size_t id);

/* Text in which every known rule cuts differently. */
extern const char *const text_convert_probes[];
/* The value of tokenizer.ggml.pre whose rule cuts text as this tokenizer does, or NULL. */
const char *text_rule_of(const HoneTokenizer *tokenizer);

#endif

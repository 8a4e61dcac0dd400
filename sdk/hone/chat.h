/* SPDX-License-Identifier: Apache-2.0
 * chat.h: messages to tokens. Rendering and tokenizing are one function, used by training, evaluation and chat alike,
 * so the template and the mask cannot drift apart.
 */
#ifndef HONE_CHAT_H
#define HONE_CHAT_H

#include <hone/dataset.h>
#include <hone/tokenizer.h>

typedef struct HoneChat HoneChat;

/* The model's own template, rendered as transformers renders it; the present that it may ask for is that of this call
 * (SOURCE_DATE_EPOCH in the environment sets it). What Hone does not render is an error that names the line. A model
 * without template gets ChatML, but only when its vocabulary holds <|im_start|> and <|im_end|>. */
HONE_EXPORT HoneChat *hone_chat_from_gguf(const HoneGguf *gguf, const HoneTokenizer *tokenizer, GError **error);
/* Any template's text (Jinja). `place` names it in errors. source NULL: ChatML where the vocabulary allows, as above.
 */
HONE_EXPORT HoneChat *hone_chat_new(const char *source, const HoneTokenizer *tokenizer, const char *place,
                                    GError **error);
HONE_EXPORT void hone_chat_free(HoneChat *chat);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneChat, hone_chat_free)
HONE_EXPORT const char *hone_chat_name(const HoneChat *chat); /* "chatml" where it is that, else "template" */
HONE_EXPORT const char *hone_chat_hash(const HoneChat *chat); /* SHA-256 of the template's text */

/* A tokenized conversation. */
typedef struct HoneTokens {
    GArray *ids;      /* int32_t [T] */
    GArray *weights;  /* float [T]: loss weight of predicting ids[t] from what precedes it; 0 for t = 0 */
    size_t prompt;    /* tokens before the last assistant message's first content token: what generation starts from */
    size_t unlearned; /* assistant messages of weight > 0 that bear no loss, see hone_chat_encode */
} HoneTokens;
HONE_EXPORT void hone_tokens_free(HoneTokens *tokens);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneTokens, hone_tokens_free)

/* A document (a row's text, see hone_row_text): the BOS where the tokenizer puts one before a text, the text, and where
 * it is `ended` the token that ends documents. Every token bears loss of this weight but the BOS and a first one that
 * nothing precedes. An empty text has no end. */
HONE_EXPORT HoneTokens *hone_document_encode(const HoneTokenizer *tokenizer, const char *text, double weight,
                                             bool ended, GError **error);
/* The token that ends documents, -1: none. For a model of conversations often another than the one that ends a turn. */
HONE_EXPORT int32_t hone_tokenizer_document_end(const HoneTokenizer *tokenizer);

/* The whole conversation, or document. Loss falls on each assistant message of weight > 0, from where the model would
 * begin to speak to the token that ends its turn, and on nothing else (not on the white space that the template puts
 * after it); on what the template marks with generation tags, if it has such; and on the content of other messages of
 * weight > 0 and the token behind it. Special tokens written in messages and tools are plain text.
 *
 * An answer that the template writes otherwise once other messages follow (without its thoughts, or after a prompt that
 * is no longer there) bears no loss, since the model would not write that there: `unlearned` counts these. Where
 * this befalls an answer that is the last message, it is an error that says what to do. */
HONE_EXPORT HoneTokens *hone_chat_encode(const HoneChat *chat, const GPtrArray *messages, GError **error);
/* The conversation up to where the assistant is to speak (a trailing assistant message is left out): generation prompt
 * added. A document's text, to be gone on with. */
HONE_EXPORT HoneTokens *hone_chat_encode_prompt(const HoneChat *chat, const GPtrArray *messages, GError **error);
/* The text as the template renders it, for people and for tests. Caller frees. */
HONE_EXPORT char *hone_chat_render(const HoneChat *chat, const GPtrArray *messages, bool add_generation_prompt,
                                   GError **error);

/* The same with tools that may be called: their JSON schemas (HoneRow's `tools`), or NULL. */
HONE_EXPORT HoneTokens *hone_chat_encode_with(const HoneChat *chat, const GPtrArray *messages, JsonArray *tools,
                                              GError **error);
/* The row's messages, which bear no loss here, and after them one of its answers: `chosen` or `rejected`. */
HONE_EXPORT HoneTokens *hone_chat_encode_answer(const HoneChat *chat, const HoneRow *row, const GPtrArray *answer,
                                                GError **error);
HONE_EXPORT HoneTokens *hone_chat_encode_prompt_with(const HoneChat *chat, const GPtrArray *messages, JsonArray *tools,
                                                     GError **error);
HONE_EXPORT char *hone_chat_render_with(const HoneChat *chat, const GPtrArray *messages, JsonArray *tools,
                                        bool add_generation_prompt, GError **error);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * chat_private.h: what the files of the chat share: the rendering of a conversation, and where its loss falls.
 */
#ifndef HONE_TEXT_CHAT_PRIVATE_H
#define HONE_TEXT_CHAT_PRIVATE_H

#include "internal.h"
#include "jinja/jinja.h"
#include "template.h"
#include <hone/chat.h>

struct HoneChat {
    const HoneTokenizer *tokenizer; /* the caller's */
    Jinja *template;
    bool chatml;       /* word for word: form says which */
    bool writes_calls; /* it has a word for tool calls */
    TextTemplate form;
    char *hash, *place;
    char *bos, *eos; /* their texts, or NULL */
    struct tm now;   /* what the template takes for the present, the same for every row */
};

typedef struct ChatInput {
    const GPtrArray *messages;
    size_t n; /* of them, from the first on */
    JsonArray *tools;
    bool prompt; /* the assistant is to speak next */
} ChatInput;

/* Owners of the rendered characters: message i's are i + 1. */
#define CHAT_TOOLS (1u << 30)
static inline uint32_t chat_owner(size_t message)
{
    return (uint32_t)message + 1;
}

/* chat_render.c */
bool chat_render(const HoneChat *chat, const ChatInput *input, JinjaText *text, GError **error);

/* Where loss falls. */
typedef struct ChatSpan {
    size_t from, to; /* bytes */
    float weight;
} ChatSpan;

typedef struct ChatSpans {
    GArray *spans;    /* ChatSpan, in order, apart from each other */
    size_t answer;    /* byte at which the last assistant message's turn begins; SIZE_MAX: there is none */
    size_t unlearned; /* assistant messages of weight above 0 without certain place */
} ChatSpans;

/* The tokens of a rendering, with the byte at which each begins. */
typedef struct ChatTokens {
    const GArray *ids, *starts;
    const HoneTokenizer *tokenizer;
} ChatTokens;

/* chat_spans.c: the first token that begins at byte `at` or later. */
guint chat_token_at(const ChatTokens *tokens, size_t at);
/* text is the rendering of input, all of it and without prompt. */
bool chat_spans(const HoneChat *chat, const ChatInput *input, const JinjaText *text, const ChatTokens *tokens,
                ChatSpans *spans, GError **error);
void chat_spans_clear(ChatSpans *spans);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ChatSpans, chat_spans_clear)

#endif

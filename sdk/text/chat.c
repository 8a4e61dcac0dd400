/* SPDX-License-Identifier: Apache-2.0
 * chat.c: conversations to tokens.
 *
 * The reference renders the whole conversation to text, cuts out the special tokens and splits what lies between as one
 * text each: the role, the line break and the content of a message together. The ids here are the same (as long as no
 * content holds the text of a special token, which here stays plain text).
 *
 * So a token may begin in the template and end in the content: content that begins with white space lets its first
 * line breaks join the template's. A token belongs to the content when its first byte does. The tokens before the
 * content are then as many as those of the generation prompt, and the very same ones unless such a token stands at the
 * border; that one bears no loss, because generation never gets to choose it.
 */
#include <hone/chat.h>

#include "internal.h"
#include "template.h"

#include <string.h>

#define START "<|im_start|>"
#define END "<|im_end|>"

struct HoneChat {
    const HoneTokenizer *tokenizer; /* the caller's */
    TextTemplate form;
    int32_t start, end; /* ids of the markers */
    char *hash;
};

HoneChat *hone_chat_new(const char *source, const HoneTokenizer *tokenizer, const char *place, GError **error)
{
    int32_t start = hone_tokenizer_id(tokenizer, START), end = hone_tokenizer_id(tokenizer, END);
    TextTemplate form;
    if (!source && (start < 0 || end < 0)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "%s has no chat template, and its vocabulary lacks %s and %s, which a model for conversations "
                    "would have: is it a base model?",
                    place, START, END);
        return NULL;
    }
    if (!source)
        source = text_template_chatml;
    if (!text_template_recognise(source, &form, error)) {
        g_prefix_error(error, "%s: ", place);
        return NULL;
    }
    if (start < 0 || end < 0) {
        text_template_clear(&form);
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: its chat template writes %s, but its vocabulary has no such token", place,
                    start < 0 ? START : END);
        return NULL;
    }
    HoneChat *chat = g_new0(HoneChat, 1);
    chat->tokenizer = tokenizer;
    chat->form = form;
    chat->start = start;
    chat->end = end;
    chat->hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, source, -1);
    return chat;
}

HoneChat *hone_chat_from_gguf(const HoneGguf *gguf, const HoneTokenizer *tokenizer, GError **error)
{
    return hone_chat_new(hone_gguf_string(gguf, "tokenizer.chat_template"), tokenizer, hone_gguf_path(gguf), error);
}

void hone_chat_free(HoneChat *chat)
{
    if (!chat)
        return;
    text_template_clear(&chat->form);
    g_free(chat->hash);
    g_free(chat);
}

const char *hone_chat_name(const HoneChat *chat)
{
    return chat->form.name;
}

const char *hone_chat_hash(const HoneChat *chat)
{
    return chat->hash;
}

void hone_tokens_free(HoneTokens *tokens)
{
    if (!tokens)
        return;
    g_array_unref(tokens->ids);
    g_array_unref(tokens->weights);
    g_free(tokens);
}

/* ---- Encoding. ---- */

static void add_special(HoneTokens *tokens, int32_t id, float weight)
{
    g_array_append_val(tokens->ids, id);
    g_array_append_val(tokens->weights, weight);
}

/* Appends text to a segment in the model's normal form; template text and content never compose with each other, since
 * a line break stands between. */
static void append_normal(const HoneChat *chat, GString *segment, const char *text)
{
    g_autoptr(GString) normal = text_normalize(chat->tokenizer, text, strlen(text));
    g_string_append(segment, normal ? normal->str : text);
}

/* Encodes a segment between special tokens; tokens that begin at `content` or later get the weight. Returns how many
 * tokens stand before the first of those. */
static size_t add_segment(const HoneChat *chat, HoneTokens *tokens, const GString *segment, size_t content,
                          float weight)
{
    g_autoptr(GArray) starts = g_array_new(FALSE, FALSE, sizeof(size_t));
    TextOutput output = {tokens->ids, starts};
    size_t before = 0;
    text_encode_plain(chat->tokenizer, segment->str, segment->len, &output);
    for (size_t i = 0; i < starts->len; i++) {
        bool inside = g_array_index(starts, size_t, i) >= content;
        float w = inside ? weight : 0;
        g_array_append_val(tokens->weights, w);
        if (!inside)
            before = i + 1;
    }
    return before;
}

/* One turn. Returns the index of its first content token (of its end marker where it has none). */
static size_t add_turn(const HoneChat *chat, HoneTokens *tokens, const char *role, const char *content, double weight)
{
    g_autoptr(GString) segment = g_string_new(NULL);
    add_special(tokens, chat->start, 0);
    append_normal(chat, segment, role);
    g_string_append_c(segment, '\n');
    size_t border = segment->len, first = tokens->ids->len;
    append_normal(chat, segment, content);
    first += add_segment(chat, tokens, segment, border, (float)weight);
    add_special(tokens, chat->end, (float)weight);
    g_string_assign(segment, "\n");
    add_segment(chat, tokens, segment, 1, 0);
    return first;
}

static bool check_messages(const GPtrArray *messages, GError **error)
{
    if (messages->len == 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "a conversation without messages cannot be encoded");
        return false;
    }
    for (size_t i = 0; i < messages->len; i++) {
        const HoneMessage *m = messages->pdata[i];
        if (!m->role || !m->role[0] || !m->content || !(m->weight >= 0 && m->weight <= G_MAXFLOAT)) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                        "message %zu has no role, no content, or a weight that is no number from 0 on", i + 1);
            return false;
        }
    }
    return true;
}

/* What the template puts before a conversation, or NULL. */
static const char *default_system(const HoneChat *chat, const GPtrArray *messages)
{
    const HoneMessage *first = messages->pdata[0];
    return strcmp(first->role, "system") != 0 ? chat->form.default_system : NULL;
}

static HoneTokens *start_conversation(const HoneChat *chat, const GPtrArray *messages, GError **error)
{
    if (!check_messages(messages, error))
        return NULL;
    HoneTokens *tokens = g_new0(HoneTokens, 1);
    tokens->ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    tokens->weights = g_array_new(FALSE, FALSE, sizeof(float));
    const char *system = default_system(chat, messages);
    if (system)
        add_turn(chat, tokens, "system", system, 0);
    return tokens;
}

HoneTokens *hone_chat_encode(const HoneChat *chat, const GPtrArray *messages, GError **error)
{
    HoneTokens *tokens = start_conversation(chat, messages, error);
    if (!tokens)
        return NULL;
    tokens->prompt = SIZE_MAX;
    for (size_t i = 0; i < messages->len; i++) {
        const HoneMessage *m = messages->pdata[i];
        size_t first = add_turn(chat, tokens, m->role, m->content, m->weight);
        if (strcmp(m->role, "assistant") == 0)
            tokens->prompt = first;
    }
    if (tokens->prompt == SIZE_MAX)
        tokens->prompt = tokens->ids->len;
    return tokens;
}

/* How many messages come before the assistant is to speak. */
static size_t count_asked(const GPtrArray *messages)
{
    const HoneMessage *last = messages->len > 0 ? messages->pdata[messages->len - 1] : NULL;
    return messages->len - (last && g_strcmp0(last->role, "assistant") == 0 ? 1 : 0);
}

HoneTokens *hone_chat_encode_prompt(const HoneChat *chat, const GPtrArray *messages, GError **error)
{
    HoneTokens *tokens = start_conversation(chat, messages, error);
    if (!tokens)
        return NULL;
    size_t n = count_asked(messages);
    for (size_t i = 0; i < n; i++) {
        const HoneMessage *m = messages->pdata[i];
        add_turn(chat, tokens, m->role, m->content, 0);
    }
    g_autoptr(GString) segment = g_string_new("assistant\n");
    add_special(tokens, chat->start, 0);
    add_segment(chat, tokens, segment, segment->len, 0);
    tokens->prompt = tokens->ids->len;
    return tokens;
}

/* ---- Text. ---- */

static void render_turn(GString *text, const char *role, const char *content)
{
    g_string_append_printf(text, START "%s\n%s" END "\n", role, content);
}

char *hone_chat_render(const HoneChat *chat, const GPtrArray *messages, bool add_generation_prompt, GError **error)
{
    if (!check_messages(messages, error))
        return NULL;
    GString *text = g_string_new(NULL);
    const char *system = default_system(chat, messages);
    if (system)
        render_turn(text, "system", system);
    for (size_t i = 0; i < messages->len; i++) {
        const HoneMessage *m = messages->pdata[i];
        render_turn(text, m->role, m->content);
    }
    if (add_generation_prompt)
        g_string_append(text, START "assistant\n");
    return g_string_free(text, FALSE);
}

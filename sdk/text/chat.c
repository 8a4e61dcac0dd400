/* SPDX-License-Identifier: Apache-2.0
 * chat.c: conversations to tokens.
 *
 * The reference renders the whole conversation to text, cuts out the special tokens and splits what lies between as one
 * text each: the role, the line break and the content of a message together. The ids here are the same (as long as no
 * content holds the text of a special token, which here stays plain text), and no BOS is added: a template writes it.
 *
 * So a token may begin in the template and end in the content: content that begins with white space lets its first
 * line breaks join the template's. A token belongs to the content when its first byte does. The tokens before the
 * content are then as many as those of the generation prompt, and the very same ones unless such a token stands at the
 * border; that one bears no loss, because generation never gets to choose it.
 */
#include "chat_private.h"

#include <locale.h>
#include <string.h>

#define START "<|im_start|>"
#define END "<|im_end|>"

/* ---- Making one. ---- */

/* The present, once for all rows; SOURCE_DATE_EPOCH sets it, so that a run can be repeated on another day. */
static void set_now(HoneChat *chat)
{
    const char *epoch = g_getenv("SOURCE_DATE_EPOCH");
    gint64 seconds;
    time_t now = time(NULL);
    if (epoch && g_ascii_string_to_signed(epoch, 10, 0, G_MAXINT32, &seconds, NULL)) {
        now = (time_t)seconds;
        gmtime_r(&now, &chat->now);
    } else {
        localtime_r(&now, &chat->now);
    }
}

static char *piece_text(const HoneTokenizer *tokenizer, int32_t id)
{
    size_t length;
    const char *piece = hone_tokenizer_piece(tokenizer, id, &length);
    return id >= 0 && length > 0 && g_utf8_validate(piece, (gssize)length, NULL) ? g_strndup(piece, length) : NULL;
}

static bool check_variables(const HoneChat *chat, GError **error)
{
    static const char *const unknown[] = {"unk_token", "pad_token", "sep_token", "cls_token", "mask_token"};
    for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++) {
        if (!jinja_reads(chat->template, unknown[i]))
            continue;
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "%s: the template writes %s, which Hone does not give to templates", chat->place, unknown[i]);
        return false;
    }
    return true;
}

HoneChat *hone_chat_new(const char *source, const HoneTokenizer *tokenizer, const char *place, GError **error)
{
    int32_t start = hone_tokenizer_id(tokenizer, START), end = hone_tokenizer_id(tokenizer, END);
    if (!source && (start < 0 || end < 0)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "%s has no chat template, and its vocabulary lacks %s and %s, which a model for conversations "
                    "would have: is it a base model?",
                    place, START, END);
        return NULL;
    }
    if (!source)
        source = text_template_chatml;
    g_autoptr(HoneChat) chat = g_new0(HoneChat, 1);
    chat->tokenizer = tokenizer;
    chat->place = g_strdup(place);
    chat->hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, source, -1);
    chat->bos = piece_text(tokenizer, hone_tokenizer_bos(tokenizer));
    chat->eos = piece_text(tokenizer, hone_tokenizer_eos(tokenizer));
    set_now(chat);
    chat->chatml = text_template_recognise(source, &chat->form);
    if (chat->chatml && (start < 0 || end < 0)) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: its chat template writes %s, but its vocabulary has no such token", place,
                    start < 0 ? START : END);
        return NULL;
    }
    chat->writes_calls = strstr(source, "tool_calls") != NULL;
    chat->template = jinja_parse(source, place, error);
    return chat->template && check_variables(chat, error) ? g_steal_pointer(&chat) : NULL;
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
    jinja_free(chat->template);
    g_free(chat->hash);
    g_free(chat->place);
    g_free(chat->bos);
    g_free(chat->eos);
    g_free(chat);
}

const char *hone_chat_name(const HoneChat *chat)
{
    return chat->chatml ? "chatml" : "template";
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

static bool check_messages(const GPtrArray *messages, GError **error)
{
    if (messages->len == 0) {
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "a conversation without messages cannot be encoded");
        return false;
    }
    for (size_t i = 0; i < messages->len; i++) {
        const HoneMessage *m = messages->pdata[i];
        const char *problem = NULL;
        if (!m->role || !m->role[0] || !m->content || !(m->weight >= 0 && m->weight <= G_MAXFLOAT))
            problem = "has no role, no content, or a weight that is no number from 0 on";
        else if (!g_utf8_validate(m->role, -1, NULL) || !g_utf8_validate(m->content, -1, NULL))
            problem = "is not valid UTF-8";
        if (problem) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "message %zu %s", i + 1, problem);
            return false;
        }
    }
    return true;
}

/* What a template does not write cannot be learned. */
static bool check_calls(const HoneChat *chat, const GPtrArray *messages, GError **error)
{
    for (size_t i = 0; i < messages->len && !chat->writes_calls; i++) {
        const HoneMessage *m = messages->pdata[i];
        if (!m->fields || !json_object_has_member(m->fields, "tool_calls"))
            continue;
        g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                    "message %zu calls tools, which the chat template of %s has no place for: write the call as the "
                    "message's text, or take a model whose template knows tools",
                    i + 1, chat->place);
        return false;
    }
    return true;
}

/* Ids of a rendering, and where each token begins. What messages and tools say is plain text. */
static bool encode_text(const HoneChat *chat, const JinjaText *text, GArray *ids, GArray *starts, GError **error)
{
    g_autoptr(GArray) plain = g_array_new(FALSE, FALSE, sizeof(TextRange));
    TextOutput output = {ids, starts};
    size_t start = 0;
    for (size_t r = 0; r < text->n_runs; start = text->runs[r++].end) {
        if ((text->runs[r].owner & ~JINJA_GENERATED) == JINJA_TEMPLATE)
            continue;
        TextRange range = {start, text->runs[r].end}, *last = NULL;
        if (plain->len > 0)
            last = &g_array_index(plain, TextRange, plain->len - 1);
        if (last && last->to == start)
            last->to = range.to;
        else
            g_array_append_val(plain, range);
    }
    return text_encode(chat->tokenizer, text->bytes, text->length, (const TextRange *)(const void *)plain->data,
                       plain->len, &output, error);
}

static void set_weights(HoneTokens *tokens, const GArray *starts, const GArray *spans)
{
    size_t span = 0;
    g_array_set_size(tokens->weights, tokens->ids->len);
    for (guint i = 0; i < tokens->ids->len; i++) {
        size_t at = g_array_index(starts, size_t, i);
        while (span < spans->len && g_array_index(spans, ChatSpan, span).to <= at)
            span++;
        bool bears = i > 0 && span < spans->len && g_array_index(spans, ChatSpan, span).from <= at;
        g_array_index(tokens->weights, float, i) = bears ? g_array_index(spans, ChatSpan, span).weight : 0;
    }
}

static HoneTokens *tokens_new(void)
{
    HoneTokens *tokens = g_new0(HoneTokens, 1);
    tokens->ids = g_array_new(FALSE, FALSE, sizeof(int32_t));
    tokens->weights = g_array_new(FALSE, TRUE, sizeof(float));
    return tokens;
}

static HoneTokens *encode_document(const HoneChat *chat, const GPtrArray *messages, bool ended, GError **error)
{
    const HoneMessage *text = messages->pdata[0];
    return check_messages(messages, error)
               ? hone_document_encode(chat->tokenizer, text->content, text->weight, ended, error)
               : NULL;
}

HoneTokens *hone_chat_encode_with(const HoneChat *chat, const GPtrArray *messages, JsonArray *tools, GError **error)
{
    ChatInput input = {messages, messages->len, tools, false};
    g_auto(JinjaText) text = {0};
    g_auto(ChatSpans) spans = {0};
    if (hone_messages_text(messages))
        return encode_document(chat, messages, true, error);
    if (!check_messages(messages, error) || !check_calls(chat, messages, error) ||
        !chat_render(chat, &input, &text, error))
        return NULL;
    g_autoptr(HoneTokens) tokens = tokens_new();
    g_autoptr(GArray) starts = g_array_new(FALSE, FALSE, sizeof(size_t));
    ChatTokens found = {tokens->ids, starts, chat->tokenizer};
    if (!encode_text(chat, &text, tokens->ids, starts, error) ||
        !chat_spans(chat, &input, &text, &found, &spans, error))
        return NULL;
    set_weights(tokens, starts, spans.spans);
    tokens->prompt = chat_token_at(&found, spans.answer);
    tokens->unlearned = spans.unlearned;
    return g_steal_pointer(&tokens);
}

HoneTokens *hone_chat_encode(const HoneChat *chat, const GPtrArray *messages, GError **error)
{
    return hone_chat_encode_with(chat, messages, NULL, error);
}

/* ---- Prompts. ---- */

/* How many messages come before the assistant is to speak. */
static size_t count_asked(const GPtrArray *messages)
{
    const HoneMessage *last = messages->pdata[messages->len - 1];
    return messages->len - (strcmp(last->role, "assistant") == 0 ? 1 : 0);
}

/* What the template puts before an answer that opens the conversation. */
static HoneTokens *encode_opening(const HoneChat *chat, const GPtrArray *messages, JsonArray *tools, GError **error)
{
    HoneTokens *tokens = hone_chat_encode_with(chat, messages, tools, error);
    if (!tokens)
        return NULL;
    g_array_set_size(tokens->ids, (guint)tokens->prompt);
    g_array_set_size(tokens->weights, (guint)tokens->prompt);
    memset(tokens->weights->data, 0, tokens->weights->len * sizeof(float));
    return tokens;
}

HoneTokens *hone_chat_encode_prompt_with(const HoneChat *chat, const GPtrArray *messages, JsonArray *tools,
                                         GError **error)
{
    if (!check_messages(messages, error))
        return NULL;
    if (hone_messages_text(messages)) {
        HoneTokens *tokens = encode_document(chat, messages, false, error);
        if (tokens)
            tokens->prompt = tokens->ids->len;
        return tokens;
    }
    ChatInput input = {messages, count_asked(messages), tools, true};
    if (input.n == 0)
        return encode_opening(chat, messages, tools, error);
    g_auto(JinjaText) text = {0};
    g_autoptr(HoneTokens) tokens = tokens_new();
    if (!chat_render(chat, &input, &text, error) || !encode_text(chat, &text, tokens->ids, NULL, error))
        return NULL;
    g_array_set_size(tokens->weights, tokens->ids->len);
    tokens->prompt = tokens->ids->len;
    return g_steal_pointer(&tokens);
}

HoneTokens *hone_chat_encode_prompt(const HoneChat *chat, const GPtrArray *messages, GError **error)
{
    return hone_chat_encode_prompt_with(chat, messages, NULL, error);
}

/* ---- Text. ---- */

char *hone_chat_render_with(const HoneChat *chat, const GPtrArray *messages, JsonArray *tools,
                            bool add_generation_prompt, GError **error)
{
    ChatInput input = {messages, messages->len, tools, add_generation_prompt};
    g_auto(JinjaText) text = {0};
    if (!check_messages(messages, error) || !chat_render(chat, &input, &text, error))
        return NULL;
    return g_steal_pointer(&text.bytes);
}

char *hone_chat_render(const HoneChat *chat, const GPtrArray *messages, bool add_generation_prompt, GError **error)
{
    return hone_chat_render_with(chat, messages, NULL, add_generation_prompt, error);
}

HoneTokens *hone_chat_encode_answer(const HoneChat *chat, const HoneRow *row, const GPtrArray *answer, GError **error)
{
    g_autoptr(GPtrArray) messages = g_ptr_array_new_with_free_func((GDestroyNotify)hone_message_free);
    for (guint i = 0; i < row->messages->len; i++)
        g_ptr_array_add(messages, hone_message_copy(row->messages->pdata[i], 0));
    for (guint i = 0; i < answer->len; i++) {
        const HoneMessage *message = answer->pdata[i];
        g_ptr_array_add(messages, hone_message_copy(message, message->weight));
    }
    return hone_chat_encode_with(chat, messages, row->tools, error);
}

/* SPDX-License-Identifier: Apache-2.0
 * chat_spans.c: where in a rendered conversation loss falls.
 *
 * Where the template holds generation tags, on what stands between them. Else each assistant message is looked for by
 * rendering parts of the conversation: P, the messages before it with a generation prompt, and F, those up to it. It
 * bears loss where the whole rendering goes on from P, since that is where the model will be asked to speak, and where
 * it holds what F holds: from the end of P to the token that ends the turn. Two things are forgiven, since templates do
 * them at the end of a conversation only: text of the template's own (no message's) at the end of F, such as an end of
 * text token; and at the end of P, such as an opened thought, as long as a part of the prompt is left that begins the
 * turn.
 *
 * A template may write a turn otherwise once others follow (Qwen3 takes earlier thoughts away, others move the tools
 * to the last question). What stands in the whole rendering is then not what the model would write at that point, so
 * such a turn bears no loss; that the last one be such is an error.
 */
#include "chat_private.h"

#include <math.h>
#include <string.h>

void chat_spans_clear(ChatSpans *spans)
{
    g_clear_pointer(&spans->spans, g_array_unref);
}

/* ---- The rendered text. ---- */

static uint32_t owner_at(const JinjaText *text, size_t run)
{
    return text->runs[run].owner & ~JINJA_GENERATED;
}

/* Whether bytes from .. on hold anything that is not the template's. */
static bool holds_data(const JinjaText *text, size_t from)
{
    for (size_t r = text->n_runs; r > 0 && text->runs[r - 1].end > from; r--)
        if (owner_at(text, r - 1) != JINJA_TEMPLATE)
            return true;
    return false;
}

/* The first byte of a message at `from` or later, and the byte behind its last; false: there is none. */
static bool find_data(const JinjaText *text, size_t message, size_t from, size_t *first, size_t *end)
{
    bool found = false;
    size_t start = 0;
    for (size_t r = 0; r < text->n_runs; start = text->runs[r++].end) {
        if (owner_at(text, r) != chat_owner(message) || text->runs[r].end <= from)
            continue;
        if (!found)
            *first = MAX(start, from);
        found = true;
        *end = text->runs[r].end;
    }
    return found;
}

static size_t common(const JinjaText *a, const JinjaText *b)
{
    size_t n = MIN(a->length, b->length), i = 0;
    while (i < n && a->bytes[i] == b->bytes[i])
        i++;
    return i;
}

static size_t trim_length(const char *text)
{
    size_t n = strlen(text);
    while (n > 0 && g_ascii_isspace(text[n - 1]))
        n--;
    return n;
}

static size_t trim(const JinjaText *text, size_t from, size_t to)
{
    while (to > from && g_ascii_isspace(text->bytes[to - 1]))
        to--;
    return to;
}

/* ---- Tokens. ---- */

guint chat_token_at(const ChatTokens *tokens, size_t at)
{
    guint low = 0, high = tokens->starts->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (g_array_index(tokens->starts, size_t, middle) < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t token_start(const ChatTokens *tokens, guint i, const JinjaText *text)
{
    return i < tokens->starts->len ? g_array_index(tokens->starts, size_t, i) : text->length;
}

/* Two renderings that part within a token part at its start. */
static size_t part_at_token(const ChatTokens *tokens, const JinjaText *text, size_t at)
{
    guint i = chat_token_at(tokens, at);
    return token_start(tokens, i, text) == at || i == 0 ? at : g_array_index(tokens->starts, size_t, i - 1);
}

/* The end of a turn whose last byte of content lies before `end`: behind the token that ends it, which begins before
 * `limit`; without such a token, behind the template's text that is left. */
static size_t turn_end(const ChatTokens *tokens, const JinjaText *text, size_t end, size_t limit)
{
    size_t special = 0;
    for (guint i = chat_token_at(tokens, end); i < tokens->ids->len && token_start(tokens, i, text) < limit; i++) {
        int32_t id = g_array_index(tokens->ids, int32_t, i);
        if (!hone_tokenizer_is_special(tokens->tokenizer, id))
            continue;
        if (hone_tokenizer_ends(tokens->tokenizer, id))
            return token_start(tokens, i + 1, text);
        if (!special)
            special = token_start(tokens, i + 1, text);
    }
    return special ? special : trim(text, end, MAX(limit, end));
}

/* ---- One assistant message. ---- */

typedef struct Search {
    const HoneChat *chat;
    const ChatInput *input;
    const JinjaText *text;
    const ChatTokens *tokens;
    ChatSpans *spans;
} Search;

static bool render_part(const Search *q, size_t n, bool prompt, JinjaText *part, GError **error)
{
    ChatInput input = {q->input->messages, n, q->input->tools, prompt};
    return chat_render(q->chat, &input, part, error);
}

static const char before_differs[] =
    "the template writes what comes before it otherwise when it is asked to go on from there";
static const char turn_differs[] = "the template writes it otherwise once other messages follow";
static const char left_out[] = "the template does not write what it says";

/* The message says something that is more than white space. */
static bool says_something(const HoneMessage *message)
{
    return trim_length(message->content) > 0 ||
           (message->fields && json_object_has_member(message->fields, "tool_calls"));
}

/* Where the turn of message i begins: where the model would begin to speak. False: not certain, *why says why. */
static bool find_start(const Search *q, size_t i, size_t *start, const char **why, GError **error)
{
    g_auto(JinjaText) asked = {0}, before = {0};
    size_t first = 0, end = 0;
    bool has_data = find_data(q->text, i, 0, &first, &end);
    if (i == 0) { /* there is nothing to render before it */
        *why = "it opens the conversation and holds no text";
        *start = has_data ? first : 0;
        return has_data;
    }
    *why = before_differs;
    if (!render_part(q, i, true, &asked, error))
        return false;
    *start = common(&asked, q->text);
    if (*start == asked.length)
        return true;
    if (holds_data(&asked, *start) || !render_part(q, i, false, &before, error))
        return false;
    *start = part_at_token(q->tokens, q->text, *start);
    return *start > common(&before, &asked) && (!has_data || first >= *start);
}

/* Where it ends. */
static bool find_end(const Search *q, size_t i, size_t start, size_t *end, const char **why, GError **error)
{
    g_auto(JinjaText) upto = {0};
    size_t limit = q->text->length, first, content = start;
    bool has_data = find_data(q->text, i, start, &first, &content);
    *why = left_out;
    if (!has_data && says_something(q->input->messages->pdata[i]))
        return false;
    *why = turn_differs;
    if (i + 1 < q->input->n) {
        if (!render_part(q, i + 1, false, &upto, error))
            return false;
        limit = common(&upto, q->text);
        if (holds_data(&upto, limit))
            return false;
        if (limit < upto.length)
            limit = part_at_token(q->tokens, q->text, limit);
    }
    if (has_data && content > limit)
        return false;
    *end = turn_end(q->tokens, q->text, MAX(content, start), limit);
    return true;
}

/* ChatML's turns, byte by byte. */
static void chatml_turn(const Search *q, size_t i, size_t *start, size_t *end)
{
    const HoneMessage *first = q->input->messages->pdata[0];
    const char *system = strcmp(first->role, "system") != 0 ? q->chat->form.default_system : NULL;
    size_t at = system ? strlen("<|im_start|>system\n<|im_end|>\n") + strlen(system) : 0;
    for (size_t m = 0;; m++) {
        const HoneMessage *message = q->input->messages->pdata[m];
        *start = at + strlen("<|im_start|>\n") + strlen(message->role);
        *end = *start + strlen(message->content) + strlen("<|im_end|>");
        at = *end + 1;
        if (m == i)
            return;
    }
}

static bool find_turn(const Search *q, size_t i, size_t *start, size_t *end, const char **why, GError **error)
{
    if (q->chat->chatml) {
        chatml_turn(q, i, start, end);
        return true;
    }
    return find_start(q, i, start, why, error) && find_end(q, i, *start, end, why, error);
}

/* ---- All messages. ---- */

static void add_span(ChatSpans *spans, size_t from, size_t to, double weight)
{
    ChatSpan span = {from, to, (float)weight};
    if (to > from && weight > 0)
        g_array_append_val(spans->spans, span);
}

static bool is_assistant(const HoneMessage *message)
{
    return strcmp(message->role, "assistant") == 0;
}

/* Index of the last assistant message; n: there is none. */
static size_t last_assistant(const ChatInput *input)
{
    for (size_t i = input->n; i > 0; i--)
        if (is_assistant(input->messages->pdata[i - 1]))
            return i - 1;
    return input->n;
}

static bool fail_message(const HoneChat *chat, size_t i, const char *what, GError **error)
{
    g_set_error(
        error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
        "%s: which tokens of message %zu bear loss is not certain: %s. Leave out what it moves (a system message "
        "can stand in the first question), or mark the answers in the template with {%% generation %%} ... "
        "{%% endgeneration %%}",
        chat->place, i + 1, what);
    return false;
}

static bool add_assistants(const Search *q, GError **error)
{
    size_t last = last_assistant(q->input);
    for (size_t i = 0; i < q->input->n; i++) {
        const HoneMessage *message = q->input->messages->pdata[i];
        if (!is_assistant(message) || (!(message->weight > 0) && i != last))
            continue;
        g_autoptr(GError) problem = NULL;
        const char *why = NULL;
        size_t start = 0, end = 0;
        bool found = find_turn(q, i, &start, &end, &why, &problem);
        if (found) {
            add_span(q->spans, start, end, message->weight);
        } else {
            q->spans->unlearned += message->weight > 0;
        }
        if (i != last)
            continue;
        bool given = found || find_data(q->text, i, 0, &start, &end);
        q->spans->answer = given ? start : q->text->length;
        if (!found && message->weight > 0 && i + 1 == q->input->n)
            return fail_message(q->chat, i, problem ? problem->message : why, error);
    }
    return true;
}

/* A message other than the assistant's: its own text and the token behind it. */
static void add_others(const Search *q)
{
    size_t start = 0;
    for (size_t r = 0; r < q->text->n_runs; start = q->text->runs[r++].end) {
        size_t i = (size_t)owner_at(q->text, r) - 1, end = q->text->runs[r].end, limit = end;
        if (i >= q->input->n)
            continue;
        const HoneMessage *message = q->input->messages->pdata[i];
        if (is_assistant(message) || !(message->weight > 0))
            continue;
        size_t next = r + 1;
        while (next < q->text->n_runs && owner_at(q->text, next) == JINJA_TEMPLATE)
            next++;
        if (next == q->text->n_runs || owner_at(q->text, next) != chat_owner(i))
            limit = q->text->runs[next - 1].end;
        guint token = chat_token_at(q->tokens, end);
        while (token < q->tokens->ids->len && token_start(q->tokens, token, q->text) < limit &&
               !hone_tokenizer_is_special(q->tokens->tokenizer, g_array_index(q->tokens->ids, int32_t, token)))
            token++;
        bool ended = token < q->tokens->ids->len && token_start(q->tokens, token, q->text) < limit;
        add_span(q->spans, start, ended ? token_start(q->tokens, token + 1, q->text) : end, message->weight);
    }
}

/* ---- Templates with generation tags. ---- */

static bool is_generated(const JinjaText *text, size_t run)
{
    return (text->runs[run].owner & JINJA_GENERATED) != 0;
}

/* The assistant message that runs first .. end belong to, by the text in them; n: none. */
static size_t message_of(const Search *q, size_t first, size_t end)
{
    for (size_t r = first; r < end; r++) {
        size_t i = (size_t)owner_at(q->text, r) - 1;
        if (i < q->input->n && is_assistant(q->input->messages->pdata[i]))
            return i;
    }
    return q->input->n;
}

/* The weight of all assistant messages; NAN where they differ. */
static double common_weight(const ChatInput *input)
{
    double weight = -1;
    for (size_t i = 0; i < input->n; i++) {
        const HoneMessage *message = input->messages->pdata[i];
        if (!is_assistant(message))
            continue;
        if (weight >= 0 && message->weight != weight)
            return NAN;
        weight = message->weight;
    }
    return weight;
}

static bool add_generated(const Search *q, GError **error)
{
    double all = common_weight(q->input);
    size_t start = 0, last = last_assistant(q->input), seen = 0;
    for (size_t r = 0; r < q->text->n_runs; start = q->text->runs[r++].end) {
        if (!is_generated(q->text, r))
            continue;
        size_t first = r;
        while (r + 1 < q->text->n_runs && is_generated(q->text, r + 1))
            r++;
        size_t i = message_of(q, first, r + 1);
        seen++;
        if (isnan(all) && i == q->input->n) {
            g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                        "%s: the template marks a place as generated (number %zu) that holds no text of an assistant "
                        "message, so which weight it has is not certain: give all of them one weight",
                        q->chat->place, seen);
            return false;
        }
        add_span(q->spans, start, q->text->runs[r].end,
                 isnan(all) ? ((const HoneMessage *)q->input->messages->pdata[i])->weight : all);
        if (last < q->input->n && (i == last || i == q->input->n))
            q->spans->answer = start;
    }
    if (last < q->input->n && q->spans->answer == SIZE_MAX)
        q->spans->answer = q->text->length;
    return true;
}

static int by_place(gconstpointer a, gconstpointer b)
{
    const ChatSpan *x = a, *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

bool chat_spans(const HoneChat *chat, const ChatInput *input, const JinjaText *text, const ChatTokens *tokens,
                ChatSpans *spans, GError **error)
{
    *spans = (ChatSpans){.spans = g_array_new(FALSE, FALSE, sizeof(ChatSpan)), .answer = SIZE_MAX};
    Search q = {chat, input, text, tokens, spans};
    bool fine = jinja_generates(chat->template) ? add_generated(&q, error) : add_assistants(&q, error);
    if (!fine)
        return false;
    add_others(&q);
    g_array_sort(spans->spans, by_place);
    return true;
}

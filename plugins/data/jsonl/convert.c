/* SPDX-License-Identifier: Apache-2.0
 * convert.c: each format's columns to messages. Nothing is guessed: what cannot be read whole is an error.
 */
#include "convert.h"
#include "messages.h"
#include "tools.h"
#include <string.h>

typedef struct {
    const Columns *columns;
    JsonObject *object;
    const char *where;
    Seen *seen;
    GHashTable *used; /* set of the file's column names that were read */
} Source;

void seen_init(Seen *seen)
{
    seen->extra = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    seen->message_keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

void seen_clear(Seen *seen)
{
    g_clear_pointer(&seen->extra, g_hash_table_unref);
    g_clear_pointer(&seen->message_keys, g_hash_table_unref);
}

static JsonNode *take(Source *s, const char *ours)
{
    const char *theirs = columns_name(s->columns, ours);
    if (theirs != NULL && json_object_has_member(s->object, theirs))
        g_hash_table_add(s->used, (gpointer)theirs);
    return columns_get(s->columns, s->object, ours);
}

static const char *shown_name(const Source *s, const char *ours)
{
    const char *theirs = columns_name(s->columns, ours);
    return theirs != NULL ? theirs : ours;
}

/* A column of plain text. *text stays NULL where an optional one is absent. */
static bool take_text(Source *s, const char *ours, bool required, const char **text, GError **error)
{
    JsonNode *node = take(s, ours);
    *text = NULL;
    if (node == NULL && !required)
        return true;
    if (node_is_text(node)) {
        *text = json_node_get_string(node);
        return true;
    }
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: column \"%s\" must be text, not %s", s->where,
                shown_name(s, ours), node_kind(node));
    return false;
}

/* A column that holds a text (one message of `role`), a message, or a list of messages: appended to `messages`. */
static bool take_turns(Source *s, const char *ours, const char *role, GPtrArray *messages, GError **error)
{
    JsonNode *node = take(s, ours);
    if (role != NULL && node_is_text(node)) {
        g_ptr_array_add(messages,
                        hone_message_new(role, json_node_get_string(node), hone_message_default_weight(role)));
        return true;
    }
    MessageOptions options = {s->seen->message_keys, s->seen->arguments_as_text, &s->seen->converted};
    return read_messages(node, shown_name(s, ours), s->where, &options, messages, error);
}

static bool convert_pair(Source *s, HoneRow *row, const char *prompt, const char *answer, GError **error)
{
    return take_turns(s, prompt, "user", row->messages, error) &&
           take_turns(s, answer, "assistant", row->messages, error);
}

static void add_message(GPtrArray *messages, const char *role, const char *text)
{
    g_ptr_array_add(messages, hone_message_new(role, text, hone_message_default_weight(role)));
}

/* "history": [["question", "answer"], ...], before the row's own turn. */
static bool convert_history(Source *s, GPtrArray *messages, GError **error)
{
    JsonNode *node = take(s, "history");
    if (node == NULL)
        return true;
    JsonArray *turns = JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
    guint n = turns != NULL ? json_array_get_length(turns) : 0;
    for (guint i = 0; i < n; i++) {
        JsonNode *turn = json_array_get_element(turns, i);
        JsonArray *pair = JSON_NODE_HOLDS_ARRAY(turn) ? json_node_get_array(turn) : NULL;
        if (pair == NULL || json_array_get_length(pair) != 2 || !node_is_text(json_array_get_element(pair, 0)) ||
            !node_is_text(json_array_get_element(pair, 1))) {
            turns = NULL;
            break;
        }
        add_message(messages, "user", json_array_get_string_element(pair, 0));
        add_message(messages, "assistant", json_array_get_string_element(pair, 1));
    }
    if (turns == NULL)
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: column \"%s\" must be a list of [question, answer] pairs of texts", s->where,
                    shown_name(s, "history"));
    return turns != NULL;
}

static bool convert_alpaca(Source *s, HoneRow *row, GError **error)
{
    const char *instruction, *input, *output;
    if (!convert_history(s, row->messages, error) || !take_text(s, "instruction", true, &instruction, error) ||
        !take_text(s, "input", false, &input, error) || !take_text(s, "output", true, &output, error))
        return false;
    g_autofree char *prompt =
        input != NULL && *input != 0 ? g_strdup_printf("%s\n%s", instruction, input) : g_strdup(instruction);
    add_message(row->messages, "user", prompt);
    add_message(row->messages, "assistant", output);
    return true;
}

static bool convert_text(Source *s, HoneRow *row, GError **error)
{
    const char *text;
    if (!take_text(s, "text", true, &text, error))
        return false;
    add_message(row->messages, "text", text);
    return true;
}

/* Chosen and rejected may repeat the prompt: what both begin with is the prompt then, the last turn of each apart. */
static void split_common_prompt(HoneRow *row)
{
    guint n = 0, most = MIN(row->chosen->len, row->rejected->len);
    while (n + 1 < most && hone_message_equal(row->chosen->pdata[n], row->rejected->pdata[n]))
        n++;
    if (n == 0)
        return;
    g_ptr_array_set_size(row->messages, 0);
    for (guint i = 0; i < n; i++) {
        const HoneMessage *message = row->chosen->pdata[i];
        g_ptr_array_add(row->messages, hone_message_copy(message, message->weight));
    }
    g_ptr_array_remove_range(row->chosen, 0, n);
    g_ptr_array_remove_range(row->rejected, 0, n);
}

/* A conversation whose last turn is judged, or a prompt and a completion. */
static bool convert_judged(Source *s, HoneRow *row, GError **error)
{
    static const char *const whole[] = {"messages", "conversations"};
    static const char *const pairs[][2] = {{"prompt", "completion"}, {"question", "answer"}, {"instruction", "output"}};
    GPtrArray **list = columns_get_bool(s->columns, s->object, "label") > 0 ? &row->chosen : &row->rejected;
    *list = g_ptr_array_new_with_free_func((GDestroyNotify)hone_message_free);
    take(s, "label");
    for (size_t i = 0; i < G_N_ELEMENTS(whole); i++) {
        if (columns_get(s->columns, s->object, whole[i]) == NULL)
            continue;
        if (!take_turns(s, whole[i], NULL, row->messages, error))
            return false;
        guint last = row->messages->len;
        if (last >= 2 && g_str_equal(((HoneMessage *)row->messages->pdata[last - 1])->role, "assistant")) {
            g_ptr_array_add(*list, g_ptr_array_steal_index(row->messages, last - 1));
            return true;
        }
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                    "%s: column \"%s\" must end with the assistant's answer that \"%s\" judges", s->where,
                    shown_name(s, whole[i]), shown_name(s, "label"));
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++)
        if (columns_get(s->columns, s->object, pairs[i][0]) != NULL)
            return take_turns(s, pairs[i][0], "user", row->messages, error) &&
                   take_turns(s, pairs[i][1], "assistant", *list, error);
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "%s: nothing to judge: neither \"messages\" nor \"prompt\" and \"completion\" beside \"%s\"", s->where,
                shown_name(s, "label"));
    return false;
}

static bool convert_preference(Source *s, HoneRow *row, GError **error)
{
    static const char *const prompts[] = {"messages", "conversations", "prompt", "question", "instruction"};
    for (size_t i = 0; i < G_N_ELEMENTS(prompts) && row->messages->len == 0; i++) {
        if (columns_get(s->columns, s->object, prompts[i]) != NULL &&
            !take_turns(s, prompts[i], i < 2 ? NULL : "user", row->messages, error))
            return false;
    }
    row->chosen = g_ptr_array_new_with_free_func((GDestroyNotify)hone_message_free);
    row->rejected = g_ptr_array_new_with_free_func((GDestroyNotify)hone_message_free);
    if (!take_turns(s, "chosen", "assistant", row->chosen, error) ||
        !take_turns(s, "rejected", "assistant", row->rejected, error))
        return false;
    split_common_prompt(row);
    if (row->messages->len > 0)
        return true;
    g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID,
                "%s: no prompt: neither a column \"prompt\" nor turns that chosen and rejected have in common",
                s->where);
    return false;
}

static bool convert_body(Format format, Source *s, HoneRow *row, GError **error)
{
    switch (format) {
    case FORMAT_PREFERENCE:
        return convert_preference(s, row, error);
    case FORMAT_JUDGED:
        return convert_judged(s, row, error);
    case FORMAT_MESSAGES:
        return take_turns(s, "messages", NULL, row->messages, error);
    case FORMAT_SHAREGPT:
        return take_turns(s, "conversations", NULL, row->messages, error);
    case FORMAT_ALPACA:
        return convert_alpaca(s, row, error);
    case FORMAT_PROMPT_COMPLETION:
        return convert_pair(s, row, "prompt", "completion", error);
    case FORMAT_QUESTION_ANSWER:
        return convert_pair(s, row, "question", "answer", error);
    case FORMAT_INPUT_OUTPUT:
        return convert_pair(s, row, "input", "output", error);
    case FORMAT_TEXT:
        return convert_text(s, row, error);
    case FORMAT_COUNT:
        break;
    }
    g_assert_not_reached();
}

/* The column "tools" of the formats whose messages may call them. */
static bool take_tools(Format format, Source *s, HoneRow *row, GError **error)
{
    bool calls = format == FORMAT_MESSAGES || format == FORMAT_SHAREGPT || format == FORMAT_PREFERENCE ||
                 format == FORMAT_JUDGED;
    return !calls || tools_read(take(s, "tools"), shown_name(s, "tools"), s->where, &row->tools, error);
}

static char *take_id(Source *s, const char *fallback)
{
    JsonNode *node = take(s, "id");
    if (node_is_text(node) && *json_node_get_string(node) != 0)
        return g_strdup(json_node_get_string(node));
    if (node != NULL && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_INT64)
        return g_strdup_printf("%" G_GINT64_FORMAT, json_node_get_int(node));
    /* An id of another kind stays in extra. */
    g_hash_table_remove(s->used, shown_name(s, "id"));
    return g_strdup(fallback);
}

static void keep_extra(Source *s, HoneRow *row)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;
    json_object_iter_init_ordered(&iter, s->object);
    while (json_object_iter_next_ordered(&iter, &name, &value)) {
        if (g_hash_table_contains(s->used, name))
            continue;
        if (row->extra == NULL)
            row->extra = json_object_new();
        json_object_set_member(row->extra, name, json_node_ref(value));
        count_name(s->seen->extra, name);
    }
}

HoneRow *convert_row(Format format, const Columns *columns, JsonObject *object, const char *fallback_id,
                     const char *where, Seen *seen, GError **error)
{
    if (!format_fits(format, columns, object)) {
        g_autofree char *what = format_mismatch((int)format, columns, object);
        g_set_error(error, HONE_ERROR, HONE_ERROR_INVALID, "%s: %s", where, what);
        return NULL;
    }
    g_autoptr(GHashTable) used = g_hash_table_new(g_str_hash, g_str_equal);
    Source s = {.columns = columns, .object = object, .where = where, .seen = seen, .used = used};
    g_autofree char *id = take_id(&s, fallback_id);
    g_autoptr(HoneRow) row = hone_row_new(id);
    const char *system = NULL;
    /* A document has no place for a system message: such a column stays in extra. */
    if ((format != FORMAT_TEXT && !take_text(&s, "system", false, &system, error)) ||
        !convert_body(format, &s, row, error) || !take_tools(format, &s, row, error))
        return NULL;
    if (system != NULL && *system != 0)
        g_ptr_array_insert(row->messages, 0, hone_message_new("system", system, 0));
    keep_extra(&s, row);
    return g_steal_pointer(&row);
}

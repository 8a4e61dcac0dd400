/* SPDX-License-Identifier: Apache-2.0
 * row_text.c: see row_text.h.
 */
#include "row_text.h"
#include <hone/json.h>
#include <string.h>

#define ANSWER_PREFIX "answer."

static bool has_role(const HoneMessage *message, const char *role)
{
    return strcmp(message->role, role) == 0;
}

char *row_prompt(const HoneRow *row)
{
    guint end = row->messages->len;
    /* In a preferences row the answers are apart: all of messages is the prompt. */
    if (row->chosen == NULL && row->rejected == NULL) {
        for (guint i = row->messages->len; i > 0 && end == row->messages->len; i--)
            if (has_role(row->messages->pdata[i - 1], "assistant") || hone_row_text(row) != NULL)
                end = i - 1;
    }
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < end; i++) {
        const HoneMessage *message = row->messages->pdata[i];
        if (has_role(message, "system"))
            continue;
        g_string_append_printf(text, "%s%s", text->len > 0 ? "\n" : "", message->content);
    }
    return g_string_free(text, FALSE);
}

const char *row_answer(const HoneRow *row)
{
    const GPtrArray *judged = row->chosen != NULL ? row->chosen : row->rejected;
    if (judged == NULL)
        return hone_row_reference(row);
    for (guint i = judged->len; i > 0; i--) {
        const HoneMessage *message = judged->pdata[i - 1];
        if (has_role(message, "assistant"))
            return message->content;
    }
    return NULL;
}

char *text_normal(const char *text)
{
    g_autofree char *compatible = g_utf8_normalize(text, -1, G_NORMALIZE_NFKC);
    g_autofree char *folded = g_utf8_casefold(compatible != NULL ? compatible : text, -1);
    GString *normal = g_string_new(NULL);
    bool gap = false;
    for (const char *c = folded; *c != 0; c = g_utf8_next_char(c)) {
        gunichar ch = g_utf8_get_char(c);
        if (!g_unichar_isalnum(ch) && !g_unichar_ismark(ch)) {
            gap = true;
            continue;
        }
        if (gap && normal->len > 0)
            g_string_append_c(normal, ' ');
        gap = false;
        g_string_append_unichar(normal, ch);
    }
    return g_string_free(normal, FALSE);
}

uint64_t text_hash(const char *text)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(checksum, (const guchar *)text, -1);
    guint8 digest[32];
    gsize size = sizeof digest;
    g_checksum_get_digest(checksum, digest, &size);
    uint64_t hash = 0;
    for (size_t i = 0; i < 8; i++)
        hash = hash << 8 | digest[i];
    return hash;
}

char *row_question_key(const HoneRow *row)
{
    g_autofree char *prompt = row_prompt(row);
    const char *answer = row_answer(row), *text = *prompt != 0 || answer == NULL ? prompt : answer;
    char *key = text_normal(text);
    if (*key == 0) {
        g_free(key);
        key = g_strdup(text);
    }
    return key;
}

char *row_field(const HoneRow *row, const char *name)
{
    g_autoptr(JsonNode) parsed = NULL;
    JsonObject *object = row->extra;
    if (g_str_has_prefix(name, ANSWER_PREFIX)) {
        const char *answer = row_answer(row);
        parsed = answer != NULL ? hone_json_parse(answer, strlen(answer), NULL, NULL) : NULL;
        object = parsed != NULL && JSON_NODE_HOLDS_OBJECT(parsed) ? json_node_get_object(parsed) : NULL;
        name += strlen(ANSWER_PREFIX);
    }
    JsonNode *value = object != NULL ? json_object_get_member(object, name) : NULL;
    if (value == NULL)
        return NULL;
    if (JSON_NODE_HOLDS_VALUE(value) && json_node_get_value_type(value) == G_TYPE_STRING)
        return g_strdup(json_node_get_string(value));
    return hone_json_text(value);
}

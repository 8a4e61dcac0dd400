/* SPDX-License-Identifier: Apache-2.0
 * template.c: recognises ChatML's template, word for word but for the default system message, which differs from model
 * to model. It is rendered like any other; knowing it tells where each turn stands without rendering parts of the
 * conversation, and gives it its name.
 */
#include "template.h"

#include <string.h>

#define OPEN "{% for message in messages %}"
#define TURN                                                                                                           \
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"               \
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
#define DEFAULT "{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
#define DEFAULT_END "<|im_end|>\n' }}{% endif %}"

const char *const text_template_chatml = OPEN TURN;

/* A line break inside a template's string may be written as itself or as \n. Space before the first block writes
 * nothing, and what is written after the last turn moves none. */
static char *normalise(const char *source)
{
    g_autoptr(GString) text = g_string_new(source + strspn(source, " \t"));
    g_string_replace(text, "\\n", "\n", 0);
    return g_strchomp(g_string_free(g_steal_pointer(&text), FALSE));
}

/* The text of a default system message must mean itself: no escape, no end of the string, no marker. */
static bool is_literal(const char *text, size_t length)
{
    return !memchr(text, '\\', length) && !memchr(text, '\'', length) && !memchr(text, '{', length) &&
           !g_strstr_len(text, (gssize)length, "<|");
}

bool text_template_recognise(const char *source, TextTemplate *found)
{
    static const char before[] = OPEN DEFAULT, after[] = DEFAULT_END TURN;
    *found = (TextTemplate){0};
    if (strlen(source) > 4096)
        return false;
    g_autofree char *text = normalise(source);
    size_t length = strlen(text), around = strlen(before) + strlen(after);
    if (strcmp(text, text_template_chatml) == 0)
        return true;
    if (length < around || !g_str_has_prefix(text, before) || !g_str_has_suffix(text, after) ||
        !is_literal(text + strlen(before), length - around))
        return false;
    found->default_system = g_strndup(text + strlen(before), length - around);
    return true;
}

void text_template_clear(TextTemplate *found)
{
    g_clear_pointer(&found->default_system, g_free);
}

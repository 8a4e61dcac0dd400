/* SPDX-License-Identifier: Apache-2.0
 * template.c: recognises a chat template. Hone renders templates in C, so a template must be one that it knows, word
 * for word; the default system message is the one part that may differ from model to model.
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

typedef struct Known {
    const char *name;
    const char *before; /* the template up to the default system message */
    const char *after;  /* and from its end; NULL: the template has no default system message */
} Known;

static const Known known[] = {
    {"chatml", OPEN TURN, NULL},
    {"chatml", OPEN DEFAULT, DEFAULT_END TURN},
};

/* A line break inside a template's string may be written as itself or as \n; around the whole, space means nothing. */
static char *normalise(const char *source)
{
    g_autoptr(GString) text = g_string_new(source);
    g_string_replace(text, "\\n", "\n", 0);
    return g_strstrip(g_string_free(g_steal_pointer(&text), FALSE));
}

/* The text of a default system message must mean itself: no escape, no end of the string, no marker. */
static bool is_literal(const char *text, size_t length)
{
    return !memchr(text, '\\', length) && !memchr(text, '\'', length) && !memchr(text, '{', length) &&
           !g_strstr_len(text, (gssize)length, "<|");
}

bool text_template_recognise(const char *source, TextTemplate *found, GError **error)
{
    g_autofree char *text = normalise(source);
    size_t length = strlen(text);
    *found = (TextTemplate){0};
    for (size_t i = 0; i < G_N_ELEMENTS(known) && !found->name; i++) {
        const Known *k = &known[i];
        if (!k->after) {
            if (strcmp(text, k->before) == 0)
                found->name = k->name;
            continue;
        }
        size_t before = strlen(k->before), after = strlen(k->after);
        if (length >= before + after && g_str_has_prefix(text, k->before) && g_str_has_suffix(text, k->after) &&
            is_literal(text + before, length - before - after)) {
            found->name = k->name;
            found->default_system = g_strndup(text + before, length - before - after);
        }
    }
    if (found->name)
        return true;
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)MIN(length, 120));
    g_set_error(error, HONE_ERROR, HONE_ERROR_UNSUPPORTED,
                "the chat template (tokenizer.chat_template) is not one that Hone renders: it renders ChatML "
                "(<|im_start|>ROLE, line break, content, <|im_end|>, line break), with or without a default system "
                "message; this one begins: %s",
                valid);
    return false;
}

void text_template_clear(TextTemplate *found)
{
    g_clear_pointer(&found->default_system, g_free);
}

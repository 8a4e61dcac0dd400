/* SPDX-License-Identifier: Apache-2.0
 * template.h: ChatML, told by its text.
 */
#ifndef HONE_TEXT_TEMPLATE_H
#define HONE_TEXT_TEMPLATE_H

#include <glib.h>
#include <stdbool.h>

typedef struct TextTemplate {
    char *default_system; /* what the system says in a conversation without a system message; NULL: nothing */
} TextTemplate;

/* False where the template is not ChatML word for word. */
bool text_template_recognise(const char *source, TextTemplate *found);
void text_template_clear(TextTemplate *found);
/* ChatML's template without a default system message, for models that come with none. */
extern const char *const text_template_chatml;

#endif

/* SPDX-License-Identifier: Apache-2.0
 * template.h: which chat template a model has, told by its text.
 */
#ifndef HONE_TEXT_TEMPLATE_H
#define HONE_TEXT_TEMPLATE_H

#include <hone/error.h>
#include <stdbool.h>

typedef struct TextTemplate {
    const char *name;     /* "chatml" */
    char *default_system; /* what the system says in a conversation without a system message; NULL: nothing */
} TextTemplate;

/* False with an error that says what is accepted and how this one begins. */
bool text_template_recognise(const char *source, TextTemplate *found, GError **error);
void text_template_clear(TextTemplate *found);
/* ChatML's template without a default system message, for models that come with none. */
extern const char *const text_template_chatml;

#endif

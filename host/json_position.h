/* SPDX-License-Identifier: Apache-2.0
 * json_position.h: a JSON file with the line and column of every name and value in it.
 *
 * Strict, and forgiving only so as to tell more: a missing comma, a comma too many, a comment, a name given twice is
 * reported and reading goes on, so that one look shows all mistakes.
 */
#ifndef HONE_HOST_JSON_POSITION_H
#define HONE_HOST_JSON_POSITION_H

#include "mistakes.h"

typedef struct HoneJsonText HoneJsonText;

/* NULL where the file cannot be read or its structure not be followed to the end; the mistakes say why. With a text,
 * there may be mistakes all the same. */
HoneJsonText *hone_json_text_read(const char *file, HoneMistakes *mistakes);
/* The same from memory; `file` is for the messages. */
HoneJsonText *hone_json_text_parse(const char *file, const char *text, gsize length, HoneMistakes *mistakes);
void hone_json_text_free(HoneJsonText *text);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HoneJsonText, hone_json_text_free)

JsonNode *hone_json_text_root(const HoneJsonText *text);
const char *hone_json_text_file(const HoneJsonText *text);

/* Where the value at a JSON pointer begins, or its name; where the pointer leads past the text, those of the nearest
 * value above. */
HonePlace hone_json_text_value(const HoneJsonText *text, const char *pointer);
HonePlace hone_json_text_name(const HoneJsonText *text, const char *pointer);

static inline bool hone_json_is_string(JsonNode *node)
{
    return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING;
}

/* pointer/name and pointer/index. Caller frees. */
char *hone_json_pointer(const char *pointer, const char *name);
char *hone_json_pointer_index(const char *pointer, guint index);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * messages.h: messages as other tools write them: role or from, content or value, parts, weights, tool calls.
 */
#ifndef JSONL_MESSAGES_H
#define JSONL_MESSAGES_H

#include <hone/json.h>
#include <stdbool.h>

bool node_is_text(JsonNode *node);     /* false for NULL */
const char *node_kind(JsonNode *node); /* "a list", "missing", ...; node may be NULL */
/* Adds one to a name's count in a table of the Seen kind. */
void count_name(GHashTable *counts, const char *name);

typedef struct MessageOptions {
    GHashTable *ignored;    /* members that are passed over are counted here */
    bool arguments_as_text; /* of tool calls; else as objects */
    size_t *converted;      /* counts the calls whose arguments were not so */
} MessageOptions;

/* A list of messages, or one message, appended to `messages`. `column` and `where` are for the error. */
bool read_messages(JsonNode *node, const char *column, const char *where, const MessageOptions *options,
                   GPtrArray *messages, GError **error);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * messages.h: messages as other tools write them: role or from, content or value, parts, weights.
 */
#ifndef JSONL_MESSAGES_H
#define JSONL_MESSAGES_H

#include <hone/json.h>
#include <stdbool.h>

bool node_is_text(JsonNode *node);     /* false for NULL */
const char *node_kind(JsonNode *node); /* "a list", "missing", ...; node may be NULL */
/* Adds one to a name's count in a table of the Seen kind. */
void count_name(GHashTable *counts, const char *name);

/* A list of messages, or one message, appended to `messages`. `column` and `where` are for the error; members that are
 * passed over are counted in `ignored`. */
bool read_messages(JsonNode *node, const char *column, const char *where, GHashTable *ignored, GPtrArray *messages,
                   GError **error);

#endif

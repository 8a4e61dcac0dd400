/* SPDX-License-Identifier: Apache-2.0
 * tools.h: tool calls and tools of a row.
 */
#ifndef JSONL_TOOLS_H
#define JSONL_TOOLS_H

#include <hone/dataset.h>
#include <hone/json.h>

/* A list of calls with each one's arguments as an object, or as JSON text. *converted counts those that were not.
 * Caller unrefs. */
JsonNode *tools_convert_calls(JsonNode *calls, bool as_text, size_t *converted);
/* A column of tools: a list of JSON schemas, such a list as text, or nothing. *tools is NULL where there are none. */
bool tools_read(JsonNode *node, const char *column, const char *where, JsonArray **tools, GError **error);

#endif

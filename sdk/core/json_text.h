/* SPDX-License-Identifier: Apache-2.0
 * json_text.h: JSON as text for people to read; inside the SDK only.
 */
#ifndef HONE_CORE_JSON_TEXT_H
#define HONE_CORE_JSON_TEXT_H

#include <json-glib/json-glib.h>

/* Members in their order, indented by two spaces; numbers as hone_json_canonical writes them, but a double that is
 * whole keeps its ".0". Caller frees. */
GString *hone_json_indented(JsonNode *node);
/* The same on one line, without white space: what hone_json_text gives. */
GString *hone_json_compact(JsonNode *node);

#endif

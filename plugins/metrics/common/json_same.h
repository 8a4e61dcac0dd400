/* SPDX-License-Identifier: Apache-2.0
 * json_same.h: equality of JSON values.
 */
#ifndef HONE_METRICS_JSON_SAME_H
#define HONE_METRICS_JSON_SAME_H

#include <json-glib/json-glib.h>
#include <stdbool.h>

/* 1 equals 1.0, members come in any order, elements in theirs. */
bool json_same(JsonNode *a, JsonNode *b);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * json_members.h: members of JSON objects from files, none of which can be relied upon.
 */
#ifndef HONE_METRICS_JSON_MEMBERS_H
#define HONE_METRICS_JSON_MEMBERS_H

#include <json-glib/json-glib.h>
#include <stdbool.h>

/* NULL, false or NaN where the object is NULL, or the member is not there or of another type. */
const char *json_text_member(JsonObject *object, const char *name);
bool json_true_member(JsonObject *object, const char *name);
double json_number_member(JsonObject *object, const char *name);
JsonArray *json_array_member(JsonObject *object, const char *name);
JsonObject *json_object_member(JsonObject *object, const char *name);
/* NULL and NaN where element i is something else. i is below the length. */
JsonObject *json_object_element(JsonArray *array, guint i);
double json_number_element(JsonArray *array, guint i);
const char *json_text_element(JsonArray *array, guint i);
/* Length of an array that may be NULL. */
guint json_length(JsonArray *array);
/* null where the value is NaN or infinite, or the text NULL. */
void json_set_number(JsonObject *object, const char *name, double value);
void json_set_text(JsonObject *object, const char *name, const char *text);
/* A node that takes over the caller's reference to the object. */
JsonNode *json_own_object(JsonObject *object);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * params_private.h: what the descriptor's check and the parameters' check share.
 */
#ifndef HONE_PARAMS_PRIVATE_H
#define HONE_PARAMS_PRIVATE_H

#include <hone/plugin.h>

/* Size and alignment of the field that a type is kept in; 0 for no type at all. */
size_t hone_param_field_size(HoneParamType type);
/* The default as a node, or NULL where the parameter is required or the text is not JSON. Caller unrefs. */
JsonNode *hone_param_fallback(const HoneParam *param);
/* Whether null is a value: it is where the default is null. */
bool hone_param_allows_null(const HoneParam *param);
/* Appends what is wrong with `value` to problems; files are looked for only where folder is not NULL. */
bool hone_param_check_value(const HoneParam *param, JsonNode *value, const char *folder, GPtrArray *problems);
/* Absolute form of a path in a parameter. Caller frees. */
char *hone_param_absolute(const char *path, const char *folder);

#endif

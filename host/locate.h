/* SPDX-License-Identifier: Apache-2.0
 * locate.h: results by the names that people use.
 */
#ifndef HONE_HOST_LOCATE_H
#define HONE_HOST_LOCATE_H

#include "run_record.h"

/* The newest result of a node ("tuned"), of one run (id) or of any (NULL). *record (may be NULL) gets the node's part
 * of run.json; unref it. Caller frees the result. */
HoneStored *hone_locate_node(HoneStore *store, const char *node, const char *run, JsonObject **record, GError **error);

/* The folder of the newest artifact that a label names: "tuned" (the node's first output) or "parts.train". Caller
 * frees. */
char *hone_store_locate(HoneStore *store, const char *label, GError **error);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * why.h: what will run and what will not, and the one field that makes the difference.
 */
#ifndef HONE_HOST_WHY_H
#define HONE_HOST_WHY_H

#include "key.h"
#include "run_record.h"

/* Why a node with these ingredients has to run: "new", "rank: 8 -> 16", "input dataset changed". Compared with the
 * newest run of the same pipeline that finished the node. skip_run: the run that asks, or NULL. Caller frees. */
char *hone_why(HoneStore *store, const char *pipeline, const char *node, JsonObject *ingredients, const char *skip_run);

typedef struct HoneForecast {
    bool known;  /* its key can be told now */
    bool stored; /* its result is in the store and would be taken */
    char *why;   /* why it would run; NULL where it would not */
} HoneForecast;

/* One HoneForecast * for each node, by index. Nodes after one that will run are not known: their inputs' content is
 * not. store NULL: there is none yet. Caller unrefs. */
GPtrArray *hone_forecast(HoneStore *store, const HonePipeline *pipeline, const HoneKeyContext *context, GError **error);

#endif

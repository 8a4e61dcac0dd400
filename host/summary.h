/* SPDX-License-Identifier: Apache-2.0
 * summary.h: what a run came to: a table of its nodes, then what its reports say.
 */
#ifndef HONE_HOST_SUMMARY_H
#define HONE_HOST_SUMMARY_H

#include "scheduler.h"
#include <stdio.h>

void hone_summary_print(const HoneScheduler *scheduler, const HonePipeline *pipeline, FILE *out);
/* {"run", "state", "nodes": {name: {...}}, "reports": [{"node", "page", "verdict", "table"}...]}. Caller unrefs. */
JsonNode *hone_summary_json(const HoneScheduler *scheduler, const HonePipeline *pipeline, HoneRun *run);
/* The table, the verdict and the page of a report artifact's metadata: {"table": {"title", "columns", "rows"},
 * "verdict", "page"}, each optional. */
void hone_report_print(JsonObject *meta, const char *folder, FILE *out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * gather.h: everything a report shows, collected into one JSON object: report.json.
 *
 * {"title", "description", "run", "command", "versions", "pipeline",
 *  "comparisons": [compare.json and "label", "samples": {"worst", "wrong", "best", "random": [row...]}],
 *  "scores": [scores.json of what no comparison covers, and "label"],
 *  "training": [{"node", "seconds", "memory", "steps": [{"step", "figures": {...}}...]}],
 *  "quality": [quality.json and "label"],
 *  "nodes": [{"name", "stage", "params", "key", "inputs": [label...], "from": [node...], "seconds", "memory"}],
 *  "notes": [{"node", "text"}], "artifacts": [{"label", "type", "hash"}]}
 */
#ifndef HONE_REPORT_GATHER_H
#define HONE_REPORT_GATHER_H

#include <hone/stage.h>

typedef struct ReportParams {
    char *title; /* or NULL */
    int64_t samples, seed;
} ReportParams;

/* Caller unrefs. */
JsonObject *gather_report(HoneStage *stage, const ReportParams *params, GError **error);

/* What a node's events tell. NULL where they cannot be read: a report does without. */
typedef struct Events {
    JsonArray *steps; /* those with a figure "loss", thinned out to what a chart can show */
    GPtrArray *warnings;
    double seconds, memory; /* NaN: not told */
} Events;
void events_read(Events *events, const char *path);
void events_clear(Events *events);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Events, events_clear)

#endif

/* SPDX-License-Identifier: Apache-2.0
 * sections.h: the page's sections. Each writes itself from the report's data (report.json), or nothing where that has
 * nothing for it. index tells comparisons apart in ids. All take the data as what it is: text from models, datasets and
 * files.
 */
#ifndef HONE_REPORT_SECTIONS_H
#define HONE_REPORT_SECTIONS_H

#include "../common/json_members.h"

extern const char report_style[];

/* Verdict, tiles of the figures that decide, warnings: what a manager reads. */
void section_verdict(GString *out, JsonObject *comparison);
/* Bars with intervals, the table of differences, the parts (fields). */
void section_scores(GString *out, JsonObject *comparison, int index);
/* Rows side by side. */
void section_samples(GString *out, JsonObject *comparison, int index);
/* Scores that no comparison covers. */
void section_lone_scores(GString *out, JsonArray *scores);
void section_training(GString *out, JsonArray *training);
/* The base models that were considered. */
void section_surveys(GString *out, JsonArray *surveys);
void section_data(GString *out, JsonArray *quality);
void section_lineage(GString *out, JsonArray *nodes);
void section_repeat(GString *out, JsonObject *report);

/* The nodes of a pipeline as a graph, left to right. */
void draw_graph(GString *out, JsonArray *nodes);

/* The whole page. Caller frees. */
GString *report_page(JsonObject *report);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * histogram.h: how a quantity is spread over the rows, for the report.
 */
#ifndef QUALITY_HISTOGRAM_H
#define QUALITY_HISTOGRAM_H

#include "facts.h"

/* {"name", "label", "unit", "edges": [k+1], "counts": [k], "min", "median", "max", "mean"} of the rows that are not
 * dropped: bin i holds edges[i] <= x < edges[i+1]. */
JsonNode *histogram_of(const GPtrArray *rows, size_t offset, const char *name, const char *label, const char *unit);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * figure_text.h: figures as people read them.
 */
#ifndef HONE_METRICS_FIGURE_TEXT_H
#define HONE_METRICS_FIGURE_TEXT_H

#include <glib.h>

/* unit "%": the value is a share and shown times 100. A value that is none is "n/a". Callers free. */
char *figure_text(const char *unit, double value);
/* With its sign: "+68.9 points", "−2.31". */
char *figure_difference_text(const char *unit, double value);
/* "61.0 to 75.2", in the same unit as the figure; with signs: "+61.0 to +75.2". */
char *figure_interval_text(const char *unit, double low, double high, gboolean signs);

#endif

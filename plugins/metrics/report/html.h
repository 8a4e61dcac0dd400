/* SPDX-License-Identifier: Apache-2.0
 * html.h: HTML written so that escaping is what happens when nothing else is said.
 */
#ifndef HONE_REPORT_HTML_H
#define HONE_REPORT_HTML_H

#include <glib.h>

/* Appends text as character data or as a quoted attribute's value: & < > " ' become entities, broken UTF-8 and control
 * characters U+FFFD. */
void html_escape(GString *out, const char *text);

/* Appends a format of our own:
 *   %s  text, escaped (NULL: nothing)      %r  markup that html() made, as it is
 *   %d  int                                %f  double, at most two decimals
 *   %%  a percent sign
 * Anything else is a programming mistake. */
void html(GString *out, const char *format, ...);

/* "1.2 GB", "2 min 13 s", "3,400". Callers free. */
char *text_bytes(double bytes);
char *text_seconds(double seconds);
char *text_count(double count);
/* At most `limit` characters; what is cut is counted at the end. Caller frees. */
char *text_cut(const char *text, glong limit);

#endif

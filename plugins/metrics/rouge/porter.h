/* SPDX-License-Identifier: Apache-2.0
 * porter.h: the stem of an English word.
 */
#ifndef HONE_METRICS_PORTER_H
#define HONE_METRICS_PORTER_H

#include <glib.h>

/* Replaces a word of [a-z0-9] by its stem. Words of one or two letters stay as they are. */
void porter_stem(GString *word);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * dataset_private.h: what the parts of the dataset code share.
 */
#ifndef HONE_DATASET_PRIVATE_H
#define HONE_DATASET_PRIVATE_H

#include <hone/dataset.h>

/* Everything a row must be, whoever made it. `where` begins the message. */
bool hone_row_check(const HoneRow *row, const char *where, GError **error);

#endif

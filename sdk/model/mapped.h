/* SPDX-License-Identifier: Apache-2.0
 * mapped.h: a whole file in memory, read-only. Its pages are the system's to drop; a file that another program cuts
 * short while it is mapped kills the process (SIGBUS), which the host reports as the node's failure.
 */
#ifndef HONE_MAPPED_H
#define HONE_MAPPED_H

#include <hone/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* format: what the file should be, for messages. */
bool mapped_open(const char *path, const char *format, const uint8_t **map, size_t *size, GError **error);
void mapped_close(const uint8_t *map, size_t size);
/* Tells the system that these bytes of a mapping will not be read again soon, so they leave the resident set. */
void mapped_drop(const void *data, size_t size);

#endif

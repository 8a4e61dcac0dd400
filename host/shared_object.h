/* SPDX-License-Identifier: Apache-2.0
 * shared_object.h: whether a shared object is all there. A file cut short while it was copied would kill the process
 * that maps it (SIGBUS), not make dlopen fail.
 */
#ifndef HONE_HOST_SHARED_OBJECT_H
#define HONE_HOST_SHARED_OBJECT_H

#include <hone/error.h>
#include <stdbool.h>

/* True where the file is an ELF object of this machine's word size whose loadable parts lie inside the file. */
bool hone_shared_object_check(const char *path, GError **error);

#endif

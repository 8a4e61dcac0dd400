/* SPDX-License-Identifier: Apache-2.0
 * licence.h: under which terms a model may be used, as its own files say.
 */
#ifndef HONE_MODELS_LICENCE_H
#define HONE_MODELS_LICENCE_H

#include <hone/checkpoint.h>

/* general.license of a GGUF; "license" (of "other": "license_name") in the front matter of a folder's README.md. NULL:
 * nothing is said. Caller frees. */
char *licence_of(const HoneCheckpoint *checkpoint);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * harness.h: components of the build's plugins, as a host would find them.
 */
#ifndef HONE_TRAIN_HARNESS_H
#define HONE_TRAIN_HARNESS_H

#include <hone/stage.h>

/* The component of $HONE_PLUGIN_PATH/NAME.so. Fits HoneStageSetup.find. */
const HoneComponent *test_find(void *host, HoneKind kind, const char *name, GError **error);

#endif

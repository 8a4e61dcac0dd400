/* SPDX-License-Identifier: Apache-2.0
 * plugin.h: opens a backend from the build's plugin folder, without the host.
 */
#ifndef HONE_TEST_PLUGIN_H
#define HONE_TEST_PLUGIN_H

#include <hone/backend.h>

/* instructions: value of the cpu backend's parameter of that name, or NULL. */
HoneBackend *test_open_backend(const char *plugin, const char *instructions, uint32_t threads, GError **error);

#endif

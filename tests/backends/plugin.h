/* SPDX-License-Identifier: Apache-2.0
 * plugin.h: opens a backend from the build's plugin folder, without the host.
 */
#ifndef HONE_TEST_PLUGIN_H
#define HONE_TEST_PLUGIN_H

#include <hone/backend.h>

/* With one of the backend's parameters, a string; param may be NULL. */
HoneBackend *test_open_backend_with(const char *plugin, const char *param, const char *value, uint32_t threads,
                                    GError **error);
/* instructions: value of the cpu backend's parameter of that name, or NULL. */
HoneBackend *test_open_backend(const char *plugin, const char *instructions, uint32_t threads, GError **error);

#endif

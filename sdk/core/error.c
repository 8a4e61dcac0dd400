/* SPDX-License-Identifier: Apache-2.0
 * error.c: the error domain.
 */
#include <hone/error.h>

GQuark hone_error_quark(void)
{
    return g_quark_from_static_string("hone-error-quark");
}

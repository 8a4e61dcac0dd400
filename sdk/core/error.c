/* SPDX-License-Identifier: Apache-2.0
 * error.c: the error domain.
 */
#include <hone/error.h>

G_DEFINE_QUARK(hone - error - quark, hone_error)

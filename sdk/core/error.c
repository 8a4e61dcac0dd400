/* SPDX-License-Identifier: Apache-2.0
 * error.c: the error domain.
 */
#include <hone/error.h>

/* clang-format off: it would part the name, which is text */
G_DEFINE_QUARK(hone-error-quark, hone_error)

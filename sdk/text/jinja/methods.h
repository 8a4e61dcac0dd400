/* SPDX-License-Identifier: Apache-2.0
 * methods.h: the methods' tables.
 */
#ifndef HONE_TEXT_JINJA_METHODS_H
#define HONE_TEXT_JINJA_METHODS_H

#include "filters.h"

extern const MethodRow methods_text[]; /* ends in a row without name */

enum { PAD_LEFT, PAD_RIGHT, PAD_BOTH };
Value str_center(Vm *vm, Value self, const Value *args); /* width, fill */

#endif

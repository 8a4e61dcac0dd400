/* SPDX-License-Identifier: Apache-2.0
 * number.h: what the two kinds of formats share.
 */
#ifndef HONE_TEXT_JINJA_NUMBER_H
#define HONE_TEXT_JINJA_NUMBER_H

#include "value.h"

#define MOST_DIGITS 1000 /* that a format may ask for */

typedef struct Field {
    int64_t width;
    const Str *fill; /* NULL: a space */
    char align;      /* '<' '>' '^' '=': padding behind the sign */
} Field;

void format_int(int64_t value, unsigned base, bool upper, char digits[70]);
/* Without sign; type: e f g and their capitals. */
const char *format_float(Vm *vm, double value, char type, int64_t precision, bool alternative);
void buffer_number(Vm *vm, Buffer *out, const Field *field, const char *sign, const char *prefix, const char *digits);
void buffer_field(Vm *vm, Buffer *out, const Field *field, const Str *s);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * number.c: numbers read from text, and written to a width, as Python's int(), float() and formats do.
 */
#include "number.h"

#include "filters.h"
#include "lex.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The digits of text between its white space, without the underscores between digits; false: one stands elsewhere. */
static bool clean(const char *text, char *out, size_t room)
{
    size_t length = strlen(text), from = skip_space(text, 0, length), n = 0;
    size_t to = trim_space(text, from, length);
    for (size_t i = from; i < to; i++) {
        bool between = i > from && i + 1 < to && g_ascii_isxdigit(text[i - 1]) && g_ascii_isxdigit(text[i + 1]);
        if (text[i] == '_' && !between)
            return false;
        if (text[i] == '_')
            continue;
        if (n + 1 >= room)
            return false;
        out[n++] = text[i];
    }
    out[n] = 0;
    return n > 0;
}

bool parse_int(const char *text, int64_t base, int64_t *i)
{
    char digits[128], *d = digits;
    if (!clean(text, digits, sizeof digits))
        return false;
    bool negative = *d == '-';
    d += *d == '-' || *d == '+';
    int64_t prefix = *d == '0' ? (d[1] | 32) == 'x' ? 16 : (d[1] | 32) == 'o' ? 8 : (d[1] | 32) == 'b' ? 2 : 0 : 0;
    if (prefix && (base == 0 || base == prefix) && d[2]) {
        d += 2;
        base = prefix;
    } else if (base == 0) {
        if (*d == '0' && strspn(d, "0") != strlen(d))
            return false;
        base = 10;
    }
    if (!*d || base < 2 || base > 36)
        return false;
    int64_t value = 0;
    for (; *d; d++) {
        int digit = g_ascii_isdigit(*d) ? *d - '0' : g_ascii_isalpha(*d) ? g_ascii_tolower(*d) - 'a' + 10 : 99;
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_sub_overflow(value, (int64_t)digit, &value))
            return false;
    }
    if (!negative && value == INT64_MIN)
        return false;
    *i = negative ? value : -value;
    return true;
}

bool parse_float(const char *text, double *f)
{
    char digits[512], *end;
    if (!clean(text, digits, sizeof digits))
        return false;
    const char *d = digits + (digits[0] == '-' || digits[0] == '+');
    bool named = g_ascii_strcasecmp(d, "inf") == 0 || g_ascii_strcasecmp(d, "infinity") == 0 ||
                 g_ascii_strcasecmp(d, "nan") == 0;
    if (!named && strspn(d, "0123456789.eE+-") != strlen(d))
        return false;
    *f = g_ascii_strtod(digits, &end);
    return *end == 0 && end > digits;
}

/* ---- Digits. ---- */

void format_int(int64_t value, unsigned base, bool upper, char digits[70])
{
    char reversed[70];
    size_t n = 0;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        reversed[n++] = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[left % base];
        left /= base;
    } while (left > 0);
    for (size_t i = 0; i < n; i++)
        digits[i] = reversed[n - 1 - i];
    digits[n] = 0;
}

const char *format_float(Vm *vm, double value, char type, int64_t precision, bool alternative)
{
    bool upper = g_ascii_isupper(type);
    value = fabs(value);
    if (isnan(value) || isinf(value))
        return isnan(value) ? (upper ? "NAN" : "nan") : upper ? "INF" : "inf";
    if (precision > MOST_DIGITS)
        vm_fail(vm, "a number is to be written with more than %d digits", MOST_DIGITS);
    char format[32];
    size_t room = (size_t)(precision < 0 ? 6 : precision) + 340;
    char *text = vm_alloc(vm, room);
    snprintf(format, sizeof format, "%%%s.%d%c", alternative ? "#" : "", (int)(precision < 0 ? 6 : precision), type);
    g_ascii_formatd(text, (int)room, format, value);
    return text;
}

/* Sign, prefix and digits in a field. */
void buffer_number(Vm *vm, Buffer *out, const Field *field, const char *sign, const char *prefix, const char *digits)
{
    size_t n = strlen(sign) + strlen(prefix) + strlen(digits);
    size_t width = field->width > 0 ? (size_t)field->width : 0, more = width > n ? width - n : 0;
    size_t before = field->align == '<' || field->align == '=' ? 0 : field->align == '^' ? more / 2 : more;
    const Str *fill = field->fill ? field->fill : str_literal(vm, " ");
    buffer_repeat(vm, out, fill, before);
    buffer_text(vm, out, sign);
    buffer_text(vm, out, prefix);
    if (field->align == '=')
        buffer_repeat(vm, out, fill, more);
    buffer_text(vm, out, digits);
    if (field->align == '<' || field->align == '^')
        buffer_repeat(vm, out, fill, more - before);
}

/* A text in a field. */
void buffer_field(Vm *vm, Buffer *out, const Field *field, const Str *s)
{
    size_t n = str_chars(s), width = field->width > 0 ? (size_t)field->width : 0, more = width > n ? width - n : 0;
    size_t before = field->align == '>' ? more : field->align == '^' ? more / 2 : 0;
    const Str *fill = field->fill ? field->fill : str_literal(vm, " ");
    buffer_repeat(vm, out, fill, before);
    buffer_str(vm, out, s);
    buffer_repeat(vm, out, fill, more - before);
}

/* SPDX-License-Identifier: Apache-2.0
 * percent.c: "%s and %05.1f" % values.
 */
#include "filters.h"
#include "number.h"

#include <math.h>
#include <string.h>

typedef struct Percent {
    Vm *vm;
    const Str *format;
    size_t at;
    Value values;
    size_t next; /* value to be taken */
    bool single; /* `values` is the one value itself */
} Percent;

typedef struct Spec {
    bool left, plus, space, alternative, zero;
    int64_t width, precision; /* -1: none */
    Value value;              /* MISSING: the next one */
} Spec;

static char peek(const Percent *p)
{
    return p->at < p->format->length ? p->format->bytes[p->at] : 0;
}

static Value take(Percent *p)
{
    if (p->single && p->next++ == 0)
        return p->values;
    if (!p->single && p->next < p->values.list->n)
        return p->values.list->items[p->next++];
    vm_fail(p->vm, "a format has more places than there are values");
}

/* %(name) */
static void read_key(Percent *p, Spec *spec)
{
    size_t from = ++p->at, open = 1;
    for (; p->at < p->format->length; p->at++) {
        open += peek(p) == '(';
        open -= peek(p) == ')';
        if (open == 0)
            break;
    }
    if (open > 0 || p->values.kind != DICT)
        vm_fail(p->vm, open > 0 ? "a name in a format is not closed" : "a format that names its values wants a dict");
    const Value *found = dict_get(p->vm, p->values.dict, value_str(str_part(p->vm, p->format, from, p->at)));
    if (!found)
        vm_fail(p->vm, "a format names a value that is not there");
    spec->value = *found;
    p->at++;
}

static int64_t read_size(Percent *p)
{
    int64_t n = 0;
    if (peek(p) == '*') {
        p->at++;
        return value_index(p->vm, take(p), "a width in a format");
    }
    for (; g_ascii_isdigit(peek(p)); p->at++) {
        n = n * 10 + (peek(p) - '0');
        if (n > G_MAXINT32)
            vm_fail(p->vm, "a width in a format is too large");
    }
    return n;
}

static Spec read_spec(Percent *p)
{
    Spec spec = {.width = -1, .precision = -1, .value = MISSING_VALUE};
    if (peek(p) == '(')
        read_key(p, &spec);
    for (;; p->at++) {
        char c = peek(p);
        if (c == '-')
            spec.left = true;
        else if (c == '+')
            spec.plus = true;
        else if (c == ' ')
            spec.space = true;
        else if (c == '#')
            spec.alternative = true;
        else if (c == '0')
            spec.zero = true;
        else
            break;
    }
    spec.width = read_size(p);
    if (spec.width < 0) {
        spec.left = true;
        spec.width = spec.width < -G_MAXINT32 ? G_MAXINT32 : -spec.width;
    }
    if (peek(p) == '.') {
        p->at++;
        spec.precision = read_size(p);
        spec.precision = MAX(spec.precision, 0);
    }
    if (peek(p) == 'h' || peek(p) == 'l' || peek(p) == 'L')
        p->at++;
    return spec;
}

static void put_number(Percent *p, Buffer *out, const Spec *spec, bool negative, const char *prefix, const char *digits)
{
    Field field = {.width = spec->width, .align = spec->left ? '<' : spec->zero ? '=' : '>'};
    if (field.align == '=')
        field.fill = str_literal(p->vm, "0");
    const char *sign = negative ? "-" : spec->plus ? "+" : spec->space ? " " : "";
    buffer_number(p->vm, out, &field, sign, prefix, digits);
}

static void put_int(Percent *p, Buffer *out, const Spec *spec, Value v, char type)
{
    bool decimal = type == 'd' || type == 'i' || type == 'u';
    if (decimal && v.kind == FLOAT && isfinite(v.f) && fabs(v.f) < 9.2e18)
        v = value_int((int64_t)v.f);
    value_check(p->vm, v);
    if (v.kind != INT && v.kind != BOOL)
        vm_fail(p->vm, "%%%c wants an integer, not %s", type, value_type(v));
    int64_t value = value_as_int(v);
    char digits[70];
    format_int(value, decimal ? 10 : type == 'o' ? 8 : 16, type == 'X', digits);
    const char *prefix = !spec->alternative || decimal ? "" : type == 'o' ? "0o" : type == 'x' ? "0x" : "0X";
    if (spec->precision > MOST_DIGITS)
        vm_fail(p->vm, "a number is to be written with more than %d digits", MOST_DIGITS);
    size_t n = strlen(digits), zeros = spec->precision > (int64_t)n ? (size_t)spec->precision - n : 0;
    char *all = vm_alloc(p->vm, zeros + n + 1);
    memset(all, '0', zeros);
    memcpy(all + zeros, digits, n);
    put_number(p, out, spec, value < 0, prefix, all);
}

static void put_float(Percent *p, Buffer *out, const Spec *spec, Value v, char type)
{
    value_check(p->vm, v);
    if (!value_is_number(v))
        vm_fail(p->vm, "%%%c wants a number, not %s", type, value_type(v));
    double f = value_as_float(v);
    put_number(p, out, spec, signbit(f) && !isnan(f), "",
               format_float(p->vm, f, type == 'F' ? 'f' : type, spec->precision, spec->alternative));
}

static const Str *char_of(Percent *p, Value v)
{
    if (v.kind == STRING && str_chars(v.s) == 1)
        return v.s;
    int64_t c = value_index(p->vm, v, "what %c writes");
    if (c <= 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        vm_fail(p->vm, "%%c is given a number that is no character");
    Buffer *out = buffer_new(p->vm, 8);
    buffer_char(p->vm, out, (gunichar)c, JINJA_TEMPLATE);
    return buffer_finish(p->vm, out);
}

static void put_text(Percent *p, Buffer *out, const Spec *spec, const Str *s)
{
    if (spec->precision >= 0)
        s = str_part(p->vm, s, 0, str_offset(s, (size_t)spec->precision));
    Field field = {.width = spec->width, .align = spec->left ? '<' : '>'};
    buffer_field(p->vm, out, &field, s);
}

static void put_value(Percent *p, Buffer *out)
{
    Spec spec = read_spec(p);
    char type = peek(p);
    p->at++;
    if (type == '%') {
        buffer_text(p->vm, out, "%");
        return;
    }
    if (!type || !strchr("srdiuoxXeEfFgGc", type))
        vm_fail(p->vm, type ? "a format asks for %%%c, which is not understood" : "a format ends within a place", type);
    Value v = spec.value.kind == MISSING ? take(p) : spec.value;
    if (strchr("diuoxX", type)) {
        put_int(p, out, &spec, v, type);
    } else if (strchr("eEfFgG", type)) {
        put_float(p, out, &spec, v, type);
    } else if (type == 'c') {
        put_text(p, out, &spec, char_of(p, v));
    } else if (type == 'r') {
        Buffer *text = buffer_new(p->vm, 32);
        buffer_repr(p->vm, text, v);
        put_text(p, out, &spec, buffer_finish(p->vm, text));
    } else {
        put_text(p, out, &spec, value_text(p->vm, v));
    }
}

const Str *percent_format(Vm *vm, const Str *format, Value values)
{
    Percent p = {.vm = vm, .format = format, .values = values, .single = values.kind != TUPLE};
    Buffer *out = buffer_new(vm, format->length);
    while (p.at < format->length) {
        const char *place = memchr(format->bytes + p.at, '%', format->length - p.at);
        size_t end = place ? (size_t)(place - format->bytes) : format->length;
        buffer_part(vm, out, format, p.at, end);
        p.at = end + 1;
        if (place)
            put_value(&p, out);
    }
    bool container = values.kind == DICT || values.kind == LIST || values.kind == RANGE || values.kind == UNDEFINED;
    if (p.single ? p.next == 0 && !container : p.next < values.list->n)
        vm_fail(vm, "a format has fewer places than there are values");
    return buffer_finish(vm, out);
}

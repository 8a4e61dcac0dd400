/* SPDX-License-Identifier: Apache-2.0
 * brace.c: "{} and {name:>5}".format(...).
 */
#include "filters.h"
#include "number.h"

#include <math.h>
#include <string.h>

typedef struct Brace {
    Vm *vm;
    const Args *args;
    int64_t next;   /* value of the next {} */
    bool by_number; /* a place gave its number: none may leave it out then */
} Brace;

static const Str *format_text(Brace *b, const Str *format, unsigned depth);

/* ---- Which value. ---- */

static Value first_value(Brace *b, const Str *name)
{
    int64_t i = -1;
    if (name->length == 0) {
        if (b->by_number)
            vm_fail(b->vm, "a format numbers some of its places and not others");
        i = b->next++;
    } else if (g_ascii_isdigit(name->bytes[0])) {
        if (b->next > 0)
            vm_fail(b->vm, "a format numbers some of its places and not others");
        b->by_number = true;
        if (!parse_int(str_c(b->vm, name), 10, &i))
            vm_fail(b->vm, "a format has a place whose number is not understood");
    }
    if (i >= 0) {
        if ((uint64_t)i >= b->args->n)
            vm_fail(b->vm, "a format has more places than there are values");
        return b->args->values[i];
    }
    for (size_t k = 0; k < b->args->n_named; k++)
        if (str_equal(b->args->names[k], name))
            return b->args->named[k];
    vm_fail(b->vm, "a format names the value '%.64s', which is not given", str_c(b->vm, name));
}

/* name.attribute[item] */
static Value find_value(Brace *b, const Str *path)
{
    size_t at = strcspn(str_c(b->vm, path), ".[");
    Value v = first_value(b, str_part(b->vm, path, 0, at));
    while (at < path->length) {
        bool item = path->bytes[at] == '[';
        size_t from = at + 1, end = from;
        if (!item && path->bytes[at] != '.')
            vm_fail(b->vm, "a place in a format is not understood");
        while (end < path->length &&
               (item ? path->bytes[end] != ']' : path->bytes[end] != '.' && path->bytes[end] != '['))
            end++;
        if (end == from || (item && end == path->length))
            vm_fail(b->vm, "a place in a format is not understood");
        const Str *name = str_part(b->vm, path, from, end);
        int64_t i;
        bool number = item && g_ascii_isdigit(name->bytes[0]) && parse_int(str_c(b->vm, name), 10, &i);
        v = !item ? get_attribute(b->vm, v, name) : get_item(b->vm, v, number ? value_int(i) : value_str(name));
        at = end + item;
    }
    return v;
}

/* ---- How it is written. ---- */

typedef struct Spec {
    Field field;
    char sign, type, group;
    bool alternative, aligned;
    int64_t precision;
} Spec;

static bool is_align(char c)
{
    return c == '<' || c == '>' || c == '^' || c == '=';
}

static int64_t read_number(Brace *b, const char **p)
{
    int64_t n = 0;
    for (; g_ascii_isdigit(**p); (*p)++) {
        n = n * 10 + (**p - '0');
        if (n > G_MAXINT32)
            vm_fail(b->vm, "a width in a format is too large");
    }
    return n;
}

static Spec read_spec(Brace *b, const Str *text)
{
    Spec spec = {.precision = -1};
    const char *p = str_c(b->vm, text), *second = *p ? g_utf8_next_char(p) : p;
    if (*p && is_align(*second)) {
        spec.field.fill = str_new(b->vm, p, (size_t)(second - p), JINJA_TEMPLATE);
        spec.field.align = *second;
        p = second + 1;
    } else if (is_align(*p)) {
        spec.field.align = *p++;
    }
    if (*p == '+' || *p == '-' || *p == ' ')
        spec.sign = *p++;
    if (*p == '#') {
        spec.alternative = true;
        p++;
    }
    if (*p == '0') {
        if (!spec.field.fill)
            spec.field.fill = str_literal(b->vm, "0");
        if (!spec.field.align)
            spec.field.align = '=';
        p++;
    }
    spec.field.width = read_number(b, &p);
    if (*p == ',' || *p == '_')
        spec.group = *p++;
    if (*p == '.') {
        p++;
        if (!g_ascii_isdigit(*p))
            vm_fail(b->vm, "a format lacks its precision");
        spec.precision = read_number(b, &p);
    }
    spec.type = *p ? *p++ : 0;
    if (*p || (spec.group && spec.field.align == '='))
        vm_fail(b->vm, "the format '%.40s' is not understood", str_c(b->vm, text));
    return spec;
}

static const char *group_digits(Vm *vm, const char *digits, const Spec *spec)
{
    if (!spec->group)
        return digits;
    size_t whole = strspn(digits, "0123456789"), n = strlen(digits), at = 0;
    char *out = vm_alloc(vm, n + whole / 3 + 1);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && i < whole && (whole - i) % 3 == 0)
            out[at++] = spec->group;
        out[at++] = digits[i];
    }
    return out;
}

static void put_number(Brace *b, Buffer *out, Spec *spec, bool negative, const char *prefix, const char *digits)
{
    if (!spec->field.align)
        spec->field.align = '>';
    const char *sign = negative ? "-" : spec->sign == '+' ? "+" : spec->sign == ' ' ? " " : "";
    buffer_number(b->vm, out, &spec->field, sign, prefix, group_digits(b->vm, digits, spec));
}

static void put_float(Brace *b, Buffer *out, Spec *spec, double f)
{
    char type = spec->type ? spec->type : spec->precision >= 0 ? 'g' : 'r', repr[40];
    const char *digits;
    bool percent = type == '%';
    if (percent)
        f *= 100;
    if (type == 'r') {
        float_repr(fabs(f), repr);
        digits = repr;
    } else {
        digits = format_float(b->vm, f, percent || type == 'F' ? 'f' : type, spec->precision, spec->alternative);
    }
    if (percent || (!spec->type && type == 'g' && isfinite(f) && !strpbrk(digits, ".e")))
        digits = str_c(b->vm, str_concat(b->vm, str_literal(b->vm, digits), str_literal(b->vm, percent ? "%" : ".0")));
    put_number(b, out, spec, signbit(f) && !isnan(f), "", digits);
}

static void put_int(Brace *b, Buffer *out, Spec *spec, int64_t value)
{
    char digits[70], type = spec->type ? spec->type : 'd';
    unsigned base = type == 'x' || type == 'X' ? 16 : type == 'o' ? 8 : type == 'b' ? 2 : 10;
    if (spec->precision >= 0 || (spec->group && base != 10))
        vm_fail(b->vm, "a format for an integer is not understood");
    format_int(value, base, type == 'X', digits);
    const char *prefix = !spec->alternative || base == 10 ? ""
                         : type == 'x'                    ? "0x"
                         : type == 'X'                    ? "0X"
                         : type == 'o'                    ? "0o"
                                                          : "0b";
    put_number(b, out, spec, value < 0, prefix, digits);
}

static void put_value(Brace *b, Buffer *out, Value v, const Str *text)
{
    if (text->length == 0) {
        buffer_value(b->vm, out, v);
        return;
    }
    Spec spec = read_spec(b, text);
    bool integer = v.kind == INT || v.kind == BOOL;
    if (integer && (!spec.type || strchr("dxXob", spec.type))) {
        put_int(b, out, &spec, value_as_int(v));
    } else if (value_is_number(v) && (!spec.type || strchr("eEfFgG%", spec.type))) {
        put_float(b, out, &spec, value_as_float(v));
    } else if (v.kind == STRING && (!spec.type || spec.type == 's') && spec.field.align != '=' && !spec.sign &&
               !spec.group && !spec.alternative) {
        const Str *s = v.s;
        if (spec.precision >= 0)
            s = str_part(b->vm, s, 0, str_offset(s, (size_t)spec.precision));
        buffer_field(b->vm, out, &spec.field, s);
    } else {
        vm_fail(b->vm, "the format '%.40s' does not fit a %s", str_c(b->vm, text), value_type(v));
    }
}

/* ---- Places. ---- */

/* {path!conversion:spec}, without its braces. */
static void put_place(Brace *b, Buffer *out, const Str *place, unsigned depth)
{
    size_t end = 0, open = 0;
    for (; end < place->length; end++) {
        char c = place->bytes[end];
        open += c == '[';
        open -= open > 0 && c == ']';
        if (open == 0 && (c == '!' || c == ':'))
            break;
    }
    Value v = find_value(b, str_part(b->vm, place, 0, end));
    if (end < place->length && place->bytes[end] == '!') {
        char conversion = end + 1 < place->length ? place->bytes[end + 1] : 0;
        if ((conversion != 'r' && conversion != 's') || (end + 2 < place->length && place->bytes[end + 2] != ':'))
            vm_fail(b->vm, "a conversion in a format is not understood");
        if (conversion == 'r') {
            Buffer *text = buffer_new(b->vm, 32);
            buffer_repr(b->vm, text, v);
            v = value_str(buffer_finish(b->vm, text));
        } else {
            v = value_str(value_text(b->vm, v));
        }
        end += 2;
    }
    const Str *spec = end < place->length ? str_part(b->vm, place, end + 1, place->length) : str_empty(b->vm);
    put_value(b, out, v, format_text(b, spec, depth + 1));
}

static size_t find_close(Brace *b, const Str *format, size_t at)
{
    size_t open = 1;
    for (; at < format->length; at++) {
        open += format->bytes[at] == '{';
        open -= format->bytes[at] == '}';
        if (open == 0)
            return at;
    }
    vm_fail(b->vm, "a place in a format is not closed by }");
}

static const Str *format_text(Brace *b, const Str *format, unsigned depth)
{
    if (depth > 2)
        vm_fail(b->vm, "a format's places are nested too deep");
    Buffer *out = buffer_new(b->vm, format->length);
    size_t plain = 0;
    for (size_t at = 0; at < format->length;) {
        char c = format->bytes[at];
        if (c != '{' && c != '}') {
            at++;
            continue;
        }
        buffer_part(b->vm, out, format, plain, at);
        if (at + 1 < format->length && format->bytes[at + 1] == c) {
            buffer_part(b->vm, out, format, at, at + 1);
            at += 2;
        } else if (c == '}') {
            vm_fail(b->vm, "a format has a } without {");
        } else {
            size_t close = find_close(b, format, at + 1);
            put_place(b, out, str_part(b->vm, format, at + 1, close), depth);
            at = close + 1;
        }
        plain = at;
    }
    buffer_part(b->vm, out, format, plain, format->length);
    return buffer_finish(b->vm, out);
}

const Str *brace_format(Vm *vm, const Str *format, const Args *args)
{
    Brace b = {.vm = vm, .args = args};
    return format_text(&b, format, 0);
}

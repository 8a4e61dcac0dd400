/* SPDX-License-Identifier: Apache-2.0
 * filters_value.c: filters of single values, and where all filters are found.
 */
#include "filters.h"

#include <math.h>
#include <string.h>

static Value do_default(Vm *vm, Value self, const Value *args)
{
    bool falls_back = self.kind == UNDEFINED || (arg_true(vm, args[1], false) && !value_true(vm, self));
    return !falls_back ? self : args[0].kind == MISSING ? value_str(str_empty(vm)) : args[0];
}

static Value do_length(Vm *vm, Value self, const Value *args)
{
    int64_t n = value_length(vm, self);
    if (n < 0)
        vm_fail(vm, "a %s has no length", value_type(self));
    return value_int(n);
}

static Value do_abs(Vm *vm, Value self, const Value *args)
{
    if (!value_is_number(self))
        vm_fail(vm, "abs wants a number, not %s", value_type(self));
    if (self.kind == FLOAT)
        return value_float(fabs(self.f));
    int64_t i = value_as_int(self);
    if (i == INT64_MIN)
        vm_fail(vm, "a number is too large (beyond 64 bits)");
    return value_int(ABS(i));
}

static Value int_of_float(Vm *vm, double f)
{
    if (!(fabs(f) < 9223372036854775808.0))
        vm_fail(vm, "a number is too large (beyond 64 bits)");
    return value_int((int64_t)f);
}

static Value do_int(Vm *vm, Value self, const Value *args)
{
    Value fallback = args[0].kind == MISSING ? value_int(0) : args[0];
    int64_t base = arg_int(vm, args[1], 10, "the base"), i;
    double f;
    value_check(vm, self);
    if (self.kind == INT || self.kind == BOOL)
        return value_int(value_as_int(self));
    if (self.kind == FLOAT)
        return isnan(self.f) ? fallback : int_of_float(vm, self.f);
    if (self.kind != STRING)
        return fallback;
    const char *text = str_c(vm, self.s);
    if (strlen(text) == self.s->length && parse_int(text, base, &i))
        return value_int(i);
    /* "42.7" gives 42. */
    if (strlen(text) != self.s->length || !parse_float(text, &f) || !isfinite(f))
        return fallback;
    return int_of_float(vm, f);
}

static Value do_float(Vm *vm, Value self, const Value *args)
{
    double f;
    value_check(vm, self);
    if (value_is_number(self))
        return value_float(value_as_float(self));
    if (self.kind == STRING && parse_float(str_c(vm, self.s), &f))
        return value_float(f);
    return args[0].kind == MISSING ? value_float(0) : args[0];
}

/* To `digits` decimals; the half goes to the even side, of the number as it is in binary. */
static double round_float(Vm *vm, double f, int64_t digits)
{
    char text[400];
    if (!isfinite(f) || digits > 300)
        return f;
    if (digits < -300)
        return copysign(0.0, f);
    if (digits < 0) {
        double unit = pow(10, (double)-digits);
        return nearbyint(f / unit) * unit;
    }
    char format[16];
    g_snprintf(format, sizeof format, "%%.%df", (int)MIN(digits, 60));
    g_ascii_formatd(text, sizeof text, format, f);
    return g_ascii_strtod(text, NULL);
}

static Value round_int(Vm *vm, int64_t i, int64_t digits)
{
    int64_t unit = 1;
    if (digits >= 0)
        return value_int(i);
    for (int64_t k = digits; k < 0; k++)
        if (__builtin_mul_overflow(unit, (int64_t)10, &unit))
            return value_int(0);
    int64_t rest = i % unit, low = i - rest, half = unit / 2;
    bool odd = low / unit % 2 != 0;
    if (rest > half || (rest == half && odd))
        low += unit;
    else if (-rest > half || (-rest == half && odd))
        low -= unit;
    return value_int(low);
}

static Value do_round(Vm *vm, Value self, const Value *args)
{
    int64_t digits = arg_int(vm, args[0], 0, "the number of decimals");
    const Str *how = args[1].kind == MISSING ? str_literal(vm, "common") : arg_str(vm, args[1], "the way to round");
    bool up = str_is(how, "ceil");
    value_check(vm, self);
    if (!up && !str_is(how, "floor") && !str_is(how, "common"))
        vm_fail(vm, "the ways to round are common, ceil and floor");
    if (!value_is_number(self))
        vm_fail(vm, "round wants a number, not %s", value_type(self));
    if (!str_is(how, "common")) {
        double unit = pow(10, (double)digits), f = value_as_float(self) * unit;
        if (!isfinite(f))
            vm_fail(vm, "a number that is not finite cannot be rounded");
        return value_float((up ? ceil(f) : floor(f)) / unit);
    }
    return self.kind == FLOAT ? value_float(round_float(vm, self.f, digits))
                              : round_int(vm, value_as_int(self), digits);
}

static Value do_attr(Vm *vm, Value self, const Value *args)
{
    const Str *name = arg_str(vm, args[0], "an attribute's name");
    value_check(vm, self);
    if (self.kind == DICT && !method_find(DICT, name))
        return value_undefined(vm, name, value_type(self));
    return get_attribute(vm, self, name);
}

static const FilterRow filters_value[] = {
    {"abs", do_abs, NULL, ""},
    {"attr", do_attr, NULL, "name"},
    {"count", do_length, NULL, ""},
    {"d", do_default, NULL, "default_value? boolean?"},
    {"default", do_default, NULL, "default_value? boolean?"},
    {"float", do_float, NULL, "default?"},
    {"int", do_int, NULL, "default? base?"},
    {"length", do_length, NULL, ""},
    {"round", do_round, NULL, "precision? method?"},
    {NULL, NULL, NULL, NULL},
};

const FilterRow *filter_find(const Str *name)
{
    const FilterRow *const tables[] = {filters_value, filters_text, filters_list};
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++)
        for (const FilterRow *row = tables[i]; row->name; row++)
            if (str_is(name, row->name))
                return row;
    return NULL;
}

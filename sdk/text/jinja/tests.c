/* SPDX-License-Identifier: Apache-2.0
 * tests.c: the tests behind `is`.
 */
#include "ast.h"
#include "filters.h"

static Value is_defined(Vm *vm, Value v, const Value *args)
{
    return value_bool(v.kind != UNDEFINED);
}

static Value is_undefined(Vm *vm, Value v, const Value *args)
{
    return value_bool(v.kind == UNDEFINED);
}

static Value is_none(Vm *vm, Value v, const Value *args)
{
    return value_bool(v.kind == NONE);
}

static Value is_boolean(Vm *vm, Value v, const Value *args)
{
    return value_bool(v.kind == BOOL);
}

static Value is_true(Vm *vm, Value v, const Value *args)
{
    return value_bool(v.kind == BOOL && v.b);
}

static Value is_false(Vm *vm, Value v, const Value *args)
{
    return value_bool(v.kind == BOOL && !v.b);
}

static Value is_integer(Vm *vm, Value v, const Value *args)
{
    return value_bool(v.kind == INT);
}

static Value is_float(Vm *vm, Value v, const Value *args)
{
    return value_bool(v.kind == FLOAT);
}

static Value is_number(Vm *vm, Value v, const Value *args)
{
    return value_bool(value_is_number(v));
}

static Value is_string(Vm *vm, Value v, const Value *args)
{
    return value_bool(v.kind == STRING);
}

static Value is_mapping(Vm *vm, Value v, const Value *args)
{
    return value_bool(v.kind == DICT);
}

static Value is_iterable(Vm *vm, Value v, const Value *args)
{
    return value_bool(value_iterable(v));
}

/* What has a length and items. */
static Value is_sequence(Vm *vm, Value v, const Value *args)
{
    return value_bool(v.kind == STRING || v.kind == LIST || v.kind == TUPLE || v.kind == DICT || v.kind == RANGE ||
                      v.kind == UNDEFINED);
}

static Value is_callable(Vm *vm, Value v, const Value *args)
{
    /* Python's Undefined can be called (it fails then), and so can a loop. */
    return value_bool(v.kind == MACRO || v.kind == FUNCTION || v.kind == METHOD || v.kind == UNDEFINED ||
                      v.kind == LOOP);
}

static Value rest(Vm *vm, Value v, Value by)
{
    value_check(vm, v);
    return operate(vm, OP_MOD, v, by);
}

static Value is_odd(Vm *vm, Value v, const Value *args)
{
    return value_bool(value_equal(vm, rest(vm, v, value_int(2)), value_int(1)));
}

static Value is_even(Vm *vm, Value v, const Value *args)
{
    return value_bool(value_equal(vm, rest(vm, v, value_int(2)), value_int(0)));
}

static Value is_divisible(Vm *vm, Value v, const Value *args)
{
    return value_bool(value_equal(vm, rest(vm, v, args[0]), value_int(0)));
}

static Value is_lower(Vm *vm, Value v, const Value *args)
{
    return value_bool(str_has_case(value_text(vm, v), false));
}

static Value is_upper(Vm *vm, Value v, const Value *args)
{
    return value_bool(str_has_case(value_text(vm, v), true));
}

static Value is_same(Vm *vm, Value v, const Value *args)
{
    return value_bool(value_same(v, args[0]));
}

static Value is_in(Vm *vm, Value v, const Value *args)
{
    return value_bool(value_contains(vm, args[0], v));
}

static Value is_filter(Vm *vm, Value v, const Value *args)
{
    const FilterRow *row = v.kind == STRING ? filter_find(v.s) : NULL;
    return value_bool(row != NULL);
}

static Value is_test(Vm *vm, Value v, const Value *args)
{
    return value_bool(v.kind == STRING && test_find(v.s) != NULL);
}

static Value is_eq(Vm *vm, Value v, const Value *args)
{
    return value_bool(compare(vm, OP_EQ, v, args[0]));
}

static Value is_ne(Vm *vm, Value v, const Value *args)
{
    return value_bool(compare(vm, OP_NE, v, args[0]));
}

static Value is_lt(Vm *vm, Value v, const Value *args)
{
    return value_bool(compare(vm, OP_LT, v, args[0]));
}

static Value is_le(Vm *vm, Value v, const Value *args)
{
    return value_bool(compare(vm, OP_LE, v, args[0]));
}

static Value is_gt(Vm *vm, Value v, const Value *args)
{
    return value_bool(compare(vm, OP_GT, v, args[0]));
}

static Value is_ge(Vm *vm, Value v, const Value *args)
{
    return value_bool(compare(vm, OP_GE, v, args[0]));
}

static const TestRow tests[] = {
    {"defined", is_defined, ""},
    {"undefined", is_undefined, ""},
    {"none", is_none, ""},
    {"boolean", is_boolean, ""},
    {"true", is_true, ""},
    {"false", is_false, ""},
    {"integer", is_integer, ""},
    {"float", is_float, ""},
    {"number", is_number, ""},
    {"string", is_string, ""},
    {"mapping", is_mapping, ""},
    {"iterable", is_iterable, ""},
    {"sequence", is_sequence, ""},
    {"callable", is_callable, ""},
    {"odd", is_odd, ""},
    {"even", is_even, ""},
    {"divisibleby", is_divisible, "num"},
    {"lower", is_lower, ""},
    {"upper", is_upper, ""},
    {"sameas", is_same, "other"},
    {"in", is_in, "seq"},
    {"filter", is_filter, ""},
    {"test", is_test, ""},
    {"==", is_eq, "/other"},
    {"eq", is_eq, "/other"},
    {"equalto", is_eq, "/other"},
    {"!=", is_ne, "/other"},
    {"ne", is_ne, "/other"},
    {"<", is_lt, "/other"},
    {"lt", is_lt, "/other"},
    {"lessthan", is_lt, "/other"},
    {"<=", is_le, "/other"},
    {"le", is_le, "/other"},
    {">", is_gt, "/other"},
    {"gt", is_gt, "/other"},
    {"greaterthan", is_gt, "/other"},
    {">=", is_ge, "/other"},
    {"ge", is_ge, "/other"},
    {"escaped", NULL, NULL}, /* there is no HTML here */
};

const TestRow *test_find(const Str *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
        if (str_is(name, tests[i].name))
            return &tests[i];
    return NULL;
}

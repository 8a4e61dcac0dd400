/* SPDX-License-Identifier: Apache-2.0
 * operate.c: arithmetic and comparisons, as Python does them on numbers of 64 bits.
 */
#include "ast.h"
#include "filters.h"

#include <math.h>

static const char *const signs[] = {
    [OP_ADD] = "+",  [OP_SUB] = "-", [OP_MUL] = "*", [OP_DIV] = "/", [OP_FLOORDIV] = "//", [OP_MOD] = "%",
    [OP_POW] = "**", [OP_LT] = "<",  [OP_LE] = "<=", [OP_GT] = ">",  [OP_GE] = ">=",
};

/* ---- Numbers. ---- */

G_NORETURN static void fail_overflow(Vm *vm)
{
    vm_fail(vm, "a number is too large (beyond 64 bits)");
}

static Value power_int(Vm *vm, int64_t base, int64_t exponent)
{
    int64_t result = 1;
    if (base == 0 || base == 1)
        return value_int(exponent == 0 ? 1 : base);
    if (base == -1)
        return value_int(exponent % 2 ? -1 : 1);
    for (int64_t i = 0; i < exponent; i++) /* at most 63 rounds before it overflows */
        if (__builtin_mul_overflow(result, base, &result))
            fail_overflow(vm);
    return value_int(result);
}

static Value operate_ints(Vm *vm, int op, int64_t a, int64_t b)
{
    int64_t result;
    switch (op) {
    case OP_ADD:
        if (__builtin_add_overflow(a, b, &result))
            fail_overflow(vm);
        return value_int(result);
    case OP_SUB:
        if (__builtin_sub_overflow(a, b, &result))
            fail_overflow(vm);
        return value_int(result);
    case OP_MUL:
        if (__builtin_mul_overflow(a, b, &result))
            fail_overflow(vm);
        return value_int(result);
    case OP_POW:
        if (b < 0 && a == 0)
            vm_fail(vm, "0 has no negative power");
        return b < 0 ? value_float(pow((double)a, (double)b)) : power_int(vm, a, b);
    default:
        break;
    }
    if (b == 0)
        vm_fail(vm, "division by zero");
    if (op == OP_DIV)
        return value_float((double)a / (double)b);
    if (a == INT64_MIN && b == -1) {
        if (op == OP_MOD)
            return value_int(0);
        fail_overflow(vm);
    }
    /* Python rounds down, C towards zero. */
    int64_t quotient = a / b, rest = a % b;
    if (rest != 0 && (rest < 0) != (b < 0)) {
        quotient--;
        rest += b;
    }
    return value_int(op == OP_FLOORDIV ? quotient : rest);
}

static Value operate_floats(Vm *vm, int op, double a, double b)
{
    switch (op) {
    case OP_ADD:
        return value_float(a + b);
    case OP_SUB:
        return value_float(a - b);
    case OP_MUL:
        return value_float(a * b);
    case OP_POW: {
        if (a == 0 && b < 0)
            vm_fail(vm, "0 has no negative power");
        if (a < 0 && isfinite(b) && b != floor(b))
            vm_fail(vm, "a power of a negative number is no real number");
        double result = pow(a, b);
        if (isinf(result) && isfinite(a) && isfinite(b))
            vm_fail(vm, "a power is too large");
        return value_float(result);
    }
    default:
        break;
    }
    if (b == 0)
        vm_fail(vm, "division by zero");
    if (op == OP_DIV)
        return value_float(a / b);
    double rest = fmod(a, b), quotient = (a - rest) / b;
    if (rest != 0 && (rest < 0) != (b < 0)) {
        rest += b;
        quotient -= 1;
    }
    if (op == OP_MOD)
        return value_float(rest != 0 ? rest : copysign(0.0, b));
    if (quotient == 0)
        return value_float(copysign(0.0, a / b));
    double whole = floor(quotient);
    return value_float(quotient - whole > 0.5 ? whole + 1 : whole);
}

/* ---- Texts and lists. ---- */

static size_t times(Vm *vm, Value n)
{
    int64_t count = value_as_int(n);
    if (count > (int64_t)(SIZE_MAX >> 8))
        vm_fail(vm, "a text or list is repeated too often");
    return count > 0 ? (size_t)count : 0;
}

static Value repeat(Vm *vm, Value v, Value n)
{
    size_t count = times(vm, n);
    if (v.kind == STRING) {
        Buffer *out = buffer_new(vm, 16);
        buffer_repeat(vm, out, v.s, count);
        return value_str(buffer_finish(vm, out));
    }
    List *list = list_new(vm, 0);
    for (size_t i = 0; i < count && v.list->n > 0; i++) {
        vm_step(vm, v.list->n);
        for (size_t k = 0; k < v.list->n; k++)
            list_add(vm, list, v.list->items[k]);
    }
    return v.kind == LIST ? value_list(list) : value_tuple(list);
}

static Value join_lists(Vm *vm, Value a, Value b)
{
    List *list = list_new(vm, a.list->n + b.list->n);
    vm_step(vm, list->room);
    for (size_t i = 0; i < a.list->n; i++)
        list_add(vm, list, a.list->items[i]);
    for (size_t i = 0; i < b.list->n; i++)
        list_add(vm, list, b.list->items[i]);
    return a.kind == LIST ? value_list(list) : value_tuple(list);
}

static bool is_sequence(Value v)
{
    return v.kind == STRING || v.kind == LIST || v.kind == TUPLE;
}

static bool is_int(Value v)
{
    return v.kind == INT || v.kind == BOOL;
}

Value operate(Vm *vm, int op, Value a, Value b)
{
    if (is_int(a) && is_int(b))
        return operate_ints(vm, op, value_as_int(a), value_as_int(b));
    if (value_is_number(a) && value_is_number(b))
        return operate_floats(vm, op, value_as_float(a), value_as_float(b));
    if (a.kind == STRING && op == OP_MOD)
        return value_str(percent_format(vm, a.s, b));
    value_check(vm, a);
    value_check(vm, b);
    if (op == OP_ADD && a.kind == STRING && b.kind == STRING)
        return value_str(str_concat(vm, a.s, b.s));
    if (op == OP_ADD && a.kind == b.kind && (a.kind == LIST || a.kind == TUPLE))
        return join_lists(vm, a, b);
    if (op == OP_MUL && is_sequence(a) && is_int(b))
        return repeat(vm, a, b);
    if (op == OP_MUL && is_sequence(b) && is_int(a))
        return repeat(vm, b, a);
    vm_fail(vm, "'%s' does not work on %s and %s", signs[op], value_type(a), value_type(b));
}

/* ---- Comparisons. ---- */

static bool list_contains(Vm *vm, const List *list, Value what)
{
    for (size_t i = 0; i < list->n; i++)
        if (value_equal(vm, list->items[i], what))
            return true;
    return false;
}

static bool range_contains(const Range *range, Value what)
{
    if (!value_is_number(what) || range->n == 0)
        return false;
    double f = value_as_float(what);
    if (what.kind == FLOAT && (f != floor(f) || fabs(f) > 9e18))
        return false;
    int64_t i = what.kind == FLOAT ? (int64_t)f : value_as_int(what);
    int64_t last = range->start + (range->n - 1) * range->step;
    if (i < MIN(range->start, last) || i > MAX(range->start, last))
        return false;
    return ((uint64_t)i - (uint64_t)range->start) % (uint64_t)ABS(range->step) == 0 ||
           ((uint64_t)range->start - (uint64_t)i) % (uint64_t)ABS(range->step) == 0;
}

bool value_contains(Vm *vm, Value in, Value what)
{
    Value item;
    switch (in.kind) {
    case STRING:
        if (what.kind != STRING)
            vm_fail(vm, "only a text can be in a text, not %s", value_type(what));
        vm_step(vm, in.s->length / 64);
        return str_find(in.s, what.s, 0, in.s->length) != SIZE_MAX;
    case LIST:
    case TUPLE:
        return list_contains(vm, in.list, what);
    case DICT:
        return dict_get(vm, in.dict, what) != NULL;
    case RANGE:
        return range_contains(in.range, what);
    case UNDEFINED:
        return false;
    case VIEW:
        return list_contains(vm, value_to_list(vm, in), what);
    case ITERATOR:
        while (iter_next(vm, in.iter, &item))
            if (value_equal(vm, item, what))
                return true;
        return false;
    default:
        vm_fail(vm, "nothing can be in %s", value_type(in));
    }
}

bool compare(Vm *vm, int op, Value a, Value b)
{
    if (op == OP_EQ || op == OP_NE)
        return value_equal(vm, a, b) == (op == OP_EQ);
    if (op == OP_IN || op == OP_NOT_IN)
        return value_contains(vm, b, a) == (op == OP_IN);
    int order = value_compare(vm, a, b, signs[op]);
    if (order == 2)
        return false;
    return op == OP_LT ? order < 0 : op == OP_LE ? order <= 0 : op == OP_GT ? order > 0 : order >= 0;
}

/* SPDX-License-Identifier: Apache-2.0
 * value.c: what values are: made, told apart, compared, counted, as Python does.
 */
#include "value.h"

#include <math.h>
#include <string.h>

static const char *const types[] = {
    [MISSING] = "missing",
    [UNDEFINED] = "Undefined",
    [NONE] = "None",
    [BOOL] = "bool",
    [INT] = "int",
    [FLOAT] = "float",
    [STRING] = "str",
    [LIST] = "list",
    [TUPLE] = "tuple",
    [DICT] = "dict",
    [RANGE] = "range",
    [VIEW] = "view of a dict",
    [ITERATOR] = "generator",
    [NAMESPACE] = "Namespace",
    [LOOP] = "LoopContext",
    [MACRO] = "Macro",
    [FUNCTION] = "function",
    [METHOD] = "method",
};

const char *value_type(Value v)
{
    return types[v.kind];
}

/* ---- Undefined. ---- */

Value value_undefined(Vm *vm, const Str *name, const char *of)
{
    Undefined *u = vm_new(vm, Undefined, 1);
    *u = (Undefined){.name = name, .of = of};
    return (Value){.kind = UNDEFINED, .undefined = u};
}

Value value_hint(Vm *vm, const char *hint)
{
    Undefined *u = vm_new(vm, Undefined, 1);
    u->hint = hint;
    return (Value){.kind = UNDEFINED, .undefined = u};
}

void fail_undefined(Vm *vm, Value v)
{
    const Undefined *u = v.undefined;
    if (!u->name)
        vm_fail(vm, "%s", u->hint);
    if (!u->of)
        vm_fail(vm, "'%.64s' is undefined", str_c(vm, u->name));
    vm_fail(vm, "'%s' has no attribute or item '%.64s'", u->of, str_c(vm, u->name));
}

/* ---- Numbers. ---- */

bool value_is_number(Value v)
{
    return v.kind == BOOL || v.kind == INT || v.kind == FLOAT;
}

double value_as_float(Value v)
{
    return v.kind == FLOAT ? v.f : v.kind == BOOL ? v.b : (double)v.i;
}

int64_t value_as_int(Value v)
{
    return v.kind == BOOL ? v.b : v.i;
}

int64_t value_index(Vm *vm, Value v, const char *what)
{
    value_check(vm, v);
    if (v.kind != INT && v.kind != BOOL)
        vm_fail(vm, "%s must be an integer, not %s", what, value_type(v));
    return value_as_int(v);
}

/* The order of an integer and a float, exactly; 2: the float is NaN. */
static int compare_mixed(int64_t i, double f)
{
    if (isnan(f))
        return 2;
    if (f >= 9223372036854775808.0)
        return -1;
    if (f < -9223372036854775808.0)
        return 1;
    int64_t whole = (int64_t)f;
    if (i != whole)
        return i < whole ? -1 : 1;
    double rest = f - (double)whole;
    return rest > 0 ? -1 : rest < 0 ? 1 : 0;
}

static int compare_numbers(Value a, Value b)
{
    if (a.kind != FLOAT && b.kind != FLOAT) {
        int64_t x = value_as_int(a), y = value_as_int(b);
        return (x > y) - (x < y);
    }
    if (a.kind == FLOAT && b.kind == FLOAT)
        return isnan(a.f) || isnan(b.f) ? 2 : (a.f > b.f) - (a.f < b.f);
    if (b.kind == FLOAT)
        return compare_mixed(value_as_int(a), b.f);
    int order = compare_mixed(value_as_int(b), a.f);
    return order == 2 ? 2 : -order;
}

/* ---- Lists and tuples. ---- */

List *list_new(Vm *vm, size_t room)
{
    List *list = vm_new(vm, List, 1);
    list->room = room;
    list->items = room ? vm_new(vm, Value, room) : NULL;
    return list;
}

void list_add(Vm *vm, List *list, Value v)
{
    if (list->n == list->room) {
        size_t room = list->room * 2 + 4;
        Value *items = vm_new(vm, Value, room);
        if (list->n > 0)
            memcpy(items, list->items, list->n * sizeof *items);
        list->items = items;
        list->room = room;
    }
    list->items[list->n++] = v;
}

Value value_pair(Vm *vm, Value a, Value b)
{
    List *pair = list_new(vm, 2);
    pair->items[0] = a;
    pair->items[1] = b;
    pair->n = 2;
    return value_tuple(pair);
}

/* ---- Truth, sameness, equality, order. ---- */

bool value_true(Vm *vm, Value v)
{
    switch (v.kind) {
    case MISSING:
    case UNDEFINED:
    case NONE:
        return false;
    case BOOL:
        return v.b;
    case INT:
        return v.i != 0;
    case FLOAT:
        return v.f != 0;
    default: {
        int64_t length = value_length(vm, v);
        return length != 0;
    }
    }
}

bool value_same(Value a, Value b)
{
    if (a.kind != b.kind)
        return false;
    switch (a.kind) {
    case MISSING:
    case NONE:
        return true;
    case BOOL:
        return a.b == b.b;
    case INT: /* Python keeps one object for each small integer */
        return a.i == b.i && a.i >= -5 && a.i <= 256;
    case FLOAT:
        return false;
    case STRING:
        return a.s == b.s || (a.s->length == 0 && b.s->length == 0);
    default:
        return a.dict == b.dict;
    }
}

static bool lists_equal(Vm *vm, const List *a, const List *b)
{
    bool equal = a->n == b->n;
    vm_enter(vm);
    for (size_t i = 0; equal && i < a->n; i++)
        equal = value_equal(vm, a->items[i], b->items[i]);
    vm_leave(vm);
    return equal;
}

static bool dicts_equal(Vm *vm, const Dict *a, const Dict *b)
{
    bool equal = a->n == b->n;
    vm_enter(vm);
    for (size_t i = 0; equal && i < a->n; i++) {
        const Value *other = dict_get(vm, b, a->entries[i].key);
        equal = other && value_equal(vm, a->entries[i].value, *other);
    }
    vm_leave(vm);
    return equal;
}

bool value_equal(Vm *vm, Value a, Value b)
{
    vm_step(vm, 1);
    if (value_is_number(a) && value_is_number(b))
        return compare_numbers(a, b) == 0;
    if (a.kind != b.kind)
        return false;
    switch (a.kind) {
    case UNDEFINED:
    case NONE:
        return true;
    case STRING:
        vm_step(vm, a.s->length / 64);
        return str_equal(a.s, b.s);
    case LIST:
    case TUPLE:
        return a.list == b.list || lists_equal(vm, a.list, b.list);
    case DICT:
        return a.dict == b.dict || dicts_equal(vm, a.dict, b.dict);
    case RANGE: {
        const Range *x = a.range, *y = b.range;
        return x->n == y->n && (x->n == 0 || (x->start == y->start && (x->n == 1 || x->step == y->step)));
    }
    case METHOD:
        return a.method->row == b.method->row && value_same(a.method->self, b.method->self);
    case VIEW:
        vm_fail(vm, "views of a dict cannot be compared; make lists of them");
    default:
        return a.dict == b.dict;
    }
}

/* Less, equal, greater: below, at, above 0; 2: neither (NaN). */
static int compare_values(Vm *vm, Value a, Value b, const char *operator)
{
    vm_step(vm, 1);
    if (value_is_number(a) && value_is_number(b))
        return compare_numbers(a, b);
    value_check(vm, a);
    value_check(vm, b);
    if (a.kind == STRING && b.kind == STRING) {
        vm_step(vm, MIN(a.s->length, b.s->length) / 64);
        int order = str_compare(a.s, b.s);
        return (order > 0) - (order < 0);
    }
    if (a.kind != b.kind || (a.kind != LIST && a.kind != TUPLE))
        vm_fail(vm, "'%s' does not order %s and %s", operator, value_type(a), value_type(b));
    const List *x = a.list, *y = b.list;
    size_t i = 0;
    while (i < x->n && i < y->n && value_equal(vm, x->items[i], y->items[i]))
        i++;
    if (i == x->n || i == y->n)
        return (x->n > y->n) - (x->n < y->n);
    vm_enter(vm);
    int order = compare_values(vm, x->items[i], y->items[i], operator);
    vm_leave(vm);
    return order;
}

int value_compare(Vm *vm, Value a, Value b, const char *operator)
{
    return compare_values(vm, a, b, operator);
}

bool value_less(Vm *vm, Value a, Value b, const char *operator)
{
    return compare_values(vm, a, b, operator) == -1;
}

/* ---- Length. ---- */

int64_t value_length(Vm *vm, Value v)
{
    switch (v.kind) {
    case UNDEFINED:
        return 0;
    case STRING:
        vm_step(vm, v.s->chars == SIZE_MAX ? v.s->length / 64 : 0);
        return (int64_t)str_chars(v.s);
    case LIST:
    case TUPLE:
        return (int64_t)v.list->n;
    case DICT:
        return (int64_t)v.dict->n;
    case RANGE:
        return v.range->n;
    case VIEW:
        return (int64_t)v.view->dict->n;
    case LOOP:
        return loop_length(vm, v.loop);
    default:
        return -1;
    }
}

/* ---- JSON. ---- */

Value value_from_array(Vm *vm, JsonArray *array, uint32_t owner)
{
    List *list = list_new(vm, json_array_get_length(array));
    vm_enter(vm);
    for (guint i = 0; i < json_array_get_length(array); i++)
        list_add(vm, list, value_from_json(vm, json_array_get_element(array, i), owner));
    vm_leave(vm);
    return value_list(list);
}

Value value_from_json(Vm *vm, JsonNode *node, uint32_t owner)
{
    if (JSON_NODE_HOLDS_NULL(node))
        return NONE_VALUE;
    vm_step(vm, 1);
    if (JSON_NODE_HOLDS_OBJECT(node)) {
        JsonObject *object = json_node_get_object(node);
        Dict *dict = dict_new(vm, json_object_get_size(object));
        JsonObjectIter iter;
        const char *name;
        JsonNode *member;
        vm_enter(vm);
        json_object_iter_init_ordered(&iter, object);
        while (json_object_iter_next_ordered(&iter, &name, &member))
            dict_set(vm, dict, value_str(str_new(vm, name, strlen(name), owner)), value_from_json(vm, member, owner));
        vm_leave(vm);
        return value_dict(dict);
    }
    if (JSON_NODE_HOLDS_ARRAY(node))
        return value_from_array(vm, json_node_get_array(node), owner);
    GType type = json_node_get_value_type(node);
    if (type == G_TYPE_STRING) {
        const char *text = json_node_get_string(node);
        return value_str(str_new(vm, text, strlen(text), owner));
    }
    if (type == G_TYPE_BOOLEAN)
        return value_bool(json_node_get_boolean(node));
    return type == G_TYPE_DOUBLE ? value_float(json_node_get_double(node)) : value_int(json_node_get_int(node));
}

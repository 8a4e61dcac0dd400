/* SPDX-License-Identifier: Apache-2.0
 * methods.c: the methods of lists, dicts, ranges and loops, and where all methods are found.
 */
#include "methods.h"

#include "run.h"

#include <string.h>

/* ---- Lists, tuples, ranges. ---- */

static Value list_count(Vm *vm, Value self, const Value *args)
{
    int64_t n = 0;
    Iter *iter = iter_new(vm, self);
    Value item;
    while (iter_next(vm, iter, &item))
        n += value_equal(vm, item, args[0]);
    return value_int(n);
}

static Value list_index(Vm *vm, Value self, const Value *args)
{
    int64_t n = value_length(vm, self), from = arg_int(vm, args[1], 0, "a place in a list"),
            to = arg_int(vm, args[2], n, "a place in a list"), at = 0;
    from = from < 0 ? MAX(from + n, 0) : from;
    to = to < 0 ? MAX(to + n, 0) : to;
    Iter *iter = iter_new(vm, self);
    Value item;
    for (; iter_next(vm, iter, &item); at++)
        if (at >= from && at < to && value_equal(vm, item, args[0]))
            return value_int(at);
    vm_fail(vm, "the value that is looked for is not in the %s", value_type(self));
}

static Value copy(Vm *vm, Value self, const Value *args)
{
    return self; /* neither will ever change */
}

/* ---- Dicts. ---- */

static Value view(Vm *vm, Value self, int what)
{
    View *v = vm_new(vm, View, 1);
    v->dict = self.dict;
    v->what = what;
    return (Value){.kind = VIEW, .view = v};
}

static Value dict_items(Vm *vm, Value self, const Value *args)
{
    return view(vm, self, ITEMS);
}

static Value dict_keys(Vm *vm, Value self, const Value *args)
{
    return view(vm, self, KEYS);
}

static Value dict_values(Vm *vm, Value self, const Value *args)
{
    return view(vm, self, VALUES);
}

static Value dict_get_method(Vm *vm, Value self, const Value *args)
{
    const Value *found = dict_get(vm, self.dict, args[0]);
    return found ? *found : args[1].kind == MISSING ? NONE_VALUE : args[1];
}

/* ---- loop. ---- */

static Value loop_cycle(Vm *vm, Value self, const Args *args)
{
    if (args->n == 0 || args->n_named > 0)
        vm_fail(vm, "loop.cycle wants the values to go through");
    return args->values[self.loop->index0 % (int64_t)args->n];
}

static Value loop_changed(Vm *vm, Value self, const Args *args)
{
    if (args->n_named > 0)
        vm_fail(vm, "loop.changed takes no named arguments");
    List *now = list_new(vm, args->n);
    for (size_t i = 0; i < args->n; i++)
        list_add(vm, now, args->values[i]);
    const List *before = self.loop->changed;
    bool changed = !before || !value_equal(vm, value_list(before), value_list(now));
    if (changed)
        self.loop->changed = now;
    return value_bool(changed);
}

/* ---- Where they are. A row without parameters is one that the sandbox hides. ---- */

static const MethodRow methods_list[] = {
    {"count", list_count, NULL, "/value"},
    {"index", list_index, NULL, "/value start? end?"},
    {"copy", copy, NULL, "/"},
    {"append", NULL, NULL, NULL},
    {"clear", NULL, NULL, NULL},
    {"extend", NULL, NULL, NULL},
    {"insert", NULL, NULL, NULL},
    {"pop", NULL, NULL, NULL},
    {"remove", NULL, NULL, NULL},
    {"reverse", NULL, NULL, NULL},
    {"sort", NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL},
};

static const MethodRow methods_sequence[] = {
    {"count", list_count, NULL, "/value"},
    {"index", list_index, NULL, "/value start? end?"},
    {NULL, NULL, NULL, NULL},
};

static const MethodRow methods_dict[] = {
    {"get", dict_get_method, NULL, "/key default?"},
    {"items", dict_items, NULL, "/"},
    {"keys", dict_keys, NULL, "/"},
    {"values", dict_values, NULL, "/"},
    {"copy", copy, NULL, "/"},
    {"fromkeys", NULL, NULL, "/"},
    {"clear", NULL, NULL, NULL},
    {"pop", NULL, NULL, NULL},
    {"popitem", NULL, NULL, NULL},
    {"setdefault", NULL, NULL, NULL},
    {"update", NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL},
};

static const MethodRow methods_loop[] = {
    {"cycle", NULL, loop_cycle, ""},
    {"changed", NULL, loop_changed, ""},
    {NULL, NULL, NULL, NULL},
};

const MethodRow *method_find(Kind kind, const Str *name)
{
    const MethodRow *row = kind == STRING                   ? methods_text
                           : kind == LIST                   ? methods_list
                           : kind == TUPLE || kind == RANGE ? methods_sequence
                           : kind == DICT                   ? methods_dict
                           : kind == LOOP                   ? methods_loop
                                                            : NULL;
    for (; row && row->name; row++)
        if (str_is(name, row->name))
            return row;
    return NULL;
}

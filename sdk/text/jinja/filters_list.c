/* SPDX-License-Identifier: Apache-2.0
 * filters_list.c: filters of lists and dicts.
 */
#include "ast.h"
#include "filters.h"

#include <string.h>

/* ---- Attributes and keys. ---- */

/* A path "a.b.0": a list of names and numbers. Empty for none. */
static const List *read_path(Vm *vm, Value attribute)
{
    List *path = list_new(vm, 1);
    if (attribute.kind == MISSING || attribute.kind == NONE)
        return path;
    if (attribute.kind != STRING) {
        list_add(vm, path, attribute);
        return path;
    }
    const Str *s = attribute.s;
    for (size_t from = 0; from <= s->length;) {
        const char *dot = memchr(s->bytes + from, '.', s->length - from);
        size_t end = dot ? (size_t)(dot - s->bytes) : s->length;
        const Str *part = str_part(vm, s, from, end);
        int64_t number;
        bool digits = part->length > 0;
        for (size_t i = 0; i < part->length; i++)
            digits = digits && g_ascii_isdigit(part->bytes[i]);
        if (digits && !parse_int(str_c(vm, part), 10, &number))
            vm_fail(vm, "a number is too large (beyond 64 bits)");
        list_add(vm, path, digits ? value_int(number) : value_str(part));
        from = end + 1;
    }
    return path;
}

static Value follow(Vm *vm, Value v, const List *path, Value fallback)
{
    for (size_t i = 0; i < path->n; i++) {
        v = get_item(vm, v, path->items[i]);
        if (v.kind == UNDEFINED && fallback.kind != MISSING && fallback.kind != NONE)
            v = fallback;
    }
    return v;
}

static Value ignore_case(Vm *vm, Value v, bool sensitive)
{
    return sensitive || v.kind != STRING ? v : value_str(str_case(vm, v.s, CASE_LOWER));
}

/* ---- Sorting. ---- */

/* Merges two sorted parts of `order`, numbers of keys, stably. */
static void merge(Vm *vm, const List *keys, size_t *order, size_t *spare, size_t from, size_t middle, size_t to,
                  bool reverse)
{
    size_t a = from, b = middle;
    for (size_t i = from; i < to; i++) {
        bool second = a == middle;
        if (a < middle && b < to) {
            Value x = keys->items[order[a]], y = keys->items[order[b]];
            second = reverse ? value_less(vm, x, y, "<") : value_less(vm, y, x, "<");
        }
        spare[i] = order[second ? b++ : a++];
    }
    memcpy(order + from, spare + from, (to - from) * sizeof *order);
}

List *sort_values(Vm *vm, const List *keys, const List *values, bool reverse)
{
    size_t n = values->n, *order = vm_new(vm, size_t, n), *spare = vm_new(vm, size_t, n);
    List *sorted = list_new(vm, n);
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t width = 1; width < n; width *= 2)
        for (size_t from = 0; from + width < n; from += 2 * width)
            merge(vm, keys, order, spare, from, from + width, MIN(from + 2 * width, n), reverse);
    for (size_t i = 0; i < n; i++)
        list_add(vm, sorted, values->items[order[i]]);
    return sorted;
}

static Value do_sort(Vm *vm, Value self, const Value *args)
{
    bool reverse = arg_true(vm, args[0], false), sensitive = arg_true(vm, args[1], false);
    const List *values = value_to_list(vm, self);
    List *keys = list_new(vm, values->n), *paths = list_new(vm, 1);
    /* "a,b": by a, then by b. */
    if (args[2].kind == STRING) {
        const Str *s = args[2].s;
        for (size_t from = 0; from <= s->length;) {
            const char *comma = memchr(s->bytes + from, ',', s->length - from);
            size_t end = comma ? (size_t)(comma - s->bytes) : s->length;
            list_add(vm, paths, value_list(read_path(vm, value_str(str_part(vm, s, from, end)))));
            from = end + 1;
        }
    } else {
        list_add(vm, paths, value_list(read_path(vm, args[2])));
    }
    for (size_t i = 0; i < values->n; i++) {
        List *key = list_new(vm, paths->n);
        for (size_t k = 0; k < paths->n; k++)
            list_add(vm, key,
                     ignore_case(vm, follow(vm, values->items[i], paths->items[k].list, MISSING_VALUE), sensitive));
        list_add(vm, keys, value_list(key));
    }
    return value_list(sort_values(vm, keys, values, reverse));
}

static Value do_dictsort(Vm *vm, Value self, const Value *args)
{
    bool sensitive = arg_true(vm, args[0], false), reverse = arg_true(vm, args[2], false);
    const Str *by = args[1].kind == MISSING ? str_literal(vm, "key") : arg_str(vm, args[1], "what is sorted by");
    value_check(vm, self);
    if (self.kind != DICT || (!str_is(by, "key") && !str_is(by, "value")))
        vm_fail(vm, "dictsort wants a dict, and sorts by \"key\" or \"value\"");
    List *keys = list_new(vm, self.dict->n), *items = list_new(vm, self.dict->n);
    for (size_t i = 0; i < self.dict->n; i++) {
        const Entry *entry = &self.dict->entries[i];
        list_add(vm, keys, ignore_case(vm, str_is(by, "key") ? entry->key : entry->value, sensitive));
        list_add(vm, items, value_pair(vm, entry->key, entry->value));
    }
    return value_list(sort_values(vm, keys, items, reverse));
}

static Value do_unique(Vm *vm, Value self, const Value *args)
{
    bool sensitive = arg_true(vm, args[0], false);
    const List *values = value_to_list(vm, self), *path = read_path(vm, args[1]);
    List *kept = list_new(vm, 0);
    Dict *seen = dict_new(vm, 0);
    for (size_t i = 0; i < values->n; i++) {
        Value key = ignore_case(vm, follow(vm, values->items[i], path, MISSING_VALUE), sensitive);
        if (dict_get(vm, seen, key))
            continue;
        dict_set(vm, seen, key, NONE_VALUE);
        list_add(vm, kept, values->items[i]);
    }
    return value_iterator(vm, kept);
}

static Value best(Vm *vm, Value self, const Value *args, bool most)
{
    bool sensitive = arg_true(vm, args[0], false);
    const List *values = value_to_list(vm, self), *path = read_path(vm, args[1]);
    if (values->n == 0)
        return value_hint(vm, "an empty list has neither least nor greatest");
    Value found = values->items[0], key = ignore_case(vm, follow(vm, found, path, MISSING_VALUE), sensitive);
    for (size_t i = 1; i < values->n; i++) {
        Value other = ignore_case(vm, follow(vm, values->items[i], path, MISSING_VALUE), sensitive);
        if (most ? value_less(vm, key, other, ">") : value_less(vm, other, key, "<")) {
            found = values->items[i];
            key = other;
        }
    }
    return found;
}

static Value do_min(Vm *vm, Value self, const Value *args)
{
    return best(vm, self, args, false);
}

static Value do_max(Vm *vm, Value self, const Value *args)
{
    return best(vm, self, args, true);
}

static Value do_groupby(Vm *vm, Value self, const Value *args)
{
    bool sensitive = arg_true(vm, args[2], false);
    const List *values = value_to_list(vm, self), *path = read_path(vm, args[0]);
    List *keys = list_new(vm, values->n), *groups = list_new(vm, 0), *members = NULL;
    Value current = MISSING_VALUE;
    for (size_t i = 0; i < values->n; i++)
        list_add(vm, keys, ignore_case(vm, follow(vm, values->items[i], path, args[1]), sensitive));
    const List *sorted = sort_values(vm, keys, values, false);
    for (size_t i = 0; i < sorted->n; i++) {
        Value real = follow(vm, sorted->items[i], path, args[1]), key = ignore_case(vm, real, sensitive);
        if (!members || !value_equal(vm, key, current)) {
            members = list_new(vm, 0);
            Value group = value_pair(vm, real, value_list(members));
            ((List *)group.list)->grouped = true;
            list_add(vm, groups, group);
            current = key;
        }
        list_add(vm, members, sorted->items[i]);
    }
    return value_list(groups);
}

/* ---- map, select and their like. ---- */

static Args rest_of(const Args *args, size_t n)
{
    Args rest = *args;
    if (n > 0) {
        rest.values += n;
        rest.n -= n;
    }
    return rest;
}

static const Value *named(const Args *args, const char *name)
{
    for (size_t i = 0; i < args->n_named; i++)
        if (str_is(args->names[i], name))
            return &args->named[i];
    return NULL;
}

static Value map_attribute(Vm *vm, const List *values, const Args *args)
{
    const Value *attribute = named(args, "attribute"), *fallback = named(args, "default");
    if (args->n_named > 1u + (fallback != NULL))
        vm_fail(vm, "map takes attribute and default, and no other named arguments beside them");
    const List *path = read_path(vm, *attribute);
    List *mapped = list_new(vm, values->n);
    for (size_t i = 0; i < values->n; i++)
        list_add(vm, mapped, follow(vm, values->items[i], path, fallback ? *fallback : MISSING_VALUE));
    return value_iterator(vm, mapped);
}

static Value do_map(Vm *vm, Value self, const Args *args)
{
    List *mapped = list_new(vm, 0);
    if (!value_true(vm, self))
        return value_iterator(vm, mapped);
    const List *values = value_to_list(vm, self);
    if (args->n == 0 && named(args, "attribute"))
        return map_attribute(vm, values, args);
    if (args->n == 0)
        vm_fail(vm, "map wants a filter's name, or attribute=");
    const FilterRow *row = filter_find(arg_str(vm, args->values[0], "a filter's name"));
    if (!row || (!row->run && !row->run_any))
        vm_fail(vm, "there is no filter named '%.64s' here", str_c(vm, args->values[0].s));
    Args rest = rest_of(args, 1);
    for (size_t i = 0; i < values->n; i++)
        list_add(vm, mapped, filter_run(vm, row, values->items[i], &rest));
    return value_iterator(vm, mapped);
}

static Value pick(Vm *vm, Value self, const Args *args, bool wanted, bool by_attribute)
{
    List *picked = list_new(vm, 0);
    if (!value_true(vm, self))
        return value_iterator(vm, picked);
    if (by_attribute && args->n == 0)
        vm_fail(vm, "selectattr and rejectattr want an attribute's name");
    const List *values = value_to_list(vm, self), *path = read_path(vm, by_attribute ? args->values[0] : MISSING_VALUE);
    Args rest = rest_of(args, by_attribute);
    const TestRow *row = NULL;
    if (rest.n > 0) {
        row = test_find(arg_str(vm, rest.values[0], "a test's name"));
        if (!row || !row->run)
            vm_fail(vm, "there is no test named '%.64s' here", str_c(vm, rest.values[0].s));
        rest = rest_of(&rest, 1);
    }
    for (size_t i = 0; i < values->n; i++) {
        Value v = follow(vm, values->items[i], path, MISSING_VALUE);
        if (value_true(vm, row ? test_run(vm, row, v, &rest) : v) == wanted)
            list_add(vm, picked, values->items[i]);
    }
    return value_iterator(vm, picked);
}

static Value do_select(Vm *vm, Value self, const Args *args)
{
    return pick(vm, self, args, true, false);
}

static Value do_reject(Vm *vm, Value self, const Args *args)
{
    return pick(vm, self, args, false, false);
}

static Value do_selectattr(Vm *vm, Value self, const Args *args)
{
    return pick(vm, self, args, true, true);
}

static Value do_rejectattr(Vm *vm, Value self, const Args *args)
{
    return pick(vm, self, args, false, true);
}

/* ---- Parts. ---- */

static Value do_first(Vm *vm, Value self, const Value *args)
{
    Value item;
    return iter_next(vm, iter_new(vm, self), &item) ? item : value_hint(vm, "an empty list has no first item");
}

static bool is_reversible(Value v)
{
    return v.kind == LIST || v.kind == TUPLE || v.kind == DICT || v.kind == RANGE || v.kind == VIEW ||
           v.kind == UNDEFINED;
}

static Value reversed(Vm *vm, Value v)
{
    Iter *iter = iter_new(vm, v);
    iter->reversed = true;
    return (Value){.kind = ITERATOR, .iter = iter};
}

static Value do_last(Vm *vm, Value self, const Value *args)
{
    Value item;
    if (self.kind == STRING && self.s->length > 0)
        return get_item(vm, self, value_int(-1));
    if (self.kind != STRING && !is_reversible(self))
        vm_fail(vm, "a %s has no last item that can be known (make it a list)", value_type(self));
    if (self.kind != STRING && iter_next(vm, reversed(vm, self).iter, &item))
        return item;
    return value_hint(vm, "an empty list has no last item");
}

static Value do_reverse(Vm *vm, Value self, const Value *args)
{
    if (self.kind == STRING)
        return slice_value(vm, self, NONE_VALUE, NONE_VALUE, value_int(-1));
    if (is_reversible(self))
        return reversed(vm, self);
    const List *values = value_to_list(vm, self);
    List *list = list_new(vm, values->n);
    for (size_t i = values->n; i > 0; i--)
        list_add(vm, list, values->items[i - 1]);
    return value_list(list);
}

static Value do_list(Vm *vm, Value self, const Value *args)
{
    return value_list(value_to_list(vm, self));
}

static Value do_items(Vm *vm, Value self, const Value *args)
{
    List *items = list_new(vm, 0);
    if (self.kind != DICT && self.kind != UNDEFINED)
        vm_fail(vm, "items wants a dict, not %s", value_type(self));
    for (size_t i = 0; self.kind == DICT && i < self.dict->n; i++)
        list_add(vm, items, value_pair(vm, self.dict->entries[i].key, self.dict->entries[i].value));
    return value_iterator(vm, items);
}

static Value do_batch(Vm *vm, Value self, const Value *args)
{
    const List *values = value_to_list(vm, self);
    int64_t size = value_index(vm, args[0], "the size of a batch");
    List *batches = list_new(vm, 0), *batch = NULL;
    /* As in Python: a size below 1 is never reached. */
    for (size_t i = 0; i < values->n; i++) {
        if (!batch || (int64_t)batch->n == size) {
            batch = list_new(vm, 0);
            list_add(vm, batches, value_list(batch));
        }
        list_add(vm, batch, values->items[i]);
    }
    while (batch && args[1].kind != MISSING && args[1].kind != NONE && (int64_t)batch->n < size) {
        vm_step(vm, 1);
        list_add(vm, batch, args[1]);
    }
    return value_iterator(vm, batches);
}

static Value do_slice(Vm *vm, Value self, const Value *args)
{
    const List *values = value_to_list(vm, self);
    int64_t n = value_index(vm, args[0], "the number of slices");
    if (n <= 0)
        vm_fail(vm, "the number of slices must be 1 or more");
    size_t parts = (size_t)n, each = values->n / parts, longer = values->n % parts, at = 0;
    List *slices = list_new(vm, 0);
    for (size_t i = 0; i < parts; i++) {
        size_t end = at + each + (i < longer);
        List *slice = list_new(vm, end - at);
        vm_step(vm, 1);
        for (; at < end; at++)
            list_add(vm, slice, values->items[at]);
        if (args[1].kind != MISSING && args[1].kind != NONE && i >= longer)
            list_add(vm, slice, args[1]);
        list_add(vm, slices, value_list(slice));
    }
    return value_iterator(vm, slices);
}

/* ---- All together. ---- */

static Value do_join(Vm *vm, Value self, const Value *args)
{
    const Str *between = args[0].kind == MISSING ? str_empty(vm) : value_text(vm, args[0]);
    const List *path = read_path(vm, args[1]);
    Iter *iter = iter_new(vm, self);
    Buffer *out = buffer_new(vm, 64);
    Value item;
    for (bool first = true; iter_next(vm, iter, &item); first = false) {
        if (!first)
            buffer_str(vm, out, between);
        buffer_value(vm, out, follow(vm, item, path, MISSING_VALUE));
    }
    return value_str(buffer_finish(vm, out));
}

static Value do_sum(Vm *vm, Value self, const Value *args)
{
    const List *path = read_path(vm, args[0]);
    Value sum = args[1].kind == MISSING ? value_int(0) : args[1], item;
    if (sum.kind == STRING)
        vm_fail(vm, "texts are joined, not summed");
    Iter *iter = iter_new(vm, self);
    while (iter_next(vm, iter, &item))
        sum = operate(vm, OP_ADD, sum, follow(vm, item, path, MISSING_VALUE));
    return sum;
}

const FilterRow filters_list[] = {
    {"batch", do_batch, NULL, "linecount fill_with?"},
    {"dictsort", do_dictsort, NULL, "case_sensitive? by? reverse?"},
    {"first", do_first, NULL, ""},
    {"groupby", do_groupby, NULL, "attribute default? case_sensitive?"},
    {"items", do_items, NULL, ""},
    {"join", do_join, NULL, "d? attribute?"},
    {"last", do_last, NULL, ""},
    {"list", do_list, NULL, ""},
    {"map", NULL, do_map, ""},
    {"max", do_max, NULL, "case_sensitive? attribute?"},
    {"min", do_min, NULL, "case_sensitive? attribute?"},
    {"reject", NULL, do_reject, ""},
    {"rejectattr", NULL, do_rejectattr, ""},
    {"reverse", do_reverse, NULL, ""},
    {"select", NULL, do_select, ""},
    {"selectattr", NULL, do_selectattr, ""},
    {"slice", do_slice, NULL, "slices fill_with?"},
    {"sort", do_sort, NULL, "reverse? case_sensitive? attribute?"},
    {"sum", do_sum, NULL, "attribute? start?"},
    {"unique", do_unique, NULL, "case_sensitive? attribute?"},
    {NULL, NULL, NULL, NULL},
};

/* SPDX-License-Identifier: Apache-2.0
 * access.c: attributes, items and slices.
 *
 * A value without the attribute or item asked for gives undefined, as in Jinja: only what is done with that may fail.
 */
#include "run.h"

static bool is_hashable(Value v)
{
    bool hashable = v.kind != LIST && v.kind != DICT;
    for (size_t i = 0; hashable && v.kind == TUPLE && i < v.list->n; i++)
        hashable = v.list->items[i].kind != TUPLE ? is_hashable(v.list->items[i]) : false;
    return hashable;
}

/* A method, the object's own members, or MISSING. */
static Value find_attribute(Vm *vm, Value of, const Str *name)
{
    Value found = MISSING_VALUE;
    const Value *member;
    if (of.kind == NAMESPACE)
        return (member = dict_get(vm, of.dict, value_str(name))) ? *member : found;
    if (of.kind == LOOP && (found = loop_attribute(vm, of.loop, name)).kind != MISSING)
        return found;
    if (of.kind == MACRO && str_is(name, "name"))
        return of.macro->spec->name ? value_str(of.macro->spec->name) : NONE_VALUE;
    if (of.kind == TUPLE && of.list->grouped && (str_is(name, "grouper") || str_is(name, "list")))
        return of.list->items[str_is(name, "list")];
    const MethodRow *row = method_find(of.kind, name);
    if (!row)
        return found;
    if (!row->params) /* it would change what it is called on, which the sandbox hides */
        return value_hint(vm, "a template cannot change a list or dict (append, update, pop, ...): make a new one");
    Method *method = vm_new(vm, Method, 1);
    *method = (Method){of, row};
    return (Value){.kind = METHOD, .method = method};
}

Value get_attribute(Vm *vm, Value of, const Str *name)
{
    value_check(vm, of);
    Value found = find_attribute(vm, of, name);
    if (found.kind != MISSING)
        return found;
    if (of.kind == DICT) {
        const Value *v = dict_get(vm, of.dict, value_str(name));
        if (v)
            return *v;
    }
    return value_undefined(vm, name, value_type(of));
}

static Value item_at(Vm *vm, Value of, int64_t index)
{
    int64_t n = value_length(vm, of);
    if (index < 0)
        index += n;
    if (index < 0 || index >= n)
        return MISSING_VALUE;
    if (of.kind == RANGE)
        return value_int(of.range->start + index * of.range->step);
    if (of.kind != STRING)
        return of.list->items[index];
    vm_step(vm, (size_t)n == of.s->length ? 0 : of.s->length / 64);
    size_t from = str_offset(of.s, (size_t)index);
    size_t to = from + (size_t)(g_utf8_next_char(of.s->bytes + from) - (of.s->bytes + from));
    return value_str(str_part(vm, of.s, from, MIN(to, of.s->length)));
}

Value get_item(Vm *vm, Value of, Value index)
{
    value_check(vm, of);
    Value found = MISSING_VALUE;
    bool sequence = of.kind == STRING || of.kind == LIST || of.kind == TUPLE || of.kind == RANGE;
    if (of.kind == DICT && is_hashable(index)) {
        const Value *v = dict_get(vm, of.dict, index);
        if (v)
            return *v;
    } else if (sequence && (index.kind == INT || index.kind == BOOL)) {
        found = item_at(vm, of, value_as_int(index));
    }
    if (found.kind == MISSING && index.kind == STRING)
        found = find_attribute(vm, of, index.s);
    if (found.kind != MISSING)
        return found;
    bool simple = index.kind == STRING || index.kind == INT || index.kind == NONE;
    return value_undefined(vm, simple ? value_text(vm, index) : str_literal(vm, value_type(index)), value_type(of));
}

/* ---- Slices. ---- */

typedef struct Slice {
    int64_t from, end, step, n; /* n items: from, from + step, ... before end */
} Slice;

static int64_t bound(Vm *vm, Value v, int64_t fallback, int64_t length, int64_t least, int64_t most)
{
    if (v.kind == NONE)
        return fallback;
    int64_t i = value_index(vm, v, "a slice's bound");
    if (i < 0)
        i = i < -length ? -1 : i + length; /* -1: before the first */
    return CLAMP(i, least, most);
}

static Slice slice_of(Vm *vm, int64_t length, Value from, Value to, Value step)
{
    int64_t by = step.kind == NONE ? 1 : value_index(vm, step, "a slice's step");
    if (by == 0)
        vm_fail(vm, "a slice's step cannot be 0");
    bool back = by < 0;
    int64_t least = back ? -1 : 0, most = back ? length - 1 : length;
    Slice s = {.from = bound(vm, from, back ? length - 1 : 0, length, least, most), .step = by};
    s.end = bound(vm, to, back ? -1 : length, length, least, most);
    int64_t span = back ? s.from - s.end : s.end - s.from;
    uint64_t stride = back ? 0 - (uint64_t)by : (uint64_t)by;
    s.n = span <= 0 ? 0 : (int64_t)(((uint64_t)span - 1) / stride) + 1;
    return s;
}

static Value slice_str(Vm *vm, const Str *s, Slice slice)
{
    vm_step(vm, 1 + s->length / 64);
    if (slice.n == 0)
        return value_str(str_empty(vm));
    if (slice.step == 1)
        return value_str(
            str_part(vm, s, str_offset(s, (size_t)slice.from), str_offset(s, (size_t)(slice.from + slice.n))));
    size_t chars = str_chars(s), at = 0;
    size_t *offsets = vm_new(vm, size_t, chars + 1);
    for (size_t i = 0; i <= chars; i++) {
        offsets[i] = MIN(at, s->length);
        if (at < s->length)
            at += (size_t)(g_utf8_next_char(s->bytes + at) - (s->bytes + at));
    }
    Buffer *out = buffer_new(vm, 16);
    for (int64_t i = 0; i < slice.n; i++) {
        size_t c = (size_t)(slice.from + i * slice.step);
        buffer_part(vm, out, s, offsets[c], offsets[c + 1]);
    }
    return value_str(buffer_finish(vm, out));
}

static Value slice_range(Vm *vm, const Range *of, Slice slice)
{
    Range *range = vm_new(vm, Range, 1);
    int64_t start, stop;
    range->n = slice.n;
    if (__builtin_mul_overflow(of->step, slice.step, &range->step) ||
        __builtin_mul_overflow(of->step, slice.from, &start) || __builtin_mul_overflow(of->step, slice.end, &stop) ||
        __builtin_add_overflow(of->start, start, &range->start) ||
        __builtin_add_overflow(of->start, stop, &range->stop))
        vm_fail(vm, "a number is too large (beyond 64 bits)");
    return (Value){.kind = RANGE, .range = range};
}

Value slice_value(Vm *vm, Value of, Value from, Value to, Value step)
{
    value_check(vm, of);
    if (of.kind != STRING && of.kind != LIST && of.kind != TUPLE && of.kind != RANGE)
        vm_fail(vm, "a %s cannot be sliced", value_type(of));
    Slice slice = slice_of(vm, value_length(vm, of), from, to, step);
    if (of.kind == STRING)
        return slice_str(vm, of.s, slice);
    if (of.kind == RANGE)
        return slice_range(vm, of.range, slice);
    List *list = list_new(vm, (size_t)slice.n);
    vm_step(vm, (size_t)slice.n);
    for (int64_t i = 0; i < slice.n; i++)
        list_add(vm, list, of.list->items[slice.from + i * slice.step]);
    return of.kind == LIST ? value_list(list) : value_tuple(list);
}

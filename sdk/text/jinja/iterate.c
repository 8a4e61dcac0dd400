/* SPDX-License-Identifier: Apache-2.0
 * iterate.c: walks over what can be walked over.
 */
#include "value.h"

bool value_iterable(Value v)
{
    switch (v.kind) {
    case UNDEFINED:
    case STRING:
    case LIST:
    case TUPLE:
    case DICT:
    case RANGE:
    case VIEW:
    case ITERATOR:
    case LOOP:
        return true;
    default:
        return false;
    }
}

Iter *iter_new(Vm *vm, Value over)
{
    if (!value_iterable(over) || over.kind == LOOP)
        vm_fail(vm, "%s cannot be iterated over", value_type(over));
    if (over.kind == ITERATOR)
        return over.iter;
    Iter *iter = vm_new(vm, Iter, 1);
    iter->over = over;
    return iter;
}

static size_t count(Value over)
{
    switch (over.kind) {
    case LIST:
    case TUPLE:
        return over.list->n;
    case DICT:
        return over.dict->n;
    case VIEW:
        return over.view->dict->n;
    case RANGE:
        return (size_t)over.range->n;
    default:
        return 0;
    }
}

static Value view_item(Vm *vm, const View *view, size_t at)
{
    const Entry *entry = &view->dict->entries[at];
    return view->what == KEYS     ? entry->key
           : view->what == VALUES ? entry->value
                                  : value_pair(vm, entry->key, entry->value);
}

/* A string's characters, from the front only: reversing makes a string. */
static bool next_char(Vm *vm, Iter *iter, Value *v)
{
    const Str *s = iter->over.s;
    if (iter->at >= s->length)
        return false;
    size_t from = iter->at;
    iter->at += (size_t)(g_utf8_next_char(s->bytes + from) - (s->bytes + from));
    *v = value_str(str_part(vm, s, from, MIN(iter->at, s->length)));
    return true;
}

bool iter_next(Vm *vm, Iter *iter, Value *v)
{
    vm_step(vm, 1);
    if (iter->over.kind == STRING)
        return next_char(vm, iter, v);
    size_t n = count(iter->over);
    if (iter->at >= n)
        return false;
    size_t at = iter->reversed ? n - 1 - iter->at : iter->at;
    iter->at++;
    switch (iter->over.kind) {
    case LIST:
    case TUPLE:
        *v = iter->over.list->items[at];
        break;
    case DICT:
        *v = iter->over.dict->entries[at].key;
        break;
    case VIEW:
        *v = view_item(vm, iter->over.view, at);
        break;
    default:
        *v = value_int(iter->over.range->start + (int64_t)at * iter->over.range->step);
    }
    return true;
}

Value value_iterator(Vm *vm, const List *list)
{
    return (Value){.kind = ITERATOR, .iter = iter_new(vm, value_list(list))};
}

const List *value_to_list(Vm *vm, Value v)
{
    if (v.kind == LIST || v.kind == TUPLE)
        return v.list;
    List *list = list_new(vm, 0);
    Iter *iter = iter_new(vm, v);
    Value item;
    while (iter_next(vm, iter, &item))
        list_add(vm, list, item);
    return list;
}

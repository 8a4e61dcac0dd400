/* SPDX-License-Identifier: Apache-2.0
 * dict.c: dicts, which keep the order in which their keys came.
 */
#include "value.h"

#include <math.h>
#include <string.h>

#define SMALL 8 /* up to this many entries are searched one by one */

uint64_t value_hash(Vm *vm, Value v)
{
    uint64_t hash;
    switch (v.kind) {
    case STRING:
        return str_hash(v.s);
    case BOOL:
    case INT:
        return (uint64_t)value_as_int(v) * 0x9E3779B97F4A7C15u;
    case FLOAT: /* equal numbers have equal hashes */
        if (v.f == floor(v.f) && fabs(v.f) < 9.2e18)
            return (uint64_t)(int64_t)v.f * 0x9E3779B97F4A7C15u;
        memcpy(&hash, &v.f, sizeof hash);
        return hash * 0x9E3779B97F4A7C15u;
    case TUPLE:
        hash = 0x345678;
        vm_enter(vm);
        for (size_t i = 0; i < v.list->n; i++)
            hash = (hash ^ value_hash(vm, v.list->items[i])) * 0x100000001B3u;
        vm_leave(vm);
        return hash;
    case LIST:
    case DICT:
        vm_fail(vm, "a %s cannot be a dict's key or an element of a set", value_type(v));
    default:
        return v.kind;
    }
}

Dict *dict_new(Vm *vm, size_t room)
{
    Dict *dict = vm_new(vm, Dict, 1);
    dict->room = room;
    dict->entries = room ? vm_new(vm, Entry, room) : NULL;
    return dict;
}

static size_t place_of(const Dict *dict, uint64_t hash)
{
    return (size_t)((hash * 0x9E3779B97F4A7C15u) >> 20) & (dict->places - 1);
}

/* Number of the entry from 1, or 0. */
static size_t find(Vm *vm, const Dict *dict, Value key, uint64_t hash)
{
    if (!dict->table) {
        for (size_t i = 0; i < dict->n; i++)
            if (dict->entries[i].hash == hash && value_equal(vm, dict->entries[i].key, key))
                return i + 1;
        return 0;
    }
    for (size_t at = place_of(dict, hash); dict->table[at]; at = (at + 1) & (dict->places - 1)) {
        const Entry *entry = &dict->entries[dict->table[at] - 1];
        vm_step(vm, 1);
        if (entry->hash == hash && value_equal(vm, entry->key, key))
            return dict->table[at];
    }
    return 0;
}

static void place(Dict *dict, size_t number)
{
    size_t at = place_of(dict, dict->entries[number - 1].hash);
    while (dict->table[at])
        at = (at + 1) & (dict->places - 1);
    dict->table[at] = (uint32_t)number;
}

void dict_set(Vm *vm, Dict *dict, Value key, Value v)
{
    uint64_t hash = value_hash(vm, key);
    size_t number = find(vm, dict, key, hash);
    if (number) {
        dict->entries[number - 1].value = v;
        return;
    }
    if (dict->n == dict->room) {
        if (dict->n > G_MAXINT32)
            vm_fail(vm, "a dict is too large");
        size_t room = dict->room * 2 + 4;
        Entry *entries = vm_new(vm, Entry, room);
        if (dict->n > 0)
            memcpy(entries, dict->entries, dict->n * sizeof *entries);
        dict->entries = entries;
        dict->room = room;
    }
    dict->entries[dict->n++] = (Entry){key, v, hash};
    if (dict->n <= SMALL)
        return;
    if (dict->n * 2 > dict->places) {
        dict->places = MAX(dict->places, 16) * 2;
        dict->table = vm_new(vm, uint32_t, dict->places);
        for (size_t i = 1; i < dict->n; i++)
            place(dict, i);
    }
    place(dict, dict->n);
}

const Value *dict_get(Vm *vm, const Dict *dict, Value key)
{
    size_t number = find(vm, dict, key, value_hash(vm, key));
    return number ? &dict->entries[number - 1].value : NULL;
}

void dict_put(Vm *vm, Dict *dict, const char *key, Value v)
{
    dict_set(vm, dict, value_str(str_literal(vm, key)), v);
}

const Value *dict_find(Vm *vm, const Dict *dict, const char *key)
{
    return dict_get(vm, dict, value_str(str_literal(vm, key)));
}

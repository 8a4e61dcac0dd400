/* SPDX-License-Identifier: Apache-2.0
 * symbols.c: a block's names, each with the slot that it has in its function.
 */
#include "scope.h"

#include <string.h>

Symbols *symbols_new(Binder *b, Symbols *parent, Owner *function)
{
    Symbols *s = vm_new(b->vm, Symbols, 1);
    s->parent = parent;
    s->frame = vm_new(b->vm, Frame, 1);
    s->frame->function = function;
    return s;
}

Symbols *symbols_inner(Binder *b, Symbols *s)
{
    return symbols_new(b, s, s->frame->function);
}

Symbols *symbols_copy(Binder *b, const Symbols *s)
{
    Symbols *other = vm_new(b->vm, Symbols, 1);
    *other = *s;
    other->room = s->n + 4;
    other->items = vm_new(b->vm, Symbol, other->room);
    if (s->n > 0)
        memcpy(other->items, s->items, s->n * sizeof *s->items);
    vm_step(b->vm, s->n);
    return other;
}

Symbol *symbols_own(Binder *b, const Symbols *s, const Str *name)
{
    vm_step(b->vm, 1 + s->n / 8);
    for (size_t i = 0; i < s->n; i++)
        if (s->items[i].name == name)
            return &s->items[i];
    return NULL;
}

Symbol *symbols_find(Binder *b, const Symbols *s, const Str *name, const Owner **owner)
{
    for (; s; s = s->parent) {
        Symbol *found = symbols_own(b, s, name);
        if (found) {
            *owner = s->frame->function;
            return found;
        }
    }
    return NULL;
}

static uint32_t slot_of(Binder *b, Frame *frame, const Str *name)
{
    vm_step(b->vm, 1 + frame->n / 8);
    for (size_t i = 0; i < frame->n; i++)
        if (frame->names[i] == name)
            return frame->slots[i];
    if (frame->n == frame->room) {
        size_t room = frame->room * 2 + 8;
        const Str **names = vm_new(b->vm, const Str *, room);
        uint32_t *slots = vm_new(b->vm, uint32_t, room);
        if (frame->n > 0) {
            memcpy(names, frame->names, frame->n * sizeof *names);
            memcpy(slots, frame->slots, frame->n * sizeof *slots);
        }
        frame->names = names;
        frame->slots = slots;
        frame->room = room;
    }
    frame->names[frame->n] = name;
    frame->slots[frame->n++] = frame->function->n_slots;
    return frame->function->n_slots++;
}

Symbol *symbols_define(Binder *b, Symbols *s, const Str *name, LoadKind load)
{
    Symbol *symbol = symbols_own(b, s, name);
    if (!symbol) {
        if (s->n == s->room) {
            size_t room = s->room * 2 + 8;
            Symbol *items = vm_new(b->vm, Symbol, room);
            if (s->n > 0)
                memcpy(items, s->items, s->n * sizeof *items);
            s->items = items;
            s->room = room;
        }
        symbol = &s->items[s->n++];
        *symbol = (Symbol){.name = name, .slot = slot_of(b, s->frame, name)};
    }
    symbol->load = load;
    return symbol;
}

void symbols_declare(Binder *b, Symbols *s, const Str *name)
{
    symbols_define(b, s, name, LOAD_PARAMETER)->stored = true;
}

void symbols_alias(Binder *b, Symbols *s, Symbol *symbol, LoadKind otherwise)
{
    const Owner *owner = NULL;
    const Symbol *outer = s->parent ? symbols_find(b, s->parent, symbol->name, &owner) : NULL;
    symbol->load = outer ? LOAD_ALIAS : otherwise;
    if (outer) {
        symbol->from = owner;
        symbol->from_slot = outer->slot;
    }
}

void symbols_store(Binder *b, Symbols *s, const Str *name)
{
    Symbol *symbol = symbols_own(b, s, name);
    if (!symbol) {
        symbol = symbols_define(b, s, name, LOAD_MISSING);
        symbols_alias(b, s, symbol, LOAD_MISSING);
    }
    symbol->stored = true;
}

void symbols_load(Binder *b, Symbols *s, const Str *name)
{
    const Owner *owner;
    if (!symbols_find(b, s, name, &owner))
        symbols_define(b, s, name, LOAD_VARIABLE);
}

/* SPDX-License-Identifier: Apache-2.0
 * scope.h: the names of a block while a template is bound: symbols.c keeps them, scope_uses.c finds what statements do
 * with them, scope.c gives each its slot.
 */
#ifndef HONE_JINJA_SCOPE_H
#define HONE_JINJA_SCOPE_H

#include "ast.h"

typedef struct Owner {
    struct Owner *outer;
    uint32_t n_slots;
} Owner;

/* A block's slots by name, over all the branches of its ifs. */
typedef struct Frame {
    Owner *function;
    const Str **names;
    uint32_t *slots;
    size_t n, room;
} Frame;

typedef struct Symbol {
    const Str *name;
    uint32_t slot;
    bool stored;
    LoadKind load;
    const Owner *from; /* LOAD_ALIAS */
    uint32_t from_slot;
} Symbol;

typedef struct Symbols {
    struct Symbols *parent;
    Frame *frame;
    Symbol *items;
    size_t n, room;
} Symbols;

typedef struct Binder {
    Vm *vm;
    Jinja *template;
    unsigned loops;
} Binder;

/* ---- symbols.c ---- */

/* A block of that function, within parent (or NULL). */
Symbols *symbols_new(Binder *b, Symbols *parent, Owner *function);
/* A block within s, of the same function. */
Symbols *symbols_inner(Binder *b, Symbols *s);
/* A branch of an if: the same frame, a list of its own. */
Symbols *symbols_copy(Binder *b, const Symbols *s);
/* NULL where the block itself has no such name. */
Symbol *symbols_own(Binder *b, const Symbols *s, const Str *name);
/* The symbol of a name, here or outside, or NULL; *owner: the function that it is in. */
Symbol *symbols_find(Binder *b, const Symbols *s, const Str *name, const Owner **owner);
/* The block's own symbol of a name, made where it is new. */
Symbol *symbols_define(Binder *b, Symbols *s, const Str *name, LoadKind load);
/* A parameter, or a loop's target. */
void symbols_declare(Binder *b, Symbols *s, const Str *name);
/* The first value of a name that this block assigns: the outer one, or else what `otherwise` says. */
void symbols_alias(Binder *b, Symbols *s, Symbol *symbol, LoadKind otherwise);
/* The block assigns, or reads, a name. */
void symbols_store(Binder *b, Symbols *s, const Str *name);
void symbols_load(Binder *b, Symbols *s, const Str *name);

/* ---- scope_uses.c ---- */

/* Enters into s what the block's own statements read and assign. */
void scope_collect(Binder *b, Symbols *s, const Node *node);
void scope_collect_body(Binder *b, Symbols *s, const Body *body);
/* Whether a body reads a name that it has not assigned before. */
bool scope_reads(Binder *b, const Body *body, const char *name);

#endif

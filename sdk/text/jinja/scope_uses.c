/* SPDX-License-Identifier: Apache-2.0
 * scope_uses.c: what statements read and assign.
 */
#include "scope.h"

#include <string.h>

/* ---- What a block's own statements read and assign. ---- */

void scope_collect_body(Binder *b, Symbols *s, const Body *body)
{
    for (size_t i = 0; i < body->n; i++)
        scope_collect(b, s, body->items[i]);
}

/* Joins branches, of which one is taken, into s. */
static void join(Binder *b, Symbols *s, Symbols *const *branches, size_t n)
{
    Symbols *before = symbols_copy(b, s);
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < branches[k]->n; i++) {
            const Symbol *from = &branches[k]->items[i];
            Symbol *to = symbols_define(b, s, from->name, from->load);
            bool stored = to->stored || from->stored;
            *to = *from;
            to->stored = stored;
        }
    }
    for (size_t i = 0; i < s->n; i++) {
        const Symbol *old = symbols_own(b, before, s->items[i].name);
        if (s->items[i].stored && !(old && old->stored))
            symbols_alias(b, s, &s->items[i], LOAD_VARIABLE);
    }
}

static void collect_if(Binder *b, Symbols *s, const Node *node)
{
    scope_collect(b, s, node->items[0]);
    Symbols *branches[3] = {symbols_copy(b, s), symbols_copy(b, s), symbols_copy(b, s)};
    scope_collect_body(b, branches[0], &node->bodies[0]);
    for (size_t i = 1; i < node->n; i++) {
        if (!node->items[i]) {
            scope_collect_body(b, branches[2], &node->bodies[i]);
            continue;
        }
        scope_collect(b, branches[1], node->items[i]);
        Symbols *branch = symbols_copy(b, branches[1]);
        scope_collect_body(b, branch, &node->bodies[i]);
        join(b, branches[1], &branch, 1);
    }
    join(b, s, branches, 3);
}

static void collect_call(Binder *b, Symbols *s, const Call *call)
{
    for (size_t i = 0; i < call->n; i++)
        scope_collect(b, s, call->args[i]);
    for (size_t i = 0; i < call->n_named; i++)
        scope_collect(b, s, call->named[i]);
    scope_collect(b, s, call->star);
    scope_collect(b, s, call->stars);
}

void scope_collect(Binder *b, Symbols *s, const Node *node)
{
    if (!node)
        return;
    vm_enter(b->vm);
    switch ((NodeKind)node->kind) {
    case N_NAME:
        if (node->store)
            symbols_store(b, s, node->name);
        else
            symbols_load(b, s, node->name);
        break;
    case N_MEMBER:
        symbols_load(b, s, node->name);
        break;
    case N_IF:
        collect_if(b, s, node);
        break;
    case N_FOR: /* the rest is a block of its own, and so below */
        scope_collect(b, s, node->b);
        break;
    case N_SET:
        scope_collect(b, s, node->b);
        scope_collect(b, s, node->a);
        break;
    case N_SET_BLOCK:
    case N_CALL_BLOCK:
    case N_FILTER_BLOCK:
        scope_collect(b, s, node->a);
        break;
    case N_WITH:
        for (size_t i = 0; i < node->n; i++)
            scope_collect(b, s, node->items[node->n + i]);
        break;
    case N_MACRO:
        symbols_store(b, s, node->name);
        break;
    case N_GENERATION:
    case N_CONSTANT:
    case N_DATA:
        break;
    default:
        if (node->kind == N_CALL || node->kind == N_FILTER || node->kind == N_TEST)
            collect_call(b, s, node->call);
        scope_collect(b, s, node->a);
        scope_collect(b, s, node->b);
        scope_collect(b, s, node->c);
        scope_collect(b, s, node->d);
        for (size_t i = 0; i < node->n; i++)
            scope_collect(b, s, node->items[i]);
    }
    vm_leave(b->vm);
}

/* ---- Whether a body reads a name. ---- */

typedef struct Search {
    Vm *vm;
    const char *name;
    bool found, assigned;
} Search;

static void search(Search *q, const Node *node);

static void search_body(Search *q, const Body *body)
{
    for (size_t i = 0; i < body->n; i++)
        search(q, body->items[i]);
}

static void search_call(Search *q, const Call *call)
{
    for (size_t i = 0; i < call->n; i++)
        search(q, call->args[i]);
    for (size_t i = 0; i < call->n_named; i++)
        search(q, call->named[i]);
    search(q, call->star);
    search(q, call->stars);
}

static void search_macro(Search *q, const MacroSpec *macro)
{
    for (size_t i = 0; i < macro->n_params; i++)
        search(q, macro->params[i]);
    for (size_t i = 0; i < macro->n_defaults; i++)
        search(q, macro->defaults[i]);
    search_body(q, &macro->body);
}

static void search(Search *q, const Node *node)
{
    if (!node || q->found || q->assigned)
        return;
    vm_step(q->vm, 1);
    vm_enter(q->vm);
    if (node->kind == N_NAME && str_is(node->name, q->name)) {
        q->found = !node->store;
        q->assigned = node->store;
    }
    search(q, node->a);
    search(q, node->b);
    search(q, node->c);
    search(q, node->d);
    size_t n = node->kind == N_WITH ? node->n * 2 : node->n;
    for (size_t i = 0; i < n; i++) {
        search(q, node->items[i]);
        if (node->kind == N_IF)
            search_body(q, &node->bodies[i]);
    }
    switch ((NodeKind)node->kind) {
    case N_CALL:
    case N_FILTER:
    case N_TEST:
        search_call(q, node->call);
        break;
    case N_FOR:
    case N_SET_BLOCK:
    case N_WITH:
    case N_FILTER_BLOCK:
        search_body(q, &node->body);
        search_body(q, &node->other);
        break;
    case N_MACRO:
    case N_CALL_BLOCK:
    case N_GENERATION:
        search_macro(q, node->macro);
        break;
    default:
        break;
    }
    vm_leave(q->vm);
}

bool scope_reads(Binder *b, const Body *body, const char *name)
{
    Search q = {.vm = b->vm, .name = name};
    search_body(&q, body);
    return q.found;
}

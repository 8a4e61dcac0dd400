/* SPDX-License-Identifier: Apache-2.0
 * scope.c: binds names to slots, block by block, as Jinja's compiler does.
 *
 * A block sees the variables of those around it. A name that it assigns is its own from the block's start on, and holds
 * there what the name holds outside. A name that is assigned nowhere around is one of those given from outside. What an
 * if assigns belongs to the block around the if; where not every branch assigns it, it holds the outer value at first.
 */
#include "ast.h"
#include "filters.h"

#include <string.h>

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

static void collect(Binder *b, Symbols *s, const Node *node);
static void bind(Binder *b, Symbols *s, Node *node, bool soft);

/* ---- Symbols. ---- */

static Symbols *symbols_new(Binder *b, Symbols *parent, Owner *function)
{
    Symbols *s = vm_new(b->vm, Symbols, 1);
    s->parent = parent;
    s->frame = vm_new(b->vm, Frame, 1);
    s->frame->function = function;
    return s;
}

static Symbols *inner(Binder *b, Symbols *s)
{
    return symbols_new(b, s, s->frame->function);
}

static Symbols *copy(Binder *b, const Symbols *s)
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

static Symbol *own_symbol(Binder *b, const Symbols *s, const Str *name)
{
    vm_step(b->vm, 1 + s->n / 8);
    for (size_t i = 0; i < s->n; i++)
        if (s->items[i].name == name)
            return &s->items[i];
    return NULL;
}

/* The symbol of a name, here or outside; *owner: the function that it is in. */
static Symbol *find_symbol(Binder *b, const Symbols *s, const Str *name, const Owner **owner)
{
    for (; s; s = s->parent) {
        Symbol *found = own_symbol(b, s, name);
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

static Symbol *define(Binder *b, Symbols *s, const Str *name, LoadKind load)
{
    Symbol *symbol = own_symbol(b, s, name);
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

static void declare(Binder *b, Symbols *s, const Str *name)
{
    define(b, s, name, LOAD_PARAMETER)->stored = true;
}

/* The first value of a name that this block assigns: the outer one, or else what `otherwise` says. */
static void alias(Binder *b, Symbols *s, Symbol *symbol, LoadKind otherwise)
{
    const Owner *owner = NULL;
    const Symbol *outer = s->parent ? find_symbol(b, s->parent, symbol->name, &owner) : NULL;
    symbol->load = outer ? LOAD_ALIAS : otherwise;
    if (outer) {
        symbol->from = owner;
        symbol->from_slot = outer->slot;
    }
}

static void store(Binder *b, Symbols *s, const Str *name)
{
    Symbol *symbol = own_symbol(b, s, name);
    if (!symbol) {
        symbol = define(b, s, name, LOAD_MISSING);
        alias(b, s, symbol, LOAD_MISSING);
    }
    symbol->stored = true;
}

static void load(Binder *b, Symbols *s, const Str *name)
{
    const Owner *owner;
    if (!find_symbol(b, s, name, &owner))
        define(b, s, name, LOAD_VARIABLE);
}

/* ---- What a block's own statements read and assign. ---- */

static void collect_body(Binder *b, Symbols *s, const Body *body)
{
    for (size_t i = 0; i < body->n; i++)
        collect(b, s, body->items[i]);
}

/* Joins branches, of which one is taken, into s. */
static void join(Binder *b, Symbols *s, Symbols *const *branches, size_t n)
{
    Symbols *before = copy(b, s);
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < branches[k]->n; i++) {
            const Symbol *from = &branches[k]->items[i];
            Symbol *to = define(b, s, from->name, from->load);
            bool stored = to->stored || from->stored;
            *to = *from;
            to->stored = stored;
        }
    }
    for (size_t i = 0; i < s->n; i++) {
        const Symbol *old = own_symbol(b, before, s->items[i].name);
        if (s->items[i].stored && !(old && old->stored))
            alias(b, s, &s->items[i], LOAD_VARIABLE);
    }
}

static void collect_if(Binder *b, Symbols *s, const Node *node)
{
    collect(b, s, node->items[0]);
    Symbols *branches[3] = {copy(b, s), copy(b, s), copy(b, s)};
    collect_body(b, branches[0], &node->bodies[0]);
    for (size_t i = 1; i < node->n; i++) {
        if (!node->items[i]) {
            collect_body(b, branches[2], &node->bodies[i]);
            continue;
        }
        collect(b, branches[1], node->items[i]);
        Symbols *branch = copy(b, branches[1]);
        collect_body(b, branch, &node->bodies[i]);
        join(b, branches[1], &branch, 1);
    }
    join(b, s, branches, 3);
}

static void collect_call(Binder *b, Symbols *s, const Call *call)
{
    for (size_t i = 0; i < call->n; i++)
        collect(b, s, call->args[i]);
    for (size_t i = 0; i < call->n_named; i++)
        collect(b, s, call->named[i]);
    collect(b, s, call->star);
    collect(b, s, call->stars);
}

static void collect(Binder *b, Symbols *s, const Node *node)
{
    if (!node)
        return;
    vm_enter(b->vm);
    switch ((NodeKind)node->kind) {
    case N_NAME:
        if (node->store)
            store(b, s, node->name);
        else
            load(b, s, node->name);
        break;
    case N_MEMBER:
        load(b, s, node->name);
        break;
    case N_IF:
        collect_if(b, s, node);
        break;
    case N_FOR: /* the rest is a block of its own, and so below */
        collect(b, s, node->b);
        break;
    case N_SET:
        collect(b, s, node->b);
        collect(b, s, node->a);
        break;
    case N_SET_BLOCK:
    case N_CALL_BLOCK:
    case N_FILTER_BLOCK:
        collect(b, s, node->a);
        break;
    case N_WITH:
        for (size_t i = 0; i < node->n; i++)
            collect(b, s, node->items[node->n + i]);
        break;
    case N_MACRO:
        store(b, s, node->name);
        break;
    case N_GENERATION:
    case N_CONSTANT:
    case N_DATA:
        break;
    default:
        if (node->kind == N_CALL || node->kind == N_FILTER || node->kind == N_TEST)
            collect_call(b, s, node->call);
        collect(b, s, node->a);
        collect(b, s, node->b);
        collect(b, s, node->c);
        collect(b, s, node->d);
        for (size_t i = 0; i < node->n; i++)
            collect(b, s, node->items[i]);
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

static bool reads(Binder *b, const Body *body, const char *name)
{
    Search q = {.vm = b->vm, .name = name};
    search_body(&q, body);
    return q.found;
}

/* ---- Binding. ---- */

static Ref ref_to(const Symbols *s, const Owner *owner, uint32_t slot)
{
    Ref ref = {.slot = slot};
    for (const Owner *f = s->frame->function; f != owner; f = f->outer)
        ref.hops++;
    return ref;
}

static Ref ref_of(Binder *b, const Symbols *s, const Str *name)
{
    const Owner *owner = NULL;
    const Symbol *symbol = find_symbol(b, s, name, &owner);
    if (!symbol)
        vm_fail(b->vm, "the name '%s' cannot be read here", str_c(b->vm, name));
    return ref_to(s, owner, symbol->slot);
}

static uint32_t variable_of(Binder *b, const Str *name)
{
    Jinja *t = b->template;
    vm_step(b->vm, 1 + t->n_variables / 8);
    for (size_t i = 0; i < t->n_variables; i++)
        if (t->variables[i] == name)
            return (uint32_t)i;
    if (t->n_variables == t->variables_room) {
        size_t room = t->variables_room * 2 + 8;
        const Str **variables = vm_new(b->vm, const Str *, room);
        if (t->n_variables > 0)
            memcpy(variables, t->variables, t->n_variables * sizeof *variables);
        t->variables = variables;
        t->variables_room = room;
    }
    t->variables[t->n_variables] = name;
    return (uint32_t)t->n_variables++;
}

static Scope scope_of(Binder *b, const Symbols *s)
{
    Scope scope = {.loads = vm_new(b->vm, Load, s->n)};
    for (size_t i = 0; i < s->n; i++) {
        const Symbol *symbol = &s->items[i];
        Load *to = &scope.loads[scope.n];
        if (symbol->load == LOAD_PARAMETER)
            continue;
        *to = (Load){.kind = symbol->load, .slot = symbol->slot};
        if (symbol->load == LOAD_VARIABLE)
            to->variable = variable_of(b, symbol->name);
        if (symbol->load == LOAD_ALIAS)
            to->from = ref_to(s, symbol->from, symbol->from_slot);
        scope.n++;
    }
    return scope;
}

static void bind_body(Binder *b, Symbols *s, Body *body, bool soft)
{
    for (size_t i = 0; i < body->n; i++)
        bind(b, s, body->items[i], soft);
}

static void declare_target(Binder *b, Symbols *s, const Node *target)
{
    if (target->kind == N_NAME)
        declare(b, s, target->name);
    for (size_t i = 0; target->kind == N_TUPLE && i < target->n; i++)
        declare_target(b, s, target->items[i]);
}

static Node *clone_target(Binder *b, const Node *target)
{
    Node *node = vm_new(b->vm, Node, 1);
    *node = *target;
    if (target->n > 0)
        node->items = vm_new(b->vm, Node *, target->n);
    for (size_t i = 0; i < target->n; i++)
        node->items[i] = clone_target(b, target->items[i]);
    return node;
}

static void bind_for(Binder *b, Symbols *s, Node *node, bool soft)
{
    bind(b, s, node->b, soft);
    b->loops++;
    Symbols *loop = inner(b, s);
    node->extended = reads(b, &node->body, "loop");
    if (node->extended) {
        declare(b, loop, b->template->names.loop);
        node->ref = ref_of(b, loop, b->template->names.loop);
    }
    declare_target(b, loop, node->a);
    collect_body(b, loop, &node->body);
    if (node->c) {
        Symbols *test = inner(b, s);
        node->test_target = clone_target(b, node->a);
        declare_target(b, test, node->test_target);
        collect(b, test, node->c);
        bind(b, test, node->test_target, false);
        bind(b, test, node->c, false);
        node->test_scope = scope_of(b, test);
    }
    bind(b, loop, node->a, false);
    bind_body(b, loop, &node->body, false);
    node->scope = scope_of(b, loop);
    if (node->other.n > 0) {
        Symbols *other = inner(b, s);
        collect_body(b, other, &node->other);
        bind_body(b, other, &node->other, false);
        node->other_scope = scope_of(b, other);
    }
    b->loops--;
}

/* caller, kwargs or varargs, where the body reads it and it is no parameter. */
static bool bind_special(Binder *b, Symbols *s, const MacroSpec *macro, const Str *name, const char *text, Ref *ref,
                         bool *explicit)
{
    size_t at = 0;
    while (at < macro->n_params && macro->params[at]->name != name)
        at++;
    *explicit = at < macro->n_params;
    if (!reads(b, &macro->body, text))
        return false;
    if (*explicit) {
        if (strcmp(text, "caller") == 0 && at < macro->n_params - macro->n_defaults)
            vm_fail(b->vm, "the parameter caller of a macro must have a default");
        return false;
    }
    declare(b, s, name);
    *ref = ref_of(b, s, name);
    return true;
}

static void bind_macro(Binder *b, Symbols *s, MacroSpec *macro)
{
    bool explicit;
    Owner *function = vm_new(b->vm, Owner, 1);
    function->outer = s->frame->function;
    Symbols *own = symbols_new(b, s, function);
    macro->param_refs = vm_new(b->vm, Ref, macro->n_params);
    for (size_t i = 0; i < macro->n_params; i++) {
        declare(b, own, macro->params[i]->name);
        macro->param_refs[i] = ref_of(b, own, macro->params[i]->name);
    }
    const Names *names = &b->template->names;
    macro->uses_kwargs = bind_special(b, own, macro, names->kwargs, "kwargs", &macro->kwargs, &explicit);
    macro->uses_varargs = bind_special(b, own, macro, names->varargs, "varargs", &macro->varargs, &explicit);
    macro->uses_caller = bind_special(b, own, macro, names->caller, "caller", &macro->caller, &explicit);
    for (size_t i = 0; i < macro->n_defaults; i++)
        collect(b, own, macro->defaults[i]);
    collect_body(b, own, &macro->body);
    for (size_t i = 0; i < macro->n_defaults; i++)
        bind(b, own, macro->defaults[i], false);
    bind_body(b, own, &macro->body, false);
    macro->scope = scope_of(b, own);
    macro->n_slots = function->n_slots;
}

static void bind_call(Binder *b, Symbols *s, const Call *call, bool soft)
{
    for (size_t i = 0; i < call->n; i++)
        bind(b, s, call->args[i], soft);
    for (size_t i = 0; i < call->n_named; i++)
        bind(b, s, call->named[i], soft);
    bind(b, s, call->star, soft);
    bind(b, s, call->stars, soft);
}

/* A filter or test that is not there is an error at once, but within an if only once it is to run. */
static void check_built_in(Binder *b, const Node *node, bool soft)
{
    bool filter = node->kind == N_FILTER;
    if (filter && node->filter && !node->filter->run && !node->filter->run_any)
        vm_fail(b->vm, "the filter '%s' is not among those that Hone has", node->filter->name);
    if (!filter && node->test && !node->test->run)
        vm_fail(b->vm, "the test '%s' is not among those that Hone has", node->test->name);
    if (!soft && !(filter ? (const void *)node->filter : (const void *)node->test))
        vm_fail(b->vm, "there is no %s named '%.64s'", filter ? "filter" : "test", str_c(b->vm, node->name));
}

/* A block whose variables are its own, in the same function. */
static void bind_inner(Binder *b, Symbols *s, Node *node)
{
    Symbols *own = inner(b, s);
    if (node->kind == N_WITH)
        for (size_t i = 0; i < node->n; i++)
            declare_target(b, own, node->items[i]);
    collect_body(b, own, &node->body);
    if (node->kind == N_FILTER_BLOCK) {
        collect(b, own, node->a);
        bind(b, own, node->a, false);
    } else if (node->kind == N_SET_BLOCK) {
        collect(b, own, node->b);
        bind(b, own, node->b, false);
        bind(b, s, node->a, false);
    } else {
        for (size_t i = 0; i < node->n; i++) {
            bind(b, own, node->items[i], false);
            bind(b, s, node->items[node->n + i], false);
        }
    }
    bind_body(b, own, &node->body, false);
    node->scope = scope_of(b, own);
}

static void bind_name(Binder *b, Symbols *s, Node *node)
{
    if (node->store && node->kind == N_NAME && b->loops > 0 && str_is(node->name, "loop"))
        vm_fail(b->vm, "loop cannot be assigned to within a loop");
    node->ref = ref_of(b, s, node->name);
}

static void bind_children(Binder *b, Symbols *s, Node *node, bool soft)
{
    if (node->kind == N_CALL || node->kind == N_FILTER || node->kind == N_TEST)
        bind_call(b, s, node->call, soft);
    bind(b, s, node->a, soft);
    bind(b, s, node->b, soft);
    bind(b, s, node->c, soft);
    bind(b, s, node->d, soft);
    for (size_t i = 0; i < node->n; i++)
        bind(b, s, node->items[i], soft);
}

static void bind(Binder *b, Symbols *s, Node *node, bool soft)
{
    if (!node)
        return;
    vm_enter(b->vm);
    b->vm->line = node->line;
    switch ((NodeKind)node->kind) {
    case N_NAME:
    case N_MEMBER:
        bind_name(b, s, node);
        break;
    case N_IF:
        for (size_t i = 0; i < node->n; i++) {
            bind(b, s, node->items[i], true);
            bind_body(b, s, &node->bodies[i], true);
        }
        break;
    case N_FOR:
        bind_for(b, s, node, soft);
        break;
    case N_WITH:
    case N_SET_BLOCK:
    case N_FILTER_BLOCK:
        bind_inner(b, s, node);
        break;
    case N_MACRO:
        node->ref = ref_of(b, s, node->name);
        bind_macro(b, s, node->macro);
        break;
    case N_CALL_BLOCK:
        bind(b, s, node->a, soft);
        bind_macro(b, s, node->macro);
        break;
    case N_GENERATION:
        bind_macro(b, s, node->macro);
        break;
    case N_FILTER:
    case N_TEST:
        check_built_in(b, node, soft);
        bind_children(b, s, node, soft);
        break;
    case N_CONDITION:
        bind_children(b, s, node, true);
        break;
    default:
        bind_children(b, s, node, soft);
    }
    vm_leave(b->vm);
}

void jinja_bind(Jinja *template)
{
    Binder b = {.vm = &template->vm, .template = template};
    Owner *root = vm_new(b.vm, Owner, 1);
    Symbols *s = symbols_new(&b, NULL, root);
    collect_body(&b, s, &template->body);
    bind_body(&b, s, &template->body, false);
    template->scope = scope_of(&b, s);
    template->n_slots = root->n_slots;
}

/* SPDX-License-Identifier: Apache-2.0
 * scope.c: binds names to slots, block by block, as Jinja's compiler does.
 *
 * A block sees the variables of those around it. A name that it assigns is its own from the block's start on, and holds
 * there what the name holds outside. A name that is assigned nowhere around is one of those given from outside. What an
 * if assigns belongs to the block around the if; where not every branch assigns it, it holds the outer value at first.
 */
#include "scope.h"
#include "filters.h"

#include <string.h>

static void bind(Binder *b, Symbols *s, Node *node, bool soft);

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
    const Symbol *symbol = symbols_find(b, s, name, &owner);
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
        symbols_declare(b, s, target->name);
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
    Symbols *loop = symbols_inner(b, s);
    node->extended = scope_reads(b, &node->body, "loop");
    if (node->extended) {
        symbols_declare(b, loop, b->template->names.loop);
        node->ref = ref_of(b, loop, b->template->names.loop);
    }
    declare_target(b, loop, node->a);
    scope_collect_body(b, loop, &node->body);
    if (node->c) {
        Symbols *test = symbols_inner(b, s);
        node->test_target = clone_target(b, node->a);
        declare_target(b, test, node->test_target);
        scope_collect(b, test, node->c);
        bind(b, test, node->test_target, false);
        bind(b, test, node->c, false);
        node->test_scope = scope_of(b, test);
    }
    bind(b, loop, node->a, false);
    bind_body(b, loop, &node->body, false);
    node->scope = scope_of(b, loop);
    if (node->other.n > 0) {
        Symbols *other = symbols_inner(b, s);
        scope_collect_body(b, other, &node->other);
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
    if (!scope_reads(b, &macro->body, text))
        return false;
    if (*explicit) {
        if (strcmp(text, "caller") == 0 && at < macro->n_params - macro->n_defaults)
            vm_fail(b->vm, "the parameter caller of a macro must have a default");
        return false;
    }
    symbols_declare(b, s, name);
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
        symbols_declare(b, own, macro->params[i]->name);
        macro->param_refs[i] = ref_of(b, own, macro->params[i]->name);
    }
    const Names *names = &b->template->names;
    macro->uses_kwargs = bind_special(b, own, macro, names->kwargs, "kwargs", &macro->kwargs, &explicit);
    macro->uses_varargs = bind_special(b, own, macro, names->varargs, "varargs", &macro->varargs, &explicit);
    macro->uses_caller = bind_special(b, own, macro, names->caller, "caller", &macro->caller, &explicit);
    for (size_t i = 0; i < macro->n_defaults; i++)
        scope_collect(b, own, macro->defaults[i]);
    scope_collect_body(b, own, &macro->body);
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
    Symbols *own = symbols_inner(b, s);
    if (node->kind == N_WITH)
        for (size_t i = 0; i < node->n; i++)
            declare_target(b, own, node->items[i]);
    scope_collect_body(b, own, &node->body);
    if (node->kind == N_FILTER_BLOCK) {
        scope_collect(b, own, node->a);
        bind(b, own, node->a, false);
    } else if (node->kind == N_SET_BLOCK) {
        scope_collect(b, own, node->b);
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
    scope_collect_body(&b, s, &template->body);
    bind_body(&b, s, &template->body, false);
    template->scope = scope_of(&b, s);
    template->n_slots = root->n_slots;
}

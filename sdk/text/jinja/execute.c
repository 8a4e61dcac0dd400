/* SPDX-License-Identifier: Apache-2.0
 * execute.c: runs statements.
 */
#include "run.h"

static Flow run_node(Vm *vm, const Node *node);

/* ---- Variables. ---- */

Activation *activation_new(Vm *vm, uint32_t n_slots, Activation *outer)
{
    Activation *activation = vm_alloc(vm, sizeof(Activation) + n_slots * sizeof(Value));
    activation->outer = outer;
    return activation;
}

Value *run_slot(Vm *vm, Ref ref)
{
    Activation *activation = vm->activation;
    for (uint32_t i = 0; i < ref.hops; i++)
        activation = activation->outer;
    return &activation->slots[ref.slot];
}

void run_scope(Vm *vm, const Scope *scope)
{
    vm_step(vm, scope->n / 8);
    for (size_t i = 0; i < scope->n; i++) {
        const Load *load = &scope->loads[i];
        Value *to = &vm->activation->slots[load->slot];
        if (load->kind == LOAD_VARIABLE)
            *to = vm->variables[load->variable];
        else if (load->kind == LOAD_ALIAS)
            *to = *run_slot(vm, load->from);
        else
            *to = MISSING_VALUE;
    }
}

static void assign_member(Vm *vm, const Node *target, Value v)
{
    const Value *space = run_slot(vm, target->ref);
    if (space->kind != NAMESPACE)
        vm_fail(vm, "'%s' is no namespace: only a namespace's members can be assigned to", str_c(vm, target->name));
    if (target->value.s->length > 0 && target->value.s->bytes[0] == '_')
        vm_fail(vm, "a namespace's member may not begin with an underscore");
    dict_set(vm, space->dict, target->value, v);
}

/* Every namespace among the targets is checked before anything is evaluated. */
static void check_members(Vm *vm, const Node *target)
{
    if (target->kind == N_MEMBER && run_slot(vm, target->ref)->kind != NAMESPACE)
        vm_fail(vm, "'%s' is no namespace: only a namespace's members can be assigned to", str_c(vm, target->name));
    for (size_t i = 0; target->kind == N_TUPLE && i < target->n; i++)
        check_members(vm, target->items[i]);
}

void run_assign(Vm *vm, const Node *target, Value v)
{
    if (target->kind == N_NAME) {
        *run_slot(vm, target->ref) = v;
        return;
    }
    if (target->kind == N_MEMBER) {
        assign_member(vm, target, v);
        return;
    }
    const List *items = value_to_list(vm, v);
    if (items->n != target->n)
        vm_fail(vm, "%zu values cannot be assigned to %zu names", items->n, target->n);
    for (size_t i = 0; i < target->n; i++)
        run_assign(vm, target->items[i], items->items[i]);
}

/* ---- Statements. ---- */

static void write_value(Vm *vm, Value v)
{
    buffer_value(vm, vm->output, v);
    if (vm->output->used > vm->output_limit)
        vm_fail(vm, "the template writes more than a conversation of this size can need");
}

static Flow run_if(Vm *vm, const Node *node)
{
    for (size_t i = 0; i < node->n; i++)
        if (!node->items[i] || value_true(vm, evaluate(vm, node->items[i])))
            return run_body(vm, &node->bodies[i]);
    return FLOW_NEXT;
}

static Flow run_for(Vm *vm, const Node *node)
{
    Loop *loop = loop_new(vm, evaluate(vm, node->b), node->c ? node : NULL);
    Value item;
    /* As in Jinja, the else branch is taken unless a round of the loop came to its end. */
    bool completed = false;
    while (loop_next(vm, loop, &item)) {
        run_assign(vm, node->a, item);
        run_scope(vm, &node->scope);
        if (node->extended)
            *run_slot(vm, node->ref) = (Value){.kind = LOOP, .loop = loop};
        Flow flow = run_body(vm, &node->body);
        if (flow == FLOW_BREAK)
            break;
        completed = completed || flow == FLOW_NEXT;
    }
    if (completed || node->other.n == 0)
        return FLOW_NEXT;
    run_scope(vm, &node->other_scope);
    return run_body(vm, &node->other);
}

/* Runs a body whose text is caught. What the body does not finish (it breaks out of a loop) is lost. */
static Flow catch_body(Vm *vm, const Node *node, Value *text)
{
    Buffer *output = vm->output;
    run_scope(vm, &node->scope);
    vm->output = buffer_new(vm, 64);
    Flow flow = run_body(vm, &node->body);
    *text = value_str(buffer_finish(vm, vm->output));
    vm->output = output;
    return flow;
}

static Flow run_set_block(Vm *vm, const Node *node)
{
    Value text;
    Flow flow = catch_body(vm, node, &text);
    if (flow == FLOW_NEXT)
        run_assign(vm, node->a, node->b ? evaluate_filters(vm, node->b, text) : text);
    return flow;
}

static Flow run_filter_block(Vm *vm, const Node *node)
{
    Value text;
    Flow flow = catch_body(vm, node, &text);
    if (flow == FLOW_NEXT)
        write_value(vm, evaluate_filters(vm, node->a, text));
    return flow;
}

static Flow run_with(Vm *vm, const Node *node)
{
    run_scope(vm, &node->scope);
    for (size_t i = 0; i < node->n; i++)
        run_assign(vm, node->items[i], evaluate(vm, node->items[node->n + i]));
    return run_body(vm, &node->body);
}

static Value make_macro(Vm *vm, const MacroSpec *spec)
{
    Macro *macro = vm_new(vm, Macro, 1);
    *macro = (Macro){spec, vm->activation};
    return (Value){.kind = MACRO, .macro = macro};
}

static void run_call_block(Vm *vm, const Node *node)
{
    Value caller = make_macro(vm, node->macro);
    write_value(vm, call_node(vm, node->a, caller.macro));
}

static void run_generation(Vm *vm, const Node *node)
{
    Activation *activation = vm->activation;
    size_t from = vm->output->used;
    vm->activation = activation_new(vm, node->macro->n_slots, activation);
    run_scope(vm, &node->macro->scope);
    if (node->macro->uses_caller)
        *run_slot(vm, node->macro->caller) = value_hint(vm, "no caller is defined in a generation block");
    run_body(vm, &node->macro->body);
    vm->activation = activation;
    buffer_mark(vm, vm->output, from, JINJA_GENERATED);
}

static Flow run_node(Vm *vm, const Node *node)
{
    vm->line = node->line;
    vm_step(vm, 1);
    switch ((NodeKind)node->kind) {
    case N_DATA:
        write_value(vm, node->value);
        return FLOW_NEXT;
    case N_PRINT:
        for (size_t i = 0; i < node->n; i++)
            write_value(vm, evaluate(vm, node->items[i]));
        return FLOW_NEXT;
    case N_IF:
        return run_if(vm, node);
    case N_FOR:
        return run_for(vm, node);
    case N_BREAK:
        return FLOW_BREAK;
    case N_CONTINUE:
        return FLOW_CONTINUE;
    case N_SET:
        check_members(vm, node->a);
        run_assign(vm, node->a, evaluate(vm, node->b));
        return FLOW_NEXT;
    case N_SET_BLOCK:
        return run_set_block(vm, node);
    case N_WITH:
        return run_with(vm, node);
    case N_MACRO:
        *run_slot(vm, node->ref) = make_macro(vm, node->macro);
        return FLOW_NEXT;
    case N_CALL_BLOCK:
        run_call_block(vm, node);
        return FLOW_NEXT;
    case N_GENERATION:
        run_generation(vm, node);
        return FLOW_NEXT;
    case N_FILTER_BLOCK:
        return run_filter_block(vm, node);
    default:
        g_assert_not_reached();
    }
}

Flow run_body(Vm *vm, const Body *body)
{
    Flow flow = FLOW_NEXT;
    vm_enter(vm);
    for (size_t i = 0; i < body->n && flow == FLOW_NEXT; i++)
        flow = run_node(vm, body->items[i]);
    vm_leave(vm);
    return flow;
}

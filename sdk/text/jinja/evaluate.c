/* SPDX-License-Identifier: Apache-2.0
 * evaluate.c: computes expressions.
 */
#include "run.h"

static Value evaluate_name(Vm *vm, const Node *node)
{
    const Value *v = run_slot(vm, node->ref);
    return v->kind == MISSING ? value_undefined(vm, node->name, NULL) : *v;
}

static Value evaluate_list(Vm *vm, const Node *node)
{
    List *list = list_new(vm, node->n);
    for (size_t i = 0; i < node->n; i++)
        list_add(vm, list, evaluate(vm, node->items[i]));
    return node->kind == N_LIST ? value_list(list) : value_tuple(list);
}

static Value evaluate_dict(Vm *vm, const Node *node)
{
    Dict *dict = dict_new(vm, node->n / 2);
    for (size_t i = 0; i < node->n; i += 2) {
        Value key = evaluate(vm, node->items[i]);
        dict_set(vm, dict, key, evaluate(vm, node->items[i + 1]));
    }
    return value_dict(dict);
}

static Value evaluate_compare(Vm *vm, const Node *node)
{
    Value left = evaluate(vm, node->a);
    for (size_t i = 0; i < node->n; i++) {
        Value right = evaluate(vm, node->items[i]);
        if (!compare(vm, node->ops[i], left, right))
            return value_bool(false);
        left = right;
    }
    return value_bool(true);
}

static Value evaluate_concat(Vm *vm, const Node *node)
{
    const Str *s = str_empty(vm);
    for (size_t i = 0; i < node->n; i++)
        s = str_concat(vm, s, value_text(vm, evaluate(vm, node->items[i])));
    return value_str(s);
}

static Value evaluate_unary(Vm *vm, const Node *node)
{
    Value v = evaluate(vm, node->a);
    value_check(vm, v);
    if (!value_is_number(v))
        vm_fail(vm, "'%c' works on numbers, not on %s", node->op == OP_SUB ? '-' : '+', value_type(v));
    if (v.kind == FLOAT)
        return value_float(node->op == OP_SUB ? -v.f : v.f);
    return node->op == OP_SUB ? operate(vm, OP_SUB, value_int(0), v) : value_int(value_as_int(v));
}

static Value evaluate_condition(Vm *vm, const Node *node)
{
    if (value_true(vm, evaluate(vm, node->a)))
        return evaluate(vm, node->b);
    return node->c ? evaluate(vm, node->c) : value_hint(vm, "an inline if without else was false");
}

static Value evaluate_slice(Vm *vm, const Node *node)
{
    Value of = evaluate(vm, node->a);
    Value from = node->b ? evaluate(vm, node->b) : NONE_VALUE;
    Value to = node->c ? evaluate(vm, node->c) : NONE_VALUE;
    Value step = node->d ? evaluate(vm, node->d) : NONE_VALUE;
    return slice_value(vm, of, from, to, step);
}

static Value run_filter(Vm *vm, const Node *node, Value self)
{
    Args args;
    if (!node->filter)
        vm_fail(vm, "there is no filter named '%.64s'", str_c(vm, node->name));
    call_arguments(vm, node->call, NULL, &args);
    vm->line = node->line;
    return filter_run(vm, node->filter, self, &args);
}

Value evaluate_filters(Vm *vm, const Node *node, Value written)
{
    if (node->a)
        written = evaluate_filters(vm, node->a, written);
    return run_filter(vm, node, written);
}

static Value evaluate_test(Vm *vm, const Node *node)
{
    Args args;
    if (!node->test)
        vm_fail(vm, "there is no test named '%.64s'", str_c(vm, node->name));
    Value self = evaluate(vm, node->a);
    call_arguments(vm, node->call, NULL, &args);
    vm->line = node->line;
    return test_run(vm, node->test, self, &args);
}

static Value evaluate_node(Vm *vm, const Node *node)
{
    Value v;
    switch ((NodeKind)node->kind) {
    case N_CONSTANT:
        return node->value;
    case N_NAME:
        return evaluate_name(vm, node);
    case N_ATTRIBUTE:
        return get_attribute(vm, evaluate(vm, node->a), node->name);
    case N_ITEM:
        v = evaluate(vm, node->a);
        return get_item(vm, v, evaluate(vm, node->b));
    case N_SLICE:
        return evaluate_slice(vm, node);
    case N_CALL:
        return call_node(vm, node, NULL);
    case N_FILTER:
        return run_filter(vm, node, evaluate(vm, node->a));
    case N_TEST:
        return evaluate_test(vm, node);
    case N_LIST:
    case N_TUPLE:
        return evaluate_list(vm, node);
    case N_DICT:
        return evaluate_dict(vm, node);
    case N_AND:
        v = evaluate(vm, node->a);
        return value_true(vm, v) ? evaluate(vm, node->b) : v;
    case N_OR:
        v = evaluate(vm, node->a);
        return value_true(vm, v) ? v : evaluate(vm, node->b);
    case N_NOT:
        return value_bool(!value_true(vm, evaluate(vm, node->a)));
    case N_COMPARE:
        return evaluate_compare(vm, node);
    case N_BINARY:
        v = evaluate(vm, node->a);
        return operate(vm, node->op, v, evaluate(vm, node->b));
    case N_UNARY:
        return evaluate_unary(vm, node);
    case N_CONCAT:
        return evaluate_concat(vm, node);
    case N_CONDITION:
        return evaluate_condition(vm, node);
    default:
        g_assert_not_reached();
    }
}

Value evaluate(Vm *vm, const Node *node)
{
    vm_step(vm, 1);
    vm_enter(vm);
    vm->line = node->line;
    Value v = evaluate_node(vm, node);
    vm_leave(vm);
    return v;
}

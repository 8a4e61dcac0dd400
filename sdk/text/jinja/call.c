/* SPDX-License-Identifier: Apache-2.0
 * call.c: calls of macros, methods and functions.
 */
#include "run.h"

#include <string.h>

/* ---- Arguments. ---- */

static size_t add_dict(Vm *vm, Value v, const Str **names, Value *values, size_t n)
{
    if (v.kind != DICT)
        vm_fail(vm, "what follows ** in a call must be a dict, not %s", value_type(v));
    for (size_t i = 0; i < v.dict->n; i++) {
        if (v.dict->entries[i].key.kind != STRING)
            vm_fail(vm, "the keys of what follows ** in a call must be texts");
        names[n] = v.dict->entries[i].key.s;
        vm_step(vm, 1 + n / 8);
        for (size_t k = 0; k < n; k++)
            if (str_equal(names[k], names[n]))
                vm_fail(vm, "the argument '%.64s' is given twice", str_c(vm, names[n]));
        values[n++] = v.dict->entries[i].value;
    }
    return n;
}

void call_arguments(Vm *vm, const Call *call, const Macro *caller, Args *args)
{
    *args = (Args){0};
    if (call->n == 0 && call->n_named == 0 && !call->star && !call->stars && !caller)
        return;
    List *values = list_new(vm, call->n);
    for (size_t i = 0; i < call->n; i++)
        list_add(vm, values, evaluate(vm, call->args[i]));
    if (call->star) {
        const List *more = value_to_list(vm, evaluate(vm, call->star));
        for (size_t i = 0; i < more->n; i++)
            list_add(vm, values, more->items[i]);
    }
    Value more = call->stars ? evaluate(vm, call->stars) : NONE_VALUE;
    size_t room = call->n_named + 1 + (more.kind == DICT ? more.dict->n : 0), n = 0;
    const Str **names = vm_new(vm, const Str *, room);
    Value *named = vm_new(vm, Value, room);
    for (; n < call->n_named; n++) {
        names[n] = call->names[n];
        named[n] = evaluate(vm, call->named[n]);
    }
    if (caller) {
        names[n] = vm->template->names.caller;
        named[n++] = (Value){.kind = MACRO, .macro = caller};
    }
    if (call->stars)
        n = add_dict(vm, more, names, named, n);
    *args = (Args){values->items, values->n, names, named, n};
}

void args_bind(Vm *vm, const char *what, const char *params, const Args *args, Value *values)
{
    size_t given = 0, at = 0, taken = 0;
    bool by_name = *params != '/';
    for (const char *p = params + !by_name; *p; at++) {
        size_t length = strcspn(p, "? ");
        bool optional = p[length] == '?';
        values[at] = MISSING_VALUE;
        if (given < args->n) {
            values[at] = args->values[given++];
        } else {
            for (size_t i = 0; by_name && i < args->n_named; i++) {
                if (args->names[i]->length == length && memcmp(args->names[i]->bytes, p, length) == 0) {
                    values[at] = args->named[i];
                    taken++;
                }
            }
        }
        if (values[at].kind == MISSING && !optional)
            vm_fail(vm, "%s wants the argument '%.*s'", what, (int)length, p);
        p += length + optional;
        p += *p == ' ';
    }
    for (; at < MOST_PARAMS; at++)
        values[at] = MISSING_VALUE;
    if (given < args->n)
        vm_fail(vm, "%s is given too many arguments", what);
    if (taken < args->n_named)
        vm_fail(vm, "%s does not take one of the named arguments (%.64s ...) in this place", what,
                str_c(vm, args->names[0]));
}

Value filter_run(Vm *vm, const FilterRow *row, Value self, const Args *args)
{
    Value values[MOST_PARAMS];
    if (row->run_any)
        return row->run_any(vm, self, args);
    args_bind(vm, row->name, row->params, args, values);
    return row->run(vm, self, values);
}

Value test_run(Vm *vm, const TestRow *row, Value self, const Args *args)
{
    Value values[MOST_PARAMS];
    args_bind(vm, row->name, row->params, args, values);
    return row->run(vm, self, values);
}

Value method_run(Vm *vm, const Method *method, const Args *args)
{
    Value values[MOST_PARAMS];
    const MethodRow *row = method->row;
    if (row->run_any)
        return row->run_any(vm, method->self, args);
    if (!row->run)
        vm_fail(vm, "the method '%s' of a %s is not among those that Hone has", row->name, value_type(method->self));
    args_bind(vm, row->name, row->params, args, values);
    return row->run(vm, method->self, values);
}

int64_t arg_int(Vm *vm, Value v, int64_t fallback, const char *what)
{
    return v.kind == MISSING ? fallback : value_index(vm, v, what);
}

bool arg_true(Vm *vm, Value v, bool fallback)
{
    return v.kind == MISSING ? fallback : value_true(vm, v);
}

const Str *arg_str(Vm *vm, Value v, const char *what)
{
    value_check(vm, v);
    if (v.kind != STRING)
        vm_fail(vm, "%s must be a text, not %s", what, value_type(v));
    return v.s;
}

const Str *arg_text(Vm *vm, Value v)
{
    return value_text(vm, v);
}

/* ---- Macros. ---- */

/* Takes a named argument out of those left; MISSING where it is not there. */
static Value take_named(const Args *args, bool *taken, const Str *name)
{
    for (size_t i = 0; i < args->n_named; i++) {
        if (!taken[i] && str_equal(args->names[i], name)) {
            taken[i] = true;
            return args->named[i];
        }
    }
    return MISSING_VALUE;
}

static void set_special(Vm *vm, const MacroSpec *spec, const Args *args, bool *taken)
{
    const char *name = spec->name ? str_c(vm, spec->name) : "caller";
    if (spec->uses_caller) {
        Value caller = take_named(args, taken, vm->template->names.caller);
        if (caller.kind == MISSING || caller.kind == NONE)
            caller = value_hint(vm, "there is no caller: the macro is not called by a call block");
        *run_slot(vm, spec->caller) = caller;
    }
    Dict *left = dict_new(vm, 0);
    for (size_t i = 0; i < args->n_named; i++)
        if (!taken[i])
            dict_set(vm, left, value_str(args->names[i]), args->named[i]);
    if (spec->uses_kwargs)
        *run_slot(vm, spec->kwargs) = value_dict(left);
    else if (left->n > 0)
        vm_fail(vm, "the macro '%.64s' takes no argument '%.64s', or has it already", name,
                str_c(vm, left->entries[0].key.s));
    List *more = list_new(vm, 0);
    for (size_t i = spec->n_params; i < args->n; i++)
        list_add(vm, more, args->values[i]);
    if (spec->uses_varargs)
        *run_slot(vm, spec->varargs) = value_tuple(more);
    else if (more->n > 0)
        vm_fail(vm, "the macro '%.64s' takes not more than %zu arguments", name, spec->n_params);
}

static void set_parameters(Vm *vm, const MacroSpec *spec, const Args *args)
{
    bool *taken = vm_new(vm, bool, args->n_named);
    vm_step(vm, spec->n_params * (args->n_named + 1) / 8);
    for (size_t i = 0; i < spec->n_params; i++)
        *run_slot(vm, spec->param_refs[i]) =
            i < args->n ? args->values[i] : take_named(args, taken, spec->params[i]->name);
    set_special(vm, spec, args, taken);
    for (size_t i = 0; i < spec->n_params; i++) {
        Value *v = run_slot(vm, spec->param_refs[i]);
        if (v->kind != MISSING)
            continue;
        if (i + spec->n_defaults < spec->n_params)
            *v = value_hint(vm, "a parameter of a macro was not given");
        else
            *v = evaluate(vm, spec->defaults[i + spec->n_defaults - spec->n_params]);
    }
}

static Value call_macro(Vm *vm, const Macro *macro, const Args *args)
{
    const MacroSpec *spec = macro->spec;
    Activation *activation = vm->activation;
    Buffer *output = vm->output;
    int line = vm->line;
    vm_enter(vm);
    vm->activation = activation_new(vm, spec->n_slots, macro->outer);
    run_scope(vm, &spec->scope);
    set_parameters(vm, spec, args);
    vm->output = buffer_new(vm, 64);
    run_body(vm, &spec->body);
    const Str *text = buffer_finish(vm, vm->output);
    vm->output = output;
    vm->activation = activation;
    vm->line = line;
    vm_leave(vm);
    return value_str(text);
}

/* ---- Calls. ---- */

Value call_value(Vm *vm, Value callee, const Args *args)
{
    switch (callee.kind) {
    case MACRO:
        return call_macro(vm, callee.macro, args);
    case METHOD:
        return method_run(vm, callee.method, args);
    case FUNCTION:
        if (!callee.function->run)
            vm_fail(vm, "the function '%s' is not among those that Hone has", callee.function->name);
        return callee.function->run(vm, callee, args);
    case UNDEFINED:
        fail_undefined(vm, callee);
    case LOOP:
        vm_fail(vm, "recursive loops are not among what Hone renders; a macro that calls itself does the same");
    default:
        vm_fail(vm, "a %s cannot be called", value_type(callee));
    }
}

Value call_node(Vm *vm, const Node *node, const Macro *caller)
{
    Args args;
    Value callee = evaluate(vm, node->a);
    call_arguments(vm, node->call, caller, &args);
    vm->line = node->line;
    return call_value(vm, callee, &args);
}

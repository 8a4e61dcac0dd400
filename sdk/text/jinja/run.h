/* SPDX-License-Identifier: Apache-2.0
 * run.h: what the parts of the interpreter share.
 */
#ifndef HONE_TEXT_JINJA_RUN_H
#define HONE_TEXT_JINJA_RUN_H

#include "ast.h"
#include "filters.h"

/* A function being run: its variables. */
typedef struct Activation {
    struct Activation *outer; /* of the function that it stands in */
    Value slots[];
} Activation;

struct Macro {
    const MacroSpec *spec;
    Activation *outer;
};

struct Loop {
    Iter *iter;
    Value over;
    Value before, current, after; /* after: MISSING until it was looked for */
    bool looked;                  /* whether `after` was looked for; MISSING then: there is none */
    int64_t index0, length;       /* length: -1 until it is known */
    const Node *condition;        /* the N_FOR whose condition items must meet, or NULL */
    bool entered;                 /* its variables are set */
    const List *changed;          /* arguments of the last call of changed() */
};

typedef enum Flow { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE } Flow;

/* execute.c */
Flow run_body(Vm *vm, const Body *body);
void run_scope(Vm *vm, const Scope *scope); /* sets a block's variables as it is entered */
Value *run_slot(Vm *vm, Ref ref);
void run_assign(Vm *vm, const Node *target, Value v);
Activation *activation_new(Vm *vm, uint32_t n_slots, Activation *outer);

/* evaluate.c */
Value evaluate(Vm *vm, const Node *node);
/* `written`: what a filter block wrote, where the innermost filter has no value of its own. */
Value evaluate_filters(Vm *vm, const Node *node, Value written);

/* call.c */
Value call_node(Vm *vm, const Node *node, const Macro *caller); /* N_CALL; caller: of a call block, or NULL */
Value call_value(Vm *vm, Value callee, const Args *args);
void call_arguments(Vm *vm, const Call *call, const Macro *caller, Args *args);

/* loop.c */
Loop *loop_new(Vm *vm, Value over, const Node *condition);
bool loop_next(Vm *vm, Loop *loop, Value *item);
Value loop_attribute(Vm *vm, Loop *loop, const Str *name); /* MISSING: it has none of this name */

#endif

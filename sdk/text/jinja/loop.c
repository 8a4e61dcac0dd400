/* SPDX-License-Identifier: Apache-2.0
 * loop.c: a for loop's rounds, and the variable `loop`.
 *
 * A loop's condition is asked of an item when the item's turn comes, not before: what the body sets counts.
 */
#include "run.h"

Loop *loop_new(Vm *vm, Value over, const Node *condition)
{
    Loop *loop = vm_new(vm, Loop, 1);
    *loop = (Loop){.over = over, .index0 = -1, .length = -1, .condition = condition};
    loop->iter = iter_new(vm, over);
    return loop;
}

static bool meets(Vm *vm, Loop *loop, Value item)
{
    const Node *node = loop->condition;
    if (!node)
        return true;
    if (!loop->entered)
        run_scope(vm, &node->test_scope);
    loop->entered = true;
    run_assign(vm, node->test_target, item);
    return value_true(vm, evaluate(vm, node->c));
}

static bool fetch(Vm *vm, Loop *loop, Value *item)
{
    while (iter_next(vm, loop->iter, item))
        if (meets(vm, loop, *item))
            return true;
    return false;
}

bool loop_next(Vm *vm, Loop *loop, Value *item)
{
    bool found = true;
    if (loop->looked && loop->after.kind != MISSING)
        *item = loop->after;
    else
        found = fetch(vm, loop, item);
    loop->looked = false;
    loop->after = MISSING_VALUE;
    if (!found)
        return false;
    loop->index0++;
    loop->before = loop->current;
    loop->current = *item;
    return true;
}

/* The next item, MISSING where there is none. */
static Value peek(Vm *vm, Loop *loop)
{
    if (!loop->looked || loop->after.kind == MISSING) {
        Value item;
        loop->after = fetch(vm, loop, &item) ? item : MISSING_VALUE;
        loop->looked = true;
    }
    return loop->after;
}

int64_t loop_length(Vm *vm, Loop *loop)
{
    if (loop->length >= 0)
        return loop->length;
    loop->length = loop->condition ? -1 : value_length(vm, loop->over);
    if (loop->length >= 0)
        return loop->length;
    List *rest = list_new(vm, 0);
    Value item;
    while (fetch(vm, loop, &item))
        list_add(vm, rest, item);
    loop->condition = NULL; /* these have met it */
    loop->iter = iter_new(vm, value_list(rest));
    loop->length = (int64_t)rest->n + loop->index0 + 1 + (loop->after.kind != MISSING);
    return loop->length;
}

Value loop_attribute(Vm *vm, Loop *loop, const Str *name)
{
    if (str_is(name, "index"))
        return value_int(loop->index0 + 1);
    if (str_is(name, "index0"))
        return value_int(loop->index0);
    if (str_is(name, "first"))
        return value_bool(loop->index0 == 0);
    if (str_is(name, "last"))
        return value_bool(peek(vm, loop).kind == MISSING);
    if (str_is(name, "length"))
        return value_int(loop_length(vm, loop));
    if (str_is(name, "revindex"))
        return value_int(loop_length(vm, loop) - loop->index0);
    if (str_is(name, "revindex0"))
        return value_int(loop_length(vm, loop) - loop->index0 - 1);
    if (str_is(name, "depth"))
        return value_int(1);
    if (str_is(name, "depth0"))
        return value_int(0);
    if (str_is(name, "previtem"))
        return loop->index0 == 0 ? value_hint(vm, "there is no previous item") : loop->before;
    if (str_is(name, "nextitem")) {
        Value next = peek(vm, loop);
        return next.kind == MISSING ? value_hint(vm, "there is no next item") : next;
    }
    return MISSING_VALUE;
}

/* SPDX-License-Identifier: Apache-2.0
 * functions.c: the functions that a template may call by name.
 */
#include "filters.h"

#include <locale.h>
#include <string.h>

#define MAX_RANGE 100000 /* as in Jinja's sandbox */

static Value do_range(Vm *vm, Value self, const Args *args)
{
    if (args->n < 1 || args->n > 3 || args->n_named > 0)
        vm_fail(vm, "range wants one to three integers");
    int64_t numbers[3] = {0};
    for (size_t i = 0; i < args->n; i++)
        numbers[i] = value_index(vm, args->values[i], "what range is given");
    Range *range = vm_new(vm, Range, 1);
    *range = (Range){.stop = numbers[0], .step = 1};
    if (args->n > 1)
        *range = (Range){.start = numbers[0], .stop = numbers[1], .step = args->n > 2 ? numbers[2] : 1};
    if (range->step == 0)
        vm_fail(vm, "range goes in steps of 0");
    bool up = range->step > 0;
    if (up ? range->stop > range->start : range->stop < range->start) {
        uint64_t span =
            up ? (uint64_t)range->stop - (uint64_t)range->start : (uint64_t)range->start - (uint64_t)range->stop;
        uint64_t n = (span - 1) / (up ? (uint64_t)range->step : 0 - (uint64_t)range->step) + 1;
        if (n > MAX_RANGE)
            vm_fail(vm, "range is too long: more than %d numbers", MAX_RANGE);
        range->n = (int64_t)n;
    }
    return (Value){.kind = RANGE, .range = range};
}

/* dict(mapping or pairs, name=value, ...) */
static Dict *make_dict(Vm *vm, const Args *args)
{
    Dict *dict = dict_new(vm, args->n_named);
    if (args->n > 1)
        vm_fail(vm, "a dict or namespace is made of one dict or list of pairs, and named values");
    if (args->n == 1 && args->values[0].kind == DICT) {
        const Dict *from = args->values[0].dict;
        for (size_t i = 0; i < from->n; i++)
            dict_set(vm, dict, from->entries[i].key, from->entries[i].value);
    } else if (args->n == 1) {
        const List *pairs = value_to_list(vm, args->values[0]);
        for (size_t i = 0; i < pairs->n; i++) {
            const List *pair = value_to_list(vm, pairs->items[i]);
            if (pair->n != 2)
                vm_fail(vm, "a dict is made of pairs, not of %zu values", pair->n);
            dict_set(vm, dict, pair->items[0], pair->items[1]);
        }
    }
    for (size_t i = 0; i < args->n_named; i++)
        dict_set(vm, dict, value_str(args->names[i]), args->named[i]);
    return dict;
}

static Value do_dict(Vm *vm, Value self, const Args *args)
{
    return value_dict(make_dict(vm, args));
}

static Value do_namespace(Vm *vm, Value self, const Args *args)
{
    Dict *dict = make_dict(vm, args);
    for (size_t i = 0; i < dict->n; i++) {
        Value name = dict->entries[i].key;
        if (name.kind == STRING && name.s->length > 0 && name.s->bytes[0] == '_')
            vm_fail(vm, "a namespace's member may not begin with an underscore");
    }
    return (Value){.kind = NAMESPACE, .dict = dict};
}

static Value do_raise(Vm *vm, Value self, const Args *args)
{
    Value values[MOST_PARAMS];
    args_bind(vm, "raise_exception", "message", args, values);
    const Str *text = value_text(vm, values[0]);
    vm_fail(vm, "the template refuses the conversation: %.500s", str_c(vm, text));
}

static Value do_strftime(Vm *vm, Value self, const Args *args)
{
    Value values[MOST_PARAMS];
    args_bind(vm, "strftime_now", "format", args, values);
    const Str *format = arg_str(vm, values[0], "the format of a date");
    if (format->length > 200)
        vm_fail(vm, "the format of a date is too long");
    /* strftime gives 0 for an empty text as for one that is too long: the space keeps them apart. */
    const char *padded = str_c(vm, str_concat(vm, format, str_literal(vm, " ")));
    size_t room = 8192;
    char *text = vm_alloc(vm, room);
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!plain)
        vm_fail(vm, "out of memory");
    size_t n = strftime_l(text, room, padded, vm->now, plain);
    freelocale(plain);
    if (n == 0 || !g_utf8_validate(text, (gssize)n, NULL))
        vm_fail(vm, "the date cannot be written in the format that is asked for");
    return value_str(str_new(vm, text, n - 1, JINJA_TEMPLATE));
}

static const Function functions[] = {
    {"range", do_range},
    {"dict", do_dict},
    {"namespace", do_namespace},
    {"raise_exception", do_raise},
    {"strftime_now", do_strftime},
    {"lipsum", NULL},
    {"cycler", NULL},
    {"joiner", NULL},
    {"self", NULL},
};

const Function *function_find(const Str *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(functions); i++)
        if (str_is(name, functions[i].name))
            return &functions[i];
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0
 * filters.h: what is built in: filters, tests, methods, functions, and how they are given their arguments.
 */
#ifndef HONE_TEXT_JINJA_FILTERS_H
#define HONE_TEXT_JINJA_FILTERS_H

#include "value.h"

#define MOST_PARAMS 6

/* What a call gives. */
typedef struct Args {
    const Value *values;
    size_t n;
    const Str *const *names;
    const Value *named;
    size_t n_named;
} Args;

/* `args` are in the order of the row's parameters, MISSING where not given; `self` is what the filter is applied to. */
typedef Value (*Native)(Vm *vm, Value self, const Value *args);
/* For what takes any arguments. */
typedef Value (*NativeAny)(Vm *vm, Value self, const Args *args);

/* `params`: "old new count?" names them in order; "?" behind those that may be missing; a leading "/" where none can be
 * given by name. */
typedef struct FilterRow {
    const char *name;
    Native run; /* both NULL: Jinja has it, Hone does not */
    NativeAny run_any;
    const char *params;
} FilterRow;

typedef struct TestRow {
    const char *name;
    Native run;
    const char *params;
} TestRow;

typedef struct MethodRow {
    const char *name;
    Native run; /* both NULL: changes what it is called on, or is not known here: calling it fails */
    NativeAny run_any;
    const char *params;
} MethodRow;

struct Function {
    const char *name;
    NativeAny run; /* NULL: Jinja has it, Hone does not */
};

const FilterRow *filter_find(const Str *name); /* NULL: there is none of this name */
const TestRow *test_find(const Str *name);
const MethodRow *method_find(Kind kind, const Str *name);
const Function *function_find(const Str *name);

/* Sorts a call's arguments into `values` [MOST_PARAMS]; fails naming `what`. */
void args_bind(Vm *vm, const char *what, const char *params, const Args *args, Value *values);
Value filter_run(Vm *vm, const FilterRow *row, Value self, const Args *args);
Value test_run(Vm *vm, const TestRow *row, Value self, const Args *args);
Value method_run(Vm *vm, const Method *method, const Args *args);

/* Arguments of a type; the fallback where they are missing. */
int64_t arg_int(Vm *vm, Value v, int64_t fallback, const char *what);
bool arg_true(Vm *vm, Value v, bool fallback);
const Str *arg_str(Vm *vm, Value v, const char *what); /* fails where it is no string */
const Str *arg_text(Vm *vm, Value v);                  /* str() of it */

/* The filters and tests, by file. */
extern const FilterRow filters_text[], filters_list[]; /* each ends in a row without name */

/* What several files use. */
Value str_strip(Vm *vm, Value self, const Value *args);
Value str_replace(Vm *vm, Value self, const Value *args);
const Str *str_case(Vm *vm, const Str *s, int how); /* CASE_ ... below */
enum { CASE_LOWER, CASE_UPPER, CASE_CAPITAL, CASE_TITLE };
bool str_has_case(const Str *s, bool upper); /* islower, isupper */
size_t split_lines(Vm *vm, const Str *s, bool keep, List *lines);
Value get_attribute(Vm *vm, Value of, const Str *name); /* of.name */
Value get_item(Vm *vm, Value of, Value index);          /* of[index] */
Value slice_value(Vm *vm, Value of, Value from, Value to, Value step);
bool value_contains(Vm *vm, Value in, Value what);
Value operate(Vm *vm, int op, Value a, Value b); /* OP_ADD ... OP_POW */
bool compare(Vm *vm, int op, Value a, Value b);  /* OP_EQ ... OP_NOT_IN */
const Str *percent_format(Vm *vm, const Str *format, Value values);
const Str *brace_format(Vm *vm, const Str *format, const Args *args);
void buffer_json(Vm *vm, Buffer *out, const Args *args, Value v); /* tojson */
bool parse_float(const char *text, double *f);                    /* as Python's float() */
bool parse_int(const char *text, int64_t base, int64_t *i);       /* false: no integer, or beyond 64 bits */
List *sort_values(Vm *vm, const List *keys, const List *values, bool reverse); /* stable */

#endif

/* SPDX-License-Identifier: Apache-2.0
 * value.h: what a template computes with, and the memory that it lives in.
 *
 * All values of a rendering live in its arena and are freed together. None of them ever changes but namespaces and
 * iterators, as the sandbox has it. An error leaves by longjmp: no function here owns anything that would leak.
 */
#ifndef HONE_TEXT_JINJA_VALUE_H
#define HONE_TEXT_JINJA_VALUE_H

#include "jinja.h"
#include <json-glib/json-glib.h>
#include <setjmp.h>

typedef JinjaVm Vm;

typedef enum Kind {
    MISSING, /* no value at all: an argument not given, a variable not set */
    UNDEFINED,
    NONE,
    BOOL,
    INT,
    FLOAT,
    STRING,
    LIST,
    TUPLE,
    DICT,
    RANGE,
    VIEW,     /* of a dict: its keys, values or items */
    ITERATOR, /* what map, select and their like give: read once */
    NAMESPACE,
    LOOP,
    MACRO,
    FUNCTION, /* range, namespace, ... */
    METHOD,   /* of a string, list, dict, ... bound to it */
} Kind;

typedef struct Str Str;
typedef struct List List;
typedef struct Dict Dict;
typedef struct Range Range;
typedef struct View View;
typedef struct Iter Iter;
typedef struct Loop Loop;
typedef struct Macro Macro;
typedef struct Method Method;
typedef struct Undefined Undefined;
typedef struct Function Function;

typedef struct Value {
    Kind kind;
    union {
        bool b;
        int64_t i;
        double f;
        const Str *s;
        const List *list; /* LIST, TUPLE */
        Dict *dict;       /* DICT; NAMESPACE, the only one that changes */
        const Range *range;
        const View *view;
        Iter *iter;
        Loop *loop;
        const Macro *macro;
        const Function *function;
        const Method *method;
        const Undefined *undefined;
    };
} Value;

/* ---- Memory and errors (memory.c). ---- */

typedef struct Chunk Chunk;
typedef struct Buffer Buffer;

struct JinjaVm {
    Chunk *chunks;
    char *top, *end; /* the room left in the newest chunk */
    size_t memory_left;
    uint64_t steps_left;
    unsigned depth, depth_limit;
    size_t output_limit;
    int line; /* of the template, now being run or parsed */
    char *message;
    jmp_buf out;

    /* Rendering only (run.c). */
    const Jinja *template;
    struct Activation *activation;
    Buffer *output;
    Value *variables; /* one for each name that the template reads from outside */
    const struct tm *now;
};

void vm_init(Vm *vm, const JinjaLimits *limits);
void vm_clear(Vm *vm);
/* Zeroed, aligned for any type. */
void *vm_alloc(Vm *vm, size_t size);
#define vm_new(vm, Type, n) ((Type *)vm_array(vm, sizeof(Type), n))
void *vm_array(Vm *vm, size_t size, size_t n);
G_NORETURN void vm_fail(Vm *vm, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Fails once the rendering has done too much. */
void vm_step(Vm *vm, size_t n);
void vm_enter(Vm *vm); /* one level deeper */
static inline void vm_leave(Vm *vm)
{
    vm->depth--;
}

/* ---- Text (text.c). ---- */

typedef struct Runs {
    JinjaRun *items;
    size_t n, room;
} Runs;

/* Bytes being written, with their owners. Once it has been made a string, it still takes more at its end as long as
 * there is room: what was appended to is then a prefix of it, so s = s ~ more costs only what is added. */
struct Buffer {
    char *bytes;
    size_t used, room;
    uint32_t owner; /* of all bytes while there are no runs */
    Runs *runs;     /* NULL: one owner */
    bool shared;    /* a string points to the bytes: they may not move */
};

struct Str {
    const char *bytes; /* UTF-8, may be part of a longer text: no NUL at the end */
    size_t length;
    size_t chars;         /* see str_chars */
    uint64_t hash;        /* see str_hash */
    const Buffer *buffer; /* that the bytes lie in: knows their owners where there are several; or NULL */
    uint32_t owner;
};

const Str *str_new(Vm *vm, const char *bytes, size_t length, uint32_t owner); /* keeps the pointer */
const Str *str_literal(Vm *vm, const char *text);                             /* the template's; keeps the pointer */
const Str *str_copy(Vm *vm, const char *bytes, size_t length, uint32_t owner);
const Str *str_part(Vm *vm, const Str *s, size_t from, size_t to); /* by bytes */
const Str *str_empty(Vm *vm);
bool str_equal(const Str *a, const Str *b);
bool str_is(const Str *s, const char *text);
int str_compare(const Str *a, const Str *b);
uint32_t str_owner(const Str *s, size_t at); /* of the byte */
size_t str_chars(const Str *s);              /* code points; counted once */
uint64_t str_hash(const Str *s);
/* Byte offset of a character, counted from 0; `length` for those past the end. */
size_t str_offset(const Str *s, size_t character);
/* First place of `what` at byte `from` or later that ends by `to`; SIZE_MAX: none. */
size_t str_find(const Str *s, const Str *what, size_t from, size_t to);
size_t str_rfind(Vm *vm, const Str *s, const Str *what, size_t from, size_t to);
const char *str_c(Vm *vm, const Str *s); /* NUL-terminated copy, for messages and numbers */

Buffer *buffer_new(Vm *vm, size_t room);
void buffer_bytes(Vm *vm, Buffer *out, const char *bytes, size_t length, uint32_t owner);
void buffer_text(Vm *vm, Buffer *out, const char *text); /* the template's */
void buffer_str(Vm *vm, Buffer *out, const Str *s);
void buffer_part(Vm *vm, Buffer *out, const Str *s, size_t from, size_t to);
void buffer_char(Vm *vm, Buffer *out, gunichar c, uint32_t owner);
void buffer_repeat(Vm *vm, Buffer *out, const Str *s, size_t n);
void buffer_spaces(Vm *vm, Buffer *out, size_t n);
/* Marks what was written from byte `from` on. */
void buffer_mark(Vm *vm, Buffer *out, size_t from, uint32_t flag);
const Str *buffer_finish(Vm *vm, Buffer *out);
const Str *str_concat(Vm *vm, const Str *a, const Str *b);

/* ---- Values (value.c). ---- */

struct Undefined {
    const Str *name; /* of the variable, attribute or item; NULL: see hint */
    const char *of;  /* kind of the object that lacks it; NULL: a variable */
    const char *hint;
};

struct List {
    size_t n, room;
    Value *items;
    bool grouped; /* what groupby gives: item 0 is also .grouper, item 1 .list */
};

typedef struct Entry {
    Value key, value;
    uint64_t hash;
} Entry;

struct Dict {
    size_t n, room;
    Entry *entries;
    uint32_t *table; /* open addressing over entries, numbers from 1; NULL while small */
    size_t places;
};

struct Range {
    int64_t start, stop, step, n;
};

struct View {
    Dict *dict;
    enum { KEYS, VALUES, ITEMS } what;
};

struct Method {
    Value self;
    const struct MethodRow *row;
};

#define MISSING_VALUE ((Value){.kind = MISSING})
#define NONE_VALUE ((Value){.kind = NONE})
static inline Value value_bool(bool b)
{
    return (Value){.kind = BOOL, .b = b};
}
static inline Value value_int(int64_t i)
{
    return (Value){.kind = INT, .i = i};
}
static inline Value value_float(double f)
{
    return (Value){.kind = FLOAT, .f = f};
}
static inline Value value_str(const Str *s)
{
    return (Value){.kind = STRING, .s = s};
}
static inline Value value_list(const List *list)
{
    return (Value){.kind = LIST, .list = list};
}
static inline Value value_tuple(const List *list)
{
    return (Value){.kind = TUPLE, .list = list};
}
static inline Value value_dict(Dict *dict)
{
    return (Value){.kind = DICT, .dict = dict};
}
Value value_undefined(Vm *vm, const Str *name, const char *of);
Value value_hint(Vm *vm, const char *hint); /* undefined, for the reason given */
Value value_pair(Vm *vm, Value a, Value b); /* a tuple */
/* JSON's value; the texts in it get the owner, an object's names too. */
Value value_from_json(Vm *vm, JsonNode *node, uint32_t owner);
Value value_from_array(Vm *vm, JsonArray *array, uint32_t owner);
const char *value_type(Value v); /* Python's name for it */
G_NORETURN void fail_undefined(Vm *vm, Value v);
/* Fails where v is undefined. */
static inline void value_check(Vm *vm, Value v)
{
    if (v.kind == UNDEFINED)
        fail_undefined(vm, v);
}

List *list_new(Vm *vm, size_t room);
void list_add(Vm *vm, List *list, Value v);
Dict *dict_new(Vm *vm, size_t room);
void dict_set(Vm *vm, Dict *dict, Value key, Value v);
const Value *dict_get(Vm *vm, const Dict *dict, Value key);  /* NULL: not there */
void dict_put(Vm *vm, Dict *dict, const char *key, Value v); /* a key of the template's; keeps the pointer */
const Value *dict_find(Vm *vm, const Dict *dict, const char *key);

bool value_true(Vm *vm, Value v);
bool value_equal(Vm *vm, Value a, Value b);
bool value_same(Value a, Value b);                                 /* Python's `is` */
int value_compare(Vm *vm, Value a, Value b, const char *operator); /* fails where they have no order */
bool value_less(Vm *vm, Value a, Value b, const char *operator);
uint64_t value_hash(Vm *vm, Value v); /* fails for lists and dicts */
bool value_is_number(Value v);        /* BOOL too */
double value_as_float(Value v);
int64_t value_as_int(Value v);                          /* of BOOL and INT */
int64_t value_index(Vm *vm, Value v, const char *what); /* BOOL or INT, else fails naming what */

/* Iteration. */
struct Iter {
    Value over;
    size_t at; /* item; byte of a string */
    bool reversed;
};
Iter *iter_new(Vm *vm, Value over); /* fails where it cannot be iterated */
bool iter_next(Vm *vm, Iter *iter, Value *v);
bool value_iterable(Value v);
/* len(); -1: it has none. */
int64_t value_length(Vm *vm, Value v);
int64_t loop_length(Vm *vm, Loop *loop);        /* loop.c */
Value value_iterator(Vm *vm, const List *list); /* a generator that gives these */
const List *value_to_list(Vm *vm, Value v);

/* ---- Text of values (repr.c). ---- */

const Str *value_text(Vm *vm, Value v); /* str() */
void buffer_value(Vm *vm, Buffer *out, Value v);
void buffer_repr(Vm *vm, Buffer *out, Value v);
char *float_repr(double f, char text[40]);

/* ---- The variables (run.c). ---- */

/* Gives the variable its value, where the template reads it. */
void jinja_set(Vm *vm, const char *name, Value v);
#endif

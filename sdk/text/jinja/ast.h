/* SPDX-License-Identifier: Apache-2.0
 * ast.h: a template's tree, and the scopes that its names live in.
 *
 * Names are bound when the template is parsed (scope.c), as Jinja's compiler binds them: a block (the body of a loop, a
 * macro, a set or filter block) has variables of its own, filled when it is entered; an if has none. Each variable is a
 * slot of the function that it stands in (the template itself, or a macro, a call block, a generation block).
 */
#ifndef HONE_TEXT_JINJA_AST_H
#define HONE_TEXT_JINJA_AST_H

#include "value.h"

typedef enum NodeKind {
    /* Expressions. */
    N_CONSTANT,
    N_NAME,
    N_ATTRIBUTE, /* a.name */
    N_ITEM,      /* a[b] */
    N_SLICE,     /* a[b:c:d] */
    N_CALL,      /* a(call) */
    N_FILTER,    /* a|name(call); a NULL: what the block wrote */
    N_TEST,      /* a is name(call) */
    N_LIST,
    N_TUPLE,
    N_DICT, /* items: key, value, key, value */
    N_AND,
    N_OR,
    N_NOT,
    N_COMPARE, /* items: operands; ops */
    N_BINARY,
    N_UNARY,
    N_CONCAT,
    N_CONDITION, /* b if a else c; c NULL: undefined */
    N_MEMBER,    /* a namespace's, to be assigned: name.attribute */
    /* Statements. */
    N_DATA,
    N_PRINT,
    N_IF,  /* items: conditions (NULL: else); bodies */
    N_FOR, /* a: target, b: over, c: condition; body, other */
    N_BREAK,
    N_CONTINUE,
    N_SET,       /* a: target, b: value */
    N_SET_BLOCK, /* a: target, b: filters or NULL; body */
    N_WITH,      /* items: targets, then as many values; body */
    N_MACRO,
    N_CALL_BLOCK,   /* a: the call; macro */
    N_GENERATION,   /* macro */
    N_FILTER_BLOCK, /* a: filters; body */
} NodeKind;

typedef enum Operator {
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_FLOORDIV,
    OP_MOD,
    OP_POW,
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_IN,
    OP_NOT_IN,
} Operator;

typedef struct Node Node;

typedef struct Body {
    Node **items;
    size_t n;
} Body;

/* Where a variable is: so many functions out, this slot. */
typedef struct Ref {
    uint32_t hops, slot;
} Ref;

typedef enum LoadKind { LOAD_PARAMETER, LOAD_VARIABLE, LOAD_ALIAS, LOAD_MISSING } LoadKind;

/* What a slot holds when its block is entered. */
typedef struct Load {
    LoadKind kind;
    uint32_t slot;
    uint32_t variable; /* LOAD_VARIABLE: number of a variable given from outside */
    Ref from;          /* LOAD_ALIAS */
} Load;

typedef struct Scope {
    Load *loads;
    size_t n;
} Scope;

/* Arguments of a call. */
typedef struct Call {
    Node **args;
    size_t n;
    const Str **names;
    Node **named;
    size_t n_named;
    Node *star, *stars; /* *args, **kwargs */
} Call;

typedef struct MacroSpec {
    const Str *name; /* NULL: a call block's */
    Node **params;   /* N_NAME */
    size_t n_params;
    Node **defaults; /* of the last n_defaults parameters */
    size_t n_defaults;
    Body body;
    /* scope.c */
    Scope scope;
    uint32_t n_slots;
    Ref *param_refs;
    bool uses_caller, uses_kwargs, uses_varargs;
    Ref caller, kwargs, varargs;
} MacroSpec;

struct Node {
    uint8_t kind, op;
    bool store; /* N_NAME: assigned to */
    int line;
    Node *a, *b, *c, *d; /* what is not there is NULL */
    Node **items;
    size_t n;
    const Str *name;
    union {
        Value value;      /* N_CONSTANT, N_DATA */
        uint8_t *ops;     /* N_COMPARE */
        const Call *call; /* N_CALL, N_FILTER, N_TEST */
        Body *bodies;     /* N_IF */
        MacroSpec *macro; /* N_MACRO, N_CALL_BLOCK, N_GENERATION */
        struct {          /* N_FOR, N_SET_BLOCK, N_WITH, N_FILTER_BLOCK */
            Body body, other;
        };
    };
    /* scope.c */
    Ref ref;                              /* N_NAME, N_MEMBER, N_MACRO */
    Scope scope, test_scope, other_scope; /* of body, condition, other */
    Node *test_target;                    /* N_FOR with a condition: the target as the condition sees it */
    bool extended;                        /* N_FOR: uses `loop`, which is in `ref` */
    const struct FilterRow *filter;
    const struct TestRow *test;
};

/* The names that mean something by themselves, interned as all names are: equal names have one pointer. */
typedef struct Names {
    const Str *loop, *caller, *kwargs, *varargs;
} Names;

struct Jinja {
    Vm vm; /* the memory of all of this */
    char *place;
    Body body;
    Scope scope;
    uint32_t n_slots;
    const Str **variables; /* names read from outside */
    size_t n_variables, variables_room;
    Names names;
    bool generates;
};

/* statement.c: the whole template, by the tokens of lex.c. */
void jinja_parse_template(Jinja *template, const char *source, size_t length);
/* scope.c */
void jinja_bind(Jinja *template);

#endif

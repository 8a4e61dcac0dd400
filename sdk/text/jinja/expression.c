/* SPDX-License-Identifier: Apache-2.0
 * expression.c: parses expressions. One function for each level of precedence, loosest first.
 */
#include "parse.h"

#include "filters.h"

#include <string.h>

static Node *parse_or(Parser *p);
static Node *parse_unary(Parser *p, bool filters);
static Node *parse_primary(Parser *p, bool members);

static Node *binary(Parser *p, NodeKind kind, Node *a, Node *b)
{
    Node *node = node_new(p, kind);
    node->a = a;
    node->b = b;
    return node;
}

/* ---- Operators. ---- */

Node *parse_expression(Parser *p)
{
    vm_enter(p->vm);
    Node *value = parse_or(p);
    while (parse_skip_name(p, "if")) {
        Node *node = node_new(p, N_CONDITION);
        node->b = value;
        node->a = parse_or(p);
        node->c = parse_skip_name(p, "else") ? parse_expression(p) : NULL;
        value = node;
    }
    vm_leave(p->vm);
    return value;
}

Node *parse_without_condition(Parser *p)
{
    return parse_or(p);
}

static Node *parse_not(Parser *p)
{
    if (!token_is(p->token, "not"))
        return NULL;
    vm_enter(p->vm);
    Node *node = node_new(p, N_NOT);
    parse_next(p);
    node->a = parse_not(p);
    vm_leave(p->vm);
    return node;
}

static bool is_math(const Parser *p, TokenKind first, TokenKind last)
{
    return p->token->kind >= first && p->token->kind <= last;
}

static Node *parse_power(Parser *p)
{
    Node *left = parse_unary(p, true);
    while (parse_skip(p, T_POW)) {
        left = binary(p, N_BINARY, left, parse_unary(p, true));
        left->op = OP_POW;
    }
    return left;
}

static Node *parse_product(Parser *p)
{
    static const Operator ops[] = {[T_DIV] = OP_DIV, [T_FLOORDIV] = OP_FLOORDIV, [T_MUL] = OP_MUL, [T_MOD] = OP_MOD};
    Node *left = parse_power(p);
    while (is_math(p, T_DIV, T_MOD)) {
        Operator op = ops[p->token->kind];
        parse_next(p);
        left = binary(p, N_BINARY, left, parse_power(p));
        left->op = op;
    }
    return left;
}

static Node *parse_concat(Parser *p)
{
    Node *first = parse_product(p);
    if (p->token->kind != T_TILDE)
        return first;
    Node *node = node_new(p, N_CONCAT);
    Nodes parts = {0};
    nodes_add(p, &parts, first);
    while (parse_skip(p, T_TILDE))
        nodes_add(p, &parts, parse_product(p));
    node->items = parts.items;
    node->n = parts.n;
    return node;
}

static Node *parse_sum(Parser *p)
{
    Node *left = parse_concat(p);
    while (is_math(p, T_ADD, T_SUB)) {
        Operator op = p->token->kind == T_ADD ? OP_ADD : OP_SUB;
        parse_next(p);
        left = binary(p, N_BINARY, left, parse_concat(p));
        left->op = op;
    }
    return left;
}

/* The comparison at the current token, which is read then; -1: there is none. */
static int take_comparison(Parser *p)
{
    static const Operator ops[] = {
        [T_EQ] = OP_EQ, [T_NE] = OP_NE, [T_GT] = OP_GT, [T_GE] = OP_GE, [T_LT] = OP_LT, [T_LE] = OP_LE};
    int op = -1;
    if (p->token->kind >= T_EQ && p->token->kind <= T_LE) {
        op = (int)ops[p->token->kind];
        parse_next(p);
    } else if (parse_skip_name(p, "in")) {
        op = OP_IN;
    } else if (token_is(p->token, "not") && token_is(p->token + 1, "in")) {
        parse_next(p);
        parse_next(p);
        op = OP_NOT_IN;
    }
    return op;
}

static Node *parse_compare(Parser *p)
{
    Node *first = parse_sum(p), *node = NULL;
    Nodes operands = {0};
    uint8_t *ops = NULL;
    size_t room = 0;
    for (int op; (op = take_comparison(p)) >= 0;) {
        if (!node) {
            node = node_new(p, N_COMPARE);
            node->a = first;
        }
        if (operands.n == room) {
            uint8_t *more = vm_alloc(p->vm, room * 2 + 4);
            if (room > 0)
                memcpy(more, ops, room);
            ops = more;
            room = room * 2 + 4;
        }
        ops[operands.n] = (uint8_t)op;
        nodes_add(p, &operands, parse_sum(p));
    }
    if (!node)
        return first;
    node->items = operands.items;
    node->n = operands.n;
    node->ops = ops;
    return node;
}

static Node *parse_negation(Parser *p)
{
    /* not not a: a chain, whose innermost operand is a comparison. */
    Node *node = parse_not(p), *inner = node;
    if (!node)
        return parse_compare(p);
    while (inner->a)
        inner = inner->a;
    inner->a = parse_compare(p);
    return node;
}

static Node *parse_and(Parser *p)
{
    Node *left = parse_negation(p);
    while (parse_skip_name(p, "and"))
        left = binary(p, N_AND, left, parse_negation(p));
    return left;
}

static Node *parse_or(Parser *p)
{
    Node *left = parse_and(p);
    while (parse_skip_name(p, "or"))
        left = binary(p, N_OR, left, parse_and(p));
    return left;
}

/* ---- Arguments, filters, tests. ---- */

static void check_argument(Parser *p, bool right)
{
    if (!right)
        vm_fail(p->vm, "the arguments of a call are out of order: first values, then name=value, then *list, **dict");
}

static void add_named(Parser *p, Call *call, Nodes *named, const Str *name, Node *value)
{
    for (size_t i = 0; i < named->n; i++)
        if (call->names[i] == name)
            vm_fail(p->vm, "the argument '%s' is given twice", str_c(p->vm, name));
    const Str **names = vm_new(p->vm, const Str *, named->n + 1);
    if (named->n > 0)
        memcpy(names, call->names, named->n * sizeof *names);
    names[named->n] = name;
    call->names = names;
    nodes_add(p, named, value);
}

static const Call *parse_arguments(Parser *p)
{
    Call *call = vm_new(p->vm, Call, 1);
    Nodes args = {0}, named = {0};
    bool first = true;
    parse_expect(p, T_LPAREN, "(");
    while (p->token->kind != T_RPAREN) {
        if (!first)
            parse_expect(p, T_COMMA, ",");
        first = false;
        if (p->token->kind == T_RPAREN)
            break;
        if (parse_skip(p, T_MUL)) {
            check_argument(p, !call->star && !call->stars);
            call->star = parse_expression(p);
        } else if (parse_skip(p, T_POW)) {
            check_argument(p, !call->stars);
            call->stars = parse_expression(p);
        } else if (p->token->kind == T_NAME && p->token[1].kind == T_ASSIGN) {
            check_argument(p, !call->stars);
            const Str *name = p->token->value.s;
            parse_next(p);
            parse_next(p);
            add_named(p, call, &named, name, parse_expression(p));
        } else {
            check_argument(p, !call->star && !call->stars && named.n == 0);
            nodes_add(p, &args, parse_expression(p));
        }
    }
    parse_expect(p, T_RPAREN, ")");
    call->args = args.items;
    call->n = args.n;
    call->named = named.items;
    call->n_named = named.n;
    return call;
}

/* A filter's or test's name, which may have dots. */
static const Str *parse_dotted(Parser *p)
{
    if (p->token->kind != T_NAME)
        parse_unexpected(p, "a name");
    const Str *name = p->token->value.s;
    parse_next(p);
    while (parse_skip(p, T_DOT)) {
        if (p->token->kind != T_NAME)
            parse_unexpected(p, "a name");
        name = str_concat(p->vm, str_concat(p->vm, name, str_literal(p->vm, ".")), p->token->value.s);
        parse_next(p);
    }
    return name;
}

Node *parse_filters(Parser *p, Node *node, bool inline_first)
{
    while (inline_first || parse_skip(p, T_PIPE)) {
        inline_first = false;
        Node *filter = node_new(p, N_FILTER);
        filter->a = node;
        filter->name = parse_dotted(p);
        filter->call = p->token->kind == T_LPAREN ? parse_arguments(p) : vm_new(p->vm, Call, 1);
        filter->filter = filter_find(filter->name);
        node = filter;
    }
    return node;
}

static Node *parse_subscripts(Parser *p, Node *node);

static Node *parse_test(Parser *p, Node *of)
{
    Node *node = node_new(p, N_TEST);
    bool negated = parse_skip_name(p, "not");
    Call *call = vm_new(p->vm, Call, 1);
    node->a = of;
    node->name = parse_dotted(p);
    node->call = call;
    TokenKind kind = p->token->kind;
    bool argument = kind == T_NAME || kind == T_STRING || kind == T_NUMBER || kind == T_LBRACKET || kind == T_LBRACE;
    if (kind == T_LPAREN) {
        node->call = parse_arguments(p);
    } else if (argument && !token_is(p->token, "else") && !token_is(p->token, "or") && !token_is(p->token, "and")) {
        if (token_is(p->token, "is"))
            vm_fail(p->vm, "tests cannot be chained with is");
        Nodes args = {0};
        nodes_add(p, &args, parse_subscripts(p, parse_primary(p, false)));
        call->args = args.items;
        call->n = 1;
    }
    node->test = test_find(node->name);
    if (!negated)
        return node;
    Node *not = node_new(p, N_NOT);
    not ->a = node;
    return not ;
}

/* ---- What follows a value. ---- */

static Node *parse_index(Parser *p)
{
    Node *from = NULL, *to = NULL, *step = NULL;
    if (p->token->kind != T_COLON) {
        from = parse_expression(p);
        if (p->token->kind != T_COLON)
            return from;
    }
    Node *slice = node_new(p, N_SLICE);
    parse_expect(p, T_COLON, ":");
    if (p->token->kind != T_COLON && p->token->kind != T_RBRACKET && p->token->kind != T_COMMA)
        to = parse_expression(p);
    if (parse_skip(p, T_COLON) && p->token->kind != T_RBRACKET && p->token->kind != T_COMMA)
        step = parse_expression(p);
    slice->b = from;
    slice->c = to;
    slice->d = step;
    return slice;
}

static Node *parse_subscript(Parser *p, Node *of)
{
    Node *node = node_new(p, N_ITEM);
    node->a = of;
    if (parse_skip(p, T_DOT)) {
        if (p->token->kind == T_NAME) {
            node->kind = N_ATTRIBUTE;
            node->name = p->token->value.s;
        } else if (p->token->kind == T_NUMBER && p->token->value.kind == INT) {
            node->b = node_new(p, N_CONSTANT);
            node->b->value = p->token->value;
        } else {
            parse_unexpected(p, "a name or number behind the dot");
        }
        parse_next(p);
        return node;
    }
    parse_expect(p, T_LBRACKET, "[");
    Nodes indices = {0};
    while (p->token->kind != T_RBRACKET) {
        if (indices.n > 0)
            parse_expect(p, T_COMMA, ",");
        nodes_add(p, &indices, parse_index(p));
    }
    parse_expect(p, T_RBRACKET, "]");
    if (indices.n == 1 && indices.items[0]->kind == N_SLICE && !indices.items[0]->a) {
        indices.items[0]->a = of;
        return indices.items[0];
    }
    for (size_t i = 0; i < indices.n; i++)
        if (indices.items[i]->kind == N_SLICE && !indices.items[i]->a)
            vm_fail(p->vm, "a slice among several indices is not understood");
    if (indices.n == 1) {
        node->b = indices.items[0];
    } else {
        node->b = node_new(p, N_TUPLE);
        node->b->items = indices.items;
        node->b->n = indices.n;
    }
    return node;
}

static Node *parse_call(Parser *p, Node *of)
{
    Node *node = node_new(p, N_CALL);
    node->a = of;
    node->call = parse_arguments(p);
    return node;
}

static Node *parse_subscripts(Parser *p, Node *node)
{
    for (;;) {
        if (p->token->kind == T_DOT || p->token->kind == T_LBRACKET)
            node = parse_subscript(p, node);
        else if (p->token->kind == T_LPAREN)
            node = parse_call(p, node);
        else
            return node;
    }
}

static Node *parse_unary(Parser *p, bool filters)
{
    vm_enter(p->vm);
    Node *node;
    if (p->token->kind == T_SUB || p->token->kind == T_ADD) {
        node = node_new(p, N_UNARY);
        node->op = p->token->kind == T_SUB ? OP_SUB : OP_ADD;
        parse_next(p);
        node->a = parse_unary(p, false);
    } else {
        node = parse_primary(p, false);
    }
    node = parse_subscripts(p, node);
    while (filters) {
        if (p->token->kind == T_PIPE)
            node = parse_filters(p, node, false);
        else if (parse_skip_name(p, "is"))
            node = parse_test(p, node);
        else if (p->token->kind == T_LPAREN)
            node = parse_call(p, node);
        else
            break;
    }
    vm_leave(p->vm);
    return node;
}

/* ---- Values. ---- */

static Node *parse_list(Parser *p, NodeKind kind, TokenKind close)
{
    Node *node = node_new(p, kind);
    Nodes items = {0};
    bool first = true;
    parse_next(p);
    while (p->token->kind != close) {
        if (!first)
            parse_expect(p, T_COMMA, ",");
        first = false;
        if (p->token->kind == close)
            break;
        nodes_add(p, &items, parse_expression(p));
        if (kind == N_DICT) {
            parse_expect(p, T_COLON, ":");
            nodes_add(p, &items, parse_expression(p));
        }
    }
    parse_next(p);
    node->items = items.items;
    node->n = items.n;
    return node;
}

static Node *parse_word(Parser *p, bool members)
{
    static const struct {
        const char *word;
        Value value;
    } constants[] = {
        {"true", {.kind = BOOL, .b = true}},
        {"True", {.kind = BOOL, .b = true}},
        {"false", {.kind = BOOL, .b = false}},
        {"False", {.kind = BOOL, .b = false}},
        {"none", {.kind = NONE}},
        {"None", {.kind = NONE}},
    };
    Node *node = node_new(p, N_NAME);
    node->name = p->token->value.s;
    parse_next(p);
    for (size_t i = 0; i < G_N_ELEMENTS(constants); i++) {
        if (str_is(node->name, constants[i].word)) {
            node->kind = N_CONSTANT;
            node->value = constants[i].value;
            return node;
        }
    }
    if (members && parse_skip(p, T_DOT)) {
        if (p->token->kind != T_NAME)
            parse_unexpected(p, "the name of a namespace's member");
        node->kind = N_MEMBER;
        node->value = p->token->value;
        parse_next(p);
    }
    return node;
}

static Node *parse_string(Parser *p)
{
    Node *node = node_new(p, N_CONSTANT);
    const Str *s = p->token->value.s;
    for (parse_next(p); p->token->kind == T_STRING; parse_next(p))
        s = str_concat(p->vm, s, p->token->value.s);
    node->value = value_str(s);
    return node;
}

static Node *parse_primary(Parser *p, bool members)
{
    Node *node;
    switch (p->token->kind) {
    case T_NAME:
        return parse_word(p, members);
    case T_STRING:
        return parse_string(p);
    case T_NUMBER:
        node = node_new(p, N_CONSTANT);
        node->value = p->token->value;
        parse_next(p);
        return node;
    case T_LPAREN:
        parse_next(p);
        if (p->token->kind == T_RPAREN)
            node = node_new(p, N_TUPLE);
        else
            node = parse_tuple(p, true, NULL);
        parse_expect(p, T_RPAREN, ")");
        return node;
    case T_LBRACKET:
        return parse_list(p, N_LIST, T_RBRACKET);
    case T_LBRACE:
        return parse_list(p, N_DICT, T_RBRACE);
    default:
        parse_unexpected(p, "a value");
    }
}

/* ---- Tuples and targets. ---- */

typedef Node *(*ParseFunc)(Parser *p);

static Node *parse_member(Parser *p)
{
    return parse_primary(p, true);
}

static Node *parse_simple(Parser *p)
{
    return parse_primary(p, false);
}

static Node *parse_items(Parser *p, ParseFunc parse, const char *end)
{
    Node *tuple = node_new(p, N_TUPLE);
    Nodes items = {0};
    bool commas = false;
    for (;;) {
        TokenKind kind = p->token->kind;
        if (kind == T_PRINT_END || kind == T_BLOCK_END || kind == T_RPAREN || (end && token_is(p->token, end)))
            break;
        nodes_add(p, &items, parse(p));
        if (!parse_skip(p, T_COMMA))
            break;
        commas = true;
    }
    if (!commas && items.n == 0)
        parse_unexpected(p, "an expression");
    if (!commas)
        return items.items[0];
    tuple->items = items.items;
    tuple->n = items.n;
    return tuple;
}

Node *parse_tuple(Parser *p, bool conditions, const char *end)
{
    vm_enter(p->vm);
    Node *node = parse_items(p, conditions ? parse_expression : parse_without_condition, end);
    vm_leave(p->vm);
    return node;
}

static void make_target(Parser *p, Node *node)
{
    if (node->kind == N_TUPLE) {
        vm_enter(p->vm);
        for (size_t i = 0; i < node->n; i++)
            make_target(p, node->items[i]);
        vm_leave(p->vm);
    } else if (node->kind != N_NAME && node->kind != N_MEMBER) {
        p->vm->line = node->line;
        vm_fail(p->vm, "this cannot be assigned to: only names, and members of namespaces, can");
    }
    node->store = true;
}

Node *parse_target(Parser *p, const char *end, bool members)
{
    Node *node = parse_items(p, members ? parse_member : parse_simple, end);
    make_target(p, node);
    return node;
}

Node *parse_name(Parser *p)
{
    if (p->token->kind != T_NAME)
        parse_unexpected(p, "a name");
    Node *node = parse_word(p, false);
    make_target(p, node);
    return node;
}

/* SPDX-License-Identifier: Apache-2.0
 * parse.h: what the parsers of expressions and of statements share.
 */
#ifndef HONE_TEXT_JINJA_PARSE_H
#define HONE_TEXT_JINJA_PARSE_H

#include "ast.h"
#include "lex.h"

typedef struct Parser {
    Vm *vm;
    Jinja *template;
    const Token *token; /* the current one */
    unsigned loops;     /* around it, within its function */
} Parser;

Node *node_new(Parser *p, NodeKind kind);
void parse_next(Parser *p);
bool parse_skip(Parser *p, TokenKind kind); /* true where the current token was of this kind */
bool parse_skip_name(Parser *p, const char *name);
void parse_expect(Parser *p, TokenKind kind, const char *name);
G_NORETURN void parse_unexpected(Parser *p, const char *expected);

/* Nodes being collected. */
typedef struct Nodes {
    Node **items;
    size_t n, room;
} Nodes;
void nodes_add(Parser *p, Nodes *nodes, Node *node);

/* expression.c */
Node *parse_expression(Parser *p);
Node *parse_without_condition(Parser *p);
/* One expression, or several with commas between: a tuple. `end`: a name that ends it too, or NULL. */
Node *parse_tuple(Parser *p, bool conditions, const char *end);
/* What is assigned to: a name, a tuple of them, perhaps with members of namespaces among them. */
Node *parse_target(Parser *p, const char *end, bool members);
Node *parse_name(Parser *p); /* to be assigned to */
Node *parse_filters(Parser *p, Node *node, bool inline_first);

#endif

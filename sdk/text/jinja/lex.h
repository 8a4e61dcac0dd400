/* SPDX-License-Identifier: Apache-2.0
 * lex.h: a template's tokens.
 */
#ifndef HONE_TEXT_JINJA_LEX_H
#define HONE_TEXT_JINJA_LEX_H

#include "value.h"

typedef enum TokenKind {
    T_END,
    T_DATA,
    T_PRINT_BEGIN,
    T_PRINT_END,
    T_BLOCK_BEGIN,
    T_BLOCK_END,
    T_NAME,
    T_STRING,
    T_NUMBER,
    T_ADD,
    T_SUB,
    T_DIV,
    T_FLOORDIV,
    T_MUL,
    T_MOD,
    T_POW,
    T_TILDE,
    T_LBRACKET,
    T_RBRACKET,
    T_LPAREN,
    T_RPAREN,
    T_LBRACE,
    T_RBRACE,
    T_EQ,
    T_NE,
    T_GT,
    T_GE,
    T_LT,
    T_LE,
    T_ASSIGN,
    T_DOT,
    T_COLON,
    T_PIPE,
    T_COMMA,
    T_SEMICOLON,
} TokenKind;

typedef struct Token {
    TokenKind kind;
    int line;
    Value value; /* T_DATA, T_NAME (interned), T_STRING, T_NUMBER */
} Token;

typedef struct Tokens {
    Token *items; /* the last is T_END */
    size_t n;
} Tokens;

/* `names` [n]: interned before all others; *interned [n] gets them. */
Tokens jinja_lex(Vm *vm, const char *source, size_t length, const char *const *names, const Str **interned, size_t n);
/* What a token is called in an error message. */
const char *token_name(Vm *vm, const Token *token);
bool token_is(const Token *token, const char *name); /* this name */

/* Python's white space. */
bool char_is_space(gunichar c);
/* The first byte that is no white space, from `at` on; and the end of what is not, before `to`. */
size_t skip_space(const char *bytes, size_t at, size_t to);
size_t trim_space(const char *bytes, size_t from, size_t to);

#endif
